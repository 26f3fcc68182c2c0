"""Tariffs of partners: OCPI JSON of any version into our own shape, with a list of what was left out or assumed."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from backend.core.tariffs.tariff import parse_tariff
from backend.core.tariffs.tariff_fit import VERSIONS, Json, Loss, Verdict, loss, verdict
from backend.core.tariffs.tariff_model import TariffError

_OLD = ("id", "currency", "tariff_alt_text", "tariff_alt_url", "elements", "energy_mix", "last_updated")
_KNOWN = (
    *("country_code", "party_id", *_OLD, "type", "min_price", "max_price", "start_date_time", "end_date_time"),
    "tax_included",
)


@dataclass(frozen=True, slots=True)
class Imported:
    """A tariff in our own JSON shape. `version` is the one of OCPI that it came in."""

    version: str
    verdict: Verdict
    losses: tuple[Loss, ...]
    body: Json


def detect_version(data: Mapping[str, object]) -> str:
    """Tell the version of a tariff by the fields that it has."""
    limits = [data.get("min_price"), data.get("max_price")]
    if "tax_included" in data or any(isinstance(one, Mapping) and "before_taxes" in one for one in limits):
        return "2.3.0"
    return "2.2.1" if "country_code" in data or "party_id" in data else "2.1.1"


def import_tariff(data: object, version: str = "", vat: Decimal | None = None) -> Imported:
    """Read a tariff of a partner.

    Unknown fields of the tariff are left out and told; unknown fields inside elements are refused, because a price
    condition that is not understood must not be passed over.

    Args:
        data: the tariff object, or an OCPI answer with it in `data`.
        version: one of `VERSIONS`; empty to tell it from the fields.
        vat: per cent, for version 2.1.1, which tells none.

    Raises:
        TariffError: it is no tariff that can be priced.
    """
    if isinstance(data, Mapping) and "data" in data and "elements" not in data:
        data = data["data"]
    if not isinstance(data, Mapping):
        raise TariffError("tariff", "must be an object")
    version = version or detect_version(data)
    if version not in VERSIONS:
        raise TariffError("version", f"{version!r} is not one of {', '.join(VERSIONS)}")
    known = _OLD if version == "2.1.1" else _KNOWN
    losses = [loss("unknown", str(name)) for name in data if name not in known and data[name] is not None]
    body: Json = {str(name): data[name] for name in known if data.get(name) is not None}
    if version == "2.3.0":
        body |= {name: _limit(body[name]) for name in ("min_price", "max_price") if name in body}
    if version == "2.1.1":
        losses.append(loss("vat_assumed", "elements", vat=vat) if vat is not None else loss("vat_unknown", "elements"))
        body |= {"elements": _taxed(body["elements"], vat)} if "elements" in body else {}
    parse_tariff(body)
    return Imported(version, verdict(losses), tuple(losses), body)


def _limit(value: object) -> object:
    """Rename the fields of a limit of 2.3.0."""
    if not isinstance(value, Mapping):
        return value
    names = {"before_taxes": "excl_vat", "after_taxes": "incl_vat"}
    return {names.get(str(name), name): part for name, part in value.items()}


def _taxed(elements: object, vat: Decimal | None) -> object:
    """Give each price the VAT; what has not the shape of elements is left for `parse_tariff` to refuse."""
    if vat is None or not isinstance(elements, list):
        return elements
    return [_taxed_element(element, vat) for element in elements]


def _taxed_element(element: object, vat: Decimal) -> object:
    rows = element.get("price_components") if isinstance(element, Mapping) else None
    if not isinstance(element, Mapping) or not isinstance(rows, list):
        return element
    return {**element, "price_components": [{**row, "vat": vat} if isinstance(row, Mapping) else row for row in rows]}
