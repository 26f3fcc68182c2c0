"""What was proved of signed values: checks, verdicts, findings, decisions; and which sessions wait for them.

Everything is appended. Functions that change something run inside one unit of work of `Store.write`.
"""

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from sqlalchemy import Connection, String, and_, bindparam, delete, func, insert, select
from sqlalchemy import cast as sql_cast

from backend.core.invoices.audit import Kept
from backend.core.invoices.chain import ChainKind
from backend.core.people.access import EVERYTHING, View
from backend.core.proofs.pagination import Page
from backend.core.proofs.signed_check import Checked, kinds_of, page_of
from backend.core.proofs.signed_gate import Decision, Evidence
from backend.core.proofs.signed_pair import Judged, Result, Session, SignedRegister, Status
from backend.core.proofs.signed_proof import SignedOriginal, original_of
from backend.core.proofs.signed_time import TARIFF_CHANGE, signed_changes
from backend.store.chain import purged_digest
from backend.store.event_log import ask_check
from backend.store.invoice_tables import chain
from backend.store.scope import charge_points_in
from backend.store.signed_tables import (
    signed_check,
    signed_decision,
    signed_due,
    signed_finding,
    signed_record,
    signed_verdict,
)
from backend.store.sql import Statement
from backend.store.tables import charge_point, charging_transaction, operator
from shared.metering import SignedData

_K, _V, _R = signed_check.c, signed_verdict.c, signed_record.c
_T, _D = charging_transaction.c, signed_due.c

_DUE = Statement(
    select(_D.asked).where(_D.charge_point_id == bindparam("charge_point_id"), _D.transaction_id == bindparam("number"))
)
_LAST_VERDICT = Statement(
    select(signed_verdict).where(_V.transaction_id == bindparam("number")).order_by(_V.id.desc()).limit(1)
)
_LAST_DECISION = Statement(
    select(signed_decision.c.kind)
    .where(signed_decision.c.transaction_id == bindparam("number"))
    .order_by(signed_decision.c.id.desc())
    .limit(1)
)
_HAS_RECORD = Statement(select(_R.id).where(_R.transaction_id == bindparam("number")).limit(1))
_REQUIRED = Statement(
    select(operator.c.eichrecht_required, charge_point.c.eichrecht)
    .join(charge_point, charge_point.c.operator_id == operator.c.id)
    .where(charge_point.c.id == bindparam("charge_point_id"))
)

OPERATOR, REQUIRED, NOT_REQUIRED = "operator", "required", "not_required"
"""Values of a charge point's `eichrecht`: as its operator says, or for itself."""


@dataclass(frozen=True, slots=True)
class Due:
    """Signed values that wait to be checked: those of a transaction, or (0) those outside of any."""

    charge_point_id: str
    transaction_id: int
    asked: int


