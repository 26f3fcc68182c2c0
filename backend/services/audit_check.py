"""Check the folder of an export by itself, without a database: `emops-backend audit check`.

What is proved: every file is the one that the index lists; the chain goes from its first entry to the head without a
break; each document of the span has its entry and is what the entry covers, and no entry of the span lacks its
document; numbers have no gap; journals tell the documents' amounts. What a folder can't prove is that its chain is the
operator's: compare its head, or the hash of the index, with what was mailed or printed at the time.
"""

import csv
import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from backend.core.invoices import audit_folder as folder
from backend.core.invoices.audit_folder import Manifest, SeriesSpan, document_file, number_of
from backend.core.invoices.chain import COVERED, ChainCheck, ChainKind, Entry, link_hash
from backend.core.invoices.document_kind import kind_of
from backend.core.invoices.invoice_check import sum_problems
from backend.core.invoices.invoice_model import Invoice
from backend.core.record import RecordError, from_json
from backend.errors import ReportError

_ROWS = (ChainKind.INVOICE, ChainKind.LINK)
_LARGEST_CELL = 1 << 27

Progress = Callable[[int, int], None]


@dataclass(slots=True)
class _Found:
    """What was met on the way along the chain."""

    entries: int = 0
    documents: int = 0
    files: int = 0
    link: str = ""


def check(path: Path, progress: Progress) -> Iterator[tuple[bool, str]]:
    """Look at a folder and tell line by line what is wrong (False) and what was proved (True).

    Args:
        path: of the folder.
        progress: is told how many entries of the chain were looked at and how many there are.

    Raises:
        ReportError: it is no folder of an export.
    """
    csv.field_size_limit(_LARGEST_CELL)
    manifest = _manifest(path)
    if not (path / folder.INDEX).is_file():
        raise ReportError(f"{path / folder.INDEX} is missing: the export was never finished, or this is none")
    index, wrong = hash_file(path / folder.INDEX), 0
    for problem in _problems(path, manifest, progress):
        wrong += 1
        yield False, problem
    told = f"{wrong} of what was looked at is wrong" if wrong else "all is as it was exported"
    seqs = f"entries {manifest.first_seq} to {manifest.last_seq} of the chain"
    about = (
        f"operator {manifest.operator_id}, {manifest.first} to {manifest.last}: {manifest.documents} documents, {seqs}"
    )
    yield not wrong, f"{about}, {told}; head {manifest.head or 'none'}; index {index}"


def _problems(path: Path, manifest: Manifest, progress: Progress) -> Iterator[str]:
    listed: dict[str, int] = defaultdict(int)
    yield from _index(path, listed)
    found = _Found(link=manifest.link_before)
    try:
        yield from _chain(path, manifest, found, progress)
    except (OSError, ValueError, csv.Error) as error:
        yield f"{folder.CHAIN} or a journal can't be read: {error}"
        return
    if found.documents != manifest.documents or listed["document"] != manifest.documents:
        yield (
            f"there should be {manifest.documents} documents: {found.documents} are in the chain, "
            f"{listed['document']} in the index"
        )
    if found.files != listed["xml"] + listed["pdf"]:
        yield f"{listed['xml'] + listed['pdf']} XML files and PDFs are in the index, {found.files} in the chain"


def _index(path: Path, listed: dict[str, int]) -> Iterator[str]:
    """Compare all files with the index."""
    names = {folder.INDEX}
    with _table(path / folder.INDEX) as rows:
        for name, size, digest in rows:
            names.add(name)
            listed[name.partition("/")[0]] += 1
            place = path / name
            if not place.resolve().is_relative_to(path.resolve()):
                yield f"the index names {name}, which is outside of the folder"
            elif not place.is_file():
                yield f"{name} is missing"
            elif place.stat().st_size != int(size) or hash_file(place) != digest:
                yield f"{name} was changed: the index has another content of it"
    for place in sorted(path.rglob("*")):
        if place.is_file() and place.relative_to(path).as_posix() not in names:
            yield f"{place.relative_to(path).as_posix()} is not in the index"


def _chain(path: Path, manifest: Manifest, found: _Found, progress: Progress) -> Iterator[str]:
    """Go along the chain, and along the journals of documents and payments beside it."""
    along = ChainCheck(manifest.first_seq - 1, manifest.before)
    numbers: dict[tuple[str, int], list[int]] = defaultdict(list)
    with (
        _table(path / folder.CHAIN) as rows,
        _table(path / folder.INVOICES.file) as invoices,
        _table(path / folder.PAYMENTS.file) as payments,
    ):
        for row in rows:
            entry = _entry(*row)
            yield from along.check(entry)
            found.entries += 1
            progress(found.entries, manifest.entries)
            inside = manifest.start_ms <= entry.at < manifest.end_ms
            if entry.kind in _ROWS and inside:
                found.documents += 1
                yield from _document(path, entry, found, next(invoices, []), numbers)
            elif entry.kind in (ChainKind.XML, ChainKind.PDF):
                yield from _file(path, entry, found, inside=inside)
            elif entry.kind == ChainKind.PAYMENT and inside:
                yield from _payment(entry, next(payments, []))
        if next(invoices, None) or next(payments, None):
            yield "a journal has more rows than the chain has entries"
    if (along.seq, along.head) != (manifest.last_seq, manifest.head) and manifest.entries:
        yield f"the chain ends at entry {along.seq} with {along.head}, and should at {manifest.last_seq}"
    yield from _gaps(numbers, manifest.series)


