"""The proof of home charging as texts in the places of a page, and as a table for payroll. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from backend.core.invoices.home_charging import HomeProof, HomeSession
from backend.core.invoices.invoice_model import Party
from backend.core.rates.explain import day_text, number_text
from backend.documents.invoice_view import Json, address_view, seller_view
from backend.documents.texts import WORDS as COMMON
from backend.documents.texts import money_text
from backend.documents.workbook import Cell, Column
from shared.units import Wh, kwh

_WORDS: dict[str, dict[str, str]] = {
    "de": {
        "title": "Nachweis Laden zu Hause {month}",
        "intro": "Stromkosten für den betrieblichen Wagen, den {employee} zu Hause geladen hat:",
        "employee": "Mitarbeiter",
        "vehicle": "Fahrzeug",
        "month": "Monat",
        "date": "Datum",
        "number": "Nr.",
        "when": "Beginn",
        "meter": "Zähler",
        "begin": "Stand zu Beginn",
        "end": "Stand am Ende",
        "kwh": "kWh",
        "price": "EUR je kWh",
        "sum": "Energie: {energy} kWh zu {price} €",
        "total": "Erstattung",
        "contract": "Preis: eigener Stromvertrag, Nachweis: {evidence}. Gewählt für das Kalenderjahr {year}.",
        "average": "Preis: amtlicher Durchschnittspreis für {year}. Gewählt für das ganze Kalenderjahr.",
        "law": "Auslagenersatz nach § 3 Nr. 50 EStG. Monatspauschalen gibt es seit dem 1. Januar 2026 nicht mehr; "
        "nachgewiesen ist die Strommenge jedes Ladevorgangs mit einem eigenen Zähler. Dies ist keine Rechnung.",
        "left": "Nicht enthalten: Ladevorgang {id}, {reason}.",
        "no_meter": "er hat keinen eigenen Zähler",
        "no_register": "ein Zählerstand fehlt",
        "running": "er läuft noch",
        "held": "er ist noch zu klären",
    },
    "en": {
        "title": "Proof of home charging {month}",
        "intro": "Electricity for the company car that {employee} charged at home:",
        "employee": "Employee",
        "vehicle": "Vehicle",
        "month": "Month",
        "date": "Date",
        "number": "No.",
        "when": "Start",
        "meter": "Meter",
        "begin": "Register at start",
        "end": "Register at end",
        "kwh": "kWh",
        "price": "EUR per kWh",
        "sum": "Energy: {energy} kWh at {price} €",
        "total": "Refund",
        "contract": "Price: own contract, evidence: {evidence}. Chosen for the calendar year {year}.",
        "average": "Price: official average of {year}. Chosen for the whole calendar year.",
        "law": "Refund of expenses by § 3 No 50 EStG. Since 1 January 2026 there are no monthly lump sums for it; the "
        "energy of each session is proved by a meter of its own. This is not an invoice.",
        "left": "Not contained: session {id}, {reason}.",
        "no_meter": "it has no meter of its own",
        "no_register": "a register is missing",
        "running": "it still runs",
        "held": "it is to be clarified",
    },
}


@dataclass(frozen=True, slots=True)
class HomePaper:
    """A proof with who makes it and who gets it."""

    proof: HomeProof
    seller: Party
    buyer: Party
    iban: str
    bic: str
    language: str
    day: date


def home_view(paper: HomePaper) -> Json:
    """Give every text of the page."""
    words, language, proof = _WORDS[paper.language], paper.language, paper.proof
    month = f"{proof.month.number:02}/{proof.month.year}"
    info = (
        ("employee", proof.plan.employee),
        ("vehicle", proof.plan.vehicle),
        ("month", month),
        ("date", day_text(paper.day, language)),
    )
    energy, price = number_text(kwh(proof.energy), language, 3), number_text(proof.price, language, 2)
    how = words[proof.plan.method].format(evidence=proof.plan.evidence, year=proof.month.year)
    names = ["number", *(["when"] if proof.plan.shows_times else []), "meter", "begin", "end", "kwh"]
    return {
        "language": language,
        "date": paper.day.isoformat(),
        "title": words["title"].format(month=month),
        "sample": "",
        "sample_note": "",
        "seller": seller_view(paper),
        "buyer": address_view(paper),
        "info": [[words[key], text] for key, text in info],
        "greeting": COMMON[language]["greeting"],
        "intro": words["intro"].format(employee=proof.plan.employee),
        "columns": [words[name] for name in names],
        "rows": [_row(one, paper) for one in proof.counted],
        "sum": words["sum"].format(energy=energy, price=price),
        "total": [words["total"], money_text(proof.total, "EUR", language)],
        "closing": [how, words["law"], *_left(paper)],
        "page": COMMON[language]["page"],
    }


def _row(one: HomeSession, paper: HomePaper) -> list[str]:
    local = one.started_at.astimezone(paper.proof.zone)
    when = [f"{day_text(local.date(), paper.language)} {local:%H:%M}"] if paper.proof.plan.shows_times else []
    registers = [number_text(kwh(Wh(wh or 0)), paper.language, 3) for wh in (one.begin, one.end)]
    return [str(one.transaction_id), *when, one.serial, *registers, number_text(kwh(one.energy), paper.language, 3)]


def _left(paper: HomePaper) -> Iterator[str]:
    words = _WORDS[paper.language]
    for one in paper.proof.left:
        if one.left:
            yield words["left"].format(id=one.transaction_id, reason=words[one.left])


def home_table(paper: HomePaper) -> tuple[list[Column], list[list[Cell]]]:
    """Give a row for each session that is refunded, for payroll; the last one is the month's sum."""
    words, proof = _WORDS[paper.language], paper.proof
    columns = [Column(words[name]) for name in ("month", "employee", "vehicle", "number")]
    columns += [Column(words["when"])] if proof.plan.shows_times else []
    columns += [Column(words["meter"]), Column(words["kwh"], 3), Column(words["price"], 4), Column("EUR", 2)]
    who: list[Cell] = [str(proof.month), proof.plan.employee, proof.plan.vehicle]
    rows: list[list[Cell]] = []
    for one in proof.counted:
        when: list[Cell] = []
        if proof.plan.shows_times:
            when = [one.started_at.astimezone(proof.zone).isoformat(timespec="minutes")]
        rows.append([*who, str(one.transaction_id), *when, one.serial, kwh(one.energy), proof.price, None])
    blank: list[Cell] = [""] if proof.plan.shows_times else []
    total: list[Cell] = [*who, words["total"], *blank, "", Decimal(kwh(proof.energy)), proof.price, proof.total]
    return columns, [*rows, total]
