"""OCPP 1.6 edge: transaction events to payloads and back. Lean: a field equal to its default stays away.

In 1.6 the central system numbers transactions (`transactionId`), so encoding Updated and Ended needs that number, and
decoding gives dataclasses of 1.6 shape from which the backend builds the events.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from shared.ids import EvseId, IdToken
from shared.metering import MeterReading, MeterValue, ReadingContext, SignedData, SignedReading
from shared.ocpp.sampled import PHASES, make_sample, reading_of
from shared.ocpp.session import Payload, loads
from shared.transaction import NEWER_REASONS, Ended, Started, StopReason, Updated
from shared.units import Wh

ID_TAG_LENGTH = 20
"""idTag is CiString20Type (OCPP 1.6 §7.28)."""

UNKNOWN_TRANSACTION = -1
"""transactionId of a transaction whose start was refused for good (OCPP 1.6 errata 3.18)."""

_MAX_INTEGER = 2**63 - 1
"""What the stores hold; the specification speaks of 32 bits (§3.2), which registers in Wh may pass."""

_CONTEXTS = {context.value: context for context in ReadingContext}
_LONGEST_TAG = 255
"""What is taken of a tag in a transaction: one that is too long is reported, and its energy kept."""

_REASONS = frozenset(StopReason) - frozenset(NEWER_REASONS)
_FRACTION = re.compile(r"(?<=\d)\.\d+")


class PayloadError(ValueError):
    """A payload passes its schema and still has no meaning. The text names the field."""


def timestamp(moment: datetime) -> str:
    """Write a time as OCPP wants it: UTC, ISO 8601, to the millisecond only where it matters."""
    return (
        moment.astimezone(UTC)
        .isoformat(timespec="milliseconds" if moment.microsecond else "seconds")
        .replace("+00:00", "Z")
    )


def parse_timestamp(text: object) -> datetime:
    """Read a time. One without an offset is taken as UTC, which is what OCPP demands.

    Raises:
        PayloadError: it is no time.
    """
    if isinstance(text, str):
        try:
            moment = datetime.fromisoformat(_FRACTION.sub(lambda f: f.group()[:7], text.strip(), count=1))
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
        except (ValueError, OverflowError):
            pass
    raise PayloadError(f"{text!r} is not an ISO 8601 time")


def start_transaction(event: Started) -> Payload:
    """Encode StartTransaction.req (§6.45)."""
    payload: dict[str, object] = {
        "connectorId": event.evse_id,
        "idTag": event.id_token.value,
        "meterStart": event.meter.reading.energy_import,
        "timestamp": timestamp(event.at),
    }
    if event.reservation_id is not None:
        payload["reservationId"] = event.reservation_id
    return payload


def meter_values(event: Updated, transaction_id: int) -> Payload:
    """Encode MeterValues.req (§6.31)."""
    return {
        "connectorId": event.evse_id,
        "transactionId": transaction_id,
        "meterValue": [_meter_value(value) for value in event.values],
    }


def stop_transaction(event: Ended, transaction_id: int, begin: MeterValue | None = None) -> Payload:
    """Encode StopTransaction.req (§6.49). In transactionData travels what is repeated, or else what is signed."""
    payload: dict[str, object] = {}
    if event.id_token:
        payload["idTag"] = event.id_token.value
    payload["meterStop"] = event.meter.reading.energy_import
    payload["timestamp"] = timestamp(event.at)
    payload["transactionId"] = transaction_id
    reason = event.reason if event.reason in _REASONS else StopReason.OTHER
    if reason is not StopReason.LOCAL:
        payload["reason"] = reason
    data = event.repeated or [value for value in (begin, event.meter) if value and value.reading.signed]
    if data:
        payload["transactionData"] = [_meter_value(value) for value in data]
    return payload


def _meter_value(value: MeterValue) -> Payload:
    reading = value.reading
    samples = [{"value": str(reading.energy_import)}]
    if reading.power is not None:
        samples.append({"value": str(reading.power), "measurand": "Power.Active.Import", "unit": "W"})
    for phase, current in zip(PHASES, reading.currents, strict=False):
        text = str(Decimal(current).scaleb(-3).normalize() + 0)
        samples.append({"value": text, "measurand": "Current.Import", "phase": phase, "unit": "A"})
    for phase, voltage in zip(PHASES, reading.voltages, strict=False):
        text = str(Decimal(voltage).scaleb(-3).normalize() + 0)
        samples.append({"value": text, "measurand": "Voltage", "phase": f"{phase}-N", "unit": "V"})
    if reading.offered is not None:
        text = str(Decimal(reading.offered).scaleb(-3).normalize() + 0)
        samples.append({"value": text, "measurand": "Current.Offered", "unit": "A"})
    if reading.signed:
        samples.append({"value": reading.signed.text, "format": "SignedData"})
    if value.context is not ReadingContext.PERIODIC:
        samples = [{**sample, "context": value.context.value} for sample in samples]
    return {"timestamp": timestamp(value.at), "sampledValue": samples}


@dataclass(frozen=True, slots=True)
class StartTransaction:
    """StartTransaction.req, decoded."""

    evse_id: EvseId
    id_token: IdToken
    meter: MeterValue
    reservation_id: int | None


@dataclass(frozen=True, slots=True)
class MeterValues:
    """MeterValues.req, decoded. `values` lacks what had no energy register; `ignored` counts those."""

    evse_id: EvseId
    transaction_id: int | None
    values: tuple[MeterValue, ...]
    ignored: int
    signed: tuple[SignedReading, ...] = ()


@dataclass(frozen=True, slots=True)
class StopTransaction:
    """StopTransaction.req, decoded."""

    transaction_id: int
    meter: MeterValue
    reason: StopReason
    id_token: IdToken | None
    values: tuple[MeterValue, ...]
    signed: tuple[SignedReading, ...] = ()


# The decoders take payloads that passed their schema, so fields are present and of their type.


def decode_start_transaction(payload: Payload) -> StartTransaction:
    """Decode StartTransaction.req.

    Raises:
        PayloadError: a value has no meaning (negative register, no time, empty token).
    """
    reservation = payload.get("reservationId")
    return StartTransaction(
        evse_id=EvseId(_int(payload, "connectorId")),
        id_token=_id_tag(payload["idTag"]),
        meter=MeterValue(
            parse_timestamp(payload["timestamp"]), MeterReading(_register(payload, "meterStart")), ReadingContext.BEGIN
        ),
        reservation_id=reservation if isinstance(reservation, int) else None,
    )


def decode_meter_values(payload: Payload) -> MeterValues:
    """Decode MeterValues.req. Values without an energy register are left out and counted.

    Raises:
        PayloadError: a time can't be read.
    """
    rows = payload["meterValue"]
    assert isinstance(rows, list)  # noqa: S101  the schema says so
    values = [value for row in rows if (value := _decode_meter_value(row))]
    transaction_id = payload.get("transactionId")
    return MeterValues(
        evse_id=EvseId(_int(payload, "connectorId")),
        transaction_id=_int(payload, "transactionId") if isinstance(transaction_id, int) else None,
        values=tuple(values),
        ignored=len(rows) - len(values),
        signed=_signed(rows),
    )


def decode_stop_transaction(payload: Payload) -> StopTransaction:
    """Decode StopTransaction.req.

    Raises:
        PayloadError: a value has no meaning.
    """
    rows = payload.get("transactionData") or []
    assert isinstance(rows, list)  # noqa: S101  the schema says so
    values = tuple(value for row in rows if (value := _decode_meter_value(row)))
    signed = next((v.reading.signed for v in reversed(values) if v.context is ReadingContext.END), None)
    tag = payload.get("idTag")
    reading = MeterReading(_register(payload, "meterStop"), signed=signed)
    return StopTransaction(
        transaction_id=_int(payload, "transactionId"),
        meter=MeterValue(parse_timestamp(payload["timestamp"]), reading, ReadingContext.END),
        reason=stop_reason(payload.get("reason")),
        id_token=_id_tag(tag) if tag else None,
        values=values,
        signed=_signed(rows),
    )


def stop_reason(text: object) -> StopReason:
    """Read why a transaction ended: Local where nothing is told, Other where it is told in words of one's own."""
    try:
        return StopReason(str(text)) if text else StopReason.LOCAL
    except ValueError:
        return StopReason.OTHER


