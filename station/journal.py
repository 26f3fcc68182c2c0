"""The station's memory: transaction events and what became of their delivery, boots, values, in one SQLite file.

Events are append-only. Beside each stands its ledger entry: tries, refusals, and in the end *acknowledged* or *parked*;
an entry is never thrown away. One commit per change of state, `synchronous=FULL`: what a method has returned from
survives a power cut. Order is the integer key alone, never a time.

An event keeps the clock offset it was stamped with. Until its first try its times move with the offset of its boot
(station.core.timekeeping); the first try freezes them.
"""

import fcntl
import os
import secrets
import sqlite3
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import aiosqlite

from shared.ids import EvseId, IdToken, MessageId, TransactionKey
from shared.sqlite import Database
from shared.transaction import Ended, Started, StopReason, TransactionEvent, Updated, retimed
from shared.units import Wh
from station.core import record
from station.core.delivery import Entry
from station.core.evse_events import Ending, OpenTransaction
from station.core.timekeeping import BootTime, Floor, TimeSource, from_ms, to_ms
from station.errors import JournalError
from station.security import event_store
from station.security.event_store import EventStore
from station.token_store import TokenStore

SCHEMA_VERSION = 2
_SCHEMA_1 = """
CREATE TABLE value (name TEXT PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE boot (
    number INTEGER PRIMARY KEY, kernel_boot_id TEXT NOT NULL, offset_ms INTEGER NOT NULL, source INTEGER NOT NULL
);
CREATE TABLE txn (
    key TEXT PRIMARY KEY, evse_id INTEGER NOT NULL, is_open INTEGER NOT NULL, csms_id INTEGER,
    start_parked INTEGER NOT NULL DEFAULT 0, deauthorized INTEGER NOT NULL DEFAULT 0,
    ending_reason TEXT, ending_token TEXT, ending_at_ms INTEGER
) WITHOUT ROWID;
CREATE TABLE event (
    id INTEGER PRIMARY KEY AUTOINCREMENT, transaction_key TEXT NOT NULL REFERENCES txn, seq_no INTEGER NOT NULL,
    boot INTEGER REFERENCES boot, offset_ms INTEGER NOT NULL, body TEXT NOT NULL, UNIQUE (transaction_key, seq_no)
);
CREATE TABLE ledger (
    event_id INTEGER PRIMARY KEY REFERENCES event, message_id TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'acknowledged', 'parked')),
    created_ms INTEGER NOT NULL, tries INTEGER NOT NULL DEFAULT 0, refusals INTEGER NOT NULL DEFAULT 0,
    correction_ms INTEGER, settled_ms INTEGER, round_trip_ms INTEGER, reason TEXT NOT NULL DEFAULT ''
);
CREATE INDEX ledger_pending ON ledger (event_id) WHERE state = 'pending';
CREATE INDEX txn_open ON txn (evse_id) WHERE is_open;
CREATE TABLE try (
    id INTEGER PRIMARY KEY, event_id INTEGER NOT NULL REFERENCES event, at_ms INTEGER NOT NULL,
    outcome TEXT NOT NULL DEFAULT 'no answer'
);
CREATE INDEX try_of ON try (event_id);
CREATE TABLE token (
    kind TEXT NOT NULL, id_token TEXT NOT NULL, status TEXT NOT NULL, expires_ms INTEGER, parent TEXT NOT NULL,
    updated INTEGER NOT NULL, PRIMARY KEY (kind, id_token)
) WITHOUT ROWID;
CREATE TRIGGER event_stays BEFORE DELETE ON event BEGIN SELECT RAISE(ABORT, 'events are kept'); END;
CREATE TRIGGER event_is_final BEFORE UPDATE ON event BEGIN SELECT RAISE(ABORT, 'events are not rewritten'); END;
CREATE TRIGGER ledger_stays BEFORE DELETE ON ledger BEGIN SELECT RAISE(ABORT, 'the ledger is kept'); END;
"""

