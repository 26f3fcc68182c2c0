"""The files that a central system may fetch: diagnostics (signed, see field.bundle) and the security log.

Logs mask cards and secrets when they are written; of transactions only the begin of the key is told, as in `pack`.
"""

import asyncio
import gzip
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib.metadata import version

from station.core.log_orders import LogKind, LogOrder
from station.field.bundle import make_bundle
from station.field.signature import key_path, station_key
from station.journal import Journal
from station.ledger_view import ledger_line, read_ledger
from station.log_ring import RING_LINES, LogRing
from station.settings import StationSettings
from station.status_file import State
from station.timekeeper import Timekeeper

LEDGER_ROWS = 2000
_STAMP = "%Y-%m-%dT%H:%M:%S"
_STAMP_LENGTH = len("2026-01-01T00:00:00")


class LogFiles:
    """See the module.

    Args:
        settings: of the station.
        journal: ledger and security log.
        ring: the newest lines of the log.
        timekeeper: the time; what the log's lines are stamped with is the machine's.
        state: gives how the station stands.
    """

    def __init__(
        self,
        settings: StationSettings,
        journal: Journal,
        ring: LogRing,
        timekeeper: Timekeeper,
        state: Callable[[], State],
    ) -> None:
        self._settings = settings
        self._journal = journal
        self._ring = ring
        self._timekeeper = timekeeper
        self._state = state

    async def make(self, order: LogOrder) -> bytes:
        """Make the file of an order.

        Raises:
            FieldError: the station's signing key can't be used.
            JournalError: the ledger can't be read.
        """
        lines = [str(line) for line in await self._journal.security_events.log(order.oldest, order.latest)]
        security = "".join(f"{line}\n" for line in lines)
        if order.kind is LogKind.SECURITY:
            return gzip.compress(security.encode())
        parts = {
            "log.txt": "".join(f"{line}\n" for line in self._log_lines(order)),
            "security.txt": security,
            "status.json": json.dumps(self._state(), indent=1, default=str) + "\n",
        }
        return await asyncio.to_thread(self._bundle, order, parts, self._timekeeper.now().utc)

    def _bundle(self, order: LogOrder, parts: dict[str, str], now: datetime) -> bytes:
        path = self._settings.journal.path
        rows = [row for row in read_ledger(path, limit=LEDGER_ROWS) if order.covers(row.at)]
        parts["ledger.jsonl"] = "".join(json.dumps(ledger_line(row)) + "\n" for row in rows)
        about = {"charge_point": self._settings.identity.charge_point_id, "version": version("emops")}
        return make_bundle(parts, about, now, station_key(key_path(path)))

    def _log_lines(self, order: LogOrder) -> list[str]:
        """Give the lines of the time that is asked for, and all whose time can't be read."""
        lead = self._timekeeper.now().utc - self._timekeeper.clock.utc()
        return [line for line in self._ring.after(0, RING_LINES) if (at := _at(line, lead)) is None or order.covers(at)]


def _at(line: str, lead: timedelta) -> datetime | None:
    try:
        return datetime.strptime(line[:_STAMP_LENGTH], _STAMP).replace(tzinfo=UTC) + lead
    except ValueError:
        return None
