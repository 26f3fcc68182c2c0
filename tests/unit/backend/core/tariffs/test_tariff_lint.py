"""The linter: every finding with its path, and no finding where nothing is wrong."""

from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from backend.core.tariffs.lint_texts import FINDING_TEXTS, Severity
from backend.core.tariffs.tariff_lint import Finding, lint, lint_versions, worst

BERLIN = ZoneInfo("Europe/Berlin")

# Any: JSON of tariffs.
Json = dict[str, Any]


def component(kind: str = "ENERGY", price: float = 0.45, vat: float | None = 19, step: int = 1) -> Json:
    return {"type": kind, "price": price, "step_size": step} | ({} if vat is None else {"vat": vat})


def element(*components: Json, **restrictions: object) -> Json:
    return {"price_components": list(components)} | ({"restrictions": restrictions} if restrictions else {})


def tariff(*elements: Json, **more: object) -> Json:
    return {"id": "T", "currency": "EUR", "type": "REGULAR", "elements": list(elements), **more}


def codes(data: Json, power_kw: int | None = None, zone: ZoneInfo | None = BERLIN) -> list[tuple[str, str]]:
    found = lint(data, None if power_kw is None else Decimal(power_kw), zone)
    return [(finding.code, finding.path) for finding in found]


def only(data: Json, power_kw: int | None = None) -> Finding:
    [finding] = lint(data, None if power_kw is None else Decimal(power_kw), BERLIN)
    return finding


def test_a_plain_tariff_has_no_findings() -> None:
    assert codes(tariff(element(component()))) == []
    day_night = tariff(element(component(), start_time="22:00", end_time="06:00"), element(component(price=0.5)))
    assert codes(day_night) == []


def test_an_unreadable_tariff_is_one_finding_with_its_path() -> None:
    broken = tariff(element(component(), min_kw=11))
    finding = only(broken)
    assert (finding.code, finding.path) == ("invalid", "elements[0].restrictions.min_kw")
    assert finding.severity is Severity.ERROR
    assert codes({}) == [("invalid", "elements")]
    assert lint("nonsense")[0].code == "invalid"


def test_an_element_behind_one_without_conditions_is_unreachable() -> None:
    data = tariff(element(component(price=0.5)), element(component(price=0.3), start_time="22:00", end_time="06:00"))
    assert codes(data) == [("unreachable_element", "elements[1]")]


def test_reach_is_looked_up_per_dimension() -> None:
    data = tariff(
        element(component(price=0.5)),
        element(component(price=0.3), component("PARKING_TIME", 6), start_time="22:00", end_time="06:00"),
    )
    finding = only(data)
    assert (finding.code, finding.path) == ("unreachable_price", "elements[1].price_components[0]")
    assert "Ladestrom" in finding.text_de
    assert "Energy" in finding.text_en


def test_reservations_are_looked_up_by_themselves() -> None:
    data = tariff(
        element(component("FLAT", 5), reservation="RESERVATION_EXPIRES"),
        element(component("FLAT", 1), component("TIME", 3), reservation="RESERVATION"),
        element(component("TIME", 3, step=1), reservation="RESERVATION"),
        element(component()),
    )
    assert codes(data) == [("unreachable_element", "elements[2]")]


def test_energy_that_is_free_by_accident_is_found_with_an_example() -> None:
    data = tariff(element(component(), start_time="06:00", end_time="22:00", day_of_week=["MONDAY", "TUESDAY"]))
    finding = only(data)
    assert (finding.code, finding.severity) == ("no_fallback", Severity.WARNING)
    assert "Mi, Do, Fr, Sa, So" in finding.text_de or "22:00–06:00 Uhr" in finding.text_de
    free_on_purpose = tariff(element(component(), start_time="06:00", end_time="22:00"), element(component(price=0)))
    assert codes(free_on_purpose) == []


def test_times_may_have_gaps_a_blocking_fee_has_one() -> None:
    fee = element(component("TIME", 6), component("PARKING_TIME", 6), min_duration=14400, max_duration=21600)
    assert codes(tariff(fee, element(component()))) == []


def test_a_missing_price_per_kwh_is_an_error_but_a_free_tariff_is_not() -> None:
    assert codes(tariff(element(component("TIME", 6)))) == [("no_kwh_price", "elements")]
    assert codes(tariff(element(component("FLAT", 0, None)))) == []


