"""What each message of a station means to the store, and its answer. One function per action of OCPP 1.6.

A handler stores and answers; it never prices, mails or calls out. It runs inside a unit of work, and its answer leaves
only after the commit.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import cast

from sqlalchemy.ext.asyncio import AsyncConnection

from backend.core.id_token import authorize
from backend.core.transaction import Reading, Start
from backend.store.charge_points import Boot, EvseStatus, store_boot, store_evse_status, store_seen
from backend.store.id_tokens import find_token
from backend.store.transactions import Received, release_held, stop_of, store_start, store_stop, store_values
from shared.ids import ChargePointId, EvseId, IdToken, MessageId
from shared.log import Log
from shared.ocpp.session import Payload, dumps
from shared.ocpp.v16 import (
    ID_TAG_LENGTH,
    PayloadError,
    decode_meter_values,
    decode_start_transaction,
    decode_stop_transaction,
    parse_timestamp,
    timestamp,
)

log = Log(__name__)


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sent a call, and as which message."""

    charge_point_id: ChargePointId
    message_id: MessageId


Handler = Callable[[Payload, Sender, AsyncConnection, datetime], Awaitable[Payload]]
"""Takes a payload that passed its schema, its sender, the unit of work and the time; gives the answer's payload.

May raise PayloadError: the payload passes its schema and still has no meaning.
"""


def make_handlers(heartbeat_interval_s: int) -> Mapping[str, Handler]:
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
        "MeterValues": on_meter_values,
        "StartTransaction": on_start_transaction,
        "StatusNotification": on_status_notification,
        "StopTransaction": on_stop_transaction,
    }


async def on_boot_notification(
    heartbeat_interval_s: int, payload: Payload, sender: Sender, connection: AsyncConnection, now: datetime
) -> Payload:
    """Note who the station says it is (§6.5), and tell it the time."""
    boot = Boot(
        vendor=str(payload["chargePointVendor"]),
        model=str(payload["chargePointModel"]),
        serial=str(payload.get("chargePointSerialNumber", "")),
        firmware=str(payload.get("firmwareVersion", "")),
    )
    await store_boot(connection, sender.charge_point_id, boot, now)
    return {"status": "Accepted", "currentTime": timestamp(now), "interval": heartbeat_interval_s}


async def on_heartbeat(_payload: Payload, sender: Sender, connection: AsyncConnection, now: datetime) -> Payload:
    """Note that the station lives (§6.25), and tell it the time."""
    await store_seen(connection, sender.charge_point_id, now)
    return {"currentTime": timestamp(now)}


async def on_authorize(payload: Payload, sender: Sender, connection: AsyncConnection, now: datetime) -> Payload:
    """Tell whether a driver may charge (§6.1)."""
    return {"idTagInfo": await _id_tag_info(connection, sender, str(payload["idTag"]), now)}


async def on_status_notification(
    payload: Payload, sender: Sender, connection: AsyncConnection, now: datetime
) -> Payload:
    """Note the state of a connector (§6.47). One that was never reported before may release held transactions."""
    told = payload.get("timestamp")
    status = EvseStatus(
        evse_id=EvseId(_connector(payload)),
        status=str(payload["status"]),
        error_code=str(payload["errorCode"]),
        # A station whose clock runs ahead would else block its own later reports.
        at=min(parse_timestamp(told), now) if told else now,
    )
    if await store_evse_status(connection, sender.charge_point_id, status):
        await release_held(connection, sender.charge_point_id)
    return {}


async def on_start_transaction(payload: Payload, sender: Sender, connection: AsyncConnection, now: datetime) -> Payload:
    """Keep the begin of a transaction (§6.45). It is kept whatever the token is worth: the energy may have flowed."""
    told = decode_start_transaction(payload)
    start = Start(told.evse_id, told.id_token, Reading(told.meter.at, told.meter.reading.energy_import))
    transaction_id = await store_start(connection, start, _received(payload, sender, now))
    info = await _id_tag_info(connection, sender, told.id_token.value, told.meter.at)
    return {"transactionId": transaction_id, "idTagInfo": info}


async def on_meter_values(payload: Payload, sender: Sender, connection: AsyncConnection, now: datetime) -> Payload:
    """Keep readings of a transaction (§6.31). Readings outside of transactions are acknowledged: nobody bills them."""
    told = decode_meter_values(payload)
    if told.transaction_id is not None:
        received = _received(payload, sender, now)
        await store_values(connection, told.transaction_id, told.evse_id, told.values, received)
    return {}


async def on_stop_transaction(payload: Payload, sender: Sender, connection: AsyncConnection, now: datetime) -> Payload:
    """Keep the end of a transaction (§6.49)."""
    told = decode_stop_transaction(payload)
    received = _received(payload, sender, now)
    await store_stop(connection, told.transaction_id, stop_of(payload), told.values, received)
    if told.id_token is None:
        return {}
    return {"idTagInfo": await _id_tag_info(connection, sender, told.id_token.value, told.meter.at)}


async def on_data_transfer(payload: Payload, _sender: Sender, _connection: AsyncConnection, _now: datetime) -> Payload:
    """Refuse: no vendor's extension is known here (§6.13)."""
    return {"status": "UnknownVendorId" if payload.get("vendorId") else "Rejected"}


async def on_progress(
    subject: str, payload: Payload, sender: Sender, _connection: AsyncConnection, _now: datetime
) -> Payload:
    """Tell the log how an upload of diagnostics (§6.17) or an update of firmware (§6.19) goes."""
    log.info(subject, charge_point=sender.charge_point_id, status=payload["status"])
    return {}


async def _id_tag_info(connection: AsyncConnection, sender: Sender, id_tag: str, at: datetime) -> Payload:
    """Make an IdTagInfo (§7.27): what the token was worth at a time."""
    try:
        token = await find_token(connection, sender.charge_point_id, IdToken.parse(id_tag, ID_TAG_LENGTH))
    except ValueError as error:
        raise PayloadError(f"idTag: {error}") from error
    info: dict[str, object] = {"status": authorize(token, at)}
    if token and token.expires_at:
        info["expiryDate"] = timestamp(token.expires_at)
    return info


def _received(payload: Payload, sender: Sender, now: datetime) -> Received:
    return Received(sender.charge_point_id, sender.message_id, now, dumps(payload))


def _connector(payload: Payload) -> int:
    connector = cast(int, payload["connectorId"])
    if not 0 <= connector < 2**31:
        raise PayloadError("connectorId is out of range")
    return connector
