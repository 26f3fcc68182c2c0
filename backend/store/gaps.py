"""The gap map: what is missing of each station's record."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, and_, func, not_, or_, select

from backend.core.gaps import Record, SessionFacts, record_of
from backend.core.people.access import EVERYTHING, View
from backend.store.scope import charge_points_in
from backend.store.tables import charge_point, charging_transaction, transaction_event
from shared.ocpp.validation import Version

DAYS = 90
"""How far back the map looks."""

_C, _T, _E = charge_point.c, charging_transaction.c, transaction_event.c


@dataclass(frozen=True, slots=True)
class StationRecord:
    """A station and its record."""

    charge_point_id: str
    name: str
    record: Record


def gap_map(connection: Connection, now: datetime, view: View = EVERYTHING) -> list[StationRecord]:
    """Tell of each station up to when its record is complete, those with the oldest gap first."""
    no_start = or_(
        and_(_T.ocpp == Version.V16.value, _T.foreign_id != ""), _T.held_reason.contains("its start has not come")
    )
    query = (
        select(_T.charge_point_id, _T.id, _T.evse_id, _T.started_at, _T.ended_at)
        .add_columns(not_(no_start).label("begin_known"), _T.notes)
        .add_columns(func.min(_E.received_at).label("first_came"), func.max(_E.received_at).label("last_came"))
        .join(transaction_event, _E.transaction_id == _T.id)
        .join(charge_point, _C.id == _T.charge_point_id)
        .where(charge_points_in(view), _E.received_at >= now - timedelta(days=DAYS))
        .group_by(_T.id)
    )
    sessions: dict[str, list[SessionFacts]] = defaultdict(list)
    for point, *facts in connection.execute(query):
        sessions[point].append(SessionFacts(*facts))
    stations = connection.execute(select(_C.id, _C.name, _C.seen_at).where(charge_points_in(view)).order_by(_C.id))
    found = [StationRecord(row.id, row.name, record_of(sessions[row.id], row.seen_at)) for row in stations]
    return sorted(found, key=lambda one: (not one.record.missing, one.record.complete_until or now))
