"""What the drivers of Modbus boards share: one board's registers, asked before everything else on its line."""

import asyncio
from collections.abc import Awaitable, Callable

from hardware.bus import Priority
from hardware.errors import DeviceError
from hardware.modbus import ModbusLine

_POLL_S = 0.2


class BoardRegisters:
    """The registers of the board at an address. Raises as `hardware.modbus` does."""

    def __init__(self, line: ModbusLine, address: int) -> None:
        self._line, self._address = line, address

    async def holding(self, first: int, count: int) -> dict[int, int]:
        """Read holding registers, by number."""
        words = await self._line.read_holding(self._address, first, count, priority=Priority.SAFETY)
        return dict(enumerate(words, first))

    async def input(self, first: int, count: int) -> dict[int, int]:
        """Read input registers, by number."""
        words = await self._line.read_input(self._address, first, count, priority=Priority.SAFETY)
        return dict(enumerate(words, first))

    async def coil(self, number: int) -> bool:
        """Read a coil."""
        return (await self._line.read_coils(self._address, number, 1, priority=Priority.SAFETY))[0]

    async def write(self, register: int, value: int) -> None:
        """Write a holding register with function 16, which is the one that all of these boards know."""
        await self._line.write_registers(self._address, register, [value], priority=Priority.SAFETY)

    async def write_coil(self, number: int, on: bool) -> None:
        """Write a coil."""
        await self._line.write_coil(self._address, number, on, priority=Priority.SAFETY)

    def wrong(self, what: str) -> DeviceError:
        """Make an error of what the board does."""
        return DeviceError(f"the EVSE board at Modbus address {self._address} {what}")

    def does_not_watch(self) -> DeviceError:
        """Make the error of a board that does not keep what its watchdog was told."""
        return self.wrong("does not keep the settings of its watchdog: without this program it may go on charging")

    def welded(self) -> DeviceError:
        """Make the error of a contactor that doesn't open."""
        return self.wrong(
            "keeps its contactor closed: it may be welded. Switch the supply off and let an electrician check it"
        )


async def opens(is_closed: Callable[[], Awaitable[bool]], within_s: float) -> bool:
    """Look again and again until the contactor is open; tell whether that happened in time. Cancelling is safe."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within_s
    while await is_closed():
        if loop.time() >= deadline:
            return False
        await asyncio.sleep(_POLL_S)
    return True


def check_current(current_a: int, low: int, high: int) -> None:
    """Check a current that is to be offered.

    Raises:
        ValueError: it is out of range.
    """
    if not low <= current_a <= high:
        raise ValueError(f"a current of {current_a} A can't be offered: {low} to {high} A")
