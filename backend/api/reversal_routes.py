"""Routes that take back what a document charged: its Storno, and credit notes by line."""

from dataclasses import dataclass
from decimal import Decimal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from backend.api.permissions import Who, needs, own_operator
from backend.api.problems import problem
from backend.core.invoices.invoice_model import Invoice
from backend.core.people.access import Permission
from backend.errors import InvoiceError
from backend.store.reversals import ByHand, cancel, credit
from backend.store.scope import Owned
from backend.store.writer import Store
from shared.clock import Clock


class CancelIn(BaseModel):
    """Why a document is cancelled; `operator` is needed where several have such a number."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(min_length=1, max_length=200)
    operator: str = ""


class CreditLineIn(BaseModel):
    """A line of the invoice, counted from 1, and what of it is given back in its prices: text such as "4.99"."""

    model_config = ConfigDict(extra="forbid")

    line: int = Field(ge=1)
    amount: Decimal = Field(gt=0, decimal_places=2, max_digits=12)


class CreditIn(CancelIn):
    """What is given back and why. `after`: how many credit notes there were; asked twice, it credits once."""

    lines: list[CreditLineIn] = Field(min_length=1, max_length=1000)
    after: int | None = None


@dataclass(frozen=True, slots=True)
class ReversedOut:
    """The document that was issued. `total` is what the customer owes by it: negative, what it gets back."""

    number: str
    type_code: str
    total: str
    currency: str


def make_reversal_routes(store: Store, clock: Clock) -> APIRouter:
    """Build the routes under /api/v1."""
    router = APIRouter(prefix="/api/v1", tags=["invoices"])
    issues = needs(Permission.ISSUE_INVOICES, Owned.INVOICE)

    @router.post("/invoices/{number:path}/cancel", status_code=201, response_model=ReversedOut, dependencies=[issues])
    async def cancel_invoice(number: str, wanted: CancelIn, who: Who) -> ReversedOut | Response:
        """Issue the Storno of a document. What it charged is billed again by the next run."""
        by_hand, now = ByHand(number, wanted.reason, own_operator(who, wanted.operator)), clock.utc()
        try:
            return _out(await store.write(lambda unit: cancel(unit, by_hand, now)))
        except InvoiceError as error:
            return problem(409, str(error))

    @router.post("/invoices/{number:path}/credit", status_code=201, response_model=ReversedOut, dependencies=[issues])
    async def credit_invoice(number: str, wanted: CreditIn, who: Who) -> ReversedOut | Response:
        """Issue a credit note of a part of an invoice."""
        by_hand, now = ByHand(number, wanted.reason, own_operator(who, wanted.operator)), clock.utc()
        amounts = {one.line: one.amount for one in wanted.lines}
        if len(amounts) < len(wanted.lines):
            return problem(422, "name each line once")
        try:
            return _out(await store.write(lambda unit: credit(unit, by_hand, amounts, now, wanted.after)))
        except InvoiceError as error:
            return problem(409, str(error))

    return router


def _out(document: Invoice) -> ReversedOut:
    return ReversedOut(document.number, document.type_code, str(document.owed), document.currency)
