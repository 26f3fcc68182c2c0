"""The page that tells why a station is not here."""

from starlette.requests import Request
from starlette.responses import Response

from backend.services.refused import seen_attempts
from backend.web.site import Site


class RefusedPages:
    """Refused attempts of stations."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def show(self, request: Request) -> Response:
        """Show the last attempt of each identity, why it was refused, and what to do."""
        reader = await self._site.reader(request)
        tried = self._site.connections.refused.all()
        rows = await self._site.store.read(lambda unit: seen_attempts(unit, tried, reader.view))
        return self._site.page(request, reader, "refused", {"rows": rows})
