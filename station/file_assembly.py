"""Firmware updates and uploads of logs put together, for station.app."""

import functools
import ssl
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from shared.ids import EvseId
from station.bearer_turns import BearerTurns
from station.core.dialect import Dialect
from station.core.log_orders import LogOrder
from station.csms_link import CsmsLink
from station.evse_task import EvseTask
from station.firmware import FirmwareUpdates
from station.firmware_download import Limits
from station.firmware_parts import Rules, Surroundings
from station.journal import Journal
from station.journal_upkeep import free_bytes
from station.link_memory import LinkMemory
from station.log_ring import LogRing
from station.log_upload import LogUploads
from station.security.assembly import Security
from station.security.files import RootUse
from station.settings import StationSettings
from station.status_file import State
from station.timekeeper import Timekeeper
from station.uplink import ModemUplink

if TYPE_CHECKING:
    from station.http_transfer import HttpTransfer

PREFETCH_DB = 6
"""Before an hour that usually has no link a signal so much weaker is good enough: a better one comes late."""

USUAL_BACKLOG = 20
"""Transaction messages that wait in everyday life; with more, they have the link before any download."""


class Files:
    """What both need. Modules that only a transfer needs are imported when there is one."""

    def __init__(
        self,
        settings: StationSettings,
        config: Path | None,
        *,
        journal: Journal,
        timekeeper: Timekeeper,
        link: CsmsLink,
        dialect: Dialect,
        security: Security,
        bearer: BearerTurns,
        uplink: ModemUplink | None,
        memory: LinkMemory,
        evses: Mapping[EvseId, EvseTask],
        log: LogRing,
        state: Callable[[], State],
        count: Callable[[int], None],
    ) -> None:
        self._count = count
        self._settings = settings
        self._config = config
        self._journal = journal
        self._timekeeper = timekeeper
        self._link = link
        self._dialect = dialect
        self._security = security
        self._bearer = bearer
        self._uplink = uplink
        self._memory = memory
        self._evses = evses
        self._log = log
        self._state = state

    def firmware(self, restart: Callable[[], None]) -> FirmwareUpdates:
        """Make the updates; `restart` ends the program after the transactions have ended."""
        from station.field.slots import Slots

        settings, path = self._settings, self._settings.journal.path
        memory = self._security.gate.memory
        rules = Rules(
            path.with_name(f"{path.name}.firmware"),
            Limits(settings.update.max_mb << 20, settings.journal.min_free_mb << 20, settings.transfer.piece_kb * 1024),
            settings.update.trial_s,
            settings.update.unsigned,
        )
        around = Surroundings(
            journal=self._journal,
            timekeeper=self._timekeeper,
            link=self._link,
            dialect=self._dialect,
            reporter=self._security.reporter,
            evses=self._evses,
            roots=functools.partial(memory.files.roots, RootUse.MANUFACTURER),
            moment=self._security.gate.moment,
            transfer=self._transfer,
            may_fetch=self._may_fetch,
            free=functools.partial(free_bytes, path),
            version=version("emops"),
            restart=restart,
        )
        return FirmwareUpdates(rules, around, Slots(settings.update.root, settings.update.key, self._config))

    def logs(self) -> LogUploads:
        """Make the uploads."""
        return LogUploads(
            self._journal,
            self._timekeeper,
            self._link,
            self._dialect,
            transfer=self._transfer,
            may_send=self._may_fetch,
            make_file=self._make_file,
            charge_point=self._settings.identity.charge_point_id,
        )

    async def _make_file(self, order: LogOrder) -> bytes:
        from station.log_files import LogFiles

        return await LogFiles(self._settings, self._journal, self._log, self._timekeeper, self._state).make(order)

    def _transfer(self) -> "HttpTransfer":
        from station.http_transfer import HttpTransfer

        return HttpTransfer(self._bearer, self._tls, self._settings.transfer.rate_kb_s, count=self._count)

    def _tls(self) -> tuple[ssl.SSLContext, Callable[[ssl.SSLSocket], None]]:
        from station.security.tls import make_context

        gate = self._security.gate
        context = make_context(gate.memory.files.roots(RootUse.CENTRAL_SYSTEM).values(), None)
        context.load_default_certs()
        return context, lambda tls: context.check(tls, gate.moment())

    async def _may_fetch(self) -> str:
        """Say why a transfer should wait: a weak link, a backlog, or on a bearer for one connection a driver."""
        uplink, weakest = self._uplink, self._settings.transfer.weakest_dbm
        if self._memory.is_good_moment:
            weakest -= PREFETCH_DB
        if uplink and (not uplink.network.is_registered or (uplink.network.signal_dbm or 0) < weakest):
            return "the signal is weak"
        if self._link.is_online and await self._journal.pending() > USUAL_BACKLOG:
            return "transaction messages come first"
        if self._bearer.carries_two:
            return ""
        if not self._link.is_online:
            return "the central system comes first"
        if any(evse.charging.is_plugged or evse.charging.transaction for evse in self._evses.values()):
            return "a driver may need the link"
        return ""
