"""Judge the signed records of a session: do a begin and an end belong together, and did its meter sign them? Pure.

The rules are those of the transparency software, which a driver checks the same records with, and some of our own that
it can't know: the key must be the one that was pinned for the meter when it was put in, and a record belongs to one
session.

Source: SAFE e.V., OCMF 1.4 (tables 7, 10, 13, 19; annex on OBIS codes); transparency software 1.4.1 (rules of pairs).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_FLOOR, Decimal
from enum import StrEnum

from shared.ocmf import BEGIN, ENDS, Reading

LATEST_VERSION = (1, 4)
"""Of the format; what a newer one means is not known here."""

_GOOD = "G"
_BAD_LEVELS = frozenset({"MISMATCH", "INVALID", "OUTDATED", "UNKNOWN"})
"""Identification levels that say: this driver was not known for sure."""

_COMPENSATED = (("B3", "B1"), ("B2", "B0"))
"""Registers behind and before the loss of the cable; those behind it win (transaction, then total)."""

_NEAR = timedelta(minutes=15)
"""A clock that is called synchronised may differ so much from the station's."""

_IMPORT_TOTAL = ("1.8.", "98.8.", "98.08.")


class Status(StrEnum):
    """What came of judging a session."""

    VERIFIED = "verified"
    """One begin and one end, both signed by the pinned key: the only energy that may be billed where it must be."""
    UNCONFIRMED = "unconfirmed"
    """All fits, but the key came over the line and nobody compared it with the meter."""
    FAILED = "failed"
    """A signature does not fit."""
    BROKEN = "broken"
    """The signatures fit, but the records do not prove this session: a rule of pairs is broken."""
    MISSING = "missing"
    """There is no begin or no end."""
    UNSUPPORTED = "unsupported"
    """Something was signed in a way that can't be checked here."""


class KeySource(StrEnum):
    """Where the key came from that a record was checked with."""

    PINNED = "pinned"
    OCPP = "ocpp"
    NONE = ""


class Result(StrEnum):
    """What came of checking one record."""

    VALID = "valid"
    INVALID = "invalid"
    UNSUPPORTED = "unsupported"


@dataclass(frozen=True, slots=True)
class CheckedRecord:
    """A record with what checking its signature gave.

    Args:
        record_id: number of what came; records of equal text share the first one's.
        result: of the signature.
        reason: why it is not valid, one sentence; else empty.
        format: see `signed_record.Original`.
        version: FV, empty = not told.
        gateway: GS, else MS: whose pages are counted.
        serial: of the meter (MS, else GS).
        pagination: PG.
        id_token: ID.
        level: IL.
        readings: of the record, empty where it can't be read.
        key: hexadecimal, empty for none.
        source: of the key.
        used_by: number of another session that the same record came for before; 0 for none.
    """

    record_id: int
    result: Result
    reason: str = ""
    format: str = "OCMF"
    version: str = ""
    gateway: str = ""
    serial: str = ""
    pagination: str = ""
    id_token: str = ""
    level: str = ""
    readings: tuple[Reading, ...] = ()
    key: str = ""
    source: KeySource = KeySource.NONE
    used_by: int = 0


@dataclass(frozen=True, slots=True)
class Session:
    """What is known of the session. Registers in Wh; `ended_at` and `meter_stop` are None while it runs."""

    started_at: datetime
    ended_at: datetime | None
    meter_start: int
    meter_stop: int | None
    id_token: str


@dataclass(frozen=True, slots=True)
class SignedRegister:
    """A register that was signed: `wh` is exact, `register` the OBIS code, `at` the meter's own time."""

    at: datetime | None
    wh: Decimal
    register: str
    record_id: int


@dataclass(frozen=True, slots=True)
class Judged:
    """What came of a session's records.

    Args:
        status: see `Status`.
        reason: why it is not verified, one sentence; else empty.
        begin: the signed register at the begin, where there is one.
        end: that at the end.
        serial: of the meter.
        key: hexadecimal, that both were checked with.
        findings: what is odd and does not break the proof.
    """

    status: Status
    reason: str
    begin: SignedRegister | None = None
    end: SignedRegister | None = None
    serial: str = ""
    key: str = ""
    findings: tuple[str, ...] = ()

    @property
    def energy_wh(self) -> int | None:
        """What was signed, in whole Wh, cut off; None unless both ends are there."""
        return whole_wh(self.begin.wh, self.end.wh) if self.begin and self.end else None


