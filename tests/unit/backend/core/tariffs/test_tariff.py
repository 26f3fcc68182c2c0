import copy
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pytest

from backend.core.tariffs.tariff import (
    Dimension,
    PriceBasis,
    TariffError,
    canonical,
    load_tariff,
    parse_tariff,
    version_id,
)
from backend.core.tariffs.tariff_model import Amount, DurationCounter, Span, TariffType, TaxKind

FULL: dict[str, Any] = {
    "country_code": "DE",
    "party_id": "EXA",
    "id": "day-night",
    "currency": "EUR",
    "type": "REGULAR",
    "tariff_alt_text": [{"language": "de", "text": "Tag und Nacht"}],
    "tax_included": "YES",
    "min_price": {"excl_vat": 1, "incl_vat": 1.19},
    "elements": [
        {
            "price_components": [{"type": "ENERGY", "price": 0.29, "vat": 19.0, "step_size": 1}],
            "restrictions": {
                "start_time": "22:00",
                "end_time": "06:00",
                "start_date": "2026-01-01",
                "end_date": "2027-01-01",
                "day_of_week": ["SUNDAY", "MONDAY"],
                "min_kwh": 1,
                "max_kwh": 20.5,
                "min_duration": 60,
            },
        },
        {"price_components": [{"type": "FLAT", "price": 0.5}, {"type": "ENERGY", "price": 0.42, "vat": 19}]},
    ],
    "last_updated": "2026-01-01T00:00:00Z",
}


def changed(path: str, value: object) -> dict[str, Any]:
    """Give FULL with one value replaced; `...` removes it."""
    data: Any = copy.deepcopy(FULL)
    part = data
    *way, last = path.split("/")
    for step in way:
        part = part[int(step) if step.isdigit() else step]
    if value is ...:
        del part[last]
    else:
        part[last] = value
    return dict(data)


def test_tariff_is_read() -> None:
    tariff = parse_tariff(FULL)
    night, day = tariff.elements
    assert tariff.basis is PriceBasis.GROSS
    assert night.restrictions.start_time == time(22)
    assert night.restrictions.end_date == date(2027, 1, 1)
    assert night.restrictions.weekdays == (0, 6)
    assert night.restrictions.max_kwh == Decimal("20.5")
    assert night.components[0].price == Decimal("0.29")
    assert [c.dimension for c in day.components] == [Dimension.FLAT, Dimension.ENERGY]
    assert day.components[0].vat is None
    assert tariff.min_price is not None
    assert tariff.min_price.incl_vat == Decimal("1.19")


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("id", ..., "id: is missing"),
        ("elements", [], "elements: must be a list of at least one"),
        ("elements", "x", "elements: must be a list"),
        ("currency", "eur", "currency: must be an ISO 4217 code"),
        ("x_quote", {}, "x_quote: is not a known field"),
        ("tax_included", "MAYBE", "tax_included: 'MAYBE' is not one of YES, NO, N/A"),
        ("max_price", {"excl_vat": 0.5}, "min_price: is above max_price"),
        ("max_price", {"excl_vat": 5, "incl_vat": 4}, "max_price.incl_vat: is below excl_vat"),
        ("elements/0/price_components", [], r"elements\[0\].price_components: must be a list"),
        ("elements/0/price_components/0/type", "POWER", r"elements\[0\].price_components\[0\].type: 'POWER'"),
        ("elements/0/price_components/0/price", -0.1, "must be 0 or more"),
        ("elements/0/price_components/0/price", float("nan"), "must be 0 or more"),
        ("elements/0/price_components/0/price", float("inf"), "must be 0 or more"),
        ("elements/0/price_components/0/price", "0.29", "is not a number"),
        ("elements/0/price_components/0/price", True, "is not a number"),
        ("elements/0/price_components/0/price", 0.1234567, "more than 6 decimals"),
        ("elements/0/price_components/0/vat", 190, "no percentage"),
        ("elements/0/price_components/0/step_size", 0.5, "must be a whole number"),
        ("elements/0/restrictions/start_time", "25:00", r"elements\[0\].restrictions.start_time: '25:00' is no time"),
        ("elements/0/restrictions/start_time", "7:00", "is no time of day"),
        ("elements/0/restrictions/start_date", "2026-02-30", "is no date"),
        ("elements/0/restrictions/end_date", "2026-01-01", "must be above start_date"),
        ("elements/0/restrictions/min_kwh", 20.5, "max_kwh: must be above min_kwh"),
        ("elements/0/restrictions/day_of_week", ["FUNDAY"], r"day_of_week\[0\]: 'FUNDAY'"),
        ("elements/0/restrictions/reservation", "MAYBE", "reservation: 'MAYBE'"),
        ("elements/0/restrictions/min_kw", 3, r"elements\[0\].restrictions.min_kw: is not a known field"),
        ("elements/0/restrictions", 7, r"elements\[0\].restrictions: must be an object"),
        ("elements/1/price_components/0/type", "ENERGY", "a second ENERGY price in one element"),
    ],
)
def test_what_cannot_be_priced_is_refused_with_its_path(path: str, value: object, said: str) -> None:
    with pytest.raises(TariffError, match=said):
        parse_tariff(changed(path, value))


def test_equal_prices_have_one_version_whatever_the_writing() -> None:
    other = dict(reversed(list(changed("elements/0/price_components/0/price", Decimal("0.290")).items())))
    assert version_id(canonical(other)) == version_id(canonical(FULL))
    assert len(version_id(canonical(FULL))) == 64


def test_another_price_is_another_version() -> None:
    assert canonical(changed("elements/0/price_components/0/price", 0.3)) != canonical(FULL)


