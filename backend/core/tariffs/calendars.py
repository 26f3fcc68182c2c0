"""Holidays: expanded to dates when a tariff is published, so that rating needs no calendar and never changes.

The law of a state may add a holiday later; a tariff that was published keeps the dates that it was published with.
"""

from collections.abc import Iterable, Mapping

from holidays import country_holidays

from backend.core.tariffs.tariff_model import TariffError

STATES = ("BB", "BE", "BW", "BY", "HB", "HE", "HH", "MV", "NI", "NW", "RP", "SH", "SL", "SN", "ST", "TH")
"""The sixteen states of Germany (ISO 3166-2:DE)."""


def holiday_dates(state: str, years: Iterable[int]) -> dict[str, str]:
    """Give the public holidays of a German state: ISO date to German name, in order.

    Raises:
        ValueError: there is no such state.
    """
    if state not in STATES:
        raise ValueError(f"{state!r} is not one of {', '.join(STATES)}")
    found = country_holidays("DE", subdiv=state, years=sorted(set(years)), language="de")
    return {day.isoformat(): name for day, name in sorted(found.items())}


def published(tariff: Mapping[str, object], years: Iterable[int]) -> dict[str, object]:
    """Give the tariff with the holidays of its calendars listed; dates that are listed already stay.

    Args:
        tariff: as JSON.
        years: for which the holidays are listed where the calendar names no `years`.

    Raises:
        TariffError: a calendar names no German state.
    """
    calendars = tariff.get("x_calendars")
    if not isinstance(calendars, Mapping):
        return dict(tariff)
    return {**tariff, "x_calendars": {name: _listed(name, row, tuple(years)) for name, row in calendars.items()}}


def _listed(name: str, row: object, years: tuple[int, ...]) -> object:
    if not isinstance(row, Mapping) or "dates" in row or "state" not in row:
        return row
    wanted = row.get("years") or sorted(set(years))
    path = f"x_calendars.{name}"
    if not isinstance(wanted, list) or not all(type(year) is int and 1990 <= year <= 2200 for year in wanted):
        raise TariffError(f"{path}.years", "must be a list of years from 1990 to 2200")
    try:
        return {**row, "years": wanted, "dates": list(holiday_dates(str(row["state"]), wanted))}
    except ValueError as error:
        raise TariffError(f"{path}.state", str(error)) from error