_MIGRATIONS = {0: _SCHEMA_1, 1: event_store.SCHEMA}
"""What makes the next schema of each. What an older program has written is changed by these alone."""

_PENDING = """
SELECT e.id, l.message_id, e.body, l.refusals, t.csms_id, l.tries,
       COALESCE(l.correction_ms, b.offset_ms - e.offset_ms, 0)
FROM ledger l JOIN event e ON e.id = l.event_id JOIN txn t ON t.key = e.transaction_key
LEFT JOIN boot b ON b.number = e.boot
"""


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits for delivery."""

    pending: int
    parked: int


class Journal:
    """The open journal. One process has it at a time; make it with `open_journal`."""

    def __init__(self, database: Database, journal_id: str) -> None:
        self._database = database
        self.journal_id = journal_id
        self.tokens = TokenStore(database)
        self.security_events = EventStore(database, journal_id)

    async def value(self, name: str) -> str | None:
        """Give a stored value."""
        row = await self._one("SELECT text FROM value WHERE name = ?", name)
        return None if row is None else str(row[0])

    async def values(self, prefix: str) -> dict[str, str]:
        """Give the stored values whose name begins with `prefix`, without it."""
        rows = await self._all("SELECT name, text FROM value WHERE substr(name, 1, ?) = ?", len(prefix), prefix)
        return {str(row[0])[len(prefix) :]: str(row[1]) for row in rows}

    async def set_value(self, name: str, text: str) -> None:
        """Store a value."""
        async with self._database.unit_of_work() as connection:
            await _set(connection, name, text)

    async def last_boot(self) -> BootTime | None:
        """Give the boot that was current last."""
        row = await self._one("SELECT number, kernel_boot_id, offset_ms, source FROM boot ORDER BY number DESC LIMIT 1")
        return BootTime(row[0], row[1], row[2], TimeSource(row[3])) if row else None

    async def floor(self) -> Floor | None:
        """Give the latest time stored."""
        text = await self.value("floor")
        if text is None:
            return None
        at_ms, source = text.split()
        return Floor(from_ms(int(at_ms)), TimeSource(int(source)))

    async def set_time(self, boot: BootTime, floor: Floor) -> None:
        """Store what time it is. Times of events of this boot that were never sent follow its offset."""
        async with self._database.unit_of_work() as connection:
            await connection.execute(
                "INSERT INTO boot VALUES (?, ?, ?, ?) ON CONFLICT (number) "
                "DO UPDATE SET offset_ms = excluded.offset_ms, source = excluded.source",
                (boot.number, boot.kernel_boot_id, boot.offset_ms, boot.source),
            )
            await _set_floor(connection, floor)

    async def append(self, event: TransactionEvent, boot: BootTime, floor: Floor, *, past: bool = False) -> MessageId:
        """Store an event and its ledger entry; it is durable when this returns.

        Args:
            event: the next of its transaction.
            boot: the time that stamped it.
            floor: the latest time, this event's included.
            past: its time is of an earlier boot and isn't corrected with this one.

        Raises:
            sqlite3.IntegrityError: the transaction has an event of that number already.
        """
        async with self._database.unit_of_work() as connection:
            if isinstance(event, Started):
                await connection.execute(
                    "INSERT INTO txn (key, evse_id, is_open) VALUES (?, ?, 1)", (event.key, event.evse_id)
                )
            elif isinstance(event, Ended):
                await connection.execute("UPDATE txn SET is_open = 0 WHERE key = ?", (event.key,))
            cursor = await connection.execute(
                "INSERT INTO event (transaction_key, seq_no, boot, offset_ms, body) VALUES (?, ?, ?, ?, ?)",
                (event.key, event.seq_no, None if past else boot.number, boot.offset_ms, record.encode(event)),
            )
            message_id = MessageId(f"{self.journal_id}-{cursor.lastrowid}")
            await connection.execute(
                "INSERT INTO ledger (event_id, message_id, created_ms, state, reason) "
                "SELECT ?, ?, ?, CASE start_parked WHEN 1 THEN 'parked' ELSE 'pending' END, "
                "CASE start_parked WHEN 1 THEN 'the start of its transaction is parked' ELSE '' END "
                "FROM txn WHERE key = ?",
                (cursor.lastrowid, message_id, to_ms(floor.at), event.key),
            )
            await _set_floor(connection, floor)
        return message_id

    async def mark_ending(self, key: TransactionKey, ending: Ending) -> None:
        """Store that a transaction is being ended."""
        async with self._database.unit_of_work() as connection:
            await connection.execute(
                "UPDATE txn SET ending_reason = ?, ending_token = ?, ending_at_ms = ? WHERE key = ?",
                (
                    ending.reason,
                    ending.id_token.value if ending.id_token else None,
                    to_ms(ending.at) if ending.at else None,
                    key,
                ),
            )

    async def open_transactions(self, boot_number: int) -> dict[EvseId, OpenTransaction]:
        """Give the transactions that have begun and not ended, by EVSE."""
        rows = await self._all(
            "SELECT key, evse_id, deauthorized, ending_reason, ending_token, ending_at_ms FROM txn WHERE is_open"
        )
        return {EvseId(row[1]): await self._open_transaction(row, boot_number) for row in rows}

    async def _open_transaction(self, row: sqlite3.Row, boot_number: int) -> OpenTransaction:
        rows = await self._all(
            "SELECT e.body, COALESCE(l.correction_ms, b.offset_ms - e.offset_ms, 0), e.boot FROM event e "
            "JOIN ledger l ON l.event_id = e.id LEFT JOIN boot b ON b.number = e.boot "
            "WHERE e.transaction_key = ?1 "
            "AND e.seq_no IN (0, (SELECT max(seq_no) FROM event WHERE transaction_key = ?1)) ORDER BY e.id",
            row[0],
        )
        started, last = corrected(rows[0][0], rows[0][1]), corrected(rows[-1][0], rows[-1][1])
        assert isinstance(started, Started)  # noqa: S101  seq_no 0
        ending = None
        if row[3]:
            token = IdToken(row[4]) if row[4] else None
            ending = Ending(StopReason(row[3]), token, from_ms(row[5]) if row[5] else None)
        return OpenTransaction(
            started=started,
            next_seq=last.seq_no + 1,
            register=register(last),
            last_at=last.at,
            ending=ending,
            same_boot=rows[-1][2] == boot_number,
            deauthorized=bool(row[2]),
        )

    async def head(self) -> Entry | None:
        """Give the oldest entry that waits for delivery."""
        row = await self._one(_PENDING + "WHERE l.state = 'pending' ORDER BY l.event_id LIMIT 1")
        return await self._entry(row) if row else None

    async def begin_try(self, entry: Entry, at: datetime) -> Entry:
        """Store that an entry is about to be sent, which freezes its times, and give it as it must go out."""
        async with self._database.unit_of_work() as connection:
            await connection.execute(
                "UPDATE ledger SET tries = tries + 1, correction_ms = COALESCE(correction_ms, (SELECT b.offset_ms - "
                "e.offset_ms FROM event e JOIN boot b ON b.number = e.boot WHERE e.id = ledger.event_id), 0) "
                "WHERE event_id = ?",
                (entry.row_id,),
            )
            await connection.execute("INSERT INTO try (event_id, at_ms) VALUES (?, ?)", (entry.row_id, to_ms(at)))
            cursor = await connection.execute(_PENDING + "WHERE e.id = ?", (entry.row_id,))
            row = await cursor.fetchone()
        assert row is not None  # noqa: S101  an entry never goes away
        return await self._entry(row)

    async def _entry(self, row: sqlite3.Row) -> Entry:
        event, begin = corrected(row[2], row[6]), None
        if isinstance(event, Ended):
            first = await self._one(
                "SELECT e.body, COALESCE(l.correction_ms, b.offset_ms - e.offset_ms, 0) FROM event e "
                "JOIN ledger l ON l.event_id = e.id LEFT JOIN boot b ON b.number = e.boot "
                "WHERE e.transaction_key = ? AND e.seq_no = 0",
                event.key,
            )
            started = corrected(first[0], first[1]) if first else None
            begin = started.meter if isinstance(started, Started) else None
        return Entry(row[0], MessageId(row[1]), event, row[3], row[4], begin)

    async def acknowledge(
        self, entry: Entry, at: datetime, round_trip_ms: int, transaction_id: int | None, *, deauthorized: bool = False
    ) -> None:
        """Store that the central system has an entry, and with a start's the number that it gave the transaction."""
        async with self._database.unit_of_work() as connection:
            await _settle(connection, entry, "acknowledged", at, "acknowledged", round_trip_ms=round_trip_ms)
            if transaction_id is not None or deauthorized:
                await connection.execute(
                    "UPDATE txn SET csms_id = COALESCE(?, csms_id), deauthorized = deauthorized OR ? WHERE key = ?",
                    (transaction_id, deauthorized, entry.event.key),
                )

    async def refuse(self, entry: Entry, reason: str) -> None:
        """Store that the central system refused an entry and that it will be sent again."""
        async with self._database.unit_of_work() as connection:
            await connection.execute(
                "UPDATE ledger SET refusals = refusals + 1, reason = ? WHERE event_id = ?", (reason, entry.row_id)
            )
            await _end_try(connection, entry, reason)

    async def park(self, entry: Entry, at: datetime, reason: str, *, transaction: bool) -> None:
        """Store that an entry, or with `transaction` all pending ones of its transaction, won't be sent again."""
        async with self._database.unit_of_work() as connection:
            await _settle(connection, entry, "parked", at, reason)
            if transaction:
                await connection.execute("UPDATE txn SET start_parked = 1 WHERE key = ?", (entry.event.key,))
                await connection.execute(
                    "UPDATE ledger SET state = 'parked', settled_ms = ?, reason = 'the start of its transaction is "
                    "parked' WHERE state = 'pending' AND event_id IN (SELECT id FROM event WHERE transaction_key = ?)",
                    (to_ms(at), entry.event.key),
                )

    async def backlog(self) -> Backlog:
        """Count what has not been delivered."""
        pending = await self._one("SELECT count(*) FROM ledger WHERE state = 'pending'")
        parked = await self._one("SELECT count(*) FROM ledger WHERE state = 'parked'")
        return Backlog(pending[0] if pending else 0, parked[0] if parked else 0)

    async def last_row(self) -> int:
        """Give the number of the youngest entry, 0 if there is none."""
        row = await self._one("SELECT COALESCE(max(event_id), 0) FROM ledger")
        return int(row[0]) if row else 0

    async def open_transaction_of(self, transaction_id: int) -> tuple[EvseId, TransactionKey] | None:
        """Find an open transaction by the central system's number."""
        row = await self._one("SELECT evse_id, key FROM txn WHERE is_open AND csms_id = ?", transaction_id)
        return (EvseId(row[0]), TransactionKey(row[1])) if row else None

    async def _one(self, sql: str, *parameters: object) -> sqlite3.Row | None:
        rows = await self._all(sql, *parameters)
        return rows[0] if rows else None

    async def _all(self, sql: str, *parameters: object) -> list[sqlite3.Row]:
        # Locked like a write: on the one connection a reader would see another task's half-done work.
        async with self._database.unit_of_work() as connection, connection.execute(sql, parameters) as cursor:
            return list(await cursor.fetchall())


