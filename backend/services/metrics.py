"""What `/metrics` and `/readyz` tell: figures of the program, and whether it can do its work."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Table, func, select, text, update
from sqlalchemy.exc import SQLAlchemyError

from backend.core.watch.exposition import Metric, counter, gauge
from backend.csms.connections import Connections
from backend.errors import StoreError
from backend.jobs.health import JobHealth
from backend.store.letter_tables import letter
from backend.store.migrate import MIGRATIONS
from backend.store.tables import charging_transaction
from backend.store.watch_tables import alert, backend_run, connector, fault
from backend.store.watch_view import StationRow, stations
from backend.store.writer import Store
from shared.clock import Clock
from shared.ids import ChargePointId

READY_S = 5.0
"""Link time for which an answer about readiness holds: strangers may ask, and each answer costs a commit."""


async def collect(store: Store, connections: Connections, health: JobHealth, clock: Clock) -> list[Metric]:
    """Give all figures."""
    now, loop_now = clock.utc(), asyncio.get_running_loop().time()
    rows, counted = await store.read(lambda unit: (stations(unit), list(_counted(unit))))
    links = {row.id: connections.find(ChargePointId(row.id)) for row in rows}
    online = sum(1 for link in links.values() if link)
    heard = [((now - link.heard_at).total_seconds(), _of(name)) for name, link in links.items() if link]
    pings = [(ping.total_seconds(), _of(name)) for name, link in links.items() if link and (ping := link.ping())]
    beats = list(health.items())
    return [
        gauge(
            "emops_stations",
            "Stations by connection.",
            (online, {"state": "online"}),
            (len(rows) - online, {"state": "offline"}),
        ),
        gauge(
            "emops_station_connected",
            "Whether a station is connected.",
            *((float(bool(link)), _of(name)) for name, link in links.items()),
        ),
        gauge("emops_station_heard_age_seconds", "Age of the last message of a connected station.", *heard),
        gauge("emops_station_ping_seconds", "Round-trip of the last ping.", *pings),
        *_links(rows),
        *counted,
        counter("emops_store_commits_total", "Commits since the start.", store.version),
        gauge(
            "emops_job_age_seconds",
            "Time since a job ended its last round.",
            *((loop_now - beat.at, {"job": name}) for name, beat in beats),
        ),
        gauge(
            "emops_job_failing",
            "Whether a job's last round failed.",
            *((float(beat.failing), {"job": name}) for name, beat in beats),
        ),
        *_process(),
    ]


def _of(name: str) -> dict[str, str]:
    return {"charge_point": name}


def _links(rows: list[StationRow]) -> Iterator[Metric]:
    for name, help_text, field, scale in (
        ("emops_station_clock_drift_seconds", "By how much a station's clock is ahead.", "drift_ms", 0.001),
        ("emops_station_backlog_messages", "Messages that wait in a station.", "pending", 1.0),
        ("emops_station_backlog_age_seconds", "Age of the oldest of them, as last told.", "oldest_s", 1.0),
        ("emops_station_parked_messages", "Messages refused for good that a station holds.", "parked", 1.0),
        ("emops_station_signal_dbm", "Signal of a station's modem.", "signal_dbm", 1.0),
    ):
        values = [(value * scale, _of(row.id)) for row in rows if (value := getattr(row.link, field)) is not None]
        yield gauge(name, help_text, *values)


def _counted(unit: Connection) -> Iterator[Metric]:
    t = charging_transaction.c.state
    yield _by("emops_transactions", "Transactions by state.", unit, charging_transaction, t.name)
    yield _by("emops_connectors", "Connectors by the status that they told last.", unit, connector, "status")
    yield _by("emops_letters", "Letters by state.", unit, letter, "state")
    lasting = unit.scalar(select(func.count()).select_from(fault).where(fault.c.ended_at.is_(None)))
    yield gauge("emops_faults_open", "Faults that last.", lasting or 0)
    kinds = unit.execute(select(alert.c.kind, func.count()).where(alert.c.ended_at.is_(None)).group_by(alert.c.kind))
    yield gauge("emops_alerts_open", "Open alerts by kind.", *((count, {"kind": kind}) for kind, count in kinds))


def _by(name: str, help_text: str, unit: Connection, table: Table, column: str) -> Metric:
    of = table.c[column]
    rows = unit.execute(select(of, func.count()).group_by(of))
    return gauge(name, help_text, *((count, {column: value}) for value, count in rows))


def _process() -> Iterator[Metric]:
    times = os.times()
    yield counter("process_cpu_seconds_total", "CPU time of the program.", times.user + times.system)
    statm = Path("/proc/self/statm")
    if statm.exists():
        resident = int(statm.read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
        yield gauge("process_resident_memory_bytes", "Resident memory of the program.", resident)


class Readiness:
    """Whether the program can do its work: the store takes writes, its schema is ours, the jobs live."""

    def __init__(self, store: Store, health: JobHealth) -> None:
        self._store, self._health = store, health
        self._head = ScriptDirectory(str(MIGRATIONS)).get_current_head()
        self._looked = float("-inf")
        self._problems: list[str] = []

    async def problems(self) -> list[str]:
        """Tell what is in the way; nothing if all is well. Cancelling is safe."""
        now = asyncio.get_running_loop().time()
        if now - self._looked >= READY_S:
            self._looked = now
            self._problems = [*await self._of_store(), *self._health.problems(now)]
        return self._problems

    async def _of_store(self) -> list[str]:
        try:
            async with asyncio.timeout(READY_S):
                found = await self._store.write(_touch)
        except TimeoutError:
            return ["the database takes no writes in time"]
        except (SQLAlchemyError, StoreError):
            return ["the database takes no writes"]
        return [] if found == self._head else [f"the schema is {found}, this program has {self._head}"]


def _touch(unit: Connection) -> str:
    """Write something that changes nothing, and give the schema's revision."""
    unit.execute(update(backend_run).values(until=backend_run.c.until).where(backend_run.c.id == 1))
    return str(unit.scalar(text("SELECT version_num FROM alembic_version")))