@dataclass(frozen=True, slots=True)
class StoredVerdict:
    """A verdict as it is stored; `session` is what of the session it was judged by, `checks` what it rests on."""

    id: int
    transaction_id: int
    at: datetime
    judged: Judged
    checks: tuple[int, ...]
    session: str
    software: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What is odd about signed records or keys."""

    charge_point_id: str
    evse_id: int
    transaction_id: int | None
    kind: str
    text: str


def software_version() -> str:
    """Name the program that checks, as verdicts tell it."""
    try:
        return f"emops {version('emops')}"
    except PackageNotFoundError:
        return "emops"


def read_due(connection: Connection, limit: int) -> list[Due]:
    """List what waits to be checked."""
    rows = connection.execute(select(signed_due).order_by(_D.transaction_id).limit(limit))
    return [Due(row.charge_point_id, row.transaction_id, row.asked) for row in rows]


def ask_judging(connection: Connection, transaction_id: int) -> None:
    """Let a session be judged anew: it ended or moved after it was judged."""
    charge_point_id = connection.execute(select(_T.charge_point_id).where(_T.id == transaction_id)).scalar_one()
    ask_check(connection, charge_point_id, transaction_id)


def claim_due(connection: Connection, due: Due) -> bool:
    """Take it off the list; False if more came since, or somebody else was first: then nothing may be stored."""
    own = and_(_D.charge_point_id == due.charge_point_id, _D.transaction_id == due.transaction_id)
    return connection.execute(delete(signed_due).where(own, _D.asked == due.asked)).rowcount == 1


def session_text(session: Session) -> str:
    """Write what of a session a verdict was judged by."""
    return json.dumps(
        [
            session.started_at.isoformat(),
            session.ended_at.isoformat() if session.ended_at else None,
            session.meter_start,
            session.meter_stop,
        ]
    )


def read_evidence(connection: Connection, charge_point_id: str, transaction_id: int, session: Session) -> Evidence:
    """Give what is known of a session's signed values."""
    own = _REQUIRED.first(connection, charge_point_id=charge_point_id)
    required = own is not None and (own.eichrecht == REQUIRED or (own.eichrecht == OPERATOR and own.eichrecht_required))
    told = _LAST_DECISION.scalar(connection, number=transaction_id)
    decision = Decision(told) if told and told != Decision.JUDGE else None
    verdict = last_verdict(connection, transaction_id)
    due = _DUE.scalar(connection, charge_point_id=charge_point_id, number=transaction_id) is not None
    if verdict is None:
        has_record = _HAS_RECORD.scalar(connection, number=transaction_id) is not None
        return Evidence(required=required, is_waiting=has_record, is_asked=due, decision=decision)
    judged = verdict.judged
    proves = required and judged.status is Status.VERIFIED
    return Evidence(
        required=required,
        is_asked=due,
        is_waiting=due or verdict.session != session_text(session),
        verdict=verdict.id,
        status=judged.status,
        reason=judged.reason,
        begin_wh=judged.begin.wh if judged.begin else None,
        end_wh=judged.end.wh if judged.end else None,
        decision=decision,
        changes=_changes(connection, verdict) if proves else (),
    )


def _changes(connection: Connection, verdict: StoredVerdict) -> tuple[SignedRegister, ...]:
    """Give what was signed at changes of the tariff, by the key of the verdict."""
    good = and_(_K.id.in_(verdict.checks), _K.result == Result.VALID, _K.key == verdict.judged.key)
    ids = set(connection.scalars(select(_K.id).where(good, _K.kinds.contains(TARIFF_CHANGE))))
    begin = verdict.judged.begin
    if not ids or begin is None:
        return ()
    found = signed_changes((one.original for one in _originals(connection, ids)), begin.register)
    return tuple(sorted(found, key=lambda one: one.at or verdict.at))


def last_verdict(connection: Connection, transaction_id: int) -> StoredVerdict | None:
    """Give the verdict that counts; None where nothing was judged."""
    row = _LAST_VERDICT.first(connection, number=transaction_id)
    return _verdict(row) if row else None


def verdicts(connection: Connection, ids: Sequence[int]) -> dict[int, StoredVerdict]:
    """Give verdicts by their number."""
    rows = connection.execute(select(signed_verdict).where(_V.id.in_(ids)))
    return {row.id: _verdict(row) for row in rows}


def store_checks(
    connection: Connection, checked: Sequence[Checked], due: Due, now: datetime, software: str
) -> list[int]:
    """Append what checking gave, and give the numbers."""
    values = []
    for one in checked:
        record, page = one.record, page_of(one.record)
        moments = [reading.at for reading in record.readings if reading.at]
        values.append(
            {
                "record_id": record.record_id,
                "part": one.part,
                "transaction_id": due.transaction_id or None,
                "charge_point_id": due.charge_point_id,
                "at": now,
                "format": record.format,
                "digest": one.digest,
                "gateway": record.gateway,
                "serial": record.serial[:60],
                "pagination": record.pagination[:20],
                "counter": page[0] if page else "",
                "page": page[1] if page else None,
                "page_at": max(moments, default=None),
                "kinds": kinds_of(record),
                "key": record.key,
                "key_source": record.source,
                "result": record.result,
                "reason": record.reason,
                "software": software,
            }
        )
    return [connection.execute(insert(signed_check).values(row).returning(_K.id)).scalar_one() for row in values]


