"""Watches variables for a central system of OCPP 2.0.1, and answers what it asks of monitors (part 2, N02 to N08).

Monitors outlive restarts. What they tell waits in memory while there is no connection; faults are no monitors of these:
they are told without being asked for (station.problem_teller).
"""

from collections import deque
from collections.abc import Mapping, Sequence
from typing import NoReturn, cast

from shared.ids import EvseId
from shared.ocpp.session import Payload
from shared.ocpp.v16 import timestamp
from station.core.delivery import Message
from station.csms_requests import Handler
from station.ocpp201.device_model import DataType, Facts, is_named, monitor_reports, names, supports_monitoring
from station.ocpp201.device_requests import DeviceRequests, rows_of
from station.ocpp201.fields import answer, number
from station.ocpp201.monitors import LEAST_SEVERE, Alert, Kind, Monitor, Monitors, Outcome, decode_monitors
from station.operations import Operations
from station.status_teller import StatusTeller

LOOK_S = 2.0
"""How often monitored variables are looked at, world time."""
WAITING = 200
"""Events that wait for a connection; older ones fall out."""
MONITORS = "monitors"
"""Name in the journal."""

_FIRST_EVENT, _EVENTS, _LIVES = 1 << 30, 100_000, 10_000
"""Numbers of events: apart from those of faults, and from those of other lives of the program."""


