from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from backend.core.rates.periods import Between, MeterPoint, Period, State
from backend.core.rates.rating import Context, Policy, Rater, Rating, RatingError, VersionSwitch, rate
from backend.core.record import from_json, to_json
from backend.core.tariffs.tariff import PriceBasis, Tariff, TariffError, parse_tariff
from backend.core.tariffs.tariff_model import SpotPrice
from shared.units import Wh

BERLIN = ZoneInfo("Europe/Berlin")
RESTRICTIONS: list[dict[str, Any]] = [
    {"start_time": "18:00", "end_time": "06:00"},
    {"min_kwh": 20},
    {"max_duration": 3600},
    {"min_duration": 600, "x_duration_counter": "since_charging_end"},
    {"start_time": "08:00", "end_time": "10:00", "min_duration": 1200, "x_duration_counter": "in_window"},
    {"day_of_week": ["WEDNESDAY"], "max_power": 30},
]


def test_saturday_night_ends_with_sunday() -> None:
    tariff = parse_tariff(
        {
            "id": "weekend",
            "currency": "EUR",
            "elements": [
                {
                    "price_components": [{"type": "ENERGY", "price": 0.2, "vat": 19}],
                    "restrictions": {"day_of_week": ["SATURDAY"]},
                },
                {"price_components": [{"type": "ENERGY", "price": 0.5, "vat": 19}]},
            ],
        }
    )
    late = datetime(2026, 6, 20, 23, 30, tzinfo=BERLIN)
    sunday = datetime(2026, 6, 21, 0, 0, tzinfo=BERLIN)
    periods = [
        Period(late, sunday, State.CHARGING, Wh(1000)),
        Period(sunday, sunday + timedelta(hours=1), State.CHARGING, Wh(1000)),
    ]
    rating = rate(periods, tariff, BERLIN, Policy())
    assert [line.unit_price for line in rating.lines] == [Decimal("0.2"), Decimal("0.5")]


def test_reason_tells_price_and_condition_in_both_languages() -> None:
    night = {"price_components": [PER_KWH], "restrictions": {"start_time": "22:00", "end_time": "06:00"}}
    start = datetime(2026, 6, 15, 23, 0, tzinfo=BERLIN)
    period = Period(start, start + timedelta(hours=1), State.CHARGING, Wh(18_333), interpolated=True)
    (line,) = rate([period], parse_tariff({"id": "n", "currency": "EUR", "elements": [night]}), BERLIN).lines
    assert (line.when_de, line.when_en) == ("22:00–06:00 Uhr", "22:00–06:00")
    assert line.reason_de == (
        "Ladestrom 18,333 kWh × 0,29 EUR/kWh (22:00–06:00 Uhr), Zählerstand beim Preiswechsel interpoliert"
    )
    assert line.reason_en == (
        "Energy 18.333 kWh × 0.29 EUR/kWh (22:00–06:00), register interpolated at the price change"
    )


def test_unknown_power_does_not_meet_a_limit_on_power() -> None:
    slow = {"price_components": [{"type": "ENERGY", "price": 0.2}], "restrictions": {"max_power": 16}}
    tariff = parse_tariff({"id": "p", "currency": "EUR", "elements": [slow, {"price_components": [PER_KWH]}]})
    start = datetime(2026, 6, 15, 23, 0, tzinfo=BERLIN)
    blind = Period(start, start + timedelta(hours=1), State.CHARGING, Wh(9000))
    rating = rate([blind], tariff, BERLIN)
    assert [line.unit_price for line in rating.lines] == [Decimal("0.29")]
    assert [(note.code, note.path) for note in rating.notes] == [("power_unknown", "periods[0]")]
    seen = replace(blind, min_power=Decimal(9), max_power=Decimal(10))
    assert [line.unit_price for line in rate([seen], tariff, BERLIN).lines] == [Decimal("0.2")]