def store_verdict(
    connection: Connection,
    transaction_id: int,
    judged: Judged,
    *,
    checks: Sequence[int],
    session: Session,
    now: datetime,
    software: str,
) -> int:
    """Append a verdict, and give its number."""
    begin, end = judged.begin, judged.end
    values = {
        "transaction_id": transaction_id,
        "at": now,
        "status": judged.status,
        "reason": judged.reason,
        "begin_at": begin.at if begin else None,
        "begin_wh": begin.wh if begin else None,
        "end_at": end.at if end else None,
        "end_wh": end.wh if end else None,
        "register": (begin or end).register[:40] if begin or end else "",  # type: ignore[union-attr]
        "serial": judged.serial[:60],
        "key": judged.key,
        "findings": json.dumps(judged.findings),
        "checks": json.dumps(list(checks)),
        "session": session_text(session),
        "software": software,
    }
    return int(connection.execute(insert(signed_verdict).values(values).returning(_V.id)).scalar_one())


def verdict_content(connection: Connection, verdict_id: int) -> bytes:
    """Give what the hash chain covers of a verdict: its words, and the records that it rests on byte for byte."""
    row = connection.execute(select(signed_verdict).where(_V.id == verdict_id)).one()
    ids = json.loads(row.checks)
    records = connection.execute(
        select(_K.id, _K.result, _K.key, _R.id.label("record"), _R.sha256, _R.raw)
        .join(signed_record, _R.id == _K.record_id)
        .where(_K.id.in_(ids))
        .order_by(_K.id)
    )
    content: list[object] = [row.transaction_id, row.status, row.reason, str(row.begin_wh), str(row.end_wh), row.key]
    content += [[one.record, one.result, one.key, one.raw.hex()] for one in records]
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


def read_chained(connection: Connection, operator_id: str) -> Iterator[Kept]:
    """Read an operator's verdicts with what the chain has of them."""
    ref = sql_cast(_V.transaction_id, String) + "/" + sql_cast(_V.id, String)
    mine = (chain.c.operator_id == operator_id) & (chain.c.kind == ChainKind.SIGNED_VALUES) & (chain.c.ref == ref)
    gone = purged_digest(operator_id, ChainKind.SIGNED_VALUES, ref)
    query = (
        select(_V.id, ref.label("ref"), chain.c.sha256, gone.label("purged"))
        .join(charging_transaction, _T.id == _V.transaction_id)
        .outerjoin(chain, mine)
        .where(_T.operator_id == operator_id)
        .order_by(_V.id)
    )
    for row in connection.execute(query).all():
        yield Kept(ChainKind.SIGNED_VALUES, row.ref, verdict_content(connection, row.id), row.sha256, row.purged)


def other_uses(connection: Connection, digest: str, transaction_id: int) -> list[tuple[int, int]]:
    """List the other transactions that the same original came for, with the number of the record, by arrival."""
    query = (
        select(_K.transaction_id, func.min(_K.record_id).label("record_id"))
        .where(_K.digest == digest, _K.transaction_id != transaction_id)
        .group_by(_K.transaction_id)
        .order_by("record_id")
    )
    return [(row.transaction_id, row.record_id) for row in connection.execute(query)]


