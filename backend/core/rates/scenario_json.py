"""A rating as JSON: exact amounts beside rounded ones, each line with its explanation in German and English."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, localcontext

from backend.core.rates.charging_period import Period
from backend.core.rates.rating_model import Item, Line, Rating, TaxLine
from backend.core.rates.rounding import EXACT, Ratio, minor_unit, rounded
from backend.core.reason_texts import reason_text
from backend.core.tariffs.tariff_model import HeldError, PriceBasis

_FOUR = Decimal("0.0001")
"""OCPI numbers have four decimals."""

_LIMITS = {Item.MIN_PRICE: "min_price", Item.MAX_PRICE: "max_price", Item.CAP: "x_component_caps"}


def held(error: HeldError) -> dict[str, object]:
    """Tell why something has no price: a code for programs, the path of what is wrong, and the words."""
    german = reason_text(error.reason, "de")
    return {"held": True, "reason": {"code": error.code, "path": error.path, "text": error.reason, "text_de": german}}


def rating_json(rating: Rating, periods: Sequence[Period]) -> dict[str, object]:
    """Write a rating: lines, tax lines and totals.

    Args:
        rating: the price.
        periods: as it was rated; lines refer to them by index.
    """
    result: dict[str, object] = {
        "held": False,
        "lines": [line_json(line, rating.basis, _index(line, periods)) for line in rating.lines],
        **totals_json(rating.exact_net, rating.exact_gross, rating.tax_lines, rating.currency),
        "rounding_policy": rating.basis.value,
        "notes": [{"code": n.code, "path": n.path, "de": n.de, "en": n.en} for n in rating.notes],
        "used": {used.key: plain(used.amount) for used in rating.used},
    }
    if any(line.item in _LIMITS for line in rating.lines):
        result["limit_applied"] = _limit_json(rating)
    return result


def sum_json(
    parts: Mapping[str, Rating], periods: Mapping[str, Sequence[Period]], fees: Sequence[Rating]
) -> dict[str, object]:
    """Write the sum of several sessions and base fees, which share one currency and price basis.

    Sessions are rounded one by one and then added. With a base fee they are one bill for the span: the exact amounts
    are added, then rounded once.
    """
    ratings = [*parts.values(), *fees]
    first = ratings[0]
    lines: list[dict[str, object]] = []
    for name, rating in parts.items():
        lines += [
            {"session": name, **line_json(line, rating.basis, _index(line, periods[name]))} for line in rating.lines
        ]
    lines += [{"session": None, **line_json(line, fee.basis, None)} for fee in fees for line in fee.lines]
    with localcontext(EXACT):
        net = sum((rating.exact_net for rating in ratings), Decimal(0))
        gross = sum((rating.exact_gross for rating in ratings), Decimal(0))
        taxes = _one_bill(ratings) if fees else _added(ratings)
    return {
        "lines": lines,
        **totals_json(net, gross, taxes, first.currency),
        "rounding_policy": first.basis.value + (" (invoice level)" if fees else ""),
    }


def line_json(line: Line, basis: PriceBasis, period: int | None) -> dict[str, object]:
    """Write a line."""
    return {
        "period": period,
        "start": line.start.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "end": line.end.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "dimension": line.item.value,
        "tariff_id": line.tariff_id,
        "element": line.element,
        "component": line.component,
        "quantity": plain(line.quantity),
        "unit": line.unit,
        "unit_price": plain(line.unit_price),
        "price_basis": basis.value.lower(),
        "vat_percent": None if line.vat is None else plain(line.vat),
        "net_exact": plain(line.net),
        "gross_exact": plain(line.gross),
        "step_added": plain(line.added),
        "interpolated": line.interpolated,
        "explanation": line.reason_en,
        "explanation_de": line.reason_de,
        "explanation_en": line.reason_en,
    }


def totals_json(net: Decimal, gross: Decimal, taxes: Iterable[TaxLine], currency: str) -> dict[str, object]:
    """Write totals: exact, in cents with their tax lines, and with the four decimals of OCPI."""
    rows, zero = list(taxes), 0 * minor_unit(currency)
    total_net, total_vat = sum((t.base for t in rows), zero), sum((t.vat for t in rows), zero)
    return {
        "total_net_exact": plain(net),
        "total_gross_exact": plain(gross),
        "ocpi_total_cost": {"excl_vat": plain(rounded(net, _FOUR)), "incl_vat": plain(rounded(gross, _FOUR))},
        "total_net": str(total_net),
        "total_vat": str(total_vat),
        "total_gross": str(total_net + total_vat),
        "tax_lines": [
            {
                "rate_percent": None if tax.rate is None else plain(tax.rate),
                "base": str(tax.base),
                "vat": str(tax.vat),
            }
            for tax in rows
        ],
    }


def plain(value: Decimal) -> str:
    """Write a number in digits, without zeros at its end."""
    return f"{value.normalize():f}" if value else "0"


def _index(line: Line, periods: Sequence[Period]) -> int | None:
    if line.element is None:
        return None
    i = bisect_left(periods, line.end, key=lambda period: period.end)
    return i if i < len(periods) and periods[i].start <= line.start else None


def _limit_json(rating: Rating) -> dict[str, object]:
    """Tell which limits took effect and what the session would cost without them.

    What they add or take off stands in `lines` and nowhere else, so the lines sum to the total; `lines` here are the
    indices of theirs.
    """
    places = [i for i, line in enumerate(rating.lines) if line.item in _LIMITS]
    limits = [rating.lines[i] for i in places]
    return {
        "which": ", ".join(dict.fromkeys(_LIMITS[line.item] for line in limits)),
        "net_before": plain(rating.exact_net - sum((line.net for line in limits), Decimal(0))),
        "gross_before": plain(rating.exact_gross - sum((line.gross for line in limits), Decimal(0))),
        "lines": places,
    }


def _added(ratings: Iterable[Rating]) -> list[TaxLine]:
    sums: dict[Decimal | None, TaxLine] = {}
    for rating in ratings:
        for tax in rating.tax_lines:
            before = sums.get(tax.rate)
            sums[tax.rate] = TaxLine(tax.rate, before.base + tax.base, before.vat + tax.vat) if before else tax
    return sorted(sums.values(), key=_by_rate)


def _one_bill(ratings: Sequence[Rating]) -> list[TaxLine]:
    """Round the exact amounts of all sessions together, per VAT rate."""
    basis, unit = ratings[0].basis, minor_unit(ratings[0].currency)
    sums: dict[Decimal | None, Decimal] = {}
    for line in (line for rating in ratings for line in rating.lines):
        sums[line.vat] = sums.get(line.vat, Decimal(0)) + (line.net if basis is PriceBasis.NET else line.gross)
    found = []
    for vat, exact in sums.items():
        amount, factor = rounded(exact, unit), 100 + (vat or Decimal(0))
        if basis is PriceBasis.NET:
            tax = rounded(Ratio(amount * (factor - 100), Decimal(100)), unit)
            found.append(TaxLine(vat, amount, tax))
        else:
            base = rounded(Ratio(amount * 100, factor), unit)
            found.append(TaxLine(vat, base, amount - base))
    return sorted(found, key=_by_rate)


def _by_rate(tax: TaxLine) -> Decimal:
    return Decimal(1) if tax.rate is None else -tax.rate