def signed_data(text: str) -> SignedData:
    """Read the value of a sample of format SignedData: what the meter signed, or that in the JSON of later versions.

    The Open Charge Alliance's application note on signed meter values puts `signedMeterData`, `encodingMethod`,
    `signingMethod` and `publicKey` into this one text, as OCPP 2.0.1 has them.
    """
    try:
        told = loads(text) if text.lstrip().startswith("{") else None
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict) or not isinstance(told.get("signedMeterData"), str):
        return SignedData(text)
    key, method, encoding = (str(told.get(name, "")) for name in ("publicKey", "signingMethod", "encodingMethod"))
    return SignedData(told["signedMeterData"], key, method, encoding)


def _signed(rows: object) -> tuple[SignedReading, ...]:
    """Collect all signed samples, also of meter values without a register."""
    assert isinstance(rows, list)  # noqa: S101  the schema says so
    return tuple(
        SignedReading(parse_timestamp(row["timestamp"]), _context(sample), signed_data(sample["value"]))
        for row in rows
        for sample in row["sampledValue"]
        if sample.get("format") == "SignedData"
    )


def _context(sample: Payload, default: ReadingContext = ReadingContext.PERIODIC) -> ReadingContext:
    return _CONTEXTS.get(str(sample.get("context")), default)


def _decode_meter_value(row: Payload) -> MeterValue | None:
    """Read one meterValue; None if it has no energy register. Defaults of §7.45 apply to absent fields."""
    signed: SignedData | None = None
    context = ReadingContext.PERIODIC
    samples = []
    rows = row["sampledValue"]
    assert isinstance(rows, list)  # noqa: S101  the schema says so
    for told in rows:
        context = _context(told, context)
        if told.get("format") == "SignedData":
            signed = signed_data(told["value"])
        elif sample := make_sample(told.get("measurand"), told.get("phase"), told["value"], told.get("unit")):
            samples.append(sample)
    reading = reading_of(samples, signed)
    return MeterValue(parse_timestamp(row["timestamp"]), reading, context) if reading else None


def _register(payload: Payload, name: str) -> Wh:
    value = _int(payload, name)
    if value < 0:
        raise PayloadError(f"{name} = {value}: a register is not negative")
    return Wh(value)


def _int(payload: Payload, name: str) -> int:
    value = payload[name]
    if not isinstance(value, int):
        raise PayloadError(f"{name} = {value!r} is not a whole number")
    if abs(value) > _MAX_INTEGER:
        raise PayloadError(f"{name} is out of range")
    return value


def _id_tag(text: object) -> IdToken:
    try:
        return IdToken.parse(str(text), _LONGEST_TAG)
    except ValueError as error:
        raise PayloadError(f"idTag: {error}") from error
