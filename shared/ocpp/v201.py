"""OCPP 2.0.1 and 2.1 edge: transaction events to TransactionEventRequest and back.

Both versions write transactions alike; what 2.1 adds is left out when reading. Here the station names the transaction
and numbers its events, and any of them may bring the token, the EVSE or a register. A message is therefore decoded by
itself, and `backend/core/transaction_messages.py` tells what several of them mean together.
"""

from base64 import b64encode
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from shared.ids import NO_AUTHORIZATION, EvseId, IdToken, TransactionKey
from shared.metering import MeterReading, MeterValue, ReadingContext, SignedData, SignedReading
from shared.ocpp.sampled import ENERGY, PHASES, Sample, make_sample, reading_of
from shared.ocpp.session import Payload
from shared.ocpp.v16 import PayloadError, parse_timestamp, stop_reason, timestamp
from shared.transaction import Ended, Started, StopReason, TransactionEvent, Updated

LONGEST_TOKEN = 255
"""IdTokenType.idToken of 2.1; 2.0.1 has 36."""

_MAX_INTEGER = 2**63 - 1
"""What the stores hold."""

_CONTEXTS = {context.value: context for context in ReadingContext}
_NOT_THE_OUTLET = ("EV", "Inlet")
"""Locations (SampledValueType.location) whose meter is not the one that counts what the driver gets."""

_RFID_DIGITS = (8, 14, 20)
"""Hexadecimal digits of an ISO 14443 UID: 4, 7 or 10 bytes."""

_REASONS = {StopReason.SOFT_RESET: StopReason.REBOOT, StopReason.HARD_RESET: StopReason.IMMEDIATE_RESET}
"""Reasons of OCPP 1.6 that 2.x has another word for; UnlockCommand is told by the trigger."""

_END_TRIGGERS = {
    StopReason.LOCAL: "StopAuthorized",
    StopReason.REMOTE: "RemoteStop",
    StopReason.EV_DISCONNECTED: "EVCommunicationLost",
    StopReason.DE_AUTHORIZED: "Deauthorized",
    StopReason.UNLOCK_COMMAND: "UnlockCommand",
    StopReason.ENERGY_LIMIT_REACHED: "EnergyLimitReached",
    StopReason.TIME_LIMIT_REACHED: "TimeLimitReached",
    StopReason.SOFT_RESET: "ResetCommand",
    StopReason.HARD_RESET: "ResetCommand",
    StopReason.IMMEDIATE_RESET: "ResetCommand",
    StopReason.TIMEOUT: "EVConnectTimeout",
}
"""Why an Ended is sent (TriggerReasonEnumType); AbnormalCondition where nothing fits better."""

_UPDATE_TRIGGERS = {ReadingContext.CLOCK: "MeterValueClock", ReadingContext.TRIGGER: "Trigger"}


class EventType(StrEnum):
    """Which part of a transaction a message tells (TransactionEventEnumType, values as on the wire)."""

    STARTED = "Started"
    UPDATED = "Updated"
    ENDED = "Ended"


@dataclass(frozen=True, slots=True)
class TransactionMessage:
    """TransactionEventRequest, decoded. What need not be told in every message is None or empty.

    Args:
        kind: start, update or end.
        key: transactionId: any text of the station's, up to 36 characters.
        seq_no: number of the message within the transaction.
        at: when it happened; the station may send it much later.
        evse_id: told once, in any message; None where this one does not tell it.
        id_token: who presented a token now; None also where the station let somebody charge without one.
        values: readings with an energy register, in the order of the message.
        signed: signed originals.
        reason: why it ended; None unless it ended.
        trigger: why the message was sent (TriggerReasonEnumType), as received.
        charging_state: ChargingStateEnumType as received, "" where not told.
        offline: it happened while the station was not connected.
        remote_start_id: number of the request that asked for the transaction.
        reservation_id: the reservation that it used up.
    """

    kind: EventType
    key: TransactionKey
    seq_no: int
    at: datetime
    evse_id: EvseId | None
    id_token: IdToken | None
    values: tuple[MeterValue, ...] = ()
    signed: tuple[SignedReading, ...] = ()
    reason: StopReason | None = None
    trigger: str = ""
    charging_state: str = ""
    offline: bool = False
    remote_start_id: int | None = None
    reservation_id: int | None = None


def id_token(token: IdToken) -> Payload:
    """Encode IdTokenType. Where nobody told the type, what looks like the UID of a card is ISO14443, else Central."""
    value = token.value
    if token.kind == NO_AUTHORIZATION:
        return {"idToken": "", "type": NO_AUTHORIZATION}
    if token.kind:
        return {"idToken": value, "type": token.kind}
    is_uid = len(value) in _RFID_DIGITS and all(digit in "0123456789ABCDEF" for digit in value)
    return {"idToken": value, "type": "ISO14443" if is_uid else "Central"}


