"""The price sign: gross, complete, in the order of the law, in both languages."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from backend.core.tariffs.price_sign import PriceSign, SignGroup, price_sign
from backend.core.tariffs.tariff import parse_tariff

# Any: JSON of tariffs.
Json = dict[str, Any]

CASES = json.loads((Path(__file__).parents[4] / "cases/tariff_scenarios.json").read_text("utf-8"))


def component(kind: str = "ENERGY", price: float = 0.45, vat: float | None = 19) -> Json:
    return {"type": kind, "price": price, "step_size": 1} | ({} if vat is None else {"vat": vat})


def element(*components: Json, **restrictions: object) -> Json:
    return {"price_components": list(components)} | ({"restrictions": restrictions} if restrictions else {})


def sign(*elements: Json, power_kw: int | None = None, **more: object) -> PriceSign:
    body = {"id": "T", "currency": "EUR", "elements": list(elements), **more}
    return price_sign(parse_tariff(body), None if power_kw is None else Decimal(power_kw))


def lines(found: PriceSign) -> list[str]:
    return found.text_de.splitlines()


def test_a_net_price_is_shown_gross_with_its_exact_value() -> None:
    found = sign(element(component()))
    assert lines(found) == ["Ladepreise (alle Preise inkl. 19 % USt.)", "Ladestrom: 0,5355 €/kWh"]
    assert found.text_en.splitlines() == ["Charging prices (all prices incl. 19% VAT)", "Energy: €0.5355/kWh"]
    assert found.rows[0].price == Decimal("0.5355")


def test_a_gross_price_is_shown_as_it_is() -> None:
    assert lines(sign(element(component(price=0.79)), tax_included="YES"))[1] == "Ladestrom: 0,79 €/kWh"


def test_prices_stand_in_the_order_of_the_law() -> None:
    found = sign(
        element(component("FLAT", 1), component("PARKING_TIME", 6)),
        element(component()),
        tax_included="YES",
        max_price={"excl_vat": 42.02, "incl_vat": 50},
    )
    assert [row.group for row in found.rows] == [SignGroup.KWH, SignGroup.MINUTE, SignGroup.SESSION, SignGroup.OTHER]
    assert lines(found)[1:] == [
        "Ladestrom: 0,45 €/kWh",
        "Standzeit ohne Laden: 0,10 €/min",
        "Startgebühr: 1,00 € (je Ladevorgang)",
        "Höchstpreis: 50,00 € (je Ladevorgang)",
    ]


def test_each_part_of_the_day_has_its_row() -> None:
    found = sign(element(component(price=0.29), start_time="22:00", end_time="06:00"), element(component(price=0.42)))
    assert [(row.when_de, row.when_en) for row in found.rows] == [
        ("22:00–06:00 Uhr", "22:00–06:00"),
        ("06:00–22:00 Uhr", "06:00–22:00"),
    ]


def test_a_last_price_after_several_others_applies_otherwise() -> None:
    found = sign(
        element(component(price=0.2), day_of_week=["SUNDAY"]),
        element(component(price=0.3), start_time="22:00", end_time="06:00"),
        element(component(price=0.4)),
    )
    assert [row.when_de for row in found.rows] == ["So", "22:00–06:00 Uhr", "sonst"]
    assert found.rows[2].when_en == "otherwise"


def test_tiers_begin_where_the_one_before_ends() -> None:
    by_time = sign(
        element(component(price=0), max_duration=1800),
        element(component(price=0.49), max_duration=3600),
        element(component(price=0.79)),
    )
    assert [row.when_de for row in by_time.rows] == ["bis 30 min", "nach 30 min, bis 1 h", "nach 1 h"]
    assert by_time.rows[0].amount_de == "kostenlos"
    by_energy = sign(element(component(price=0.39), max_kwh=20), element(component(price=0.49)))
    assert [row.when_de for row in by_energy.rows] == ["unter 20 kWh", "ab 20 kWh"]


def test_a_blocking_fee_is_one_row_per_minute_with_its_end() -> None:
    fee = element(component("TIME", 6), component("PARKING_TIME", 6), min_duration=14400, max_duration=21600)
    found = sign(fee, element(component(price=0.59)), tax_included="YES")
    assert lines(found)[1:] == [
        "Ladestrom: 0,59 €/kWh",
        "Belegung des Ladepunkts: 0,10 €/min (nach 4 h, bis 6 h, höchstens 12,00 € je Ladevorgang)",
    ]


def test_a_cap_is_told_with_vat() -> None:
    caps = [{"dimensions": ["PARKING_TIME"], "max": 10, "per": "day"}]
    found = sign(element(component(), component("PARKING_TIME", 6)), x_component_caps=caps)
    assert found.rows[1].when_de == "höchstens 11,90 € je Tag"


def test_what_never_gets_a_turn_is_not_on_the_sign() -> None:
    found = sign(element(component()), element(component(price=0.1), start_time="22:00", end_time="06:00"))
    assert len(found.rows) == 1


def test_from_50_kw_on_other_rows_are_marked_not_hidden() -> None:
    parts = (element(component("FLAT", 1), component("PARKING_TIME", 6), component()),)
    fast, slow = sign(*parts, power_kw=50), sign(*parts, power_kw=22)
    assert [row.allowed for row in fast.rows] == [True, True, False]
    assert "nicht zulässig" in fast.text_de
    assert all(row.allowed for row in slow.rows)
    assert all(row.allowed for row in sign(*parts, power_kw=50, type="REGULAR").rows)


def test_a_free_tariff_says_so() -> None:
    assert lines(sign(element(component("FLAT", 0, None)))) == ["Ladepreise (keine USt.)", "Ladestrom: kostenlos"]
    assert lines(sign(element(component(price=0))))[1] == "Ladestrom: kostenlos"


def test_reservations_are_other_prices() -> None:
    found = sign(
        element(component("FLAT", 5), reservation="RESERVATION_EXPIRES"),
        element(component("TIME", 3), reservation="RESERVATION"),
        element(component()),
        tax_included="YES",
    )
    assert lines(found)[2:] == ["Nicht genutzte Reservierung: 5,00 €", "Reservierung: 0,05 €/min"]


def test_volume_prices_quota_and_base_fee_are_told() -> None:
    graduated = {
        "tiers": [{"up_to_kwh": 50, "price": "0.45"}, {"up_to_kwh": None, "price": "0.37"}],
        "base_fee_net": "4.99",
    }
    found = sign(element(component()), x_graduated=graduated, x_quota={"free_kwh": 10, "order": "session_end"})
    assert lines(found)[1:] == [
        "Ladestrom: kostenlos (die ersten 10 kWh je Kalendermonat und Vertrag)",
        "Ladestrom: 0,5355 €/kWh (unter 50 kWh je Kalendermonat und Vertrag)",
        "Ladestrom: 0,4403 €/kWh (ab 50 kWh je Kalendermonat und Vertrag)",
        "Grundgebühr: 5,94 € (je Kalendermonat)",
    ]


def test_a_spot_price_is_described_with_its_band() -> None:
    spot = {
        "lock": "session_start",
        "hourly_gross": [{"local": "00:00", "price": "0.41"}],
        "band_gross": ["0.37", "0.67"],
        "market": "day-ahead",
    }
    found = sign(element(component()), x_spot=spot, tax_included="YES")
    [row] = found.rows
    assert row.price is None
    assert "mindestens 0,37 €/kWh, höchstens 0,67 €/kWh" in row.when_de
    assert "the price at the start holds throughout" in row.when_en


def test_a_formula_stands_as_it_is() -> None:
    priced = component() | {"x_formula": "max(0.2, 0.3)"}
    found = sign(element(priced))
    assert found.rows[0].price is None
    assert "max(0.2, 0.3)" in found.text_de


@pytest.mark.parametrize("tariff", [case["tariff"] for case in CASES], ids=[case["id"] for case in CASES])
def test_every_scenario_has_a_sign_in_legal_order(tariff: Any) -> None:
    for body in tariff if isinstance(tariff, list) else [tariff]:
        found = price_sign(parse_tariff(body))
        order = [list(SignGroup).index(row.group) for row in found.rows]
        assert order == sorted(order)
        assert len(found.text_de.splitlines()) == len(found.text_en.splitlines()) == len(found.rows) + 1
        assert all(row.what_de and row.what_en and row.amount_de and row.amount_en for row in found.rows)
