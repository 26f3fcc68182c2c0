"""Routes of load management: sites, dimming by the grid operator, readings of the building's meter."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from backend.api.permissions import Who, needs, own_operator
from backend.core.load.site import SiteError
from backend.core.people.access import Permission
from backend.csms.connections import Connections
from backend.services.load import dimming_csv, view_json, view_site
from backend.store import load as rows
from backend.store.scope import Owned
from backend.store.writer import Store
from shared.clock import Clock

CSV = "text/csv; charset=utf-8"


class SiteIn(BaseModel):
    """A site, new or instead of what it was; currents in A."""

    model_config = ConfigDict(extra="forbid")

    id: str = Field(min_length=1, max_length=36, pattern=r"^[A-Za-z0-9_.-]+$")
    operator: str = ""
    name: str
    timezone: str = "Europe/Berlin"
    sharing: str = "equal"
    meter: bool = False
    minimum_w: int | None = None
    circuits: list[dict[str, Any]]  # Any: checked by `parse_site`
    evses: list[dict[str, Any]]
    schedule: list[dict[str, Any]] = Field(default_factory=list)


class DimmingIn(BaseModel):
    """What the grid operator asks for: a limit for all EVSEs together, null to end it."""

    model_config = ConfigDict(extra="forbid")

    limit_w: int | None = Field(ge=0, le=10_000_000)
    until: AwareDatetime | None = None


class DimmingOut(BaseModel):
    """What counts now: never less than has to be left."""

    at: datetime
    limit_w: int | None
    effective_w: int | None
    until: datetime | None


class ReadingIn(BaseModel):
    """What the building draws besides the EVSEs, A."""

    model_config = ConfigDict(extra="forbid")

    l1_a: float = Field(ge=0, le=10_000)
    l2_a: float = Field(ge=0, le=10_000)
    l3_a: float = Field(ge=0, le=10_000)


def make_load_routes(store: Store, clock: Clock, connections: Connections) -> APIRouter:
    """Build the routes under /api/v1/load-sites."""
    router = APIRouter(prefix="/api/v1/load-sites", tags=["load management"])
    _add_sites(router, store, clock, connections)
    _add_inputs(router, store, clock)
    return router


def _add_sites(router: APIRouter, store: Store, clock: Clock, connections: Connections) -> None:
    see = needs(Permission.SEE_STATIONS, Owned.LOAD_SITE)

    @router.get("", dependencies=[needs(Permission.SEE_STATIONS)])
    async def sites(who: Who) -> list[dict[str, str]]:
        """List the sites."""
        found = await store.read(lambda unit: rows.list_sites(unit, who.view))
        return [{"id": site.id, "operator": operator, "name": site.name} for operator, site in found]

    @router.post("", dependencies=[needs(Permission.SET_LOAD)])
    async def put(body: SiteIn, who: Who) -> dict[str, str]:
        """Describe a site, new or instead of what it was."""
        operator = own_operator(who, body.operator)
        if not operator:
            raise HTTPException(422, "operator: name whose site it is")
        described = body.model_dump(exclude={"id", "operator"})
        now = clock.utc()
        try:
            site = await store.write(lambda unit: rows.put_site(unit, operator, body.id, described, now))
        except SiteError as error:
            raise HTTPException(422, str(error)) from error
        return {"id": site.id, "operator": operator, "name": site.name}

    @router.get("/{id}", dependencies=[see])
    async def one(id: str) -> Response:  # noqa: A002  the name in the address
        """Give a site with limits, what is allotted and what is measured."""
        online = frozenset(str(link.charge_point_id) for link in connections.all())
        now = clock.utc()
        found = await store.read(lambda unit: view_site(unit, id, online, now))
        if found is None:
            raise HTTPException(404)
        return _Json(view_json(found))

    @router.delete("/{id}", status_code=204, dependencies=[needs(Permission.SET_LOAD, Owned.LOAD_SITE)])
    async def drop(id: str) -> None:  # noqa: A002
        """Forget a site; its stations keep to their fail-safe current, and the log of dimming stays."""
        await store.write(lambda unit: rows.drop_site(unit, id))


class _Json(JSONResponse):
    """JSON with currents as numbers."""

    def render(self, content: object) -> bytes:
        return super().render(_plain(content))


def _plain(value: object) -> object:
    match value:
        case dict():
            return {name: _plain(part) for name, part in value.items()}
        case list() | tuple():
            return [_plain(part) for part in value]
        case str() | int() | None:
            return value
        case _:
            return float(value)  # type: ignore[arg-type]  # the only other kind is Decimal


def _add_inputs(router: APIRouter, store: Store, clock: Clock) -> None:
    dims = needs(Permission.DIM_LOAD, Owned.LOAD_SITE)

    @router.post("/{id}/dimming", dependencies=[dims])
    async def dim(id: str, body: DimmingIn, who: Who) -> DimmingOut:  # noqa: A002
        """Dim a site as its grid operator asks (sec. 14a EnWG), or end it. It is durable when this returns."""
        now = clock.utc()
        asked = await store.write(lambda unit: rows.dim(unit, id, body.limit_w, body.until, who.name, now))
        return DimmingOut(at=asked.at, limit_w=asked.limit_w, effective_w=asked.effective_w, until=asked.until)

    @router.post("/{id}/meter", status_code=204, dependencies=[dims])
    async def meter(id: str, body: ReadingIn) -> None:  # noqa: A002
        """Tell what the building draws besides; a reading counts for two minutes."""
        now = clock.utc()
        l1, l2, l3 = (round(value * 1000) for value in (body.l1_a, body.l2_a, body.l3_a))
        await store.write(lambda unit: rows.take_reading(unit, id, (l1, l2, l3), now))

    @router.get("/{id}/dimming.csv", dependencies=[needs(Permission.SEE_STATIONS, Owned.LOAD_SITE)])
    async def log(id: str, language: Annotated[str, Query(pattern="^(de|en)$")] = "en") -> Response:  # noqa: A002
        """Give the log of dimming, which is kept for two years."""
        events = await store.read(lambda unit: rows.dimmings(unit, id))
        return Response(dimming_csv(events, language), media_type=CSV)
