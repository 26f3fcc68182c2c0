"""The page of gaps in what stations told."""

from starlette.requests import Request
from starlette.responses import Response

from backend.store.gaps import DAYS, gap_map
from backend.web.site import Site


class GapPages:
    """The gap map."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def show(self, request: Request) -> Response:
        """Show each station with its gaps."""
        reader = await self._site.reader(request)
        rows = await self._site.store.read(lambda unit: gap_map(unit, reader.now, reader.view))
        return self._site.page(request, reader, "gaps", {"rows": rows, "days": DAYS})