async def _set(connection: aiosqlite.Connection, name: str, text: str) -> None:
    await connection.execute(
        "INSERT INTO value VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET text = excluded.text", (name, text)
    )


async def _set_floor(connection: aiosqlite.Connection, floor: Floor) -> None:
    await _set(connection, "floor", f"{to_ms(floor.at)} {int(floor.source)}")


async def _settle(
    connection: aiosqlite.Connection,
    entry: Entry,
    state: str,
    at: datetime,
    outcome: str,
    *,
    round_trip_ms: int | None = None,
) -> None:
    refused = state == "parked"
    await connection.execute(
        "UPDATE ledger SET state = ?, settled_ms = ?, round_trip_ms = ?, reason = ?, refusals = refusals + ? "
        "WHERE event_id = ?",
        (state, to_ms(at), round_trip_ms, outcome if refused else "", refused, entry.row_id),
    )
    await _end_try(connection, entry, outcome)


async def _end_try(connection: aiosqlite.Connection, entry: Entry, outcome: str) -> None:
    await connection.execute(
        "UPDATE try SET outcome = ? WHERE id = (SELECT max(id) FROM try WHERE event_id = ?)", (outcome, entry.row_id)
    )


def corrected(body: str, correction_ms: int) -> TransactionEvent:
    """Read a stored event and move its times."""
    event, correction = record.decode(body), timedelta(milliseconds=correction_ms)
    return retimed(event, lambda at: at + correction) if correction_ms else event


