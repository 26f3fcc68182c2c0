"""Pages of dunning: what would be asked for, letters sent, suspended cards, customers who are left alone."""

from collections.abc import Sequence
from datetime import date, datetime
from functools import partial
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from backend.api.permissions import check_own, visitor_of
from backend.core.payments.open_item import BookingError
from backend.core.people.access import View
from backend.errors import BackendError
from backend.jobs.dun import Prepared, dun, open_paper, prepare
from backend.services.entry_checks import day_of
from backend.store.dunning import letter_pdf, list_letters
from backend.store.scope import Owned, of_operator
from backend.store.suspensions import (
    STOPS,
    lift,
    list_stops,
    list_suspensions,
    resume_dunning,
    stop_dunning,
)
from backend.store.tables import operator
from backend.web.payment_pages import day_writer
from backend.web.remote import read_form
from backend.web.security import CSRF_FIELD, is_own_form
from backend.web.site import Site
from backend.web.views import parse_id


class DunningPages:
    """The pages of dunning. A POST does something and shows the page again, with what went wrong if it did."""

    def __init__(self, site: Site, looks: Path | None) -> None:
        self._site, self._looks = site, looks

    async def show(self, request: Request) -> Response:
        """Show what would be asked for, letters, suspensions and stops."""
        return await self._show(request)

    async def act(self, request: Request) -> Response:
        """Send letters, lift a suspension, stop or resume dunning."""
        form, now = await read_form(request), self._site.clock.utc()
        if not is_own_form(request, form.get(CSRF_FIELD, "")):
            return await self._show(request, "stale_form", 403)
        try:
            match form.get("verb"):
                case "send" if form.get("sure"):
                    await self._send(request, [form["customer"]] if form.get("customer") else [], now)
                case "send":
                    return await self._show(request, "not_sure", 409)
                case _:
                    await check_own(request, Owned.CUSTOMER, form.get("customer", ""))
                    await self._change(form, now)
        except (BookingError, BackendError) as error:
            return await self._show(request, str(error), 409)
        return RedirectResponse(request.url.path, 303)

    async def pdf(self, request: Request) -> Response:
        """Give the paper of a letter that was sent."""
        number = parse_id(request.path_params["id"])
        found = await self._site.store.read(partial(letter_pdf, dunning_id=number))
        if found is None:
            raise HTTPException(404)
        return _paper(*found)

    async def preview(self, request: Request) -> Response:
        """Give the paper of a letter that would be sent now."""
        now, who = self._site.clock.utc(), request.path_params["id"]
        letter = next(
            (one.letter for one in await self._prepared(visitor_of(request).view, now, who) if one.letter), None
        )
        if letter is None:
            raise HTTPException(404)
        async with open_paper(self._looks) as paper:
            return _paper(letter.number, await paper(letter))

    async def _send(self, request: Request, customers: Sequence[str], now: datetime) -> None:
        async with open_paper(self._looks) as paper:
            for operator_id in await self._operators(visitor_of(request).view):
                await dun(self._site.store, operator_id, now, paper=paper, customer_ids=customers)

    async def _change(self, form: dict[str, str], now: datetime) -> None:
        store, customer, note = self._site.store, form.get("customer", ""), form.get("note", "")
        match form.get("verb"):
            case "lift":
                await store.write(partial(lift, customer_id=customer, why=note, now=now))
            case "stop":
                until: date | None = day_of(form["until"], "until") if form.get("until") else None
                reason = form.get("reason", "")
                work = partial(stop_dunning, customer_id=customer, reason=reason, note=note, until=until, now=now)
                await store.write(work)
            case "resume":
                await store.write(partial(resume_dunning, customer_id=customer))
            case _:
                raise HTTPException(400)

    async def _operators(self, view: View) -> list[str]:
        query = operator.select().with_only_columns(operator.c.id).order_by(operator.c.id)
        query = query.where(of_operator(view, operator.c.id))
        return await self._site.store.read(lambda unit: list(unit.scalars(query)))

    async def _prepared(self, view: View, now: datetime, customer_id: str = "") -> list[Prepared]:
        found: list[Prepared] = []
        for one in await self._operators(view):
            work = partial(prepare, operator_id=one, now=now, customer_id=customer_id)
            found += await self._site.store.read(work)
        return found

    async def _show(self, request: Request, problem: str = "", status: int = 200) -> Response:
        reader = await self._site.reader(request)
        prepared = await self._prepared(reader.view, reader.now)
        letters, suspended, stops = await self._site.store.read(
            lambda unit: (
                list_letters(unit, view=reader.view),
                list_suspensions(unit, reader.view),
                list_stops(unit, reader.view),
            )
        )
        values = {
            "ready": [one.letter for one in prepared if one.letter],
            "held": [(one.case, held) for one in prepared for held in one.held],
            "letters": letters,
            "suspended": suspended,
            "stops": stops,
            "reasons": STOPS,
            "problem": problem,
            "day": day_writer(reader),
        }
        return self._site.page(request, reader, "dunning", values, status)


def _paper(number: str, content: bytes) -> Response:
    headers = {"Content-Disposition": f'inline; filename="{number}.pdf"'}
    return Response(content, 200, headers, "application/pdf")