def whole_wh(begin: Decimal, end: Decimal) -> int:
    """Give the difference of two signed registers in whole Wh, cut off: never more than was signed."""
    return int((end - begin).to_integral_value(ROUND_FLOOR))


def judge(records: Sequence[CheckedRecord], session: Session) -> Judged:
    """Judge a session by its records, in the order of their arrival.

    Args:
        records: without repetitions.
        session: that they came for.
    """
    if not records:
        return Judged(Status.MISSING, "no signed record came")
    telling = [one for one in records if _tells_energy(one)]
    obstacle = next((one for one in records if one.result is not Result.VALID), None)
    if not telling:
        if obstacle:
            return Judged(_status_of(obstacle), obstacle.reason)
        return Judged(Status.MISSING, "no signed record tells the energy at begin or end")
    register = _best_register(telling)
    begins, ends = (_of_kind(telling, register, kinds) for kinds in ({BEGIN}, ENDS))
    parts = _Parts(begins, ends, session)
    begin, end = (_register(found) for found in (begins, ends))
    serial = next((one.serial for one in telling if one.serial), "")
    key = next((one.key for one, _ in (*begins, *ends) if one.key), "")
    if not (begins and ends) and obstacle:
        return Judged(_status_of(obstacle), obstacle.reason, begin, end, serial, key)
    if not (begins and ends):
        return Judged(Status.MISSING, f"there is no signed {'end' if begins else 'begin'}", begin, end, serial, key)
    problem = next(parts.problems(), "")
    if problem:
        unknown = next((one for one, _ in (*begins, *ends) if one.result is not Result.VALID), None)
        return Judged(_status_of(unknown) if unknown else Status.BROKEN, problem, begin, end, serial, key)
    findings = tuple(parts.findings())
    if any(one.source is not KeySource.PINNED for one, _ in (*begins, *ends)):
        reason = f"the key of the meter {serial or 'without a number'} was never compared with the one on it"
        return Judged(Status.UNCONFIRMED, reason, begin, end, serial, key, findings)
    return Judged(Status.VERIFIED, "", begin, end, serial, key, findings)


def _status_of(record: CheckedRecord) -> Status:
    return Status.UNSUPPORTED if record.result is Result.UNSUPPORTED else Status.FAILED


_Found = tuple[CheckedRecord, Reading]


@dataclass(frozen=True, slots=True)
class _Parts:
    """The readings of begin and end, and what is wrong with them."""

    begins: Sequence[_Found]
    ends: Sequence[_Found]
    session: Session

    def problems(self) -> Iterator[str]:
        """Tell what breaks the proof, the most telling first."""
        records = list(dict.fromkeys(one for one, _ in (*self.begins, *self.ends)))
        for one in records:
            yield from _record_problems(one)
        for found, name in ((self.begins, "begin"), (self.ends, "end")):
            if len({(reading.at, reading.value) for _, reading in found}) > 1:
                yield f"there is more than one signed {name}"
        yield from _reading_problems(self.begins[0][1], "begin")
        yield from _reading_problems(self.ends[0][1], "end")
        yield from _pair_problems(self.begins[0], self.ends[0])
        yield from self._time_problems()

    def _time_problems(self) -> Iterator[str]:
        """A record of another session tells another time, if the meter's clock can be relied on."""
        begin, end = self.begins[0][1], self.ends[0][1]
        if _is_far(begin, self.session.started_at):
            yield f"it was signed for another time: its begin is {_time(begin)}"
        if self.session.ended_at and _is_far(end, self.session.ended_at):
            yield f"it was signed for another time: its end is {_time(end)}"

    def findings(self) -> Iterator[str]:
        begin, end = self.begins[0], self.ends[0]
        session = self.session
        if session.meter_stop is not None:
            told = session.meter_stop - session.meter_start
            signed = whole_wh(begin[1].wh or Decimal(0), end[1].wh or Decimal(0))
            if abs(told - signed) > 1:
                yield f"the station told {told} Wh, {signed} Wh were signed"
        tokens = {one.id_token for one, _ in (begin, end)}
        if session.id_token and any(token and token.upper() != session.id_token.upper() for token in tokens):
            yield "the record names another driver than the session"


def _tells_energy(record: CheckedRecord) -> bool:
    return any(reading.wh is not None and reading.kind in ENDS | {BEGIN} for reading in record.readings)


