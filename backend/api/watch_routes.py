"""Routes to watch stations: states, faults, availability, alerts and their rules."""

from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from backend.api.permissions import Who, needs, own_operator
from backend.api.routes import Limit
from backend.core.people.access import Permission, Visitor
from backend.core.watch.alert import DEFAULT_RULES, AlertKind, Plan, Rule
from backend.core.watch.availability import Mode, Span
from backend.core.watch.fault import Fault
from backend.csms.connections import Connections
from backend.errors import AlertError
from backend.people.vault import Vault
from backend.services.alerting import checked, keep_plan
from backend.store.alerts import Alert, acknowledge, list_alerts, operators, read_plan
from backend.store.overview import LARGEST_ID
from backend.store.scope import Owned
from backend.store.watch_view import StationRow, availabilities, fault_history, stations
from backend.store.writer import Store
from shared.clock import Clock
from shared.ids import ChargePointId, Secret

_LONGEST = timedelta(days=400)


@dataclass(frozen=True, slots=True)
class ConnectorOut:
    """A connector as it told last."""

    evse_id: int
    connector_id: int
    status: str
    error_code: str
    status_at: datetime


@dataclass(frozen=True, slots=True)
class FaultOut:
    """A fault; `cause` says in plain words, by language, what is wrong and what to do."""

    evse_id: int
    connector_id: int
    code: str
    vendor_code: str
    info: str
    began_at: datetime
    ended_at: datetime | None
    cause: dict[str, str]


@dataclass(frozen=True, slots=True)
class WatchedOut:
    """A station now. `link` has what is known of connection, clock, ledger and modem; null = not known."""

    id: str
    name: str
    connected: bool
    connected_since: datetime | None
    heard_at: datetime | None
    seen_at: datetime | None
    link: dict[str, Any]  # Any: the fields of `backend.store.watch_view.LinkRow`
    connectors: list[ConnectorOut]
    faults: list[FaultOut]


@dataclass(frozen=True, slots=True)
class AvailabilityOut:
    """How a span divides up for an EVSE, s by mode; `shares` are of the time that is known about."""

    evse_id: int
    seconds: dict[Mode, float]
    shares: dict[Mode, float | None]


@dataclass(frozen=True, slots=True)
class AlertOut:
    """An alert, open until `ended_at`."""

    id: int
    kind: AlertKind
    charge_point_id: str
    values: dict[str, str]
    since: datetime
    opened_at: datetime
    ended_at: datetime | None
    acknowledged_at: datetime | None
    acknowledged_by: str


class RuleIn(BaseModel):
    """A rule and its limit: min, d, s or a number of messages."""

    model_config = ConfigDict(extra="forbid")

    kind: AlertKind
    limit: int
    on: bool = True


class PlanIn(BaseModel):
    """What an operator wants to be told; the secret is kept when it is left out."""

    model_config = ConfigDict(extra="forbid")

    rules: list[RuleIn] = Field(
        default_factory=lambda: [RuleIn(kind=one.kind, limit=one.limit) for one in DEFAULT_RULES], max_length=20
    )
    emails: list[str] = Field(default_factory=list, max_length=20)
    language: str = "de"
    webhook: str = ""
    webhook_secret: str = Field("", max_length=200)
    mqtt: bool = False
    quiet_from: str = ""
    quiet_to: str = ""
    calm_min: int = 5


@dataclass(frozen=True, slots=True)
class PlanOut:
    """What an operator wants to be told; of the secret only whether there is one."""

    rules: tuple[Rule, ...]
    emails: tuple[str, ...]
    language: str
    webhook: str
    has_webhook_secret: bool
    mqtt: bool
    quiet_from: str
    quiet_to: str
    calm_min: int = field(default=5)


def make_watch_routes(store: Store, clock: Clock, connections: Connections, vault: Vault) -> APIRouter:
    """Build the routes under /api/v1."""
    router = APIRouter(prefix="/api/v1", tags=["monitoring"])
    _add_stations(router, store, clock, connections)
    _add_alerts(router, store, clock)
    _add_rules(router, store, vault)
    return router


