"""The written form of transaction events in the journal: JSON that gives back exactly the same event.

It begins with a check sum: a bit that rots on a card must not become another register. What older programs wrote has
none.
"""

import json
import zlib
from datetime import datetime

from shared.ids import EvseId, IdToken, TransactionKey
from shared.metering import MeterReading, MeterValue, ReadingContext, SignedData
from shared.transaction import ChargingState, Ended, Started, StopReason, TransactionEvent, Trigger, Updated
from shared.units import MilliAmp, MilliVolt, Watt, Wh

Json = dict[str, object]
_SUM = "crc32 "


def encode(event: TransactionEvent) -> str:
    """Write an event."""
    body: Json = {"key": event.key, "evse": event.evse_id}
    match event:
        case Started():
            body |= {"kind": "started", "token": event.id_token.value, "values": [_value(event.meter)]}
            if event.id_token.kind:
                body["token_kind"] = event.id_token.kind
            if event.reservation_id is not None:
                body["reservation"] = event.reservation_id
            if event.remote_start_id is not None:
                body["remote"] = event.remote_start_id
        case Updated():
            body |= {"kind": "updated", "seq": event.seq_no, "values": [_value(v) for v in event.values]}
        case Ended():
            body |= {"kind": "ended", "seq": event.seq_no, "values": [_value(event.meter)], "reason": event.reason}
            if event.id_token:
                body |= {"token": event.id_token.value, "token_kind": event.id_token.kind}
            if event.repeated:
                body["repeated"] = [_value(v) for v in event.repeated]
    if event.state:
        body["state"] = event.state
    if not isinstance(event, Ended) and event.trigger:
        body["trigger"] = event.trigger
    text = json.dumps(body, separators=(",", ":"))
    return f"{_SUM}{zlib.crc32(text.encode()):08x} {text}"


def decode(text: str) -> TransactionEvent:
    """Read what `encode` wrote.

    Raises:
        ValueError, KeyError: it was written by something else.
    """
    if text.startswith(_SUM):
        told, text = text[len(_SUM) :].split(" ", 1)
        if told != f"{zlib.crc32(text.encode()):08x}":
            raise ValueError("the check sum of a stored event is wrong")
    body = json.loads(text)
    key, evse_id = TransactionKey(body["key"]), EvseId(body["evse"])
    values = tuple(_parse_value(value) for value in body["values"])
    token = IdToken(body["token"], body.get("token_kind", "")) if "token" in body else None
    state = ChargingState(body["state"]) if "state" in body else None
    trigger = Trigger(body["trigger"]) if "trigger" in body else None
    repeated = tuple(_parse_value(value) for value in body.get("repeated", ()))
    match body["kind"]:
        case "started" if token:
            return Started(key, evse_id, token, values[0], body.get("reservation"), body.get("remote"), trigger, state)
        case "updated":
            return Updated(key, body["seq"], evse_id, values, trigger, state)
        case "ended":
            return Ended(key, body["seq"], evse_id, values[0], StopReason(body["reason"]), token, repeated, state)
        case kind:
            raise ValueError(f"an event of the kind {kind} is not known")


def _value(value: MeterValue) -> Json:
    reading = value.reading
    body: Json = {"at": value.at.isoformat(), "wh": reading.energy_import, "context": value.context}
    if reading.power is not None:
        body["w"] = reading.power
    if reading.currents:
        body["ma"] = reading.currents
    if reading.voltages:
        body["mv"] = reading.voltages
    if reading.offered is not None:
        body["offered"] = reading.offered
    if reading.signed:
        signed = reading.signed
        body["signed"] = [signed.text, signed.public_key, signed.signing_method, signed.encoding_method]
    return body


# Any value of JSON: `encode` made it, and the journal's file is nobody else's.
def _parse_value(body: dict[str, object]) -> MeterValue:
    power, signed, offered = body.get("w"), body.get("signed"), body.get("offered")
    reading = MeterReading(
        energy_import=Wh(_int(body["wh"])),
        power=None if power is None else Watt(_int(power)),
        currents=tuple(MilliAmp(_int(v)) for v in _list(body.get("ma", []))),
        voltages=tuple(MilliVolt(_int(v)) for v in _list(body.get("mv", []))),
        signed=SignedData(*(str(part) for part in _list(signed))) if signed else None,
        offered=None if offered is None else MilliAmp(_int(offered)),
    )
    return MeterValue(datetime.fromisoformat(str(body["at"])), reading, ReadingContext(str(body["context"])))


def _int(value: object) -> int:
    if not isinstance(value, int):
        raise ValueError(f"{value!r} is not a whole number")
    return value


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise ValueError(f"{value!r} is not a list")
    return value
