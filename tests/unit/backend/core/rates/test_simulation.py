import json
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest

from backend.core.rates.charging_period import MeterPoint
from backend.core.rates.pricing import Inputs
from backend.core.rates.rating import Policy
from backend.core.rates.simulation import PastSession, simulate
from backend.core.tariffs.tariff import parse_tariff
from shared.units import Wh

CASE = json.loads((Path(__file__).parents[4] / "cases" / "simulated_month.json").read_text("utf-8"))
"""One month of one customer under three tariffs; 19 % VAT."""


def past(periods: list[dict[str, str]], number: int, customer: str = "K-1") -> PastSession:
    """A session with the register at the edges of its periods."""
    register, points = 1_000_000, list[MeterPoint]()
    for period in periods:
        begin, end = (datetime.fromisoformat(period[name]) for name in ("start", "end"))
        points += [] if points else [MeterPoint(begin, Wh(register))]
        register += int(Decimal(str(period["kwh"])) * 1000)
        points.append(MeterPoint(end, Wh(register)))
    return PastSession(
        transaction_id=number,
        customer_id=customer,
        customer=f"Name of {customer}",
        contract_id=customer,
        group_id="",
        started_at=points[0].at,
        ended_at=points[-1].at,
        energy=Wh(register - 1_000_000),
        currency="EUR",
        net=Decimal("10.00"),
        gross=Decimal("11.90"),
        inputs=Inputs("Europe/Berlin", tuple(points), Policy()),
    )


SESSIONS = [past(periods, number) for number, periods in enumerate(CASE["sessions"], 1)]
TARIFFS = [parse_tariff(body) for body in CASE["tariffs"]]


@pytest.mark.parametrize("order", [SESSIONS, SESSIONS[::-1]])
def test_the_same_month_under_three_tariffs(order: list[PastSession]) -> None:
    results = simulate(order, TARIFFS)
    expected = CASE["expected"]
    assert [result.tariff_id for result in results] == list(expected)
    for result in results:
        wanted = expected[result.tariff_id]
        assert [str(session.net) for session in result.sessions] == wanted["per_session_net"]
        assert (str(result.net), str(result.gross)) == (wanted["total_net"], wanted["total_gross"])
        assert (result.before_net, result.before_gross) == (Decimal("40.00"), Decimal("47.60"))
        assert (result.energy, result.unpriced) == (103_000, ())


def test_winners_and_losers_are_told_by_customer() -> None:
    sessions = [replace(one, customer_id=f"K-{i}", contract_id=f"K-{i}") for i, one in enumerate(SESSIONS)]
    (result,) = simulate(sessions, TARIFFS[:1])
    # 49 ct net a kWh: 20, 40, 3 and 40 kWh against 11.90 each
    assert [(one.customer_id, one.difference) for one in result.customers] == [
        ("K-2", Decimal("-10.15")),
        ("K-0", Decimal("-0.24")),
        ("K-1", Decimal("11.42")),
        ("K-3", Decimal("11.42")),
    ]
    assert (result.winners, result.losers, result.difference) == (2, 2, Decimal("12.45"))


def test_a_quota_is_used_up_in_order_and_by_each_contract_for_itself() -> None:
    tariff = parse_tariff({**CASE["tariffs"][0], "x_quota": {"free_kwh": 50, "period": "calendar_month"}})
    (together,) = simulate(SESSIONS, [tariff])
    assert [session.net for session in together.sessions] == [
        Decimal(text) for text in ("0.00", "4.90", "1.47", "19.60")
    ]
    apart = [replace(one, contract_id=f"V-{one.transaction_id}") for one in SESSIONS]
    assert simulate(apart, [tariff])[0].net == Decimal("0.00")
    grouped = [replace(one, group_id="staff") for one in apart]
    shared = parse_tariff({**CASE["tariffs"][0], "x_quota": {"free_kwh": 50, "scope": "group"}})
    assert simulate(grouped, [shared])[0].net == together.net


def test_a_base_fee_is_charged_once_for_contract_and_month() -> None:
    tiers = [{"up_to_kwh": None, "price": 0.49}]
    tariff = parse_tariff({**CASE["tariffs"][0], "x_graduated": {"tiers": tiers, "base_fee_net": 4.99}})
    (result,) = simulate(SESSIONS, [tariff])
    assert (result.net, result.base_fees) == (Decimal("55.46"), Decimal("5.94"))
    assert result.customers[0].gross == result.gross


def test_what_a_tariff_cannot_price_is_named_and_left_out_on_both_sides() -> None:
    broken = replace(SESSIONS[0], inputs=replace(SESSIONS[0].inputs, points=SESSIONS[0].inputs.points[::-1]))
    foreign = replace(SESSIONS[1], currency="CHF")
    (result,) = simulate([broken, foreign, *SESSIONS[2:]], TARIFFS[:1])
    assert [one.transaction_id for one in result.unpriced] == [1, 2]
    assert "CHF" in result.unpriced[1].reason
    assert (len(result.sessions), result.before_gross) == (2, Decimal("23.80"))


def test_a_spot_tariff_without_its_series_names_what_is_missing() -> None:
    spot = {"lock": "interval", "interval_minutes": 60, "series": "DE-LU", "adder_net": 0.2}
    tariff = parse_tariff({**CASE["tariffs"][0], "x_spot": spot})
    (result,) = simulate(SESSIONS[:1], [tariff])
    assert "DE-LU" in result.unpriced[0].reason
    assert (result.net, result.customers) == (Decimal("0.00"), ())


def test_nothing_to_simulate_is_nothing() -> None:
    (result,) = simulate([], TARIFFS[:1])
    assert (result.gross, result.winners, result.losers, result.sessions) == (Decimal("0.00"), 0, 0, ())