def test_a_start_fee_depends_on_power_and_type() -> None:
    fee = element(component("FLAT", 0.35), component())
    path = "elements[0].price_components[0]"
    ad_hoc = tariff(fee) | {"type": "AD_HOC_PAYMENT"}
    assert codes(ad_hoc, 50) == [("start_fee_fast", path)]
    assert codes(ad_hoc, 49) == []
    assert codes(ad_hoc) == [("start_fee_if_fast", path)]
    assert codes(tariff(fee), 150) == [("start_fee_fast_contract", path)]
    assert [f.severity for f in lint(ad_hoc, Decimal(50))] == [Severity.ERROR]
    slow = tariff(element(component("FLAT", 0.35), max_power=50), element(component())) | {"type": "AD_HOC_PAYMENT"}
    assert codes(slow) == []
    fast = tariff(element(component("FLAT", 0.35), min_power=50), element(component())) | {"type": "AD_HOC_PAYMENT"}
    assert codes(fast) == [("start_fee_fast", path)]


def test_a_price_for_time_from_the_start_is_doubtful_when_fast() -> None:
    data = tariff(element(component(), component("TIME", 6))) | {"type": "AD_HOC_PAYMENT"}
    assert codes(data, 150) == [("time_price_fast", "elements[0].price_components[1]")]
    assert codes(data, 22) == []


def test_conditions_that_never_hold_are_errors() -> None:
    sunday = {"start_date": "2026-07-12", "end_date": "2026-07-13", "day_of_week": ["MONDAY"]}
    data = tariff(element(component(price=0.2), **sunday), element(component()))
    assert codes(data) == [("never_applies", "elements[0].restrictions")]
    late = tariff(
        element(component(price=0.2), start_date="2027-02-01"),
        element(component()),
        start_date_time="2026-01-01T00:00:00Z",
        end_date_time="2026-12-31T23:00:00Z",
    )
    assert codes(late) == [("never_applies", "elements[0].restrictions")]
    assert codes(late, zone=None) == []


def test_a_validity_that_ends_before_it_begins_is_refused() -> None:
    data = tariff(element(component()), start_date_time="2026-02-01T00:00:00Z", end_date_time="2026-01-01T00:00:00Z")
    assert codes(data) == [("invalid", "end_date_time")]


def version(start: str | None, end: str | None) -> Json:
    return tariff(element(component()), start_date_time=start, end_date_time=end)


def test_versions_hand_over_without_gap_and_overlap() -> None:
    new_year, may, june = "2026-01-01T00:00:00Z", "2026-05-01T00:00:00Z", "2026-06-01T00:00:00Z"
    assert lint_versions([version(None, new_year), version(new_year, may), version(may, None)]) == ()
    assert lint_versions([version(new_year, None), version(may, None), version(None, None)]) == ()
    [gap] = lint_versions([version(june, None), version(None, may), {"id": "unreadable"}])
    assert (gap.code, gap.path) == ("validity_gap", "tariff[0].start_date_time")
    assert "2026-05-01T00:00:00Z bis 2026-06-01T00:00:00Z" in gap.text_de
    [overlap] = lint_versions([version(None, june), version(may, None)])
    assert (overlap.code, overlap.severity) == ("validity_overlap", Severity.ERROR)
    assert "from 2026-05-01T00:00:00Z to 2026-06-01T00:00:00Z" in overlap.text_en


def test_equal_times_are_told_to_be_the_whole_day() -> None:
    data = tariff(element(component(), start_time="08:00", end_time="08:00"))
    assert codes(data) == [("whole_day", "elements[0].restrictions.end_time")]


def test_drift_shows_the_worst_case_and_is_silent_where_there_is_none() -> None:
    data = tariff(element(component(price=0.79)), tax_included="YES")
    finding = only(data)
    assert (finding.code, finding.path) == ("gross_drift", "elements[0].price_components[0].price")
    assert "0,6639 EUR je kWh" in finding.text_de
    assert "24,6 kWh kosten 19,43 EUR, nachgerechnet 19,44 EUR" in finding.text_de
    parking = tariff(element(component("PARKING_TIME", 5.71), component(price=1.19)), tax_included="YES")
    assert (
        "(4,7983 EUR je h) weicht der Preis ab: 30 min kosten 2,86 EUR, nachgerechnet 2,85 EUR" in only(parking).text_de
    )
    assert codes(tariff(element(component(price=1.19)), tax_included="YES")) == []
    assert codes(tariff(element(component(price=0.79)))) == []


