"""The worked scenarios, and the examples of OCPI 2.2.1 (with its two errata), against prices computed by hand."""

import copy
import json
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from backend.core.rates.charging_period import Between
from backend.core.rates.rating_model import VersionSwitch
from backend.core.rates.scenario import ScenarioOptions, rate_scenario

CASES: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[4] / "cases" / "tariff_scenarios.json").read_text("utf-8"), parse_float=Decimal
)
BY_ID = {case["id"]: case for case in CASES}
TOTALS = ("total_net", "total_vat", "total_gross")
EXACT = ("total_net_exact", "total_gross_exact", "energy_net_exact", "base_fee_net", "margin_net", "quota_after")


def named(case: dict[str, Any]) -> str:
    return str(case["id"])


def rated(case: dict[str, Any], **changes: Any) -> dict[str, Any]:
    chosen = {**case.get("options", {}), **changes}
    if "version_switch" in chosen:
        chosen["version_switch"] = VersionSwitch(chosen["version_switch"])
    return price({k: v for k, v in case.items() if k != "options"}, **chosen)


def price(case: object, **options: Any) -> dict[str, Any]:
    found: dict[str, Any] = rate_scenario(case, ScenarioOptions(**options))
    return found


def scenario(name: str, **changes: Any) -> dict[str, Any]:
    """A scenario, changed; a key is a path such as `sessions/0/periods/1/kwh`, `...` removes."""
    case = {k: v for k, v in copy.deepcopy(BY_ID[name]).items() if k not in ("options", "expected")}
    for path, value in changes.items():
        part: Any = case
        *way, last = path.split("/")
        for step in way:
            part = part[int(step) if step.isdigit() else step]
        key = int(last) if isinstance(part, list) else last
        if value is ...:
            del part[key]
        else:
            part[key] = value
    return case


def check_totals(found: dict[str, Any], expected: dict[str, Any]) -> None:
    for name in TOTALS:
        if name in expected:
            assert found[name] == expected[name], name
    for name in EXACT:
        if name in expected:
            assert Decimal(found[name]) == Decimal(expected[name]), name
    if "ocpi" in expected:
        assert [found["ocpi_total_cost"][key] for key in ("excl_vat", "incl_vat")] == expected["ocpi"]
    if "tax_lines" in expected:
        rows = [[t["rate_percent"], t["base"], t["vat"]] for t in found["tax_lines"]]
        assert rows == [[str(part) for part in row] for row in expected["tax_lines"]]


def check_lines(found: Sequence[dict[str, Any]], expected: Sequence[list[Any]]) -> None:
    names = ("period", "dimension", "tariff_id", "element", "component")
    assert len(found) == len(expected)
    for line, row in zip(found, expected, strict=True):
        for name, value in zip(names, row, strict=False):
            assert value is None or line[name] == value, (name, line)
        for name, value in zip(("quantity", "unit_price", "net_exact", "gross_exact"), row[5:], strict=True):
            assert value is None or Decimal(line[name]) == Decimal(value), (name, line)


