"""Charge points and their EVSEs: who they are, what they last reported."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, select, update
from sqlalchemy.dialects.sqlite import insert

from backend.store.sql import Statement
from backend.store.tables import charge_point, charging_transaction, evse, operator
from shared.ids import ChargePointId, EvseId


@dataclass(frozen=True, slots=True)
class ChargePoint:
    """A charge point of an operator. `password_hash` is empty for one that connects without a password.

    `minimum_profile` is the least security profile that its operator lets in.
    """

    id: ChargePointId
    operator_id: str
    name: str
    password_hash: str
    booted_at: datetime | None
    seen_at: datetime | None
    minimum_profile: int = 0


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


_C = charge_point.c
_FIND = Statement(
    select(_C.id, _C.operator_id, _C.name, _C.password_hash, _C.booted_at, _C.seen_at, operator.c.minimum_profile)
    .join(operator)
    .where(_C.id == bindparam("wanted"))
)
_SEEN = Statement(update(charge_point).where(_C.id == bindparam("wanted")).values(seen_at=bindparam("now")))
_IS_KNOWN = Statement(
    select(evse.c.evse_id).where(
        evse.c.charge_point_id == bindparam("charge_point_id"), evse.c.evse_id == bindparam("evse_id")
    )
)
_NEW = insert(evse).values({column.name: bindparam(column.name) for column in evse.c})
_TOLD = {name: _NEW.excluded[name] for name in ("status", "error_code", "status_at")}
_PUT = Statement(
    _NEW.on_conflict_do_update(
        index_elements=["charge_point_id", "evse_id"], set_=_TOLD, where=evse.c.status_at <= _NEW.excluded.status_at
    )
)
_NOTE = Statement(
    update(evse)
    .where(
        evse.c.charge_point_id == bindparam("station"),
        evse.c.evse_id
        == select(charging_transaction.c.evse_id)
        .where(charging_transaction.c.id == bindparam("transaction_id"))
        .scalar_subquery(),
        evse.c.status_at <= bindparam("at", type_=evse.c.status_at.type),
    )
    .values(status=bindparam("told"), error_code="NoError", status_at=bindparam("at", type_=evse.c.status_at.type))
)


def find_charge_point(connection: Connection, charge_point_id: ChargePointId) -> ChargePoint | None:
    """Look a charge point up; None for one that no operator has."""
    row = _FIND.first(connection, wanted=charge_point_id)
    return ChargePoint(*row) if row else None


def boot_serial(connection: Connection, charge_point_id: str) -> str:
    """Give the serial number that a charge point told when it booted; "" if it never did."""
    return connection.scalar(select(_C.serial).where(_C.id == charge_point_id)) or ""


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
    _SEEN.run(connection, wanted=charge_point_id, now=now)


def store_evse_status(connection: Connection, charge_point_id: ChargePointId, status: EvseStatus) -> bool:
    """Keep the state of an EVSE unless a later one is known. Tell whether the EVSE was new."""
    new = not is_evse_known(connection, charge_point_id, status.evse_id)
    _PUT.run(
        connection,
        charge_point_id=charge_point_id,
        evse_id=status.evse_id,
        status=status.status,
        error_code=status.error_code,
        status_at=status.at,
    )
    return new


def note_charging_state(
    connection: Connection, charge_point_id: ChargePointId, transaction_id: int, state: str, at: datetime
) -> None:
    """Keep what a transaction says of its EVSE. What was never reported as an EVSE does not become one by this."""
    _NOTE.run(connection, station=charge_point_id, transaction_id=transaction_id, told=state, at=at)


def is_evse_known(connection: Connection, charge_point_id: ChargePointId, evse_id: EvseId) -> bool:
    """Tell whether a charge point has ever reported this EVSE."""
    return _IS_KNOWN.first(connection, charge_point_id=charge_point_id, evse_id=evse_id) is not None
