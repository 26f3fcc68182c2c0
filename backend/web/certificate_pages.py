"""The page of stations' certificates: when they end, revoking one, and connections that were refused."""

from datetime import timedelta

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from backend.api.permissions import visitor_of
from backend.core.people.access import Permission
from backend.store.audit_log import Done, record
from backend.store.certificates import list_certificates, list_refusals, revoke
from backend.web.remote import read_form
from backend.web.security import CSRF_FIELD, is_own_form
from backend.web.site import Site

_FROM = "pages"


class CertificatePages:
    """The page of certificates."""

    def __init__(self, site: Site, renew_days: int) -> None:
        self._site, self._ahead = site, timedelta(days=renew_days)

    async def show(self, request: Request) -> Response:
        """List certificates, those first that end first, and refused connections."""
        return await self._show(request)

    async def revoke(self, request: Request) -> Response:
        """Revoke a certificate; its station gets in no more by it."""
        form, visitor, now = await read_form(request), visitor_of(request), self._site.clock.utc()
        if not is_own_form(request, form.get(CSRF_FIELD, "")):
            return await self._show(request, "stale_form", 403)
        serial = form.get("serial", "")

        def work(unit: Connection) -> bool:
            if not revoke(unit, serial, visitor.name, now, visitor.view):
                return False
            operator = visitor.view.operator_id
            record(unit, Done(now, operator, visitor.account_id, visitor.name, "certificate_revoked", serial, _FROM))
            return True

        if not await self._site.store.write(work):
            return await self._show(request, "certificate_gone", 409)
        return RedirectResponse(f"{request.scope.get('root_path', '')}/certificates", 303)

    async def _show(self, request: Request, problem: str = "", status: int = 200) -> Response:
        visitor = visitor_of(request)
        values = {
            "certificates": await self._site.store.read(lambda unit: list_certificates(unit, visitor.view)),
            "refusals": await self._site.store.read(lambda unit: list_refusals(unit, visitor.view)),
            "soon": self._site.clock.utc() + self._ahead,
            "may_revoke": visitor.may(Permission.GIVE_ORDERS),
            "problem": problem,
        }
        return self._site.page(request, await self._site.reader(request), "certificates", values, status)
