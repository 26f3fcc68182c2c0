"""Signed values: records with where they came from, checks, verdicts, decisions, findings, keys of meters, links.

Revision 0010
"""

from hashlib import sha256

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_APPEND_ONLY = (
    "signed_record",
    "signed_check",
    "signed_verdict",
    "signed_decision",
    "signed_finding",
    "meter_key_event",
)


def upgrade() -> None:
    """Make the tables, move the signed values that are there, and let them be checked."""
    _make_records()
    _make_verdicts()
    _make_keys()
    op.add_column("operator", sa.Column("eichrecht_required", sa.Boolean(), server_default="0", nullable=False))
    op.add_column("charge_point", sa.Column("eichrecht", sa.String(12), server_default="operator", nullable=False))
    op.add_column("rating", sa.Column("meter_start", sa.Integer()))
    op.add_column("rating", sa.Column("meter_stop", sa.Integer()))
    # SQLite adds a column with its reference in one statement only.
    op.execute("ALTER TABLE rating ADD COLUMN verdict_id INTEGER REFERENCES signed_verdict (id)")
    _move()
    for table in _APPEND_ONLY:
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_refuses_{verb.lower()} BEFORE {verb} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )


def _id() -> "sa.Column[int]":
    return sa.Column("id", sa.Integer(), autoincrement=True, nullable=False)


