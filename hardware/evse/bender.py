"""Bender CC612 and CC613 charge controllers and their kin (Ebee, Mennekes Amtron Professional) over Modbus TCP.

Sources: OpenEMS io.openems.edge.evcs.mennekes (104 to 112 and their bits, 122, 131, 1000); nymea
bender-omcci-registers.json and amtron-ecu-registers.json (122, 706, 712, 1000); evcc charger/bender.go (which register
set must be chosen in the controller). 132 is from memory of the vendor's list. Not verified on a device.

The controller runs its own authorization: set it to free charging, switch its "Modbus TCP Server for energy management
systems" on, and choose its register set Ebee/Bender. Then its current limit alone lets a vehicle charge; 0 = none.
Its contactor counts as closed in state C or D while it signals a current; it watches for welding itself.
"""

from collections.abc import Mapping

from hardware.api import BoardCapabilities, BoardIdentity, EvseBoard, EvseStatus, PilotState, Watchdog
from hardware.errors import LinkError
from hardware.evse.pilot import STOP_GRACE_S
from hardware.evse.registers import BoardRegisters, check_current, opens
from hardware.faults import Fault
from hardware.modbus import ModbusLine

FIRMWARE = 100
"""Two words of text."""
ERRORS = 105
"""First of two words; 107 to 112 hold codes of the backend's connection and more, of no interest here."""
VEHICLE_STATE = 122
SAFE_CURRENT = 131
"""A that it allows when nobody asks any more."""
SILENCE_S = 132
"""s of silence after which SAFE_CURRENT holds."""
SIGNALLED_CURRENT = 706
"""A that it offers the vehicle."""
LIMIT = 1000
"""A per phase that we allow; 0 = no charging."""

_PILOT = {1: PilotState.A, 2: PilotState.B, 3: PilotState.C, 4: PilotState.D, 5: PilotState.E}

_ERRORS: Mapping[int, str] = {
    0: "GroundFailure",  # direct residual current
    1: Fault.PILOT,  # state E
    2: Fault.DIODE,
    3: "OverCurrentFailure",  # circuit breaker of the socket
    5: "GroundFailure",  # residual current device
    6: "PowerSwitchFailure",  # contactor welded
    8: "ConnectorLockFailure",
    9: "ConnectorLockFailure",
    10: "ConnectorLockFailure",
    11: "ConnectorLockFailure",
    12: Fault.UPDATING,
    13: Fault.TILT,
    14: "InternalError",  # wiring of pilot or proximity
    15: "OverCurrentFailure",
    16: "ConnectorLockFailure",
    17: Fault.RESTART,  # was tilted
    18: "InternalError",
    20: Fault.PHASES,
    21: "UnderVoltage",  # no power on the mains
}
"""Bits of ERRORS. Bit 7, its own backend is away, is as it should be."""

MINIMUM_A, MAXIMUM_A = 6, 80
STOP_S = STOP_GRACE_S
"""The board opens its contactor by itself when the vehicle lets go, or when its own grace is over."""


class Bender(EvseBoard):
    """Fulfils `hardware.api.EvseBoard`."""

    def __init__(self, line: ModbusLine, address: int, watchdog: Watchdog, *, stop_s: float = STOP_S) -> None:
        """Describe the controller; nothing is read yet.

        Args:
            line: the bus.
            address: Modbus address, 255 from the factory.
            watchdog: what it does when we are silent; it is told at each first contact.
            stop_s: time that `stop` gives the vehicle, s.
        """
        self._registers, self._watchdog, self._stop_s = BoardRegisters(line, address), watchdog, stop_s
        self._is_told = not watchdog.timeout_s

    @property
    def capabilities(self) -> BoardCapabilities:
        """See EvseBoard."""
        return BoardCapabilities(MINIMUM_A, MAXIMUM_A, weld_feedback=True, watchdog=True)

    async def describe(self) -> BoardIdentity:
        """See EvseBoard."""
        words = await self._registers.holding(FIRMWARE, 2)
        text = b"".join(word.to_bytes(2, "big") for word in words.values()).decode("ascii", "replace")
        safe = (await self._registers.holding(SAFE_CURRENT, 1))[SAFE_CURRENT]
        note = f"register 131: without a master it allows {safe} A"
        return BoardIdentity("Bender CC612/CC613", text.strip("\0 "), (note,))

    async def status(self) -> EvseStatus:
        """See EvseBoard.

        Raises:
            DeviceError: the controller tells a vehicle state that its map doesn't have, or does not take the watchdog.
        """
        try:
            await self._tell_watchdog()
            state = (await self._registers.holding(VEHICLE_STATE, 1))[VEHICLE_STATE]
            high, low = (await self._registers.holding(ERRORS, 2)).values()
            signalled = (await self._registers.holding(SIGNALLED_CURRENT, 1))[SIGNALLED_CURRENT]
            limit = (await self._registers.holding(LIMIT, 1))[LIMIT]
        except LinkError:
            self._is_told = not self._watchdog.timeout_s  # it may have been restarted
            raise
        if state not in _PILOT:
            raise self._registers.wrong(
                f"tells vehicle state {state}, which does not exist: is the configured board right?"
            )
        errors = high << 16 | low
        return EvseStatus(
            pilot=_PILOT[state],
            contactor_closed=_is_closed(state, signalled),
            offered_current_a=min(signalled, limit) if limit >= MINIMUM_A else 0,
            faults=frozenset(name for bit, name in _ERRORS.items() if errors >> bit & 1),
        )

    async def allow(self, current_a: int) -> None:
        """See EvseBoard.

        Raises:
            ValueError: the current is out of range.
            DeviceError: the controller keeps another value than the one it was given.
        """
        check_current(current_a, MINIMUM_A, MAXIMUM_A)
        await self._registers.write(LIMIT, current_a)
        await self._check_limit(current_a)

    async def stop(self) -> None:
        """See EvseBoard. Cancelling leaves the controller with a limit of 0 A, so that it opens by itself.

        Raises:
            DeviceError: the controller keeps another limit, or its contactor stays closed.
        """
        await self._registers.write(LIMIT, 0)
        await self._check_limit(0)

        async def is_closed() -> bool:
            state = (await self._registers.holding(VEHICLE_STATE, 1))[VEHICLE_STATE]
            return _is_closed(state, (await self._registers.holding(SIGNALLED_CURRENT, 1))[SIGNALLED_CURRENT])

        if not await opens(is_closed, self._stop_s):
            raise self._registers.wrong("still signals a current though its limit is 0 A: check its own settings")

    async def _check_limit(self, wanted_a: int) -> None:
        kept = (await self._registers.holding(LIMIT, 1))[LIMIT]
        if kept > wanted_a or (wanted_a and kept < MINIMUM_A):
            raise self._registers.wrong(f"keeps {kept} A instead of {wanted_a} A: check its own settings")

    async def _tell_watchdog(self) -> None:
        if self._is_told:
            return
        await self._registers.write(SAFE_CURRENT, self._watchdog.safe_current_a)
        await self._registers.write(SILENCE_S, self._watchdog.timeout_s)
        kept = await self._registers.holding(SAFE_CURRENT, SILENCE_S - SAFE_CURRENT + 1)
        if kept[SAFE_CURRENT] > self._watchdog.safe_current_a or kept[SILENCE_S] != self._watchdog.timeout_s:
            raise self._registers.does_not_watch()
        self._is_told = True


def _is_closed(state: int, signalled_a: int) -> bool:
    return _PILOT.get(state) in (PilotState.C, PilotState.D) and signalled_a > 0
