import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.core.periods import Period, State
from backend.core.rating import Item, Policy, Rating, rate
from backend.core.tariff import PriceBasis, Tariff, parse_tariff
from shared.units import Wh

BERLIN = ZoneInfo("Europe/Berlin")
CASES: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[3] / "cases" / "tariff_scenarios.json").read_text("utf-8"), parse_float=Decimal
)

NOT_EXPRESSIBLE = {
    "S06": "needs a duration counter that runs only inside a window",
    "S07": "needs a duration counter from the end of charging",
    "S22": "needs a quota across sessions",
    "S23": "needs monthly volume tiers and a base fee",
    "S24-retail": "needs the retail price of a roaming partner with a hub fee",
    "S25-switch": "needs two tariffs in one session",
    "B1": "needs two tariffs in one session",
}
"""Scenarios that wait for extensions of the tariff model."""


def _periods(case: dict[str, Any]) -> list[Period]:
    return [
        Period(
            start=datetime.fromisoformat(p["start"]),
            end=datetime.fromisoformat(p["end"]),
            state=State(p["state"]),
            energy=Wh(p["wh"]),
            min_power=p.get("min_power"),
            max_power=p.get("max_power"),
            min_current=p.get("min_current"),
            max_current=p.get("max_current"),
            expired=p.get("expired", False),
        )
        for p in case["periods"]
    ]


def _rate(case: dict[str, Any]) -> Rating:
    policy = Policy(flat_needs_energy=case["flat_needs_energy"])
    return rate(_periods(case), parse_tariff(case["tariff"]), BERLIN, policy)


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["id"]))
def test_scenario_is_priced_as_computed_by_hand(case: dict[str, Any]) -> None:
    rating = _rate(case)
    told = {
        "net": str(rating.total_net),
        "vat": str(rating.total_vat),
        "gross": str(rating.total_gross),
    }
    for name, value in case["expected"].items():
        if name in told:
            assert told[name] == value, name
    for name, exact in (("exact_net", rating.exact_net), ("exact_gross", rating.exact_gross)):
        if name in case["expected"]:
            assert exact == Decimal(case["expected"][name]), name
    taxes = case["expected"].get("tax_lines")
    if taxes is not None:
        assert [(t.rate, t.base, t.vat) for t in rating.tax_lines] == [tuple(map(Decimal, row)) for row in taxes]


@pytest.mark.parametrize("case", [c for c in CASES if "lines" in c["expected"]], ids=lambda case: str(case["id"]))
def test_lines_of_a_scenario_are_those_computed_by_hand(case: dict[str, Any]) -> None:
    starts = [p.start for p in _periods(case)]
    lines = [line for line in _rate(case).lines if line.element is not None]
    found = sorted(
        (starts.index(o.start), str(o.item), o.element, o.component, o.quantity, o.unit_price) for o in lines
    )
    wanted = sorted((*row[:4], Decimal(row[4]), Decimal(row[5])) for row in case["expected"]["lines"])
    assert found == wanted
    amounts = {(starts.index(o.start), str(o.item)): (o.net, o.gross) for o in lines}
    for period, item, _, _, _, _, net, gross in case["expected"]["lines"]:
        # A line may carry one unit of the last stored digit, so that all lines sum to the total.
        assert abs(amounts[period, item][0] - Decimal(net)) <= Decimal("1e-10")
        assert abs(amounts[period, item][1] - Decimal(gross)) <= Decimal("1e-10")


def test_scenarios_that_need_extensions_are_named() -> None:
    assert not NOT_EXPRESSIBLE.keys() & {case["id"] for case in CASES}


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
    case = next(c for c in CASES if c["id"] == "S08")
    night = _rate(case).lines[1]
    assert night.reason_de == "Ladestrom 18,333 kWh × 0,29 EUR/kWh (22:00–06:00 Uhr)"
    assert night.reason_en == "Energy 18.333 kWh × 0.29 EUR/kWh (22:00–06:00)"


