"""Pages that take back what a document charged: its Storno, and credit notes by line. Both are asked twice."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from backend.api.permissions import visitor_of
from backend.core.invoices.invoice_model import Invoice
from backend.errors import InvoiceError
from backend.store.overview import InvoiceSummary, find_invoice
from backend.store.reversals import ByHand, Standing, cancel, credit, read_standing
from backend.web.remote import read_fields
from backend.web.security import CSRF_FIELD, is_own_form
from backend.web.site import Site
from backend.web.views import read_record

_LONGEST_FORM = 1 << 17
_MOST_FIELDS = 5000
_AMOUNT = "amount-"


@dataclass(frozen=True, slots=True)
class _Seen:
    """A document, and what became of it."""

    row: InvoiceSummary
    document: Invoice | None
    standing: Standing


class ReversalPages:
    """The pages of Storno and credit notes by hand."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def ask_cancel(self, request: Request) -> Response:
        """Ask whether to cancel a document, and why."""
        return await self._cancel_page(request, await self._find(request))

    async def cancel(self, request: Request) -> Response:
        """Cancel a document, and show the Storno."""
        seen, form = await self._find(request), await _form(request)
        reason = form.get("reason", "").strip()
        if not is_own_form(request, form.get(CSRF_FIELD, "")):
            return await self._cancel_page(request, seen, reason, "stale_form", 403)
        wanted, now = ByHand(seen.row.number, reason, seen.standing.operator_id), self._site.clock.utc()
        try:
            done = await self._site.store.write(lambda unit: cancel(unit, wanted, now))
        except InvoiceError as error:
            return await self._cancel_page(request, seen, reason, "", 409, str(error))
        return _show(request, done)

    async def ask_credit(self, request: Request) -> Response:
        """Ask which amounts of which lines are given back."""
        return await self._credit_page(request, await self._find(request), {})

    async def credit(self, request: Request) -> Response:
        """Show what would be given back, and with `sure` issue the credit note."""
        seen, form = await self._find(request), await _form(request)
        if not is_own_form(request, form.get(CSRF_FIELD, "")):
            return await self._credit_page(request, seen, form, "stale_form", 403)
        try:
            amounts = _amounts(form)
            if form.get("sure") != "yes":
                return await self._credit_page(request, seen, form, amounts=amounts)
            wanted = ByHand(seen.row.number, form.get("reason", "").strip(), seen.standing.operator_id)
            now, after = self._site.clock.utc(), int(form.get("after", "-1"))
            done = await self._site.store.write(lambda unit: credit(unit, wanted, amounts, now, after))
        except (InvoiceError, ValueError) as error:
            return await self._credit_page(request, seen, form, "", 409, str(error))
        return _show(request, done)

    async def _find(self, request: Request) -> _Seen:
        number, view = request.path_params["number"], visitor_of(request).view
        detail = await self._site.store.read(lambda unit: find_invoice(unit, number, view))
        if detail is None:
            raise HTTPException(404)
        document = read_record(Invoice, detail.body)
        standing = await self._site.store.read(lambda unit: read_standing(unit, detail.summary.id, document))
        return _Seen(detail.summary, document, standing)

    async def _cancel_page(  # noqa: PLR0917  what the page shows, one by one
        self, request: Request, seen: _Seen, reason: str = "", problem: str = "", status: int = 200, why: str = ""
    ) -> Response:
        reader = await self._site.reader(request)
        values = {"row": seen.row, "standing": seen.standing, "reason": reason, "problem": problem, "why": why}
        return self._site.page(request, reader, "invoice_cancel", values, status)

    async def _credit_page(  # noqa: PLR0917  as above
        self,
        request: Request,
        seen: _Seen,
        form: Mapping[str, str],
        problem: str = "",
        status: int = 200,
        why: str = "",
        amounts: Mapping[int, Decimal] | None = None,
    ) -> Response:
        reader = await self._site.reader(request)
        lines = seen.document.lines if seen.document else ()
        values = {
            "row": seen.row,
            "standing": seen.standing,
            "lines": [(i, lines[i - 1], left, form.get(f"{_AMOUNT}{i}", "")) for i, left in seen.standing.left.items()],
            "sure": amounts,
            "total": sum((amounts or {}).values(), Decimal(0)),
            "reason": form.get("reason", ""),
            "problem": problem,
            "why": why,
        }
        return self._site.page(request, reader, "invoice_credit", values, status)


async def _form(request: Request) -> dict[str, str]:
    fields = await read_fields(request, _LONGEST_FORM, _MOST_FIELDS)
    # Forms come as UTF-8, see read_fields.
    return {name: values[0] for name, values in fields.items()}


def _amounts(form: Mapping[str, str]) -> dict[int, Decimal]:
    """Read the amounts of a form, written with a comma or a point.

    Raises:
        InvoiceError: there is none, one is no amount, or the reason is missing.
    """
    found = {}
    for name, text in form.items():
        if name.startswith(_AMOUNT) and text.strip():
            line = name.removeprefix(_AMOUNT)
            try:
                found[int(line)] = Decimal(text.strip().replace(",", "."))
            except (ValueError, InvalidOperation) as error:
                raise InvoiceError(f"line {line}: {text} is no amount in cents above 0") from error
    if not found:
        raise InvoiceError("name the lines and amounts that are given back")
    if not form.get("reason", "").strip():
        raise InvoiceError("give the reason: it stands on the document")
    return found


def _show(request: Request, document: Invoice) -> Response:
    root: str = request.scope.get("root_path", "").rstrip("/")
    return RedirectResponse(f"{root}/invoices/{quote(document.number, safe='')}", 303)
