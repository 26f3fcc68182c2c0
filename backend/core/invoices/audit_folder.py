"""The folder for an auditor (Z3, § 147 (6) AO): which files it has, and the shape of its journals. Pure.

Journals are CSV as German tax software reads them: UTF-8, semicolons, decimal comma, days as 2026-12-31. What they
mean stands in `index.xml`, after the standard in which auditors describe data to their software (GDPdU 1.0).
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote
from xml.etree.ElementTree import Element, SubElement, indent, tostring

INDEX, MANIFEST, CHAIN = "index.csv", "export.json", "chain.csv"
INDEX_COLUMNS = ("file", "bytes", "sha256")
CHAIN_COLUMNS = ("operator_id", "seq", "kind", "ref", "sha256", "previous", "hash", "at")

TEXT, NUMBER, DAY = "text", "number", "day"


@dataclass(frozen=True, slots=True)
class Journal:
    """A CSV file: its columns with name, kind and meaning in German."""

    name: str
    about: str
    columns: tuple[tuple[str, str, str], ...]

    @property
    def file(self) -> str:
        """Where it is in the folder."""
        return f"journal/{self.name}.csv"


INVOICES = Journal(
    "invoices",
    "Ausgestellte Belege in der Reihenfolge der Hash-Kette",
    (
        ("number", TEXT, "Nummer"),
        ("kind", TEXT, "Nummernkreis: invoice, credit, cancel, ad_hoc, self"),
        ("type_code", TEXT, "Art nach UNTDID 1001: 380, 381, 384, 389"),
        ("issued_on", DAY, "Tag der Ausstellung, Ortszeit"),
        ("issued_at", TEXT, "Zeitpunkt der Ausstellung, UTC"),
        ("customer_id", TEXT, "Kundennummer"),
        ("customer", TEXT, "Name auf dem Beleg, leer bei Kleinbetragsrechnungen"),
        ("customer_vat_id", TEXT, "USt-IdNr. des Kunden"),
        ("period_start", DAY, "Leistung von"),
        ("period_end", DAY, "Leistung bis"),
        ("currency", TEXT, "Währung"),
        ("net", NUMBER, "Netto, wie es den Kunden belastet: negativ, was er zurückbekommt"),
        ("vat", NUMBER, "Umsatzsteuer, ebenso"),
        ("rounding", NUMBER, "Rundung (BT-114), ebenso"),
        ("total", NUMBER, "Gesamtbetrag, ebenso"),
        ("prepaid", NUMBER, "bei Ausstellung schon bezahlt"),
        ("due_on", DAY, "fällig am"),
        ("corrects", TEXT, "Nummern der berichtigten oder stornierten Belege"),
        ("reason", TEXT, "Grund von Storno oder Gutschrift von Hand"),
        ("cancelled_by", TEXT, "Nummer des Stornos, leer: der Beleg gilt"),
    ),
)
LINES = Journal(
    "lines",
    "Positionen der Belege, Vorzeichen wie auf dem Beleg",
    (
        ("number", TEXT, "Nummer des Belegs"),
        ("line", NUMBER, "Position"),
        ("item", TEXT, "was berechnet wurde"),
        ("text", TEXT, "Bezeichnung"),
        ("session", TEXT, "Ladevorgang, leer bei Grundgebühren"),
        ("start", TEXT, "Beginn, Ortszeit"),
        ("end", TEXT, "Ende, Ortszeit"),
        ("quantity", NUMBER, "Menge"),
        ("unit", TEXT, "Einheit nach UN/ECE Rec. 20"),
        ("unit_price", NUMBER, "Preis je Einheit, netto oder brutto wie der Beleg"),
        ("vat_rate", NUMBER, "Steuersatz in Prozent"),
        ("net", NUMBER, "Netto"),
        ("gross", NUMBER, "Brutto, leer bei Nettopreisen"),
        ("tariff", TEXT, "Tarif und Fassung"),
    ),
)
SESSIONS = Journal(
    "sessions",
    "Ladevorgänge, die im Zeitraum endeten oder auf einem seiner Belege stehen",
    (
        ("session", NUMBER, "Ladevorgang"),
        ("charge_point", TEXT, "Ladestation"),
        ("evse", NUMBER, "Ladepunkt"),
        ("started_at", TEXT, "Beginn, UTC"),
        ("ended_at", TEXT, "Ende, UTC"),
        ("register_start_kwh", NUMBER, "Zählerstand zu Beginn, kWh"),
        ("register_end_kwh", NUMBER, "Zählerstand am Ende, kWh"),
        ("token", TEXT, "Ladekarte, verkürzt"),
        ("customer_id", TEXT, "Kunde, leer: nicht abgerechnet"),
        ("state", TEXT, "Stand der Abrechnung"),
        ("held_reason", TEXT, "warum er nicht abgerechnet werden kann"),
        ("tariff", TEXT, "Tarif und Fassung"),
        ("documents", TEXT, "Nummern der Belege, auf denen er steht"),
    ),
)
PAYMENTS = Journal(
    "payments",
    "Buchungen auf offene Posten",
    (
        ("booking", NUMBER, "Buchung"),
        ("booked_on", DAY, "Wertstellung"),
        ("at", TEXT, "Zeitpunkt der Buchung, UTC"),
        ("customer_id", TEXT, "Kunde"),
        ("number", TEXT, "Beleg, leer: Guthaben des Kunden"),
        ("kind", TEXT, "Art der Buchung"),
        ("amount", NUMBER, "Betrag, positiv erhöht die Schuld des Kunden"),
        ("currency", TEXT, "Währung"),
        ("undoes", TEXT, "Buchung, die sie zurücknimmt"),
        ("content", TEXT, "was die Hash-Kette davon umfasst, JSON"),
    ),
)
JOURNALS = (INVOICES, LINES, SESSIONS, PAYMENTS)


@dataclass(frozen=True, slots=True)
class SeriesSpan:
    """The numbers of a series that were drawn in the span: `first` to `last`, none if `last` is less."""

    kind: str
    year: int
    first: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What an export is about.

    Args:
        operator_id: whose.
        operator: name.
        place: where it is.
        first: local day of the span.
        last: local day of the span.
        timezone: of these days.
        start_ms: begin of the span, milliseconds since 1970.
        end_ms: its end, exclusive.
        made_at: when, UTC.
        program: name and version.
        schema: revision of the database.
        documents: how many.
        entries: of the chain in the folder.
        first_seq: of the first of them, 0 for none.
        last_seq: of the last.
        before: hash of the entry before the first.
        head: hash of the last.
        link_before: hash of the last `invoice.link` before the first entry; empty for none.
        series: what was drawn.
    """

    operator_id: str
    operator: str
    place: str
    first: date
    last: date
    timezone: str
    start_ms: int
    end_ms: int
    made_at: datetime
    program: str
    schema: str
    documents: int
    entries: int
    first_seq: int
    last_seq: int
    before: str
    head: str
    link_before: str
    series: tuple[SeriesSpan, ...]


