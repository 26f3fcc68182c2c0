from datetime import UTC, datetime, timedelta, timezone

import pytest

from shared.ids import EvseId, IdToken, TransactionKey
from shared.metering import MeterReading, MeterValue, ReadingContext, SignedData
from shared.ocpp import v16
from shared.ocpp.session import Payload, dumps, loads
from shared.ocpp.validation import Version, violation
from shared.transaction import Ended, Started, StopReason, Updated, retimed
from shared.units import MilliAmp, MilliVolt, Watt, Wh

_AT = datetime(2026, 10, 31, 18, 0, tzinfo=UTC)
_KEY, _TOKEN = TransactionKey("t-1"), IdToken("04A1B2C3D4")
_READING = MeterReading(
    Wh(4_711_250),
    Watt(11040),
    (MilliAmp(16000), MilliAmp(15950), MilliAmp(0)),
    (MilliVolt(230100), MilliVolt(229900), MilliVolt(230000)),
)


def _through_the_wire(action: str, payload: Payload) -> Payload:
    assert violation(Version.V16, action, payload) is None
    back = loads(dumps(payload))
    assert isinstance(back, dict)
    return back


def test_a_start_survives_the_wire() -> None:
    event = Started(_KEY, EvseId(1), _TOKEN, MeterValue(_AT, MeterReading(Wh(4_711_000)), ReadingContext.BEGIN), 5)
    wire = _through_the_wire("StartTransaction", v16.start_transaction(event))
    assert v16.decode_start_transaction(wire) == v16.StartTransaction(EvseId(1), _TOKEN, event.meter, 5)


@pytest.mark.parametrize("context", list(ReadingContext))
def test_readings_survive_the_wire(context: ReadingContext) -> None:
    event = Updated(
        _KEY, 1, EvseId(2), (MeterValue(_AT, _READING, context), MeterValue(_AT, MeterReading(Wh(4_711_300))))
    )
    wire = _through_the_wire("MeterValues", v16.meter_values(event, 17))
    assert v16.decode_meter_values(wire) == v16.MeterValues(EvseId(2), 17, event.values, 0)


def test_the_payload_is_lean() -> None:
    event = Updated(_KEY, 1, EvseId(1), (MeterValue(_AT, MeterReading(Wh(12), Watt(7))),))
    assert dumps(v16.meter_values(event, 3)) == (
        '{"connectorId":1,"transactionId":3,"meterValue":[{"timestamp":"2026-10-31T18:00:00Z","sampledValue":'
        '[{"value":"12"},{"value":"7","measurand":"Power.Active.Import","unit":"W"}]}]}'
    )


def test_a_stop_survives_the_wire_with_its_signature() -> None:
    signed = SignedData('OCMF|{"FV":"1.0"}|{"SD":"30"}')
    meter = MeterValue(_AT, MeterReading(Wh(4_722_000), signed=signed), ReadingContext.END)
    event = Ended(_KEY, 9, EvseId(1), meter, StopReason.EV_DISCONNECTED, _TOKEN)
    wire = _through_the_wire("StopTransaction", v16.stop_transaction(event, 17))
    stop = v16.decode_stop_transaction(wire)
    assert (stop.transaction_id, stop.meter, stop.reason, stop.id_token) == (
        17,
        meter,
        StopReason.EV_DISCONNECTED,
        _TOKEN,
    )


def test_both_signed_readings_travel_with_the_stop_in_their_order() -> None:
    first, last = (SignedData(f'OCMF|{{"FV": "1.0", "PG":"{page}"}}|{{"SD":"30"}}') for page in ("T1", "T2"))
    begin = MeterValue(_AT, MeterReading(Wh(4_711_000), signed=first), ReadingContext.BEGIN)
    end = MeterValue(_AT, MeterReading(Wh(4_722_000), signed=last), ReadingContext.END)
    event = Ended(_KEY, 9, EvseId(1), end, StopReason.LOCAL)
    wire = _through_the_wire("StopTransaction", v16.stop_transaction(event, 17, begin))
    stop = v16.decode_stop_transaction(wire)
    assert stop.values == (begin, end)
    assert stop.meter == end
    unsigned = MeterValue(_AT, MeterReading(Wh(4_711_000)), ReadingContext.BEGIN)
    assert v16.decode_stop_transaction(v16.stop_transaction(event, 17, unsigned)).values == (end,)


def test_a_signed_begin_is_not_lost_with_an_unsigned_end() -> None:
    begin = MeterValue(_AT, MeterReading(Wh(1), signed=SignedData("OCMF|{}|{}")), ReadingContext.BEGIN)
    event = Ended(_KEY, 9, EvseId(1), MeterValue(_AT, _READING, ReadingContext.END), StopReason.LOCAL)
    wire = _through_the_wire("StopTransaction", v16.stop_transaction(event, 17, begin))
    assert v16.decode_stop_transaction(wire).values == (begin,)


def test_local_is_the_default_reason() -> None:
    wire = v16.stop_transaction(Ended(_KEY, 1, EvseId(1), MeterValue(_AT, _READING), StopReason.LOCAL), 1)
    assert "reason" not in wire
    assert v16.decode_stop_transaction(wire).reason is StopReason.LOCAL


