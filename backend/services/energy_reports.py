"""What command line, API and pages ask of reports of energy and revenue."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal

from sqlalchemy import Connection

from backend.core.report import By, Row, Sheet, Subject, Tally, add_all
from backend.documents.workbook import Cell, Column
from backend.errors import ReportError
from backend.store.past_sessions import list_operators
from backend.store.report_facts import Span, document_facts, names_of, session_facts

_LONGEST = timedelta(days=3660)

TITLES = {
    "de": {
        "key": "Schlüssel",
        "name": "Name",
        "currency": "Währung",
        "sessions": "Ladevorgänge",
        "free": "davon kostenlos",
        "held": "zurückgestellt (Betrag unbekannt)",
        "held_kwh": "kWh zurückgestellt",
        "kwh": "kWh",
        "plugged_h": "Stunden angesteckt",
        "charging_h": "Stunden ladend",
        "energy_net": "Energie netto",
        "time_net": "Zeit netto",
        "fees_net": "Gebühren netto",
        "net": "Netto",
        "vat": "Umsatzsteuer",
        "gross": "Brutto",
        "total": "Summe",
    },
    "en": {
        "key": "Key",
        "name": "Name",
        "currency": "Currency",
        "sessions": "Sessions",
        "free": "of them free",
        "held": "Held (amount unknown)",
        "held_kwh": "kWh held",
        "kwh": "kWh",
        "plugged_h": "Hours plugged in",
        "charging_h": "Hours charging",
        "energy_net": "Energy net",
        "time_net": "Time net",
        "fees_net": "Fees net",
        "net": "Net",
        "vat": "VAT",
        "gross": "Gross",
        "total": "Total",
    },
}
_AMOUNTS = ("energy_net", "time_net", "fees_net", "net", "vat", "gross")
_COUNTS = ("sessions", "free", "held", "held_kwh", "kwh", "plugged_h", "charging_h")
_OF_SESSIONS = ("sessions", "free", "held", "held_kwh", "plugged_h", "charging_h")
_DECIMALS = {"kwh": 3, "held_kwh": 3, "plugged_h": 2, "charging_h": 2, **dict.fromkeys(_AMOUNTS, 2)}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to report: subject, rows, and the local days."""

    subject: Subject
    by: By
    first: date
    last: date
    operator: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """A report: rows, the totals by currency, and the sums of each day for a chart."""

    wanted: Wanted
    rows: tuple[Row, ...]
    totals: tuple[Row, ...]
    days: tuple[tuple[date, Tally], ...]


def parse_wanted(subject: str, by: str, first: str, last: str, operator: str = "") -> Wanted:
    """Read what is wanted.

    Raises:
        ReportError: a word or a day is none, or the span is longer than ten years.
    """
    try:
        wanted = Wanted(Subject(subject), By(by), date.fromisoformat(first), date.fromisoformat(last), operator)
    except ValueError as error:
        raise ReportError(f"a report needs days such as 2026-10-01, and rows by one of {', '.join(By)}") from error
    if not timedelta() <= wanted.last - wanted.first <= _LONGEST:
        raise ReportError("the last day must not be before the first, nor more than ten years after it")
    return wanted


def make_report(connection: Connection, wanted: Wanted) -> Report:
    """Sum it up. It takes a millisecond or two for a session; only sums are kept.

    Raises:
        ReportError: there is no such operator.
    """
    if wanted.operator and wanted.operator not in {name for name, _ in list_operators(connection)}:
        raise ReportError(f"there is no operator {wanted.operator!r}")
    span = Span(wanted.first, wanted.last, wanted.operator)
    facts = session_facts if wanted.subject is Subject.ENERGY else document_facts
    sheet = add_all(wanted.by, facts(connection, span))
    names = names_of(connection, wanted.by.value)
    rows = tuple(replace(row, name=names.get(row.key, "")) for row in sheet.sorted_rows())
    return Report(wanted, rows, tuple(_totals(sheet)), tuple(sorted(sheet.days.items())))


def _totals(sheet: Sheet) -> Iterator[Row]:
    for currency in sorted(sheet.totals):
        yield Row("", currency, sheet.totals[currency])


def measures(wanted: Wanted) -> tuple[str, ...]:
    """Name the columns of numbers. What sessions have, documents and components have not."""
    names = (*_COUNTS, *_AMOUNTS)
    if wanted.by is By.COMPONENT:
        return ("kwh", "net")
    return tuple(name for name in names if wanted.subject is Subject.ENERGY or name not in _OF_SESSIONS)


def measure(tally: Tally, name: str) -> int | Decimal:
    """Give a number of a row: energy in kWh, times in hours."""
    match name:
        case "kwh":
            return Decimal(tally.energy_wh).scaleb(-3)
        case "held_kwh":
            return Decimal(tally.held_wh).scaleb(-3)
        case "plugged_h":
            return round(Decimal(tally.plugged_s) / 3600, 2)
        case "charging_h":
            return round(Decimal(tally.charging_s) / 3600, 2)
        case _:
            value: int | Decimal = getattr(tally, name)
            return value


def table(report: Report, language: str) -> tuple[list[Column], list[list[Cell]]]:
    """Give the report as a table with its totals, for files."""
    words, names = TITLES[language], measures(report.wanted)
    columns = [Column(words["key"], width=20), Column(words["name"], width=28), Column(words["currency"], width=9)]
    columns += [Column(words[name], _DECIMALS.get(name, 0)) for name in names]
    rows: list[list[Cell]] = []
    for row in report.rows:
        rows.append([row.key, row.name, row.currency, *(measure(row.tally, name) for name in names)])
    for row in report.totals:
        rows.append([words["total"], "", row.currency, *(measure(row.tally, name) for name in names)])
    return columns, rows


def report_json(report: Report) -> dict[str, object]:
    """Give the report as JSON: amounts, kWh and hours are texts with their own digits."""
    names = measures(report.wanted)

    def told(row: Row) -> dict[str, object]:
        numbers = {name: measure(row.tally, name) for name in names}
        texts = {name: value if isinstance(value, int) else f"{value:f}" for name, value in numbers.items()}
        return {"key": row.key, "name": row.name, "currency": row.currency, **texts}

    return {
        "subject": report.wanted.subject.value,
        "by": report.wanted.by.value,
        "first": report.wanted.first.isoformat(),
        "last": report.wanted.last.isoformat(),
        "operator": report.wanted.operator,
        "rows": [told(row) for row in report.rows],
        "totals": [told(row) for row in report.totals],
    }
