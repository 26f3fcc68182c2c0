"""Keys of meters: seen on the line, compared with the meter by a person, pinned; each change with its author.

Functions that change something run inside one unit of work of `Store.write`.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, func, insert, select, update
from sqlalchemy.dialects import sqlite

from backend.core.people.access import EVERYTHING, View
from backend.core.proofs.signed_check import MeterKey
from backend.core.proofs.signed_pair import Status
from backend.errors import ApplyError
from backend.store.event_log import ask_check
from backend.store.invoice_tables import invoice_cdr
from backend.store.rating_tables import cdr
from backend.store.ratings import stands
from backend.store.scope import charge_points_in
from backend.store.signed_tables import meter_key, meter_key_event, signed_check, signed_record, signed_verdict
from backend.store.tables import charge_point, charging_transaction
from shared.public_key import read_public_key

_M = meter_key.c


@dataclass(frozen=True, slots=True)
class MeterPlace:
    """A meter: at which EVSE, and its serial number."""

    charge_point_id: str
    evse_id: int
    serial: str


@dataclass(frozen=True, slots=True)
class StoredMeterKey:
    """A meter with its keys (hexadecimal, empty: none) and its days (ISO 8601, empty: not told)."""

    place: MeterPlace
    charge_point_name: str
    public_key: str
    seen_key: str
    calibrated_until: str
    registered_on: str


@dataclass(frozen=True, slots=True)
class KeyEvent:
    """What happened to the key of a meter: it was seen, pinned or withdrawn."""

    at: datetime
    place: MeterPlace
    kind: str
    public_key: str
    told_by: str


def keys_at(connection: Connection, charge_point_id: str, evse_id: int) -> list[MeterKey]:
    """Give the keys of the meters of an EVSE; of all EVSEs where it is not told (0)."""
    columns = select(_M.serial, _M.public_key, _M.seen_key, _M.calibrated_until)
    query = columns.where(_M.charge_point_id == charge_point_id)
    if evse_id:
        query = query.where(_M.evse_id == evse_id)
    rows = connection.execute(query.order_by(_M.serial))
    return [MeterKey(row.serial, row.public_key, row.seen_key, row.calibrated_until) for row in rows]


def list_meter_keys(connection: Connection, charge_point_id: str = "", view: View = EVERYTHING) -> list[StoredMeterKey]:
    """List all meters with their keys, or those of one charge point."""
    query = select(meter_key, charge_point.c.name).join(charge_point, charge_point.c.id == _M.charge_point_id)
    query = query.where(charge_points_in(view))
    if charge_point_id:
        query = query.where(_M.charge_point_id == charge_point_id)
    rows = connection.execute(query.order_by(_M.charge_point_id, _M.evse_id, _M.serial))
    return [
        StoredMeterKey(
            MeterPlace(row.charge_point_id, row.evse_id, row.serial),
            row.name,
            row.public_key,
            row.seen_key,
            row.calibrated_until,
            row.registered_on,
        )
        for row in rows
    ]


def key_events(connection: Connection, place: MeterPlace) -> list[KeyEvent]:
    """List what happened to the key of a meter, the newest first."""
    e = meter_key_event.c
    own = and_(e.charge_point_id == place.charge_point_id, e.evse_id == place.evse_id, e.serial == place.serial)
    rows = connection.execute(select(meter_key_event).where(own).order_by(e.id.desc()))
    return [KeyEvent(row.at, place, row.kind, row.public_key, row.told_by) for row in rows]


def see_key(connection: Connection, place: MeterPlace, key: str, now: datetime) -> bool:
    """Keep the first key that came for a meter, to be compared by a person; a later one never replaces it."""
    row = {"charge_point_id": place.charge_point_id, "evse_id": place.evse_id, "serial": place.serial, "seen_key": key}
    added = (
        sqlite.insert(meter_key)
        .values(row)
        .on_conflict_do_update(
            index_elements=["charge_point_id", "evse_id", "serial"],
            set_={"seen_key": key},
            where=and_(_M.seen_key == "", _M.public_key == ""),
        )
    )
    if not key or connection.execute(added).rowcount != 1:
        return False
    append_key_event(connection, place, "seen", key, by="OCPP", now=now)
    return True


def pin_key(connection: Connection, place: MeterPlace, text: str, by: str, now: datetime) -> bool:
    """Pin the key that a person read from the meter, and let sessions that wait for it be judged again.

    Gives whether anything changed.

    Args:
        connection: the unit of work.
        place: the meter.
        text: the key in any shape.
        by: who compared it.
        now: world time.

    Raises:
        ApplyError: the text is no key, or there is no such charge point.
    """
    key = read_public_key(text)
    name = f"meter {place.charge_point_id}/{place.evse_id} {place.serial}"
    if key is None:
        raise ApplyError(
            f"{name}: this is no public key; type it as it is printed on the meter or its QR code holds it"
        )
    if connection.scalar(select(charge_point.c.id).where(charge_point.c.id == place.charge_point_id)) is None:
        raise ApplyError(f"{name}: there is no such charge point")
    before = connection.scalar(select(_M.public_key).where(_own(place)))
    if before == key.hex:
        return False
    row = {"charge_point_id": place.charge_point_id, "evse_id": place.evse_id, "serial": place.serial}
    added = sqlite.insert(meter_key).values({**row, "public_key": key.hex})
    connection.execute(
        added.on_conflict_do_update(
            index_elements=["charge_point_id", "evse_id", "serial"], set_={"public_key": key.hex}
        )
    )
    append_key_event(connection, place, "pinned", key.hex, by=by, now=now)
    _ask_again(connection, place)
    return True


def withdraw_key(connection: Connection, place: MeterPlace, by: str, now: datetime) -> bool:
    """Trust a key no more, and let what it proved be judged again unless it is billed. Gives whether one was pinned."""
    before = connection.scalar(select(_M.public_key).where(_own(place)))
    if not before:
        return False
    connection.execute(update(meter_key).where(_own(place)).values(public_key="", seen_key=before))
    append_key_event(connection, place, "withdrawn", before, by=by, now=now)
    _ask_unbilled(connection, place, before)
    return True


def set_days(connection: Connection, place: MeterPlace, calibrated_until: str, registered_on: str) -> bool:
    """Note until when a meter is calibrated, and when its key was registered. Gives whether anything changed."""
    row = {"charge_point_id": place.charge_point_id, "evse_id": place.evse_id, "serial": place.serial}
    days = {"calibrated_until": calibrated_until, "registered_on": registered_on}
    found = connection.execute(select(_M.calibrated_until, _M.registered_on).where(_own(place))).mappings().first()
    if found is not None and dict(found) == days:
        return False
    added = sqlite.insert(meter_key).values({**row, **days})
    connection.execute(added.on_conflict_do_update(index_elements=["charge_point_id", "evse_id", "serial"], set_=days))
    return True


def _own(place: MeterPlace) -> ColumnElement[bool]:
    return and_(_M.charge_point_id == place.charge_point_id, _M.evse_id == place.evse_id, _M.serial == place.serial)


def append_key_event(connection: Connection, place: MeterPlace, kind: str, key: str, *, by: str, now: datetime) -> None:
    """Append what happened to a key."""
    connection.execute(
        insert(meter_key_event).values(
            charge_point_id=place.charge_point_id,
            evse_id=place.evse_id,
            serial=place.serial,
            at=now,
            kind=kind,
            public_key=key,
            told_by=by,
        )
    )


def _ask_again(connection: Connection, place: MeterPlace) -> None:
    """Let those sessions of an EVSE be judged again whose last verdict is none that proves anything."""
    v = signed_verdict.c
    last = select(v.status).where(v.transaction_id == signed_record.c.transaction_id).order_by(v.id.desc()).limit(1)
    waiting = (
        select(signed_check.c.transaction_id)
        .join(signed_record, signed_record.c.id == signed_check.c.record_id)
        .where(
            signed_check.c.charge_point_id == place.charge_point_id,
            signed_record.c.evse_id == place.evse_id,
            signed_check.c.transaction_id.is_not(None),
            last.correlate(signed_record).scalar_subquery() != Status.VERIFIED,
        )
        .distinct()
    )
    for transaction_id in connection.scalars(waiting).all():
        ask_check(connection, place.charge_point_id, transaction_id)


def _ask_unbilled(connection: Connection, place: MeterPlace, key: str) -> None:
    """Let those sessions be judged again whose last verdict rests on a key, unless an invoice has them."""
    v, t = signed_verdict.c, charging_transaction.c
    last = select(func.max(v.id)).where(v.transaction_id == t.id).correlate(charging_transaction).scalar_subquery()
    billed = select(cdr.c.transaction_id).join(invoice_cdr, (invoice_cdr.c.cdr_id == cdr.c.id) & stands(invoice_cdr))
    resting = (
        select(t.id)
        .join(signed_verdict, v.id == last)
        .where(
            t.charge_point_id == place.charge_point_id,
            t.evse_id == place.evse_id,
            v.key == key,
            v.status == Status.VERIFIED,
            t.id.not_in(billed),
        )
    )
    for transaction_id in connection.scalars(resting).all():
        ask_check(connection, place.charge_point_id, transaction_id)
