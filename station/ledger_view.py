"""The ledger for people: read beside a running agent, and parked entries given back to delivery."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from shared.transaction import TransactionEvent
from station.core.timekeeping import from_ms
from station.errors import JournalDamaged, JournalError
from station.journal import ALARM, corrected, register

_SENT_WITHOUT_START = """
SELECT 1 FROM event s JOIN ledger sl ON sl.event_id = s.id JOIN event e ON e.transaction_key = s.transaction_key
JOIN ledger l ON l.event_id = e.id
WHERE s.transaction_key = ? AND s.seq_no = 0 AND sl.state = 'parked' AND e.seq_no > 0 AND l.state = 'acknowledged'
"""


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """One line of the ledger, for people. `certain` is False if the time of the event was never confirmed.

    Of a sample that was thinned out or has aged out `at` is when it was stored, and its register is gone.
    """

    row_id: int
    message_id: str
    transaction: str
    kind: str
    at: datetime
    certain: bool
    register_wh: int | None
    state: str
    tries: int
    refusals: int
    round_trip_ms: int | None
    reason: str


def read_ledger(path: Path, transaction: str = "", limit: int = 100) -> list[LedgerRow]:
    """Read the newest lines of the ledger, oldest first, beside a running agent.

    Args:
        path: of the journal.
        transaction: only this one; empty = all.
        limit: how many at most.

    Raises:
        JournalError: there is no journal, or it can't be read.
    """
    sql = (
        "SELECT e.id, l.message_id, e.transaction_key, e.body, "
        "COALESCE(l.correction_ms, b.offset_ms - e.offset_ms, 0), COALESCE(l.source, b.source, 0) > 0, "
        "l.state, l.tries, l.refusals, l.round_trip_ms, l.reason, l.created_ms "
        "FROM ledger l JOIN event e ON e.id = l.event_id LEFT JOIN boot b ON b.number = e.boot "
        "WHERE ? IN ('', e.transaction_key) ORDER BY e.id DESC LIMIT ?"
    )
    rows = []
    for row in read_rows(path, sql, transaction, limit):
        event = _event(row[3], row[4])
        kind = type(event).__name__.lower() if event else "updated"
        at = event.at if event else from_ms(row[11])
        register_wh = register(event) if event else None
        rows.append(
            LedgerRow(
                row[0], row[1], row[2], kind, at, bool(row[5]), register_wh, row[6], row[7], row[8], row[9], row[10]
            )
        )
    return rows[::-1]


# Any: numbers and texts for JSON.
def ledger_line(row: LedgerRow) -> dict[str, Any]:
    """Give a line of the ledger without what names a driver: of its transaction only the begin of the key."""
    return {
        "row": row.row_id,
        "transaction": row.transaction[:4],
        "kind": row.kind,
        "at": row.at.isoformat(),
        "certain": row.certain,
        "register_wh": row.register_wh,
        "state": row.state,
        "tries": row.tries,
        "refusals": row.refusals,
        "reason": row.reason,
    }


def _event(body: str, correction_ms: int) -> TransactionEvent | None:
    """Read a stored event; None if its readings are gone, or damaged: that stops nobody from seeing the others."""
    try:
        return corrected(body, correction_ms) if body else None
    except JournalDamaged:
        return None


def read_rows(path: Path, sql: str, *parameters: object) -> list[sqlite3.Row]:
    """Query the journal read-only, beside a running agent.

    Raises:
        JournalError: there is no journal, or it can't be read.
    """
    if not path.is_file():
        raise JournalError(f"there is no journal {path} yet: has the agent run with this configuration?")
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)) as connection:
            return connection.execute(sql, parameters).fetchall()
    except sqlite3.Error as error:
        raise JournalError(f"can't read the journal {path}: {error}") from error


def parked(path: Path, limit: int = 100) -> list[tuple[str, int, str]]:
    """List what was refused for good, the newest first: transaction, how many of its messages, why the first.

    Raises:
        JournalError: there is no journal, or it can't be read.
    """
    rows = read_rows(
        path,
        "SELECT p.key, p.messages, l.reason FROM (SELECT e.transaction_key AS key, count(*) AS messages, "
        "min(e.id) AS first, max(e.id) AS last FROM ledger l JOIN event e ON e.id = l.event_id "
        "WHERE l.state = 'parked' GROUP BY e.transaction_key) p JOIN ledger l ON l.event_id = p.first "
        "ORDER BY p.last DESC LIMIT ?",
        limit,
    )
    return [(row[0], row[1], row[2]) for row in rows]


def release(path: Path, transaction: str) -> int:
    """Give the parked entries of a transaction back to delivery, in their old order, and tell how many.

    A running agent takes them up by itself.

    Raises:
        JournalError: there is no journal, it can't be written, or the begin would come after its end.
    """
    if not path.is_file():
        raise JournalError(f"there is no journal {path} yet: has the agent run with this configuration?")
    try:
        with closing(sqlite3.connect(path, timeout=5)) as connection, connection:
            if connection.execute(_SENT_WITHOUT_START, (transaction,)).fetchone():
                raise JournalError(
                    f"the rest of transaction {transaction} was delivered without its begin: sent now, that would "
                    "begin another one that never ends. Let the operator enter it by hand"
                )
            connection.execute("UPDATE txn SET is_parked = 0 WHERE key = ?", (transaction,))
            return connection.execute(
                "UPDATE ledger SET state = 'pending', refusals = 0, settled_ms = NULL WHERE state = 'parked' "
                "AND event_id IN (SELECT id FROM event WHERE transaction_key = ?)",
                (transaction,),
            ).rowcount
    except sqlite3.Error as error:
        raise JournalError(f"can't write the journal {path}: {error}") from error


def clear_alarm(path: Path) -> str:
    """Forget the journal's alarm and give what it said; empty if there was none.

    Raises:
        JournalError: there is no journal, or it can't be written.
    """
    said = read_rows(path, "SELECT text FROM value WHERE name = ?", ALARM)
    try:
        with closing(sqlite3.connect(path, timeout=5)) as connection, connection:
            connection.execute("DELETE FROM value WHERE name = ?", (ALARM,))
    except sqlite3.Error as error:
        raise JournalError(f"can't write the journal {path}: {error}") from error
    return str(said[0][0]) if said else ""
