"""Pages of invoice runs: drafts with their totals, what keeps them back, and a button to issue, asked twice."""

from starlette.requests import Request
from starlette.responses import Response

from backend.api.permissions import visitor_of
from backend.core.people.access import View
from backend.errors import ReportError
from backend.jobs.issue_invoices import BillingSettings
from backend.services.invoice_runs import Preview, issue_by_key, preview, run_by_hand
from backend.store import overview as queries
from backend.web.remote import read_form
from backend.web.security import CSRF_FIELD, is_own_form
from backend.web.site import Site

_HELD = 50
"""Held sessions on the page; the list of transactions has them all."""


class InvoiceRunPages:
    """The pages of invoice runs. `sample` as in `backend.jobs.issue_invoices.InvoiceIssuer`."""

    def __init__(self, site: Site, settings: BillingSettings, *, sample: bool) -> None:
        self._site, self._settings, self._sample = site, settings, sample

    async def show(self, request: Request) -> Response:
        """Show drafts, and what is held or kept back."""
        reader = await self._site.reader(request)
        found = await self._preview(reader.view)
        held = await self._site.store.read(
            lambda unit: queries.transactions(unit, _HELD, state="held", view=reader.view)
        )
        values = {"found": found, "held": held, "automatic": self._settings.automatic}
        return self._site.page(request, reader, "invoice_run", values)

    async def ask(self, request: Request) -> Response:
        """Ask whether to issue one draft (`?key=`) or all that are ready."""
        return await self._ask(request, request.query_params.get("key", ""))

    async def issue(self, request: Request) -> Response:
        """Issue one draft, or all that are ready."""
        form = await read_form(request)
        key = form.get("key", "")
        if not is_own_form(request, form.get(CSRF_FIELD, "")):
            return await self._ask(request, key, "stale_form", 403)
        now, numbers, reason, view = self._site.clock.utc(), [], "", visitor_of(request).view
        try:
            if key:
                one = await issue_by_key(self._site.store, key, now, self._settings, sample=self._sample, view=view)
                numbers = [one.number]
            else:
                done = await run_by_hand(self._site.store, now, self._settings, sample=self._sample, view=view)
                numbers = [issued.number for _, issued in done.issued]
        except ReportError as error:
            reason = str(error)
        reader = await self._site.reader(request)
        values = {"numbers": numbers, "reason": reason}
        return self._site.page(request, reader, "invoice_run_done", values, 409 if reason else 200)

    async def _preview(self, view: View) -> Preview:
        return await preview(self._site.store, self._site.clock.utc(), self._settings, view=view)

    async def _ask(self, request: Request, key: str, problem: str = "", status: int = 200) -> Response:
        reader = await self._site.reader(request)
        rows = [row for row in (await self._preview(reader.view)).of("ready") if key in ("", row.key)]
        values = {"rows": rows, "key": key, "problem": problem}
        return self._site.page(request, reader, "invoice_run_ask", values, status)