def test_stored_tariff_is_the_same_tariff() -> None:
    assert load_tariff(canonical(FULL)) == parse_tariff(FULL)


def test_dates_of_toml_are_taken() -> None:
    toml = changed("elements/0/restrictions/start_date", date(2026, 1, 1))
    assert canonical(toml) == canonical(FULL)


@pytest.mark.parametrize("text", ["", "[]", "{"])
def test_damaged_store_is_named(text: str) -> None:
    with pytest.raises(TariffError, match="tariff: is not"):
        load_tariff(text)


EXTENDED: dict[str, Any] = {
    **FULL,
    "type": "AD_HOC_PAYMENT",
    "tariff_alt_text": [{"language": "de", "text": "0,29 EUR je kWh nachts"}],
    "tariff_alt_url": "https://example.com/preise",
    "start_date_time": "2026-01-01T00:00:00Z",
    "end_date_time": "2027-01-01T00:00:00",
    "energy_mix": {
        "is_green_energy": True,
        "energy_sources": [{"source": "SOLAR", "percentage": 100}],
        "environ_impact": [{"category": "CARBON_DIOXIDE", "amount": 2.5}],
        "supplier_name": "Stadtwerke Beispielstadt",
    },
    "x_duration_counter": "in_window",
    "x_component_caps": [{"dimensions": ["TIME", "PARKING_TIME"], "max": "12.5", "element": 1, "per": "day"}],
    "x_graduated": {
        "tiers": [{"up_to_kwh": 50, "price": 0.4}, {"price": "0.3"}],
        "base_fee_gross": 5,
        "scope": "group",
    },
    "x_spot": {
        "series": "day-ahead",
        "lock": "interval",
        "interval": 15,
        "adder_net": "-0.01",
        "band_gross": [0.3, 0.7],
    },
    "x_tax": {"wholesale": "reverse_charge_DE_13b", "abroad": 20, "note": "reverse charge"},
    "x_calendars": {"off": {"dates": ["2026-12-25"], "years": [2026]}},
}


def extended(path: str, value: object) -> dict[str, Any]:
    data: Any = copy.deepcopy(EXTENDED)
    part = data
    *way, last = path.split("/")
    for step in way:
        part = part[int(step) if step.isdigit() else step]
    part[int(last) if isinstance(part, list) else last] = value
    return dict(data)


def test_everything_of_ocpi_and_the_extensions_is_read() -> None:
    tariff = parse_tariff(extended("elements/0/restrictions/x_calendar", "off"))
    assert (tariff.type, tariff.alt_text[0].language, tariff.alt_url) == (
        TariffType.AD_HOC_PAYMENT,
        "de",
        "https://example.com/preise",
    )
    assert tariff.end_date_time == datetime(2027, 1, 1, tzinfo=UTC)
    assert tariff.energy_mix is not None
    assert tariff.energy_mix.environ_impact[0].amount == Decimal("2.5")
    assert tariff.elements[0].restrictions.duration_counter is DurationCounter.IN_WINDOW
    assert tariff.elements[0].restrictions.calendar == tariff.calendars[0]
    assert (tariff.caps[0].most, tariff.caps[0].per) == (Decimal("12.5"), Span.DAY)
    assert tariff.graduated is not None
    assert (tariff.graduated.base_fee, tariff.graduated.base_fee_basis) == (Decimal(5), PriceBasis.GROSS)
    assert tariff.spot is not None
    assert tariff.spot.floor == (Amount(Decimal("0.3"), PriceBasis.GROSS),)
    assert [(rule.relationship, rule.kind, rule.vat) for rule in tariff.taxes] == [
        ("abroad", TaxKind.RATE, Decimal(20)),
        ("wholesale", TaxKind.REVERSE_CHARGE, None),
    ]
    assert load_tariff(canonical(EXTENDED)) == parse_tariff(EXTENDED)


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("type", "CHEAP", "type: 'CHEAP' is not one of"),
        ("end_date_time", "2025-01-01T00:00:00Z", "end_date_time: must be after start_date_time"),
        ("energy_mix/is_green_energy", 1, "energy_mix.is_green_energy: 1 is not true or false"),
        ("tax_included", "N/A", r"elements\[0\].price_components\[0\].vat: contradicts"),
        ("elements/0/restrictions/x_duration_counter", "ever", r"elements\[0\].restrictions.x_duration_counter"),
        ("elements/0/restrictions/x_calendar", "on", r"elements\[0\].restrictions.x_calendar: 'on'"),
        ("elements/0/price_components/0/x_formula", "spot ** 2", r"x_formula: holds 'spot \*\* 2'"),
        ("x_component_caps/0/element", 2, r"x_component_caps\[0\].element: the tariff has no element 2"),
        ("x_graduated/tiers/0/up_to_kwh", None, "x_graduated.tiers: must rise"),
        ("x_graduated/base_fee_net", 4, "x_graduated.base_fee_gross: stands beside base_fee_net"),
        ("x_spot/interval", 50, "x_spot.interval_minutes: must divide a day"),
        ("x_spot/adder_gross", 1, "x_spot.adder: stands there twice"),
        ("x_spot/band_gross", [1, 0], "x_spot.band_gross: must be the least and the highest"),
        ("x_spot/hourly", [{"local": "12:00", "price": 1}], "x_spot.series: must give the prices or name"),
        ("x_tax/abroad", "free", "x_tax.abroad: 'free' is not standard"),
        ("x_calendars/off/years", [2025], "x_calendars.off.years: must hold the year"),
    ],
)
def test_extension_without_meaning_is_refused_with_its_path(path: str, value: object, said: str) -> None:
    with pytest.raises(TariffError, match=said):
        parse_tariff(extended(path, value))
