"""Transactions: intake of their events, idempotent by meaning, and what follows from them.

Every function runs inside one unit of work of `Store.write`; what it did is durable when that returns.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Connection, and_, bindparam, or_, select, update
from sqlalchemy.dialects.sqlite import insert

from backend.core.clarification.inbox import decided
from backend.core.id_token import Authorization, authorize
from backend.core.rates.rating_model import VersionSwitch
from backend.core.record import to_json
from backend.core.tariffs.assignment import Scope, rule_text
from backend.core.transaction import NOT_AGAIN, Derived, Known, Reading, Start, State, Stop, conflict, derive
from backend.core.transaction_messages import NO_EVSE, NO_TOKEN, Assembled, assemble
from backend.store.charge_points import is_evse_known
from backend.store.clarification import rulings_of
from backend.store.event_log import Received, append_event, store_meter_values, store_signed_values
from backend.store.id_tokens import find_token
from backend.store.payloads import SHAPE, text_of
from backend.store.session_tariffs import keep_further
from backend.store.sql import Statement
from backend.store.tables import charge_point, charging_transaction, meter_value, transaction_event
from backend.store.tariffs import choose_tariff, facts_of
from shared.ids import ChargePointId, EvseId, IdToken
from shared.metering import MeterValue, SignedReading
from shared.ocpp.session import Payload, loads
from shared.ocpp.v16 import decode_stop_transaction
from shared.ocpp.v201 import decode_transaction_event
from shared.ocpp.validation import Version
from shared.units import Wh

_UNKNOWN_EVSE = EvseId(0)

LATE_MESSAGES = "messages came after the rating that move its begin or end"
"""Why a session is rated again."""

_T = charging_transaction.c

_E = transaction_event.c

_ROW = Statement(select(charging_transaction).where(_T.id == bindparam("number")))
_OWN = Statement(
    select(_T.id, _T.state, _T.ended_at, _T.evse_id).where(
        _T.id == bindparam("number"), _T.charge_point_id == bindparam("charge_point_id"), _T.foreign_id == ""
    )
)
_STATE = Statement(select(_T.id, _T.state, _T.ended_at, _T.evse_id).where(_T.id == bindparam("number")))
_IDENTITY = ("charge_point_id", "evse_id", "id_token", "started_at", "meter_start", "foreign_id")
_SAME = Statement(select(_T.id).where(*(_T[name] == bindparam(name) for name in _IDENTITY)))
_OPERATOR = select(charge_point.c.operator_id).where(charge_point.c.id == bindparam("charge_point_id"))
_INSERT = Statement(
    insert(charging_transaction)
    .values(
        **{name: bindparam(name) for name in _IDENTITY},
        operator_id=_OPERATOR.scalar_subquery(),
        state=State.RUNNING,
    )
    .returning(_T.id)
)
_DERIVED = ("state", "held_reason", "ended_at", "meter_stop", "stop_reason", "notes")
_DERIVE = Statement(
    update(charging_transaction)
    .where(_T.id == bindparam("number"))
    .values({name: bindparam(name, type_=_T[name].type) for name in _DERIVED})
)
_CHOSEN = (
    "tariff_version_id",
    "tariff_reason",
    "tariff_rule",
    "version_switch",
    "location_id",
    "contract_id",
    "group_id",
)
_CHOOSE = Statement(
    update(charging_transaction)
    .where(_T.id == bindparam("number"))
    .values({name: bindparam(name, type_=_T[name].type) for name in _CHOSEN})
)
_PAYLOADS = Statement(select(_E.payload, SHAPE).where(_E.transaction_id == bindparam("number")).order_by(_E.id))
_ENDS = Statement(
    select(_E.payload, SHAPE).where(_E.transaction_id == bindparam("number"), _E.kind == "Ended").order_by(_E.id)
)
_READINGS = Statement(
    select(meter_value.c.at, meter_value.c.energy_wh).where(meter_value.c.transaction_id == bindparam("number"))
)


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


def store_start(connection: Connection, start: Start, received: Received) -> int:
    """Keep a start and give its transactionId. The same start again, whatever its message id, gets the same one."""
    identity = {
        "charge_point_id": received.charge_point_id,
        "evse_id": start.evse_id,
        "id_token": start.id_token.value,
        "started_at": start.reading.at,
        "meter_start": start.reading.energy,
        "foreign_id": "",
    }
    known = _SAME.scalar(connection, **identity)
    transaction_id = int(known) if known is not None else _insert(connection, identity)
    append_event(connection, transaction_id, "Started", received)
    if known is None:
        settle(connection, transaction_id)
    return transaction_id


def store_values(
    connection: Connection,
    transaction_id: int,
    evse_id: EvseId,
    values: Sequence[MeterValue],
    received: Received,
    *,
    signed: Sequence[SignedReading] = (),
) -> int | None:
    """Keep meter values, also late ones, and tell which transaction they went to.

    Values of a transactionId that is none of this charge point's go to a held transaction of their own. Without an
    energy register in any of them there is nothing to hold: then None.
    """
    charge_point_id = received.charge_point_id
    row = _find_own(connection, charge_point_id, transaction_id)
    if row is None:
        readings = [Reading(value.at, value.reading.energy_import) for value in values]
        if not readings:
            store_signed_values(connection, None, evse_id, signed, received)
            return None
        row_id = _find_foreign(connection, charge_point_id, transaction_id, readings)
        if row_id is None:
            row_id = _insert_foreign(connection, charge_point_id, transaction_id, _earliest(readings), evse_id)
            settle(connection, row_id)
        row = _state_of(connection, row_id)
    row_id = int(row.id)
    is_new = store_meter_values(connection, row_id, values, State(row.state))
    append_event(connection, row_id, "Updated", received, is_new=is_new)
    store_signed_values(connection, row_id, EvseId(row.evse_id), signed, received)
    if row.ended_at is not None and row.state != State.RATED:
        settle(connection, row_id)
    return row_id


def store_stop(
    connection: Connection,
    transaction_id: int,
    stop: Stop,
    values: Sequence[MeterValue],
    received: Received,
    *,
    signed: Sequence[SignedReading] = (),
) -> int:
    """Keep a stop and tell which transaction it went to: a held one of its own if the transactionId is none of ours."""
    charge_point_id = received.charge_point_id
    row = _find_own(connection, charge_point_id, transaction_id)
    if row is None:
        readings = [stop.reading, *(Reading(value.at, value.reading.energy_import) for value in values)]
        row_id = _find_foreign(connection, charge_point_id, transaction_id, readings)
        if row_id is None:
            first = _earliest(readings)
            row_id = _insert_foreign(connection, charge_point_id, transaction_id, first, token=stop.id_token)
        row = _state_of(connection, row_id)
    row_id = int(row.id)
    append_event(connection, row_id, "Ended", received)
    store_meter_values(connection, row_id, values, State(row.state))
    store_signed_values(connection, row_id, EvseId(row.evse_id), signed, received)
    settle(connection, row_id)
    return row_id


def release_held(connection: Connection, charge_point_id: ChargePointId | None = None) -> int:
    """Derive held transactions again, of one charge point or of all, and tell how many are held no more."""
    # Of OCPP 1.6, one whose start is unknown waits for a person.
    held = select(_T.id).where(_T.state == State.HELD, or_(_T.foreign_id == "", _T.ocpp != Version.V16.value))
    if charge_point_id is not None:
        held = held.where(_T.charge_point_id == charge_point_id)
    ids = connection.execute(held).scalars().all()
    return sum([settle(connection, row_id) is not State.HELD for row_id in ids])


def list_transactions(connection: Connection, state: State | None = None, limit: int = 100) -> list[Transaction]:
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
        for row in connection.execute(query)
    ]


def _insert(connection: Connection, identity: Mapping[str, object]) -> int:
    return cast(int, _INSERT.scalar(connection, **identity))


def _insert_foreign(
    connection: Connection,
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
    return _insert(connection, identity)


def _earliest(readings: Iterable[Reading]) -> Reading:
    return min(readings, key=lambda reading: (reading.at, reading.energy))


# Any: a row of `_OWN` or `_STATE`, which have the same columns.
def _find_own(connection: Connection, charge_point_id: ChargePointId, transaction_id: int) -> Any | None:
    """Find a transaction by the id that we gave. Another charge point's is not its own: it can't end that."""
    return _OWN.first(connection, number=transaction_id, charge_point_id=charge_point_id)


def _state_of(connection: Connection, row_id: int) -> Any:
    return _STATE.first(connection, number=row_id)


def _find_foreign(
    connection: Connection, charge_point_id: ChargePointId, transaction_id: int, readings: Sequence[Reading]
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
        known = connection.execute(query.where(again).limit(1)).scalar()
        if known is not None:
            return int(known)
        query = query.where(_T.ended_at.is_(None))
    return cast("int | None", connection.execute(query.order_by(_T.id.desc()).limit(1)).scalar())


def settle(connection: Connection, row_id: int) -> State:
    """Derive a transaction from all that is stored of it, choose its tariff if it has none, and give its state."""
    row = _ROW.first(connection, number=row_id)
    assert row  # noqa: S101  the caller has found it
    told = _told(connection, row)
    if row.state == State.RATED:
        values = _after_rating(connection, row, told)
        connection.execute(update(charging_transaction).where(_T.id == row_id).values(**values))
        return State.RATED
    begin = _begin_columns(row, told)
    if begin:
        connection.execute(update(charging_transaction).where(_T.id == row_id).values(**begin))
    derived = derive(_known(connection, row, told))
    if State.HELD in (derived.state, row.state) or row.state == State.WAIVED:
        derived = decided(derived, rulings_of(connection, row_id))
    _DERIVE.run(connection, number=row_id, notes=told.notes, **_columns(derived))
    if row.tariff_version_id is None and _may_choose_tariff(row, told):
        _CHOOSE.run(connection, number=row_id, **_tariff(connection, row_id, told.start.reading.at))
    return derived.state


# Any here and below: a row of `_ROW`.
def _told(connection: Connection, row: Any) -> Assembled:
    """Put together what a station told of a transaction."""
    if row.ocpp != Version.V16.value:
        payloads = _payloads(connection, row.id, _PAYLOADS)
        return assemble([decode_transaction_event(payload) for payload in payloads])
    stops = tuple(stop_of(payload) for payload in _payloads(connection, row.id, _ENDS))
    return Assembled(_start(row), stops, _readings(connection, row.id) if stops else (), (), "")


def _known(connection: Connection, row: Any, told: Assembled) -> Known:
    """Add what we know ourselves: the worth of the token, and whether the EVSE was ever reported."""
    charge_point_id, start = ChargePointId(row.charge_point_id), told.start
    token = find_token(connection, charge_point_id, start.id_token)
    is_old = row.ocpp == Version.V16.value
    # What OCPP 2.x has not told yet is no fault; after the end it is among the problems.
    untold_token, untold_evse = not is_old and start.id_token == NO_TOKEN, not is_old and start.evse_id == NO_EVSE
    return Known(
        start=None if is_old and row.foreign_id else start,
        stops=told.stops,
        readings=told.readings if told.stops else (),
        token=Authorization.ACCEPTED if untold_token else authorize(token, start.reading.at),
        evse_known=untold_evse or (start.evse_id > 0 and is_evse_known(connection, charge_point_id, start.evse_id)),
        foreign_id=row.foreign_id,
        problems=told.problems,
    )


def _after_rating(connection: Connection, row: Any, told: Assembled) -> dict[str, object]:
    """Tell what contradicts a price that stands. Late messages that move the begin or the end let it be rated again."""
    problems = [*told.problems, conflict(told.stops)]
    if told.start.id_token.value != row.id_token:
        problems.append(f"a late message names another token: {told.start.id_token}")
    moved: dict[str, object] = {}
    if row.ocpp != Version.V16.value and not any(problems):
        derived = derive(_known(connection, row, told))
        begin, end = told.start.reading, told.stops[0].reading
        registers = {"started_at": begin.at, "meter_start": begin.energy}
        registers |= {"ended_at": end.at, "meter_stop": end.energy}
        if any(getattr(row, name) != value for name, value in registers.items()):
            problems.append(derived.held_reason)
            moved = {} if derived.held_reason else {**registers, "rerate_reason": LATE_MESSAGES}
    # A session without a price stays without one until it is rated again.
    lost = row.held_reason if row.held_reason.startswith(NOT_AGAIN) else ""
    return {**moved, "notes": told.notes, "held_reason": lost or "; ".join(filter(None, problems))}


def _begin_columns(row: Any, told: Assembled) -> dict[str, object]:
    """Give the columns that OCPP 2.x may tell in any message; of OCPP 1.6 they are the row's identity."""
    if row.ocpp == Version.V16.value:
        return {}
    start = told.start
    return {
        "evse_id": start.evse_id,
        "id_token": start.id_token.value,
        "started_at": start.reading.at,
        "meter_start": start.reading.energy,
    }


