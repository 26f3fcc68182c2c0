"""Security events and what became of their delivery, in the journal's file: the security log.

An event is stored before it is told. Its row stays pending until the central system has acknowledged or for good
refused it (guaranteed delivery, OCPP 2.0.1 A04.FR.02); then it stays as a line of the log. Only settled lines are ever
forgotten, the oldest first.
"""

import sqlite3
from datetime import datetime

from shared.ids import MessageId
from shared.sqlite import Database
from station.core.timekeeping import BootTime, from_ms, to_ms
from station.security.events import TECH_INFO_LENGTH, EventEntry, EventKind, LogLine, is_sent

LOG_LENGTH = 5000
"""Lines of the security log, about 1 MB."""

SCHEMA = """
CREATE TABLE security_event (
    id INTEGER PRIMARY KEY AUTOINCREMENT, message_id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, info TEXT NOT NULL,
    at_ms INTEGER NOT NULL, boot INTEGER NOT NULL REFERENCES boot, offset_ms INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('logged', 'pending', 'acknowledged', 'parked')),
    tries INTEGER NOT NULL DEFAULT 0, refusals INTEGER NOT NULL DEFAULT 0, correction_ms INTEGER,
    settled_ms INTEGER, round_trip_ms INTEGER, reason TEXT NOT NULL DEFAULT ''
);
CREATE INDEX security_event_pending ON security_event (id) WHERE state = 'pending';
"""
"""Of the journal, since its schema 2."""

_AT_MS = "e.at_ms + COALESCE(e.correction_ms, b.offset_ms - e.offset_ms)"
_ENTRY = (
    f"SELECT e.id, e.message_id, e.kind, {_AT_MS}, e.info, e.refusals "  # noqa: S608  constants
    "FROM security_event e JOIN boot b ON b.number = e.boot "
)
LOG = (
    f"SELECT e.id, {_AT_MS}, b.source > 0, e.kind, e.info, e.state "  # noqa: S608  constants
    "FROM security_event e JOIN boot b ON b.number = e.boot ORDER BY e.id"
)
"""The whole security log, for `log_line`."""


class EventStore:
    """See the module."""

    def __init__(self, database: Database, journal_id: str) -> None:
        self._database = database
        self._journal_id = journal_id

    async def append(self, kind: EventKind, info: str, at: datetime, boot: BootTime) -> None:
        """Store an event; it is durable when this returns. `info` is cut to its length on the wire."""

        def store(connection: sqlite3.Connection) -> None:
            # The number is taken before the row, as the message id holds it.
            number = connection.execute(
                "SELECT COALESCE((SELECT seq FROM sqlite_sequence WHERE name = 'security_event'), 0) + 1"
            ).fetchone()[0]
            connection.execute(
                "INSERT INTO security_event (id, message_id, kind, info, at_ms, boot, offset_ms, state) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    number,
                    MessageId(f"{self._journal_id}-s{number}"),
                    kind,
                    info[:TECH_INFO_LENGTH],
                    to_ms(at),
                    boot.number,
                    boot.offset_ms,
                    "pending" if is_sent(kind) else "logged",
                ),
            )
            connection.execute(
                "DELETE FROM security_event WHERE id <= ? AND state IN ('logged', 'acknowledged')",
                (number - LOG_LENGTH,),
            )

        await self._database.work(store)

    async def head(self) -> EventEntry | None:
        """Give the oldest event that waits for delivery."""
        rows = await self._database.read(_ENTRY + "WHERE e.state = 'pending' ORDER BY e.id LIMIT 1")
        return _entry(rows[0]) if rows else None

    async def begin_try(self, entry: EventEntry) -> EventEntry:
        """Store that an event is about to be sent, which freezes its time, and give it as it must go out."""

        def begin(connection: sqlite3.Connection) -> EventEntry:
            connection.execute(
                "UPDATE security_event SET tries = tries + 1, correction_ms = COALESCE(correction_ms, "
                "(SELECT b.offset_ms FROM boot b WHERE b.number = boot) - offset_ms) WHERE id = ?",
                (entry.row_id,),
            )
            return _entry(connection.execute(_ENTRY + "WHERE e.id = ?", (entry.row_id,)).fetchone())

        return await self._database.work(begin)

    async def acknowledge(self, entry: EventEntry, at: datetime, round_trip_ms: int) -> None:
        """Store that the central system has an event."""
        await self._write(
            "UPDATE security_event SET state = 'acknowledged', settled_ms = ?, round_trip_ms = ?, reason = '' "
            "WHERE id = ?",
            to_ms(at),
            round_trip_ms,
            entry.row_id,
        )

    async def refuse(self, entry: EventEntry, reason: str) -> None:
        """Store that the central system refused an event and that it will be sent again."""
        await self._write(
            "UPDATE security_event SET refusals = refusals + 1, reason = ? WHERE id = ?", reason, entry.row_id
        )

    async def park(self, entry: EventEntry, at: datetime, reason: str) -> None:
        """Store that an event won't be sent again. It stays in the log for good."""
        await self._write(
            "UPDATE security_event SET state = 'parked', refusals = refusals + 1, settled_ms = ?, reason = ? "
            "WHERE id = ?",
            to_ms(at),
            reason,
            entry.row_id,
        )

    async def pending(self) -> int:
        """Count what has not been delivered."""
        rows = await self._database.read("SELECT count(*) FROM security_event WHERE state = 'pending'")
        return int(rows[0][0])

    async def log(self, oldest: datetime | None = None, latest: datetime | None = None) -> list[LogLine]:
        """Read the security log, oldest first, for GetLog and for people.

        Args:
            oldest: not what is older.
            latest: not what is newer.
        """
        lines = [log_line(row) for row in await self._database.read(LOG)]
        return [
            line for line in lines if (oldest is None or line.at >= oldest) and (latest is None or line.at <= latest)
        ]

    async def _write(self, sql: str, *parameters: object) -> None:
        await self._database.work(lambda connection: connection.execute(sql, parameters))


def log_line(row: sqlite3.Row) -> LogLine:
    """Read a row of `LOG`."""
    return LogLine(row[0], from_ms(row[1]), bool(row[2]), row[3], row[4], row[5])


def _entry(row: sqlite3.Row) -> EventEntry:
    return EventEntry(row[0], MessageId(row[1]), row[2], from_ms(row[3]), row[4], row[5])
