"""What each message of an OCPP 1.6 station means to the store, and its answer. One function per action."""

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import cast

from sqlalchemy import Connection

from backend.core.id_token import authorize
from backend.core.transaction import Reading, Start
from backend.csms.handling import Handler, Sender, on_heartbeat, on_progress, on_security_event, received
from backend.csms.vendor_messages import on_data_transfer
from backend.store.charge_points import Boot, EvseStatus, store_boot, store_evse_status
from backend.store.event_log import store_signed_values
from backend.store.id_tokens import find_token
from backend.store.transactions import release_held, stop_of, store_start, store_stop, store_values
from backend.store.watch import StatusReport, note_status
from shared.ids import EvseId, IdToken
from shared.ocpp.session import Payload
from shared.ocpp.v16 import (
    ID_TAG_LENGTH,
    PayloadError,
    decode_meter_values,
    decode_start_transaction,
    decode_stop_transaction,
    parse_timestamp,
    timestamp,
)


def handlers_v16(heartbeat_interval_s: int) -> Mapping[str, Handler]:
    """Give the table of actions. An action that is not in it is answered as not implemented.

    Args:
        heartbeat_interval_s: what stations are told at boot, s.
    """
    return {
        "Authorize": on_authorize,
        "BootNotification": partial(on_boot_notification, heartbeat_interval_s),
        "DataTransfer": on_data_transfer,
        "DiagnosticsStatusNotification": partial(on_progress, "diagnostics"),
        "FirmwareStatusNotification": partial(on_progress, "firmware update"),
        "Heartbeat": on_heartbeat,
        "LogStatusNotification": partial(on_progress, "upload of a log"),
        "MeterValues": on_meter_values,
        "SecurityEventNotification": on_security_event,
        "SignedFirmwareStatusNotification": partial(on_progress, "firmware update"),
        "StartTransaction": on_start_transaction,
        "StatusNotification": on_status_notification,
        "StopTransaction": on_stop_transaction,
    }


def on_boot_notification(
    heartbeat_interval_s: int, payload: Payload, sender: Sender, connection: Connection, now: datetime
) -> Payload:
    """Note who the station says it is (§6.5), and tell it the time."""
    boot = Boot(
        vendor=str(payload["chargePointVendor"]),
        model=str(payload["chargePointModel"]),
        serial=str(payload.get("chargePointSerialNumber", "")),
        firmware=str(payload.get("firmwareVersion", "")),
    )
    store_boot(connection, sender.charge_point_id, boot, now)
    return {"status": "Accepted", "currentTime": timestamp(now), "interval": heartbeat_interval_s}


def on_authorize(payload: Payload, sender: Sender, connection: Connection, now: datetime) -> Payload:
    """Tell whether a driver may charge (§6.1)."""
    try:
        token = IdToken.parse(str(payload["idTag"]), ID_TAG_LENGTH)
    except ValueError as error:
        raise PayloadError(f"idTag: {error}") from error
    return {"idTagInfo": _id_tag_info(connection, sender, token, now)}


def on_status_notification(payload: Payload, sender: Sender, connection: Connection, now: datetime) -> Payload:
    """Note the state of a connector (§6.47). One that was never reported before may release held transactions."""
    told = payload.get("timestamp")
    status = EvseStatus(
        evse_id=EvseId(_connector(payload)),
        status=str(payload["status"]),
        error_code=str(payload["errorCode"]),
        # A station whose clock runs ahead would else block its own later reports.
        at=min(parse_timestamp(told), now) if told else now,
    )
    if store_evse_status(connection, sender.charge_point_id, status):
        release_held(connection, sender.charge_point_id)
    told_of = StatusReport(
        status.evse_id,
        min(status.evse_id, 1),
        status.status,
        status.at,
        status.error_code,
        str(payload.get("vendorErrorCode", "")),
        str(payload.get("info", "")),
    )
    note_status(connection, sender.charge_point_id, told_of)
    return {}


def on_start_transaction(payload: Payload, sender: Sender, connection: Connection, now: datetime) -> Payload:
    """Keep the begin of a transaction (§6.45). It is kept whatever the token is worth: the energy may have flowed."""
    told = decode_start_transaction(payload)
    start = Start(told.evse_id, told.id_token, Reading(told.meter.at, told.meter.reading.energy_import))
    transaction_id = store_start(connection, start, received(payload, sender, now))
    info = _id_tag_info(connection, sender, told.id_token, told.meter.at)
    return {"transactionId": transaction_id, "idTagInfo": info}


def on_meter_values(payload: Payload, sender: Sender, connection: Connection, now: datetime) -> Payload:
    """Keep readings of a transaction (§6.31). Outside of one only what is signed is kept: nobody bills the rest."""
    told = decode_meter_values(payload)
    message = received(payload, sender, now)
    if told.transaction_id is None:
        store_signed_values(connection, None, told.evse_id, told.signed, message)
    else:
        store_values(connection, told.transaction_id, told.evse_id, told.values, message, signed=told.signed)
    return {}


def on_stop_transaction(payload: Payload, sender: Sender, connection: Connection, now: datetime) -> Payload:
    """Keep the end of a transaction (§6.49)."""
    told = decode_stop_transaction(payload)
    message = received(payload, sender, now)
    store_stop(connection, told.transaction_id, stop_of(payload), told.values, message, signed=told.signed)
    if told.id_token is None:
        return {}
    return {"idTagInfo": _id_tag_info(connection, sender, told.id_token, told.meter.at)}


def _id_tag_info(connection: Connection, sender: Sender, id_token: IdToken, at: datetime) -> Payload:
    """Make an IdTagInfo (§7.27): what the token was worth at a time."""
    token = find_token(connection, sender.charge_point_id, id_token)
    info: dict[str, object] = {"status": authorize(token, at)}
    if token and token.expires_at:
        info["expiryDate"] = timestamp(token.expires_at)
    return info


def _connector(payload: Payload) -> int:
    connector = cast(int, payload["connectorId"])
    if not 0 <= connector < 2**31:
        raise PayloadError("connectorId is out of range")
    return connector
