"""Vendors' own messages: those of this project's stations are understood, all others refused by name."""

from collections.abc import Callable, Mapping
from datetime import datetime

from sqlalchemy import Connection

from backend.csms.handling import Sender
from backend.store.watch import note_backlog, note_modem
from shared.ids import ChargePointId
from shared.ocpp.session import Payload
from shared.ocpp.vendor import BACKLOG, MODEM, VENDOR_ID, decode_backlog, decode_modem


def on_data_transfer(payload: Payload, sender: Sender, connection: Connection, now: datetime) -> Payload:
    """Keep what our own stations tell in this way (OCPP 1.6 §6.13; 2.x part 2, 1.20).

    Raises:
        PayloadError: it is not what `shared.ocpp.vendor` describes.
    """
    vendor = payload.get("vendorId")
    if vendor != VENDOR_ID:
        return {"status": "UnknownVendorId" if vendor else "Rejected"}
    keep = _KNOWN.get(str(payload.get("messageId", "")))
    if keep is None:
        return {"status": "UnknownMessageId"}
    keep(connection, sender.charge_point_id, payload, now)
    return {"status": "Accepted"}


def _backlog(connection: Connection, charge_point_id: ChargePointId, payload: Payload, now: datetime) -> None:
    note_backlog(connection, charge_point_id, decode_backlog(payload), now)


def _modem(connection: Connection, charge_point_id: ChargePointId, payload: Payload, now: datetime) -> None:
    note_modem(connection, charge_point_id, decode_modem(payload), now)


_KNOWN: Mapping[str, Callable[[Connection, ChargePointId, Payload, datetime], None]] = {
    BACKLOG: _backlog,
    MODEM: _modem,
}
