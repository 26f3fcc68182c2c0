"""Transactions: intake of their events, idempotent by meaning, and what follows from them.

Every function runs inside one unit of work of `Store.write`; what it did is durable when that returns.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from sqlalchemy import Row, and_, func, literal, or_, select, update
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.core.assignment import Scope, rule_text
from backend.core.id_token import authorize
from backend.core.rating_model import VersionSwitch
from backend.core.record import to_json
from backend.core.transaction import Derived, Known, Reading, Start, State, Stop, conflict, derive
from backend.store.charge_points import is_evse_known
from backend.store.id_tokens import find_token
from backend.store.session_tariffs import keep_further
from backend.store.tables import charge_point, charging_transaction, meter_value, transaction_event
from backend.store.tariffs import choose_tariff, facts_of
from shared.ids import ChargePointId, EvseId, IdToken, MessageId
from shared.metering import MeterValue
from shared.ocpp.session import Payload, loads
from shared.ocpp.v16 import decode_stop_transaction
from shared.units import Wh

_UNKNOWN_EVSE = EvseId(0)

LATE_VALUES = "meter values came after the rating"
"""Why a session is rated again."""

_T = charging_transaction.c


@dataclass(frozen=True, slots=True)
class Received:
    """A message as it came. `payload` is JSON."""

    charge_point_id: ChargePointId
    message_id: MessageId
    at: datetime
    payload: str


@dataclass(frozen=True, slots=True)
class Transaction:
    """A transaction as derived from its events. Energies are registers in Wh."""

    id: int
    charge_point_id: ChargePointId
    evse_id: EvseId
    id_token: IdToken
    started_at: datetime
    meter_start: Wh
    ended_at: datetime | None
    meter_stop: Wh | None
    state: State
    held_reason: str
    tariff_reason: str


async def store_start(connection: AsyncConnection, start: Start, received: Received) -> int:
    """Keep a start and give its transactionId. The same start again, whatever its message id, gets the same one."""
    identity = {
        "charge_point_id": received.charge_point_id,
        "evse_id": start.evse_id,
        "id_token": start.id_token.value,
        "started_at": start.reading.at,
        "meter_start": start.reading.energy,
        "foreign_id": "",
    }
    conditions = [_T[name] == value for name, value in identity.items()]
    known = (await connection.execute(select(_T.id).where(*conditions))).scalar()
    transaction_id = int(known) if known is not None else await _insert(connection, identity)
    await _store_event(connection, transaction_id, "Started", received)
    if known is None:
        await _settle(connection, transaction_id)
    return transaction_id


async def store_values(
    connection: AsyncConnection,
    transaction_id: int,
    evse_id: EvseId,
    values: Sequence[MeterValue],
    received: Received,
) -> int | None:
    """Keep meter values, also late ones, and tell which transaction they went to.

    Values of a transactionId that is none of this charge point's go to a held transaction of their own. Without an
    energy register in any of them there is nothing to hold: then None.
    """
    charge_point_id = received.charge_point_id
    row_id = await _find_own(connection, charge_point_id, transaction_id)
    if row_id is None:
        readings = [Reading(value.at, value.reading.energy_import) for value in values]
        if not readings:
            return None
        row_id = await _find_foreign(connection, charge_point_id, transaction_id, readings)
        if row_id is None:
            row_id = await _insert_foreign(connection, charge_point_id, transaction_id, _earliest(readings), evse_id)
            await _settle(connection, row_id)
    await _store_event(connection, row_id, "Updated", received)
    await _store_meter_values(connection, row_id, values)
    late = select(_T.id).where(_T.id == row_id, _T.ended_at.is_not(None), _T.state != State.RATED)
    if (await connection.execute(late)).first():
        await _settle(connection, row_id)
    return row_id


async def store_stop(
    connection: AsyncConnection,
    transaction_id: int,
    stop: Stop,
    values: Sequence[MeterValue],
    received: Received,
) -> int:
    """Keep a stop and tell which transaction it went to: a held one of its own if the transactionId is none of ours."""
    charge_point_id = received.charge_point_id
    row_id = await _find_own(connection, charge_point_id, transaction_id)
    if row_id is None:
        readings = [stop.reading, *(Reading(value.at, value.reading.energy_import) for value in values)]
        row_id = await _find_foreign(connection, charge_point_id, transaction_id, readings)
        if row_id is None:
            first = _earliest(readings)
            row_id = await _insert_foreign(connection, charge_point_id, transaction_id, first, token=stop.id_token)
    await _store_event(connection, row_id, "Ended", received)
    await _store_meter_values(connection, row_id, values)
    await _settle(connection, row_id)
    return row_id


async def release_held(connection: AsyncConnection, charge_point_id: ChargePointId | None = None) -> int:
    """Derive held transactions again, of one charge point or of all, and tell how many are held no more."""
    held = select(_T.id).where(_T.state == State.HELD, _T.foreign_id == "")
    if charge_point_id is not None:
        held = held.where(_T.charge_point_id == charge_point_id)
    ids = (await connection.execute(held)).scalars().all()
    return sum([await _settle(connection, row_id) is not State.HELD for row_id in ids])


async def list_transactions(
    connection: AsyncConnection, state: State | None = None, limit: int = 100
) -> list[Transaction]:
    """List the latest transactions, those of one state or all, the newest begin first."""
    query = select(charging_transaction).order_by(_T.started_at.desc(), _T.id.desc()).limit(limit)
    if state is not None:
        query = query.where(_T.state == state)
    return [
        Transaction(
            id=row.id,
            charge_point_id=ChargePointId(row.charge_point_id),
            evse_id=EvseId(row.evse_id),
            id_token=IdToken(row.id_token),
            started_at=row.started_at,
            meter_start=Wh(row.meter_start),
            ended_at=row.ended_at,
            meter_stop=None if row.meter_stop is None else Wh(row.meter_stop),
            state=State(row.state),
            held_reason=row.held_reason,
            tariff_reason=row.tariff_reason,
        )
        for row in await connection.execute(query)
    ]


async def _insert(connection: AsyncConnection, identity: Mapping[str, object]) -> int:
    operator = select(charge_point.c.operator_id).where(charge_point.c.id == identity["charge_point_id"])
    statement = insert(charging_transaction).values(
        **identity, operator_id=operator.scalar_subquery(), state=State.RUNNING
    )
    return int((await connection.execute(statement.returning(_T.id))).scalar_one())


async def _insert_foreign(
    connection: AsyncConnection,
    charge_point_id: ChargePointId,
    transaction_id: int,
    first: Reading,
    evse_id: EvseId = _UNKNOWN_EVSE,
    *,
    token: IdToken | None = None,
) -> int:
    identity = {
        "charge_point_id": charge_point_id,
        "evse_id": evse_id,
        "id_token": token.value if token else "",
        "started_at": first.at,
        "meter_start": first.energy,
        "foreign_id": str(transaction_id),
    }
    return await _insert(connection, identity)


def _earliest(readings: Iterable[Reading]) -> Reading:
    return min(readings, key=lambda reading: (reading.at, reading.energy))


async def _find_own(connection: AsyncConnection, charge_point_id: ChargePointId, transaction_id: int) -> int | None:
    """Find a transaction by the id that we gave. Another charge point's is not its own: it can't end that."""
    query = select(_T.id).where(_T.id == transaction_id, _T.charge_point_id == charge_point_id, _T.foreign_id == "")
    return cast("int | None", (await connection.execute(query)).scalar())


async def _find_foreign(
    connection: AsyncConnection, charge_point_id: ChargePointId, transaction_id: int, readings: Sequence[Reading]
) -> int | None:
    """Find the transaction held for an id that is none of ours.

    A number above 0 names one transaction. 0 and below mean that the station was given none, so many may bear it: then
    it is the one that has these readings already (they were sent again), or the one that has not ended.
    """
    query = select(_T.id).where(_T.charge_point_id == charge_point_id, _T.foreign_id == str(transaction_id))
    if transaction_id <= 0:
        has_value = [
            and_(meter_value.c.at == reading.at, meter_value.c.energy_wh == reading.energy) for reading in readings
        ]
        is_stop = [and_(_T.ended_at == reading.at, _T.meter_stop == reading.energy) for reading in readings]
        with_value = select(meter_value.c.transaction_id).where(or_(*has_value))
        again = or_(_T.id.in_(with_value), *is_stop)
        known = (await connection.execute(query.where(again).limit(1))).scalar()
        if known is not None:
            return int(known)
        query = query.where(_T.ended_at.is_(None))
    return cast("int | None", (await connection.execute(query.order_by(_T.id.desc()).limit(1))).scalar())


async def _store_event(connection: AsyncConnection, row_id: int, kind: str, received: Received) -> None:
    """Append an event unless the very same one is there."""
    event = transaction_event.c
    same = select(event.id).where(event.transaction_id == row_id, event.kind == kind, event.payload == received.payload)
    row = {
        event.transaction_id: row_id,
        event.kind: kind,
        event.message_id: received.message_id,
        event.received_at: received.at,
        event.payload: received.payload,
    }
    values = select(*(literal(value, column.type) for column, value in row.items())).where(~same.exists())
    await connection.execute(insert(transaction_event).from_select(list(row), values))


async def _store_meter_values(connection: AsyncConnection, row_id: int, values: Sequence[MeterValue]) -> None:
    """Keep readings. New ones that lie inside a session that is rated already let it be rated again."""
    if not values:
        return
    inside = select(func.count()).select_from(meter_value).join(charging_transaction, _T.id == row_id)
    inside = inside.where(meter_value.c.transaction_id == row_id, meter_value.c.at.between(_T.started_at, _T.ended_at))
    rated = (await connection.execute(select(_T.id).where(_T.id == row_id, _T.state == State.RATED))).first()
    before = await connection.scalar(inside) if rated else None
    rows = [_meter_value_row(row_id, value) for value in values]
    await connection.execute(insert(meter_value).on_conflict_do_nothing(), rows)
    if rated and await connection.scalar(inside) != before:
        await connection.execute(update(charging_transaction).where(_T.id == row_id).values(rerate_reason=LATE_VALUES))


def _meter_value_row(row_id: int, value: MeterValue) -> dict[str, object]:
    reading = value.reading
    row: dict[str, object] = {
        "transaction_id": row_id,
        "at": value.at,
        "context": value.context.value,
        "energy_wh": reading.energy_import,
        "power_w": reading.power,
    }
    for i in range(3):
        row[f"current_l{i + 1}_ma"] = reading.currents[i] if i < len(reading.currents) else None
        row[f"voltage_l{i + 1}_mv"] = reading.voltages[i] if i < len(reading.voltages) else None
    return row


async def _settle(connection: AsyncConnection, row_id: int) -> State:
    """Derive a transaction from all that is stored of it, choose its tariff if it has none, and give its state."""
    row = (await connection.execute(select(charging_transaction).where(_T.id == row_id))).one()
    stops = await _stops(connection, row_id)
    if row.state == State.RATED:  # the price stands; what contradicts it is told beside it
        values: dict[str, object] = {"held_reason": conflict(stops)}
    else:
        charge_point_id = ChargePointId(row.charge_point_id)
        token = await find_token(connection, charge_point_id, IdToken(row.id_token))
        known = Known(
            start=None if row.foreign_id else _start(row),
            stops=stops,
            readings=await _readings(connection, row_id) if stops else (),
            token=authorize(token, row.started_at),
            evse_known=row.evse_id > 0 and await is_evse_known(connection, charge_point_id, EvseId(row.evse_id)),
            foreign_id=row.foreign_id,
        )
        values = _columns(derive(known))
        if row.tariff_version_id is None:
            values |= await _tariff(connection, row_id, row.started_at)
    await connection.execute(update(charging_transaction).where(_T.id == row_id).values(**values))
    return State(cast(str, values.get("state", row.state)))


def _columns(derived: Derived) -> dict[str, object]:
    stop = derived.stop
    return {
        "state": derived.state,
        "held_reason": derived.held_reason,
        "ended_at": stop.reading.at if stop else None,
        "meter_stop": stop.reading.energy if stop else None,
        "stop_reason": stop.reason if stop else None,
    }


# Row[...]: SQLAlchemy does not type the columns of a whole table.
def _start(row: "Row[tuple[object, ...]]") -> Start:
    return Start(EvseId(row.evse_id), IdToken(row.id_token), Reading(row.started_at, Wh(row.meter_start)))


async def _stops(connection: AsyncConnection, row_id: int) -> tuple[Stop, ...]:
    event = transaction_event.c
    query = select(event.payload).where(event.transaction_id == row_id, event.kind == "Ended").order_by(event.id)
    payloads = (await connection.execute(query)).scalars()
    return tuple(stop_of(cast(Payload, loads(payload))) for payload in payloads)


def stop_of(payload: Payload) -> Stop:
    """Read a StopTransaction.req (OCPP 1.6 §6.49).

    Raises:
        PayloadError: a value has no meaning.
    """
    message = decode_stop_transaction(payload)
    reading = Reading(message.meter.at, message.meter.reading.energy_import)
    return Stop(reading, message.reason, message.id_token)


async def _readings(connection: AsyncConnection, row_id: int) -> tuple[Reading, ...]:
    query = select(meter_value.c.at, meter_value.c.energy_wh).where(meter_value.c.transaction_id == row_id)
    return tuple(Reading(row.at, Wh(row.energy_wh)) for row in await connection.execute(query))


async def _tariff(connection: AsyncConnection, row_id: int, at: datetime) -> dict[str, object]:
    """Choose the tariffs, and keep with the session why, where it is and whose quotas it uses up."""
    facts = await facts_of(connection, row_id)
    choice = await choose_tariff(connection, facts, at)
    await keep_further(connection, row_id, choice.further)
    assignment = choice.rule.assignment
    return {
        "tariff_version_id": choice.version_id,
        "tariff_reason": rule_text(choice.rule),
        "tariff_rule": to_json(choice.rule),
        "version_switch": assignment.version_switch if assignment else VersionSwitch.LOCK_AT_START,
        "location_id": facts[Scope.LOCATION] if facts else "",
        "contract_id": facts[Scope.CONTRACT] if facts else "",
        "group_id": facts[Scope.GROUP] if facts else "",
    }
