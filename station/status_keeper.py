"""Keeps the status file: what commands and the status page show of the running agent."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NoReturn

from shared.ids import EvseId
from shared.log import Log
from station.core.flash_wear import Amount
from station.csms_link import CsmsLink
from station.data_keeper import DataKeeper
from station.evse_task import EvseTask
from station.link_view import link_facts
from station.status_file import State, write_status
from station.timekeeper import Timekeeper
from station.uplink import HostUplink, ModemUplink

STATUS_S = 1.0
"""How often the status file is looked at, link time; it is written only when something changed."""

PAGE_BYTES = 4096
"""A file takes whole pages of the card."""

_LOG = Log("station")


class StatusKeeper:
    """See the module."""

    def __init__(
        self,
        path: Path,
        evses: Mapping[EvseId, EvseTask],
        timekeeper: Timekeeper,
        link: CsmsLink,
        way: ModemUplink | HostUplink,
        *,
        data: DataKeeper,
    ) -> None:
        self.path = path
        self.written = Amount()
        """What this file has cost the card so far."""
        self.wear: Callable[[], State] = dict
        """Gives how the card wears out."""
        self._evses = evses
        self._timekeeper = timekeeper
        self._link = link
        self._way = way
        self._data = data

    def state(self) -> State:
        """Tell how everything stands."""
        uplink = self._way if isinstance(self._way, ModemUplink) else None
        return {
            "time": self._timekeeper.boot.source.name.lower(),
            "csms": self._link.state,
            "modem": "" if uplink is None else uplink.trouble or uplink.network.registration,
            "operator": uplink.network.operator if uplink else "",
            "wear": self.wear(),
            "data": self._data.shown,
            "uplink": link_facts(self._way.climb.ladder, self._way.memory),
            "evses": [_state_of(evse_id, evse) for evse_id, evse in self._evses.items()],
        }

    async def run(self) -> NoReturn:
        """Write the file whenever something changed."""
        written: State | None = None
        complained = False
        while True:
            state = self.state()
            if state != written:
                try:
                    length = write_status(self.path, state)
                    self.written += Amount(-(-length // PAGE_BYTES) * PAGE_BYTES, 1)
                except OSError as error:
                    if not complained:
                        _LOG.warning("status_file", path=self.path, reason=error.strerror)
                    complained = True
                written = state
            await asyncio.sleep(STATUS_S)


def _state_of(evse_id: EvseId, evse: EvseTask) -> State:
    charging = evse.charging
    return {
        "id": evse_id,
        "status": charging.status,
        "blocked_by": charging.blocked_by,
        "limit": charging.limit_text,
        "why": charging.why,
        "refused": charging.refusal,
        "faults": sorted(charging.faults),
        "transaction": charging.transaction.started.key if charging.transaction else "",
        "cost": str(evse.cost or ""),
        "message": evse.message,
    }
