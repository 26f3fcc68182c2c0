import copy
from datetime import date, time
from decimal import Decimal
from typing import Any

import pytest

from backend.core.tariff import (
    Dimension,
    PriceBasis,
    TariffError,
    canonical,
    load_tariff,
    parse_tariff,
    version_id,
)

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
