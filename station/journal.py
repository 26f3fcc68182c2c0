"""The station's memory: transaction events and what became of their delivery, boots, values, in one SQLite file.

Events are append-only. Beside each stands its ledger entry: tries, refusals, and in the end *acknowledged*, *parked*
or, for samples under storage pressure, *thinned* (station.journal_upkeep); an entry is never thrown away. One commit
per change of state, `synchronous=FULL`: what a method has returned from survives a power cut. Order is the integer key
alone, never a time.

An event keeps the clock offset it was stamped with. Until its first try its times move with the offset of its boot
(station.core.timekeeping); the first try freezes them, with who had told the time until then, and the first try of a
transaction's begin freezes the offset for the rest of it in that boot.

All methods raise JournalStalled if the file can't be used now, and JournalDamaged if it is damaged.
"""

import sqlite3
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.ids import EvseId, IdToken, MessageId, TransactionKey
from shared.metering import MeterValue
from shared.sqlite import Database
from shared.transaction import Ended, Started, StopReason, TransactionEvent, Updated, retimed
from shared.units import Wh
from station.core import record
from station.core.delivery import Entry
from station.core.evse_events import Ending, OpenTransaction
from station.core.timekeeping import BootTime, Floor, TimeSource, from_ms, to_ms
from station.errors import JournalDamaged
from station.security.event_store import EventStore
from station.token_store import TokenStore

TOLD_KEPT = 500
"""Samples of an open transaction that a restart brings back; its end repeats no more."""

_PENDING = """
SELECT e.id, l.message_id, e.body, l.refusals, t.csms_id, l.tries,
       COALESCE(l.correction_ms, b.offset_ms - e.offset_ms, 0)
FROM ledger l JOIN event e ON e.id = l.event_id JOIN txn t ON t.key = e.transaction_key
LEFT JOIN boot b ON b.number = e.boot
"""
ALARM = "alarm"
"""Name of the value that says what is wrong with the journal itself, until a technician has cleared it."""

PARKED_TOO = "waits with its transaction, which is parked"
"""Why a message is parked that was not refused itself."""

_OLDEST = "ORDER BY l.event_id LIMIT 1"
_FREEZE = """
UPDATE ledger SET tries = tries + 1, correction_ms = frozen.correction_ms, source = frozen.source FROM (
    SELECT CASE WHEN l.correction_ms IS NOT NULL THEN l.source WHEN sl.correction_ms IS NOT NULL THEN sl.source
            ELSE b.source END AS source,
        COALESCE(
            l.correction_ms, s.offset_ms + sl.correction_ms - e.offset_ms, b.offset_ms - e.offset_ms, 0
        ) AS correction_ms
    FROM event e JOIN ledger l ON l.event_id = e.id LEFT JOIN boot b ON b.number = e.boot
    LEFT JOIN event s ON s.transaction_key = e.transaction_key AND s.seq_no = 0 AND s.boot = e.boot AND e.seq_no > 0
    LEFT JOIN ledger sl ON sl.event_id = s.id
    WHERE e.id = ?1
) frozen WHERE event_id = ?1
"""
"""A transaction whose begin has been told keeps that time in the same boot: its duration is billed, so no clock that is
set meanwhile may change it."""

_OLD_SAMPLE = (
    "NOT t.is_open AND e.seq_no > 0 AND e.seq_no < (SELECT max(seq_no) FROM event x "
    "WHERE x.transaction_key = e.transaction_key)"
)
"""A reading between begin and end of a transaction that has ended."""