def decode_id_token(told: object) -> IdToken | None:
    """Read IdTokenType; None where it names nobody (type NoAuthorization, or an empty text).

    Raises:
        PayloadError: its text can't be a token.
    """
    if not isinstance(told, dict) or told.get("type") == NO_AUTHORIZATION or not str(told.get("idToken", "")).strip():
        return None
    try:
        return IdToken.parse(str(told["idToken"]), LONGEST_TOKEN, str(told.get("type", "")))
    except ValueError as error:
        raise PayloadError(f"idToken: {error}") from error


def transaction_event(event: TransactionEvent, *, offline: bool = False) -> Payload:
    """Encode TransactionEventRequest (OCPP 2.0.1 part 2, 1.60). Token and EVSE are told at the start only.

    Args:
        event: what happened.
        offline: the station was not connected then.
    """
    info: dict[str, object] = {"transactionId": event.key}
    if event.state:
        info["chargingState"] = event.state.value
    payload: dict[str, object] = {"eventType": type(event).__name__}
    values = event.values if isinstance(event, Updated) else (event.meter,)
    if isinstance(event, Ended) and event.repeated:
        values = event.repeated
    payload["meterValue"] = [_meter_value(value) for value in values]
    payload |= {"timestamp": timestamp(event.at), "triggerReason": _trigger(event), "seqNo": event.seq_no}
    if offline:
        payload["offline"] = True
    match event:
        case Started():
            if event.reservation_id is not None:
                payload["reservationId"] = event.reservation_id
            if event.remote_start_id is not None:
                info["remoteStartId"] = event.remote_start_id
            payload["transactionInfo"] = info
            payload |= {"evse": {"id": event.evse_id, "connectorId": 1}, "idToken": id_token(event.id_token)}
        case Ended():
            reason = _REASONS.get(event.reason, event.reason)
            info["stoppedReason"] = StopReason.OTHER if reason is StopReason.UNLOCK_COMMAND else reason
            payload["transactionInfo"] = info
            if event.id_token:
                payload["idToken"] = id_token(event.id_token)
        case Updated():
            payload["transactionInfo"] = info
    return payload


def _trigger(event: TransactionEvent) -> str:
    if not isinstance(event, Ended) and event.trigger:
        return event.trigger.value
    match event:
        case Started():
            return "Authorized" if event.remote_start_id is None else "RemoteStart"
        case Updated():
            return _UPDATE_TRIGGERS.get(event.values[-1].context, "MeterValuePeriodic")
        case Ended():
            return _END_TRIGGERS.get(event.reason, "AbnormalCondition")


def _meter_value(value: MeterValue) -> Payload:
    reading = value.reading
    register: dict[str, object] = {"value": reading.energy_import}
    if reading.signed:
        register["signedMeterValue"] = _signed_meter_value(reading.signed)
    samples = [register]
    if reading.power is not None:
        samples.append({"value": reading.power, "measurand": "Power.Active.Import", "unitOfMeasure": {"unit": "W"}})
    for phase, current in zip(PHASES, reading.currents, strict=False):
        amps = Decimal(current).scaleb(-3)
        samples.append({"value": amps, "measurand": "Current.Import", "phase": phase, "unitOfMeasure": {"unit": "A"}})
    for phase, voltage in zip(PHASES, reading.voltages, strict=False):
        volts = Decimal(voltage).scaleb(-3)
        samples.append({"value": volts, "measurand": "Voltage", "phase": f"{phase}-N", "unitOfMeasure": {"unit": "V"}})
    if reading.offered is not None:
        amps = Decimal(reading.offered).scaleb(-3)
        samples.append({"value": amps, "measurand": "Current.Offered", "unitOfMeasure": {"unit": "A"}})
    if value.context is not ReadingContext.PERIODIC:
        samples = [{"value": sample.pop("value"), "context": value.context.value, **sample} for sample in samples]
    return {"sampledValue": samples, "timestamp": timestamp(value.at)}


def _signed_meter_value(data: SignedData) -> Payload:
    """Encode SignedMeterValueType, whose data are the meter's own in Base64."""
    return {
        "signedMeterData": b64encode(data.text.encode()).decode("ascii"),
        "signingMethod": data.signing_method,
        "encodingMethod": data.encoding_method or data.text.partition("|")[0][:50],
        "publicKey": data.public_key,
    }


