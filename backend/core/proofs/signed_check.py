"""Check the signed records of a session: find the originals, choose the key of each, verify. Pure computation."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from backend.core.proofs import signed_pair
from backend.core.proofs.signed_pair import CheckedRecord, KeySource, Result
from backend.core.proofs.signed_record import OCMF, Original, originals
from shared import ocmf
from shared.metering import SignedData
from shared.ocmf import OcmfError, Record
from shared.ocmf_signature import Judgement, check, curve_of, key_of
from shared.public_key import PublicKey, read_public_key

_RESULTS = {Judgement.VALID: Result.VALID, Judgement.NOT_CHECKABLE: Result.UNSUPPORTED}

NEW_KEY, CHANGED_KEY, OTHER_METER = "key_new", "key_changed", "other_meter"
"""Kinds of findings about keys."""


@dataclass(frozen=True, slots=True)
class Came:
    """A record as it came: its number and what it holds."""

    id: int
    data: SignedData


@dataclass(frozen=True, slots=True)
class MeterKey:
    """What is known of the key of a meter: hexadecimal; `pinned` by a person, `seen` by OCPP first; empty: none.

    `calibrated_until` is its last day (ISO 8601), empty where nobody told it.
    """

    serial: str
    pinned: str = ""
    seen: str = ""
    calibrated_until: str = ""


@dataclass(frozen=True, slots=True)
class KeyFinding:
    """What is odd about a key; `key` is what came."""

    kind: str
    serial: str
    key: str
    text: str


@dataclass(frozen=True, slots=True)
class Checked:
    """A record with what checking it gave. `part` counts the originals of one record, `digest` is of the original."""

    part: int
    original: Original
    digest: str
    record: CheckedRecord


@dataclass(slots=True)
class Outcome:
    """What checking gave: each original once, and what is odd about keys."""

    checked: list[Checked] = field(default_factory=list)
    findings: list[KeyFinding] = field(default_factory=list)


def check_records(came: Sequence[Came], keys: Sequence[MeterKey], used_by: Callable[[str, int], int]) -> Outcome:
    """Check the records of one session.

    Args:
        came: in the order of their arrival.
        keys: of the meters of its EVSE.
        used_by: tells by an original's digest and the record's number which other session it came for before, 0 for
            none.
    """
    found = [(one.id, part, each) for one in came for part, each in enumerate(originals(one.data))]
    told = [each.public_key for _, _, each in found if each.public_key]
    outcome = Outcome()
    for record_id, part, original in found:
        digest = sha256(original.text.encode("utf-8", "surrogatepass")).hexdigest()
        if not any(one.digest == digest for one in outcome.checked):
            record = _check(
                record_id, original, keys, told, findings=outcome.findings, used_by=used_by(digest, record_id)
            )
            outcome.checked.append(Checked(part, original, digest, record))
    return outcome


def _check(
    record_id: int,
    original: Original,
    keys: Sequence[MeterKey],
    told: Sequence[str],
    *,
    findings: list[KeyFinding],
    used_by: int,
) -> CheckedRecord:
    if original.format != OCMF:
        what = original.format or "unknown format"
        return CheckedRecord(record_id, Result.UNSUPPORTED, f"it can't be checked here: {what}", original.format)
    try:
        record = ocmf.parse(original.text)
        readings = record.readings
    except OcmfError as error:
        return CheckedRecord(record_id, Result.INVALID, f"it is no good OCMF record: {error}")
    key, source, problem = _choose(record, original, keys, told, findings)
    result, reason = _verify(record, key, problem)
    return CheckedRecord(
        record_id=record_id,
        result=result,
        reason=reason,
        version=_text(record.payload, "FV"),
        gateway=_text(record.payload, "GS") or record.serial,
        serial=record.serial,
        pagination=record.pagination,
        id_token=record.id_token,
        level=_text(record.payload, "IL"),
        readings=readings,
        key=key,
        source=source,
        used_by=used_by,
    )


def _verify(record: Record, key: str, problem: str) -> tuple[Result, str]:
    if problem:
        return Result.INVALID, problem
    if not key:
        name = record.serial or "without a number"
        return Result.UNSUPPORTED, f"the public key of the meter {name} is not known"
    verdict = check(record, key)
    return _RESULTS.get(verdict.judgement, Result.INVALID), verdict.reason


def _choose(
    record: Record,
    original: Original,
    keys: Sequence[MeterKey],
    told: Sequence[str],
    findings: list[KeyFinding],
) -> tuple[str, KeySource, str]:
    """Choose the key to verify by: the pinned one, else one that came; and tell what speaks against the record."""
    curve, serial = curve_of(record.signature.algorithm), record.serial
    came = _first_key([original.public_key, *told], curve)
    pinned = [one for one in keys if one.pinned]
    own = next((one for one in keys if one.serial == serial), None)
    if not serial and len(pinned) == 1:
        own = pinned[0]
    findings += _key_findings(own, pinned, serial, came)
    if own and own.pinned:
        return own.pinned, KeySource.PINNED, ""
    if pinned:
        others = ", ".join(one.serial for one in pinned)
        return came.hex if came else "", KeySource.OCPP, f"it is of the meter {serial}, here is the meter {others}"
    return (came.hex, KeySource.OCPP, "") if came else ("", KeySource.NONE, "")


def _key_findings(
    own: MeterKey | None, pinned: Sequence[MeterKey], serial: str, came: PublicKey | None
) -> Iterator[KeyFinding]:
    name = serial or "without a number"
    if pinned and not (own and own.pinned):
        others = ", ".join(one.serial for one in pinned)
        text = f"a record of the meter {name} came, but the meter {others} is the one known here"
        yield KeyFinding(OTHER_METER, serial, came.hex if came else "", text)
    if came is None:
        return
    if own is None:
        yield KeyFinding(NEW_KEY, serial, came.hex, f"a key of the meter {name} came for the first time: compare it")
        return
    before = read_public_key(own.pinned or own.seen)
    if before and not before.is_same(came):
        text = f"the station sends another key for the meter {name} than the one that is known"
        yield KeyFinding(CHANGED_KEY, serial, came.hex, text)


def _first_key(texts: Sequence[str], curve: str) -> PublicKey | None:
    """Give the first text that is a key, one of the record's curve if there is any."""
    found = [key for text in texts if text and (key := (key_of(text, curve) if curve else read_public_key(text)))]
    return found[0] if found else next((key for text in texts if (key := read_public_key(text))), None)


def _text(payload: Mapping[str, object], name: str) -> str:
    value = payload.get(name)
    return value[:60] if isinstance(value, str) else ""


def kinds_of(record: CheckedRecord) -> str:
    """Give the kinds of readings that a record holds (TX), each once."""
    return ",".join(dict.fromkeys(reading.kind for reading in record.readings if reading.kind))[:40]


def page_of(record: CheckedRecord) -> tuple[str, int] | None:
    """Give the counter and the number of a record's page; None where it tells none, or was not signed."""
    return signed_pair.page_of(record.pagination) if record.result is not Result.INVALID else None
