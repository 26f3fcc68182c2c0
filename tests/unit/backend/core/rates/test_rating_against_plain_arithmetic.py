"""Random tariffs and sessions, priced a second time by arithmetic that shares no line with the engine.

The second calculator walks through a session in steps of one minute and asks for each minute which price applies, so
it knows no periods, no changes and no caches. What sessions take is a whole number of Wh per minute, and all times are
full minutes; then both must come to the same amounts exactly, and to the same cents.
"""

import random
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from itertools import accumulate, pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from backend.core.rates.charging_period import MeterPoint
from backend.core.rates.rating import Policy, Rater, Rating
from backend.core.tariffs.tariff import parse_tariff
from shared.units import Watt, Wh

BERLIN = ZoneInfo("Europe/Berlin")
DAYS = ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"]
UNITS = {"ENERGY": 1000, "TIME": 3600, "PARKING_TIME": 3600}
"""Wh or seconds for which a price stands."""

Minutes = list[tuple[int, int]]
"""Of each minute: Wh taken, and the power in W; 0 and 0 while the vehicle is parked."""


def a_tariff(dice: random.Random) -> dict[str, Any]:
    """A tariff with up to four conditional elements before the ones that always apply."""

    def component(kind: str) -> dict[str, Any]:
        steps = {"ENERGY": [0, 1, 100, 1000], "TIME": [0, 60, 900], "PARKING_TIME": [0, 60, 300], "FLAT": [0, 1]}
        price = dice.choice([dice.randint(0, 99) / 100, dice.randint(0, 900_000) / 1_000_000])
        found: dict[str, Any] = {"type": kind, "price": price, "step_size": dice.choice(steps[kind])}
        return found | ({"vat": dice.choice([19, 19, 7, 0])} if dice.random() < 0.9 else {})

    def restrictions() -> dict[str, Any]:
        found: dict[str, Any] = {}
        if dice.random() < 0.5:
            found |= {"start_time": clock(dice), "end_time": clock(dice)}
        if dice.random() < 0.3:
            found["day_of_week"] = dice.sample(DAYS, dice.randint(1, 6))
        if dice.random() < 0.3:
            low = dice.randint(0, 15)
            found |= {"min_kwh": low, "max_kwh": low + dice.randint(1, 15)}
        if dice.random() < 0.3:
            found[dice.choice(["min_power", "max_power"])] = dice.choice([6, 12, 30])
        if dice.random() < 0.3:
            found[dice.choice(["min_duration", "max_duration"])] = 60 * dice.randint(1, 300)
        return found

    kinds = ["ENERGY", "TIME", "PARKING_TIME", "FLAT"]
    elements: list[dict[str, Any]] = []
    for _ in range(dice.randint(0, 4)):
        chosen = dice.sample(kinds, dice.randint(1, 3))
        element: dict[str, Any] = {"price_components": [component(kind) for kind in chosen]}
        rules = restrictions()
        elements.append(element | ({"restrictions": rules} if rules else {}))
    last = ["ENERGY", *dice.sample(kinds[1:], dice.randint(0, 3))]
    elements.append({"price_components": [component(kind) for kind in last]})
    return {"id": "r", "currency": "EUR", "tax_included": dice.choice(["YES", "NO"]), "elements": elements}


def clock(dice: random.Random) -> str:
    return f"{dice.randrange(24):02}:{dice.choice([0, 0, 15, 30, 59]):02}"


