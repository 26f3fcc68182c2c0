"""What the central system may ask of the station (OCPP 1.6 §5), one method per action.

An answer is given when what it says is true: stored if it must survive, handed to the EVSE if it is to be done. None of
these waits for a call of ours, because the answer must go out before that.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from shared.ids import EvseId, IdToken, TransactionKey
from shared.log import Log
from shared.metering import MeterValue, ReadingContext
from shared.ocpp.session import ErrorCode, Payload
from shared.ocpp.v16 import ID_TAG_LENGTH, PayloadError, meter_values
from shared.ocpp.vendor import RUNNING_COST, VENDOR_ID, decode_running_cost
from shared.transaction import StopReason, Updated
from station.core.authorize import TokenInfo, parse_token_info
from station.core.charging import Charging, Phase
from station.core.configuration import ChangeStatus, Configuration
from station.core.evse_events import EndRequested, OperativeChanged, RemoteStart
from station.core.status_reports import StatusReports
from station.csms_connection import CallRefused
from station.csms_link import CsmsLink
from station.evse_task import EvseTask
from station.journal import Journal
from station.timekeeper import Timekeeper

KEY_PREFIX = "key."
"""Names of configuration keys in the journal."""
OPERATIVE_PREFIX = "operative."
"""Names of the availability of EVSEs in the journal."""

_LOG = Log("station.csms")
_RESETS = {"Soft": StopReason.SOFT_RESET, "Hard": StopReason.HARD_RESET}


@dataclass(frozen=True, slots=True)
class Station:
    """What the actions work on. `reset` ends the program after the transactions have ended."""

    evses: Mapping[EvseId, EvseTask]
    link: CsmsLink
    journal: Journal
    timekeeper: Timekeeper
    configuration: Configuration
    statuses: StatusReports
    boot_payload: Callable[[], Payload]
    reset: Callable[[StopReason], None]
    availability_changed: Callable[[], None]


class CsmsActions:
    """See the module. `answer` fits station.csms_connection.Answer."""

    def __init__(self, station: Station) -> None:
        self._station = station
        self._actions: dict[str, Callable[[Payload], Awaitable[Payload]]] = {
            "ChangeAvailability": self._change_availability,
            "ChangeConfiguration": self._change_configuration,
            "ClearCache": self._clear_cache,
            "DataTransfer": self._data_transfer,
            "GetConfiguration": self._get_configuration,
            "GetLocalListVersion": self._get_local_list_version,
            "RemoteStartTransaction": self._remote_start,
            "RemoteStopTransaction": self._remote_stop,
            "Reset": self._reset,
            "SendLocalList": self._send_local_list,
            "TriggerMessage": self._trigger_message,
            "UnlockConnector": self._unlock_connector,
        }

    async def answer(self, action: str, payload: Payload) -> Payload:
        """Do what is asked.

        Args:
            action: one of OCPP 1.6.
            payload: that passed its schema.

        Raises:
            CallRefused: the action is not supported.
        """
        do = self._actions.get(action)
        if do is None:
            raise CallRefused(ErrorCode.NOT_SUPPORTED, f"{action} is not supported by this charge point")
        answer = await do(payload)
        _LOG.info("csms_asked", action=action, status=answer.get("status", "answered"))
        return answer

    async def _remote_start(self, payload: Payload) -> Payload:
        evse = self._startable(payload.get("connectorId"))
        token = _token(payload["idTag"])
        if evse is None or token is None or not self._station.link.is_accepted:
            return _status("Rejected")
        evse.tell(RemoteStart(token, ask=self._station.configuration.flag("AuthorizeRemoteTxRequests")))
        return _status("Accepted")

    def _startable(self, connector_id: object) -> EvseTask | None:
        """Give the EVSE that was named, or the one where a vehicle waits, if a charge can start there."""

        def can_start(charging: Charging) -> bool:
            return charging.phase is Phase.IDLE and not charging.blocked_by

        evses = self._station.evses
        if isinstance(connector_id, int):
            named = evses.get(EvseId(connector_id))
            return named if named and can_start(named.charging) else None
        ready = [evse for evse in evses.values() if can_start(evse.charging)]
        return next((evse for evse in ready if evse.charging.is_plugged), ready[0] if ready else None)

    async def _remote_stop(self, payload: Payload) -> Payload:
        number = payload["transactionId"]
        found = await self._station.journal.open_transaction_of(number) if isinstance(number, int) else None
        evse = self._station.evses.get(found[0]) if found else None
        if evse is None or not self._station.link.is_accepted:
            return _status("Rejected")
        evse.tell(EndRequested(StopReason.REMOTE))
        return _status("Accepted")

    async def _change_availability(self, payload: Payload) -> Payload:
        connector_id, operative = payload["connectorId"], payload["type"] == "Operative"
        evses = self._station.evses
        chosen = evses if connector_id == 0 else {number: evses[number] for number in evses if number == connector_id}
        if not chosen:
            return _status("Rejected")
        for number, evse in chosen.items():
            await self._station.journal.set_value(f"{OPERATIVE_PREFIX}{number}", str(operative))
            evse.tell(OperativeChanged(operative))
        if connector_id == 0:
            await self._station.journal.set_value(f"{OPERATIVE_PREFIX}0", str(operative))
            self._station.availability_changed()
        busy = any(evse.charging.transaction for evse in chosen.values())
        return _status("Scheduled" if busy and not operative else "Accepted")

    async def _get_configuration(self, payload: Payload) -> Payload:
        asked, configuration = payload.get("key"), self._station.configuration
        names = [str(name) for name in asked] if isinstance(asked, list) and asked else list(configuration.names())
        known = [
            {"key": name, "readonly": configuration.is_read_only(name), "value": text}
            for name in names
            if (text := configuration.text(name)) is not None
        ]
        unknown = [name for name in names if configuration.text(name) is None]
        return {"configurationKey": known, **({"unknownKey": unknown} if unknown else {})}

    async def _change_configuration(self, payload: Payload) -> Payload:
        return _status(await self.change_key(str(payload["key"]), str(payload["value"])))

    async def change_key(self, name: str, text: str) -> ChangeStatus:
        """Change a configuration key, for the central system or a technician; it is stored before it counts."""
        status = self._station.configuration.judge(name, text)
        if status in (ChangeStatus.ACCEPTED, ChangeStatus.REBOOT_REQUIRED):
            await self._station.journal.set_value(f"{KEY_PREFIX}{name}", text)
        if status is ChangeStatus.ACCEPTED:
            self._station.configuration.change(name, text)
            self._station.link.wake()
        return status

    async def _clear_cache(self, _payload: Payload) -> Payload:
        await self._station.journal.tokens.clear_cache()
        return _status("Accepted")

    async def _reset(self, payload: Payload) -> Payload:
        self._station.reset(_RESETS[str(payload["type"])])
        return _status("Accepted")

    async def _unlock_connector(self, payload: Payload) -> Payload:
        number = payload["connectorId"]
        evse = self._station.evses.get(EvseId(number)) if isinstance(number, int) else None
        return _status(await evse.unlock() if evse else "NotSupported")

    async def _data_transfer(self, payload: Payload) -> Payload:
        if payload["vendorId"] != VENDOR_ID:
            return _status("UnknownVendorId")
        if payload.get("messageId") != RUNNING_COST:
            return _status("UnknownMessageId")
        try:
            told = decode_running_cost(payload)
        except PayloadError as error:
            _LOG.warning("cost_not_readable", reason=error)
            return _status("Rejected")
        found = await self._station.journal.open_transaction_of(told.transaction_id)
        evse = self._station.evses.get(found[0]) if found else None
        if evse is None:
            return _status("Rejected")
        evse.cost = told.cost
        return _status("Accepted")

    async def _trigger_message(self, payload: Payload) -> Payload:
        chosen = self._chosen(payload.get("connectorId"))
        if chosen is None:
            return _status("Rejected")
        link = self._station.link
        match payload["requestedMessage"]:
            case "BootNotification":
                link.post("BootNotification", self._station.boot_payload(), is_triggered=True)
            case "Heartbeat":
                link.post("Heartbeat", {}, is_triggered=True)
            case "StatusNotification":
                for connector_id in chosen:
                    if report := self._station.statuses.present(connector_id):
                        link.post("StatusNotification", report.payload(), is_triggered=True)
            case "MeterValues":
                return self._trigger_meter_values(chosen)
            case _:
                return _status("NotImplemented")
        return _status("Accepted")

    def _chosen(self, connector_id: object) -> list[int] | None:
        """Give the connectors that are meant, None if the one named does not exist."""
        everything = [0, *self._station.evses]
        if connector_id is None:
            return everything
        return [connector_id] if isinstance(connector_id, int) and connector_id in everything else None

    def _trigger_meter_values(self, chosen: list[int]) -> Payload:
        evses = [self._station.evses[EvseId(number)] for number in chosen if number]
        read = [(evse.charging.evse_id, evse.charging.reading) for evse in evses]
        now = self._station.timekeeper.now().utc
        for evse_id, reading in read:
            if reading:
                value = MeterValue(now, reading, ReadingContext.TRIGGER)
                self._station.link.post("MeterValues", values_without_transaction(evse_id, value), is_triggered=True)
        return _status("Accepted" if any(reading for _, reading in read) else "Rejected")

    async def _get_local_list_version(self, _payload: Payload) -> Payload:
        if not self._station.configuration.flag("LocalAuthListEnabled"):
            return {"listVersion": -1}
        return {"listVersion": await self._station.journal.tokens.list_version()}

    async def _send_local_list(self, payload: Payload) -> Payload:
        version, is_full = payload["listVersion"], payload["updateType"] == "Full"
        rows = payload.get("localAuthorizationList") or []
        assert isinstance(version, int)  # noqa: S101  the schema says so
        assert isinstance(rows, list)  # noqa: S101  likewise
        tokens = self._station.journal.tokens
        if not self._station.configuration.flag("LocalAuthListEnabled"):
            return _status("NotSupported")
        if not is_full and version <= await tokens.list_version():
            return _status("VersionMismatch")
        entries = [_list_entry(row) for row in rows]
        good = [entry for entry in entries if entry]
        most = self._station.configuration.number("SendLocalListMaxLength")
        if version < 1 or len(good) != len(entries) or len(entries) > most or (is_full and any(not e[1] for e in good)):
            return _status("Failed")
        length = 0 if is_full else await tokens.list_length()
        if length + len(entries) > self._station.configuration.number("LocalAuthListMaxLength"):
            return _status("Failed")
        await tokens.update_list(version, good, replace=is_full)
        return _status("Accepted")


def values_without_transaction(evse_id: EvseId, value: MeterValue) -> Payload:
    """Encode MeterValues.req of a value that is told outside the ledger (OCPP 1.6 §6.31)."""
    payload = meter_values(Updated(TransactionKey(""), 0, evse_id, (value,)), 0)
    return {name: part for name, part in payload.items() if name != "transactionId"}


def _status(status: str) -> Payload:
    return {"status": status}


def _token(text: object) -> IdToken | None:
    try:
        return IdToken.parse(str(text), ID_TAG_LENGTH)
    except ValueError:
        return None


def _list_entry(row: Mapping[str, object]) -> tuple[IdToken, TokenInfo | None] | None:
    """Read one entry of SendLocalList.req; without idTagInfo the token is to be taken out of the list."""
    token = _token(row["idTag"])
    if token is None:
        return None
    if "idTagInfo" not in row:
        return token, None
    info = parse_token_info(row["idTagInfo"])
    return (token, info) if info else None