def _rank(register: str) -> int | None:
    """Tell how good an OBIS code is for billing, 0 the best; None for what is no import of energy."""
    code = register.upper().partition("*")[0].partition(":")[2] or register.upper().partition("*")[0]
    for rank, group in enumerate(_COMPENSATED):
        if code[:2] in group:
            return 2 * rank + group.index(code[:2])
    return 4 if not code or code.startswith(_IMPORT_TOTAL) else None


def _best_register(records: Sequence[CheckedRecord]) -> str:
    """Choose the register to bill by: of those at begin and end the best, else of all."""
    found: list[set[str]] = [set(), set()]
    for record in records:
        for reading in record.readings:
            if reading.wh is not None and reading.kind in ENDS | {BEGIN} and _rank(reading.register) is not None:
                found[reading.kind != BEGIN].add(reading.register)
    both = found[0] & found[1] or found[0] | found[1]
    return min(both, key=lambda code: (_rank(code) or 0, code), default="")


def _of_kind(records: Sequence[CheckedRecord], register: str, kinds: "frozenset[str] | set[str]") -> tuple[_Found, ...]:
    return tuple(
        (record, reading)
        for record in records
        for reading in record.readings
        if reading.kind in kinds and reading.register == register and reading.wh is not None
    )


def _register(found: Sequence[_Found]) -> SignedRegister | None:
    if not found:
        return None
    record, reading = found[0]
    assert reading.wh is not None  # noqa: S101  `_of_kind` has seen to it
    return SignedRegister(reading.at, reading.wh, reading.register, record.record_id)


def _record_problems(one: CheckedRecord) -> Iterator[str]:
    if one.result is not Result.VALID:
        yield one.reason or "a signature does not fit"
    if one.used_by:
        yield f"the same signed record came for transaction {one.used_by} before"
    version = one.version.split(".")
    if one.version and not (
        all(part.isascii() and part.isdigit() for part in version)
        and tuple(int(part) for part in version[:2]) <= LATEST_VERSION
    ):
        yield f"the record is of version {one.version} of its format, known is up to 1.4"
    if one.level in _BAD_LEVELS:
        yield f"the driver was not identified: the record says {one.level}"


def _reading_problems(reading: Reading, name: str) -> Iterator[str]:
    if not reading.unit or not reading.register:
        yield f"the signed {name} tells no unit or no register"
    if reading.status != _GOOD:
        yield f"the meter says that its register at the {name} is not good: {reading.status or 'no status'}"
    if "E" in reading.errors:
        yield f"the meter says that its energy at the {name} can't be billed"


def _pair_problems(begin: _Found, end: _Found) -> Iterator[str]:
    (first, start), (last, stop) = begin, end
    if first.serial != last.serial or first.gateway != last.gateway:
        yield f"begin and end are of different meters: {first.serial} and {last.serial}"
    if start.unit != stop.unit:
        yield f"begin and end are in different units: {start.unit} and {stop.unit}"
    if first.key != last.key:
        yield "begin and end were signed by different keys"
    assert start.wh is not None and stop.wh is not None  # noqa: S101, PT018  `_of_kind` has seen to it
    if stop.wh < start.wh:
        yield f"the signed end {stop.wh} Wh is below the begin {start.wh} Wh"
    if start.at and stop.at and stop.at < start.at:
        yield "the signed end is before the begin"
    if start.time_status == "R" and stop.time_status != "R":
        yield "the time of the begin is relative, that of the end is not"
    pages = page_of(first.pagination), page_of(last.pagination)
    if pages[0] and pages[1] and pages[0][0] == pages[1][0] and pages[1][1] < pages[0][1]:
        yield f"the end ({last.pagination}) was signed before the begin ({first.pagination})"


def page_of(pagination: str) -> tuple[str, int] | None:
    """Read PG: the letter of the counter and the number; None if it is neither."""
    letter, number = pagination[:1], pagination[1:]
    if letter not in ("T", "F") or not (number.isascii() and number.isdigit() and len(number) <= 18):
        return None
    return letter, int(number)


def _is_far(reading: Reading, at: datetime) -> bool:
    return reading.at is not None and reading.time_status == "S" and abs(reading.at - at) > _NEAR


def _time(reading: Reading) -> str:
    return reading.at.isoformat() if reading.at else "not told"
