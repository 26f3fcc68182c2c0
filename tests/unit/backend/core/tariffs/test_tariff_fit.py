"""Fit, export and import: what each version of OCPI can say, and that nothing else is lost on the way."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from backend.core.tariffs.fit_texts import LOSS_TEXTS
from backend.core.tariffs.tariff import Tariff, TariffError, parse_tariff
from backend.core.tariffs.tariff_fit import VERSIONS, Fit, Verdict, export, fit
from backend.core.tariffs.tariff_import import detect_version, import_tariff
from shared.ocpp.session import dumps, loads

# Any: JSON of tariffs.
Json = dict[str, Any]

CASES = json.loads((Path(__file__).parents[4] / "cases/tariff_scenarios.json").read_text("utf-8"))
TARIFFS = {
    body["id"]: body
    for case in CASES
    for body in (case["tariff"] if isinstance(case["tariff"], list) else [case["tariff"]])
}

KNOWN_2_1_1 = {"id", "currency", "tariff_alt_text", "tariff_alt_url", "elements", "energy_mix", "last_updated"}


def component(kind: str = "ENERGY", price: float = 0.45, vat: float | None = 19) -> Json:
    return {"type": kind, "price": price, "step_size": 1} | ({} if vat is None else {"vat": vat})


def element(*components: Json, **restrictions: object) -> Json:
    return {"price_components": list(components)} | ({"restrictions": restrictions} if restrictions else {})


def tariff(*elements: Json, **more: object) -> Json:
    return {"country_code": "DE", "party_id": "EXA", "id": "T", "currency": "EUR", "elements": list(elements)} | more


def codes(found: Fit) -> list[str]:
    return [loss.code for loss in found.losses]


def stripped(found: Tariff) -> Tariff:
    """Leave out what an export adds."""
    return replace(found, last_updated=None)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("body", TARIFFS.values(), ids=TARIFFS.keys())
def test_every_scenario_survives_the_way_there_and_back(body: Json, version: str) -> None:
    there = export(body, version)
    wire = loads(dumps(there.body))
    original, returned = parse_tariff(body), parse_tariff(import_tariff(wire, version).body)
    if there.verdict is Verdict.EXACT and not set(codes(there)) - {"no_owner"}:
        assert stripped(returned) == stripped(original)
    else:
        assert all(loss.text_de and loss.text_en and loss.path for loss in there.losses)
        assert codes(there)


@pytest.mark.parametrize("body", TARIFFS.values(), ids=TARIFFS.keys())
def test_an_export_has_only_fields_of_its_version(body: Json) -> None:
    old, usual, new = fit(body)
    assert old.body.keys() <= KNOWN_2_1_1
    assert "tax_included" not in usual.body
    assert new.body["tax_included"] in ("YES", "NO", "N/A")
    for found in (old, usual, new):
        text = json.dumps(found.body, default=float)
        assert '"x_' not in text
        assert found.body["last_updated"]
        assert ('"vat"' in text) <= (found is not old)


def test_gross_prices_are_exact_from_2_3_0_on() -> None:
    body = tariff(element(component(price=0.79)), tax_included="YES")
    old, usual, new = fit(body)
    assert [one.verdict for one in (old, usual, new)] == [Verdict.APPROXIMATED, Verdict.APPROXIMATED, Verdict.EXACT]
    [loss] = usual.losses
    assert (loss.code, loss.path) == ("net_drift", "elements[0].price_components[0].price")
    assert "24,6 kWh kosten 19,43 EUR, nachgerechnet 19,44 EUR" in loss.text_de
    elements: Any = usual.body["elements"]
    assert elements[0]["price_components"][0]["price"] == Decimal("0.6639")


def test_limits_have_other_names_in_2_3_0_and_none_in_2_1_1() -> None:
    body = tariff(element(component()), min_price={"excl_vat": 1.5, "incl_vat": 1.785})
    old, usual, new = fit(body)
    assert (old.verdict, codes(old)) == (Verdict.NOT_EXPRESSIBLE, ["owner_dropped", "limit_dropped", "no_vat"])
    assert usual.body["min_price"] == {"excl_vat": Decimal("1.5"), "incl_vat": Decimal("1.785")}
    assert new.body["min_price"] == {"before_taxes": Decimal("1.5"), "after_taxes": Decimal("1.785")}
    assert parse_tariff(import_tariff(new.body).body).min_price == parse_tariff(body).min_price


def test_no_tax_at_all_stays_so_in_2_3_0() -> None:
    body = tariff(element(component(vat=None)), tax_included="N/A")
    assert export(body, "2.3.0").body["tax_included"] == "N/A"


def test_a_counter_that_ocpi_lacks_drops_its_element() -> None:
    grace = element(component("PARKING_TIME", 0), max_duration=900, x_duration_counter="since_charging_end")
    found = export(tariff(grace, element(component("PARKING_TIME", 12)), element(component())), "2.2.1")
    assert found.verdict is Verdict.NOT_EXPRESSIBLE
    assert [(loss.code, loss.path) for loss in found.losses] == [("counter", "elements[0].restrictions")]
    elements: Any = found.body["elements"]
    assert len(elements) == 2


def test_a_cap_of_a_steady_fee_becomes_a_duration() -> None:
    fee = element(component("TIME", 6), component("PARKING_TIME", 6), min_duration=14400)
    caps = [{"dimensions": ["TIME", "PARKING_TIME"], "max": 12}]
    found = export(tariff(fee, element(component()), x_component_caps=caps), "2.2.1")
    assert (found.verdict, codes(found)) == (Verdict.EXACT, ["cap_as_duration"])
    elements: Any = found.body["elements"]
    assert elements[0]["restrictions"] == {"min_duration": 14400, "max_duration": 21600}


@pytest.mark.parametrize(
    ("fee", "cap"),
    [
        (element(component("PARKING_TIME", 6)), {}),
        (element(component("TIME", 6), component("PARKING_TIME", 3)), {}),
        (element(component("TIME", 6), component("PARKING_TIME", 6), start_time="06:00", end_time="22:00"), {}),
        (element(component("TIME", 6), component("PARKING_TIME", 6)), {"per": "day"}),
        (element(component("TIME", 7), component("PARKING_TIME", 7)), {}),
    ],
)
def test_other_caps_are_not_expressible(fee: Json, cap: Json) -> None:
    caps = [{"dimensions": ["TIME", "PARKING_TIME"], "max": 12} | cap]
    found = export(tariff(fee, element(component()), x_component_caps=caps), "2.3.0")
    assert (found.verdict, codes(found)) == (Verdict.NOT_EXPRESSIBLE, ["cap"])


@pytest.mark.parametrize(
    ("extension", "code", "verdict"),
    [
        ({"x_quota": {"free_kwh": 100}}, "quota", Verdict.NOT_EXPRESSIBLE),
        ({"x_graduated": {"tiers": [{"up_to_kwh": None, "price": 0.4}]}}, "graduated", Verdict.NOT_EXPRESSIBLE),
        ({"x_spot": {"lock": "interval", "series": "day-ahead"}}, "spot", Verdict.APPROXIMATED),
        ({"x_tax": {"wholesale": "reverse_charge"}}, "tax", Verdict.EXACT),
    ],
)
def test_extensions_have_their_reasons(extension: Json, code: str, verdict: Verdict) -> None:
    found = export(tariff(element(component()), **extension), "2.2.1")
    assert (codes(found), found.verdict) == ([code], verdict)


def test_a_calendar_is_written_as_days() -> None:
    calendars = {"x_calendars": {"BE": {"dates": ["2026-12-25", "2026-12-26"]}}}
    on = tariff(element(component(price=0.3), x_calendar="BE"), element(component()), **calendars)
    elements: Any = export(on, "2.2.1").body["elements"]
    assert [part.get("restrictions") for part in elements] == [
        {"start_date": "2026-12-25", "end_date": "2026-12-26"},
        {"start_date": "2026-12-26", "end_date": "2026-12-27"},
        None,
    ]
    off = tariff(element(component(price=0.3), x_not_calendar="BE"), element(component()), **calendars)
    elements = export(off, "2.2.1").body["elements"]
    assert [part.get("restrictions") for part in elements[:2]] == [
        {"end_date": "2026-12-25"},
        {"start_date": "2026-12-27"},
    ]
    assert export(on, "2.2.1").verdict is Verdict.EXACT


def test_2_1_1_lacks_reservations_and_currents() -> None:
    body = tariff(
        element(component("FLAT", 1), reservation="RESERVATION"),
        element(component(price=0.3), max_current=32),
        element(component()),
        start_date_time="2026-01-01T00:00:00Z",
    )
    old = export(body, "2.1.1")
    assert old.verdict is Verdict.NOT_EXPRESSIBLE
    assert {"reservation_dropped", "current_dropped", "validity_dropped"} <= set(codes(old))
    elements: Any = old.body["elements"]
    assert len(elements) == 1
    assert export(body, "2.2.1").verdict is Verdict.EXACT


def test_more_than_four_decimals_are_rounded_and_told() -> None:
    found = export(tariff(element(component(price=0.123456))), "2.3.0")
    assert (codes(found), found.verdict) == (["rounded"], Verdict.APPROXIMATED)
    elements: Any = found.body["elements"]
    assert elements[0]["price_components"][0]["price"] == Decimal("0.1235")


def test_last_updated_is_filled_in_only_if_missing() -> None:
    now = datetime(2026, 11, 1, tzinfo=UTC)
    assert export(tariff(element(component())), "2.2.1", now).body["last_updated"] == "2026-11-01T00:00:00Z"
    own = tariff(element(component()), last_updated="2026-01-01T00:00:00Z")
    assert export(own, "2.2.1", now).body["last_updated"] == "2026-01-01T00:00:00Z"


def test_the_version_of_a_partner_is_told_from_the_fields() -> None:
    assert detect_version({"tax_included": "NO"}) == "2.3.0"
    assert detect_version({"min_price": {"before_taxes": 1}}) == "2.3.0"
    assert detect_version({"country_code": "DE"}) == "2.2.1"
    assert detect_version({"id": "1"}) == "2.1.1"


def test_unknown_fields_are_left_out_outside_and_refused_inside_elements() -> None:
    body = tariff(element(component()), vendor_color="blue", x_mine=1)
    found = import_tariff(body)
    assert [(loss.code, loss.path) for loss in found.losses] == [("unknown", "vendor_color"), ("unknown", "x_mine")]
    assert found.verdict is Verdict.EXACT
    with pytest.raises(TariffError, match=r"elements\[0\].restrictions.soc_below"):
        import_tariff(tariff(element(component(), soc_below=80)))


def test_an_answer_of_a_partner_is_unwrapped() -> None:
    answer = {"status_code": 1000, "data": tariff(element(component()))}
    assert import_tariff(answer).body["id"] == "T"


def test_the_vat_of_2_1_1_is_given_or_missing() -> None:
    body = {"id": "1", "currency": "EUR", "elements": [element(component(vat=None))]}
    assert [loss.code for loss in import_tariff(body).losses] == ["vat_unknown"]
    given = import_tariff(body, vat=Decimal(19))
    assert [loss.code for loss in given.losses] == ["vat_assumed"]
    assert parse_tariff(given.body).elements[0].components[0].vat == 19


@pytest.mark.parametrize("data", [None, [], "x", {}, {"data": 1}, {"id": "1", "currency": "EUR", "elements": 3}])
def test_nonsense_is_refused_with_a_path(data: object) -> None:
    with pytest.raises(TariffError) as refused:
        import_tariff(data, vat=Decimal(19))
    assert refused.value.path


def test_an_unknown_version_is_refused() -> None:
    with pytest.raises(TariffError, match="is not one of"):
        import_tariff(tariff(element(component())), "9.9")


@pytest.mark.parametrize("row", LOSS_TEXTS.values(), ids=LOSS_TEXTS.keys())
def test_every_loss_has_both_texts(row: Any) -> None:
    assert all(row.text)
    assert row.text[0] != row.text[1]
