"""What each message and each socket tells about a station's link and clock, kept in memory until a job stores it."""

import ssl
from datetime import UTC, datetime, timedelta

from websockets.asyncio.server import ServerConnection

from backend.csms.connections import Connection
from shared.ocpp.session import Payload
from shared.ocpp.v16 import PayloadError, parse_timestamp

_STAMPED = ("StatusNotification", "TransactionEvent", "StartTransaction", "StopTransaction", "NotifyEvent")
"""Messages with the time of what they tell, which is just now or, kept while there was no connection, long ago."""


def note_call(connection: Connection, action: str, payload: Payload, now: datetime) -> None:
    """Note a message that came; whatever it says, it harms nothing."""
    if action == "Heartbeat":
        connection.heartbeat_at = now
    elif action in _STAMPED and (stamp := payload.get("timestamp") or payload.get("generatedAt")):
        try:
            connection.clock.hear(parse_timestamp(stamp), now)
        except PayloadError:
            return  # the handler says so


def ping_of(socket: ServerConnection) -> timedelta | None:
    """Tell how long the last ping took, None before the first came back."""
    return timedelta(seconds=socket.latency) if socket.latency > 0 else None


def certificate_end(socket: ServerConnection) -> datetime | None:
    """Tell until when the certificate is valid that a station showed; None if it showed none."""
    tls = socket.transport.get_extra_info("ssl_object")
    shown = tls.getpeercert() if tls is not None else None
    until = shown.get("notAfter") if shown else None
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(str(until)), UTC) if until else None