def of_elements(lines: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Lines of prices, without those of limits."""
    return [line for line in lines if line["element"] is not None]


@pytest.mark.parametrize("case", CASES, ids=named)
def test_case_costs_what_was_computed_by_hand(case: dict[str, Any]) -> None:
    found, expected = rated(case), dict(case["expected"])
    assert not found["held"], found
    comparison = expected.pop("comparison", {})
    for tariff, wanted in comparison.items():
        check_totals(found["comparison"][tariff], wanted)
        assert found["comparison"][tariff]["per_session_net"] == wanted["per_session_net"]
    check_totals(found, expected)
    for session, wanted in zip(found.get("per_session", ()), expected.get("per_session", ()), strict=False):
        check_totals(session, wanted)
    if "retail" in expected:
        check_totals(found["retail"], expected["retail"])


@pytest.mark.parametrize("case", [c for c in CASES if "lines" in c["expected"]], ids=named)
def test_lines_of_a_case_are_those_computed_by_hand(case: dict[str, Any]) -> None:
    found, lines = rated(case), list(case["expected"]["lines"])
    if not case["id"].startswith(("S", "B")):
        lines = [[row[0], row[1], None, row[2], row[3], *row[4:]] for row in lines]
    check_lines(of_elements(found["lines"]), lines)


@pytest.mark.parametrize("name", ["S03", "S03-waived"])
def test_sessions_of_a_case_have_their_own_lines(name: str) -> None:
    for session, wanted in zip(rated(BY_ID[name])["per_session"], BY_ID[name]["expected"]["per_session"], strict=True):
        check_lines(session["lines"], wanted["lines"])


def test_volume_price_divides_sessions_between_tiers() -> None:
    case = BY_ID["S23"]
    found = rated(case)
    for session, wanted in zip(found["per_session"], case["expected"]["parts"], strict=True):
        parts = [[line[k] for k in ("quantity", "unit_price", "net_exact")] for line in session["lines"]]
        assert [[Decimal(v) for v in row] for row in parts] == [[Decimal(v) for v in row] for row in wanted["parts"]]
        assert Decimal(session["total_net_exact"]) == Decimal(wanted["net_exact"])
    assert found["lines"][-1]["dimension"] == "BASE_FEE"
    assert found["lines"][-1]["explanation_de"] == "Grundgebühr 4,99 EUR je Monat"


@pytest.mark.parametrize("case", CASES, ids=named)
def test_lines_sum_to_the_total_and_are_explained_in_both_languages(case: dict[str, Any]) -> None:
    found = rated(case)
    for part in [found, *found.get("per_session", ()), *found.get("comparison", {}).values()]:
        if "lines" not in part:
            continue
        for name in ("net_exact", "gross_exact"):
            assert sum(Decimal(line[name]) for line in part["lines"]) == Decimal(part[f"total_{name}"])
        assert Decimal(part["total_gross"]) - Decimal(part["total_net"]) == Decimal(part["total_vat"])
        for line in part["lines"]:
            assert line["explanation_de"]
            assert line["explanation_en"]
            assert line["explanation_de"] != line["explanation_en"]


def test_minimum_price_is_a_line_and_told_apart() -> None:
    found = rated(BY_ID["S15"])
    which, net, gross = BY_ID["S15"]["expected"]["limit"]
    line = found["lines"][-1]
    assert (line["dimension"], line["element"]) == ("MIN_PRICE", None)
    assert (line["net_exact"], line["gross_exact"]) == (net, gross)
    # what it adds stands in its line alone: the lines sum to the total
    assert found["limit_applied"] == {
        "which": which,
        "net_before": "0.248",
        "gross_before": "0.29512",
        "lines": [len(found["lines"]) - 1],
    }


def test_both_modes_of_a_version_switch_are_told() -> None:
    found = rated(BY_ID["S25-lock_at_start"])
    assert (found["lock_at_start"]["total_gross"], found["switch_mode"]["total_gross"]) == ("14.58", "15.58")


def test_reasons_tell_quota_counter_and_step() -> None:
    lines = rated(BY_ID["S22"])["lines"]
    assert lines[0]["explanation_de"] == (
        "Ladestrom 11,600 kWh × 0,00 EUR/kWh (aus dem Kontingent, 88,4 von 100 kWh zuvor verbraucht)"
    )
    idle = rated(BY_ID["S07"])["lines"][1]
    assert idle["explanation_en"] == (
        "Time connected without charging 15 min × 0.00 EUR/h (up to 15 min from the end of charging)"
    )
    assert rated(BY_ID["S17"])["lines"][2]["explanation_de"].endswith("aufgerundet um 470 s")


PARKED = {"state": "PARKING", "start": "2026-06-17T04:00:00Z", "end": "2026-06-17T08:30:00Z", "kwh": "0"}
SESSION_COUNTER: dict[str, Any] = {
    "extensions/x_duration_counter": ...,
    "tariff/elements/0/restrictions/x_duration_counter": ...,
}


def test_cap_takes_off_what_goes_beyond_it() -> None:
    # from 06:00 to 10:30 are 270 min at 0.10, which 20.00 caps: 18.4525 + 20.00
    one = scenario("S06", **SESSION_COUNTER)
    one["sessions"][0]["periods"][3:] = [PARKED]
    found = price(one)
    assert (found["total_gross_exact"], found["total_gross"]) == ("38.4525", "38.45")
    assert found["lines"][-1]["explanation_de"] == (
        "Nachlass auf den Höchstbetrag von 20,00 EUR je Ladevorgang für Ladezeit, Standzeit ohne Laden"
    )
    parts = scenario("S06", **SESSION_COUNTER)
    assert price(parts)["total_gross_exact"] == "38.4525"


def test_cap_per_day_counts_over_sessions() -> None:
    case = scenario("S06", **SESSION_COUNTER, **{"extensions/x_component_caps/0/per": "day"})
    second = copy.deepcopy(case["sessions"][0])
    second["id"] = "again"
    case["sessions"].append(second)
    found = price(case)
    # the second session's parking is beyond the cap of that day altogether
    assert [row["total_gross_exact"] for row in found["per_session"]] == ["38.4525", "18.4525"]


def test_quota_of_the_next_month_is_new() -> None:
    case = scenario("S22")
    case["sessions"].append(
        {
            "id": "july",
            "periods": [
                {"state": "CHARGING", "start": "2026-06-30T22:00:00Z", "end": "2026-07-01T01:00:00Z", "kwh": "30"}
            ],
        }
    )
    found = price(case)
    assert [row["total_net"] for row in found["per_session"]] == ["6.44", "0.00"]


def test_volume_counts_per_contract() -> None:
    case = scenario("S23", **{"sessions/0/contract": "a", "sessions/1/contract": "b", "sessions/2/contract": "a"})
    found = price(case)
    # b begins with the first tier; each contract pays its base fee
    assert found["per_session"][1]["total_net_exact"] == "12.69"
    assert found["base_fee_net"] == "9.98"


def test_base_fee_is_due_once_a_month() -> None:
    case = scenario("S23")
    case["sessions"][2]["periods"][0] |= {"start": "2026-07-01T08:00:00Z", "end": "2026-07-01T13:00:00Z"}
    assert price(case)["base_fee_net"] == "9.98"


def test_spot_price_of_the_start_holds() -> None:
    late = scenario("S21", **{"sessions/0/periods/0/start": "2026-07-12T11:00:00Z"})
    assert price(late)["total_gross_exact"] == "13.024"
    spanning = scenario("S21", **{"extensions/x_spot/lock": "interval"})
    assert price(spanning)["reason"]["code"] == "period_spans_price_change"
    assert price(spanning, between=Between.INTERPOLATE)["total_gross_exact"] != "14.432"
    hour = scenario("S21", **{"extensions/x_spot/lock": "hour_of_start"})
    assert price(hour)["total_gross_exact"] == "14.432"


def test_spot_prices_are_computed_from_the_market() -> None:
    case = scenario("S20")
    for entry in case["extensions"]["x_spot"]["series"]:
        del entry["unit_price_net"]
    case["tariff"]["elements"] = [{"price_components": [{"type": "ENERGY", "price": 0, "vat": 19}]}]
    assert price(case)["total_net_exact"] == "3.938275"
    gross = copy.deepcopy(case)
    gross["tariff"]["tax_included"] = "YES"
    # the same prices with VAT: 3.938275 x 1.19
    assert price(gross)["total_gross_exact"] == "4.68654725"


def test_reverse_charge_takes_the_vat_off() -> None:
    case = scenario("S24", **{"tariff/elements/0/price_components/0/vat": 19})
    found = price(case)
    assert (found["total_net"], found["total_vat"]) == ("18.98", "0.00")
    standard = price(case, relationship="other")
    assert standard["total_vat"] == "3.61"


def test_yen_have_no_cents() -> None:
    case = scenario(
        "S01", currency="JPY", **{"tariff/currency": "JPY", "tariff/elements/0/price_components/0/price": 60}
    )
    # 22.417 x 60 = 1345.02; 10 % would be 135, 19 % are 255.55
    assert [price(case)[name] for name in TOTALS] == ["1345", "256", "1601"]


def test_holidays_of_a_state_decide() -> None:
    case = scenario("S01")
    holiday = {
        "price_components": [{"type": "ENERGY", "price": 0.3, "vat": 19}],
        "restrictions": {"x_calendar": "days off"},
    }
    case["tariff"]["elements"].insert(0, holiday)
    case["extensions"] = {"x_calendars": {"days off": {"state": "BY"}}}
    corpus_christi = {"start": "2026-06-04T08:00:00Z", "end": "2026-06-04T09:00:00Z"}
    assert price(case)["lines"][0]["unit_price"] == "0.45"
    case["sessions"][0]["periods"][0] |= corpus_christi
    assert price(case)["lines"][0]["explanation_de"].endswith("(an Feiertagen (BY))")
    case["extensions"]["x_calendars"]["days off"]["state"] = "BE"
    assert price(case)["lines"][0]["unit_price"] == "0.45"


def test_formula_gives_the_price() -> None:
    case = scenario(
        "S08",
        **{"tariff/elements": [{"price_components": [{"type": "ENERGY", "price": 0.42, "vat": 19}]}]},
    )
    case["tariff"]["elements"][0]["price_components"][0]["x_formula"] = "price * (0.5 if hour >= 22 or hour < 6 else 1)"
    assert [line["unit_price"] for line in price(case)["lines"]] == ["0.42", "0.21"]


SPANNING = {
    "sessions/0/periods": [
        {"state": "CHARGING", "start": "2026-06-15T19:10:00Z", "end": "2026-06-15T21:40:00Z", "kwh": "27.5"}
    ]
}


def test_period_that_spans_a_price_change_is_divided_only_if_that_is_allowed() -> None:
    case = scenario("S08", **SPANNING)
    assert price(case)["reason"] == {
        "code": "period_spans_price_change",
        "path": "sessions[0].periods[0]",
        "text": "spans a price change at 2026-06-15T20:00:00Z",
        "text_de": "überspannt einen Preiswechsel um 2026-06-15T20:00:00Z",
    }
    divided = price(case, between=Between.INTERPOLATE)
    assert [line["quantity"] for line in divided["lines"]] == ["9.167", "18.333"]
    assert divided["lines"][0]["explanation_de"].endswith("Zählerstand beim Preiswechsel interpoliert")
    at_start = price(case, between=Between.START_PRICE)
    assert [line["unit_price"] for line in at_start["lines"]] == ["0.42"]
    assert at_start["notes"][0]["code"] == "priced_at_start"


BAD: list[tuple[str, dict[str, Any], str, str]] = [
    ("S01", {"tariff": None}, "no_tariff", "tariff"),
    ("S01", {"tariff": 7}, "invalid_value", "tariff"),
    (
        "S01",
        {"tariff/elements/0/price_components/0/price": "0.45"},
        "invalid_value",
        "tariff.elements[0].price_components[0].price",
    ),
    ("S01", {"tariff/elements/0/x_new": 1}, "unknown_field", "tariff.elements[0].x_new"),
    (
        "S01",
        {"tariff/elements/0/price_components/0/type": "POWER"},
        "invalid_value",
        "tariff.elements[0].price_components[0].type",
    ),
    ("S01", {"surcharge": {"all": 1}}, "unknown_field", "surcharge"),
    ("S01", {"extensions": {"x_magic": 1}}, "unknown_field", "extensions.x_magic"),
    ("S01", {"extensions": {"magic": 1}}, "unknown_field", "extensions.magic"),
    ("S01", {"timezone": "Europe/Atlantis"}, "invalid_value", "timezone"),
    ("S01", {"timezone": ...}, "missing_field", "timezone"),
    ("S01", {"currency": "CHF"}, "invalid_value", "tariff.currency"),
    ("S01", {"sessions": []}, "invalid_value", "sessions"),
    ("S01", {"sessions/0/periods": []}, "invalid_value", "sessions[0].periods"),
    ("S01", {"sessions/0/periods/0/kwh": ...}, "missing_field", "sessions[0].periods[0].kwh"),
    ("S01", {"sessions/0/periods/0/kwh": "-1"}, "negative_energy", "sessions[0].periods[0].kwh"),
    ("S01", {"sessions/0/periods/0/kwh": "NaN"}, "invalid_value", "sessions[0].periods[0].kwh"),
    ("S01", {"sessions/0/periods/0/odd": 1}, "unknown_field", "sessions[0].periods[0].odd"),
    ("S01", {"sessions/0/periods/0/state": "FLYING"}, "invalid_value", "sessions[0].periods[0].state"),
    ("S01", {"sessions/0/periods/0/start": "yesterday"}, "invalid_value", "sessions[0].periods[0].start"),
    ("S01", {"sessions/0/periods/0/start": "0001-01-01T00:00:00Z"}, "invalid_value", "sessions[0].periods[0].start"),
    ("S01", {"sessions/0/periods/0/end": "2026-06-15T15:00:00Z"}, "negative_duration", "sessions[0].periods[0].end"),
    ("S01", {"sessions/0/periods/0/tariff_id": "x"}, "unknown_tariff", "sessions[0].periods[0].tariff_id"),
    ("S01", {"tariff/end_date_time": "2026-01-01T00:00:00Z"}, "tariff_not_valid", "tariff.end_date_time"),
    (
        "S08",
        {"sessions/0/periods/1/start": "2026-06-15T19:59:00Z"},
        "overlapping_periods",
        "sessions[0].periods[1].start",
    ),
    (
        "S08",
        {"sessions/0/periods/1/start": "2026-06-15T20:01:00Z"},
        "gap_between_periods",
        "sessions[0].periods[1].start",
    ),
    ("S11", {"sessions/0/periods/0/kwh": "21"}, "period_spans_price_change", "sessions[0].periods[0]"),
    ("S03", {"sessions/1/id": "S03-s1"}, "invalid_value", "sessions[1].id"),
    ("S19", {"sessions/0/periods/0/kwh": "1"}, "energy_without_price", "sessions[0].periods[0].kwh"),
    ("S20", {"extensions/x_spot/series/3": ...}, "missing_spot_price", "extensions.x_spot.series"),
    ("S20", {"extensions/x_spot/series": "unknown"}, "missing_spot_price", "extensions.x_spot.series"),
    ("S20", {"extensions/x_spot/series": []}, "invalid_value", "extensions.x_spot.series"),
    (
        "S20",
        {"extensions/x_spot/series/0/unit_price_net": "0.3"},
        "invalid_value",
        "extensions.x_spot.series[0].unit_price",
    ),
    ("S20", {"tariff/elements/0": ...}, "missing_spot_price", "tariff.elements"),
    ("S20", {"extensions/x_spot/lock": "forever"}, "invalid_value", "extensions.x_spot.lock"),
    ("S22", {"extensions/x_quota/free_kwh": "-5"}, "invalid_value", "extensions.x_quota.free_kwh"),
    (
        "S23",
        {"extensions/x_graduated/tiers/2/up_to_kwh": "200"},
        "invalid_value",
        "extensions.x_graduated.tiers[2].up_to_kwh",
    ),
    ("S06", {"extensions/x_component_caps/0/element": 9}, "invalid_value", "extensions.x_component_caps[0].element"),
    (
        "S24",
        {"tariff/tax_included": "YES", "tariff/elements/0/price_components/0/vat": 19},
        "invalid_value",
        "extensions.x_tax.wholesale",
    ),
    ("S25-lock_at_start", {"tariff/1/currency": "CHF"}, "invalid_value", "tariff[1].currency"),
    ("S25-lock_at_start", {"tariff/1/tax_included": "YES"}, "mixed_tariffs", "tariff"),
]


@pytest.mark.parametrize(("name", "changes", "code", "path"), BAD)
def test_what_cannot_be_priced_is_held_with_its_path(name: str, changes: dict[str, Any], code: str, path: str) -> None:
    found = price(scenario(name, **changes))
    assert found["held"] is True
    reason = found["reason"]
    assert isinstance(reason, dict)
    assert (reason["code"], reason["path"]) == (code, path)
    assert reason["text"]
    assert "total_gross" not in found


@pytest.mark.parametrize("data", [None, [], "x", 7, {}, {"tariff": {}}])
def test_what_is_no_scenario_is_held(data: object) -> None:
    assert price(data)["held"] is True


def test_one_held_session_leaves_no_sum() -> None:
    case = scenario("S03", **{"sessions/1/periods/0/end": "2026-06-15T07:00:00Z"})
    found = price(case)
    assert [row["held"] for row in found["per_session"]] == [False, True]
    assert found["per_session"][0]["total_gross"] == "7.01"
    assert found["held"]
    assert "total_gross" not in found
