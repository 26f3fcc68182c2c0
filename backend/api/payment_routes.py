"""Routes of payments: open items, batches of debits, files of the bank. Money as text; accounts are masked."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, Body, Query
from starlette.exceptions import HTTPException
from starlette.responses import Response

from backend.api.permissions import Who, needs, own_operator
from backend.api.problems import problem
from backend.core.payments.open_item import BookingError
from backend.core.people.access import Permission
from backend.core.people.masking import mask_iban
from backend.errors import BackendError
from backend.services.payment_desk import assign, ignore
from backend.services.payments import Waiting, collect, import_file, waiting
from backend.store.debits import batch_xml, list_batches, report_uploaded, withdraw_batch
from backend.store.open_items import list_items
from backend.store.scope import Owned
from backend.store.writer import Store
from shared.clock import Clock


@dataclass(frozen=True, slots=True)
class OpenItemOut:
    """A document with what is open of it; negative of a credit note. `mandate` is what its debit was announced by."""

    number: str
    customer: str
    due_on: date
    amount: Decimal
    open: Decimal
    currency: str
    state: str
    days_overdue: int
    debited: bool
    mandate: str
    disputed: str


@dataclass(frozen=True, slots=True)
class BatchOut:
    """A batch of debits: `state` is ready, uploaded or withdrawn; `open` debits are on their way."""

    id: int
    scheme: str
    collect_on: date
    message_id: str
    state: str
    count: int
    total: Decimal
    open: int
    returned: int


@dataclass(frozen=True, slots=True)
class SkippedOut:
    """A document that is due to be debited and was not, with the reason."""

    number: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class CollectIn:
    """Collect what was announced until `collect_on`, a TARGET banking day; `again`: documents to be tried again."""

    collect_on: date
    operator: str = ""
    again: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CollectedOut:
    """The numbers of the batches that were made."""

    batches: tuple[int, ...]
    skipped: tuple[SkippedOut, ...]


@dataclass(frozen=True, slots=True)
class ImportedOut:
    """What a file of the bank brought."""

    entries: int
    new: int
    booked: int
    returned: int
    refunded: int
    waiting: int


@dataclass(frozen=True, slots=True)
class EntryOut:
    """A bank entry that a person must look at. `proposals` are the best first: score, reason, shares by document."""

    id: int
    booked_on: date
    left: Decimal
    currency: str
    name: str
    iban: str
    purpose: str
    hint: str
    proposals: tuple[tuple[int, str, dict[str, Decimal]], ...]


@dataclass(frozen=True, slots=True)
class BookIn:
    """What an entry is for: shares by the number of a document or the id of a customer; or why it is ignored."""

    shares: dict[str, Decimal] | None = None
    ignore: str = ""


@dataclass(frozen=True, slots=True)
class DoneOut:
    """It was done."""

    done: bool = True


def make_payment_routes(store: Store, clock: Clock) -> APIRouter:
    """Build the routes of payments under /api/v1."""
    router = APIRouter(prefix="/api/v1", tags=["payments"])
    _add_batches(router, store, clock)
    _add_bank(router, store, clock)

    @router.get("/open-items", dependencies=[needs(Permission.SEE_PAYMENTS)])
    async def open_items(
        who: Who,
        customer: Annotated[str, Query(description="only of this customer")] = "",
        all: Annotated[bool, Query(description="those that are settled too")] = False,  # noqa: A002  in the address
    ) -> list[OpenItemOut]:
        """List what customers owe by document, the one due first first."""
        items = await store.read(
            lambda unit: list_items(unit, operator_id=who.view.operator_id, customer_id=customer, only_open=not all)
        )
        today = clock.utc().date()
        return [
            OpenItemOut(
                number=item.number,
                customer=item.customer_id,
                due_on=item.due_on,
                amount=item.amount,
                open=item.open,
                currency=item.currency,
                state=item.state(today).value,
                days_overdue=item.days_overdue(today),
                debited=item.debited,
                mandate=item.mandate,
                disputed=item.disputed,
            )
            for item in items
        ]

    return router


def _add_batches(router: APIRouter, store: Store, clock: Clock) -> None:
    @router.get("/debit-batches", dependencies=[needs(Permission.SEE_PAYMENTS)])
    async def batches(who: Who) -> list[BatchOut]:
        """List batches of direct debits, the newest first."""
        rows = await store.read(lambda unit: list_batches(unit, view=who.view))
        return [BatchOut(**{name: getattr(row, name) for name in BatchOut.__dataclass_fields__}) for row in rows]

    @router.post("/debit-batches", response_model=CollectedOut, dependencies=[needs(Permission.BOOK_PAYMENTS)])
    async def make(wanted: CollectIn, who: Who) -> CollectedOut | Response:
        """Make the batches of all that was announced to be collected; again makes none."""
        try:
            done = await collect(
                store, own_operator(who, wanted.operator), wanted.collect_on, clock.utc(), wanted.again
            )
        except BackendError as error:
            return problem(422, str(error))
        skipped = tuple(SkippedOut(one.number, one.reason, one.detail) for one in done.skipped)
        return CollectedOut(tuple(one.id for one in done.batches), skipped)

    @router.get(
        "/debit-batches/{number}/file",
        response_class=Response,
        dependencies=[needs(Permission.SEE_PAYMENTS, Owned.DEBIT_BATCH)],
    )
    async def file(number: int) -> Response:
        """Give the pain.008 file of a batch: the same bytes each time."""
        try:
            return Response(await store.read(lambda unit: batch_xml(unit, number)), 200, None, "application/xml")
        except BookingError as error:
            raise HTTPException(404) from error

    @router.post(
        "/debit-batches/{number}/uploaded",
        response_model=DoneOut,
        dependencies=[needs(Permission.BOOK_PAYMENTS, Owned.DEBIT_BATCH)],
    )
    async def uploaded(number: int) -> DoneOut | Response:
        """Report that the bank has the file."""
        try:
            await store.write(lambda unit: report_uploaded(unit, number, clock.utc()))
        except BookingError as error:
            return problem(409, str(error))
        return DoneOut()

    @router.post(
        "/debit-batches/{number}/withdraw",
        response_model=DoneOut,
        dependencies=[needs(Permission.BOOK_PAYMENTS, Owned.DEBIT_BATCH)],
    )
    async def withdraw(number: int) -> DoneOut | Response:
        """Take a batch back that no bank has."""
        try:
            await store.write(lambda unit: withdraw_batch(unit, number, clock.utc()))
        except BookingError as error:
            return problem(409, str(error))
        return DoneOut()


def _add_bank(router: APIRouter, store: Store, clock: Clock) -> None:
    @router.post("/bank-files", response_model=ImportedOut, dependencies=[needs(Permission.BOOK_PAYMENTS)])
    async def take_in(
        who: Who,
        content: Annotated[bytes, Body(media_type="application/octet-stream")],
        name: Annotated[str, Query(description="of the file")] = "upload",
        operator: Annotated[str, Query(description="whose account, where the file does not tell")] = "",
    ) -> ImportedOut | Response:
        """Take in camt or CSV and book what is sure; the same file again books nothing twice."""
        try:
            done = await import_file(store, own_operator(who, operator), name, content, now=clock.utc())
        except BackendError as error:
            return problem(422, str(error))
        m = done.matched
        return ImportedOut(done.entries, done.new, m.booked, m.returned, m.refunded, m.waiting)

    @router.get("/bank-entries", dependencies=[needs(Permission.SEE_PAYMENTS)])
    async def entries(who: Who) -> list[EntryOut]:
        """List bank entries that a person must look at, with proposals."""
        return [_entry(one) for one in await store.read(lambda unit: waiting(unit, clock.utc(), who.view))]

    @router.post(
        "/bank-entries/{number}",
        response_model=DoneOut,
        dependencies=[needs(Permission.BOOK_PAYMENTS, Owned.BANK_ENTRY)],
    )
    async def book(number: int, wanted: BookIn) -> DoneOut | Response:
        """Say what a bank entry is for, or why it is no customer's payment."""
        if bool(wanted.shares) is bool(wanted.ignore):
            return problem(422, "give either shares or why it is ignored")
        try:
            if wanted.ignore:
                await ignore(store, number, wanted.ignore, clock.utc())
            else:
                await assign(store, number, tuple((wanted.shares or {}).items()), clock.utc())
        except BookingError as error:
            return problem(409, str(error))
        return DoneOut()


def _entry(one: Waiting) -> EntryOut:
    entry = one.stored.entry
    return EntryOut(
        id=one.stored.id,
        booked_on=entry.booked_on,
        left=one.stored.left,
        currency=entry.currency,
        name=entry.name,
        iban=mask_iban(entry.iban),
        purpose=entry.purpose,
        hint=one.hint,
        proposals=tuple(
            (each.score, each.reason, {part.number or part.customer_id: part.amount for part in each.parts})
            for each in one.proposals
        ),
    )
