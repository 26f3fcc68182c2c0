"""Pages of data protection: what an erasure would do, the erasure itself, and the archive of what is known."""

import tempfile
from urllib.parse import quote, urlencode
from zipfile import ZipFile

from sqlalchemy import Connection, select
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from backend.api.permissions import visitor_of
from backend.core.people.access import View
from backend.core.people.retention import Periods, Plan
from backend.core.people.retention_texts import part_text
from backend.errors import AccessError
from backend.people.archive import write_archive
from backend.people.erasure import By, erase, plan
from backend.store.personal import Restriction, Whom, list_restrictions
from backend.store.scope import of_operator
from backend.store.tables import customer, id_token, person
from backend.web.login_pages import who_asks
from backend.web.remote import read_form
from backend.web.security import CSRF_FIELD, is_own_form
from backend.web.site import Site

_SPOOL = 1 << 22
"""Bytes of an archive that are kept in memory."""


class PersonPages:
    """The pages of data protection."""

    def __init__(self, site: Site, periods: Periods) -> None:
        self._site, self._periods = site, periods

    async def list(self, request: Request) -> Response:
        """List the customers, and who was erased."""
        reader = await self._site.reader(request)
        rows, erased = await self._site.store.read(lambda unit: _customers(unit, reader.view))
        return self._site.page(request, reader, "persons", {"rows": rows, "erased": erased})

    async def show(self, request: Request) -> Response:
        """Tell what there is of a customer, or of one user of theirs (`?user=`), and what an erasure does."""
        return await self._show(request, await self._whom(request, request.query_params.get("user", "")))

    async def erase(self, request: Request) -> Response:
        """Erase a customer or a user, if it was confirmed."""
        form = await read_form(request)
        whom, now = await self._whom(request, form.get("user", "")), self._site.clock.utc()
        if not is_own_form(request, form.get(CSRF_FIELD, "")):
            return await self._show(request, whom, "stale_form", 403)
        if form.get("sure") != "yes":
            return await self._show(request, whom, "sure", 409)
        visitor = visitor_of(request)
        by = By(visitor.account_id, visitor.name, who_asks(request)[0])
        try:
            await self._site.store.write(lambda unit: erase(unit, whom, self._periods, by, now))
        except AccessError:  # the page tells what is under way
            return await self._show(request, whom, status=409)
        asked = f"?{urlencode({'user': whom.user_id})}" if whom.user_id else ""
        return RedirectResponse(f"{request.url.path}{asked}", 303)

    async def archive(self, request: Request) -> Response:
        """Give all that is known of a customer or a user as a ZIP."""
        whom = await self._whom(request, request.query_params.get("user", ""))

        def write(unit: Connection) -> bytes:
            with tempfile.SpooledTemporaryFile(_SPOOL) as file:
                with ZipFile(file, "w") as out:
                    write_archive(unit, whom.operator_id, whom.customer_id, out, whom.user_id)
                file.seek(0)
                return file.read()

        try:
            content = await self._site.store.read(write)
        except AccessError:
            return await self._show(request, whom, status=404)
        name = quote("-".join(filter(None, (whom.customer_id, whom.user_id))), safe="")
        headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{name}.zip", "Cache-Control": "no-store"}
        return Response(content, media_type="application/zip", headers=headers)

    async def _whom(self, request: Request, user: str) -> Whom:
        own = request.path_params["id"]
        query = select(customer.c.operator_id).where(customer.c.id == own)
        operator_id = await self._site.store.read(lambda unit: unit.execute(query).scalar_one())
        return Whom(operator_id, own, user)

    async def _show(self, request: Request, whom: Whom, problem: str = "", status: int = 200) -> Response:
        reader, now = await self._site.reader(request), self._site.clock.utc()

        def look(unit: Connection) -> tuple[Plan, list[str], Restriction | None]:
            restrictions = list_restrictions(unit, whom.operator_id)
            known = next((one for one in restrictions if one.whom == whom), None)
            return plan(unit, whom, self._periods, now), _users(unit, whom.customer_id), known

        try:
            found, users, known = await self._site.store.read(look)
        except AccessError:
            return self._site.page(request, reader, "error", {"status": 404}, 404)
        language = reader.texts.language
        lines = {
            name: [part_text(part, language) for part in getattr(found, name)]
            for name in ("blockers", "goes", "remains")
        }
        values = {"whom": whom, "users": users, "known": known, "lines": lines, "problem": problem}
        return self._site.page(request, reader, "person", values, status)


def _customers(connection: Connection, view: View) -> tuple[list[tuple[str, str]], dict[str, Restriction]]:
    c = customer.c
    query = select(c.id, c.name, c.operator_id).where(of_operator(view, c.operator_id)).order_by(c.name, c.id)
    rows = connection.execute(query).all()
    erased: dict[str, Restriction] = {}
    for operator_id in {row.operator_id for row in rows}:
        found = list_restrictions(connection, operator_id)
        erased |= {one.whom.customer_id: one for one in found if not one.whom.user_id}
    return [(row.id, row.name) for row in rows], erased


def _users(connection: Connection, customer_id: str) -> list[str]:
    """List the ids of a customer's users."""
    tokens = select(id_token.c.user_id).where(id_token.c.customer_id == customer_id, id_token.c.user_id != "")
    return sorted(connection.scalars(tokens.union(select(person.c.id).where(person.c.customer_id == customer_id))))
