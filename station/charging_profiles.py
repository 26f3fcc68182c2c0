"""The charging profiles that are kept, in the journal and in memory. The rules are in station.core.charging_profile."""

import asyncio
from collections.abc import Callable, Mapping

from shared.ids import EvseId, IdToken, TransactionKey
from shared.log import Log
from station.core.charging_profile import ProfileRefused, Profiles, bind, decode, encode, release
from station.core.evse_events import OpenTransaction
from station.journal import Journal

PROFILES_NAME = "charging_profiles"
"""Name of all profiles in the journal: one value, so that a change of several is one commit."""

_LOG = Log("station.profiles")


class ChargingProfiles:
    """See the module. What a method has returned from survives a power cut."""

    def __init__(self, journal: Journal) -> None:
        self.kept: Profiles = ()
        """What is in force."""
        self._journal = journal
        self._turn = asyncio.Lock()

    async def load(self, running: Mapping[EvseId, OpenTransaction], evse_ids: tuple[EvseId, ...]) -> None:
        """Read what an earlier life of the program kept, and forget what belongs to transactions that are over."""
        text = await self._journal.value(PROFILES_NAME)
        try:
            kept = decode(text) if text else ()
        except ValueError as error:
            _LOG.error("profiles_lost", reason=error, effect="the central system must send them again")
            kept = ()
        for evse_id in evse_ids:
            started = running[evse_id].started if evse_id in running else None
            if started:
                kept = bind(kept, evse_id, started.key, started.id_token)
            kept = release(kept, evse_id, started.key if started else None)
        self.kept = kept

    async def change(self, rule: Callable[[Profiles], Profiles | ProfileRefused]) -> ProfileRefused | bool:
        """Let a rule make new profiles of those in force; tells whether anything changed, or why not."""
        async with self._turn:
            new = rule(self.kept)
            if isinstance(new, ProfileRefused):
                return new
            if new == self.kept:
                return False
            await self._journal.set_value(PROFILES_NAME, encode(new))
            self.kept = new
            return True

    async def begin(self, evse_id: EvseId, key: TransactionKey, token: IdToken) -> None:
        """Take note that a transaction begins: what its remote start brought holds now."""
        await self.change(lambda kept: bind(kept, evse_id, key, token))

    async def end(self, evse_id: EvseId) -> None:
        """Take note that no transaction runs at an EVSE any more, and none is awaited."""
        await self.change(lambda kept: release(kept, evse_id))
