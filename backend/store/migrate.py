"""Bring a database file to the schema of this program, by the revisions under `migrations/`.

Everything happens in one transaction: a file is migrated wholly or not at all, and of two programs that start at once
the second one waits.
"""

import sqlite3
from dataclasses import dataclass
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, event
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import NullPool

import backend.store.certificate_tables
import backend.store.clarification_tables
import backend.store.datev_tables
import backend.store.dunning_tables
import backend.store.home_tables
import backend.store.host_tables
import backend.store.payment_tables
import backend.store.people_tables
import backend.store.watch_tables  # noqa: F401  its tables belong to the schema
from backend.errors import SchemaError
from backend.store.writer import set_up

MIGRATIONS = Path(__file__).parent / "migrations"
"""The folder of the revisions."""


@dataclass(frozen=True, slots=True)
class Migration:
    """What was done: from which revision (None: a fresh file) to which. The same twice means nothing to do."""

    before: str | None
    after: str


def migrate(path: Path) -> Migration:
    """Create the file or bring it up to date. Must not run in an event loop that has other work: it blocks.

    Raises:
        SchemaError: the file was written by a newer program, is no database, is damaged, or can't be opened.
    """
    engine = create_engine(f"sqlite:///{path}", poolclass=NullPool)
    event.listen(engine, "connect", set_up)
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    try:
        with engine.begin() as connection:
            return _upgrade(connection, path)
    except (DatabaseError, sqlite3.DatabaseError) as error:
        reason = error.orig if isinstance(error, DatabaseError) else error
        raise SchemaError(
            f"can't use the database {path}: {reason}. Check that its folder exists and is ours"
        ) from error
    finally:
        engine.dispose()


def _upgrade(connection: Connection, path: Path) -> Migration:
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    revisions = ScriptDirectory.from_config(config)
    known = {revision.revision for revision in revisions.walk_revisions()}
    head = revisions.get_current_head()
    assert head is not None  # noqa: S101  there is a first revision
    before = MigrationContext.configure(connection).get_current_revision()
    if before is not None and before not in known:
        raise SchemaError(
            f"{path} was written by a newer emops (schema {before}; this program knows up to {head}): "
            "install that version, or restore the backup made before the update"
        )
    if before != head:
        command.upgrade(config, head)
    return Migration(before, head)
