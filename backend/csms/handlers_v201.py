"""What each message of an OCPP 2.0.1 or 2.1 station means to the store, and its answer."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import partial
from typing import cast

from sqlalchemy import Connection

from backend.core.id_token import Authorization, authorize
from backend.core.watch.fault import is_alarm
from backend.csms.handling import Handler, Sender, on_heartbeat, on_progress, on_report, on_security_event, received
from backend.csms.vendor_messages import on_data_transfer
from backend.store.charge_points import Boot, EvseStatus, note_charging_state, store_boot, store_evse_status
from backend.store.event_log import store_signed_values
from backend.store.id_tokens import find_token
from backend.store.ratings import current_rating
from backend.store.transaction_messages import store_message
from backend.store.transactions import release_held
from backend.store.watch import EventReport, StatusReport, note_event, note_status
from shared.ids import ChargePointId, EvseId
from shared.money import Money
from shared.ocpp.session import Payload
from shared.ocpp.v16 import PayloadError, parse_timestamp, timestamp
from shared.ocpp.v201 import (
    EventType,
    TransactionMessage,
    decode_id_token,
    decode_meter_values,
    decode_transaction_event,
)

_ACKNOWLEDGED = (
    "ClearedChargingLimit",
    "NotifyChargingLimit",
    "NotifyCustomerInformation",
    "NotifyDisplayMessages",
    "NotifyMonitoringReport",
    "NotifyReport",
    "ReportChargingProfiles",
    "ReservationStatusUpdate",
)
"""Acknowledged by an empty answer: it tells what we keep no record of."""

_ANSWERS: Mapping[str, Payload] = {
    "Get15118EVCertificate": {"status": "Failed", "exiResponse": ""},
    "GetCertificateStatus": {"status": "Failed"},
    "NotifyEVChargingNeeds": {"status": "Rejected"},
    "NotifyEVChargingSchedule": {"status": "Accepted"},
}
"""Services that this central system does not render, and the answers that say so."""

_ACKNOWLEDGED_V21 = ("BatterySwap", "NotifyPriorityCharging", "NotifySettlement", "NotifyWebPaymentStarted")

_WORDS = {Authorization.INVALID: "Unknown"}
"""AuthorizationStatusEnumType tells a token that nobody knows from one that is not valid."""

_AVAILABILITIES = (("Connector", "AvailabilityState"), ("EVSE", "AvailabilityState"))
"""Component and variable of events that tell what a StatusNotification would (2.0.1 part 2, G01)."""

_CHARGING = ("Charging", "SuspendedEV", "SuspendedEVSE")
"""Charging states that say more of an EVSE than Occupied does; they are statuses of OCPP 1.6, too."""


def handlers_v201(heartbeat_interval_s: int, running_cost: Callable[[int], Money | None]) -> Mapping[str, Handler]:
    """Give the table of actions of 2.0.1; the arguments as for `make_handlers`."""
    return {
        **{action: partial(on_report, {}) for action in _ACKNOWLEDGED},
        **{action: partial(on_report, answer) for action, answer in _ANSWERS.items()},
        "Authorize": on_authorize,
        "BootNotification": partial(on_boot_notification, heartbeat_interval_s),
        "DataTransfer": on_data_transfer,
        "FirmwareStatusNotification": partial(on_progress, "firmware update"),
        "Heartbeat": on_heartbeat,
        "LogStatusNotification": partial(on_progress, "upload of a log"),
        "MeterValues": on_meter_values,
        "NotifyEvent": on_notify_event,
        "PublishFirmwareStatusNotification": partial(on_progress, "publishing of firmware"),
        "SecurityEventNotification": on_security_event,
        "StatusNotification": on_status_notification,
        "TransactionEvent": partial(on_transaction_event, running_cost),
    }


def handlers_v21(heartbeat_interval_s: int, running_cost: Callable[[int], Money | None]) -> Mapping[str, Handler]:
    """Give the table of actions of 2.1: those of 2.0.1 and the new ones on cost and authorization."""
    return {
        **handlers_v201(heartbeat_interval_s, running_cost),
        **{action: partial(on_report, {}) for action in _ACKNOWLEDGED_V21},
        "VatNumberValidation": on_vat_number_validation,
    }


def on_boot_notification(
    heartbeat_interval_s: int, payload: Payload, sender: Sender, connection: Connection, now: datetime
) -> Payload:
    """Note who the station says it is (2.0.1 part 2, 1.8), and tell it the time."""
    told = cast(Payload, payload["chargingStation"])
    boot = Boot(
        vendor=str(told["vendorName"]),
        model=str(told["model"]),
        serial=str(told.get("serialNumber", "")),
        firmware=str(told.get("firmwareVersion", "")),
    )
    store_boot(connection, sender.charge_point_id, boot, now)
    return {"currentTime": timestamp(now), "interval": heartbeat_interval_s, "status": "Accepted"}


def on_authorize(payload: Payload, sender: Sender, connection: Connection, now: datetime) -> Payload:
    """Tell whether a driver may charge (part 2, 1.6). Contract certificates can't be checked here, and it says so."""
    answer: dict[str, object] = {"idTokenInfo": _id_token_info(connection, sender, payload["idToken"], now)}
    if "certificate" in payload or "iso15118CertificateHashData" in payload:
        answer["certificateStatus"] = "NoCertificateAvailable"
    return answer


def on_status_notification(payload: Payload, sender: Sender, connection: Connection, now: datetime) -> Payload:
    """Note the state of an EVSE (part 2, 1.58). One that was never reported before may release held transactions."""
    status, at = str(payload["connectorStatus"]), parse_timestamp(payload["timestamp"])
    _store_status(connection, sender.charge_point_id, _evse(payload["evseId"]), status, min(at, now))
    report = StatusReport(_evse(payload["evseId"]), _evse(payload["connectorId"]), status, min(at, now))
    note_status(connection, sender.charge_point_id, report)
    return {}


