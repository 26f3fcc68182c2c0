"""What the handlers of all versions share.

A handler stores and answers; it never prices, mails or calls out. It runs inside a unit of work, and its answer leaves
only after the commit.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from backend.store.charge_points import store_seen
from backend.store.event_log import Received
from shared.ids import ChargePointId, MessageId
from shared.log import Log
from shared.ocpp.session import Payload, dumps
from shared.ocpp.v16 import timestamp
from shared.ocpp.validation import Version

log = Log(__name__)


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sent a call, as which message and by which version."""

    charge_point_id: ChargePointId
    message_id: MessageId
    version: Version = Version.V16


Handler = Callable[[Payload, Sender, Connection, datetime], Payload]
"""Takes a payload that passed its schema, its sender, the unit of work and the time; gives the answer's payload.

Messages that carry energy come also where they exceed limits of values (see `backend/csms/dialogue.py`). May raise
PayloadError: the payload has no meaning.
"""


def on_heartbeat(_payload: Payload, sender: Sender, connection: Connection, now: datetime) -> Payload:
    """Note that the station lives (OCPP 1.6 §6.25), and tell it the time."""
    store_seen(connection, sender.charge_point_id, now)
    return {"currentTime": timestamp(now)}


def on_progress(subject: str, payload: Payload, sender: Sender, _connection: Connection, _now: datetime) -> Payload:
    """Tell the log how something goes that was asked for, such as an update of firmware."""
    log.info(subject, charge_point=sender.charge_point_id, status=payload["status"])
    return {}


def on_security_event(payload: Payload, sender: Sender, _connection: Connection, _now: datetime) -> Payload:
    """Tell the log what a station saw that bears on its security (whitepaper for 1.6, §4.9; 2.x part 2, A04)."""
    log.warning("security_event", charge_point=sender.charge_point_id, type=str(payload["type"])[:50])
    return {}


def on_report(answer: Payload, _payload: Payload, _sender: Sender, _connection: Connection, _now: datetime) -> Payload:
    """Give the answer for what has no meaning to us: it acknowledges, or says that we do not do this."""
    return answer


def received(payload: Payload, sender: Sender, now: datetime) -> Received:
    """Give a message as it is stored."""
    return Received(sender.charge_point_id, sender.message_id, now, dumps(payload))