def _may_choose_tariff(row: Any, told: Assembled) -> bool:
    """Tell whether all that the choice rests on is known: it is made once."""
    if row.ocpp == Version.V16.value:
        return True
    return told.is_started and told.start.id_token != NO_TOKEN and told.start.evse_id != NO_EVSE


def _columns(derived: Derived) -> dict[str, object]:
    stop = derived.stop
    return {
        "state": derived.state,
        "held_reason": derived.held_reason,
        "ended_at": stop.reading.at if stop else None,
        "meter_stop": stop.reading.energy if stop else None,
        "stop_reason": stop.reason if stop else None,
    }


def _start(row: Any) -> Start:
    return Start(EvseId(row.evse_id), IdToken(row.id_token), Reading(row.started_at, Wh(row.meter_start)))


def _payloads(connection: Connection, row_id: int, query: Statement) -> list[Payload]:
    return [cast(Payload, loads(text_of(row))) for row in query.all(connection, number=row_id)]


def stop_of(payload: Payload) -> Stop:
    """Read a StopTransaction.req (OCPP 1.6 §6.49).

    Raises:
        PayloadError: a value has no meaning.
    """
    message = decode_stop_transaction(payload)
    reading = Reading(message.meter.at, message.meter.reading.energy_import)
    return Stop(reading, message.reason, message.id_token)


def _readings(connection: Connection, row_id: int) -> tuple[Reading, ...]:
    return tuple(Reading(row.at, Wh(row.energy_wh)) for row in _READINGS.all(connection, number=row_id))


def _tariff(connection: Connection, row_id: int, at: datetime) -> dict[str, object]:
    """Choose the tariffs, and keep with the session why, where it is and whose quotas it uses up."""
    facts = facts_of(connection, row_id)
    choice = choose_tariff(connection, facts, at)
    keep_further(connection, row_id, choice.further)
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
