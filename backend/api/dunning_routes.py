"""Routes of dunning: what would be asked for, sending it, letters, suspensions, customers who are left alone."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Body
from starlette.exceptions import HTTPException
from starlette.responses import Response

from backend.api.permissions import Who, needs, own_operator
from backend.api.problems import problem
from backend.core.people.access import Permission, Visitor
from backend.errors import BackendError, DunningError
from backend.jobs.dun import Prepared, dun, open_paper, prepare
from backend.services.payments import the_operator
from backend.store.dunning import letter_pdf, list_letters
from backend.store.scope import Owned
from backend.store.suspensions import lift, list_suspensions, resume_dunning, stop_dunning
from backend.store.writer import Store
from shared.clock import Clock


@dataclass(frozen=True, slots=True)
class LeftOutOut:
    """A document (empty: all of them) that is not asked for, and why: a word and its detail."""

    number: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class DemandOut:
    """What dunning would do about a customer now. Without a letter `level` is 0 and `total` null."""

    customer_id: str
    customer: str
    currency: str
    level: int
    total: Decimal | None
    documents: list[str]
    costs: dict[str, Decimal]
    suspend_on: date | None
    left_out: list[LeftOutOut]


@dataclass(frozen=True, slots=True)
class DunningLetterOut:
    """A letter that was sent; its paper is at /api/v1/dunning/letters/{id}/pdf."""

    id: int
    number: str
    customer_id: str
    day: date
    level: int
    total: Decimal
    suspend_on: date | None


@dataclass(frozen=True, slots=True)
class SuspensionOut:
    """A customer whose cards are suspended, or will be on `suspend_on` if `active` is false."""

    customer_id: str
    number: str
    suspend_on: date
    active: bool


@dataclass(frozen=True, slots=True)
class StopIn:
    """Let dunning rest: `reason` is insolvency, plan, inquiry or other; without `until` for good."""

    reason: str
    note: str = ""
    until: date | None = None


def _out(one: Prepared) -> DemandOut:
    demand = one.letter.demand if one.letter else None
    return DemandOut(
        customer_id=one.case.customer_id,
        customer=one.case.customer,
        currency=one.case.currency,
        level=demand.level if demand else 0,
        total=demand.total if demand else None,
        documents=[item.number for item in demand.items] if demand else [],
        costs={kind.value: amount for kind, amount in demand.costs} if demand else {},
        suspend_on=demand.suspend_on if demand else None,
        left_out=[LeftOutOut(held.number, held.reason, held.detail) for held in one.held],
    )


def make_dunning_routes(store: Store, clock: Clock, looks: Path | None) -> APIRouter:
    """Build the routes under /api/v1/dunning."""
    router = APIRouter(prefix="/api/v1/dunning", tags=["payments"])

    async def the_one(operator: str, who: Visitor) -> str:
        named = own_operator(who, operator)
        try:
            return (await store.read(lambda unit: the_operator(unit, named)))[0]
        except BackendError as error:
            raise HTTPException(422, str(error)) from error

    @router.get("", dependencies=[needs(Permission.SEE_PAYMENTS)])
    async def preview(who: Who, operator: str = "", customer: str = "") -> list[DemandOut]:
        """Tell what would be asked for now, of all customers or one, and what is left out and why."""
        work = partial(prepare, operator_id=await the_one(operator, who), now=clock.utc(), customer_id=customer)
        return [_out(one) for one in await store.read(work)]

    @router.post("", dependencies=[needs(Permission.BOOK_PAYMENTS)])
    async def send(who: Who, operator: str = "", customer: str = "") -> list[str]:
        """Send the letters that are due, to all customers or one, and give their numbers. Again, it sends nothing."""
        only = (customer,) if customer else ()
        async with open_paper(looks) as paper:
            done = await dun(store, await the_one(operator, who), clock.utc(), paper=paper, customer_ids=only)
        return [letter.number for letter in done.letters]

    @router.get("/letters", dependencies=[needs(Permission.SEE_PAYMENTS)])
    async def letters(who: Who, customer: str = "") -> list[DunningLetterOut]:
        """List the letters sent, the newest first."""
        found = await store.read(partial(list_letters, customer_id=customer, view=who.view))
        return [
            DunningLetterOut(one.id, one.number, one.customer_id, one.day, one.level, one.total, one.suspend_on)
            for one in found
        ]

    @router.get(
        "/letters/{letter_id}/pdf",
        response_class=Response,
        dependencies=[needs(Permission.SEE_PAYMENTS, Owned.DUNNING)],
    )
    async def paper(letter_id: int) -> Response:
        """Give the paper of a letter, PDF."""
        found = await store.read(partial(letter_pdf, dunning_id=letter_id))
        return Response(found[1], media_type="application/pdf") if found else problem(404)

    @router.get("/suspensions", dependencies=[needs(Permission.SEE_PAYMENTS)])
    async def suspensions(who: Who) -> list[SuspensionOut]:
        """List customers whose cards are suspended, or to whom that was announced."""
        found = await store.read(partial(list_suspensions, view=who.view))
        return [SuspensionOut(one.customer_id, one.number, one.suspend_on, one.since is not None) for one in found]

    @router.post(
        "/customers/{customer}/lift", status_code=204, dependencies=[needs(Permission.BOOK_PAYMENTS, Owned.CUSTOMER)]
    )
    async def lift_suspension(customer: str, reason: Annotated[str, Body(embed=True)]) -> None:
        """Free a customer's cards, or call an announced suspension off."""
        await _change(partial(lift, customer_id=customer, why=reason, now=clock.utc()))

    @router.post(
        "/customers/{customer}/stop", status_code=204, dependencies=[needs(Permission.BOOK_PAYMENTS, Owned.CUSTOMER)]
    )
    async def stop(customer: str, wanted: StopIn) -> None:
        """Let a customer's dunning rest."""
        now = clock.utc()
        work = partial(stop_dunning, customer_id=customer, reason=wanted.reason, note=wanted.note)
        await _change(partial(work, until=wanted.until, now=now))

    @router.post(
        "/customers/{customer}/resume", status_code=204, dependencies=[needs(Permission.BOOK_PAYMENTS, Owned.CUSTOMER)]
    )
    async def resume(customer: str) -> None:
        """Dun a customer again."""
        await _change(partial(resume_dunning, customer_id=customer))

    async def _change(work: "partial[None]") -> None:
        try:
            await store.write(work)
        except DunningError as error:
            raise HTTPException(409, str(error)) from error

    return router