def decode_transaction_event(payload: Payload) -> TransactionMessage:
    """Decode TransactionEventRequest. Limits of values may be exceeded, the types are those of the schema.

    Raises:
        PayloadError: it can't be told which transaction, when, or which message it is.
    """
    info = payload["transactionInfo"]
    assert isinstance(info, dict)  # noqa: S101  the schema says so
    at = _moment(payload["timestamp"])
    kind = _event_type(payload["eventType"])
    evse = payload.get("evse")
    values, signed = decode_meter_values(payload, at)
    return TransactionMessage(
        kind=kind,
        key=TransactionKey(str(info["transactionId"])),
        seq_no=_integer(payload["seqNo"], "seqNo"),
        at=at,
        evse_id=EvseId(_integer(evse["id"], "evse.id")) if isinstance(evse, dict) else None,
        id_token=decode_id_token(payload.get("idToken")),
        values=values,
        signed=signed,
        reason=stop_reason(info.get("stoppedReason")) if kind is EventType.ENDED else None,
        trigger=str(payload.get("triggerReason", "")),
        charging_state=str(info.get("chargingState", "")),
        offline=payload.get("offline") is True,
        remote_start_id=_optional(info.get("remoteStartId"), "remoteStartId"),
        reservation_id=_optional(payload.get("reservationId"), "reservationId"),
    )


def decode_meter_values(payload: Payload, at: datetime) -> tuple[tuple[MeterValue, ...], tuple[SignedReading, ...]]:
    """Read `meterValue`: the values that have an energy register, and all that is signed.

    Args:
        payload: of TransactionEvent or MeterValues.
        at: of the message; taken for values whose own time can't be read.
    """
    rows = payload.get("meterValue") or []
    assert isinstance(rows, list)  # noqa: S101  the schema says so
    values: list[MeterValue] = []
    signed: list[SignedReading] = []
    for row in rows:
        taken = _moment_or(row["timestamp"], at)
        originals = tuple(_signed_readings(row["sampledValue"], taken))
        signed += originals
        reading = _reading(row["sampledValue"], originals[-1].data if originals else None)
        if reading:
            values.append(MeterValue(taken, reading, _context(row["sampledValue"])))
    return tuple(values), tuple(signed)


def _reading(rows: list[Payload], signed: SignedData | None) -> MeterReading | None:
    samples: list[Sample] = []
    for row in rows:
        unit = row.get("unitOfMeasure") or {}
        assert isinstance(unit, dict)  # noqa: S101  the schema says so
        multiplier = _integer(unit.get("multiplier", 0), "multiplier")
        measurand = row.get("measurand") or ENERGY
        sample = make_sample(measurand, row.get("phase"), row["value"], unit.get("unit"), multiplier)
        if sample and row.get("location") not in _NOT_THE_OUTLET:
            samples.append(sample)
    return reading_of(samples, signed)


def _signed_readings(rows: list[Payload], at: datetime) -> list[SignedReading]:
    found = []
    for row in rows:
        told = row.get("signedMeterValue")
        if isinstance(told, dict):
            names = ("signedMeterData", "publicKey", "signingMethod", "encodingMethod")
            data = SignedData(*(str(told.get(name, "")) for name in names))
            found.append(SignedReading(at, _CONTEXTS.get(str(row.get("context")), ReadingContext.PERIODIC), data))
    return found


def _context(rows: list[Payload]) -> ReadingContext:
    """Tell why a value was taken: as its samples say, the last one that says something we know."""
    known = [_CONTEXTS[str(row["context"])] for row in rows if str(row.get("context")) in _CONTEXTS]
    return known[-1] if known else ReadingContext.PERIODIC


def _moment(text: object) -> datetime:
    """Read a time to the millisecond, as it is stored: what is derived anew must equal what was derived before."""
    moment = parse_timestamp(text)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _moment_or(text: object, default: datetime) -> datetime:
    try:
        return _moment(text)
    except PayloadError:
        return default


def _event_type(text: object) -> EventType:
    try:
        return EventType(str(text))
    except ValueError as error:
        raise PayloadError("eventType is none of Started, Updated, Ended") from error


def _optional(value: object, name: str) -> int | None:
    return _integer(value, name) if value is not None else None


def _integer(value: object, name: str) -> int:
    # JSON schemas take 3.0 for an integer, and the reader makes it a Decimal.
    if isinstance(value, Decimal) and value == value.to_integral_value():
        value = int(value)
    if not isinstance(value, int) or abs(value) > _MAX_INTEGER:
        raise PayloadError(f"{name} is no whole number, or out of range")
    return value
