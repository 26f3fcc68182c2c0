"""Job: check the signed values that came in, judge the sessions that they belong to, and let those go on that waited.

Claim, pure computation, one commit: what arrives meanwhile is checked in the next round. Nothing is overwritten; a
second check appends its own result. What is odd about pages and keys is kept as a finding and logged as an alarm.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, select

from backend.core.invoices.chain import ChainKind
from backend.core.proofs.calibration import is_over, over_text
from backend.core.proofs.pagination import Page, follow
from backend.core.proofs.signed_check import NEW_KEY, Came, Checked, MeterKey, Outcome, check_records, page_of
from backend.core.proofs.signed_pair import Judged, Session, Status, judge
from backend.core.transaction import State
from backend.store.calibration import endings, remind
from backend.store.chain import append
from backend.store.event_log import ask_check, outside_values, signed_values
from backend.store.meter_keys import MeterPlace, keys_at, see_key
from backend.store.ratings import ask_rerating
from backend.store.signed import (
    Due,
    Finding,
    ask_judging,
    claim_due,
    last_verdict,
    other_uses,
    pages_around,
    read_due,
    software_version,
    store_checks,
    store_finding,
    store_verdict,
    verdict_content,
)
from backend.store.tables import charging_transaction, operator
from backend.store.transactions import settle
from backend.store.writer import Store
from shared.clock import Clock
from shared.config import setting
from shared.log import Log

log = Log(__name__)

LATE_SIGNED = "signed values came or were judged anew after the rating"
"""Why a session is rated again."""

_LOOK_AGAIN = timedelta(hours=1)

_BATCH = 100
"""Sessions that are looked for at once; between them others get to write."""


@dataclass(frozen=True, slots=True)
class SignedSettings:
    """What signed values count for, and how they are handed out."""

    link_days: int = setting(
        90, unit="days", minimum=1, maximum=3650, help="how long a link to the proof of a session is good"
    )
    allow_unsigned_time: bool = setting(
        False,
        help="bill energy by prices that change by the clock although proof is demanded and no register was signed "
        "when the price changed",
    )
    calibration_blocks: bool = setting(
        False, help="take signed values for no proof after the last day of their meter's calibration"
    )


@dataclass(frozen=True, slots=True)
class _Row:
    """A transaction, as far as it matters here."""

    id: int
    operator_id: str
    charge_point_id: str
    evse_id: int
    state: State
    session: Session
    timezone: str


@dataclass(frozen=True, slots=True)
class _Work:
    """What checking gave, to be stored if nothing came meanwhile. `row` is None outside of transactions."""

    due: Due
    row: _Row | None
    outcome: Outcome
    judged: Judged | None
    findings: tuple[Finding, ...]
    evse_id: int


async def verify_signed(store: Store, clock: Clock, *, calibration_blocks: bool = False) -> None:
    """Check and judge all that waits. Cancelling is safe: each session is one commit or nothing."""
    for due in await store.read(lambda connection: read_due(connection, _BATCH)):
        work = await store.read(partial(_look, due, calibration_blocks))
        await store.write(partial(_finish, work, clock.utc()))


def verify_again(connection: Connection, transaction_ids: Sequence[int]) -> list[int]:
    """Let transactions be checked and judged again, whatever was found before; gives those that have signed values."""
    asked = []
    for number in transaction_ids:
        row = _row(connection, number)
        if row and signed_values(connection, number):
            ask_check(connection, row.charge_point_id, number)
            asked.append(number)
    return asked


def _look(due: Due, calibration_blocks: bool, connection: Connection) -> _Work:
    row = _row(connection, due.transaction_id) if due.transaction_id else None
    stored = (
        signed_values(connection, due.transaction_id)
        if due.transaction_id
        else outside_values(connection, due.charge_point_id)
    )
    came = [Came(one.id, one.reading.data) for one in sorted(stored, key=lambda one: one.id)]
    evse_id = row.evse_id if row else 0
    keys = keys_at(connection, due.charge_point_id, evse_id)

    def used_by(digest: str, record_id: int) -> int:
        uses = other_uses(connection, digest, due.transaction_id) if row else []
        return uses[0][0] if uses and uses[0][1] < record_id else 0

    outcome = check_records(came, keys, used_by)
    judged = judge([one.record for one in outcome.checked], row.session) if row else None
    if row and judged:
        judged = _calibrated(judged, row, keys, calibration_blocks)
    found = tuple(_findings(connection, due, evse_id, outcome, judged))
    return _Work(due, row, outcome, judged, found, evse_id)


def _calibrated(judged: Judged, row: _Row, keys: Sequence[MeterKey], blocks: bool) -> Judged:
    """Note that the meter was no longer calibrated when the session ended; it is no proof then if that is wanted."""
    at = row.session.ended_at or row.session.started_at
    day, own = at.astimezone(ZoneInfo(row.timezone)).date(), [one for one in keys if one.serial == judged.serial]
    if not (own and is_over(own[0].calibrated_until, day)):
        return judged
    text = over_text(judged.serial, own[0].calibrated_until)
    if blocks and judged.status is Status.VERIFIED:
        return replace(judged, status=Status.BROKEN, reason=text)
    return replace(judged, findings=(*judged.findings, text))


def _findings(
    connection: Connection, due: Due, evse_id: int, outcome: Outcome, judged: Judged | None
) -> Iterator[Finding]:
    number = due.transaction_id or None
    for odd in outcome.findings:
        yield Finding(due.charge_point_id, evse_id, number, odd.kind, odd.text)
    for kind, text in _page_findings(connection, due.charge_point_id, outcome.checked):
        yield Finding(due.charge_point_id, evse_id, number, kind, text)
    for text in judged.findings if judged else ():
        yield Finding(due.charge_point_id, evse_id, number, "session", text)


def _page_findings(
    connection: Connection, charge_point_id: str, checked: Sequence[Checked]
) -> Iterator[tuple[str, str]]:
    """Look at the pages in their order: those of one session follow each other, too."""
    own: dict[tuple[str, str], list[Page]] = {}
    paged = [(page, one) for one in checked if (page := page_of(one.record))]
    for (counter, number), one in sorted(paged, key=lambda each: each[0]):
        gateway = one.record.gateway
        moments = [reading.at for reading in one.record.readings if reading.at]
        new = Page(number, one.digest, max(moments, default=None))
        before = own.setdefault((gateway, counter), [])
        known = [*pages_around(connection, charge_point_id, gateway, counter, number), *before]
        for odd in follow(known, new, f"meter {gateway or 'without a number'}"):
            yield odd.kind, odd.text
        before.append(new)


def _finish(work: _Work, now: datetime, connection: Connection) -> None:
    due, row = work.due, work.row
    if not claim_due(connection, due):
        return
    if row and _row(connection, row.id) != row:
        ask_check(connection, due.charge_point_id, row.id)  # it ended or moved meanwhile: next round
        return
    software = software_version()
    checks = store_checks(connection, work.outcome.checked, due, now, software)
    for odd in work.outcome.findings:
        if odd.kind == NEW_KEY:
            see_key(connection, MeterPlace(due.charge_point_id, work.evse_id, odd.serial), odd.key, now)
    for finding in work.findings:
        if store_finding(connection, finding, now):
            log.warning("signed_value_alarm", charge_point=due.charge_point_id, kind=finding.kind, reason=finding.text)
    if row is None or work.judged is None:
        return
    before = last_verdict(connection, row.id)
    verdict_id = store_verdict(
        connection, row.id, work.judged, checks=checks, session=row.session, now=now, software=software
    )
    content = verdict_content(connection, verdict_id)
    append(connection, row.operator_id, ChainKind.SIGNED_VALUES, f"{row.id}/{verdict_id}", content, now)
    log.info("signed_values_judged", transaction=row.id, status=work.judged.status.value, reason=work.judged.reason)
    _doubt_others(connection, work)
    _go_on(connection, row, before.judged if before else None, work.judged)


def _doubt_others(connection: Connection, work: _Work) -> None:
    """Let sessions be judged again that passed with a record which had come for this one before."""
    for one in work.outcome.checked:
        for number, record_id in other_uses(connection, one.digest, work.due.transaction_id):
            verdict = last_verdict(connection, number)
            passed = verdict and verdict.judged.status in (Status.VERIFIED, Status.UNCONFIRMED)
            if passed and record_id > one.record.record_id:
                ask_judging(connection, number)


def _go_on(connection: Connection, row: _Row, before: Judged | None, judged: Judged) -> None:
    """Let a session that was held be rated, and one that was rated by something else be rated again."""
    if row.state is State.HELD:
        settle(connection, row.id)
    elif row.state is State.RATED and _basis(before) != _basis(judged):
        ask_rerating(connection, [row.id], LATE_SIGNED)


def _basis(judged: Judged | None) -> tuple[int, int] | None:
    """Give what is billed by a verdict: the signed energy and its begin, None if it proves none."""
    if judged is None or judged.status is not Status.VERIFIED or judged.begin is None:
        return None
    return int(judged.begin.wh), judged.energy_wh or 0


def _row(connection: Connection, transaction_id: int) -> _Row | None:
    t = charging_transaction.c
    query = select(charging_transaction, operator.c.timezone).join(operator, operator.c.id == t.operator_id)
    row = connection.execute(query.where(t.id == transaction_id)).one_or_none()
    if row is None:
        return None
    session = Session(row.started_at, row.ended_at, row.meter_start, row.meter_stop, row.id_token)
    state = State(row.state)
    return _Row(row.id, row.operator_id, row.charge_point_id, row.evse_id, state, session, row.timezone)


class CalibrationWatch:
    """Reminds operators of meters whose calibration ends, once for each last day."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock

    async def run(self) -> datetime | None:
        """Order the letters that are due, and tell when to look again: in an hour. Cancelling is safe."""
        now = self._clock.utc()
        if await self._store.read(lambda unit: any(endings(unit, now))):
            for one in await self._store.write(lambda unit: remind(unit, now)):
                log.warning("calibration_ends", charge_point=one.charge_point_id, meter=one.serial, last=one.until)
        return now + _LOOK_AGAIN
