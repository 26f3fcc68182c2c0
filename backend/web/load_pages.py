"""Pages of load management: the sites, and one of them with its circuits, its day and its log of dimming."""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from backend.core.load.site_json import amperes
from backend.services.load import dimming_csv, view_site
from backend.store import load as rows
from backend.web.chart import Chart, chart
from backend.web.site import Site

_DAY = timedelta(days=1)


class LoadPages:
    """The pages."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def list(self, request: Request) -> Response:
        """List the sites."""
        reader = await self._site.reader(request)
        found = await self._site.store.read(lambda unit: rows.list_sites(unit, reader.view))
        return self._site.page(request, reader, "load_sites", {"rows": [site for _, site in found]})

    async def show(self, request: Request) -> Response:
        """Show a site: live, with the chart of today."""
        reader, id_ = await self._site.reader(request), request.path_params["id"]
        online = frozenset(str(link.charge_point_id) for link in self._site.connections.all())
        view = await self._site.store.read(lambda unit: view_site(unit, id_, online, reader.now))
        if view is None:
            raise HTTPException(404)
        zone = ZoneInfo(view.look.site.timezone)
        begin = datetime.combine(reader.now.astimezone(zone).date(), time(0), zone).astimezone(reader.now.tzinfo)
        points = await self._site.store.read(lambda unit: rows.samples(unit, id_, begin, begin + _DAY))
        offset = zone.utcoffset(reader.now.astimezone(zone).replace(tzinfo=None)) or timedelta()
        drawings: list[tuple[str, Chart]] = [
            (name, drawing)
            for name, values in (("allotted", [row[1] for row in points]), ("measured", [row[2] for row in points]))
            if (drawing := chart([(row[0], amperes(ma)) for row, ma in zip(points, values, strict=True)], offset))
        ]
        shown: dict[str, object] = {"view": view, "site": view.look.site, "drawings": drawings}
        shown["amps"] = lambda milli: reader.formats.number(amperes(milli), 1)
        return self._site.page(request, reader, "load_site", shown)

    async def csv(self, request: Request) -> Response:
        """Give the log of dimming."""
        reader, id_ = await self._site.reader(request), request.path_params["id"]
        events = await self._site.store.read(lambda unit: rows.dimmings(unit, id_))
        headers = {"Content-Disposition": 'attachment; filename="dimming.csv"'}
        content = dimming_csv(events, reader.texts.language)
        return Response(content, 200, headers, "text/csv; charset=utf-8")
