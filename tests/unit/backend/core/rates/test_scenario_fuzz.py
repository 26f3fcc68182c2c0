"""Whatever a scenario holds: a rating whose lines sum to its total, or a named reason with a path; never a crash."""

import copy
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from backend.core.rates.charging_period import Between
from backend.core.rates.rating_model import VersionSwitch
from backend.core.rates.scenario import ScenarioOptions, rate_scenario

CASES: list[dict[str, Any]] = [
    {key: value for key, value in case.items() if key not in ("expected", "options")}
    for case in json.loads((Path(__file__).parents[4] / "cases" / "tariff_scenarios.json").read_text("utf-8"))
]
OPTIONS = [
    ScenarioOptions(),
    ScenarioOptions(flat_requires_energy=True, between=Between.INTERPOLATE),
    ScenarioOptions(version_switch=VersionSwitch.SWITCH, between=Between.START_PRICE, relationship="nobody"),
]


def nested(depth: int) -> object:
    found: object = 1
    for _ in range(depth):
        found = [found]
    return found


WORDS = """
    x NaN -Infinity 1e400 1E-400 0.0000001 999999999.999999 sNaN 1_000 ٣ YES NO N/A CHARGING PARKING RESERVATION FLAT
    TIME ENERGY JPY Europe/Berlin UTC ../etc session calendar_day BY 22:00 24:00 00:00 2026-06-15 2026-06-15T20:00:00Z
    2026-02-30T00:00:00Z 9999-12-31T23:59:59Z 2000-01-01T00:00:00 2199-12-31T23:59:59+23:59 0001-01-01T00:00:00+23:00
"""
NUMBERS = [0, -1, 1, 86400, 10**30, -(10**30), 0.1, -0.5, 1e308, float("nan"), float("inf")]
DECIMALS = [Decimal("NaN"), Decimal("sNaN"), Decimal("1e99"), Decimal("1e-99")]
FORMULAS = ["price * 2", "1 / 0", "kwh ** 2", "(" * 100, "spot"]
LISTS: list[Any] = [[], [[]], {}, {"a": 1}, {1: 2}, nested(50), ["MONDAY"], ["ENERGY", "ENERGY"], [None]]
ODD: list[Any] = [
    ...,
    None,
    True,
    False,
    "",
    "\x00",
    "a" * 5000,
    *NUMBERS,
    *DECIMALS,
    *FORMULAS,
    *LISTS,
    *WORDS.split(),
]
FIELDS = """
    x_quota x_spot x_graduated x_component_caps x_tax x_calendars x_retail x_formula tariff_id min_price max_price vat
    step_size expired restrictions min_kwh max_power x_duration_counter x_calendar start_date_time end_date_time odd
    tax_included reservation day_of_week
"""
NAMES = FIELDS.split()


def places(value: object, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    if isinstance(value, dict):
        for key, part in value.items():
            yield from places(part, (*path, key))
    elif isinstance(value, list):
        for i, part in enumerate(value):
            yield from places(part, (*path, i))


PLACES = [list(places(case)) for case in CASES]


@st.composite
def scenarios(draw: st.DrawFn) -> object:
    """A worked scenario with one to four changes: values replaced, removed, repeated, exchanged, or added."""
    index = draw(st.integers(0, len(CASES) - 1))
    case = copy.deepcopy(CASES[index])
    for _ in range(draw(st.integers(1, 4))):
        *way, last = draw(st.sampled_from(PLACES[index]))
        part: Any = case
        try:
            for step in way:
                part = part[step]
            mutate(draw, part, last)
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change took this place away
    return case


def mutate(draw: st.DrawFn, part: Any, last: Any) -> None:
    kind = draw(st.sampled_from(["replace", "add", "repeat", "reverse", "scale", "scale", "shift", "shift"]))
    old, odd = part[last], copy.deepcopy(draw(st.sampled_from(ODD)))
    if kind == "add" and isinstance(old, dict):
        old[draw(st.sampled_from(NAMES))] = None if odd is ... else odd
    elif kind == "repeat" and isinstance(part, list):
        part.insert(last, copy.deepcopy(old))
    elif kind == "reverse" and isinstance(part, list):
        part.reverse()
    elif kind == "shift" and isinstance(old, str) and old.endswith("Z"):
        part[last] = f"{old[:11]}{draw(st.integers(0, 23)):02}{old[13:]}"
    elif kind == "scale" and isinstance(old, int | float | str):
        part[last] = scaled(old, draw(st.sampled_from(["0", "-1", "0.5", "7.3", "1000", "1e12"])))
    elif kind == "replace" and odd is ...:
        del part[last]
    elif kind == "replace":
        part[last] = odd


def scaled(old: float | str, factor: str) -> object:
    try:
        found = Decimal(str(old)) * Decimal(factor)
    except ArithmeticError:
        return old
    return str(found) if isinstance(old, str) else float(found)


def check(found: dict[str, Any]) -> None:
    """A result, and each result inside it, is a price that adds up or a reason."""
    for part in [*found.get("per_session", ()), *found.get("comparison", {}).values()]:
        check(part)
    for name in ("wholesale", "retail", "lock_at_start", "switch_mode"):
        if name in found:
            check(found[name])
    if found["held"]:
        if "comparison" not in found:
            reason = found["reason"]
            assert reason["code"]
            assert reason["path"]
            assert reason["text"]
            assert reason["text_de"]
        assert "total_gross" not in found
    elif "lines" in found:
        for name in ("net_exact", "gross_exact"):
            assert sum(Decimal(line[name]) for line in found["lines"]) == Decimal(found[f"total_{name}"])
        assert Decimal(found["total_gross"]) == Decimal(found["total_net"]) + Decimal(found["total_vat"])
        assert sum(Decimal(tax["base"]) for tax in found["tax_lines"]) == Decimal(found["total_net"])
        assert all(line["explanation_de"] and line["explanation_en"] for line in found["lines"])
    else:
        assert "comparison" in found


@settings(max_examples=400, deadline=None)
@given(scenarios(), st.sampled_from(OPTIONS))
def test_a_changed_scenario_has_a_price_or_a_reason(case: object, options: ScenarioOptions) -> None:
    found: dict[str, Any] = rate_scenario(case, options)
    check(found)
    json.dumps(found)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from(ODD[1:]),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from([*CASES[0], *NAMES]), inner, max_size=6)
    ),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(JSON)
def test_any_json_has_a_reason(data: object) -> None:
    found: dict[str, Any] = rate_scenario(data)
    assert found["held"] is True
    assert found["reason"]["path"]
    json.dumps(found)


def test_what_is_nested_too_deep_has_a_reason() -> None:
    deep = nested(100_000)
    for case in (deep, {"tariff": deep}, CASES[0] | {"sessions": deep}, CASES[0] | {"extensions": {"x_spot": deep}}):
        assert rate_scenario(case)["held"] is True