_BACKLOG = """
SELECT (SELECT count(*) FROM ledger WHERE state = 'pending'),
    (SELECT count(*) FROM ledger WHERE state = 'parked'),
    (SELECT l.created_ms + COALESCE(b.offset_ms - e.offset_ms, 0) FROM ledger l JOIN event e ON e.id = l.event_id
        LEFT JOIN boot b ON b.number = e.boot WHERE l.state = 'pending' ORDER BY l.event_id LIMIT 1),
    (SELECT count(DISTINCT e.transaction_key) FROM ledger l JOIN event e ON e.id = l.event_id
        WHERE l.state = 'parked'),
    (SELECT count(DISTINCT e.transaction_key) FROM ledger l JOIN event e ON e.id = l.event_id WHERE l.source = 0)
"""


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits for delivery.

    Args:
        pending: messages.
        parked: messages that were refused for good.
        sessions: transactions that these belong to.
        uncertain: transactions of which something was sent before anybody had told the time.
        oldest: when the oldest pending one was made, None if there is none.
    """

    pending: int
    parked: int
    oldest: datetime | None = None
    sessions: int = 0
    uncertain: int = 0


class Journal:
    """The open journal. One process has it at a time; make it with `station.journal_file.open_journal`."""

    def __init__(self, database: Database, journal_id: str) -> None:
        self.database = database
        """For what looks after the file as a whole, station.journal_upkeep."""
        self.journal_id = journal_id
        self.tokens = TokenStore(database)
        self.security_events = EventStore(database, journal_id)

    async def value(self, name: str) -> str | None:
        """Give a stored value."""
        row = await self._one("SELECT text FROM value WHERE name = ?", name)
        return None if row is None else str(row[0])

    async def values(self, prefix: str) -> dict[str, str]:
        """Give the stored values whose name begins with `prefix`, without it."""
        rows = await self.database.read(
            "SELECT name, text FROM value WHERE substr(name, 1, ?) = ?", len(prefix), prefix
        )
        return {str(row[0])[len(prefix) :]: str(row[1]) for row in rows}

    async def set_value(self, name: str, text: str) -> None:
        """Store a value."""
        await self.database.work(lambda connection: _set(connection, name, text))

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

        def store(connection: sqlite3.Connection) -> None:
            connection.execute(
                "INSERT INTO boot VALUES (?, ?, ?, ?) ON CONFLICT (number) "
                "DO UPDATE SET offset_ms = excluded.offset_ms, source = excluded.source",
                (boot.number, boot.kernel_boot_id, boot.offset_ms, boot.source),
            )
            _set_floor(connection, floor)

        await self.database.work(store)

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

        def store(connection: sqlite3.Connection) -> MessageId:
            if isinstance(event, Started):
                connection.execute(
                    "INSERT INTO txn (key, evse_id, is_open) VALUES (?, ?, 1)", (event.key, event.evse_id)
                )
            elif isinstance(event, Ended):
                connection.execute("UPDATE txn SET is_open = 0 WHERE key = ?", (event.key,))
            _set_floor(connection, floor)
            row_id = connection.execute(
                "INSERT INTO event (transaction_key, seq_no, boot, offset_ms, body) VALUES (?, ?, ?, ?, ?)",
                (event.key, event.seq_no, None if past else boot.number, boot.offset_ms, record.encode(event)),
            ).lastrowid
            message_id = MessageId(f"{self.journal_id}-{row_id}")
            connection.execute(
                "INSERT INTO ledger (event_id, message_id, created_ms, state, reason) "
                "SELECT ?, ?, ?, CASE is_parked WHEN 1 THEN 'parked' ELSE 'pending' END, "
                "CASE is_parked WHEN 1 THEN ? ELSE '' END FROM txn WHERE key = ?",
                (row_id, message_id, to_ms(floor.at), PARKED_TOO, event.key),
            )
            return message_id

        return await self.database.work(store)

    async def mark_ending(self, key: TransactionKey, ending: Ending) -> None:
        """Store that a transaction is being ended."""
        token = ending.id_token.value if ending.id_token else None
        at_ms = to_ms(ending.at) if ending.at else None
        await self.database.work(
            lambda connection: connection.execute(
                "UPDATE txn SET ending_reason = ?, ending_token = ?, ending_at_ms = ? WHERE key = ?",
                (ending.reason, token, at_ms, key),
            )
        )

    async def open_transactions(self, boot_number: int) -> dict[EvseId, OpenTransaction]:
        """Give the transactions that have begun and not ended, by EVSE."""
        rows = await self.database.read(
            "SELECT key, evse_id, deauthorized, ending_reason, ending_token, ending_at_ms FROM txn WHERE is_open"
        )
        return {EvseId(row[1]): await self._open_transaction(row, boot_number) for row in rows}

    async def _open_transaction(self, row: sqlite3.Row, boot_number: int) -> OpenTransaction:
        rows = await self.database.read(
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
            told=await self._told(row[0]),
        )

    async def _told(self, key: str) -> tuple[MeterValue, ...]:
        """Give the last values that a transaction told while it ran."""
        rows = await self.database.read(
            "SELECT e.body, COALESCE(l.correction_ms, b.offset_ms - e.offset_ms, 0) FROM event e "
            "JOIN ledger l ON l.event_id = e.id LEFT JOIN boot b ON b.number = e.boot "
            "WHERE e.transaction_key = ? AND e.seq_no > 0 AND e.body != '' ORDER BY e.id DESC LIMIT ?",
            key,
            TOLD_KEPT,
        )
        events = [corrected(body, correction) for body, correction in reversed(rows)]
        return tuple(value for event in events if isinstance(event, Updated) for value in event.values)

    async def head(self, *, boundaries_first: bool = False) -> Entry | None:
        """Give the entry that is to be delivered next: the oldest that waits.

        Args:
            boundaries_first: samples of transactions that have ended wait until nothing else does.
        """
        row = None
        if boundaries_first:
            row = await self._one(_PENDING + "WHERE l.state = 'pending' AND NOT (" + _OLD_SAMPLE + ") " + _OLDEST)
        row = row or await self._one(_PENDING + "WHERE l.state = 'pending' " + _OLDEST)
        return await self._entry(row) if row else None

    async def begin_try(self, entry: Entry, at: datetime) -> Entry:
        """Store that an entry is about to be sent, which freezes its times, and give it as it must go out."""

        def begin(connection: sqlite3.Connection) -> sqlite3.Row:
            connection.execute(_FREEZE, (entry.row_id,))
            connection.execute("INSERT INTO try (event_id, at_ms) VALUES (?, ?)", (entry.row_id, to_ms(at)))
            row: sqlite3.Row = connection.execute(_PENDING + "WHERE e.id = ?", (entry.row_id,)).fetchone()
            return row

        return await self._entry(await self.database.work(begin))

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

        def acknowledge(connection: sqlite3.Connection) -> None:
            _settle(connection, entry, "acknowledged", at, "acknowledged", round_trip_ms=round_trip_ms)
            if transaction_id is not None or deauthorized:
                connection.execute(
                    "UPDATE txn SET csms_id = COALESCE(?, csms_id), deauthorized = deauthorized OR ? WHERE key = ?",
                    (transaction_id, deauthorized, entry.event.key),
                )

        await self.database.work(acknowledge)

    async def refuse(self, entry: Entry, reason: str) -> None:
        """Store that the central system refused an entry and that it will be sent again."""

        def refuse(connection: sqlite3.Connection) -> None:
            connection.execute(
                "UPDATE ledger SET refusals = refusals + 1, reason = ? WHERE event_id = ?", (reason, entry.row_id)
            )
            _end_try(connection, entry, reason)

        await self.database.work(refuse)

    async def park(self, entry: Entry, at: datetime, reason: str, *, transaction: bool) -> None:
        """Store that an entry, or with `transaction` all pending ones of its transaction, won't be sent again."""

        def park(connection: sqlite3.Connection) -> None:
            _settle(connection, entry, "parked", at, reason)
            if transaction:
                connection.execute("UPDATE txn SET is_parked = 1 WHERE key = ?", (entry.event.key,))
                connection.execute(
                    "UPDATE ledger SET state = 'parked', settled_ms = ?, reason = ? WHERE state = 'pending' "
                    "AND event_id IN (SELECT id FROM event WHERE transaction_key = ?)",
                    (to_ms(at), PARKED_TOO, entry.event.key),
                )

        await self.database.work(park)

    async def backlog(self) -> Backlog:
        """Count what has not been delivered."""
        row = (await self.database.read(_BACKLOG))[0]
        return Backlog(row[0], row[1], from_ms(row[2]) if row[2] is not None else None, row[3], row[4])

    async def pending(self) -> int:
        """Count the messages that wait for delivery."""
        return int((await self.database.read("SELECT count(*) FROM ledger WHERE state = 'pending'"))[0][0])

    async def transaction_status(self, key: TransactionKey) -> tuple[bool, bool]:
        """Tell of a transaction whether it is open, and whether messages of it wait; twice no if there is none."""
        row = await self._one(
            "SELECT is_open, EXISTS (SELECT 1 FROM ledger l JOIN event e ON e.id = l.event_id "
            "WHERE l.state = 'pending' AND e.transaction_key = txn.key) FROM txn WHERE key = ?",
            key,
        )
        return (bool(row[0]), bool(row[1])) if row else (False, False)

    async def last_row(self) -> int:
        """Give the number of the youngest entry, 0 if there is none."""
        row = await self._one("SELECT COALESCE(max(event_id), 0) FROM ledger")
        return int(row[0]) if row else 0

    async def number_of(self, key: TransactionKey) -> int | None:
        """Give the central system's number of a transaction, None where it has given none yet."""
        row = await self._one("SELECT csms_id FROM txn WHERE key = ?", key)
        return row[0] if row else None

    async def open_transaction_of(self, transaction_id: int) -> tuple[EvseId, TransactionKey] | None:
        """Find an open transaction by the central system's number."""
        row = await self._one("SELECT evse_id, key FROM txn WHERE is_open AND csms_id = ?", transaction_id)
        return (EvseId(row[0]), TransactionKey(row[1])) if row else None

    async def _one(self, sql: str, *parameters: object) -> sqlite3.Row | None:
        rows = await self.database.read(sql, *parameters)
        return rows[0] if rows else None