def test_cut_and_rate_is_cut_and_then_rate() -> None:
    elements = [{"price_components": [PER_KWH], "restrictions": r} for r in RESTRICTIONS]
    tariff = parse_tariff({"id": "c", "currency": "EUR", "elements": [*elements, {"price_components": [PER_KWH]}]})
    start = datetime(2026, 6, 17, 4, 30, tzinfo=UTC)
    points = [MeterPoint(start + timedelta(minutes=9 * i), Wh(min(i, 40) * 1500)) for i in range(60)]
    rater = Rater(tariff, BERLIN)
    periods, rating = rater.cut_and_rate(points)
    assert periods == rater.cut(points)
    assert rating == rater.rate(periods)
    # what was cut spans no price change: nothing is held
    assert Rater(tariff, BERLIN, Policy(between=Between.HOLD)).rate(periods).lines == rating.lines


def test_without_leave_to_interpolate_the_price_at_the_start_counts() -> None:
    night = {"price_components": [PER_KWH], "restrictions": {"start_time": "22:00", "end_time": "06:00"}}
    day = {"price_components": [{"type": "ENERGY", "price": 0.5, "vat": 19}]}
    tariff = parse_tariff({"id": "n", "currency": "EUR", "elements": [night, day]})
    start = datetime(2026, 6, 15, 21, 30, tzinfo=BERLIN)
    points = [MeterPoint(start, Wh(0)), MeterPoint(start + timedelta(hours=1), Wh(10_000))]
    _, rating = Rater(tariff, BERLIN, Policy(between=Between.START_PRICE)).cut_and_rate(points)
    assert [(line.quantity, line.unit_price) for line in rating.lines] == [(Decimal(10), Decimal("0.5"))]
    assert not rating.lines[0].interpolated
    assert [note.code for note in rating.notes] == ["priced_at_start"]
    with pytest.raises(RatingError, match=r"periods\[0\]: spans a price change at 2026-06-15T20:00:00Z"):
        Rater(tariff, BERLIN, Policy(between=Between.HOLD)).cut_and_rate(points)


def test_versions_of_one_tariff_take_turns_by_their_validity() -> None:
    midnight = "2026-06-15T22:00:00Z"
    first = {"id": "v", "currency": "EUR", "elements": [{"price_components": [PER_KWH]}], "end_date_time": midnight}
    then = {
        "id": "v",
        "currency": "EUR",
        "elements": [{"price_components": [{"type": "ENERGY", "price": 0.39, "vat": 19}]}],
        "start_date_time": midnight,
    }
    start = datetime(2026, 6, 15, 23, 0, tzinfo=BERLIN)
    points = [MeterPoint(start + timedelta(minutes=30 * i), Wh(i * 5000)) for i in range(5)]
    versions = [parse_tariff(first), parse_tariff(then)]
    _, locked = Rater(versions, BERLIN).cut_and_rate(points)
    _, switched = Rater(versions, BERLIN, Policy(version_switch=VersionSwitch.SWITCH)).cut_and_rate(points)
    assert [(line.quantity, line.unit_price) for line in locked.lines] == [(Decimal(20), Decimal("0.29"))]
    assert [(line.quantity, line.unit_price) for line in switched.lines] == [
        (Decimal(10), Decimal("0.29")),
        (Decimal(10), Decimal("0.39")),
    ]


def test_counter_from_the_end_of_charging_starts_anew_after_a_second_charge() -> None:
    free = {
        "price_components": [{"type": "PARKING_TIME", "price": 0, "vat": 19}],
        "restrictions": {"max_duration": 900, "x_duration_counter": "since_charging_end"},
    }
    idle = {"price_components": [{"type": "PARKING_TIME", "price": 12, "vat": 19}]}
    tariff = parse_tariff({"id": "i", "currency": "EUR", "elements": [free, idle]})
    start = datetime(2026, 6, 15, 8, 0, tzinfo=UTC)
    # charging, 20 min parked, charging, 20 min parked: 5 min each are beyond the grace
    registers = [(0, 0), (30, 5000), (50, 5000), (80, 9000), (100, 9000)]
    points = [MeterPoint(start + timedelta(minutes=m), Wh(energy)) for m, energy in registers]
    _, rating = Rater(tariff, BERLIN).cut_and_rate(points)
    assert [line.quantity for line in rating.lines if line.unit_price] == [300, 300]
    assert rating.exact_net == 2


