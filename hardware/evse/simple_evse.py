"""SimpleEVSE boards: EVSE-WB, EVSE DIN and W16, and what else speaks their register map. 9600 baud 8N1, address 1.

Sources: evcc charger/simpleevse.go and openWB modules/common/evse.py (1000, 1002, 1005, 2005, 2007);
syssi/esphome-evse-wallbox components/evse_wallbox (all of 1000 to 1009 and 2000 to 2017, and their bits). The vendor's
manual is "EVSE Wallbox, DIN, W16". Sources differ on the RCD error: bit 5 of 1007 with "RCD test in progress" at bit 4,
or bit 4. So bit 4 counts as an error only while the board reports a failure. Not verified on a device.

The board has no watchdog on Modbus: without a master it goes on offering what it was told. What it offers after its own
power-on is its register 2000; it should be 0, and `describe` says so.
"""

import asyncio

from hardware.api import BoardCapabilities, BoardIdentity, EvseBoard, EvseStatus, PilotState
from hardware.errors import DeviceError
from hardware.evse.pilot import STOP_GRACE_S
from hardware.evse.registers import BoardRegisters, check_current, opens
from hardware.faults import Fault
from hardware.modbus import ModbusLine

CONFIGURED_CURRENT = 1000
"""A; 0 = no charging, 6 to 80. Lost when the board loses its supply."""
ACTUAL_CURRENT = 1001
"""A that the PWM offers at present."""
VEHICLE_STATE = 1002
CABLE_CURRENT = 1003
"""A by the proximity resistor, 0 where none is fitted."""
COMMANDS = 1004
FIRMWARE = 1005
EVSE_STATE = 1006
"""1 steady +12 V, 2 PWM, 3 off."""
STATUS_BITS = 1007
FIRST, COUNT = CONFIGURED_CURRENT, 8

DEFAULT_CURRENT = 2000
"""A that the board offers after its own power-on."""
MINIMUM_CURRENT = 2002
CONFIGURATION_BITS = 2005
CABLE_LIMIT = 2007
SETTINGS_FIRST, SETTINGS_COUNT = DEFAULT_CURRENT, 8

TURN_OFF_NOW = 1 << 0
"""Bit of COMMANDS: open the contactor without waiting for the vehicle."""
TEST_RCD = 1 << 1
CLEAR_RCD_ERROR = 1 << 2

RELAY_ON = 1 << 0
DIODE_FAILED = 1 << 1
VENTILATION_FAILED = 1 << 2
RCD_TEST_OR_ERROR = 1 << 4
RCD_ERROR = 1 << 5

RCD_IS_WIRED = 1 << 4
"""Bit of CONFIGURATION_BITS: the feedback of the residual current device is on pin MCLR."""
DISABLED_AFTER_CHARGE, DISABLED = 1 << 13, 1 << 14

_PILOT = {1: PilotState.A, 2: PilotState.B, 3: PilotState.C, 4: PilotState.D, 5: PilotState.F}
_FAILURE = 5
_PWM = 2

MINIMUM_A, MAXIMUM_A = 6, 80

HALT_S = 3.0
"""As STOP_GRACE_S, when the program is told to end: it has 5 s in all."""

RCD_TEST_S = 10.0
"""The board counts its test down in seconds (1009); no source tells from where."""

_POLL_S = 0.2