def _entry(*cells: str) -> Entry:
    """Read an entry from a row of `CHAIN_COLUMNS`."""
    operator_id, seq, kind, ref, digest, previous, hash_, at = cells
    return Entry(operator_id, int(seq), kind, ref, digest, previous, hash_, int(at))


def _document(
    path: Path, entry: Entry, found: _Found, row: list[str], numbers: dict[tuple[str, int], list[int]]
) -> Iterator[str]:
    number = entry.ref
    place = path / document_file(number, "json")
    if not place.is_file():
        yield f"{number}: the chain has it, but it is not in the folder"
        return
    content = place.read_bytes()
    try:
        values = dict(zip(COVERED, json.loads(content), strict=True))
        document = from_json(Invoice, str(values["body"]))
    except (ValueError, TypeError, RecordError) as error:
        yield f"{number}: its document can't be read: {error}"
        return
    if entry.kind == ChainKind.LINK:
        xml = path / document_file(number, "xml")
        if entry.sha256 != link_hash(found.link, values, xml.read_bytes() if xml.is_file() else b""):
            yield f"{number}: it, its e-invoice or an invoice before it is not what the chain covers"
        found.link = entry.sha256
        found.files += xml.is_file()
    elif entry.sha256 != sha256(content).hexdigest():
        yield f"{number}: it is not what the chain covers"
    if document.number != number or values["number"] != number:
        yield f"{number}: its document has the number {document.number}"
    yield from (f"{number}: {problem}" for problem in sum_problems(document))
    yield from _journal(document, row)
    kind, (*_, year, count) = kind_of(document.series, document.type_code), number.split("-")
    if kind is None or not (year.isdecimal() and count.isdecimal()):
        yield f"{number}: it is of no series"
        return
    seen = numbers[kind.name, int(year)]
    if seen and int(count) != seen[-1] + 1:
        yield f"{number}: the number before it in its series is {seen[-1]}"
    seen[1:] = [int(count)]  # the first one and the last


def _journal(document: Invoice, row: list[str]) -> Iterator[str]:
    """Compare the journal of documents."""
    names = [name for name, _, _ in folder.INVOICES.columns]
    told = dict(zip(names, row, strict=False))
    sign = document.kind.sign
    if told.get("number") != document.number:
        yield f"{document.number}: {folder.INVOICES.file} has {told.get('number') or 'nothing'} in its place"
        return
    for name, amount in (
        ("net", sign * document.total_net),
        ("vat", sign * document.total_vat),
        ("total", document.owed),
    ):
        if number_of(told[name]) != amount:
            yield f"{document.number}: {name} is {told[name]} in {folder.INVOICES.file} and {amount} in the document"


def _file(path: Path, entry: Entry, found: _Found, *, inside: bool) -> Iterator[str]:
    """Compare an e-invoice or a PDF; those of documents of other times are not in the folder."""
    name = document_file(entry.ref, "xml" if entry.kind == ChainKind.XML else "pdf")
    if (path / name).is_file():
        found.files += 1
        if hash_file(path / name) != entry.sha256:
            yield f"{name} is not what the chain covers"
    elif inside and (path / document_file(entry.ref, "json")).is_file():
        yield f"{name} is missing: the chain has it"


def _payment(entry: Entry, row: list[str]) -> Iterator[str]:
    if not row or row[0] != entry.ref:
        yield f"booking {entry.ref}: {folder.PAYMENTS.file} has {row[0] if row else 'nothing'} in its place"
    elif sha256(row[-1].encode()).hexdigest() != entry.sha256:
        yield f"booking {entry.ref} is not what the chain covers"


def _gaps(numbers: dict[tuple[str, int], list[int]], series: tuple[SeriesSpan, ...]) -> Iterator[str]:
    """Compare the first and last number of each series; gaps between them were told on the way."""
    told = {(one.kind, one.year): (one.first, one.last) for one in series}
    for key in sorted(told.keys() | numbers.keys()):
        seen = numbers.get(key, [])
        ends = (seen[0], seen[-1]) if seen else None
        if ends != told.get(key):
            yield f"numbers of kind {key[0]} in {key[1]}: there are {ends}, and should be {told.get(key)}"


def _manifest(path: Path) -> Manifest:
    try:
        return from_json(Manifest, (path / folder.MANIFEST).read_text("utf-8"))
    except (OSError, UnicodeDecodeError, RecordError) as error:
        raise ReportError(f"{path} is no folder of an export: {folder.MANIFEST}: {error}") from error


@contextmanager
def _table(path: Path) -> Iterator[Any]:  # Any: rows of texts
    """Read a CSV file row by row, without its heading."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file, delimiter=";")
        next(rows, None)
        yield rows


def hash_file(path: Path) -> str:
    """Give the SHA-256 of a file, read bit by bit."""
    digest = sha256()
    with path.open("rb") as file:
        while part := file.read(1 << 20):
            digest.update(part)
    return digest.hexdigest()
