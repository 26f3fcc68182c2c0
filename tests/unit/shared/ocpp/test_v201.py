import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.ids import EvseId, IdToken, TransactionKey
from shared.metering import MeterReading, MeterValue, ReadingContext, SignedData
from shared.ocpp import v201
from shared.ocpp.session import Payload, dumps, loads
from shared.ocpp.v16 import PayloadError
from shared.ocpp.validation import Version, violation
from shared.transaction import ChargingState, Ended, Started, StopReason, TransactionEvent, Updated
from shared.units import MilliAmp, MilliVolt, Watt, Wh

AT = datetime(2026, 10, 31, 18, 0, tzinfo=UTC)
KEY, TOKEN = TransactionKey("0b9a5c6e-7d0f-4a43-9f0e-1f0e3f8a8c11"), IdToken("04A1B2C3D4E5F6")
READING = MeterReading(
    Wh(4_711_250),
    Watt(11040),
    (MilliAmp(16000), MilliAmp(15950), MilliAmp(0)),
    (MilliVolt(230100), MilliVolt(229900), MilliVolt(230000)),
)
BEGIN = MeterValue(AT, READING, ReadingContext.BEGIN)
END = MeterValue(AT + timedelta(hours=1), MeterReading(Wh(4_722_000)), ReadingContext.END)


def through_the_wire(event: TransactionEvent, **more: Any) -> v201.TransactionMessage:  # Any: of either keyword
    payload = v201.transaction_event(event, **more)
    back = loads(dumps(payload))
    assert isinstance(back, dict)
    for version in (Version.V201, Version.V21):
        assert violation(version, "TransactionEvent", back) is None
    return v201.decode_transaction_event(back)


def test_a_start_survives_the_wire() -> None:
    message = through_the_wire(Started(KEY, EvseId(2), TOKEN, BEGIN, 5, 77, state=ChargingState.CHARGING))
    assert (message.kind, message.key, message.seq_no, message.at) == (v201.EventType.STARTED, KEY, 0, AT)
    assert (message.evse_id, message.id_token, message.values) == (2, TOKEN, (BEGIN,))
    assert (message.reservation_id, message.remote_start_id, message.trigger) == (5, 77, "RemoteStart")
    assert (message.charging_state, message.offline) == ("Charging", False)


@pytest.mark.parametrize("context", list(ReadingContext))
def test_readings_survive_the_wire(context: ReadingContext) -> None:
    values = (MeterValue(AT, READING, context), MeterValue(AT + timedelta(minutes=1), MeterReading(Wh(4_711_300))))
    message = through_the_wire(Updated(KEY, 3, EvseId(1), values), offline=True)
    assert (message.kind, message.seq_no, message.values) == (v201.EventType.UPDATED, 3, values)
    assert (message.evse_id, message.id_token, message.offline) == (None, None, True)


@pytest.mark.parametrize("reason", [one for one in StopReason if one is not StopReason.REQ_ENERGY_TRANSFER_REJECTED])
def test_every_reason_to_end_has_a_word(reason: StopReason) -> None:
    message = through_the_wire(Ended(KEY, 9, EvseId(1), END, reason, TOKEN))
    assert message.values == (END,)
    assert message.id_token == TOKEN
    other = {
        StopReason.SOFT_RESET: StopReason.REBOOT,
        StopReason.HARD_RESET: StopReason.IMMEDIATE_RESET,
        StopReason.UNLOCK_COMMAND: StopReason.OTHER,
    }
    assert message.reason is other.get(reason, reason)


def test_the_payload_is_lean() -> None:
    event = Updated(KEY, 1, EvseId(1), (MeterValue(AT, MeterReading(Wh(12), currents=(MilliAmp(8100),))),))
    assert dumps(v201.transaction_event(event)) == (
        '{"eventType":"Updated","meterValue":[{"sampledValue":[{"value":12},{"value":8.1,"measurand":"Current.Import",'
        '"phase":"L1","unitOfMeasure":{"unit":"A"}}],"timestamp":"2026-10-31T18:00:00Z"}],'
        '"timestamp":"2026-10-31T18:00:00Z","triggerReason":"MeterValuePeriodic","seqNo":1,'
        f'"transactionInfo":{{"transactionId":"{KEY}"}}}}'
    )