@pytest.mark.parametrize(
    ("sample", "energy"),
    [
        ({"value": "12.5", "unit": "kWh"}, 12_500),
        ({"value": "9.1660000000000004", "unit": "kWh"}, 9_166),
        ({"value": "9.1659999999999", "unit": "kWh"}, 9_166),
        ({"value": "1234.7"}, 1_234),
        ({"value": "1e3"}, 1_000),
        ({"value": ""}, None),
        ({"value": "NaN"}, None),
        ({"value": "-5"}, None),
        ({"value": "1e999"}, None),
        ({"value": "5", "phase": "L1"}, None),
        ({"value": "5", "measurand": "Temperature"}, None),
    ],
)
def test_foreign_values_are_understood_or_left_out(sample: dict[str, str], energy: int | None) -> None:
    payload = {"connectorId": 1, "meterValue": [{"timestamp": "2026-10-31T18:00:00Z", "sampledValue": [sample]}]}
    decoded = v16.decode_meter_values(payload)
    assert [v.reading.energy_import for v in decoded.values] == ([] if energy is None else [energy])
    assert decoded.ignored == (1 if energy is None else 0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-10-31T18:00:00Z", _AT),
        ("2026-10-31T19:00:00+01:00", _AT),
        ("2026-10-31T18:00:00", _AT),
        ("2026-10-31T18:00:00.1234567Z", _AT.replace(microsecond=123456)),
        (" 2026-10-31T18:00:00.5Z", _AT.replace(microsecond=500000)),
    ],
)
def test_times_of_many_stations_are_read(text: str, expected: datetime) -> None:
    assert v16.parse_timestamp(text) == expected


@pytest.mark.parametrize("text", ["", "yesterday", None, 7, "2026-13-01T00:00:00Z"])
def test_what_is_no_time_is_refused(text: object) -> None:
    with pytest.raises(v16.PayloadError, match="not an ISO 8601 time"):
        v16.parse_timestamp(text)


def test_times_leave_in_utc() -> None:
    local = _AT.astimezone(timezone(timedelta(hours=1)))
    assert v16.timestamp(local) == "2026-10-31T18:00:00Z"
    assert v16.timestamp(_AT.replace(microsecond=120_000)) == "2026-10-31T18:00:00.120Z"


@pytest.mark.parametrize("change", [{"meterStart": -1}, {"idTag": "  "}])
def test_a_start_without_meaning_is_refused(change: dict[str, object]) -> None:
    payload = {"connectorId": 1, "idTag": "A1", "meterStart": 0, "timestamp": "2026-10-31T18:00:00Z", **change}
    with pytest.raises(v16.PayloadError):
        v16.decode_start_transaction(payload)


def test_retiming_moves_every_time_and_nothing_else() -> None:
    hour = timedelta(hours=1)
    event = Updated(_KEY, 1, EvseId(1), (MeterValue(_AT, _READING), MeterValue(_AT + hour, _READING)))
    moved = retimed(event, lambda at: at + hour)
    assert isinstance(moved, Updated)
    assert [v.at for v in moved.values] == [_AT + hour, _AT + 2 * hour]
    assert [v.reading for v in moved.values] == [_READING, _READING]


def test_a_register_told_by_phase_is_the_sum_of_all_three() -> None:
    samples = [{"value": f"{number}.5", "unit": "kWh", "phase": f"L{number}"} for number in (1, 2, 3)]
    payload = {"connectorId": 1, "meterValue": [{"timestamp": "2026-10-31T18:00:00Z", "sampledValue": samples}]}
    assert [v.reading.energy_import for v in v16.decode_meter_values(payload).values] == [7_500]


def test_all_that_is_signed_is_kept_as_it_is_also_without_a_register() -> None:
    text = 'OCMF|{"RV": "1.0" }|{"SD":"30ü"}'
    wrapped = dumps({"signedMeterData": "T0NNRg==", "encodingMethod": "OCMF", "signingMethod": "S", "publicKey": "30"})
    rows = [
        {
            "timestamp": "2026-10-31T18:00:00Z",
            "sampledValue": [{"value": text, "format": "SignedData", "context": "Transaction.Begin"}],
        },
        {
            "timestamp": "2026-10-31T19:00:00Z",
            "sampledValue": [
                {"value": wrapped, "format": "SignedData", "context": "Transaction.End"},
                {"value": "{", "format": "SignedData"},
            ],
        },
    ]
    decoded = v16.decode_meter_values({"connectorId": 1, "meterValue": rows})
    assert decoded.values == ()
    begin, end, odd = decoded.signed
    assert (begin.at, begin.context, begin.data) == (_AT, ReadingContext.BEGIN, SignedData(text))
    assert (end.context, end.data) == (ReadingContext.END, SignedData("T0NNRg==", "30", "S", "OCMF"))
    assert odd.data.text == "{"


def test_reasons_of_later_versions_are_other_ones_here() -> None:
    meter = MeterValue(_AT, MeterReading(Wh(1)), ReadingContext.END)
    payload = v16.stop_transaction(Ended(_KEY, 1, EvseId(1), meter, StopReason.SOC_LIMIT_REACHED), 1)
    assert _through_the_wire("StopTransaction", payload)["reason"] == "Other"
    assert v16.decode_stop_transaction({**payload, "reason": "BecauseICan"}).reason is StopReason.OTHER
