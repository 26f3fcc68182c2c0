"""Walther Werke basicEVO PRO, and Heidelberg Energy Control, which has the same map. RTU, 19200 baud 8E1, address 1.

Source: the register table in the manual of basicEVO PRO; the meaning of 257 to 262 is also in evcc
charger/heidelberg-ec.go. Not verified on a device.

The box keeps pilot, residual current device and contactor, and has no mirror contact that it tells of. In states C2 and
"derating" (warm, less current) its contactor is closed. When nobody asks for the watchdog's time it allows its
fail-safe current. It tells no faults but that there is one.
"""

from hardware.api import BoardCapabilities, BoardIdentity, EvseBoard, EvseStatus, PilotState, Watchdog
from hardware.errors import LinkError
from hardware.evse.pilot import STOP_GRACE_S
from hardware.evse.registers import BoardRegisters, check_current, opens
from hardware.faults import Fault
from hardware.modbus import ModbusLine

LAYOUT = 4
"""Input: version of the map, 0x100 and later."""
STATE = 5
TEMPERATURE = 9
"""Input: of the board, 0.1 °C, signed."""
LOCK = 13
"""Input: 0 = locked by its key switch, 1 = not."""
FIRST, COUNT = LAYOUT, 10
HARDWARE_MAXIMUM = 100
"""Input: A."""
WATCHDOG_MS = 257
"""Holding: ms of silence; 0 = it doesn't watch."""
STANDBY = 258
"""Holding: 0 = it may sleep and then needs seconds to answer, 4 = it stays awake."""
REMOTE_LOCK = 259
"""Holding: 0 = locked, which shows as state F; 1 = open."""
CURRENT = 261
"""Holding: 0.1 A that we allow, 0 = no charging, 60 to 160."""
FAIL_SAFE_CURRENT = 262
"""Holding: 0.1 A that it allows when nobody asks any more."""

_A1, _A2, _B1, _B2, _C1, _C2, _DERATING, _E, _F, _ERROR = range(2, 12)
_PILOT = {
    _A1: PilotState.A,
    _A2: PilotState.A,
    _B1: PilotState.B,
    _B2: PilotState.B,
    _C1: PilotState.C,
    _C2: PilotState.C,
    _DERATING: PilotState.C,
    _E: PilotState.E,
    _F: PilotState.F,
    _ERROR: PilotState.F,
}
_WITH_PWM = (_A2, _B2, _C2, _DERATING)
_CLOSED = (_C2, _DERATING)

MINIMUM_A, MAXIMUM_A = 6, 16
STOP_S = STOP_GRACE_S
"""The board opens its contactor by itself when the vehicle lets go, or when its own grace is over."""


class Walther(EvseBoard):
    """Fulfils `hardware.api.EvseBoard`."""

    def __init__(self, line: ModbusLine, address: int, watchdog: Watchdog, *, stop_s: float = STOP_S) -> None:
        """Describe the box; nothing is read yet.

        Args:
            line: the bus.
            address: Modbus address, 1 to 16.
            watchdog: what it does when we are silent; it is told at each first contact.
            stop_s: time that `stop` gives the vehicle, s.
        """
        self._registers, self._watchdog, self._stop_s = BoardRegisters(line, address), watchdog, stop_s
        self._is_told = False

    @property
    def capabilities(self) -> BoardCapabilities:
        """See EvseBoard."""
        return BoardCapabilities(MINIMUM_A, MAXIMUM_A, watchdog=True, temperature=True)

    async def describe(self) -> BoardIdentity:
        """See EvseBoard."""
        layout = (await self._registers.input(LAYOUT, 1))[LAYOUT]
        limit = (await self._registers.input(HARDWARE_MAXIMUM, 1))[HARDWARE_MAXIMUM]
        notes = (f"register 100: its switches allow {limit} A",)
        return BoardIdentity(
            "basicEVO PRO / Energy Control", f"map {layout >> 8}.{layout >> 4 & 15}.{layout & 15}", notes
        )

    async def status(self) -> EvseStatus:
        """See EvseBoard.

        Raises:
            DeviceError: the box tells a state that its map doesn't have.
        """
        try:
            await self._tell_watchdog()
            words = await self._registers.input(FIRST, COUNT)
            allowed = (await self._registers.holding(CURRENT, 1))[CURRENT] // 10
        except LinkError:
            self._is_told = False  # it may have been restarted
            raise
        state = words[STATE]
        if state not in _PILOT:
            raise self._registers.wrong(f"tells state {state}, which does not exist: is the configured board right?")
        celsius = (words[TEMPERATURE] ^ 0x8000) - 0x8000
        faults: set[str] = {Fault.INTERNAL} if state == _ERROR else set()
        if words[LOCK] == 0:
            faults.add(Fault.KEY_SWITCH)
        return EvseStatus(
            pilot=_PILOT[state],
            contactor_closed=state in _CLOSED,
            offered_current_a=allowed if state in _WITH_PWM else 0,
            faults=frozenset(faults),
            temperature_c=celsius / 10,
        )

    async def allow(self, current_a: int) -> None:
        """See EvseBoard.

        Raises:
            ValueError: the current is out of range.
            DeviceError: the box keeps another value than the one it was given.
        """
        check_current(current_a, MINIMUM_A, MAXIMUM_A)
        await self._registers.write(CURRENT, current_a * 10)
        kept = (await self._registers.holding(CURRENT, 1))[CURRENT]
        if not MINIMUM_A * 10 <= kept <= current_a * 10:
            raise self._registers.wrong(f"keeps {kept / 10:g} A instead of {current_a} A: check its own settings")

    async def stop(self) -> None:
        """See EvseBoard. Cancelling leaves the box with 0 A, so that it opens by itself.

        Raises:
            DeviceError: the box keeps another value, or its contactor stays closed.
        """
        await self._registers.write(CURRENT, 0)
        kept = (await self._registers.holding(CURRENT, 1))[CURRENT]
        if kept:
            raise self._registers.wrong(f"keeps {kept / 10:g} A instead of 0 A: check its own settings")

        async def is_closed() -> bool:
            return (await self._registers.input(STATE, 1))[STATE] in _CLOSED

        if not await opens(is_closed, self._stop_s):
            raise self._registers.welded()

    async def _tell_watchdog(self) -> None:
        if self._is_told:
            return
        await self._registers.write(STANDBY, 4)
        await self._registers.write(REMOTE_LOCK, 1)
        if self._watchdog.timeout_s:
            await self._registers.write(FAIL_SAFE_CURRENT, self._watchdog.safe_current_a * 10)
            await self._registers.write(WATCHDOG_MS, self._watchdog.timeout_s * 1000)
            time_ms = (await self._registers.holding(WATCHDOG_MS, 1))[WATCHDOG_MS]
            safe = (await self._registers.holding(FAIL_SAFE_CURRENT, 1))[FAIL_SAFE_CURRENT]
            if safe > self._watchdog.safe_current_a * 10 or time_ms != self._watchdog.timeout_s * 1000:
                raise self._registers.does_not_watch()
        self._is_told = True
