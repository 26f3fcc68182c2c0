"""The proof of an operator's invoices: chain, numbers, e-invoices and sums, looked at one by one."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from decimal import Decimal
from xml.etree import ElementTree

from backend.core.einvoice import WRITER, write_einvoice
from backend.core.invoice_chain import FIRST, Link, link_hash
from backend.core.invoice_check import sum_problems
from backend.core.invoice_model import CREDIT_NOTE, SERIES, Invoice
from backend.core.record import RecordError, from_json

_NUMBER = re.compile(r".*-(\d{4})-(\d{6,})", re.DOTALL)
_RAM = "{urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100}"
_SUMS = f".//{_RAM}SpecifiedTradeSettlementHeaderMonetarySummation/{_RAM}"


class Audit:
    """Looks at the invoices of one operator in the order of their chain; `count` and `head` tell how far it came."""

    def __init__(self, series: Mapping[tuple[str, int], int]) -> None:
        """Begin.

        Args:
            series: the last number drawn by kind and year.
        """
        self._series = series
        self._numbers: dict[tuple[str, int], list[int]] = defaultdict(list)
        self._seq = 0
        self.count = 0
        self.head = FIRST

    def check(self, link: Link) -> Iterator[str]:
        """Tell what is wrong with the next invoice."""
        self.count += 1
        yield from self._link(link)
        yield from self._number(link.row)
        yield from _content(link)

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

    def _link(self, link: Link) -> Iterator[str]:
        if link.seq is None:
            yield "it is not in the chain"
            return
        if link.seq != self._seq + 1:
            yield f"the chain goes from link {self._seq} to link {link.seq}"
        if link.stored != link_hash(self.head, link.row, link.xml):
            yield f"link {link.seq} does not fit: this invoice, its e-invoice or a link before it was changed"
        self._seq, self.head = link.seq, link.stored

    def _number(self, row: Mapping[str, str | int]) -> Iterator[str]:
        found = _NUMBER.fullmatch(str(row["number"]))
        kind = SERIES.get(str(row["type_code"]))
        if found and kind:
            self._numbers[kind, int(found[1])].append(int(found[2]))
        else:
            yield f"its number or its kind {row['type_code']!r} is of no series"


def _content(link: Link) -> Iterator[str]:
    row = link.row
    try:
        document = from_json(Invoice, str(row["body"]))
    except RecordError as error:
        yield f"its document can't be read: {error}"
        return
    sign = -1 if document.type_code == CREDIT_NOTE else 1
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
    if link.writer == WRITER and link.xml != write_einvoice(document):
        yield "its e-invoice is not what its document gives"
    elif link.writer is not None:
        yield from _told_sums(link.xml, document)


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
        ("DuePayableAmount", document.due),
    ):
        told = root.findtext(_SUMS + name)
        if told is None or Decimal(told) != value:
            yield f"{name} is {told} in its e-invoice and {value} in its document"
