"""What the mobile link costs, and what is saved when the SIM's month runs out."""

from datetime import date, timedelta

import pytest

from station.core.configuration import Configuration
from station.core.data_budget import Allowance, DataBudget, Level, Traffic, thrift_of, traffic_of

FIRST = date(2026, 11, 1)


def test_bytes_count_for_their_day_and_month() -> None:
    budget = DataBudget(Allowance())
    budget.count({Traffic.BOOT: 300, Traffic.METER_VALUES: 50}, FIRST)
    budget.count({Traffic.METER_VALUES: 70}, FIRST + timedelta(days=1))
    assert dict(budget.today) == {"meter_values": 70}
    assert dict(budget.month) == {"boot": 300, "meter_values": 120}
    budget.count({Traffic.STATUS: 9}, date(2026, 12, 1))
    assert (budget.used, budget.last_month) == (9, 420)


def test_the_operators_month_may_begin_on_any_day() -> None:
    allowance = Allowance(first_day=15)
    months = [allowance.month_of(day) for day in (date(2026, 1, 14), date(2026, 1, 15), date(2026, 2, 14))]
    assert months == ["2025-12", "2026-01", "2026-01"]


def test_bytes_of_an_unknown_day_count_for_the_first_that_is_known() -> None:
    budget = DataBudget(Allowance(1000))
    budget.count({Traffic.CONNECT: 800}, None)
    assert budget.level is Level.THRIFT
    again = DataBudget(Allowance(1000), budget.text())
    again.count({}, FIRST)
    assert dict(again.today) == {"connect": 800}


def test_a_clock_set_back_gives_no_bytes_back() -> None:
    budget = DataBudget(Allowance(1000))
    budget.count({Traffic.OTHER: 900}, FIRST)
    budget.count({Traffic.OTHER: 100}, FIRST - timedelta(days=40))
    assert (budget.used, budget.level) == (1000, Level.OVER)


@pytest.mark.parametrize(
    ("used", "level"), [(799, Level.NORMAL), (800, Level.THRIFT), (999, Level.THRIFT), (1000, Level.OVER)]
)
def test_thrift_begins_at_its_share(used: int, level: Level) -> None:
    budget = DataBudget(Allowance(1000, 80))
    budget.count({Traffic.OTHER: used}, FIRST)
    assert budget.level is level


def test_without_an_allowance_nothing_is_saved() -> None:
    budget = DataBudget(Allowance())
    budget.count({Traffic.OTHER: 10**12}, FIRST)
    assert budget.level is Level.NORMAL


def test_counts_survive_a_restart() -> None:
    budget = DataBudget(Allowance())
    budget.count(dict.fromkeys(Traffic, 7), FIRST)
    again = DataBudget(Allowance(), budget.text())
    assert (again.today, again.month, again.text()) == (budget.today, budget.month, budget.text())
    assert len(budget.text()) < 1000


@pytest.mark.parametrize("stored", ["", "{", "[]", '{"day":3}', '{"day":"x"}', "null"])
def test_counts_that_cannot_be_read_are_none(stored: str) -> None:
    assert DataBudget(Allowance(), stored).used == 0


@pytest.mark.parametrize(
    ("action", "payload", "kind"),
    [
        ("StartTransaction", {}, Traffic.TRANSACTION),
        ("TransactionEvent", {"eventType": "Ended"}, Traffic.TRANSACTION),
        ("TransactionEvent", {"eventType": "Updated"}, Traffic.METER_VALUES),
        ("DataTransfer", {}, Traffic.OTHER),
    ],
)
def test_calls_have_classes(action: str, payload: dict[str, object], kind: Traffic) -> None:
    assert traffic_of(action, payload) is kind


def test_thrift_makes_samples_thinner_and_hides_nothing_of_the_keys() -> None:
    keys = Configuration({"MeterValueSampleInterval": "60", "ClockAlignedDataInterval": "0"})
    thrift = thrift_of(Level.THRIFT, 900)
    keys.economise(thrift.least, thrift.only)
    assert keys.number("MeterValueSampleInterval") == 900
    assert keys.number("ClockAlignedDataInterval") == 0
    assert keys.number("MinimumStatusDuration") == 30
    assert keys.texts("MeterValuesSampledData") == {"Energy.Active.Import.Register"}
    assert keys.text("MeterValueSampleInterval") == "60"
    keys.change("MeterValueSampleInterval", "1800")
    assert keys.number("MeterValueSampleInterval") == 1800
    nothing = thrift_of(Level.NORMAL, 900)
    keys.economise(nothing.least, nothing.only)
    assert keys.texts("MeterValuesSampledData") == {"Energy.Active.Import.Register", "Power.Active.Import"}


def test_what_is_billed_is_not_thinned() -> None:
    for level in Level:
        thrift = thrift_of(level, 900)
        assert not {"StopTxnSampledData", "StopTxnAlignedData", "TxStartedMeasurands"} & {*thrift.least, *thrift.only}