def test_a_billing_step_tells_what_it_may_cost() -> None:
    data = tariff(element(component(price=0.5, step=1000), component("PARKING_TIME", 3, step=900)))
    steps = lint(data)
    assert [finding.code for finding in steps] == ["step_size", "step_size"]
    assert "1000 Wh" in steps[0].text_de
    assert "0,4995 EUR" in steps[0].text_de
    assert "15 min" in steps[1].text_en
    assert codes(tariff(element(component(step=0)))) == []


def test_a_fee_that_pauses_is_found() -> None:
    data = tariff(element(component("PARKING_TIME", 6), min_duration=14400), element(component()))
    finding = only(data)
    assert finding.code == "fee_stops"
    assert "nach 4 h" in finding.text_de
    assert "ohne Laden" in finding.text_de
    idle = element(component("PARKING_TIME", 6), min_duration=900, x_duration_counter="since_charging_end")
    assert codes(tariff(idle, element(component()))) == []


def test_prices_in_the_wrong_unit_are_found() -> None:
    assert codes(tariff(element(component(price=49)))) == [("price_unusual", "elements[0].price_components[0].price")]
    data = tariff(element(component(), component("PARKING_TIME", 0.1)))
    assert codes(data) == [("price_per_minute", "elements[0].price_components[1].price")]


def test_a_missing_rate_is_found_where_others_have_one() -> None:
    data = tariff(element(component(), component("FLAT", 1, None)))
    assert ("vat_missing", "elements[0].price_components[1].vat") in codes(data, 11)
    assert codes(tariff(element(component(vat=None)))) == []


def test_limits_are_compared_with_fees_and_rates() -> None:
    flat = tariff(element(component("FLAT", 5), component()), max_price={"excl_vat": 4, "incl_vat": 4.76})
    assert codes(flat, 11) == [("max_below_flat", "max_price")]
    odd = tariff(element(component()), min_price={"excl_vat": 1.5, "incl_vat": 1.5})
    assert codes(odd) == [("limit_without_vat", "min_price")]
    assert codes(tariff(element(component()), min_price={"excl_vat": 1.5, "incl_vat": 1.785})) == []


def test_caps_and_quotas_that_do_nothing_are_found() -> None:
    none = tariff(element(component()), x_component_caps=[{"dimensions": ["PARKING_TIME"], "max": 12}])
    assert codes(none) == [("cap_without_price", "x_component_caps[0]")]
    zero = tariff(element(component(), component("PARKING_TIME", 6)))
    zero["x_component_caps"] = [{"dimensions": ["PARKING_TIME"], "max": 0}]
    assert codes(zero) == [("cap_zero", "x_component_caps[0]")]
    twice = tariff(element(component(), component("PARKING_TIME", 6)))
    twice["x_component_caps"] = [
        {"dimensions": ["PARKING_TIME"], "max": 20},
        {"dimensions": ["PARKING_TIME"], "max": 10},
    ]
    assert codes(twice) == [("cap_without_effect", "x_component_caps[0]")]
    free = tariff(element(component()), x_quota={"free_kwh": 0})
    assert codes(free) == [("quota_zero", "x_quota.free_kwh")]
    dear = tariff(element(component(price=0.3)), x_quota={"free_kwh": 100, "price": 0.4})
    assert codes(dear) == [("quota_dearer", "x_quota.price")]


def test_a_spot_price_whose_floor_is_above_its_cap_is_an_error() -> None:
    spot = {"lock": "interval", "hourly": [{"local": "00:00", "price": 0.3}], "floor": 0.6, "cap": 0.5}
    assert ("spot_band", "x_spot.cap") in codes(tariff(element(component()), x_spot=spot))


def test_a_list_too_long_to_check_is_told() -> None:
    many = [element(component(), max_kwh=n + 1) for n in range(1001)]
    assert codes(tariff(*many, element(component()))) == [("too_complex", "elements")]


def test_findings_are_sorted_and_the_worst_is_told() -> None:
    data = tariff(element(component("FLAT", 0.35), component(step=100))) | {"type": "AD_HOC_PAYMENT"}
    found = lint(data, Decimal(50))
    assert [finding.severity for finding in found] == [Severity.ERROR, Severity.HINT]
    assert worst(found) is Severity.ERROR
    assert worst(()) is None


@pytest.mark.parametrize("row", FINDING_TEXTS.values(), ids=FINDING_TEXTS.keys())
def test_every_finding_has_texts_and_advice_in_both_languages(row: Any) -> None:
    assert all(row.text)
    assert all(row.advice)
    assert row.text[0] != row.text[1]