def register(event: TransactionEvent) -> Wh:
    """Give the register that an event tells."""
    return (event.values[-1] if isinstance(event, Updated) else event.meter).reading.energy_import


@asynccontextmanager
async def open_journal(path: Path) -> AsyncIterator[Journal]:
    """Open the journal, or create it. Hold `journal_lock` meanwhile.

    Raises:
        JournalError: it is damaged, of a newer program, or its disk is full.
    """
    try:
        async with Database.open(path) as database:
            yield Journal(database, await _prepare(database, path))
    except sqlite3.Error as error:
        raise JournalError(
            f"journal {path}: {error}. Is the disk full or the file damaged? Keep the file: it holds what has not "
            "been billed yet"
        ) from error


@contextmanager
def journal_lock(path: Path) -> Iterator[None]:
    """Keep a second agent out: two would send everything twice. However this process ends, the kernel frees the lock.

    Raises:
        JournalError: another agent has it, or the folder can't be written.
    """
    name = path.with_name(path.name + ".lock")
    try:
        lock = os.open(name, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise JournalError(f"can't write beside the journal {path}: {error.strerror}. Set journal.path") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise JournalError(f"the journal {path} is in use by another agent: stop that one first") from error
    finally:
        os.close(lock)


async def _prepare(database: Database, path: Path) -> str:
    async with database.unit_of_work() as connection:
        cursor = await connection.execute("PRAGMA user_version")
        row = await cursor.fetchone()
        version = row[0] if row else 0
        if version > SCHEMA_VERSION:
            raise JournalError(
                f"journal {path} was written by a newer program (schema {version}, this one knows {SCHEMA_VERSION}): "
                "give that version back with `emops-station update rollback`"
            )
        for known in range(version, SCHEMA_VERSION):
            for statement in _statements(_MIGRATIONS[known]):
                await connection.execute(statement)
            await connection.execute(f"PRAGMA user_version = {known + 1}")
        if version == 0:
            await _set(connection, "journal_id", secrets.token_hex(4))
        cursor = await connection.execute("SELECT text FROM value WHERE name = 'journal_id'")
        row = await cursor.fetchone()
    if row is None:
        raise JournalError(f"{path} is not a journal of this program: set journal.path to another file")
    return str(row[0])


def _statements(script: str) -> Iterable[str]:
    """Cut a script into statements; executescript would commit in between."""
    statement = ""
    for line in script.strip().splitlines():
        statement += line + "\n"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
