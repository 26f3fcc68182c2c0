"""What the central system may ask in OCPP 2.0.1 (part 2): one handler per action, from payload to operation and back.

What is not in the table is answered NotSupported: display messages and publishing of firmware, because the station has
no display of its own and no network of stations.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import cast

from shared.ids import EvseId, IdToken, TransactionKey
from shared.log import Log
from shared.money import Money
from shared.ocpp.session import ErrorCode, Payload
from shared.ocpp.v16 import PayloadError, parse_timestamp
from shared.ocpp.vendor import VENDOR_ID
from shared.transaction import StopReason
from station.charging_operations import WHOLE
from station.core.authorize import TokenInfo
from station.core.charging_profile import OCPP2_RULES
from station.core.evse_condition import Phase
from station.core.reservation import Reservation
from station.csms_connection import CallRefused
from station.csms_requests import Handler
from station.ocpp201 import (
    charging_requests,
    customer_requests,
    device_requests,
    file_requests,
    network_requests,
    security_requests,
)
from station.ocpp201.dialect import CONNECTOR, token_info
from station.ocpp201.fields import answer, evse_of, number, token
from station.operations import ListOutcome, Operations, Topic

_LOG = Log("station.csms")

_TOPICS = frozenset({Topic.BOOT, Topic.HEARTBEAT, Topic.METER_VALUES, Topic.STATUS, Topic.TRANSACTION})


def handlers(operations: Operations) -> dict[str, Handler]:
    """Give the table."""
    requests = _Requests(operations)
    return {
        **charging_requests.handlers(operations),
        **customer_requests.handlers(operations),
        **device_requests.handlers(operations),
        **file_requests.handlers(operations),
        **network_requests.handlers(operations),
        **security_requests.handlers(operations),
        "CancelReservation": requests.cancel_reservation,
        "ChangeAvailability": requests.change_availability,
        "ClearCache": requests.clear_cache,
        "CostUpdated": requests.cost_updated,
        "DataTransfer": requests.data_transfer,
        "GetLocalListVersion": requests.get_local_list_version,
        "GetTransactionStatus": requests.get_transaction_status,
        "RequestStartTransaction": requests.request_start,
        "RequestStopTransaction": requests.request_stop,
        "ReserveNow": requests.reserve_now,
        "Reset": requests.reset,
        "SendLocalList": requests.send_local_list,
        "TriggerMessage": requests.trigger_message,
        "UnlockConnector": requests.unlock_connector,
    }


class _Requests:
    def __init__(self, operations: Operations) -> None:
        self._operations = operations
        self._station = operations.station

    async def request_start(self, payload: Payload) -> Payload:
        """Start a transaction, with a TxProfile that may come along (F01, K05)."""
        who = token(payload["idToken"])
        if who is None:
            return answer("Rejected", "the idToken names nobody")
        evse_id = EvseId(number(payload, "evseId")) if "evseId" in payload else None
        start_id, brought = number(payload, "remoteStartId"), None
        if "chargingProfile" in payload:
            profile = charging_requests.read_profile(cast(Payload, payload["chargingProfile"]))
            if profile is None:
                return answer("Rejected", "a profile has one schedule here")
            brought = (profile, OCPP2_RULES)
        outcome = await self._operations.start(who, evse_id, remote_start_id=start_id, profile=brought)
        return answer(outcome)

    async def request_stop(self, payload: Payload) -> Payload:
        return answer(self._operations.stop(TransactionKey(str(payload["transactionId"]))))

    async def get_transaction_status(self, payload: Payload) -> Payload:
        if "transactionId" not in payload:
            return {"messagesInQueue": await self._station.journal.pending() > 0}
        is_open, waits = await self._operations.transaction_status(TransactionKey(str(payload["transactionId"])))
        return {"ongoingIndicator": is_open, "messagesInQueue": waits}

    async def cost_updated(self, payload: Payload) -> Payload:
        cost = payload["totalCost"]
        assert isinstance(cost, (int, Decimal))  # noqa: S101  the schema says so
        currency = self._operations.configuration.text("Currency") or "EUR"
        self._operations.set_cost(TransactionKey(str(payload["transactionId"])), Money(Decimal(cost), currency))
        return {}

    async def change_availability(self, payload: Payload) -> Payload:
        evse_id, exists = evse_of(payload)
        if not exists:
            return answer("Rejected", "there is no such connector")
        operative = payload["operationalStatus"] == "Operative"
        return answer(await self._operations.change_availability(evse_id or WHOLE, operative))

    async def reset(self, payload: Payload) -> Payload:
        if payload.get("evseId"):
            at_once = payload["type"] != "OnIdle"
            return answer(self._operations.reset_evse(EvseId(number(payload, "evseId")), at_once=at_once))
        if payload["type"] == "OnIdle":
            return answer(self._operations.reset_when_idle())
        return answer(self._operations.reset(StopReason.IMMEDIATE_RESET))

    async def unlock_connector(self, payload: Payload) -> Payload:
        evse = self._station.evses.get(EvseId(number(payload, "evseId")))
        if evse is None or number(payload, "connectorId") != CONNECTOR:
            return answer("UnknownConnector")
        if evse.charging.transaction or evse.charging.phase is not Phase.IDLE:
            return answer("OngoingAuthorizedTransaction")
        status = await self._operations.unlock(evse.charging.evse_id)
        return answer("Unlocked") if status == "Unlocked" else answer("UnlockFailed", status)

    async def trigger_message(self, payload: Payload) -> Payload:
        name, (evse_id, exists) = str(payload["requestedMessage"]), evse_of(payload)
        if not exists:
            return answer("Rejected", "there is no such connector")
        match name:
            case "SignChargingStationCertificate":
                return answer(self._operations.security.ask_for_certificate())
            case "FirmwareStatusNotification":
                self._operations.post(self._operations.firmware.report())
                return answer("Accepted")
            case "LogStatusNotification":
                self._operations.post(self._operations.logs.report())
                return answer("Accepted")
            case Topic.BOOT if self._station.link.is_accepted:
                return answer("Rejected", "the station is accepted already")
            case Topic.STATUS if evse_id is None:
                return answer("Rejected", "a connector must be named")
        if name not in _TOPICS:
            return answer("NotImplemented")
        return answer(await self._operations.trigger(Topic(name), evse_id))

    async def clear_cache(self, _payload: Payload) -> Payload:
        if not self._operations.configuration.flag("AuthorizationCacheEnabled"):
            return answer("Rejected", "there is no cache")
        return answer(await self._operations.clear_cache())

    async def get_local_list_version(self, _payload: Payload) -> Payload:
        return {"versionNumber": max(await self._operations.list_version(), 0)}

    async def send_local_list(self, payload: Payload) -> Payload:
        rows = payload.get("localAuthorizationList") or []
        assert isinstance(rows, list)  # noqa: S101  the schema says so
        is_full = payload["updateType"] == "Full"
        outcome = await self._operations.update_list(
            number(payload, "versionNumber"), [_list_entry(row) for row in rows], replace=is_full
        )
        return answer("Failed", "the list is disabled") if outcome is ListOutcome.NOT_SUPPORTED else answer(outcome)

    async def reserve_now(self, payload: Payload) -> Payload:
        who, group = token(payload["idToken"]), token(payload.get("groupIdToken"))
        try:
            expires = parse_timestamp(payload["expiryDateTime"])
        except PayloadError as error:
            raise CallRefused(ErrorCode.TYPE_CONSTRAINT_VIOLATION, f"expiryDateTime: {error}") from error
        if who is None:
            return answer("Rejected", "a reservation names its driver")
        wanted, evse_id = payload.get("connectorType"), payload.get("evseId")
        fitting = [
            one
            for one, evse in self._station.evses.items()
            if evse_id in (None, one) and wanted in (None, device_requests.connector_type(evse))
        ]
        if not fitting:
            return answer("Rejected", "there is no such connector")
        reservation = Reservation(number(payload, "id"), who, expires, group.value if group else "")
        return answer(await self._operations.reserve_one_of(fitting, reservation))

    async def cancel_reservation(self, payload: Payload) -> Payload:
        return answer(await self._operations.cancel_reservation(number(payload, "reservationId")))

    async def data_transfer(self, payload: Payload) -> Payload:
        return answer("UnknownMessageId" if payload["vendorId"] == VENDOR_ID else "UnknownVendorId")


def _list_entry(row: Mapping[str, object]) -> tuple[IdToken, TokenInfo | None] | None:
    """Read AuthorizationData; without idTokenInfo the token is to be taken out of the list."""
    who = token(row["idToken"])
    if who is None:
        return None
    if "idTokenInfo" not in row:
        return who, None
    info = token_info(row["idTokenInfo"])
    return (who, info) if info else None
