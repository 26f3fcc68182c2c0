"""The ledger as a signed file, to carry sessions out of a dead spot. Read beside a running agent; the ledger keeps all.

What is handed out is as good as sent: its times are frozen like those of a first try. Else a time that is corrected
later would make the same transaction look like another one when it is also delivered over the air.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from shared.ids import ChargePointId, MessageId
from shared.ledger_file import Row, Sign, lines_of
from shared.ocpp.v16 import timestamp
from shared.transaction import Ended, Started
from station.core.delivery import Entry, Message, Rules
from station.core.dialect import Dialect
from station.errors import JournalError
from station.journal import corrected

_RULES = Rules(send_without_start=True)
"""Without the number of its transaction a message goes out with -1."""

_MAY_BE_CORRECTED = """
SELECT e.transaction_key FROM ledger l JOIN event e ON e.id = l.event_id JOIN boot b ON b.number = e.boot
WHERE l.correction_ms IS NULL AND b.source = 0 AND b.number = (SELECT max(number) FROM boot)
"""
_FREEZE = """
UPDATE ledger SET correction_ms = COALESCE((SELECT b.offset_ms - e.offset_ms FROM event e
    JOIN boot b ON b.number = e.boot WHERE e.id = ledger.event_id), 0),
    source = (SELECT b.source FROM event e JOIN boot b ON b.number = e.boot WHERE e.id = ledger.event_id)
WHERE correction_ms IS NULL
AND (? OR (SELECT transaction_key FROM event WHERE id = event_id) NOT IN (
"""
_ROWS = """
SELECT e.id, e.boot, l.message_id, e.body, l.correction_ms, COALESCE(l.source, b.source, 0) > 0, t.csms_id, l.state,
       s.body, sl.correction_ms
FROM ledger l JOIN event e ON e.id = l.event_id JOIN txn t ON t.key = e.transaction_key
LEFT JOIN boot b ON b.number = e.boot
LEFT JOIN event s ON s.transaction_key = e.transaction_key AND s.seq_no = 0
LEFT JOIN ledger sl ON sl.event_id = s.id
WHERE l.correction_ms IS NOT NULL AND e.body != '' AND (? OR l.state != 'acknowledged') ORDER BY e.id
"""


@dataclass(frozen=True, slots=True)
class Exported:
    """What a file holds: messages, and how many of them have a time that nobody ever confirmed."""

    messages: int
    unconfirmed: int


@dataclass(frozen=True, slots=True)
class Maker:
    """Who makes a file, and when: the charge point, its public key, what signs with the other half, and its OCPP."""

    charge_point: ChargePointId
    key: str
    sign: Sign
    at: datetime
    dialect: Dialect


def transactions_without_time(path: Path) -> int:
    """Count the transactions whose times are still being waited for.

    Raises:
        JournalError: there is no journal, or it can't be read.
    """
    with _open(path) as connection:
        row = connection.execute(f"SELECT count(DISTINCT transaction_key) FROM ({_MAY_BE_CORRECTED})").fetchone()  # noqa: S608
    return int(row[0])


def export_ledger(path: Path, out: Path, maker: Maker, *, everything: bool, without_time: bool) -> Exported:
    """Write the file; a power cut leaves no half one under its name. Only its owner may read it: it names cards.

    Args:
        path: of the journal. A running agent goes on beside it.
        out: the file.
        maker: who signs.
        everything: also what the central system has acknowledged.
        without_time: also transactions whose time may still become known; theirs then stays as it is now.

    Raises:
        JournalError: the journal can't be used.
        OSError: the file can't be written.
    """
    new = out.with_name(out.name + ".new")
    new.unlink(missing_ok=True)
    count = unconfirmed = 0

    def counted(rows: Iterator[Row]) -> Iterator[Row]:
        nonlocal count, unconfirmed
        for row in rows:
            count, unconfirmed = count + 1, unconfirmed + (not row.certain)
            yield row

    with _open(path) as connection, open(new, "xb", opener=_private) as file:
        with connection:
            connection.execute(_FREEZE + _MAY_BE_CORRECTED + "))", (without_time,))
        rows = counted(_rows(connection, everything, maker.dialect))
        for line in lines_of(rows, maker.charge_point, maker.at, maker.key, maker.sign):
            file.write(line)
        file.flush()
        os.fsync(file.fileno())
    new.replace(out)
    return Exported(count, unconfirmed)


def _rows(connection: sqlite3.Connection, everything: bool, dialect: Dialect) -> Iterator[Row]:
    """Give the rows one by one: a single statement sees one state of the database, whatever is written meanwhile."""
    for row in connection.execute(_ROWS, (everything,)):
        event = corrected(row[3], row[4])
        started = corrected(row[8], row[9] or 0) if isinstance(event, Ended) and row[8] else None
        begin = started.meter if isinstance(started, Started) else None
        message = dialect.outgoing(Entry(row[0], MessageId(row[2]), event, 0, row[6], begin), _RULES)
        assert isinstance(message, Message)  # noqa: S101  nothing is parked by these rules
        yield Row(
            row=row[0],
            boot=row[1],
            at=timestamp(event.at),
            certain=bool(row[5]),
            ocpp=dialect.version,
            message_id=MessageId(row[2]),
            transaction=event.key,
            action=message.action,
            payload=message.payload,
            state=row[7],
        )


@contextmanager
def _open(path: Path) -> Iterator[sqlite3.Connection]:
    if not path.is_file():
        raise JournalError(f"there is no journal {path} yet: has the agent run with this configuration?")
    try:
        with closing(sqlite3.connect(path, timeout=5)) as connection:
            yield connection
    except sqlite3.Error as error:
        raise JournalError(f"can't use the journal {path}: {error}") from error


def _private(name: str, flags: int) -> int:
    return os.open(name, flags, 0o600)