def test_series_from_outside_gives_the_spot_price() -> None:
    tariff = parse_tariff(
        {
            "id": "s",
            "currency": "EUR",
            "elements": [{"price_components": [{"type": "ENERGY", "price": 0, "vat": 19}]}],
            "x_spot": {"series": "day-ahead", "interval": 15, "adder": "0.1", "lock": "interval", "floor": 0},
        }
    )
    start = datetime(2026, 6, 15, 8, 5, tzinfo=UTC)
    prices = [SpotPrice(start.replace(minute=q), Decimal(mwh)) for q, mwh in ((0, 80), (15, -150), (30, 20))]
    points = [MeterPoint(start + timedelta(minutes=5 * i), Wh(i * 1000)) for i in range(6)]
    _, rating = Rater(tariff, BERLIN).cut_and_rate(points, Context(series={"day-ahead": prices}))
    assert [(line.quantity, line.unit_price) for line in rating.lines] == [
        (Decimal(2), Decimal("0.18")),
        (Decimal(3), Decimal(0)),
    ]
    with pytest.raises(TariffError, match=r"x_spot.series: no prices of 'day-ahead' are known"):
        Rater(tariff, BERLIN).cut_and_rate(points)
    late = [replace(point, at=point.at + timedelta(hours=1)) for point in points]
    with pytest.raises(TariffError, match=r"x_spot.series: has no price for 2026-06-15T09:05:00Z"):
        Rater(tariff, BERLIN).cut_and_rate(late, Context(series={"day-ahead": prices}))


def test_what_is_used_adds_up_over_sessions() -> None:
    tariff = parse_tariff(
        {
            "id": "q",
            "currency": "EUR",
            "elements": [{"price_components": [PER_KWH]}],
            "x_quota": {"free_kwh": 15, "scope": "group"},
        }
    )
    start = datetime(2026, 6, 15, 8, 0, tzinfo=UTC)
    session = [Period(start, start + timedelta(hours=1), State.CHARGING, Wh(10_000))]
    first = rate(session, tariff, BERLIN)
    assert [(part.key, part.amount) for part in first.used] == [("q/quota/group/2026-06", Decimal(10))]
    second = rate(session, tariff, BERLIN, Policy(), Context(used={part.key: part.amount for part in first.used}))
    assert [(line.quantity, line.unit_price) for line in second.lines] == [
        (Decimal(5), Decimal(0)),
        (Decimal(5), Decimal("0.29")),
    ]


def test_price_limit_alone_carries_the_vat_of_the_tariff() -> None:
    tariff = parse_tariff(
        {
            "id": "parking",
            "currency": "EUR",
            "min_price": {"excl_vat": 1},
            "elements": [{"price_components": [{"type": "ENERGY", "price": 0.4, "vat": 19}]}],
        }
    )
    start = datetime(2026, 6, 20, 12, tzinfo=UTC)
    empty = [Period(start, start + timedelta(minutes=3), State.PARKING, Wh(0))]
    assert rate(empty, tariff, BERLIN, Policy(flat_needs_energy=True)).total_gross == 0
    assert rate(empty, tariff, BERLIN, Policy(flat_needs_energy=False)).total_gross == Decimal("1.19")


PER_KWH: dict[str, Any] = {"type": "ENERGY", "price": 0.29, "vat": 19}
PRICES = st.integers(0, 300).map(lambda n: Decimal(n).scaleb(-2))
VATS = st.sampled_from([Decimal(19), Decimal(7), Decimal("5.2")])


@st.composite
def tariffs(draw: st.DrawFn) -> Tariff:
    elements = []
    for restricted in draw(st.lists(st.booleans(), min_size=1, max_size=3)):
        kinds = draw(st.sets(st.sampled_from(["FLAT", "ENERGY", "TIME", "PARKING_TIME"]), min_size=1))
        element: dict[str, object] = {
            "price_components": [
                {"type": kind, "price": draw(PRICES), "vat": draw(VATS), "step_size": draw(st.sampled_from([0, 1, 60]))}
                for kind in sorted(kinds)
            ]
        }
        if restricted:
            element["restrictions"] = draw(st.sampled_from(RESTRICTIONS))
        elements.append(element)
    data: dict[str, object] = {"id": "t", "currency": "EUR", "elements": elements}
    data["tax_included"] = draw(st.sampled_from(["YES", "NO"]))
    if draw(st.booleans()):
        data["max_price"] = {"excl_vat": 3, "incl_vat": 4}
    if draw(st.booleans()):
        data["min_price"] = {"excl_vat": 1, "incl_vat": 2}
    if draw(st.booleans()):
        data["x_component_caps"] = [{"dimensions": ["ENERGY", "PARKING_TIME"], "max": 2}]
    if draw(st.booleans()):
        data["x_quota"] = {"free_kwh": "7.5", "price": "0.1"}
    if draw(st.booleans()):
        data["x_graduated"] = {"tiers": [{"up_to_kwh": 12, "price": "0.4"}, {"up_to_kwh": None, "price": "0.3"}]}
        data.pop("x_quota", None)
    return parse_tariff(data)


