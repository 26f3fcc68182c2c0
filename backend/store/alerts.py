"""Alerts: what operators want to be told, what is open, and the notices that wait to be sent."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, Row, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from backend.core.invoices.letter import Letter, Purpose
from backend.core.people.access import EVERYTHING, View
from backend.core.record import from_json, to_json
from backend.core.watch.alert import AlertKind, Condition, Lasting, News, Phase, Plan, quiet_until
from backend.core.watch.alert_texts import alert_text, alert_title
from backend.store import outbox
from backend.store.scope import charge_points_in
from backend.store.tables import charge_point, operator
from backend.store.watch_tables import alert, alert_notice, alert_plan

WEBHOOK, MQTT = "webhook", "mqtt"
_A, _N = alert.c, alert_notice.c


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert, open until `ended_at`."""

    id: int
    operator_id: str
    kind: AlertKind
    charge_point_id: str
    name: str
    values: Mapping[str, str]
    since: datetime
    opened_at: datetime
    ended_at: datetime | None
    acknowledged_at: datetime | None
    acknowledged_by: str

    def text(self, zone: ZoneInfo, language: str) -> str:
        """Say what it is about."""
        return alert_text(self.kind, self.values, self.since, zone, language)


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to be sent. `secret` is the sealed one of its operator."""

    id: int
    name: str
    channel: str
    target: str
    body: str
    tries: int
    created_at: datetime
    secret: str


def read_plan(connection: Connection, operator_id: str) -> tuple[Plan, str]:
    """Give what an operator wants to be told, and the sealed secret of its webhook; the defaults before it said."""
    p = alert_plan.c
    row = connection.execute(select(p.body, p.webhook_secret).where(p.operator_id == operator_id)).first()
    return (from_json(Plan, row.body), row.webhook_secret) if row else (Plan(), "")


def write_plan(connection: Connection, operator_id: str, plan: Plan, webhook_secret: str) -> None:
    """Keep what an operator wants to be told."""
    values = {"body": to_json(plan), "webhook_secret": webhook_secret}
    connection.execute(
        upsert(alert_plan)
        .values(operator_id=operator_id, **values)
        .on_conflict_do_update(index_elements=["operator_id"], set_=values)
    )


def operators(connection: Connection) -> list[tuple[str, str]]:
    """List the operators with their time zones."""
    rows = connection.execute(select(operator.c.id, operator.c.timezone).order_by(operator.c.id))
    return [(row.id, row.timezone) for row in rows]


def lasting(connection: Connection, operator_id: str) -> list[Lasting]:
    """List an operator's open alerts."""
    query = select(_A.id, _A.kind, _A.charge_point_id, _A.subject, _A.seen_at)
    rows = connection.execute(query.where(_A.operator_id == operator_id, _A.ended_at.is_(None)))
    return [Lasting(row.id, (row.kind, row.charge_point_id, row.subject), row.seen_at) for row in rows]


def keep_news(connection: Connection, operator_id: str, news: News, now: datetime) -> None:
    """Open, keep and end alerts."""
    for one in news.opened:
        connection.execute(insert(alert).values(_values(operator_id, one, now)))
    if news.seen:
        connection.execute(update(alert).where(_A.id.in_(news.seen)).values(seen_at=now))
    if news.ended:
        connection.execute(update(alert).where(_A.id.in_(news.ended)).values(ended_at=now))


def order_notices(connection: Connection, operator_id: str, plan: Plan, zone: ZoneInfo, now: datetime) -> int:
    """Order what is to be told, each once, on every way that the operator wants; gives how many alerts were told.

    Nothing in quiet hours. What was over before it could be told is never told.
    """
    if quiet_until(plan, now, zone):
        return 0
    query = _select().where(_A.operator_id == operator_id)
    raised = query.where(_A.told == "", _A.ended_at.is_(None), _A.acknowledged_at.is_(None))
    over = query.where(_A.told == Phase.RAISED.value, _A.ended_at.is_not(None))
    found = [(Phase.RAISED, _alert(row)) for row in connection.execute(raised.order_by(_A.id))]
    found += [(Phase.RECOVERED, _alert(row)) for row in connection.execute(over.order_by(_A.id))]
    for phase, one in found:
        _order(connection, plan, zone, one, phase, now)
        connection.execute(update(alert).where(_A.id == one.id).values(told=phase.value))
    return len(found)


def _order(  # noqa: PLR0917  one argument for each thing told
    connection: Connection, plan: Plan, zone: ZoneInfo, one: Alert, phase: Phase, now: datetime
) -> None:
    if plan.emails:
        title = f"{one.name}: {alert_title(one.kind, plan.language, phase)}"
        letter = Letter(
            operator_id=one.operator_id,
            purpose=Purpose.ALERT,
            document=f"station-alert-{one.id}-{phase}",
            to=plan.emails,
            language=plan.language,
            values={"title": title, "lines": [one.text(zone, plan.language), f"{one.name} ({one.charge_point_id})"]},
        )
        outbox.queue(connection, letter, now)
    body = json.dumps(_body(one, phase, zone, now), ensure_ascii=False, separators=(",", ":"))
    targets = {WEBHOOK: plan.webhook} if plan.webhook else {}
    if plan.mqtt:
        targets[MQTT] = f"{one.operator_id}/alerts/{_level(one.charge_point_id)}/{one.kind}"
    for channel, target in targets.items():
        row: dict[str, object] = {
            "alert_id": one.id,
            "phase": phase.value,
            "channel": channel,
            "target": target,
            "body": body,
        }
        row |= {"state": "waiting", "tries": 0, "next_at": now, "created_at": now, "reason": ""}
        connection.execute(upsert(alert_notice).values(row).on_conflict_do_nothing())