def _set(connection: sqlite3.Connection, name: str, text: str) -> None:
    connection.execute(
        "INSERT INTO value VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET text = excluded.text", (name, text)
    )


def _set_floor(connection: sqlite3.Connection, floor: Floor) -> None:
    _set(connection, "floor", f"{to_ms(floor.at)} {int(floor.source)}")


def _settle(
    connection: sqlite3.Connection,
    entry: Entry,
    state: str,
    at: datetime,
    outcome: str,
    *,
    round_trip_ms: int | None = None,
) -> None:
    refused = state == "parked"
    connection.execute(
        "UPDATE ledger SET state = ?, settled_ms = ?, round_trip_ms = ?, reason = ?, refusals = refusals + ? "
        "WHERE event_id = ?",
        (state, to_ms(at), round_trip_ms, outcome if refused else "", refused, entry.row_id),
    )
    _end_try(connection, entry, outcome)


def _end_try(connection: sqlite3.Connection, entry: Entry, outcome: str) -> None:
    connection.execute(
        "UPDATE try SET outcome = ? WHERE id = (SELECT max(id) FROM try WHERE event_id = ?)", (outcome, entry.row_id)
    )


def corrected(body: str, correction_ms: int) -> TransactionEvent:
    """Read a stored event and move its times.

    Raises:
        JournalDamaged: it can't be read any more.
    """
    try:
        event, correction = record.decode(body), timedelta(milliseconds=correction_ms)
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise JournalDamaged(
            f"the journal is damaged ({error}): what can be read is saved at the next start"
        ) from error
    return retimed(event, lambda at: at + correction) if correction_ms else event


def register(event: TransactionEvent) -> Wh:
    """Give the register that an event tells."""
    return (event.values[-1] if isinstance(event, Updated) else event.meter).reading.energy_import
