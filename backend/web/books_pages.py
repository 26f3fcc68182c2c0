"""The page of the books: journals of a span of days, and the files of a month for DATEV."""

from datetime import date, timedelta
from functools import partial

from sqlalchemy import select
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from backend.api.permissions import visitor_of
from backend.core.people.access import View
from backend.errors import BackendError
from backend.services.entry_checks import day_of
from backend.services.journals import FORMATS, KINDS, journal, write_journal
from backend.services.ledger import export_month
from backend.store.datev import find_export, list_exports
from backend.store.scope import of_operator
from backend.store.tables import operator
from backend.web.remote import read_form
from backend.web.security import CSRF_FIELD, is_own_form
from backend.web.site import Site
from backend.web.views import parse_id

_MEDIA = {"csv": "text/csv", "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}


class BooksPages:
    """The page of the books."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def show(self, request: Request) -> Response:
        """Show what can be downloaded, and what was handed out."""
        return await self._show(request)

    async def export(self, request: Request) -> Response:
        """Make the files of a month for DATEV."""
        form, now = await read_form(request), self._site.clock.utc()
        if not is_own_form(request, form.get(CSRF_FIELD, "")):
            return await self._show(request, "stale_form", 403)
        try:
            who = await self._operator(request, form.get("operator", ""))
            renew = bool(form.get("renew"))
            await export_month(self._site.store, who, form.get("month", ""), now, renew=renew)
        except BackendError as error:
            return await self._show(request, str(error), 409)
        return RedirectResponse(request.url.path, 303)

    async def file(self, request: Request) -> Response:
        """Give a file that was handed out, the same bytes each time."""
        number, kind = parse_id(request.path_params["id"]), request.path_params["file"]
        found = await self._site.store.read(partial(find_export, export_id=number))
        if found is None or kind not in ("bookings", "debtors"):
            raise HTTPException(404)
        name, content = (found.names[0], found.bookings) if kind == "bookings" else (found.names[1], found.debtors)
        return _download(name, content, "text/csv; charset=windows-1252")

    async def journal(self, request: Request) -> Response:
        """Give a journal: `?kind=&format=&from=&to=`."""
        asked, reader = request.query_params, await self._site.reader(request)
        kind, form, language = asked.get("kind", KINDS[0]), asked.get("format", FORMATS[0]), reader.texts.language
        if form not in FORMATS:
            raise HTTPException(404)
        try:
            who = await self._operator(request, asked.get("operator", ""))
            span = day_of(asked.get("from", ""), "from"), day_of(asked.get("to", ""), "to")
            page = await self._site.store.read(lambda unit: journal(unit, who, kind, span, language=language))
        except BackendError as error:
            return await self._show(request, str(error), 409)
        return _download(f"{kind}_{span[0]}_{span[1]}.{form}", write_journal([page], form, language), _MEDIA[form])

    async def _operators(self, view: View) -> list[str]:
        query = select(operator.c.id).where(of_operator(view, operator.c.id)).order_by(operator.c.id)
        return await self._site.store.read(lambda unit: list(unit.scalars(query)))

    async def _operator(self, request: Request, wanted: str) -> str:
        mine = await self._operators(visitor_of(request).view)
        if wanted not in mine and (wanted or len(mine) != 1):
            raise HTTPException(404)
        return wanted or mine[0]

    async def _show(self, request: Request, problem: str = "", status: int = 200) -> Response:
        reader = await self._site.reader(request)
        mine = await self._operators(visitor_of(request).view)
        exports = await self._site.store.read(list_exports)
        before: date = reader.now.date().replace(day=1) - timedelta(days=1)
        values = {
            "operators": mine,
            "exports": [(number, one) for number, one in exports if one.operator_id in mine],
            "kinds": KINDS,
            "formats": FORMATS,
            "month": f"{before:%Y-%m}",
            "first": before.replace(day=1).isoformat(),
            "last": before.isoformat(),
            "problem": problem,
        }
        return self._site.page(request, reader, "books", values, status)


def _download(name: str, content: bytes, media: str) -> Response:
    return Response(content, 200, {"Content-Disposition": f'attachment; filename="{name}"'}, media)
