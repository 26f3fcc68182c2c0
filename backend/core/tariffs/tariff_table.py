"""A rated scenario as a table for people, in German or English."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from backend.core.rates.explain import LANGUAGES, item_name, number_text

# Any: the JSON of `backend.core.rates.scenario`, written a moment ago.
Json = Mapping[str, Any]

_WORDS = {
    "held": ("Nicht berechnet", "Not priced"),
    "net": ("netto", "net"),
    "vat": ("USt.", "VAT"),
    "gross": ("brutto", "gross"),
    "exact": ("genau", "exact"),
    "total": ("Zusammen", "Together"),
    "free": ("Keine Beträge.", "No amounts."),
    "margin": ("Marge netto", "Margin net"),
}

_UNITS = {"session": ("Ladevorgang", "session"), "month": ("Monat", "month")}


def rating_table(result: Json, language: str, *, explain: bool) -> str:
    """Write the prices of a scenario.

    Args:
        result: of `rate_scenario`.
        language: `de` or `en`.
        explain: add to each line why it is there.
    """
    return "\n".join(_scenario(result, str(result.get("id") or ""), LANGUAGES.index(language), explain))


def _scenario(result: Json, name: str, language: int, explain: bool) -> Iterator[str]:
    parts = {key: result[key] for key in ("wholesale", "retail") if key in result} | result.get("comparison", {})
    if parts:
        for part, row in parts.items():
            yield from _scenario(row, f"{name} {part}".strip(), language, explain)
        if "margin_net" in result:
            yield f"{_WORDS['margin'][language]}: {result['margin_net']} {parts['retail']['currency']}"
        return
    if "per_session" not in result:
        yield f"{name}: {_held(result, language)}".lstrip(": ")
        return
    for row in result["per_session"]:
        yield f"{name} {row['session']}".strip()
        yield from _session(row, result["currency"], language, explain)
    base_fees = [line for line in result.get("lines", ()) if line["session"] is None]
    if len(result["per_session"]) > 1 or base_fees:
        yield f"{name} {_WORDS['total'][language]}".strip()
        yield from (f"  {line}" for line in _lines(base_fees, language, explain))
        yield f"  {_held(result, language) if result['held'] else _totals(result, result['currency'], language)}"


def _session(row: Json, currency: str, language: int, explain: bool) -> Iterator[str]:
    if row["held"]:
        yield f"  {_held(row, language)}"
        return
    yield from (f"  {line}" for line in _lines(row["lines"], language, explain))
    if not row["lines"]:
        yield f"  {_WORDS['free'][language]}"
    yield f"  {_totals(row, currency, language)}"
    for note in row["notes"]:
        yield f"  ! {note[LANGUAGES[language]]}"


def _lines(lines: Sequence[Json], language: int, explain: bool) -> Iterator[str]:
    for line in lines:
        basis = line["price_basis"]
        price = _number(line["unit_price"], language)
        yield (
            f"{item_name(line['dimension'], LANGUAGES[language]):34}"
            f"{_number(line['quantity'], language):>12} {_UNITS.get(line['unit'], (line['unit'],) * 2)[language]:12}"
            f"x {price:>8}  {_number(line[f'{basis}_exact'], language):>16} {_WORDS[basis][language]}"
        )
        if explain:
            yield f"    {line[f'explanation_{LANGUAGES[language]}']}"


def _totals(row: Json, currency: str, language: int) -> str:
    net, vat, gross = (_number(row[f"total_{part}"], language, 2) for part in ("net", "vat", "gross"))
    exact = _number(row["total_gross_exact"], language)
    words = {key: texts[language] for key, texts in _WORDS.items()}
    sums = f"= {net} {words['net']} + {vat} {words['vat']} = {gross} {currency} {words['gross']}"
    return f"{sums} ({words['exact']} {exact})"


def _held(row: Json, language: int) -> str:
    reason = row["reason"]
    return f"{_WORDS['held'][language]}: {reason['path']}: {reason['text']} [{reason['code']}]"


def _number(text: str, language: int, least: int = 0) -> str:
    return number_text(Decimal(text), LANGUAGES[language], least)
