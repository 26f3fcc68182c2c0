"""The page of sessions that wait for a person's decision, and of decisions that can be taken back."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from backend.api.permissions import visitor_of
from backend.core.clarification.inbox import Kind
from backend.errors import ApplyError
from backend.services.clarify import assign, choices, undo, undoable, waiting
from backend.web.remote import read_form
from backend.web.security import CSRF_FIELD, is_own_form
from backend.web.site import Site
from backend.web.views import parse_id


class ClarifyPages:
    """The clarification inbox."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def show(self, request: Request) -> Response:
        """List what waits and what can be taken back."""
        return await self._show(request)

    async def decide(self, request: Request) -> Response:
        """Decide on a session, or take the last decision on it back."""
        form, number = await read_form(request), parse_id(request.path_params["id"])
        if not is_own_form(request, form.get(CSRF_FIELD, "")):
            raise HTTPException(403)
        if form.get("kind", "") not in tuple(Kind):
            raise HTTPException(422)
        kind, by, now = Kind(form["kind"]), visitor_of(request).name, self._site.clock.utc()
        value, reason = form.get(f"{kind}_value", ""), form.get("reason", "")
        try:
            if kind is Kind.UNDO:
                await self._site.store.write(lambda unit: undo(unit, number, by=by, now=now))
            else:
                await self._site.store.write(
                    lambda unit: assign(unit, number, kind, value=value, reason=reason, by=by, now=now)
                )
        except ApplyError as error:
            return await self._show(request, str(error))
        return RedirectResponse(f"{request.scope.get('root_path', '')}/clarify", 303)

    async def _show(self, request: Request, problem: str = "") -> Response:
        reader = await self._site.reader(request)
        rows, to_choose, done = await self._site.store.read(
            lambda unit: (waiting(unit, reader.view), choices(unit, reader.view), undoable(unit, reader.view))
        )
        values = {"rows": rows, "choices": to_choose, "done": done, "problem": problem}
        return self._site.page(request, reader, "clarify", values, 422 if problem else 200)