def _reference(table: str, column: str, other: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{other}.id"], name=op.f(f"fk_{table}_{column}"))


def _make_records() -> None:
    op.create_table(
        "signed_record",
        _id(),
        sa.Column("transaction_id", sa.Integer()),
        sa.Column("charge_point_id", sa.String(48), nullable=False),
        sa.Column("evse_id", sa.Integer(), nullable=False),
        sa.Column("message_id", sa.String(36), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("context", sa.String(20), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("public_key", sa.Text(), nullable=False),
        sa.Column("signing_method", sa.Text(), nullable=False),
        sa.Column("encoding_method", sa.Text(), nullable=False),
        _reference("signed_record", "transaction_id", "charging_transaction"),
        _reference("signed_record", "charge_point_id", "charge_point"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signed_record")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_signed_record_transaction_id"), "signed_record", ["transaction_id"])
    op.create_index(op.f("ix_signed_record_charge_point_id_sha256"), "signed_record", ["charge_point_id", "sha256"])
    op.create_table(
        "signed_check",
        _id(),
        sa.Column("record_id", sa.Integer(), nullable=False),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column("transaction_id", sa.Integer()),
        sa.Column("charge_point_id", sa.String(48), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("format", sa.String(50), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("gateway", sa.String(60), nullable=False),
        sa.Column("serial", sa.String(60), nullable=False),
        sa.Column("pagination", sa.String(20), nullable=False),
        sa.Column("counter", sa.String(1), nullable=False),
        sa.Column("page", sa.BigInteger()),
        sa.Column("page_at", sa.BigInteger()),
        sa.Column("kinds", sa.String(40), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("key_source", sa.String(10), nullable=False),
        sa.Column("result", sa.String(12), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("software", sa.String(40), nullable=False),
        _reference("signed_check", "record_id", "signed_record"),
        _reference("signed_check", "transaction_id", "charging_transaction"),
        _reference("signed_check", "charge_point_id", "charge_point"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signed_check")),
        sqlite_autoincrement=True,
    )
    pages = ["charge_point_id", "gateway", "counter", "page"]
    for columns in (["record_id"], ["transaction_id"], ["digest"], pages):
        op.create_index(op.f(f"ix_signed_check_{'_'.join(columns)}"), "signed_check", columns)


def _make_verdicts() -> None:
    op.create_table(
        "signed_verdict",
        _id(),
        sa.Column("transaction_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(12), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("begin_at", sa.BigInteger()),
        sa.Column("begin_wh", sa.String(40)),
        sa.Column("end_at", sa.BigInteger()),
        sa.Column("end_wh", sa.String(40)),
        sa.Column("register", sa.String(40), nullable=False),
        sa.Column("serial", sa.String(60), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("findings", sa.Text(), nullable=False),
        sa.Column("checks", sa.Text(), nullable=False),
        sa.Column("session", sa.Text(), nullable=False),
        sa.Column("software", sa.String(40), nullable=False),
        _reference("signed_verdict", "transaction_id", "charging_transaction"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signed_verdict")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_signed_verdict_transaction_id"), "signed_verdict", ["transaction_id"])
    op.create_table(
        "signed_due",
        sa.Column("charge_point_id", sa.String(48), nullable=False),
        sa.Column("transaction_id", sa.Integer(), nullable=False),
        sa.Column("asked", sa.Integer(), nullable=False),
        _reference("signed_due", "charge_point_id", "charge_point"),
        sa.PrimaryKeyConstraint("charge_point_id", "transaction_id", name=op.f("pk_signed_due")),
    )
    op.create_table(
        "signed_decision",
        _id(),
        sa.Column("transaction_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=False),
        _reference("signed_decision", "transaction_id", "charging_transaction"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signed_decision")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_signed_decision_transaction_id"), "signed_decision", ["transaction_id"])
    op.create_table(
        "signed_finding",
        _id(),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("charge_point_id", sa.String(48), nullable=False),
        sa.Column("evse_id", sa.Integer(), nullable=False),
        sa.Column("transaction_id", sa.Integer()),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        _reference("signed_finding", "charge_point_id", "charge_point"),
        _reference("signed_finding", "transaction_id", "charging_transaction"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signed_finding")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_signed_finding_charge_point_id_kind"), "signed_finding", ["charge_point_id", "kind"])


def _make_keys() -> None:
    op.create_table(
        "meter_key",
        sa.Column("charge_point_id", sa.String(48), nullable=False),
        sa.Column("evse_id", sa.Integer(), nullable=False),
        sa.Column("serial", sa.String(60), nullable=False),
        sa.Column("public_key", sa.Text(), server_default="", nullable=False),
        sa.Column("seen_key", sa.Text(), server_default="", nullable=False),
        sa.Column("calibrated_until", sa.String(10), server_default="", nullable=False),
        sa.Column("registered_on", sa.String(10), server_default="", nullable=False),
        _reference("meter_key", "charge_point_id", "charge_point"),
        sa.PrimaryKeyConstraint("charge_point_id", "evse_id", "serial", name=op.f("pk_meter_key")),
    )
    op.create_table(
        "meter_key_event",
        _id(),
        sa.Column("charge_point_id", sa.String(48), nullable=False),
        sa.Column("evse_id", sa.Integer(), nullable=False),
        sa.Column("serial", sa.String(60), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("public_key", sa.Text(), nullable=False),
        sa.Column("told_by", sa.Text(), nullable=False),
        _reference("meter_key_event", "charge_point_id", "charge_point"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_meter_key_event")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_meter_key_event_charge_point_id_evse_id"), "meter_key_event", ["charge_point_id", "evse_id"])
    op.create_table(
        "proof_link",
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("transaction_id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        _reference("proof_link", "transaction_id", "charging_transaction"),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_proof_link")),
    )


def _move() -> None:
    """Keep the numbers of what came; which message it came in was not kept then."""
    connection = op.get_bind()
    rows = connection.execute(
        sa.text(
            "SELECT v.*, t.charge_point_id, t.evse_id FROM signed_value v "
            "JOIN charging_transaction t ON t.id = v.transaction_id ORDER BY v.id"
        )
    ).all()
    for row in rows:
        raw = row.data.encode("utf-8", "surrogatepass")
        connection.execute(
            sa.text(
                "INSERT INTO signed_record VALUES (:id, :transaction, :point, :evse, '', :received, :at, :context, "
                ":raw, :sha256, :key, :signing, :encoding)"
            ),
            {
                "id": row.id,
                "transaction": row.transaction_id,
                "point": row.charge_point_id,
                "evse": row.evse_id,
                "received": row.received_at,
                "at": row.at,
                "context": row.context,
                "raw": raw,
                "sha256": sha256(raw).hexdigest(),
                "key": row.public_key,
                "signing": row.signing_method,
                "encoding": row.encoding_method,
            },
        )
    connection.execute(
        sa.text(
            "INSERT INTO signed_due SELECT DISTINCT charge_point_id, transaction_id, 1 FROM signed_record "
            "WHERE transaction_id IS NOT NULL"
        )
    )
    op.drop_table("signed_value")


def downgrade() -> None:
    """Refuse: going back would lose evidence. Restore the backup made before the update."""
    raise NotImplementedError("restore the backup made before the update instead")
