"""Write the folder for an auditor: `emops-backend audit export`.

One state of the database is read, while others may write; documents are held in memory one at a time. The index is
written last, and its hash goes into the chain: a folder with an index is whole, and anybody can tell that it is ours.
"""

import csv
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import astuple, dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from string import Template
from typing import IO, Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, text

from backend.core.invoices import audit_folder as folder
from backend.core.invoices.audit_folder import Manifest, SeriesSpan, cell, document_file, manifest_values
from backend.core.invoices.billing_period import midnight
from backend.core.invoices.chain import FIRST, ChainKind
from backend.core.invoices.invoice_model import Invoice, InvoiceLine
from backend.core.record import to_json
from backend.errors import ReportError
from backend.services.audit_check import hash_file
from backend.store import audit_rows as rows
from backend.store.audit_rows import Issue, Span
from backend.store.chain import append_digest
from backend.store.open_items import StoredBooking, booking_content, read_bookings
from backend.store.writer import Store

_TEXTS = Path(__file__).parents[1] / "documents" / "audit"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is exported: of which operator, and from which local day to which."""

    operator_id: str
    first: date
    last: date


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written. `index` is the SHA-256 of the index, which the chain has."""

    documents: int
    files: int
    head: str
    index: str
    unrendered: int


async def export(store: Store, wanted: Wanted, target: Path, now: datetime, progress: Progress) -> Exported:
    """Write the folder, and chain its index.

    Args:
        store: whose data.
        wanted: the span.
        target: a folder that is empty or does not exist yet.
        now: world time.
        progress: is told how many documents are written and how many there are.

    Raises:
        ReportError: the span or the folder can't be used, or a document can't be read.
    """
    if wanted.last < wanted.first:
        raise ReportError(f"--to {wanted.last} is before --from {wanted.first}")
    try:
        done = await store.read(lambda connection: _write(connection, wanted, target, now, progress))
    except OSError as error:
        raise ReportError(f"can't write {error.filename or target}: {error.strerror}") from error
    ref = f"{wanted.first}..{wanted.last}"
    await store.write(lambda unit: append_digest(unit, wanted.operator_id, ChainKind.EXPORT, ref, done.index, now))
    return done


@dataclass(slots=True)
class _Folder:
    """The folder that is written, and its index so far: 100 bytes a file, on disk."""

    path: Path
    index: Any  # a csv writer
    files: int = 0
    _made: set[str] = field(default_factory=set)

    def add(self, name: str, content: bytes) -> None:
        place = self.path / name
        if place.parent.name not in self._made:
            place.parent.mkdir(mode=0o700, exist_ok=True)
            self._made.add(place.parent.name)
        place.write_bytes(content)
        self._list(name, len(content), sha256(content).hexdigest())

    def list_written(self, name: str) -> None:
        """List a file that was written bit by bit."""
        place = self.path / name
        self._list(name, place.stat().st_size, hash_file(place))

    def _list(self, name: str, size: int, digest: str) -> None:
        self.index.writerow((name, size, digest))
        self.files += 1


def _write(connection: Connection, wanted: Wanted, target: Path, now: datetime, progress: Progress) -> Exported:
    operator = rows.read_operator(connection, wanted.operator_id)
    zone = ZoneInfo(operator.timezone)
    start, end = midnight(wanted.first, zone), midnight(wanted.last + timedelta(days=1), zone)
    span = Span(wanted.operator_id, start.astimezone(UTC), end.astimezone(UTC))
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(target.iterdir()):
        raise ReportError(f"{target} is not empty: name a new folder")
    unfinished = target / f"{folder.INDEX}.part"
    with ExitStack() as stack:
        out = _Folder(target, _writer(stack, unfinished, folder.INDEX_COLUMNS))
        (target / "journal").mkdir(mode=0o700)
        with ExitStack() as journals:
            series, documents, unrendered = _write_documents(connection, span, out, journals, progress)
            sessions = _writer(journals, target / folder.SESSIONS.file, _names(folder.SESSIONS))
            _write_rows(sessions, rows.read_sessions(connection, span))
            payments = _writer(journals, target / folder.PAYMENTS.file, _names(folder.PAYMENTS))
            _write_rows(payments, map(_payment, read_bookings(connection, span.operator_id, span.start, span.end)))
            first, last = rows.entry_range(connection, span)
            before, head = _write_chain(connection, span.operator_id, (first, last), journals, target)
        for name in (*(journal.file for journal in folder.JOURNALS), folder.CHAIN):
            out.list_written(name)
        manifest = Manifest(
            operator_id=span.operator_id,
            operator=operator.name,
            place=operator.place,
            first=wanted.first,
            last=wanted.last,
            timezone=operator.timezone,
            start_ms=_ms(span.start),
            end_ms=_ms(span.end),
            made_at=now.astimezone(UTC),
            program=f"emops {version('emops')}",
            schema=str(connection.scalar(text("SELECT version_num FROM alembic_version"))),
            documents=documents,
            entries=last - first + 1,
            first_seq=first,
            last_seq=max(last, 0),
            before=before,
            head=head,
            link_before=rows.last_link(connection, span.operator_id, first),
            series=series,
        )
        _write_texts(out, manifest)
    unfinished.rename(target / folder.INDEX)
    return Exported(documents, out.files + 1, head, hash_file(target / folder.INDEX), unrendered)


