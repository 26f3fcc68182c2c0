"""What machines ask: `/metrics` for Prometheus, `/readyz` for whoever starts, stops and balances programs."""

import ipaddress
import secrets

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from backend.core.watch.exposition import CONTENT_TYPE, write
from backend.jobs.health import JobHealth
from backend.services.metrics import Readiness, collect
from backend.web.site import Site
from shared.ids import Secret

_BY_PROXY = ("forwarded", "x-forwarded-for", "x-real-ip", "via")


class MachinePages:
    """See the module. Metrics need the token of the settings or, without one, a peer on this machine and no proxy."""

    def __init__(self, site: Site, health: JobHealth, token: Secret) -> None:
        self._store, self._connections, self._clock, self._health = site.store, site.connections, site.clock, health
        self._token, self._readiness = token, Readiness(site.store, health)

    async def metrics(self, request: Request) -> Response:
        """Give all figures."""
        if not self._may(request):
            raise HTTPException(403)
        figures = await collect(self._store, self._connections, self._health, self._clock)
        return Response(write(figures), 200, media_type=None, headers={"Content-Type": CONTENT_TYPE})

    async def ready(self, _request: Request) -> Response:
        """Tell whether the program can do its work, and what is in the way."""
        problems = await self._readiness.problems()
        status = "not ready" if problems else "ready"
        return JSONResponse({"status": status, "problems": problems}, 503 if problems else 200)

    def _may(self, request: Request) -> bool:
        if self._token:
            scheme, _, given = request.headers.get("Authorization", "").partition(" ")
            return scheme.lower() == "bearer" and secrets.compare_digest(given.encode(), self._token.value.encode())
        if request.client is None or any(name in request.headers for name in _BY_PROXY):
            return False
        try:
            return ipaddress.ip_address(request.client.host).is_loopback
        except ValueError:
            return False
