"""Job: steer the sites of load management.

What a station is to be told is kept before it is ordered, so that after a crash between the two we believe that it may
draw the larger of both; the order bears a name that makes giving it again harmless.
"""

import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy import Connection

from backend.core.load import control
from backend.core.load.control import Decision, Memory, Seen
from backend.core.load.dimming import Dimming
from backend.core.load.limits import Around, rooms
from backend.core.load.profiles import ACTION, fail_safe_profile, station_profile, transaction_profile
from backend.core.load.site import NOMINAL_V, EvseKey, EvseSpec, Site
from backend.core.order import Order, OrderState
from backend.store import load as rows
from backend.store.load import EvseState
from backend.store.orders import list_orders
from backend.store.writer import Store
from shared.clock import Clock
from shared.config import setting
from shared.ids import ChargePointId, Secret
from shared.log import Log
from shared.ocpp.session import Payload, loads
from shared.ocpp.validation import Version

log = Log(__name__)

_BY = "load management"
_PATIENCE = timedelta(seconds=30)
_LEAST_S = 2.0
"""Between two evaluations, however much happens."""

VersionOf = Callable[[ChargePointId], Version | None]
"""Tells which version a station speaks, None while it is not connected."""


class Give(Protocol):
    """Gives an order to stations, see `backend.csms.orders`."""

    def __call__(
        self,
        charge_points: Sequence[str],
        action: str,
        payload: Payload,
        *,
        patience: timedelta,
        checked: bool,
        ordered_by: str,
        batch: str,
    ) -> Awaitable[list[Order]]:
        """Give it."""
        ...


@dataclass(frozen=True, slots=True)
class LoadSettings:
    """How sites of load management are steered."""

    every_s: float = setting(
        15.0, unit="s", minimum=1.0, maximum=300.0, help="look at each site at least this often; events come at once"
    )
    mqtt_host: str = setting("", help="broker that dimming and readings of sites come from; empty = none")
    mqtt_port: int = setting(1883, minimum=1, maximum=65535, help="its port")
    mqtt_tls: bool = setting(False, help="speak TLS with it")
    mqtt_user: str = setting("", help="user there")
    mqtt_password: Secret = setting(Secret(""), help="password there")
    mqtt_topic: str = setting("emops/load", help="topics are this, then /SITE/dimming and /SITE/meter")


@dataclass(frozen=True, slots=True)
class Look:
    """A site at a moment."""

    operator_id: str
    site: Site
    states: dict[EvseKey, EvseState]
    seen: dict[EvseKey, Seen]
    around: Around
    decision: Decision


def look_at(connection: Connection, operator_id: str, site: Site, online: frozenset[str], now: datetime) -> Look:
    """Read a site and decide about it; nothing is changed."""
    states = rows.evse_states(connection, site.id)
    seen = rows.read_evses(connection, site, online)
    around = Around(rows.building(connection, site.id, now), rows.dimmed_now(connection, site, now))
    decision = control.decide(site, seen, {key: one.memory for key, one in states.items()}, around, now)
    return Look(operator_id, site, states, seen, around, decision)


class LoadSteerer:
    """See the module."""

    def __init__(
        self, store: Store, clock: Clock, settings: LoadSettings, *, give: Give, version_of: VersionOf
    ) -> None:
        self._store, self._clock, self._settings = store, clock, settings
        self._give, self._version_of = give, version_of
        self._last: datetime | None = None
        self._sampled: dict[str, datetime] = {}
        self._capped: set[str] = set()

    async def run(self) -> datetime | None:
        """Steer all sites, and tell when to look again; None while there is none. Cancelling is safe."""
        now = self._clock.utc()
        if self._last is not None and now < self._last + timedelta(seconds=_LEAST_S):
            return self._last + timedelta(seconds=_LEAST_S)
        sites = await self._store.read(rows.list_sites)
        if not sites:
            return None
        self._last = now
        for operator_id, site in sites:
            await self._steer(operator_id, site, now)
        return now + timedelta(seconds=self._settings.every_s)

    async def _steer(self, operator_id: str, site: Site, now: datetime) -> None:
        before = await self._store.read(lambda unit: rows.evse_states(unit, site.id))
        if any(one.batch or one.default_batch or one.memory.asked for one in before.values()):
            await self._store.write(lambda unit: _settle(unit, site, now))
        stations = {one.key[0] for one in site.evses}
        versions = {name: version for name in stations if (version := self._version_of(ChargePointId(name)))}
        online = frozenset(versions)
        self._capped &= online
        looked = await self._store.read(lambda unit: look_at(unit, operator_id, site, online, now))
        states, orders = self._prepared(looked, versions, now)
        samples = self._sampled.get(site.id) != (minute := now.replace(second=0, microsecond=0))
        self._sampled[site.id] = minute

        changed = {key: state for key, state in states.items() if state != looked.states.get(key)}

        def keep(unit: Connection) -> None:
            for key, state in changed.items():
                rows.save_evse(unit, site.id, key, state)
            _note_followed(unit, looked, now)
            if samples:
                _sample(unit, looked, now)

        if changed or samples or looked.around.dimmed_w is not None:
            await self._store.write(keep)
        for name, payload, batch in orders:
            await self._give([name], ACTION, payload, patience=_PATIENCE, checked=True, ordered_by=_BY, batch=batch)

    def _prepared(
        self, looked: Look, versions: dict[str, Version], now: datetime
    ) -> tuple[dict[EvseKey, EvseState], list[tuple[str, Payload, str]]]:
        """Give what is to be remembered, and the orders that go out after."""
        states, orders = {}, []
        decision, specs = looked.decision, {one.key: one for one in looked.site.evses}
        for key, spec in specs.items():
            state = looked.states.get(key, EvseState(Memory()))
            memory = decision.memories[key]
            state = replace(
                state, memory=memory, target_ma=decision.targets.get(key, -1), bound_ma=decision.bounds[key]
            )
            version = versions.get(key[0])
            if version and key in decision.defaults and not state.default_batch:
                orders += self._first_words(looked.site, spec, version)
                state = replace(state, default_batch=_name())
                orders.append((key[0], fail_safe_profile(version, key[1], spec.fail_safe_ma), state.default_batch))
            if version and (told := decision.orders.get(key)):
                state = replace(state, memory=control.asked(memory, told, now), batch=_name())
                orders.append((key[0], transaction_profile(version, key, told), state.batch))
                log.info("load_told", evse=f"{key[0]}/{key[1]}", limit_ma=told.limit_ma, site=looked.site.id)
            states[key] = state
        return states, orders

    def _first_words(self, site: Site, spec: EvseSpec, version: Version) -> list[tuple[str, Payload, str]]:
        """Tell a station once what its circuit bears, where it has several EVSEs that could exceed it together."""
        siblings = [one for one in site.evses if one.key[0] == spec.key[0]]
        circuits = {circuit for one in siblings for circuit in site.paths[one.circuit]}
        limit = min(one.limit_ma for one in site.circuits if one.id in circuits)
        if spec.key[0] in self._capped or len(siblings) < 2 or sum(one.maximum_ma for one in siblings) <= limit:
            return []
        self._capped.add(spec.key[0])
        return [(spec.key[0], station_profile(version, limit), _name())]