def on_notify_event(payload: Payload, sender: Sender, connection: Connection, now: datetime) -> Payload:
    """Note what comes as events (part 2, 1.44): AvailabilityState of an EVSE or a connector, and faults."""
    for evse_id, connector_id, status in _availabilities(payload):
        _store_status(connection, sender.charge_point_id, evse_id, status, now)
        note_status(connection, sender.charge_point_id, StatusReport(evse_id, connector_id, status, now))
    for report in _alarms(payload, now):
        note_event(connection, sender.charge_point_id, report)
    return {}


def on_meter_values(payload: Payload, sender: Sender, connection: Connection, now: datetime) -> Payload:
    """Keep what is signed of an EVSE without a transaction (part 2, 1.32); nobody bills the rest."""
    _, signed = decode_meter_values(payload, now)
    store_signed_values(connection, None, _evse(payload["evseId"]), signed, received(payload, sender, now))
    return {}


def on_transaction_event(
    running_cost: Callable[[int], Money | None],
    payload: Payload,
    sender: Sender,
    connection: Connection,
    now: datetime,
) -> Payload:
    """Keep a part of a transaction (part 2, 1.60), whatever the token is worth: the energy may have flowed."""
    message = decode_transaction_event(payload)
    transaction_id = store_message(connection, message, received(payload, sender, now), sender.version)
    _note_charging_state(connection, sender, transaction_id, message, now)
    answer: dict[str, object] = {}
    cost = _cost(connection, transaction_id, message.kind, running_cost)
    if cost is not None:
        answer["totalCost"] = cost
    if payload.get("idToken"):
        answer["idTokenInfo"] = _id_token_info(connection, sender, payload["idToken"], message.at)
    return answer


def on_vat_number_validation(payload: Payload, _sender: Sender, _connection: Connection, _now: datetime) -> Payload:
    """Refuse: no register of VAT numbers is asked (2.1 part 2, 1.81)."""
    return {"vatNumber": payload["vatNumber"], "status": "Rejected"}


def _cost(
    connection: Connection, transaction_id: int, kind: EventType, running_cost: Callable[[int], Money | None]
) -> object:
    """Give what an answer tells as cost: so far, or of the whole transaction once it is rated; None if not known."""
    if kind is not EventType.ENDED:
        money = running_cost(transaction_id)
        return money.rounded().amount if money else None
    rating = current_rating(connection, transaction_id)
    return rating.total_gross if rating else None


def _id_token_info(connection: Connection, sender: Sender, told: object, at: datetime) -> Payload:
    """Make an IdTokenInfoType: what the token was worth at a time. Where none is asked for, the station decides."""
    id_token = decode_id_token(told)
    if id_token is None:
        return {"status": "Accepted" if cast(Payload, told).get("type") == "NoAuthorization" else "Invalid"}
    token = find_token(connection, sender.charge_point_id, id_token)
    worth = authorize(token, at)
    info: dict[str, object] = {"status": _WORDS.get(worth, worth)}
    if token and token.expires_at:
        info["cacheExpiryDateTime"] = timestamp(token.expires_at)
    return info


def _note_charging_state(
    connection: Connection, sender: Sender, transaction_id: int, message: TransactionMessage, now: datetime
) -> None:
    """Show an EVSE as charging while it does."""
    state = "Occupied" if message.kind is EventType.ENDED else message.charging_state
    if message.offline or state not in (*_CHARGING, "Occupied"):
        return
    note_charging_state(connection, sender.charge_point_id, transaction_id, state, min(message.at, now))


def _store_status(
    connection: Connection, charge_point_id: ChargePointId, evse_id: EvseId, status: str, at: datetime
) -> None:
    # A station whose clock runs ahead would else block its own later reports; hence callers take the earlier time.
    error_code = "OtherError" if status == "Faulted" else "NoError"
    if store_evse_status(connection, charge_point_id, EvseStatus(evse_id, status, error_code, at)):
        release_held(connection, charge_point_id)


def _availabilities(payload: Payload) -> Iterator[tuple[EvseId, int, str]]:
    for event in cast("list[Payload]", payload["eventData"]):
        component, variable = cast(Payload, event["component"]), cast(Payload, event["variable"])
        evse = component.get("evse")
        if (
            variable["name"] == "AvailabilityState"
            and component["name"] in ("Connector", "EVSE")
            and isinstance(evse, dict)
        ):
            yield _evse(evse["id"]), _evse(evse.get("connectorId", 1)), str(event["actualValue"])[:20]


def _alarms(payload: Payload, now: datetime) -> Iterator[EventReport]:
    for event in cast("list[Payload]", payload["eventData"]):
        component, variable = cast(Payload, event["component"]), cast(Payload, event["variable"])
        if not is_alarm(str(component["name"]), str(variable["name"])):
            continue
        told = component.get("evse")
        place = cast(Payload, told) if isinstance(told, dict) else {"id": 0}
        is_there = not event.get("cleared") and str(event["actualValue"]).lower() in ("true", "1")
        yield EventReport(
            _evse(place["id"]),
            _evse(place.get("connectorId", 0)),
            f"{component['name']}.{variable['name']}",
            is_there,
            min(parse_timestamp(event["timestamp"]), now),
            str(event.get("techCode", "")),
            str(event.get("techInfo", "")),
        )


def _evse(told: object) -> EvseId:
    number = int(cast(int, told))
    if not 0 <= number < 2**31:
        raise PayloadError("the EVSE's number is out of range")
    return EvseId(number)
