"""A site as JSON: amperes with at most one digit after the point, times as HH:MM. Pure."""

from collections.abc import Mapping
from datetime import time
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from backend.core.load.site import Circuit, EvseSpec, Sharing, Site, SiteError, Window, check_site

_MOST_A = 10_000
_LONGEST = 100

# Any, below: parsed JSON.


def parse_site(body: Mapping[str, Any], id_: str) -> Site:
    """Read and check a site.

    Raises:
        SiteError: it can't be as described; the text names the field.
    """
    try:
        ZoneInfo(_text(body, "timezone", "Europe/Berlin"))
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise SiteError("timezone: write for instance Europe/Berlin") from error
    if _text(body, "sharing", "equal") not in tuple(Sharing):
        raise SiteError("sharing: is equal or priority")
    least = body.get("minimum_w")
    site = Site(
        id_,
        _text(body, "name"),
        _text(body, "timezone", "Europe/Berlin"),
        tuple(_circuit(one) for one in _list(body, "circuits")),
        tuple(_evse(one) for one in _list(body, "evses")),
        Sharing(_text(body, "sharing", "equal")),
        tuple(_window(one) for one in _list(body, "schedule")),
        body.get("meter") is True,
        None if least is None else _whole(body, "minimum_w", 0, 10_000_000),
    )
    check_site(site)
    return site


def site_json(site: Site) -> dict[str, Any]:
    """Write a site so that `parse_site` gives it again."""
    return {
        "name": site.name,
        "timezone": site.timezone,
        "sharing": site.sharing.value,
        "meter": site.has_meter,
        "minimum_w": site.minimum_w,
        "circuits": [
            {
                "id": one.id,
                "name": one.name,
                "limit_a": amperes(one.limit_ma),
                "parent": one.parent,
                "other_a": amperes(one.other_ma),
            }
            for one in site.circuits
        ],
        "evses": [
            {
                "charge_point": one.key[0],
                "evse": one.key[1],
                "circuit": one.circuit,
                "phases": list(one.phases),
                "minimum_a": amperes(one.minimum_ma),
                "maximum_a": amperes(one.maximum_ma),
                "fail_safe_a": amperes(one.fail_safe_ma),
                "priority": one.priority,
            }
            for one in site.evses
        ],
        "schedule": [
            {
                "circuit": one.circuit,
                "begin": f"{one.begin:%H:%M}",
                "end": f"{one.end:%H:%M}",
                "limit_a": amperes(one.limit_ma),
                "weekdays": list(one.weekdays),
            }
            for one in site.windows
        ],
    }


def amperes(milli: int) -> Decimal:
    """Give mA as A."""
    return Decimal(milli) / 1000


def _circuit(body: Mapping[str, Any]) -> Circuit:
    name = _text(body, "id")
    return Circuit(
        name,
        _text(body, "name", name),
        _milli(body, "limit_a"),
        _text(body, "parent", ""),
        _milli(body, "other_a", "0"),
    )


def _evse(body: Mapping[str, Any]) -> EvseSpec:
    phases = body.get("phases", [1, 2, 3])
    if not isinstance(phases, list) or not all(type(one) is int for one in phases):
        raise SiteError("phases: is a list such as [1, 2, 3]")
    return EvseSpec(
        (_text(body, "charge_point"), _whole(body, "evse", 1, 1000)),
        _text(body, "circuit"),
        tuple(phases),
        _milli(body, "minimum_a", "6"),
        _milli(body, "maximum_a", "32"),
        _milli(body, "fail_safe_a", "6"),
        _whole(body, "priority", 0, 100) if "priority" in body else 0,
    )


def _window(body: Mapping[str, Any]) -> Window:
    days = body.get("weekdays", [])
    if not isinstance(days, list) or not all(type(one) is int and 0 <= one <= 6 for one in days):
        raise SiteError("weekdays: is a list of 0 (Monday) to 6")
    return Window(
        _text(body, "circuit"), _time(body, "begin"), _time(body, "end"), _milli(body, "limit_a"), tuple(days)
    )


def _list(body: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    value = body.get(name, [])
    if not isinstance(value, list) or not all(isinstance(one, Mapping) for one in value) or len(value) > 1000:
        raise SiteError(f"{name}: is a list of at most 1000 objects")
    return value


def _text(body: Mapping[str, Any], name: str, default: str | None = None) -> str:
    value = body.get(name, default)
    if not isinstance(value, str) or len(value) > _LONGEST or (default is None and not value):
        raise SiteError(f"{name}: is a text of at most {_LONGEST} characters")
    return value


def _whole(body: Mapping[str, Any], name: str, least: int, most: int) -> int:
    value = body.get(name)
    if type(value) is not int or not least <= value <= most:
        raise SiteError(f"{name}: is a whole number from {least} to {most}")
    return value


def _milli(body: Mapping[str, Any], name: str, default: str | None = None) -> int:
    value = body.get(name, default and Decimal(default))
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)) or not 0 <= value <= _MOST_A:
        raise SiteError(f"{name}: is a current from 0 to {_MOST_A} A")
    return round(Decimal(str(value)) * 10) * 100


def _time(body: Mapping[str, Any], name: str) -> time:
    try:
        return time.fromisoformat(_text(body, name))
    except ValueError as error:
        raise SiteError(f"{name}: is a time such as 17:30") from error
