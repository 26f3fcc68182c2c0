"""Public keys that stations told when they were asked: proposals, each kept with its time, never pinned by themselves.

Functions that change something run inside one unit of work of `Store.write`.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from backend.core.proofs.meter_key_order import ToldKey
from backend.core.proofs.signed_check import CHANGED_KEY
from backend.store.meter_keys import MeterPlace, append_key_event, keys_at, see_key
from backend.store.signed import Finding, store_finding
from backend.store.signed_tables import meter_key_event
from backend.store.tables import meter
from shared.log import Log
from shared.public_key import fingerprint, read_public_key

log = Log(__name__)

TOLD = "told"
"""Kind of the event: a station was asked for the key and told this one."""


@dataclass(frozen=True, slots=True)
class KeyAtEvse:
    """What is known of the key at an EVSE: what its station told last (hexadecimal, empty: nothing), when, of whom."""

    told: str
    told_at: datetime | None
    serial: str
    """Of the one meter that is known there; empty where there is none, or more than one."""
    pinned: str


def take_told_key(connection: Connection, charge_point_id: str, one: ToldKey, now: datetime) -> None:
    """Keep a key that a station told as a proposal, and raise the alarm if it is not the one that is pinned."""
    key = read_public_key(one.text)
    if key is None:
        text = f"what the station tells as the public key of EVSE {one.evse_id} is no key"
        _alarm(connection, Finding(charge_point_id, one.evse_id, None, CHANGED_KEY, text), now)
        return
    place = MeterPlace(charge_point_id, one.evse_id, _serial(connection, charge_point_id, one.evse_id))
    append_key_event(connection, place, TOLD, key.hex, by="OCPP", now=now)
    if place.serial:
        see_key(connection, place, key.hex, now)
    pinned = [each for each in keys_at(connection, charge_point_id, one.evse_id) if each.pinned]
    known = [read for each in pinned if (read := read_public_key(each.pinned))]
    if known and not any(each.is_same(key) for each in known):
        short = fingerprint(key)[:16]
        text = f"asked for the key of EVSE {one.evse_id}, the station told {short}, which is not the pinned one"
        _alarm(connection, Finding(charge_point_id, one.evse_id, None, CHANGED_KEY, text), now)


def key_at_evse(connection: Connection, charge_point_id: str, evse_id: int) -> KeyAtEvse:
    """Give what a person compares with the meter of an EVSE."""
    e = meter_key_event.c
    own = (e.charge_point_id == charge_point_id, e.evse_id == evse_id, e.kind == TOLD)
    last = connection.execute(select(e.public_key, e.at).where(*own).order_by(e.id.desc()).limit(1)).first()
    serial = _serial(connection, charge_point_id, evse_id)
    known = next((one for one in keys_at(connection, charge_point_id, evse_id) if one.serial == serial), None)
    told, at = (last.public_key, last.at) if last else (known.seen if known else "", None)
    return KeyAtEvse(told, at, serial, known.pinned if known else "")


def _serial(connection: Connection, charge_point_id: str, evse_id: int) -> str:
    """Give the number of the meter that signs there, else of the one that was put in; empty if that is not clear."""
    found = {one.serial for one in keys_at(connection, charge_point_id, evse_id)}
    if not found:
        own = (meter.c.charge_point_id == charge_point_id, meter.c.evse_id == evse_id)
        found = set(connection.scalars(select(meter.c.serial).where(*own)))
    return found.pop() if len(found) == 1 else ""


def _alarm(connection: Connection, finding: Finding, now: datetime) -> None:
    if store_finding(connection, finding, now):
        log.warning("signed_value_alarm", charge_point=finding.charge_point_id, kind=finding.kind, reason=finding.text)
