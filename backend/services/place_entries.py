"""Master data of places: location, charge point, EVSE, meter."""

import re
from dataclasses import dataclass

from backend.errors import ApplyError
from backend.services.entry_checks import COUNTRY, COUNTRY_SHAPE, NAME, NAME_SHAPE, aware, match
from shared.config import setting
from shared.ids import Secret
from shared.public_key import read_public_key

_IDENTITY = re.compile(r"[A-Za-z0-9*_=:+|@.-]{1,48}")
_EMI3_ID = re.compile(r"[A-Z]{2}\*?[A-Z0-9]{3}\*?E[A-Z0-9*]{1,30}")
_DAY = re.compile(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])")
_SERIAL = re.compile(r"\S.{0,58}\S|\S")


@dataclass(frozen=True, slots=True)
class LocationEntry:
    """A site with charge points."""

    id: str = setting(help="id of the site, as in charge_point.location")
    operator: str = setting(help="id of the operator")
    street: str = setting(help="street and number")
    postcode: str = setting(help="postcode")
    city: str = setting(help="city")
    name: str = setting("", help="name for people")
    country: str = setting("DE", help="ISO 3166 code of two letters")
    cost_centre: str = setting("", help="cost centre of the site, see customer.cost_centre_rule")


@dataclass(frozen=True, slots=True)
class ChargePointEntry:
    """A charging station."""

    id: str = setting(help="identity: the last part of the URL that the station connects to")
    operator: str = setting(help="id of the operator")
    name: str = setting("", help="name for people")
    street: str = setting("", help="street and number")
    postcode: str = setting("", help="postcode")
    city: str = setting("", help="city")
    location: str = setting("", help="id of the site; all stations of one site share it")
    cost_centre: str = setting("", help="cost centre of the station, see customer.cost_centre_rule")
    eichrecht: str = setting(
        "operator",
        choices=("operator", "required", "not_required"),
        help="whether energy is billed by verified signed values only; operator = as the operator's eichrecht_required",
    )
    password: Secret = setting(Secret(""), help="password of the station; left out = it connects without one")


@dataclass(frozen=True, slots=True)
class EvseEntry:
    """An EVSE of a charge point, with the name that drivers and roaming partners know it by."""

    charge_point: str = setting(help="id of the charge point")
    evse: int = setting(minimum=1, maximum=1000, help="its number within the charge point")
    emi3_id: str = setting(help="its id for the world, for instance DE*EXA*E0001")


@dataclass(frozen=True, slots=True)
class MeterEntry:
    """The meter of an EVSE. One that replaces another is a further entry with the time at which it was put in."""

    charge_point: str = setting(help="id of the charge point")
    evse: int = setting(minimum=1, maximum=1000, help="number of the EVSE within the charge point")
    serial: str = setting(help="serial number, as printed on the meter")
    type: str = setting("", help="manufacturer and type")
    installed_at: str = setting("", help="since when, for instance 2027-01-01T00:00:00+01:00; left out = always")
    public_key: str = setting("", help="key of a meter that signs, as read from it; pinned, left out = as it is")
    calibrated_until: str = setting("", help="last day of its calibration, for instance 2034-12-31")
    registered_on: str = setting("", help="day on which its key was registered with the authority (§ 31 MessEG)")


def check_location(entry: LocationEntry, name: str) -> None:
    """Check a site by itself."""
    match(name, "id", entry.id, NAME, NAME_SHAPE)
    match(name, "country", entry.country, COUNTRY, COUNTRY_SHAPE)


def check_charge_point(entry: ChargePointEntry, name: str) -> None:
    """Check a charge point by itself."""
    match(name, "id", entry.id, _IDENTITY, "1 to 48 letters, digits or *-_=:+|@.")


def check_evse(entry: EvseEntry, name: str) -> None:
    """Check an EVSE by itself."""
    match(name, "emi3_id", entry.emi3_id, _EMI3_ID, "an EVSE id such as DE*EXA*E0001")


def check_meter(entry: MeterEntry, name: str) -> None:
    """Check a meter by itself."""
    match(name, "serial", entry.serial, _SERIAL, "1 to 60 characters")
    if entry.installed_at:
        aware(entry.installed_at, f"{name}.installed_at")
    for key, day in (("calibrated_until", entry.calibrated_until), ("registered_on", entry.registered_on)):
        if day:
            match(name, key, day, _DAY, "a day such as 2034-12-31")
    if entry.public_key and read_public_key(entry.public_key) is None:
        raise ApplyError(f"{name}.public_key is no public key: hexadecimal or Base64, as printed on the meter")
