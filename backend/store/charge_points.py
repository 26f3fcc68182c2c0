"""Charge points and their EVSEs: who they are, what they last reported."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select, update
from sqlalchemy.dialects.sqlite import insert

from backend.store.tables import charge_point, evse
from shared.ids import ChargePointId, EvseId


@dataclass(frozen=True, slots=True)
class ChargePoint:
    """A charge point of an operator. `password_hash` is empty for one that connects without a password."""

    id: ChargePointId
    operator_id: str
    name: str
    password_hash: str
    booted_at: datetime | None
    seen_at: datetime | None


@dataclass(frozen=True, slots=True)
class Boot:
    """What a charge point says about itself when it boots."""

    vendor: str
    model: str
    serial: str
    firmware: str


@dataclass(frozen=True, slots=True)
class EvseStatus:
    """What a charge point says about an EVSE; number 0 is the charge point itself (OCPP 1.6 §4.9)."""

    evse_id: EvseId
    status: str
    error_code: str
    at: datetime


def find_charge_point(connection: Connection, charge_point_id: ChargePointId) -> ChargePoint | None:
    """Look a charge point up; None for one that no operator has."""
    table = charge_point.c
    row = (
        connection.execute(
            select(table.id, table.operator_id, table.name, table.password_hash, table.booted_at, table.seen_at).where(
                table.id == charge_point_id
            )
        )
    ).first()
    return ChargePoint(*row) if row else None


def store_boot(connection: Connection, charge_point_id: ChargePointId, boot: Boot, now: datetime) -> None:
    """Keep what a charge point said when it booted."""
    connection.execute(
        update(charge_point)
        .where(charge_point.c.id == charge_point_id)
        .values(
            vendor=boot.vendor,
            model=boot.model,
            serial=boot.serial,
            firmware=boot.firmware,
            booted_at=now,
            seen_at=now,
        )
    )


def store_seen(connection: Connection, charge_point_id: ChargePointId, now: datetime) -> None:
    """Keep that a charge point was heard."""
    connection.execute(update(charge_point).where(charge_point.c.id == charge_point_id).values(seen_at=now))


def store_evse_status(connection: Connection, charge_point_id: ChargePointId, status: EvseStatus) -> bool:
    """Keep the state of an EVSE unless a later one is known. Tell whether the EVSE was new."""
    new = not is_evse_known(connection, charge_point_id, status.evse_id)
    values = {"status": status.status, "error_code": status.error_code, "status_at": status.at}
    connection.execute(
        insert(evse)
        .values(charge_point_id=charge_point_id, evse_id=status.evse_id, **values)
        .on_conflict_do_update(
            index_elements=["charge_point_id", "evse_id"], set_=values, where=evse.c.status_at <= status.at
        )
    )
    return new


def is_evse_known(connection: Connection, charge_point_id: ChargePointId, evse_id: EvseId) -> bool:
    """Tell whether a charge point has ever reported this EVSE."""
    found = connection.execute(
        select(evse.c.evse_id).where(evse.c.charge_point_id == charge_point_id, evse.c.evse_id == evse_id)
    )
    return found.first() is not None
