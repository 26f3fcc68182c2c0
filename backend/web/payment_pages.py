"""Pages of payments: open items, a customer's account, files of the bank, batches of debits."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from urllib.parse import quote
from zoneinfo import ZoneInfo

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from backend.api.permissions import check_own, own_operator, visitor_of
from backend.core.payments.open_item import ZERO, Ages, BookingError, OpenItem, ages
from backend.core.payments.return_reasons import reason_words
from backend.core.payments.target_calendar import next_banking_day
from backend.core.people.masking import mask_iban
from backend.errors import BackendError
from backend.services.payment_desk import (
    accept,
    assign,
    dispute,
    ignore,
    rest_mandate,
    statement,
    use_credit,
    write_off,
)
from backend.services.payments import Collected, Imported, collect, import_file, waiting
from backend.store.bank import list_files
from backend.store.debits import (
    batch_debits,
    batch_xml,
    book_batch,
    find_batch,
    list_batches,
    report_uploaded,
    withdraw_batch,
)
from backend.store.mandates import customer_mandates
from backend.store.open_items import credits_by_customer, list_items, undo
from backend.store.scope import Owned
from backend.web.remote import read_form
from backend.web.security import CSRF_FIELD, is_own_form
from backend.web.site import Reader, Site
from backend.web.upload import read_upload
from backend.web.views import parse_id


@dataclass(frozen=True, slots=True)
class Debtor:
    """A customer with something open."""

    id: str
    name: str
    items: tuple[OpenItem, ...]
    ages: Ages


class PaymentPages:
    """The pages of payments. A POST does something and shows the page again, with what went wrong if it did."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def open_items(self, request: Request) -> Response:
        """Show what is open, by customer and age."""
        reader = await self._site.reader(request)
        operator_id = reader.view.operator_id
        items, credit = await self._site.store.read(
            lambda unit: (list_items(unit, operator_id=operator_id), credits_by_customer(unit, operator_id))
        )
        today = _today(reader)
        ids = sorted({item.customer_id for item in items} | credit.keys())
        debtors = []
        for customer_id in ids:
            own = tuple(item for item in items if item.customer_id == customer_id)
            name = own[0].customer if own else customer_id
            debtors.append(Debtor(customer_id, name, own, ages(own, credit.get(customer_id, ZERO), today)))
        values = {
            "debtors": debtors,
            "all": ages(items, sum(credit.values(), ZERO), today),
            "today": today,
            "day": day_writer(reader),
        }
        return self._site.page(request, reader, "payments", values)

    async def account(self, request: Request) -> Response:
        """Show all that was booked for a customer."""
        return await self._account(request)

    async def act_on_account(self, request: Request) -> Response:
        """Undo a booking, write off, use credit, note a dispute, let a mandate rest."""
        form, now = await read_form(request), self._site.clock.utc()
        own = visitor_of(request).view.operator_id

        async def act() -> None:
            number, note = form.get("number", ""), form.get("note", "") or "by_hand"
            match form.get("verb"):
                case "undo":
                    booking = parse_id(form.get("booking", ""))
                    await check_own(request, Owned.BOOKING, str(booking))
                    await self._site.store.write(lambda unit: undo(unit, booking, now.date(), now, note))
                case "write_off":
                    amount = _amount(form.get("amount", ""))
                    await self._site.store.write(
                        lambda unit: write_off(unit, number, amount, now, note, operator_id=own)
                    )
                case "use_credit":
                    amount = _amount(form.get("amount", ""))
                    await self._site.store.write(
                        lambda unit: use_credit(unit, number, amount, now, note, operator_id=own)
                    )
                case "dispute":
                    await self._site.store.write(lambda unit: dispute(unit, number, form.get("note", ""), own))
                case "pause" | "resume" as verb:
                    reason = note if verb == "pause" else ""
                    await self._site.store.write(lambda unit: rest_mandate(unit, form.get("mandate", ""), reason, own))
                case _:
                    raise HTTPException(400)

        return await self._act(request, form.get(CSRF_FIELD, ""), act, self._account)

    async def _account(self, request: Request, problem: str = "", status: int = 200) -> Response:
        reader, customer_id = await self._site.reader(request), request.path_params["id"]
        try:
            lines, mandates, items, credit = await self._site.store.read(
                lambda unit: (
                    statement(unit, customer_id),
                    customer_mandates(unit, customer_id),
                    list_items(unit, customer_id=customer_id),
                    credits_by_customer(unit).get(customer_id, ZERO),
                )
            )
        except BookingError as error:
            raise HTTPException(404) from error
        values = {
            "customer_id": customer_id,
            "lines": lines,
            "mandates": mandates,
            "items": items,
            "credit": credit,
            "problem": problem,
            "today": _today(reader),
            "day": day_writer(reader),
            "mask": mask_iban,
            "reason_words": lambda code: reason_words(code, reader.texts.language),
        }
        return self._site.page(request, reader, "payment_account", values, status)

    async def bank(self, request: Request) -> Response:
        """Show files of the bank, and the entries that a person must look at."""
        return await self._bank(request)

    async def upload(self, request: Request) -> Response:
        """Take in a file of the bank."""
        form = await read_upload(request)
        if not is_own_form(request, form.fields.get(CSRF_FIELD, "")):
            return await self._bank(request, "stale_form", 403)
        if not form.name:
            return await self._bank(request, "no_file", 422)
        now = self._site.clock.utc()
        try:
            done = await import_file(
                self._site.store, visitor_of(request).view.operator_id, form.name, form.content, now=now
            )
        except BackendError as error:
            return await self._bank(request, str(error), 422)
        return await self._bank(request, done=done)

    async def decide(self, request: Request) -> Response:
        """Say what an entry is for: by a proposal, by hand, or that it is none of ours."""
        form, now, entry = await read_form(request), self._site.clock.utc(), parse_id(request.path_params["id"])

        async def act() -> None:
            match form.get("verb"):
                case "accept":
                    rank = int(form.get("rank", "0")) if form.get("rank", "0").isdecimal() else 99
                    await accept(self._site.store, entry, rank, _amount(form.get("left", "")), now)
                case "assign":
                    shares = [(form.get("number", ""), _amount(form.get("amount", "")))]
                    await assign(self._site.store, entry, shares, now)
                case "ignore":
                    await ignore(self._site.store, entry, form.get("note", "") or "by_hand", now)
                case _:
                    raise HTTPException(400)

        return await self._act(request, form.get(CSRF_FIELD, ""), act, self._bank, "/payments/bank")

    async def _bank(
        self, request: Request, problem: str = "", status: int = 200, done: Imported | None = None
    ) -> Response:
        reader = await self._site.reader(request)
        files, entries = await self._site.store.read(
            lambda unit: (list_files(unit, view=reader.view), waiting(unit, reader.now, reader.view))
        )
        values = {
            "files": files,
            "entries": entries,
            "problem": problem,
            "done": done,
            "day": day_writer(reader),
            "mask": mask_iban,
            "reason_words": lambda code: reason_words(code, reader.texts.language),
        }
        return self._site.page(request, reader, "payment_bank", values, status)

    async def batches(self, request: Request) -> Response:
        """Show batches of debits, and ask for the next one."""
        return await self._batches(request)

    async def collect(self, request: Request) -> Response:
        """Make the batches of a day."""
        form, now = await read_form(request), self._site.clock.utc()
        if not is_own_form(request, form.get(CSRF_FIELD, "")):
            return await self._batches(request, "stale_form", 403)
        try:
            day = date.fromisoformat(form.get("on", ""))
            done = await collect(
                self._site.store, own_operator(visitor_of(request), form.get("operator", "")), day, now
            )
        except ValueError:
            return await self._batches(request, "wrong_day", 422)
        except BackendError as error:
            return await self._batches(request, str(error), 422)
        return await self._batches(request, done=done)

    async def _batches(
        self, request: Request, problem: str = "", status: int = 200, done: Collected | None = None
    ) -> Response:
        reader = await self._site.reader(request)
        batches = await self._site.store.read(lambda unit: list_batches(unit, view=reader.view))
        values = {
            "batches": batches,
            "problem": problem,
            "done": done,
            "next_day": next_banking_day(date.fromordinal(_today(reader).toordinal() + 2)),
            "day": day_writer(reader),
        }
        return self._site.page(request, reader, "payment_batches", values, status)

    async def batch(self, request: Request) -> Response:
        """Show a batch with its debits."""
        return await self._batch(request)

    async def act_on_batch(self, request: Request) -> Response:
        """Report a batch as uploaded or collected, or withdraw it."""
        form, now, number = await read_form(request), self._site.clock.utc(), parse_id(request.path_params["id"])

        async def act() -> None:
            store = self._site.store
            match form.get("verb"):
                case "uploaded":
                    await store.write(lambda unit: report_uploaded(unit, number, now))
                case "withdraw":
                    if form.get("sure") != "yes":
                        raise BookingError("not_sure")
                    await store.write(lambda unit: withdraw_batch(unit, number, now))
                case "booked":
                    await store.write(lambda unit: book_batch(unit, number, now.date(), now))
                case _:
                    raise HTTPException(400)

        return await self._act(request, form.get(CSRF_FIELD, ""), act, self._batch)

    async def _batch(self, request: Request, problem: str = "", status: int = 200) -> Response:
        reader, number = await self._site.reader(request), parse_id(request.path_params["id"])
        try:
            batch, debits = await self._site.store.read(
                lambda unit: (find_batch(unit, number), batch_debits(unit, number))
            )
        except BookingError as error:
            raise HTTPException(404) from error
        values = {
            "batch": batch,
            "debits": debits,
            "problem": problem,
            "day": day_writer(reader),
            "reason_words": lambda code: reason_words(code, reader.texts.language),
        }
        return self._site.page(request, reader, "payment_batch", values, status)

    async def batch_file(self, request: Request) -> Response:
        """Give the file of a batch: the same bytes each time."""
        number = parse_id(request.path_params["id"])
        try:
            batch, xml = await self._site.store.read(lambda unit: (find_batch(unit, number), batch_xml(unit, number)))
        except BookingError as error:
            raise HTTPException(404) from error
        name = quote(f"{batch.message_id}.xml", safe="")
        return Response(xml, 200, {"Content-Disposition": f"attachment; filename*=UTF-8''{name}"}, "application/xml")

    async def _act(
        self,
        request: Request,
        token: str,
        act: Callable[[], Awaitable[None]],
        show: Callable[..., Awaitable[Response]],  # with problem and status, or without
        back: str = "",
    ) -> Response:
        if not is_own_form(request, token):
            return await show(request, "stale_form", 403)
        try:
            await act()
        except (BookingError, BackendError) as error:
            return await show(request, str(error), 409)
        root = str(request.scope.get("root_path", "")).rstrip("/")
        return RedirectResponse(f"{root}{back}" if back else request.url.path, 303)


def _today(reader: Reader) -> date:
    return reader.now.astimezone(ZoneInfo(reader.operator.timezone)).date()


def day_writer(reader: Reader) -> Callable[[date], str]:
    """Give what writes a date as the reader's language does; noon is on that day in any zone."""
    return lambda day: reader.formats.day(datetime.combine(day, time(12), UTC))


def _amount(text: str) -> Decimal:
    """Read `77,29` or `77.29`.

    Raises:
        BookingError: it is no amount.
    """
    try:
        amount = Decimal(text.strip().replace(",", "."))
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or amount <= 0:
        raise BookingError("wrong_amount")
    return amount