def _add_stations(router: APIRouter, store: Store, clock: Clock, connections: Connections) -> None:
    one = needs(Permission.SEE_STATIONS, Owned.CHARGE_POINT)

    @router.get("/stations", dependencies=[needs(Permission.SEE_STATIONS)])
    async def watched(who: Who) -> list[WatchedOut]:
        """List stations with what they do now."""
        return [_watched(row, connections) for row in await store.read(lambda unit: stations(unit, who.view))]

    @router.get("/stations/{id}", dependencies=[one])
    async def station(id: str, who: Who) -> WatchedOut:  # noqa: A002  the name in the address
        """Give one station with what it does now."""
        found = await store.read(lambda unit: stations(unit, who.view, id))
        if not found:
            raise HTTPException(404)
        return _watched(found[0], connections)

    @router.get("/stations/{id}/faults", dependencies=[one])
    async def faults(id: str, limit: Limit = 50) -> list[FaultOut]:  # noqa: A002
        """List a station's faults, the newest first."""
        return [_fault(row) for row in await store.read(lambda unit: fault_history(unit, id, limit))]

    @router.get("/stations/{id}/availability", dependencies=[one])
    async def share(
        id: str,  # noqa: A002
        start: Annotated[datetime | None, Query(description="30 days ago if left out")] = None,
        end: Annotated[datetime | None, Query(description="now if left out")] = None,
    ) -> list[AvailabilityOut]:
        """Divide up a span of at most 400 days for each EVSE: usable, faulted, offline and so on."""
        until = _aware(end) or clock.utc()
        span = Span(_aware(start) or until - timedelta(days=30), until)
        if not timedelta() < span.end - span.start <= _LONGEST:
            raise HTTPException(422, "start must lie before end, by 400 days at most")
        found = await store.read(lambda unit: availabilities(unit, id, span))
        return [
            AvailabilityOut(
                evse,
                {mode: time.total_seconds() for mode, time in part.times.items()},
                {mode: part.share(mode) for mode in Mode if mode is not Mode.UNWATCHED},
            )
            for evse, part in found.items()
        ]


def _add_alerts(router: APIRouter, store: Store, clock: Clock) -> None:
    @router.get("/alerts", dependencies=[needs(Permission.SEE_STATIONS)])
    async def alerts(who: Who, open: bool | None = None, limit: Limit = 50) -> list[AlertOut]:  # noqa: A002
        """List alerts, the newest first."""
        return [_alert(row) for row in await store.read(lambda unit: list_alerts(unit, limit, who.view, is_open=open))]

    @router.post("/alerts/{id}/acknowledge", status_code=204, dependencies=[needs(Permission.SET_ALERTS, Owned.ALERT)])
    async def take_note(id: Annotated[int, Path(ge=1, le=LARGEST_ID)], who: Who) -> None:  # noqa: A002
        """Take note of an alert: it is not told any more."""
        now = clock.utc()
        await store.write(lambda unit: acknowledge(unit, id, who.name, now))


def _add_rules(router: APIRouter, store: Store, vault: Vault) -> None:
    @router.get("/alert-plan", dependencies=[needs(Permission.SET_ALERTS)])
    async def plan(who: Who, operator: str = "") -> PlanOut:
        """Give what an operator wants to be told."""
        operator_id = await _operator(store, who, operator)
        return _plan(*await store.read(lambda unit: read_plan(unit, operator_id)))

    @router.put("/alert-plan", dependencies=[needs(Permission.SET_ALERTS)])
    async def keep(given: PlanIn, who: Who, operator: str = "") -> PlanOut:
        """Set what an operator wants to be told."""
        operator_id = await _operator(store, who, operator)
        values = given.model_dump(exclude={"rules", "emails", "webhook_secret"})
        rules = tuple(Rule(one.kind, one.limit, one.on) for one in given.rules)
        try:
            wanted = checked(Plan(rules=rules, emails=tuple(given.emails), **values))
        except AlertError as error:
            raise HTTPException(422, str(error)) from error
        secret = Secret(given.webhook_secret)
        await store.write(lambda unit: keep_plan(unit, operator_id, wanted, secret, vault.seal))
        return _plan(*await store.read(lambda unit: read_plan(unit, operator_id)))


async def _operator(store: Store, who: Visitor, named: str) -> str:
    wanted = own_operator(who, named)
    known = [one for one, _ in await store.read(operators)]
    if not wanted and len(known) == 1:
        wanted = known[0]
    if wanted not in known:
        raise HTTPException(404, "name the operator: ?operator=")
    return wanted


def _watched(row: StationRow, connections: Connections) -> WatchedOut:
    link = connections.find(ChargePointId(row.id))
    return WatchedOut(
        row.id,
        row.name,
        link is not None,
        link.since if link else None,
        link.heard_at if link else row.link.heard_at,
        row.seen_at,
        asdict(row.link),
        [ConnectorOut(**asdict(one)) for one in row.connectors],
        [_fault(one) for one in row.faults],
    )


def _fault(row: Fault) -> FaultOut:
    return FaultOut(
        row.evse_id,
        row.connector_id,
        row.code,
        row.vendor_code,
        row.info,
        row.began_at,
        row.ended_at,
        {language: row.cause(language) for language in ("de", "en")},
    )


def _alert(row: Alert) -> AlertOut:
    return AlertOut(
        row.id,
        row.kind,
        row.charge_point_id,
        dict(row.values),
        row.since,
        row.opened_at,
        row.ended_at,
        row.acknowledged_at,
        row.acknowledged_by,
    )


def _plan(plan: Plan, secret: str) -> PlanOut:
    return PlanOut(
        plan.rules,
        plan.emails,
        plan.language,
        plan.webhook,
        bool(secret),
        plan.mqtt,
        plan.quiet_from,
        plan.quiet_to,
        plan.calm_min,
    )


def _aware(moment: datetime | None) -> datetime | None:
    """Take a time without offset as UTC."""
    return moment.replace(tzinfo=UTC) if moment and moment.tzinfo is None else moment
