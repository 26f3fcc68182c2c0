"""A journal of an older program is taken over with all that it holds; one of a newer program is refused."""

import asyncio
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shared.ids import EvseId, IdToken, TransactionKey
from shared.metering import MeterReading, MeterValue
from shared.transaction import Started, Updated
from shared.units import Wh
from station.core import record
from station.core.timekeeping import BootTime, Floor, TimeSource, to_ms
from station.errors import JournalError
from station.german import said
from station.journal import PARKED_TOO
from station.journal_file import open_journal
from station.journal_salvage import salvage
from station.journal_schema import SCHEMA_VERSION
from station.security.events import EventKind

NOON = datetime(2026, 10, 31, 12, 0, tzinfo=UTC)
SCHEMA_1 = """
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
PRAGMA user_version = 1;
"""
STARTED = Started(
    TransactionKey("k1"), EvseId(1), IdToken("04A1B2C3D4"), MeterValue(NOON, MeterReading(Wh(1000)))
)  # fmt: skip


def write_journal_of_schema_1(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(SCHEMA_1)
        connection.execute("INSERT INTO value VALUES ('journal_id', 'abcd1234')")
        connection.execute("INSERT INTO boot VALUES (1, 'a', ?, 0)", (to_ms(NOON),))
        connection.execute("INSERT INTO txn (key, evse_id, is_open) VALUES ('k1', 1, 1)")
        connection.execute("INSERT INTO event VALUES (7, 'k1', 0, 1, ?, ?)", (to_ms(NOON), record.encode(STARTED)))
        connection.execute(
            "INSERT INTO ledger (event_id, message_id, created_ms) VALUES (7, 'abcd1234-7', ?)", (to_ms(NOON),)
        )


def test_an_older_journal_is_taken_over_and_its_messages_keep_their_ids(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    write_journal_of_schema_1(path)

    async def work() -> None:
        for _ in range(2):
            async with open_journal(path) as journal:
                head = await journal.head()
                assert head is not None
                assert (head.message_id, head.event) == ("abcd1234-7", STARTED)
        async with open_journal(path) as journal:
            await journal.set_time(BootTime(1, "a", to_ms(NOON), TimeSource.UNSET), Floor(NOON, TimeSource.UNSET))
            boot = await journal.last_boot()
            assert boot
            await journal.security_events.append(EventKind.STARTUP, "", NOON, boot)
            assert await journal.security_events.pending() == 1

    asyncio.run(work())
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)


def test_a_newer_journal_is_refused_with_the_command_that_helps(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    write_journal_of_schema_1(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")

    async def work() -> None:
        async with open_journal(path):
            pass

    with pytest.raises(JournalError, match="emops-station update"):
        asyncio.run(work())


def test_salvage_of_an_older_journal_keeps_what_is_parked(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    write_journal_of_schema_1(old)
    with closing(sqlite3.connect(old)) as connection, connection:
        connection.execute("UPDATE txn SET start_parked = 1")
        connection.execute("UPDATE ledger SET state = 'parked'")
    assert salvage(old, new, alarm="damaged").events == 1

    async def work() -> None:
        async with open_journal(new) as journal:
            boot = await journal.last_boot()
            assert boot
            later = Updated(STARTED.key, 1, STARTED.evse_id, (STARTED.meter,))
            await journal.append(later, boot, Floor(NOON, TimeSource.UNSET))
            assert await journal.head() is None

    asyncio.run(work())
    with closing(sqlite3.connect(new)) as connection:
        assert connection.execute("SELECT reason FROM ledger ORDER BY event_id").fetchall()[-1] == (PARKED_TOO,)
    assert said(PARKED_TOO, "de") != PARKED_TOO