def _write_documents(
    connection: Connection, span: Span, out: _Folder, stack: ExitStack, progress: Progress
) -> tuple[tuple[SeriesSpan, ...], int, int]:
    """Write documents with their files; give their series, how many there are, and how many have no PDF yet."""
    invoices = _writer(stack, out.path / folder.INVOICES.file, _names(folder.INVOICES))
    lines = _writer(stack, out.path / folder.LINES.file, _names(folder.LINES))
    series: dict[tuple[str, int], SeriesSpan] = {}
    count, done, unrendered = rows.count_issues(connection, span), 0, 0
    for issue in rows.read_issues(connection, span):
        number = issue.document.number
        out.add(document_file(number, "json"), issue.content)
        if issue.xml is not None:
            out.add(document_file(number, "xml"), issue.xml)
        if issue.pdf is not None:
            out.add(document_file(number, "pdf"), issue.pdf)
        unrendered += issue.pdf is None
        _write_rows(invoices, [_invoice(issue)])
        _write_rows(lines, _lines(issue.document))
        _count(series, issue.document)
        done += 1
        progress(done, count)
    return tuple(series[key] for key in sorted(series)), done, unrendered


def _count(series: dict[tuple[str, int], SeriesSpan], document: Invoice) -> None:
    *_, year, count = document.number.split("-")
    key, drawn = (document.kind.name, int(year)), int(count)
    known = series.get(key, SeriesSpan(*key, drawn, drawn))
    series[key] = replace(known, first=min(known.first, drawn), last=max(known.last, drawn))


def _write_chain(
    connection: Connection, operator_id: str, seqs: tuple[int, int], stack: ExitStack, target: Path
) -> tuple[str, str]:
    """Write the chain and give the hash before its first entry, and that of its last."""
    out, before, head = _writer(stack, target / folder.CHAIN, folder.CHAIN_COLUMNS), FIRST, FIRST
    for entry in rows.read_entries(connection, operator_id, *seqs):
        before = entry.previous if entry.seq == seqs[0] else before
        head = entry.hash
        out.writerow(astuple(entry))
    return before, head


def _write_texts(out: _Folder, manifest: Manifest) -> None:
    out.add(folder.MANIFEST, to_json(manifest).encode())
    out.add("index.xml", folder.describe(manifest))
    values = manifest_values(manifest)
    for path in sorted(_TEXTS.glob("*.md")):
        out.add(path.name, Template(path.read_text("utf-8")).substitute(values).encode())


def _writer(stack: ExitStack, path: Path, heading: Iterable[str]) -> Any:  # Any: what csv.writer gives
    file: IO[str] = stack.enter_context(path.open("w", encoding="utf-8", newline=""))
    path.chmod(0o600)
    writer = csv.writer(file, delimiter=";", lineterminator="\r\n")
    writer.writerow(heading)
    return writer


def _names(journal: folder.Journal) -> Iterator[str]:
    return (name for name, _, _ in journal.columns)


def _write_rows(writer: Any, records: Iterable[Iterable[object]]) -> None:
    for record in records:
        writer.writerow([cell(value) for value in record])


def _invoice(issue: Issue) -> tuple[object, ...]:
    document = issue.document
    sign = document.kind.sign
    return (
        document.number,
        document.kind.name,
        document.type_code,
        document.issued_on,
        issue.issued_at,
        issue.customer_id,
        document.buyer.name,
        document.buyer.vat_id,
        document.period_start,
        document.period_end,
        document.currency,
        sign * document.total_net,
        sign * document.total_vat,
        sign * document.rounding,
        document.owed,
        document.prepaid,
        document.due_on,
        " ".join(one.number for one in document.preceding),
        document.reason,
        issue.cancelled_by,
    )


def _lines(document: Invoice) -> Iterator[tuple[object, ...]]:
    for number, line in enumerate(document.lines, 1):
        yield (document.number, number, *_line(line, document))


def _line(line: InvoiceLine, document: Invoice) -> tuple[object, ...]:
    about = document.fees[line.fee or 0] if line.session is None else document.sessions[line.session]
    return (
        line.item.value,
        line.text,
        None if line.session is None else document.sessions[line.session].transaction_id,
        line.start,
        line.end,
        line.quantity,
        line.unit,
        line.unit_price,
        line.vat,
        line.net,
        line.gross,
        f"{about.tariff_id}@{about.tariff_version}",
    )


def _payment(one: StoredBooking) -> tuple[object, ...]:
    told = (one.id, one.booked_on, one.at, one.customer_id, one.number, one.kind, one.amount, one.currency, one.undoes)
    return (*told, booking_content(one).decode())


def _ms(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(milliseconds=1)
