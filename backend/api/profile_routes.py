"""Routes of profiles: who gets which set of tariffs, and which profile is in force where."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from starlette.responses import Response

from backend.api.permissions import Who, needs, own_operator
from backend.api.problems import problem
from backend.core.people.access import Permission
from backend.core.rates.rating_model import VersionSwitch
from backend.core.tariffs.assignment import Assignment, Scope
from backend.errors import ApplyError, ReportError
from backend.services.master_data import AssignmentEntry, ProfileEntry
from backend.services.profiles import SwitchRequest, assign, switch_profile
from backend.store.profile_switches import StoredSwitch, list_switches
from backend.store.tariffs import list_assignments
from backend.store.writer import Store
from shared.clock import Clock

Profile = Literal["REGULAR", "PROFILE_CHEAP", "PROFILE_FAST", "PROFILE_GREEN"]
FurtherProfile = Literal["PROFILE_CHEAP", "PROFILE_FAST", "PROFILE_GREEN"]
Place = Literal["location", "charge_point", "evse"]
Limit = Annotated[int, Query(ge=1, le=1000, description="at most so many")]


@dataclass(frozen=True, slots=True)
class AssignmentIn:
    """Which tariffs apply to a target; `tariff` is the regular one. The same scope, target and begin replaces it.

    `version_switch` is `lock_at_start`, or `switch_mode` for later versions that take over while a session runs. The
    target of the scope `operator` is left out.
    """

    operator: str
    tariff: str
    scope: Scope
    target: str = ""
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    profiles: dict[FurtherProfile, str] = field(default_factory=dict)
    version_switch: VersionSwitch = VersionSwitch.LOCK_AT_START


@dataclass(frozen=True, slots=True)
class AssignmentOut:
    """An assignment. `profiles` are further tariffs; without `valid_to` it has no end."""

    operator: str
    tariff: str
    scope: str
    target: str
    valid_from: datetime
    valid_to: datetime | None
    profiles: dict[str, str]
    version_switch: str


@dataclass(frozen=True, slots=True)
class AssignedOut:
    """What was done: `changed` is false if it was so before."""

    changed: bool
    transactions_released: int


@dataclass(frozen=True, slots=True)
class SwitchIn:
    """From `at` on a profile is in force at a place. `operator` is needed only where several have such a place."""

    scope: Place
    target: str
    at: datetime
    profile: Profile
    source: str = ""
    reason: str = ""
    operator: str = ""


@dataclass(frozen=True, slots=True)
class SwitchOut:
    """A switch; of several for one place and time the one with the largest id counts."""

    id: int
    operator: str
    scope: str
    target: str
    at: datetime
    profile: str
    source: str
    reason: str
    received_at: datetime


@dataclass(frozen=True, slots=True)
class SwitchedOut:
    """What a switch did: `stored` is false if it was known already."""

    stored: bool
    transactions_to_rate_again: int


def make_profile_routes(store: Store, clock: Clock) -> APIRouter:
    """Build the routes under /api/v1."""
    router = APIRouter(prefix="/api/v1", tags=["tariffs"])
    _add_assignments(router, store)
    _add_switches(router, store, clock)
    return router


def _add_assignments(router: APIRouter, store: Store) -> None:
    @router.get("/tariff-assignments", dependencies=[needs(Permission.SEE_TARIFFS)])
    async def assignments(who: Who) -> list[AssignmentOut]:
        """List who gets which tariffs, the most specific scope first."""
        rows = await store.read(lambda connection: list_assignments(connection, who.view))
        return [_assignment(operator_id, row) for operator_id, row in rows]

    @router.post("/tariff-assignments", response_model=AssignedOut, dependencies=[needs(Permission.SET_TARIFFS)])
    async def add_assignment(wanted: AssignmentIn, who: Who) -> AssignedOut | Response:
        """Assign tariffs. Sessions that have begun keep theirs."""
        own_operator(who, wanted.operator)
        entry = AssignmentEntry(
            operator=wanted.operator,
            tariff=wanted.tariff,
            scope=wanted.scope,
            target=wanted.target,
            valid_from=wanted.valid_from.isoformat() if wanted.valid_from else "",
            valid_to=wanted.valid_to.isoformat() if wanted.valid_to else "",
            profile=tuple(ProfileEntry(profile, tariff) for profile, tariff in wanted.profiles.items()),
            version_switch=wanted.version_switch,
        )
        try:
            done = await store.write(lambda unit: assign(unit, entry))
        except ApplyError as error:
            return problem(422, str(error))
        return AssignedOut(not done.unchanged, done.released)


def _add_switches(router: APIRouter, store: Store, clock: Clock) -> None:
    @router.get("/profile-switches", dependencies=[needs(Permission.SEE_TARIFFS)])
    async def switches(who: Who, target: str = "", limit: Limit = 100) -> list[SwitchOut]:
        """List switches, those of one place or all, the latest first."""
        rows = await store.read(lambda connection: list_switches(connection, target, limit, who.view))
        return [_switch(row) for row in rows]

    @router.post("/profile-switches", response_model=SwitchedOut, dependencies=[needs(Permission.SET_TARIFFS)])
    async def add_switch(wanted: SwitchIn, who: Who) -> SwitchedOut | Response:
        """Tell which profile is in force, also late: what is rated by then is rated again. Again changes nothing."""
        request = SwitchRequest(
            scope=wanted.scope,
            target=wanted.target,
            at=wanted.at,
            profile=wanted.profile,
            source=wanted.source,
            reason=wanted.reason,
            operator=own_operator(who, wanted.operator),
        )
        try:
            done = await store.write(lambda unit: switch_profile(unit, request, clock.utc()))
        except ReportError as error:
            return problem(422, str(error))
        return SwitchedOut(done.stored, done.sessions)


def _assignment(operator_id: str, row: Assignment) -> AssignmentOut:
    return AssignmentOut(
        operator=operator_id,
        tariff=row.tariff_id,
        scope=row.scope.value,
        target=row.target,
        valid_from=row.valid_from,
        valid_to=row.valid_to,
        profiles={one.profile.value: one.tariff_id for one in row.profiles},
        version_switch=row.version_switch.value,
    )


def _switch(row: StoredSwitch) -> SwitchOut:
    one = row.switch
    return SwitchOut(
        id=row.id,
        operator=row.operator_id,
        scope=one.scope.value,
        target=one.target,
        at=one.at,
        profile=one.profile.value,
        source=one.source,
        reason=one.reason,
        received_at=row.received_at,
    )
