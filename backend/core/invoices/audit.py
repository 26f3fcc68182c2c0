"""The proof of an operator's invoices: chain, numbers, e-invoices and sums, looked at one by one."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha256
from xml.etree import ElementTree

from backend.core.invoices.chain import FIRST, ChainKind, link_hash, row_content
from backend.core.invoices.document_kind import kind_of
from backend.core.invoices.einvoice import WRITER, write_einvoice
from backend.core.invoices.invoice_check import sum_problems
from backend.core.invoices.invoice_model import Invoice
from backend.core.invoices.purged_invoice import names_nobody
from backend.core.record import RecordError, from_json

_NUMBER = re.compile(r".*-(\d{4})-(\d{6,})", re.DOTALL)
_RAM = "{urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100}"
_SUMS = f".//{_RAM}SpecifiedTradeSettlementHeaderMonetarySummation/{_RAM}"


@dataclass(frozen=True, slots=True)
class Issued:
    """An invoice as it is stored, with what the chain says of it.

    Args:
        row: the values of `COVERED` as the database keeps them: texts, and times in milliseconds since 1970.
        xml: the e-invoice, empty for invoices from before there were any.
        writer: see `backend.core.invoices.einvoice.WRITER`; None without XML.
        kind: of the entry that covers the row, None if there is none.
        sha256: of that entry.
        xml_sha256: of the entry of the XML, None if there is none.
        purged: the hash that its row had when its time was over and content went, None while nothing went.
    """

    row: Mapping[str, str | int]
    xml: bytes
    writer: int | None
    kind: str | None
    sha256: str | None
    xml_sha256: str | None
    purged: str | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """Something else that is kept, with the SHA-256 that the chain has of it (None: it is not in the chain).

    `purged` is the one that it had when its time was over and it went; None while it is kept.
    """

    kind: ChainKind
    ref: str
    content: bytes
    sha256: str | None
    purged: str | None = None

    def problems(self) -> Iterator[str]:
        """Tell what is wrong with it."""
        name = f"{self.kind} {self.ref}"
        if self.sha256 is None:
            yield f"{name} is not in the chain"
        elif self.purged is not None:
            if self.purged != self.sha256:
                yield f"{name} was purged, but the chain has another content of it"
        elif self.sha256 != sha256(self.content).hexdigest():
            yield f"{name} was changed: the chain has another content of it"


class Audit:
    """Looks at the invoices of one operator in the order of their chain; `count` tells how many that were."""

    def __init__(self, series: Mapping[tuple[str, int], int]) -> None:
        """Begin.

        Args:
            series: the last number drawn by kind and year.
        """
        self._series = series
        self._numbers: dict[tuple[str, int], list[int]] = defaultdict(list)
        self._link = FIRST
        self.count = 0

    def check(self, one: Issued) -> Iterator[str]:
        """Tell what is wrong with the next invoice."""
        self.count += 1
        if one.purged is not None:
            self._link = one.sha256 if one.kind == ChainKind.LINK and one.sha256 else self._link
        else:
            yield from self._chained(one)
        try:
            document = from_json(Invoice, str(one.row["body"]))
        except RecordError as error:
            document = None
            yield f"its document can't be read: {error}"
        yield from self._number(one.row, document)
        if document and one.purged is not None:
            yield from _purged(one, document)
        elif document:
            yield from _content(one, document)

    def finish(self) -> Iterator[str]:
        """Tell what is wrong with the series of numbers."""
        for kind, year in sorted(self._series.keys() | self._numbers.keys()):
            last, found = self._series.get((kind, year), 0), self._numbers[kind, year]
            missing = sorted(set(range(1, last + 1)) - set(found))
            name = f"numbers of kind {kind} in {year}"
            if missing:
                yield f"{name}: of 1 to {last} there is no {', '.join(map(str, missing[:10]))}"
            if max(found, default=0) > last:
                yield f"{name}: {max(found)} was issued, but only {last} drawn"
            if len(set(found)) < len(found):
                yield f"{name}: one was issued twice"

    def _chained(self, one: Issued) -> Iterator[str]:
        if one.kind is None:
            yield "it is not in the chain"
        elif one.kind == ChainKind.LINK:
            if one.sha256 != link_hash(self._link, one.row, one.xml):
                yield "it, its e-invoice or an invoice before it was changed: the chain has another content of them"
            self._link = one.sha256 or FIRST
        else:
            if one.sha256 != sha256(row_content(one.row)).hexdigest():
                yield "it was changed: the chain has another content of it"
            if one.xml_sha256 != (sha256(one.xml).hexdigest() if one.xml else None):
                yield "its e-invoice was changed: the chain has another content of it"

    def _number(self, row: Mapping[str, str | int], document: Invoice | None) -> Iterator[str]:
        found = _NUMBER.fullmatch(str(row["number"]))
        kind = kind_of(document.series if document else "", str(row["type_code"]))
        if found and kind:
            self._numbers[kind.name, int(found[1])].append(int(found[2]))
        else:
            yield f"its number or its kind {row['type_code']!r} is of no series"


def _purged(one: Issued, document: Invoice) -> Iterator[str]:
    if one.purged != one.sha256:
        yield "it was purged, but the chain has another content of it"
    if one.xml or not names_nobody(document):
        yield "it was purged, but what it said of persons is there"
    yield from sum_problems(document)


def _content(one: Issued, document: Invoice) -> Iterator[str]:
    row = one.row
    kind = kind_of(document.series, document.type_code)
    sign = kind.sign if kind else 1
    for name, value in (
        ("number", document.number),
        ("type_code", document.type_code),
        ("currency", document.currency),
        ("total_net", str(sign * document.total_net)),
        ("total_gross", str(sign * document.due)),
    ):
        if row[name] != value:
            yield f"{name} is {row[name]!r} in its row and {value!r} in its document"
    yield from sum_problems(document)
    if one.kind == ChainKind.INVOICE and document.small is (one.xml_sha256 is not None):
        yield "it has an e-invoice, but no buyer" if document.small else "its e-invoice is missing"
    if one.writer == WRITER and one.xml != write_einvoice(document):
        yield "its e-invoice is not what its document gives"
    elif one.writer is not None:
        yield from _told_sums(one.xml, document)


def _told_sums(xml: bytes, document: Invoice) -> Iterator[str]:
    """Compare the sums, which no change of the writer changes."""
    try:
        root = ElementTree.fromstring(xml)  # noqa: S314  our own, and not trusted with more than its numbers
    except ElementTree.ParseError:
        yield "its e-invoice is no XML"
        return
    for name, value in (
        ("LineTotalAmount", document.total_net),
        ("TaxTotalAmount", document.total_vat),
        ("GrandTotalAmount", document.total_gross),
        ("DuePayableAmount", document.payable),
    ):
        told = root.findtext(_SUMS + name)
        if told is None or Decimal(told) != value:
            yield f"{name} is {told} in its e-invoice and {value} in its document"