def _body(one: Alert, phase: Phase, zone: ZoneInfo, now: datetime) -> dict[str, object]:
    return {
        "id": one.id,
        "event": f"alert.{phase}",
        "kind": one.kind.value,
        "operator": one.operator_id,
        "charge_point": one.charge_point_id,
        "name": one.name,
        "since": one.since.isoformat(),
        "at": now.isoformat(),
        "values": dict(one.values),
        "text": {language: one.text(zone, language) for language in ("de", "en")},
    }


def _level(name: str) -> str:
    """Make one level of an MQTT topic (MQTT 3.1.1 §4.7) of a name."""
    return "".join("_" if letter in "/+#" or not letter.isprintable() else letter for letter in name)


def waiting(connection: Connection, now: datetime, limit: int) -> list[Notice]:
    """List notices that are due."""
    query = (
        select(
            _N.id, _A.id.label("alert"), _N.phase, _N.channel, _N.target, _N.body, _N.tries, _N.created_at,
            alert_plan.c.webhook_secret,
        )
        .join(alert, _A.id == _N.alert_id)
        .outerjoin(alert_plan, alert_plan.c.operator_id == _A.operator_id)
        .where(_N.state == "waiting", _N.next_at <= now)
        .order_by(_N.next_at, _N.id)
        .limit(limit)
    )  # fmt: skip
    return [
        Notice(
            row.id,
            f"{row.alert}-{row.phase}",
            row.channel,
            row.target,
            row.body,
            row.tries,
            row.created_at,
            row.webhook_secret or "",
        )
        for row in connection.execute(query)
    ]


def next_notice(connection: Connection) -> datetime | None:
    """Tell when the next notice is due."""
    return connection.scalar(select(_N.next_at).where(_N.state == "waiting").order_by(_N.next_at).limit(1))


def keep_sent(connection: Connection, notice_id: int) -> None:
    """Keep that a notice was taken."""
    connection.execute(update(alert_notice).where(_N.id == notice_id).values(state="sent", reason=""))


def keep_failed(connection: Connection, notice: Notice, reason: str, next_at: datetime | None) -> None:
    """Keep that a notice was not taken, and when it is tried again; None = never."""
    state = "waiting" if next_at else "failed"
    values = {
        "state": state,
        "tries": notice.tries + 1,
        "reason": reason[:300],
        "next_at": next_at or notice.created_at,
    }
    connection.execute(update(alert_notice).where(_N.id == notice.id).values(values))


def list_alerts(
    connection: Connection,
    limit: int,
    view: View = EVERYTHING,
    *,
    is_open: bool | None = None,
    charge_point_id: str = "",
) -> list[Alert]:
    """List alerts, the newest first."""
    query = _select().where(charge_points_in(view))
    if is_open is not None:
        query = query.where(_A.ended_at.is_(None) if is_open else _A.ended_at.is_not(None))
    if charge_point_id:
        query = query.where(_A.charge_point_id == charge_point_id)
    return [_alert(row) for row in connection.execute(query.order_by(_A.id.desc()).limit(limit))]


def acknowledge(connection: Connection, alert_id: int, by: str, now: datetime) -> bool:
    """Keep that somebody has taken note; False if somebody had."""
    wanted: Sequence[ColumnElement[bool]] = (_A.id == alert_id, _A.acknowledged_at.is_(None))
    done = connection.execute(update(alert).where(*wanted).values(acknowledged_at=now, acknowledged_by=by))
    return done.rowcount == 1


def forget_alerts(connection: Connection, until: datetime) -> None:
    """Drop alerts that ended before, with their notices."""
    old = select(_A.id).where(_A.ended_at < until)
    connection.execute(alert_notice.delete().where(_N.alert_id.in_(old)))
    connection.execute(alert.delete().where(_A.ended_at < until))


# Any: SQLAlchemy's types of selects and rows name all columns.
def _select() -> Any:
    return select(alert, charge_point.c.name).join(charge_point, charge_point.c.id == _A.charge_point_id)


def _alert(row: Row[Any]) -> Alert:
    return Alert(
        row.id,
        row.operator_id,
        AlertKind(row.kind),
        row.charge_point_id,
        row.name or row.charge_point_id,
        json.loads(row.details),
        row.since,
        row.opened_at,
        row.ended_at,
        row.acknowledged_at,
        row.acknowledged_by,
    )


def _values(operator_id: str, one: Condition, now: datetime) -> dict[str, object]:
    return {
        "operator_id": operator_id,
        "kind": one.kind.value,
        "charge_point_id": one.charge_point_id,
        "subject": one.subject,
        "details": json.dumps(dict(one.values), ensure_ascii=False),
        "since": one.since,
        "opened_at": now,
        "seen_at": now,
    }


RETRY_FIRST, RETRY_LONGEST, GIVE_UP = timedelta(seconds=30), timedelta(hours=1), timedelta(hours=24)
"""Of notices that were not taken: the first wait, which doubles up to the longest, and when to end."""


def retry_at(notice: Notice, now: datetime) -> datetime | None:
    """Tell when to try again; None = no more."""
    if now - notice.created_at >= GIVE_UP:
        return None
    wait: timedelta = RETRY_FIRST * (1 << min(notice.tries, 10))
    return now + min(wait, RETRY_LONGEST)