class Monitoring:
    """See the module."""

    def __init__(self, operations: Operations) -> None:
        self._station = operations.station
        self._operations = operations
        self._device = DeviceRequests(operations)
        self._monitors = Monitors()
        self._waiting: deque[Message] = deque(maxlen=WAITING)
        self._teller = StatusTeller(self._station.link, self._oldest, self._told)
        self._events = 0

    @property
    def table(self) -> Mapping[str, Handler]:
        """What the central system may ask."""
        return {
            "ClearVariableMonitoring": self._clear,
            "GetMonitoringReport": self._report,
            "SetMonitoringBase": self._set_base,
            "SetMonitoringLevel": self._set_level,
            "SetVariableMonitoring": self._set,
        }

    async def load(self) -> None:
        """Take up the monitors that were set before the restart."""
        self._monitors = decode_monitors(await self._station.journal.value(MONITORS) or "")
        self._monitors.life += 1
        if any(self._monitors):
            await self._keep()

    async def tell(self) -> NoReturn:
        """Tell what was noticed, for ever."""
        await self._teller.run()

    async def watch(self) -> NoReturn:
        """Look at the variables for ever."""
        while True:
            await self._station.timekeeper.clock.sleep(LOOK_S)
            if any(self._monitors):
                await self._look()

    async def _look(self) -> None:
        facts, now = await self._device.facts(), self._station.timekeeper.now()
        values = {
            monitor.number: value
            for monitor in self._monitors
            if self._counts(monitor) and (value := self._value(monitor, facts)) is not None
        }
        for alert in self._monitors.look(values, now):
            self._waiting.append(self._event(alert, timestamp(now.utc)))
            self._teller.wake()

    def _counts(self, monitor: Monitor) -> bool:
        if not monitor.in_transaction:
            return True
        evse = monitor.component.get("evse")
        wanted = EvseId(number(cast(Payload, evse), "id")) if evse else None
        evses = self._station.evses.items()
        return any(one.charging.transaction for evse_id, one in evses if wanted in (None, evse_id))

    def _value(self, monitor: Monitor, facts: Facts) -> str | None:
        found = self._device.find({"component": monitor.component, "variable": monitor.variable})
        return None if isinstance(found, str) else self._device.model.value(found, facts)

    def _event(self, alert: Alert, at: str) -> Message:
        monitor, life = alert.monitor, self._monitors.life % _LIVES
        self._events += 1
        event: dict[str, object] = {
            "eventId": _FIRST_EVENT + life * _EVENTS + self._events % _EVENTS,
            "timestamp": at,
            "trigger": alert.trigger,
            "actualValue": alert.value,
            "eventNotificationType": "CustomMonitor",
            "component": monitor.component,
            "variable": monitor.variable,
            "variableMonitoringId": monitor.number,
        }
        if alert.is_cleared:
            event["cleared"] = True
        return Message("NotifyEvent", {"generatedAt": at, "seqNo": 0, "eventData": [event]})

    def _oldest(self) -> Message | None:
        return self._waiting[0] if self._waiting else None

    async def _told(self, message: Message) -> None:
        if self._waiting and self._waiting[0] is message:
            self._waiting.popleft()

    async def _keep(self) -> None:
        await self._station.journal.set_value(MONITORS, self._monitors.encode())

    async def _set(self, payload: Payload) -> Payload:
        results = [self._set_one(row) for row in rows_of(payload, "setMonitoringData")]
        await self._keep()
        return {"setMonitoringResult": results}

    def _set_one(self, row: Payload) -> Payload:
        told = {name: row[name] for name in ("component", "variable", "type", "severity")}
        found = self._device.find(row)
        if isinstance(found, str):
            return {**told, "status": found}
        if not supports_monitoring(found[0]):
            return {**told, "status": Outcome.UNSUPPORTED}
        named = names(found)
        monitor = Monitor(
            number(row, "id") if "id" in row else 0,
            Kind(str(row["type"])),
            str(row["value"]),
            number(row, "severity"),
            bool(row.get("transaction", False)),
            cast(Payload, named["component"]),
            cast(Payload, named["variable"]),
        )
        is_number = found[0].kind in (DataType.INTEGER, DataType.DECIMAL)
        status, given = self._monitors.set(monitor, is_number=is_number)
        return {**told, "status": status, **({"id": given} if given else {})}

    async def _clear(self, payload: Payload) -> Payload:
        asked = [number({"id": one}, "id") for one in cast("Sequence[object]", payload["id"])]
        results = [
            {"id": one, "status": "Accepted" if self._monitors.clear(one) else "NotFound"} for one in asked
        ]  # fmt: skip
        await self._keep()
        return {"clearMonitoringResult": results}

    async def _set_base(self, payload: Payload) -> Payload:
        """Take the set monitors away, unless all are wanted (N03); none are set by the maker."""
        if payload["monitoringBase"] != "All":
            self._monitors.clear_all()
            await self._keep()
        return answer("Accepted")

    async def _set_level(self, payload: Payload) -> Payload:
        level = number(payload, "severity")
        if not 0 <= level <= LEAST_SEVERE:
            return answer("Rejected", f"a severity is 0 to {LEAST_SEVERE}")
        self._monitors.level = level
        await self._keep()
        return answer("Accepted")

    async def _report(self, payload: Payload) -> Payload:
        wanted = cast("Sequence[Payload]", payload.get("componentVariable") or [])
        criteria = cast("Sequence[object]", payload.get("monitoringCriteria") or [])
        chosen = [monitor for monitor in self._monitors if monitor.meets(criteria) and self._is_wanted(monitor, wanted)]
        if not chosen:
            return answer("EmptyResultSet")
        at = timestamp(self._station.timekeeper.now().utc)
        for part in monitor_reports([_row(monitor) for monitor in chosen], number(payload, "requestId"), at):
            self._operations.post(Message("NotifyMonitoringReport", part))
        return answer("Accepted")

    def _is_wanted(self, monitor: Monitor, wanted: Sequence[Payload]) -> bool:
        found = self._device.find({"component": monitor.component, "variable": monitor.variable})
        return not wanted or (not isinstance(found, str) and any(is_named(one, found) for one in wanted))


def _row(monitor: Monitor) -> Payload:
    """Give MonitoringDataType."""
    told = {
        "id": monitor.number,
        "transaction": monitor.in_transaction,
        "value": float(monitor.value),
        "type": monitor.kind,
        "severity": monitor.severity,
    }
    return {"component": monitor.component, "variable": monitor.variable, "variableMonitoring": [told]}