def test_reason_tells_what_a_step_added() -> None:
    case = next(c for c in CASES if c["id"] == "S17")
    reasons = {line.item: line.reason_de for line in _rate(case).lines}
    assert reasons[Item.ENERGY].endswith("aufgerundet um 0,059 kWh")
    assert reasons[Item.PARKING_TIME] == "Standzeit ohne Laden 15 min × 3,00 EUR/h, aufgerundet um 470 s"


def test_unknown_power_does_not_meet_a_limit_on_power() -> None:
    case = next(c for c in CASES if c["id"] == "ocpi-max_power")
    blind = [replace(p, min_power=None, max_power=None) for p in _periods(case)]
    rating = rate(blind, parse_tariff(case["tariff"]), BERLIN, Policy())
    assert {line.unit_price for line in rating.lines} == {Decimal("0.5")}


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
            element["restrictions"] = {"start_time": "18:00", "end_time": "06:00"}
        elements.append(element)
    data: dict[str, object] = {"id": "t", "currency": "EUR", "elements": elements}
    data["tax_included"] = draw(st.sampled_from(["YES", "NO"]))
    if draw(st.booleans()):
        data["max_price"] = {"excl_vat": 3, "incl_vat": 4}
    if draw(st.booleans()):
        data["min_price"] = {"excl_vat": 1, "incl_vat": 2}
    return parse_tariff(data)


@st.composite
def sessions(draw: st.DrawFn) -> list[Period]:
    at = datetime(2026, 6, 17, 6, tzinfo=UTC)  # a summer day, clear of 06:00 and 18:00 local time for 10 hours
    periods = []
    for minutes, energy in draw(
        st.lists(st.tuples(st.integers(1, 90), st.integers(0, 40_000)), min_size=1, max_size=6)
    ):
        state = State.CHARGING if energy else State.PARKING
        periods.append(Period(at, at + timedelta(minutes=minutes), state, Wh(energy)))
        at += timedelta(minutes=minutes)
    return periods


@settings(max_examples=60, deadline=None)
@given(tariffs(), sessions())
def test_lines_sum_to_the_total_and_tax_is_the_difference(tariff: Tariff, periods: list[Period]) -> None:
    rating = rate(periods, tariff, BERLIN, Policy())
    assert sum((line.net for line in rating.lines), Decimal(0)) == rating.exact_net
    assert sum((line.gross for line in rating.lines), Decimal(0)) == rating.exact_gross
    assert sum((tax.base for tax in rating.tax_lines), Decimal(0)) == rating.total_net
    assert rating.total_gross - rating.total_net == rating.total_vat
    assert rating.total_net >= 0
    exact, told = (
        (rating.exact_net, rating.total_net)
        if rating.basis is PriceBasis.NET
        else (rating.exact_gross, rating.total_gross)
    )
    assert abs(exact - told) <= Decimal("0.005") * len(rating.tax_lines)


@settings(max_examples=60, deadline=None)
@given(tariffs(), sessions(), st.data())
def test_splitting_a_period_changes_no_amount(tariff: Tariff, periods: list[Period], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(periods) - 1))
    period = periods[cut]
    part = Wh(data.draw(st.integers(0, int(period.energy))))
    middle = period.start + (period.end - period.start) / 2
    pieces = [replace(period, end=middle, energy=part), replace(period, start=middle, energy=Wh(int(period.energy) - part))]
    split: Sequence[Period] = [*periods[:cut], *pieces, *periods[cut + 1 :]]
    whole, parts = rate(periods, tariff, BERLIN, Policy()), rate(split, tariff, BERLIN, Policy())
    assert (whole.exact_net, whole.exact_gross) == (parts.exact_net, parts.exact_gross)
    assert whole.tax_lines == parts.tax_lines


@settings(max_examples=30, deadline=None)
@given(tariffs(), sessions())
def test_a_week_later_costs_the_same(tariff: Tariff, periods: list[Period]) -> None:
    week = timedelta(days=7)
    later = [replace(p, start=p.start + week, end=p.end + week) for p in periods]
    now, then = rate(periods, tariff, BERLIN, Policy()), rate(later, tariff, BERLIN, Policy())
    assert (now.exact_net, now.exact_gross, now.tax_lines) == (then.exact_net, then.exact_gross, then.tax_lines)