def pages_around(connection: Connection, charge_point_id: str, gateway: str, counter: str, number: int) -> list[Page]:
    """Give the pages of a gateway that tell whether one follows: its own number, the nearest below, all later ones."""
    same = and_(_K.charge_point_id == charge_point_id, _K.gateway == gateway, _K.counter == counter)
    columns = select(_K.page, _K.digest, _K.page_at).where(same)
    below = columns.where(_K.page < number).order_by(_K.page.desc()).limit(1)
    above = columns.where(_K.page > number).order_by(_K.page).limit(1)
    highest = columns.where(_K.page > number).order_by(_K.page.desc()).limit(1)
    queries = (columns.where(_K.page == number), below, above, highest)
    return [Page(row.page, row.digest, row.page_at) for query in queries for row in connection.execute(query)]


def store_finding(connection: Connection, finding: Finding, now: datetime) -> bool:
    """Append a finding; False if the very same is known."""
    f = signed_finding.c
    same = and_(
        f.charge_point_id == finding.charge_point_id,
        f.kind == finding.kind,
        f.text == finding.text,
        f.transaction_id.is_not_distinct_from(finding.transaction_id),
    )
    if connection.execute(select(f.id).where(same).limit(1)).first():
        return False
    connection.execute(
        insert(signed_finding).values(
            at=now,
            charge_point_id=finding.charge_point_id,
            evse_id=finding.evse_id,
            transaction_id=finding.transaction_id,
            kind=finding.kind,
            text=finding.text,
        )
    )
    return True


def findings(connection: Connection, limit: int, view: View = EVERYTHING) -> list[tuple[datetime, Finding]]:
    """List findings, the newest first."""
    f = signed_finding.c
    seen = select(charge_point.c.id).where(charge_points_in(view))
    query = select(signed_finding).where(f.charge_point_id.in_(seen)).order_by(f.id.desc()).limit(limit)
    rows = connection.execute(query)
    return [(row.at, Finding(row.charge_point_id, row.evse_id, row.transaction_id, row.kind, row.text)) for row in rows]


def read_originals(connection: Connection, verdict_ids: Sequence[int]) -> list[SignedOriginal]:
    """Give the signed originals that verdicts rest on, in the order of the verdicts and of their arrival."""
    known = verdicts(connection, verdict_ids)
    return _originals(
        connection, [check for number in verdict_ids if number in known for check in known[number].checks]
    )


def _originals(connection: Connection, ids: Collection[int]) -> list[SignedOriginal]:
    rows = connection.execute(
        select(_K.id, _K.part, _K.key, _K.transaction_id, _R.raw, _R.public_key, _R.signing_method, _R.encoding_method)
        .join(signed_record, _R.id == _K.record_id)
        .where(_K.id.in_(ids))
    )
    by_id = {row.id: row for row in rows}
    return [_original(by_id[number]) for number in ids]


def _original(row: Any) -> SignedOriginal:  # Any: a row of the columns above
    text = row.raw.decode("utf-8", "surrogatepass")
    data = SignedData(text, row.public_key, row.signing_method, row.encoding_method)
    return original_of(row.transaction_id, data, row.part, row.key)


def store_decision(
    connection: Connection, transaction_id: int, kind: Decision, *, reason: str, by: str, now: datetime
) -> None:
    """Append what somebody decided on a session."""
    values = {"transaction_id": transaction_id, "at": now, "kind": kind, "reason": reason, "decided_by": by}
    connection.execute(insert(signed_decision).values(values))


def _verdict(row: Any) -> StoredVerdict:
    """Make a verdict of its row."""

    def register(at: datetime | None, wh: Decimal | None) -> SignedRegister | None:
        return None if wh is None else SignedRegister(at, wh, row.register, 0)

    judged = Judged(
        Status(row.status),
        row.reason,
        register(row.begin_at, row.begin_wh),
        register(row.end_at, row.end_wh),
        row.serial,
        row.key,
        tuple(json.loads(row.findings)),
    )
    checks = tuple(json.loads(row.checks))
    return StoredVerdict(row.id, row.transaction_id, row.at, judged, checks, row.session, row.software)