def a_session(dice: random.Random) -> tuple[datetime, Minutes]:
    """Some hours of charging at changing power, often with a time of parking in between or after it."""
    start = datetime(2026, dice.randint(1, 12), dice.randint(1, 28), dice.randrange(24), dice.randrange(60), tzinfo=UTC)
    if dice.random() < 0.3:  # the nights in which the clock is set
        start = dice.choice([datetime(2026, 3, 28, 23, 17, tzinfo=UTC), datetime(2026, 10, 24, 22, 41, tzinfo=UTC)])
    minutes: Minutes = []
    for _ in range(dice.randint(1, 4)):
        if minutes and dice.random() < 0.5:
            minutes += [(0, 0)] * dice.randint(1, 200)
        else:
            wh = dice.choice([100, 125, 200, 500])
            whole = 1000 // wh  # full kWh, so limits of energy are met at a full minute
            minutes += [(wh, wh * 60)] * (whole * dice.randint(1, 120 // whole))
    return start, minutes


def powers(minutes: Minutes) -> list[int]:
    """W at each full minute: the lower of what the minutes before and after it have."""
    inside = [min(before[1], after[1]) for before, after in pairwise(minutes)]
    return [minutes[0][1], *inside, minutes[-1][1]]


def meter_points(start: datetime, minutes: Minutes) -> list[MeterPoint]:
    registers = accumulate((wh for wh, _ in minutes), initial=0)
    return [
        MeterPoint(start + timedelta(minutes=n), Wh(register), Watt(power))
        for n, (register, power) in enumerate(zip(registers, powers(minutes), strict=True))
    ]


def applies(rules: dict[str, Any], local: datetime, used: int, elapsed: int, least: int, most: int) -> bool:
    now = f"{local:%H:%M}"
    first, last = rules.get("start_time", "00:00"), rules.get("end_time", "00:00")
    if first != last:
        inside = first <= now < last if first < last else now >= first or now < last
        if not inside and not (last == "00:00" and now >= first):
            return False
    return (
        DAYS[local.weekday()] in rules.get("day_of_week", DAYS)
        and rules.get("min_kwh", 0) * 1000 <= used < rules.get("max_kwh", 10**9) * 1000
        and least >= rules.get("min_power", 0) * 1000
        and most < rules.get("max_power", 10**9) * 1000
        and rules.get("min_duration", 0) <= elapsed < rules.get("max_duration", 10**9)
    )


def price(tariff: dict[str, Any], kind: str, facts: tuple[datetime, int, int, int, int]) -> Any:
    for element in tariff["elements"]:
        for component in element["price_components"]:
            if component["type"] == kind and applies(element.get("restrictions", {}), *facts):
                return component
    return None


Amount = tuple[Fraction, int | None]
"""Money in the tariff's price basis, and its VAT in per cent."""


def charged(tariff: dict[str, Any], start: datetime, minutes: Minutes) -> list[Amount]:
    """Walk through the session, then round each quantity up to its step at the last price."""
    found: list[Amount] = []
    sums: dict[str, int] = {}
    last: dict[str, dict[str, Any]] = {}
    used, flat, shown = 0, False, powers(minutes)
    for n, (wh, _) in enumerate(minutes):
        local = (start + timedelta(minutes=n)).astimezone(BERLIN)
        facts = local, used, 60 * n, min(shown[n : n + 2]), max(shown[n : n + 2])
        start_fee = None if flat else price(tariff, "FLAT", facts)
        if start_fee:
            flat = True
            found.append((Fraction(str(start_fee["price"])), start_fee.get("vat")))
        for kind, quantity in (("ENERGY", wh), ("TIME" if wh else "PARKING_TIME", 60)):
            component = price(tariff, kind, facts) if quantity else None
            if component:
                sums[kind] = sums.get(kind, 0) + quantity
                last[kind] = component
                found.append((Fraction(str(component["price"])) * quantity / UNITS[kind], component.get("vat")))
        used += wh
    for kind, component in last.items():
        step = component["step_size"]
        if step and not (kind == "TIME" and "PARKING_TIME" in last):
            more = -sums[kind] % step
            found.append((Fraction(str(component["price"])) * more / UNITS[kind], component.get("vat")))
    return found


def cents(amount: Fraction) -> Decimal:
    """Round half up; exact, as a Decimal of 60 digits tells any half from what lies beside it here."""
    whole = (Decimal(amount.numerator * 10**40) / Decimal(amount.denominator)).scaleb(-40)
    return whole.quantize(Decimal("0.01"), ROUND_HALF_UP)


def totals(amounts: list[Amount], gross_prices: bool) -> tuple[Decimal, Decimal]:
    """Net and gross of the bill: rounded per VAT rate, from the side that the prices are on."""
    net = gross = Decimal(0)
    for vat in {vat for _, vat in amounts}:
        exact, factor = sum((a for a, v in amounts if v == vat), Fraction(0)), Fraction(100 + (vat or 0), 100)
        if gross_prices:
            part = cents(exact)
            gross, net = gross + part, net + cents(Fraction(str(part)) / factor)
        else:
            part = cents(exact)
            net, gross = net + part, gross + part + cents(Fraction(str(part)) * (factor - 1))
    return net, gross


def engine(tariff: dict[str, Any], start: datetime, minutes: Minutes) -> Rating:
    rater = Rater(parse_tariff(tariff), BERLIN, Policy(flat_needs_energy=False))
    return rater.cut_and_rate(meter_points(start, minutes))[1]


@pytest.mark.parametrize("seed", range(120))
def test_random_tariffs_cost_what_plain_arithmetic_says(seed: int) -> None:
    dice = random.Random(seed)
    tariff = a_tariff(dice)
    start, minutes = a_session(dice)
    rating, amounts = engine(tariff, start, minutes), charged(tariff, start, minutes)
    gross_prices = tariff["tax_included"] == "YES"
    exact = rating.exact_gross if gross_prices else rating.exact_net
    assert abs(Fraction(exact) - sum((amount for amount, _ in amounts), Fraction(0))) <= Fraction(1, 10**10)
    assert (rating.total_net, rating.total_gross) == totals(amounts, gross_prices)
    assert sum(line.net for line in rating.lines) == rating.exact_net