def document_file(number: str, kind: str) -> str:
    """Tell where a file of a document is.

    Args:
        number: of the document, which may have characters that file names can't.
        kind: `json` the frozen document, `xml` the e-invoice, or `pdf`.
    """
    folder = "document" if kind == "json" else kind
    return f"{folder}/{quote(number, safe='')}.{kind}"


def cell(value: Any) -> str:  # Any: each column has its own type
    """Write a value of a journal."""
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return f"{value + 0:f}".replace(".", ",")  # no minus before a zero
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value)


def number_of(text: str) -> Decimal:
    """Read a number of a journal."""
    return Decimal(text.replace(",", "."))


def describe(manifest: Manifest) -> bytes:
    """Write `index.xml`, the description of the journals for the software of auditors."""
    root = Element("DataSet")
    SubElement(root, "Version").text = "1.0"
    supplier = SubElement(root, "DataSupplier")
    SubElement(supplier, "Name").text = manifest.operator
    SubElement(supplier, "Location").text = manifest.place
    SubElement(supplier, "Comment").text = f"{manifest.first} - {manifest.last}, {manifest.program}"
    media = SubElement(root, "Media")
    SubElement(media, "Name").text = "emops"
    for journal in JOURNALS:
        table = SubElement(media, "Table")
        for name, text in (("URL", journal.file), ("Name", journal.name), ("Description", journal.about)):
            SubElement(table, name).text = text
        SubElement(table, "UTF8")
        SubElement(table, "DecimalSymbol").text = ","
        SubElement(table, "DigitGroupingSymbol").text = "."
        SubElement(SubElement(table, "Range"), "From").text = "2"
        lengths = SubElement(table, "VariableLength")
        for name, text in (("ColumnDelimiter", ";"), ("RecordDelimiter", "&#13;&#10;"), ("TextEncapsulator", '"')):
            SubElement(lengths, name).text = text
        for i, (name, kind, about) in enumerate(journal.columns):
            primary = i == 0 and journal is not LINES
            column = SubElement(lengths, "VariablePrimaryKey" if primary else "VariableColumn")
            SubElement(column, "Name").text = name
            SubElement(column, "Description").text = about
            _kind_of_column(column, kind)
    indent(root, space=" ")
    text = tostring(root, encoding="unicode").replace("&amp;#", "&#")
    head = '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE DataSet SYSTEM "gdpdu-01-09-2004.dtd">\n'
    return f"{head}{text}\n".encode()


def _kind_of_column(column: Element, kind: str) -> None:
    if kind == NUMBER:
        SubElement(SubElement(column, "Numeric"), "Accuracy").text = "6"
    elif kind == DAY:
        SubElement(SubElement(column, "Date"), "Format").text = "YYYY-MM-DD"
    else:
        SubElement(column, "AlphaNumeric")


def column_list() -> str:
    """Write what the columns of the journals mean, for the description."""
    return "\n".join(_columns())


def _columns() -> Iterator[str]:
    for journal in JOURNALS:
        yield f"\n### {journal.file}\n\n{journal.about}.\n"
        yield from (f"- `{name}`: {about}" for name, _, about in journal.columns)


def manifest_values(manifest: Manifest) -> dict[str, str]:
    """Give what the texts of the folder may name."""
    return {name: str(value) for name, value in asdict(manifest).items()} | {"columns": column_list()}
