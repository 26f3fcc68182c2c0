"""What the central system may ask in OCPP 1.6 (§5): one handler per action, from payload to operation and back."""

from collections.abc import Mapping

from shared.ids import EvseId, IdToken
from shared.log import Log
from shared.ocpp.session import ErrorCode, Payload
from shared.ocpp.v16 import ID_TAG_LENGTH, PayloadError, parse_timestamp
from shared.ocpp.vendor import RUNNING_COST, VENDOR_ID, decode_running_cost
from shared.transaction import StopReason
from station.core.authorize import TokenInfo
from station.core.charging_profile import OCPP16_RULES
from station.core.reservation import Reservation
from station.csms_connection import CallRefused
from station.csms_requests import Handler
from station.ocpp16.charging_requests import handlers as charging_handlers
from station.ocpp16.charging_requests import read_profile
from station.ocpp16.dialect import token_info
from station.ocpp16.file_requests import handlers as file_handlers
from station.ocpp16.security_requests import handlers as security_handlers
from station.operations import Operations, Topic

_LOG = Log("station.csms")
_RESETS = {"Soft": StopReason.SOFT_RESET, "Hard": StopReason.HARD_RESET}


def handlers(operations: Operations) -> dict[str, Handler]:
    """Give the table."""
    requests = _Requests(operations)
    return {
        **charging_handlers(operations),
        **file_handlers(operations),
        **security_handlers(operations),
        "CancelReservation": requests.cancel_reservation,
        "ChangeAvailability": requests.change_availability,
        "ChangeConfiguration": requests.change_configuration,
        "ClearCache": requests.clear_cache,
        "DataTransfer": requests.data_transfer,
        "GetConfiguration": requests.get_configuration,
        "GetLocalListVersion": requests.get_local_list_version,
        "RemoteStartTransaction": requests.remote_start,
        "RemoteStopTransaction": requests.remote_stop,
        "ReserveNow": requests.reserve_now,
        "Reset": requests.reset,
        "SendLocalList": requests.send_local_list,
        "TriggerMessage": requests.trigger_message,
        "UnlockConnector": requests.unlock_connector,
    }


class _Requests:
    def __init__(self, operations: Operations) -> None:
        self._operations = operations

    async def remote_start(self, payload: Payload) -> Payload:
        token = _token(payload["idTag"])
        if token is None:
            return _status("Rejected")
        row = payload.get("chargingProfile")
        if not isinstance(row, Mapping):
            return _status(await self._operations.start(token, _evse(payload)))
        if "transactionId" in row:
            return _status("Rejected")
        brought = (read_profile(row, None), OCPP16_RULES)
        return _status(await self._operations.start(token, _evse(payload), profile=brought))

    async def remote_stop(self, payload: Payload) -> Payload:
        key = await self._operations.transaction_of(_number(payload, "transactionId"))
        return _status(self._operations.stop(key))

    async def change_availability(self, payload: Payload) -> Payload:
        operative = payload["type"] == "Operative"
        return _status(await self._operations.change_availability(EvseId(_number(payload, "connectorId")), operative))

    async def get_configuration(self, payload: Payload) -> Payload:
        asked, configuration = payload.get("key"), self._operations.configuration
        names = [str(name) for name in asked] if isinstance(asked, list) and asked else list(configuration.names())
        known = [
            {"key": name, "readonly": configuration.is_read_only(name), "value": text}
            for name in names
            if (text := configuration.text(name)) is not None
        ]
        unknown = [name for name in names if configuration.text(name) is None]
        return {"configurationKey": known, **({"unknownKey": unknown} if unknown else {})}

    async def change_configuration(self, payload: Payload) -> Payload:
        return _status(await self._operations.change_key(str(payload["key"]), str(payload["value"])))

    async def reserve_now(self, payload: Payload) -> Payload:
        token, group = _token(payload["idTag"]), str(payload.get("parentIdTag", ""))
        try:
            expires = parse_timestamp(payload["expiryDate"])
        except PayloadError as error:
            raise CallRefused(ErrorCode.TYPE_CONSTRAINT_VIOLATION, f"expiryDate: {error}") from error
        if token is None:
            return _status("Rejected")
        reservation = Reservation(_number(payload, "reservationId"), token, expires, group)
        return _status(await self._operations.reserve(EvseId(_number(payload, "connectorId")), reservation))

    async def cancel_reservation(self, payload: Payload) -> Payload:
        return _status(await self._operations.cancel_reservation(_number(payload, "reservationId")))

    async def clear_cache(self, _payload: Payload) -> Payload:
        return _status(await self._operations.clear_cache())

    async def reset(self, payload: Payload) -> Payload:
        return _status(self._operations.reset(_RESETS[str(payload["type"])]))

    async def unlock_connector(self, payload: Payload) -> Payload:
        return _status(await self._operations.unlock(EvseId(_number(payload, "connectorId"))))

    async def data_transfer(self, payload: Payload) -> Payload:
        if payload["vendorId"] != VENDOR_ID:
            return _status("UnknownVendorId")
        if payload.get("messageId") != RUNNING_COST:
            return _status("UnknownMessageId")
        try:
            told = decode_running_cost(payload)
        except PayloadError as error:
            _LOG.warning("cost_not_readable", reason=error)
            return _status("Rejected")
        return _status(self._operations.set_cost(await self._operations.transaction_of(told.transaction_id), told.cost))

    async def trigger_message(self, payload: Payload) -> Payload:
        name = str(payload["requestedMessage"])
        if name not in set(Topic):
            return _status("NotImplemented")
        return _status(await self._operations.trigger(Topic(name), _evse(payload)))

    async def get_local_list_version(self, _payload: Payload) -> Payload:
        return {"listVersion": await self._operations.list_version()}

    async def send_local_list(self, payload: Payload) -> Payload:
        rows = payload.get("localAuthorizationList") or []
        assert isinstance(rows, list)  # noqa: S101  the schema says so
        entries = [_list_entry(row) for row in rows]
        is_full = payload["updateType"] == "Full"
        return _status(await self._operations.update_list(_number(payload, "listVersion"), entries, replace=is_full))


def _status(status: str) -> Payload:
    return {"status": status}


def _number(payload: Payload, name: str) -> int:
    value = payload[name]
    assert isinstance(value, int)  # noqa: S101  the schema says so
    return value


def _evse(payload: Payload) -> EvseId | None:
    return EvseId(_number(payload, "connectorId")) if "connectorId" in payload else None


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
    info = token_info(row["idTagInfo"])
    return (token, info) if info else None
