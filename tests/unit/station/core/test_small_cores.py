"""Sampling, back-off, states to report, keys, the written form of events."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from shared.ids import EvseId, IdToken, TransactionKey
from shared.metering import MeterReading, MeterValue, ReadingContext, SignedData
from shared.transaction import Ended, Started, StopReason, TransactionEvent, Updated
from shared.units import MilliAmp, MilliVolt, Watt, Wh
from station.core import record
from station.core.backoff import Backoff
from station.core.configuration import AS_TOLD, KEYS, ChangeStatus, Configuration
from station.core.sampling import AlignedSamples, PeriodicSamples, Samples
from station.core.status_reports import Report, StatusReports
from station.core.timekeeping import Now
from station.ocpp16.dialect import Ocpp16

NOON = datetime(2026, 10, 31, 12, 0, tzinfo=UTC)


def now(seconds: float) -> Now:
    return Now(1000.0 + seconds, NOON + timedelta(seconds=seconds))


def test_periodic_samples_keep_the_grid_of_the_begin() -> None:
    samples = PeriodicSamples(1000.0)
    due = [second for second in range(400) if samples.due(now(second), 60)]
    assert due == [60, 120, 180, 240, 300, 360]


def test_missed_samples_do_not_pile_up() -> None:
    samples = PeriodicSamples(1000.0)
    assert [second for second in (0, 250, 251, 299, 300) if samples.due(now(second), 60)] == [250, 300]


def test_an_interval_of_zero_means_no_samples() -> None:
    assert not PeriodicSamples(0.0).due(now(0), 0)
    aligned = AlignedSamples()
    assert not any(aligned.due(now(second), 0) for second in range(0, 7200, 60))


def test_aligned_samples_lie_on_the_clock_also_past_midnight() -> None:
    aligned = AlignedSamples()
    start = 11 * 3600 + 50 * 60  # 23:50
    due = [minute for minute in range(40) if aligned.due(now(start + minute * 60), 900)]
    assert due == [10, 25]


def test_one_reading_serves_both_reasons_each_with_its_own_measurands() -> None:
    keys = {
        "MeterValueSampleInterval": "60",
        "ClockAlignedDataInterval": "60",
        "MeterValuesAlignedData": "Energy.Active.Import.Register",
    }
    samples = Samples(Configuration(keys))
    samples.begin(now(0))
    assert samples.within(FULL, now(0)) == ()
    periodic, aligned = samples.within(FULL, now(60))
    assert (periodic.context, aligned.context) == (ReadingContext.PERIODIC, ReadingContext.CLOCK)
    assert (periodic.reading.power, aligned.reading.power) == (FULL.power, None)
    assert not periodic.reading.voltages


def test_the_end_repeats_what_was_asked_for_and_thins_the_first_one_first() -> None:
    keys = {
        "MeterValueSampleInterval": "10",
        "StopTxnSampledData": "Energy.Active.Import.Register",
        "StopTransactionMaxMeterValues": "4",
    }
    samples = Samples(Configuration(keys))
    samples.begin(now(0))
    for second in range(10, 60, 10):
        samples.within(replace(FULL, energy_import=Wh(second)), now(second))
    begin, end = MeterValue(NOON, FULL, ReadingContext.BEGIN), MeterValue(now(60).utc, FULL, ReadingContext.END)
    repeated = samples.repeated(begin, end, now(60))
    assert [value.reading.energy_import for value in repeated] == [12345, 20, 40, 12345]
    assert [value.at for value in repeated] == [NOON, now(20).utc, now(40).utc, now(60).utc]
    assert all(value.reading.power is None for value in repeated)


def test_without_a_wish_the_end_repeats_nothing() -> None:
    samples = Samples(Configuration({"MeterValueSampleInterval": "10"}))
    samples.begin(now(0))
    samples.within(FULL, now(10))
    value = MeterValue(NOON, FULL)
    assert samples.repeated(value, value, now(20)) == ()


def test_the_wait_doubles_up_to_a_limit_and_begins_anew_after_success() -> None:
    backoff = Backoff(3.0, 10.0, 3, lambda: 0.5)
    assert [backoff.next() for _ in range(6)] == [8, 21, 47, 99, 99, 99]
    backoff.reset()
    assert backoff.next() == 8


def report(status: str, connector: int = 1, error: str = "NoError") -> Report:
    return Report(connector, status, error, "", NOON)


def test_a_state_must_last_to_be_reported() -> None:
    statuses = StatusReports(Ocpp16().status_words)
    statuses.set(report("Available"), 0.0)
    first = statuses.due(0.0, 2.0)
    assert first == report("Available")
    statuses.told(first)
    statuses.set(report("Preparing"), 10.0)
    assert statuses.due(11.0, 2.0) is None
    assert statuses.next_due(2.0) == 12.0
    assert statuses.due(12.0, 2.0) == report("Preparing")


def test_a_state_that_came_and_went_is_not_reported() -> None:
    statuses = StatusReports(Ocpp16().status_words)
    statuses.set(report("Available"), 0.0)
    statuses.told(report("Available"))
    statuses.set(report("Preparing"), 10.0)
    statuses.set(report("Available"), 10.5)
    assert statuses.due(99.0, 2.0) is None
    assert statuses.next_due(2.0) is None


def test_after_a_boot_everything_is_told_connector_0_first() -> None:
    statuses = StatusReports(Ocpp16().status_words)
    for connector in (2, 0, 1):
        statuses.set(report("Available", connector), 0.0)
        statuses.told(report("Available", connector))
    statuses.forget_told()
    told = []
    while due := statuses.due(5.0, 0.0):
        told.append(due.evse_id)
        statuses.told(due)
    assert told == [0, 1, 2]


def test_a_new_error_is_news_though_the_status_stays() -> None:
    statuses = StatusReports(Ocpp16().status_words)
    statuses.told(report("Charging"))
    statuses.set(report("Charging", error="PowerMeterFailure"), 0.0)
    due = statuses.due(5.0, 1.0)
    assert due
    assert Ocpp16().status(due).payload["errorCode"] == "PowerMeterFailure"


@pytest.mark.parametrize(
    ("name", "text", "status"),
    [
        ("MeterValueSampleInterval", "60", ChangeStatus.ACCEPTED),
        ("MeterValueSampleInterval", "-1", ChangeStatus.REJECTED),
        ("MeterValueSampleInterval", "86401", ChangeStatus.REJECTED),
        ("MeterValueSampleInterval", "soon", ChangeStatus.REJECTED),
        ("MeterValueSampleInterval", "٦٠", ChangeStatus.REJECTED),
        ("ConnectionTimeOut", "0", ChangeStatus.REJECTED),
        ("LocalPreAuthorize", "True", ChangeStatus.ACCEPTED),
        ("LocalPreAuthorize", "yes", ChangeStatus.REJECTED),
        ("MeterValuesSampledData", "Energy.Active.Import.Register, Voltage", ChangeStatus.ACCEPTED),
        ("MeterValuesSampledData", "Voltage", ChangeStatus.REJECTED),
        ("MeterValuesSampledData", "Energy.Active.Import.Register,SoC", ChangeStatus.REJECTED),
        ("WebSocketPingInterval", "300", ChangeStatus.ACCEPTED),
        ("StopTxnSampledData", "", ChangeStatus.ACCEPTED),
        ("StopTxnSampledData", "Voltage", ChangeStatus.REJECTED),
        ("ConnectorPhaseRotation", "0.RST,1.RTS", ChangeStatus.ACCEPTED),
        ("ConnectorPhaseRotation", "up", ChangeStatus.REJECTED),
        ("LightIntensity", "50", ChangeStatus.NOT_SUPPORTED),
        ("NumberOfConnectors", "2", ChangeStatus.REJECTED),
        ("NoSuchKey", "x", ChangeStatus.NOT_SUPPORTED),
    ],
)
def test_what_a_change_of_a_key_comes_to(name: str, text: str, status: ChangeStatus) -> None:
    assert Configuration().judge(name, text) is status


def test_a_changed_key_is_told_and_obeyed() -> None:
    keys = Configuration({"ConnectionTimeOut": "60", "Gone": "1", "LocalPreAuthorize": "maybe"})
    assert keys.number("ConnectionTimeOut") == 60
    assert keys.text("LocalPreAuthorize") == "false"
    keys.change("LocalPreAuthorize", "true")
    assert keys.flag("LocalPreAuthorize")
    assert keys.text("Gone") is None


def test_every_default_is_a_value_that_its_own_key_accepts() -> None:
    keys = Configuration(tells_newer=True)
    for key in KEYS:
        if key.access != "ro" and not key.is_set_elsewhere and key.default != AS_TOLD:
            assert keys.judge(key.name, keys.text(key.name) or "") is not ChangeStatus.REJECTED


FULL = MeterReading(
    Wh(12345),
    Watt(-5),
    (MilliAmp(1), MilliAmp(2), MilliAmp(3)),
    (MilliVolt(230000),),
    SignedData('OCMF|{"a":"ä"}|{}', "3059", "ECDSA-secp256r1-SHA256", "OCMF"),
    MilliAmp(16000),
)
KEY = TransactionKey("k1")


@pytest.mark.parametrize(
    "event",
    [
        Started(KEY, EvseId(2), IdToken("AB12"), MeterValue(NOON, FULL, ReadingContext.BEGIN), 7, 12),
        Started(KEY, EvseId(1), IdToken("AB12"), MeterValue(NOON, MeterReading(Wh(0)), ReadingContext.BEGIN)),
        Updated(KEY, 3, EvseId(1), (MeterValue(NOON, FULL), MeterValue(NOON, FULL, ReadingContext.CLOCK))),
        Ended(KEY, 4, EvseId(1), MeterValue(NOON, FULL, ReadingContext.END), StopReason.POWER_LOSS),
        Ended(KEY, 4, EvseId(1), MeterValue(NOON, FULL, ReadingContext.END), StopReason.LOCAL, IdToken("X")),
        Ended(KEY, 4, EvseId(1), MeterValue(NOON, FULL), StopReason.LOCAL, None, (MeterValue(NOON, FULL),)),
    ],
)
def test_an_event_comes_back_from_the_journal_as_it_was(event: TransactionEvent) -> None:
    assert record.decode(record.encode(event)) == event


def test_a_signed_value_of_an_older_program_is_read() -> None:
    ended = Ended(KEY, 4, EvseId(1), MeterValue(NOON, FULL, ReadingContext.END), StopReason.LOCAL)
    text = record.encode(ended).split(" ", 2)[2]  # without its check sum
    older = text.replace(',"ECDSA-secp256r1-SHA256","OCMF"', "")
    assert older != text
    event = record.decode(older)
    assert isinstance(event, Ended)
    assert event.meter.reading.signed == SignedData('OCMF|{"a":"ä"}|{}', "3059")


@pytest.mark.parametrize("text", ["{}", '{"key":"a","evse":1,"values":[],"kind":"paused"}', "[]", "nonsense"])
def test_what_is_no_event_is_refused(text: str) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        record.decode(text)
