"""The tables of the journal, and how an older journal becomes one of this program.

Each step of MIGRATIONS leads from its number to the next one; a new journal goes through all of them, so there is one
way only. `PRAGMA user_version` tells how far a file has come.
"""

import secrets
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from station.errors import JournalError
from station.security import event_store

_FIRST = """
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

# What is thinned out or old gives up its readings, and only a sample between begin and end may: the ledger row stays.
# `source` is who had told the time when that was frozen; of what was frozen before, nobody knows.
_THINNING = """
CREATE TABLE ledger2 (
    event_id INTEGER PRIMARY KEY REFERENCES event, message_id TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'acknowledged', 'parked', 'thinned')),
    created_ms INTEGER NOT NULL, tries INTEGER NOT NULL DEFAULT 0, refusals INTEGER NOT NULL DEFAULT 0,
    correction_ms INTEGER, settled_ms INTEGER, round_trip_ms INTEGER, reason TEXT NOT NULL DEFAULT '', source INTEGER
);
INSERT INTO ledger2 SELECT *, NULL FROM ledger;
DROP TABLE ledger;
ALTER TABLE ledger2 RENAME TO ledger;
CREATE INDEX ledger_pending ON ledger (event_id) WHERE state = 'pending';
CREATE INDEX ledger_parked ON ledger (event_id) WHERE state = 'parked';
CREATE INDEX ledger_uncertain ON ledger (event_id) WHERE source = 0;
CREATE TRIGGER ledger_stays BEFORE DELETE ON ledger BEGIN SELECT RAISE(ABORT, 'the ledger is kept'); END;
DROP TRIGGER event_is_final;
CREATE TRIGGER event_is_final BEFORE UPDATE OF id, transaction_key, seq_no, boot, offset_ms ON event
BEGIN SELECT RAISE(ABORT, 'events are not rewritten'); END;
CREATE TRIGGER event_body_is_final BEFORE UPDATE OF body ON event
WHEN NEW.body != '' OR OLD.seq_no = 0
    OR OLD.seq_no = (SELECT max(seq_no) FROM event WHERE transaction_key = OLD.transaction_key)
    OR NOT EXISTS (SELECT 1 FROM ledger WHERE event_id = OLD.id AND state IN ('thinned', 'acknowledged'))
BEGIN SELECT RAISE(ABORT, 'events are not rewritten'); END;
"""

# Any message that is refused for good parks its transaction, not the start alone.
_PARKING = "ALTER TABLE txn RENAME COLUMN start_parked TO is_parked;"

MIGRATIONS = (_FIRST, event_store.SCHEMA, _THINNING, _PARKING)
SCHEMA_VERSION = len(MIGRATIONS)


def prepare(connection: sqlite3.Connection, path: Path) -> str:
    """Bring the journal to this program's schema, within the unit of work that is open, and give its id.

    Raises:
        JournalError: it is of a newer program, or none of ours.
    """
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > SCHEMA_VERSION:
        raise JournalError(
            f"journal {path} was written by a newer program (schema {version}, this one knows {SCHEMA_VERSION}): "
            "give that version back with `emops-station update rollback`"
        )
    if version == 0 and connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        raise JournalError(f"{path} is not a journal of this program: set journal.path to another file")
    for script in MIGRATIONS[version:]:
        for statement in _statements(script):
            connection.execute(statement)
    if version == 0:
        connection.execute("INSERT INTO value VALUES ('journal_id', ?)", (secrets.token_hex(4),))
    if version < SCHEMA_VERSION:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    row = connection.execute("SELECT text FROM value WHERE name = 'journal_id'").fetchone()
    if row is None:
        raise JournalError(f"{path} is not a journal of this program: set journal.path to another file")
    return str(row[0])


def _statements(script: str) -> Iterator[str]:
    """Cut a script into statements; executescript would commit in between."""
    statement = ""
    for line in script.strip().splitlines():
        statement += line + "\n"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