def _name() -> str:
    return f"load-{secrets.token_hex(12)}"


def _settle(connection: Connection, site: Site, now: datetime) -> None:
    """Take in what stations said to what they were told."""
    for key, state in rows.evse_states(connection, site.id).items():
        spec = next((one for one in site.evses if one.key == key), None)
        settled = _settled_default(connection, state, spec, now) if spec else state
        settled = _settled_limit(connection, settled, now)
        if settled != state:
            rows.save_evse(connection, site.id, key, settled)


def _settled_default(connection: Connection, state: EvseState, spec: EvseSpec, now: datetime) -> EvseState:
    ended = _ended(connection, state.default_batch)
    if ended is None:
        return state
    done, _, answer = ended
    memory = state.memory
    memory = replace(memory, default_ma=spec.fail_safe_ma) if done else replace(memory, retry_at=now + control.RETRY)
    return replace(state, memory=memory, default_batch="", answer=answer)


def _settled_limit(connection: Connection, state: EvseState, now: datetime) -> EvseState:
    ended = _ended(connection, state.batch)
    if ended is None:
        if state.memory.asked and not state.batch:
            return replace(state, memory=control.refused(state.memory, now, may_have_acted=True))
        return state
    done, acted, answer = ended
    memory = state.memory
    memory = control.answered(memory, now) if done else control.refused(memory, now, may_have_acted=acted)
    return replace(state, memory=memory, batch="", answer=answer)


def _ended(connection: Connection, batch: str) -> tuple[bool, bool, str] | None:
    """Tell whether it was accepted, whether it may have been acted on, and the words; None while it is under way."""
    if not batch:
        return None
    found = list_orders(connection, 1, batch=batch)
    if not found:
        return False, False, "it was never sent"
    order = found[0]
    if order.is_open:
        return None
    payload = loads(order.answer) if order.answer else {}
    status = str(payload.get("status", "")) if isinstance(payload, dict) else ""
    return status == "Accepted", order.state is OrderState.SILENT, status or order.reason or order.state.value


def _note_followed(connection: Connection, looked: Look, now: datetime) -> None:
    """Log once that no EVSE may draw more than the grid operator left."""
    limit = looked.around.dimmed_w
    last = next(iter(rows.dimmings(connection, looked.site.id, 1)), None)
    if limit is None or last is None or last.kind != "asked":
        return
    decision = looked.decision
    watts = sum(ma * len(decision.used[key]) for key, ma in decision.bounds.items()) * NOMINAL_V // 1000
    if watts <= limit:
        told = Dimming(last.limit_w, now, last.until)
        rows.log_dimming(connection, looked.operator_id, looked.site.id, "followed", told, watts, _BY)


def _sample(connection: Connection, looked: Look, now: datetime) -> None:
    allotted, measured = rows.drawn_of(looked.site, looked.seen, looked.decision)
    root, room = looked.site.root.id, rooms(looked.site, looked.around, now)
    phases = [(root, phase) for phase in (1, 2, 3)]
    rows.add_sample(
        connection,
        looked.site.id,
        now,
        max(allotted[one] for one in phases),
        max(measured[one] for one in phases),
        min(room[one] for one in phases),
    )
