"""The radio link: coverage in, registration out."""

import asyncio
from collections.abc import Callable

from simulators.modem.sim_card import SimCard

OFF, HOME, SEARCHING = 0, 1, 2
"""27.007 §7.2."""


class Radio:
    """Registers when there is coverage and the SIM is ready.

    Bytes cross the network while `path_open` is set: registered, and not `cut`.

    Args:
        sim: its SIM.
        dbm: received signal at power-on.
        register_s: from coverage to registration, link time.
        drop_after_s: so long without coverage and the network drops the data context, link time.
        on_registration: called with the new `<stat>`.
        on_drop: called when the data context is dropped.
    """

    def __init__(
        self,
        sim: SimCard,
        dbm: int | None,
        *,
        register_s: float,
        drop_after_s: float,
        on_registration: Callable[[int], None],
        on_drop: Callable[[], None],
    ) -> None:
        self.dbm, self.stat = dbm, SEARCHING
        self.was_ever_registered = False
        self.path_open = asyncio.Event()
        self._sim, self._register_s, self._drop_after_s = sim, register_s, drop_after_s
        self._on_registration, self._on_drop = on_registration, on_drop
        self._is_cut = False
        self._is_on = True
        self._changed = asyncio.Event()

    @property
    def rssi(self) -> int:
        """`<rssi>` of +CSQ: 0 to 31 in steps of 2 dB from -113 dBm, 99 = not known (27.007 §8.5)."""
        return 99 if self.dbm is None else min(31, max(0, (self.dbm + 113) // 2))

    def set_coverage(self, dbm: int | None) -> None:
        """Change the received signal; None = no coverage, which is noticed at once."""
        self.dbm = dbm
        if dbm is None and self._is_on:
            self._set_stat(SEARCHING)
        self._changed.set()

    def cut(self) -> None:
        """Hold back all bytes in both directions, without anyone being told."""
        self._is_cut = True
        self._update_path()

    def heal(self) -> None:
        """Let the bytes held back by `cut` flow on."""
        self._is_cut = False
        self._update_path()

    def switch(self, *, on: bool) -> None:
        """Switch the radio on or off."""
        if on == self._is_on:
            return
        self._is_on = on
        if not on:
            self._set_stat(OFF)
        elif self.stat == OFF:
            self._set_stat(SEARCHING)
        self._changed.set()

    def restart(self) -> None:
        """Begin to search anew, as power-on does."""
        self._is_on = True
        self._set_stat(SEARCHING)
        self._changed.set()

    def look_again(self) -> None:
        """Tell that the SIM may have become ready."""
        self._changed.set()

    async def run(self) -> None:
        """Follow the coverage. Never ends."""
        while True:
            self._changed.clear()
            if self.stat == HOME or not self._is_on:
                await self._changed.wait()
            elif self.dbm is None:
                if not await self._changes_within(self._drop_after_s):
                    self._on_drop()
                    await self._changed.wait()
            elif self._sim.state != "READY":
                await self._changed.wait()
            elif not await self._changes_within(self._register_s):
                self.was_ever_registered = True
                self._set_stat(HOME)

    async def _changes_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            return False
        return True

    def _set_stat(self, stat: int) -> None:
        if stat == self.stat:
            return
        self.stat = stat
        self._update_path()
        self._on_registration(stat)

    def _update_path(self) -> None:
        if self.stat == HOME and not self._is_cut:
            self.path_open.set()
        else:
            self.path_open.clear()