class SimpleEvse(EvseBoard):
    """Fulfils `hardware.api.EvseBoard`. Its requests go before those of the meter."""

    def __init__(self, line: ModbusLine, address: int, *, stop_s: float = STOP_GRACE_S) -> None:
        """Describe the board; nothing is read yet.

        Args:
            line: the bus.
            address: Modbus address, 1 to 247.
            stop_s: time that `stop` gives the vehicle, s.
        """
        self._registers, self._stop_s = BoardRegisters(line, address), stop_s
        self._rcd_is_wired: bool | None = None

    @property
    def capabilities(self) -> BoardCapabilities:
        """See EvseBoard. Whether the residual current device is wired is known once the board has answered.

        The relay's bit is the board's command to its contactor; it has no input for a mirror contact.
        """
        return BoardCapabilities(MINIMUM_A, MAXIMUM_A, cable_current=True, rcd_test=self._rcd_is_wired is True)

    async def describe(self) -> BoardIdentity:
        """See EvseBoard."""
        firmware = (await self._read())[FIRMWARE]
        settings = await self._registers.holding(SETTINGS_FIRST, SETTINGS_COUNT)
        bits = settings[CONFIGURATION_BITS]
        self._rcd_is_wired = bool(bits & RCD_IS_WIRED)
        notes = [f"register 2002: offers {settings[MINIMUM_CURRENT]} A at least"]
        if settings[DEFAULT_CURRENT]:
            notes.append(
                f"register 2000: after a power cut it offers {settings[DEFAULT_CURRENT]} A by itself, to anybody; set 0"
            )
        if settings[CABLE_LIMIT]:
            notes.append(f"register 2007: takes every cable for one of {settings[CABLE_LIMIT]} A")
        if bits & (DISABLED | DISABLED_AFTER_CHARGE):
            notes.append("register 2005: it disables itself; clear bits 13 and 14")
        if not self._rcd_is_wired:
            notes.append("register 2005 bit 4 is off: the residual current device is not watched")
        return BoardIdentity("SimpleEVSE", str(firmware), tuple(notes))

    async def status(self) -> EvseStatus:
        """See EvseBoard.

        Raises:
            DeviceError: the board tells a vehicle state that its map doesn't have.
        """
        words = await self._read()
        if self._rcd_is_wired is None:
            self._rcd_is_wired = await self._find_rcd()
        state, bits = words[VEHICLE_STATE], words[STATUS_BITS]
        if state not in _PILOT:
            raise self._registers.wrong(
                f"tells vehicle state {state}, which does not exist: is the configured board right?"
            )
        return EvseStatus(
            pilot=_PILOT[state],
            contactor_closed=bool(bits & RELAY_ON),
            offered_current_a=words[ACTUAL_CURRENT] if words[EVSE_STATE] == _PWM else 0,
            cable_current_a=words[CABLE_CURRENT] or None,
            faults=_faults(state, bits),
        )

    async def allow(self, current_a: int) -> None:
        """See EvseBoard. A board that is set to less than this keeps its own limit.

        Raises:
            ValueError: the current is out of range.
            DeviceError: the board keeps another value than the one it was given.
        """
        check_current(current_a, MINIMUM_A, MAXIMUM_A)
        await self._registers.write(CONFIGURED_CURRENT, current_a)
        await self._registers.write(COMMANDS, 0)
        words = await self._read()
        kept = words[CONFIGURED_CURRENT]
        if not MINIMUM_A <= kept <= current_a or words[COMMANDS] & TURN_OFF_NOW:
            raise self._registers.wrong(
                f"keeps {kept} A instead of {current_a} A and charging turned off: check its own settings"
                if words[COMMANDS] & TURN_OFF_NOW
                else f"keeps {kept} A instead of {current_a} A: check its own settings"
            )

    async def stop(self) -> None:
        """See EvseBoard. Ends the offer, gives the vehicle time to stop, then opens the contactor even under load.

        Cancelling leaves the board without an offer, so that it opens by itself when the vehicle stops.

        Raises:
            DeviceError: the board goes on offering, or its contactor stays closed.
        """
        await self._stop(self._stop_s)

    async def halt(self) -> None:
        """See EvseBoard."""
        await self._stop(min(self._stop_s, HALT_S))

    async def _stop(self, grace_s: float) -> None:
        await self._registers.write(CONFIGURED_CURRENT, 0)
        if await opens(self._is_closed, grace_s):
            return
        await self._registers.write(COMMANDS, TURN_OFF_NOW)
        await asyncio.sleep(_POLL_S)
        if await self._is_closed():
            raise self._registers.welded()

    async def test_rcd(self) -> None:
        """See EvseBoard. The board pulses the test winding by itself and judges the answer."""
        if not await self._find_rcd():
            raise self._registers.wrong("has no residual current device on its pin MCLR: register 2005 bit 4 is off")
        await self._registers.write(COMMANDS, CLEAR_RCD_ERROR)
        await self._registers.write(COMMANDS, TEST_RCD)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + RCD_TEST_S
        while True:
            await asyncio.sleep(_POLL_S)
            words = await self._read()
            state, bits = words[VEHICLE_STATE], words[STATUS_BITS]
            if bits & RCD_ERROR or state == _FAILURE:
                raise self._registers.wrong("found its residual current device faulty: nobody may charge here")
            if not bits & RCD_TEST_OR_ERROR:
                return
            if loop.time() > deadline:
                raise self._registers.wrong(
                    f"has not ended the test of its residual current device after {RCD_TEST_S:.0f} s"
                )

    async def _is_closed(self) -> bool:
        words = await self._read()
        if words[CONFIGURED_CURRENT] != 0:
            raise self._registers.wrong(f"keeps {words[CONFIGURED_CURRENT]} A instead of 0 A: check its own settings")
        return bool(words[STATUS_BITS] & RELAY_ON)

    async def _find_rcd(self) -> bool:
        try:
            settings = await self._registers.holding(SETTINGS_FIRST, SETTINGS_COUNT)
        except DeviceError:  # an old firmware without these registers
            return False
        return bool(settings[CONFIGURATION_BITS] & RCD_IS_WIRED)

    async def _read(self) -> dict[int, int]:
        """Read the registers of the state at once, by number."""
        return await self._registers.holding(FIRST, COUNT)


def _faults(state: int, bits: int) -> frozenset[str]:
    failed = state == _FAILURE
    found: set[str] = set()
    if bits & RCD_ERROR or (failed and bits & RCD_TEST_OR_ERROR):
        found.add("GroundFailure")
    if bits & DIODE_FAILED:
        found.add(Fault.DIODE)
    if bits & VENTILATION_FAILED:
        found.add(Fault.VENTILATION)
    if failed and not found:
        found.add("InternalError")
    return frozenset(found)
