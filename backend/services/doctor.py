"""Look at settings, database and server for what is wrong or soon will be: `emops-backend doctor`."""

import os
import shutil
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from pathlib import Path

from alembic.script import ScriptDirectory

from backend.settings import Settings
from backend.store.migrate import MIGRATIONS

_ROOM = 1 << 30
_LONG_AWAY = timedelta(days=7)
_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


class Level(IntEnum):
    """How bad a finding is."""

    GOOD = 0
    NOTICE = 1
    BAD = 2


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. `text` says how it is and, unless that is good, what to do."""

    level: Level
    subject: str
    text: str


def examine(settings: Settings) -> Iterator[Finding]:
    """Look at everything and tell what is found. Nothing is changed; the program may run meanwhile."""
    yield from _web(settings)
    yield from _mail(settings)
    path = settings.store.path
    if not path.exists():
        yield Finding(Level.BAD, "database", f"there is no {path}: emops-backend migrate makes one")
        return
    yield from _file(path)
    try:
        # Not read-only: whoever opens a database first must be able to recover its write-ahead log.
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True)) as connection:
            sound = list(_schema(connection, path))
            yield from sound
            if all(finding.level is Level.GOOD for finding in sound):
                yield from _content(connection, settings.clock.build().utc())
    except sqlite3.Error as error:
        yield Finding(Level.BAD, "database", f"{path}: {error}. Put back a copy with emops-backend restore")


def _web(settings: Settings) -> Iterator[Finding]:
    server = settings.server
    if server.ocpp_host in ("0.0.0.0", "::"):  # noqa: S104  asked about, not bound
        text = "stations connect from everywhere: put a TLS proxy in front, and give each of them a password"
        yield Finding(Level.NOTICE, "stations", text)
    if settings.clock.lapse_rate != 1.0:
        yield Finding(Level.BAD, "clock", "world time runs faster than real time: remove [clock], it is for shows only")


def _mail(settings: Settings) -> Iterator[Finding]:
    if not settings.mail.host:
        yield Finding(Level.NOTICE, "mail", "mail.host is empty: invoices are issued and wait, nobody gets them")
    elif settings.mail.security == "none" and settings.mail.host not in ("localhost", "127.0.0.1", "::1"):
        yield Finding(Level.BAD, "mail", f"invoices go to {settings.mail.host} unencrypted: set mail.security")


def _file(path: Path) -> Iterator[Finding]:
    others = stat.S_IMODE(path.stat().st_mode) & 0o077
    if others:
        yield Finding(Level.NOTICE, "database", f"other users of this server can read {path}: chmod 600 {path}")
    free = shutil.disk_usage(path.parent).free
    enough = free >= _ROOM
    hint = "" if enough else ": less than 1 GB; make room, or nothing can be stored"
    yield Finding(Level.GOOD if enough else Level.BAD, "disk", f"{free >> 20} MB are free where {path} is{hint}")
    if not os.access(path, os.W_OK):
        yield Finding(Level.BAD, "database", f"{path} can't be written by this user")


def _schema(connection: sqlite3.Connection, path: Path) -> Iterator[Finding]:
    (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        yield Finding(Level.BAD, "database", f"{path} is damaged ({verdict}): emops-backend restore puts back a copy")
        return
    (found,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    head = ScriptDirectory(str(MIGRATIONS)).get_current_head()
    if found == head:
        yield Finding(Level.GOOD, "database", f"{path} is sound, schema {found}")
    else:
        text = f"schema {found}, this program has {head}: back it up, then emops-backend migrate"
        yield Finding(Level.NOTICE, "database", text)


def _content(connection: sqlite3.Connection, now: datetime) -> Iterator[Finding]:
    def count(query: str, *values: object) -> int:
        return int(connection.execute(query, values).fetchone()[0])

    if not count("SELECT count(*) FROM operator"):
        yield Finding(Level.NOTICE, "operators", "there is none yet: emops-backend apply FILE writes them")
    held = count("SELECT count(*) FROM charging_transaction WHERE state = 'held'")
    hint = ": emops-backend transactions --state held lists them with reasons" if held else ""
    yield Finding(Level.NOTICE if held else Level.GOOD, "sessions", f"{held} are held and on no invoice{hint}")
    since = (now - _LONG_AWAY - _EPOCH) // timedelta(milliseconds=1)
    away = count("SELECT count(*) FROM charge_point WHERE seen_at IS NOT NULL AND seen_at < ?", since)
    never = count("SELECT count(*) FROM charge_point WHERE seen_at IS NULL")
    if away or never:
        text = f"{away} were not heard of for {_LONG_AWAY.days} days, {never} never: the page tells which"
        yield Finding(Level.NOTICE, "stations", text)
    run = connection.execute("SELECT differences FROM recompute_run ORDER BY id DESC LIMIT 1").fetchone()
    if run and run[0] != "[]":
        yield Finding(Level.BAD, "prices", f"prices don't compute again to the same: {run[0][:200]}")
