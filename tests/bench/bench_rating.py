"""What rating costs: sessions per second and core, against a plain loop of Decimal multiplications in the same run.

    python -m tests.bench.bench_rating [SESSIONS]

Each session is a register with 61 values, one a minute, so 60 intervals; rating cuts it into periods, looks up the
prices, and gives lines with their explanations and tax lines. The plain loop multiplies each interval's energy by a
price and adds it up, which is less than anyone needs for a bill: no price is chosen, no VAT told, nothing explained.
Times are those of the processor, so what else runs on the machine counts little; all takes turns in small batches.
"""

import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from math import inf
from time import process_time
from zoneinfo import ZoneInfo

from backend.core.rates.charging_period import MeterPoint
from backend.core.rates.rating import Rater
from backend.core.tariffs.tariff import parse_tariff
from shared.units import Watt, Wh

BERLIN = ZoneInfo("Europe/Berlin")
START = datetime(2026, 6, 15, 19, 10, tzinfo=UTC)  # 21:10 in Berlin: an hour later the night price has begun
PRICE = Decimal("0.59")
ENERGY = {"type": "ENERGY", "price": 0.59, "vat": 19}
NIGHT = {
    "price_components": [{"type": "ENERGY", "price": 0.39, "vat": 19}],
    "restrictions": {"start_time": "22:00", "end_time": "06:00"},
}


GRADUATED = {"tiers": [{"up_to_kwh": 5, "price": 0.59}, {"up_to_kwh": None, "price": 0.49}]}
BLOCKING: list[dict[str, object]] = [
    {"price_components": [{"type": "FLAT", "price": 0.5, "vat": 19}]},
    {
        "price_components": [{"type": "TIME", "price": 6, "vat": 19}],
        "restrictions": {"min_duration": 1800, "max_duration": 5400},
    },
    {
        "price_components": [{"type": "ENERGY", "price": 0.49, "vat": 19}],
        "restrictions": {"min_kwh": 5},
    },
]


def points(session: int, intervals: int) -> list[MeterPoint]:
    """A vehicle that takes 11 kW, each session a little different and on another day of June or July."""
    start = START + timedelta(days=session % 28)
    return [
        MeterPoint(start + timedelta(minutes=i), Wh(1_000_000 + session + i * 183 + i % 7), Watt(11_000))
        for i in range(intervals + 1)
    ]


def rater(*elements: Mapping[str, object], **extensions: object) -> Rater:
    return Rater(
        parse_tariff(
            {
                "id": "bench",
                "currency": "EUR",
                "tax_included": "YES",
                "elements": [*elements, {"price_components": [ENERGY]}],
                **extensions,
            }
        ),
        BERLIN,
    )


def windows(count: int) -> list[dict[str, object]]:
    """Elements of a Sunday morning: none applies, all are looked at."""
    return [
        {
            "price_components": [{"type": "ENERGY", "price": 0.1, "vat": 19}],
            "restrictions": {
                "start_time": f"{3 + i // 60:02}:{i % 60:02}",
                "end_time": f"{3 + i // 60:02}:{i % 60:02}",
            },
        }
        for i in range(count)
    ]


def timed(*works: Callable[[], object], turns: int) -> list[float]:
    """Give the least processor time of each in seconds; they take turns, as the machine's mood changes."""
    best = [inf] * len(works)
    for _ in range(turns):
        for i, work in enumerate(works):
            begin = process_time()
            work()
            best[i] = min(best[i], process_time() - begin)
    return best


def plain_loop(sessions: list[list[Decimal]]) -> None:
    """Multiply kWh that are Decimals already."""
    for energies in sessions:
        total = Decimal(0)
        for energy in energies:
            total += energy * PRICE


def register_loop(sessions: list[list[MeterPoint]]) -> None:
    """Do the same from the registers of the meter, which is what rating gets."""
    for each in sessions:
        total = Decimal(0)
        for before, after in pairwise(each):
            total += Decimal(after.energy - before.energy).scaleb(-3) * PRICE


def rating(one: Rater, sessions: list[list[MeterPoint]]) -> Callable[[], None]:
    """Give the work of rating sessions."""

    def work() -> None:
        for each in sessions:
            one.cut_and_rate(each)

    return work


def main(count: int) -> None:
    """Measure and print."""
    sessions = [points(session, 60) for session in range(100)]
    energies = [[Decimal(b.energy - a.energy).scaleb(-3) for a, b in pairwise(each)] for each in sessions]
    works = {
        "plain loop, kWh are Decimals": lambda: plain_loop(energies),
        "plain loop, from the registers": lambda: register_loop(sessions),
        "rated, one price": rating(rater(), sessions),
        "rated, day and night": rating(rater(NIGHT), sessions),
        "rated, fee, kWh and duration": rating(rater(*BLOCKING), sessions),
        "rated, volume price": rating(rater(x_graduated=GRADUATED), sessions),
    }
    times = timed(*works.values(), turns=max(1, count // len(sessions)))
    print(f"{count} sessions of 60 intervals: sessions per second and core, times the cost of each plain loop")
    for name, spent in zip(works, times, strict=True):
        print(f"  {name:<34} {len(sessions) / spent:8.0f} {spent / times[0]:6.1f} {spent / times[1]:6.1f}")
    print("microseconds per session, day and night, by intervals")
    for intervals in (60, 240, 960):
        (spent,) = timed(rating(rater(NIGHT), [points(session, intervals) for session in range(100)]), turns=5)
        print(f"  {intervals:<34} {spent / 100 * 1e6:8.0f}")
    print("microseconds per session by elements")
    for elements in (1, 10, 100):
        (spent,) = timed(rating(rater(*windows(elements - 1)), sessions), turns=5)
        print(f"  {elements:<34} {spent / 100 * 1e6:8.0f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 10_000)
