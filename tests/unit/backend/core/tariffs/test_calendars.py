import pytest

from backend.core.tariffs.calendars import holiday_dates, published
from backend.core.tariffs.tariff import TariffError, parse_tariff

BODY = {
    "id": "h",
    "currency": "EUR",
    "elements": [
        {"price_components": [{"type": "ENERGY", "price": 0.3}], "restrictions": {"x_calendar": "off"}},
        {"price_components": [{"type": "ENERGY", "price": 0.5}]},
    ],
}


def with_calendar(**calendar: object) -> dict[str, object]:
    return {**BODY, "x_calendars": {"off": calendar}}


def test_states_differ() -> None:
    berlin, bavaria = holiday_dates("BE", [2026]), holiday_dates("BY", [2026])
    assert berlin["2026-03-08"] == "Frauentag"
    assert "2026-03-08" not in bavaria
    assert "2026-06-04" in bavaria
    assert len(holiday_dates("BE", [2026, 2027])) > len(berlin)


def test_publication_lists_the_dates() -> None:
    body = published(with_calendar(state="BE"), [2027, 2026])
    (calendar,) = parse_tariff(body).calendars
    assert calendar.years == {2026, 2027}
    assert min(calendar.dates).isoformat() == "2026-01-01"
    assert published(body, [2030]) == body


def test_years_of_the_calendar_go_before_those_of_the_caller() -> None:
    (calendar,) = parse_tariff(published(with_calendar(state="BE", years=[2028]), [2026])).calendars
    assert calendar.years == {2028}


def test_tariff_without_calendars_stays() -> None:
    assert published({"id": "x"}, [2026]) == {"id": "x"}


@pytest.mark.parametrize(
    ("calendar", "said"),
    [
        ({"state": "XX"}, "x_calendars.off.state: 'XX' is not one of BB, BE"),
        ({"state": "BE", "years": [1]}, "x_calendars.off.years: must be a list of years"),
    ],
)
def test_bad_calendar_is_named(calendar: dict[str, object], said: str) -> None:
    with pytest.raises(TariffError, match=said):
        published(with_calendar(**calendar), [2026])


def test_unpublished_calendar_has_no_price() -> None:
    with pytest.raises(TariffError, match=r"x_calendars.off.dates: is missing: publish"):
        parse_tariff(with_calendar(state="BE"))
