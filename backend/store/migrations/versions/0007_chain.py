"""One hash chain for all that is proved: it replaces the chain of invoices.

The hashes of the old links become the content that entries of kind `invoice.link` cover, so that nothing that was
changed by hand before is proved by having been written anew, and a head that somebody keeps is still found.

Revision 0007
"""

import json
from hashlib import sha256

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_OLD_LINKS = """
    SELECT c.operator_id, 'invoice.link' AS kind, i.number AS ref, c.hash AS sha256, i.issued_at AS at, c.seq AS seq
    FROM invoice_chain AS c JOIN invoice AS i ON i.id = c.invoice_id ORDER BY c.operator_id, c.seq
"""
_TARIFFS = """
    SELECT operator_id, 'tariff.version', tariff_id || '@' || id, CAST(body AS BLOB), valid_from, NULL
    FROM tariff_version ORDER BY operator_id, valid_from, id
"""
_PDFS = """
    SELECT i.operator_id, 'invoice.pdf', i.number, m.attachment, i.issued_at, NULL
    FROM mail_outbox AS m JOIN invoice AS i ON i.id = m.invoice_id WHERE m.attachment IS NOT NULL ORDER BY i.id
"""


def upgrade() -> None:
    """Make the chain of what is there and drop the old one."""
    op.create_table(
        "chain",
        sa.Column("operator_id", sa.String(20), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("previous", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["operator_id"], ["operator.id"], name=op.f("fk_chain_operator_id")),
        sa.PrimaryKeyConstraint("operator_id", "seq", name=op.f("pk_chain")),
    )
    op.create_index(op.f("ix_chain_operator_id_kind_ref"), "chain", ["operator_id", "kind", "ref"])
    _chain_what_is_there()
    op.drop_table("invoice_chain")
    for verb in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER chain_refuses_{verb.lower()} BEFORE {verb} ON chain "
            "BEGIN SELECT RAISE(ABORT, 'chain is append-only'); END"
        )


def _chain_what_is_there() -> None:
    """Append old links, tariff versions and PDFs: by the formula of now, whatever becomes of the code's.

    What has no time of its own chaining gets that of what it covers. Old links keep their numbers: a gap among them
    stays one.
    """
    connection = op.get_bind()
    heads: dict[str, tuple[int, str]] = {}
    for query in (_OLD_LINKS, _TARIFFS, _PDFS):
        for operator, kind, ref, content, at, old in connection.execute(sa.text(query)).all():
            digest = content if isinstance(content, str) else sha256(content).hexdigest()
            seq, previous = heads.get(operator, (0, ""))
            seq = old or seq + 1
            fields = [operator, seq, kind, ref, digest, at, previous]
            link = sha256(json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()).hexdigest()
            heads[operator] = (seq, link)
            connection.execute(
                sa.text("INSERT INTO chain VALUES (:operator, :seq, :kind, :ref, :sha256, :previous, :hash, :at)"),
                {"operator": operator, "seq": seq, "kind": kind, "ref": ref, "sha256": digest}
                | {"previous": previous, "hash": link, "at": at},
            )


def downgrade() -> None:
    """Refuse: going back would lose the proof of tariffs and files. Restore the backup made before the update."""
    raise NotImplementedError("restore the backup made before the update instead")
