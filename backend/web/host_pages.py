"""The page of hosts: what they are owed, statements that were issued, objections."""

from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from backend.api.permissions import check_own, visitor_of
from backend.errors import BackendError
from backend.jobs.issue_statements import HostSettings, issue_statements
from backend.store.hosts import list_statements, object_to, settle
from backend.store.scope import Owned
from backend.web.remote import read_form
from backend.web.security import CSRF_FIELD, is_own_form
from backend.web.site import Site


class HostPages:
    """The page, and what its forms do."""

    def __init__(self, site: Site, settings: HostSettings, standard_vat: Decimal, *, sample: bool) -> None:
        self._site, self._settings, self._vat, self._sample = site, settings, standard_vat, sample

    async def show(self, request: Request) -> Response:
        """Show what would be issued for the months that are over, and what was."""
        return await self._show(request)

    async def act(self, request: Request) -> Response:
        """Issue what is ready, note an objection, or settle it."""
        form, now = await read_form(request), self._site.clock.utc()
        if not is_own_form(request, form.get(CSRF_FIELD, "")):
            return await self._show(request, "stale_form", 403)
        number, reason = form.get("number", ""), form.get("reason", "")
        try:
            match form.get("verb"):
                case "issue":
                    await self._issue(request, now)
                case "object":
                    await check_own(request, Owned.INVOICE, number)
                    await self._site.store.write(partial(object_to, number=number, reason=reason, now=now))
                case "settle":
                    await check_own(request, Owned.INVOICE, number)
                    await self._site.store.write(partial(settle, number=number, outcome=reason, now=now))
                case _:
                    raise HTTPException(400)
        except BackendError as error:
            return await self._show(request, str(error), 409)
        return RedirectResponse(request.url.path, 303)

    async def _issue(self, request: Request, now: datetime) -> None:
        await issue_statements(
            self._site.store,
            now,
            self._settings,
            self._vat,
            sample=self._sample,
            operator=visitor_of(request).view.operator_id,
            grace=timedelta(),
        )

    async def _show(self, request: Request, problem: str = "", status: int = 200) -> Response:
        reader = await self._site.reader(request)
        own = reader.view.operator_id
        found = await issue_statements(
            self._site.store, reader.now, self._settings, self._vat, operator=own, dry=True, grace=timedelta()
        )
        statements = await self._site.store.read(partial(list_statements, operator_id=own))
        values = {
            "ready": found.ready,
            "blocked": found.blocked,
            "statements": statements,
            "problem": problem,
        }
        return self._site.page(request, reader, "hosts", values, status)