def test_what_a_meter_signed_comes_out_of_its_base64_byte_for_byte() -> None:
    text = 'OCMF|{"FV":"1.0","RD":[{"RV":"4722.000ü"}]}|{"SD":"30"}'
    meter = replace(END, reading=MeterReading(Wh(4_722_000), signed=SignedData(text, "3059", "ECDSA", "OCMF")))
    [signed] = through_the_wire(Ended(KEY, 9, EvseId(1), meter, StopReason.LOCAL)).signed
    assert base64.b64decode(signed.data.text).decode() == text
    assert (signed.data.public_key, signed.data.signing_method, signed.data.encoding_method) == (
        "3059",
        "ECDSA",
        "OCMF",
    )
    assert (signed.at, signed.context) == (meter.at, ReadingContext.END)


def event(**more: object) -> Payload:
    return {
        "eventType": "Updated",
        "timestamp": "2026-10-31T18:00:00Z",
        "triggerReason": "MeterValuePeriodic",
        "seqNo": 1,
        "transactionInfo": {"transactionId": "7"},
        **more,
    }


def row(*samples: object, at: str = "2026-10-31T18:00:00Z") -> Payload:
    return {"timestamp": at, "sampledValue": list(samples)}


@pytest.mark.parametrize(
    ("samples", "energy"),
    [
        ('[{"value":9.1660000001,"unitOfMeasure":{"unit":"kWh"}}]', 9166),
        ('[{"value":9.1659999999999,"unitOfMeasure":{"unit":"kWh"}}]', 9166),
        ('[{"value":9.1659,"unitOfMeasure":{"unit":"kWh"}}]', 9165),
        ('[{"value":916.6,"unitOfMeasure":{"unit":"Wh","multiplier":1}}]', 9166),
        ('[{"value":9166,"unitOfMeasure":{}}]', 9166),
        ('[{"value":9166,"location":"Outlet"},{"value":5,"location":"EV"},{"value":7,"location":"Inlet"}]', 9166),
        ('[{"value":1,"phase":"L1"},{"value":2,"phase":"L2-N"},{"value":3,"phase":"L3"}]', 6),
        ('[{"value":9,"phase":"L1"},{"value":20}]', 20),
        ('[{"value":9,"phase":"L1"},{"value":20,"phase":"L2"}]', None),
        ('[{"value":-1}]', None),
        ('[{"value":1e300}]', None),
        ('[{"value":1,"unitOfMeasure":{"multiplier":999999999}}]', None),
        ('[{"value":5,"measurand":"SoC"}]', None),
        ('[{"value":5,"measurand":"Energy.Active.Export.Register"}]', None),
    ],
)
def test_registers_are_read_to_the_wh_whatever_their_unit(samples: str, energy: int | None) -> None:
    told = loads(samples)
    assert isinstance(told, list)
    message = v201.decode_transaction_event(event(meterValue=[row(*told)]))
    assert [v.reading.energy_import for v in message.values] == ([] if energy is None else [energy])


def test_what_is_not_told_is_not_made_up() -> None:
    message = v201.decode_transaction_event(event())
    assert (message.evse_id, message.id_token, message.values, message.signed) == (None, None, (), ())
    assert message.reason is None


@pytest.mark.parametrize("token", [{"idToken": "", "type": "NoAuthorization"}, {"idToken": " ", "type": "Central"}])
def test_a_token_that_names_nobody_is_none(token: Payload) -> None:
    assert v201.decode_transaction_event(event(idToken=token)).id_token is None


def test_a_value_whose_time_can_not_be_read_was_taken_with_its_message() -> None:
    message = v201.decode_transaction_event(event(meterValue=[row({"value": 5}, at="soon")]))
    assert message.values[0].at == AT


@pytest.mark.parametrize(
    "change",
    [
        {"timestamp": "soon"},
        {"seqNo": 2**70},
        {"eventType": "Paused"},
        {"idToken": {"idToken": "\u0007x", "type": "Local"}},
    ],
)
def test_what_can_not_be_placed_is_refused(change: Payload) -> None:
    with pytest.raises(PayloadError):
        v201.decode_transaction_event(event(**change))


@pytest.mark.parametrize(("value", "kind"), [("04A1B2C3", "ISO14443"), ("DE-8AA-CA2B3C4D5-1", "Central")])
def test_tokens_get_a_type(value: str, kind: str) -> None:
    assert v201.id_token(IdToken(value)) == {"idToken": value, "type": kind}