@st.composite
def sessions(draw: st.DrawFn) -> list[Period]:
    at = datetime(2026, 6, 17, 6, tzinfo=UTC)  # a summer day, clear of 06:00 and 18:00 local time for 10 hours
    periods = []
    for minutes, energy in draw(
        st.lists(st.tuples(st.integers(1, 90), st.integers(0, 40_000)), min_size=1, max_size=6)
    ):
        state = State.CHARGING if energy else State.PARKING
        power = Decimal(energy * 60 // minutes).scaleb(-3)
        end = at + timedelta(minutes=minutes)
        periods.append(Period(at, end, state, Wh(energy), min_power=power, max_power=power))
        at += timedelta(minutes=minutes)
    return periods


@settings(max_examples=100, deadline=None)
@given(tariffs(), sessions())
def test_lines_sum_to_the_total_and_tax_is_the_difference(tariff: Tariff, periods: list[Period]) -> None:
    rating = rate(periods, tariff, BERLIN)
    assert sum((line.net for line in rating.lines), Decimal(0)) == rating.exact_net
    assert sum((line.gross for line in rating.lines), Decimal(0)) == rating.exact_gross
    assert sum((tax.base for tax in rating.tax_lines), Decimal(0)) == rating.total_net
    assert sum((tax.vat for tax in rating.tax_lines), Decimal(0)) == rating.total_vat
    assert rating.total_gross - rating.total_net == rating.total_vat
    assert rating.total_net >= 0
    exact, told = (
        (rating.exact_net, rating.total_net)
        if rating.basis is PriceBasis.NET
        else (rating.exact_gross, rating.total_gross)
    )
    assert abs(exact - told) <= Decimal("0.005") * len(rating.tax_lines)


@settings(max_examples=100, deadline=None)
@given(tariffs(), sessions(), st.data())
def test_splitting_a_period_inside_one_price_changes_no_amount(
    tariff: Tariff, periods: list[Period], data: st.DataObject
) -> None:
    strict = Rater(tariff, BERLIN, Policy(between=Between.HOLD))
    try:
        whole = strict.rate(periods)
    except RatingError:
        assume(False)
    cut = data.draw(st.integers(0, len(periods) - 1))
    period = periods[cut]
    part = Wh(data.draw(st.integers(0, int(period.energy))))
    middle = period.start + (period.end - period.start) * data.draw(st.integers(0, 7)) / 7
    rest = Wh(int(period.energy) - part)
    pieces = [replace(period, end=middle, energy=part), replace(period, start=middle, energy=rest)]
    split: Sequence[Period] = [*periods[:cut], *pieces, *periods[cut + 1 :]]
    parts = strict.rate(split)
    assert (whole.exact_net, whole.exact_gross) == (parts.exact_net, parts.exact_gross)
    assert whole.tax_lines == parts.tax_lines


@settings(max_examples=60, deadline=None)
@given(tariffs(), sessions())
def test_a_week_later_costs_the_same(tariff: Tariff, periods: list[Period]) -> None:
    week = timedelta(days=7)
    later = [replace(p, start=p.start + week, end=p.end + week) for p in periods]
    now, then = rate(periods, tariff, BERLIN), rate(later, tariff, BERLIN)
    assert (now.exact_net, now.exact_gross, now.tax_lines) == (then.exact_net, then.exact_gross, then.tax_lines)


@settings(max_examples=60, deadline=None)
@given(tariffs(), sessions())
def test_rating_survives_its_json(tariff: Tariff, periods: list[Period]) -> None:
    rating = rate(periods, tariff, BERLIN)
    assert from_json(Rating, to_json(rating)) == rating
