"""SimpleEVSE boards: EVSE-WB, EVSE DIN and W16, and what else speaks their register map. 9600 baud 8N1, address 1.

Sources: evcc charger/simpleevse.go and openWB modules/common/evse.py (1000, 1002, 1005); syssi/esphome-evse-wallbox
components/evse_wallbox (all of 1000 to 1007 and their bits). The vendor's manual is "EVSE Wallbox, DIN, W16".
Sources differ on the RCD error: bit 5 of 1007 with "RCD test in progress" at bit 4, or bit 4. So bit 4 counts only
while the board reports a failure. Not yet verified on a real board.
"""

import asyncio

from hardware.api import EvseStatus, PilotState
from hardware.bus import Priority
from hardware.errors import DeviceError
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

TURN_OFF_NOW = 1 << 0
"""Bit of COMMANDS: open the contactor without waiting for the vehicle."""

RELAY_ON = 1 << 0
DIODE_FAILED = 1 << 1
VENTILATION_FAILED = 1 << 2
RCD_TEST_OR_ERROR = 1 << 4
RCD_ERROR = 1 << 5

_PILOT = {1: PilotState.A, 2: PilotState.B, 3: PilotState.C, 4: PilotState.D, 5: PilotState.F}
_FAILURE = 5
_PWM = 2

MINIMUM_A, MAXIMUM_A = 6, 80

STOP_S = 3.0
"""How long a vehicle is given to stop by itself before the contactor opens under load. EVerest and SmartEVSE give 6 s;
we have 5 s in all when the program is told to end."""

_POLL_S = 0.2


class SimpleEvse:
    """Fulfils `hardware.api.EvseBoard`. Its requests go before those of the meter."""

    def __init__(self, line: ModbusLine, address: int, *, stop_s: float = STOP_S) -> None:
        """Describe the board; nothing is read yet.

        Args:
            line: the bus.
            address: Modbus address, 1 to 247.
            stop_s: time that `stop` gives the vehicle, s.
        """
        self._line, self._address, self._stop_s = line, address, stop_s

    async def status(self) -> EvseStatus:
        """See EvseBoard.

        Raises:
            DeviceError: the board tells a vehicle state that its map doesn't have.
        """
        words = await self._read()
        state, bits = words[VEHICLE_STATE], words[STATUS_BITS]
        if state not in _PILOT:
            raise DeviceError(
                f"the EVSE board at Modbus address {self._address} tells vehicle state {state}, which does not exist: "
                "is the configured board right?"
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
        if not MINIMUM_A <= current_a <= MAXIMUM_A:
            raise ValueError(f"a current of {current_a} A can't be offered: {MINIMUM_A} to {MAXIMUM_A} A")
        await self._write(CONFIGURED_CURRENT, current_a)
        await self._write(COMMANDS, 0)
        words = await self._read()
        kept = words[CONFIGURED_CURRENT]
        if not MINIMUM_A <= kept <= current_a or words[COMMANDS] & TURN_OFF_NOW:
            raise DeviceError(
                f"the EVSE board at Modbus address {self._address} keeps {kept} A instead of {current_a} A"
                f"{' and charging turned off' if words[COMMANDS] & TURN_OFF_NOW else ''}: check its own settings"
            )

    async def stop(self) -> None:
        """See EvseBoard. Ends the offer, gives the vehicle time to stop, then opens the contactor even under load.

        Cancelling leaves the board without an offer, so that it opens by itself when the vehicle stops.

        Raises:
            DeviceError: the board goes on offering, or its contactor stays closed.
        """
        await self._write(CONFIGURED_CURRENT, 0)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._stop_s
        while await self._is_closed():
            if loop.time() >= deadline:
                await self._turn_off_now()
                return
            await asyncio.sleep(_POLL_S)

    async def _turn_off_now(self) -> None:
        await self._write(COMMANDS, TURN_OFF_NOW)
        await asyncio.sleep(_POLL_S)
        if await self._is_closed():
            raise DeviceError(
                f"the contactor of the EVSE board at Modbus address {self._address} stays closed: it may be welded. "
                "Switch the supply off and let an electrician check it"
            )

    async def _is_closed(self) -> bool:
        words = await self._read()
        if words[CONFIGURED_CURRENT] != 0:
            raise DeviceError(
                f"the EVSE board at Modbus address {self._address} keeps {words[CONFIGURED_CURRENT]} A instead of 0 A: "
                "check its own settings"
            )
        return bool(words[STATUS_BITS] & RELAY_ON)

    async def _read(self) -> dict[int, int]:
        """Read all registers at once, by number."""
        words = await self._line.read_holding(self._address, FIRST, COUNT, priority=Priority.SAFETY)
        return dict(enumerate(words, FIRST))

    async def _write(self, register: int, value: int) -> None:
        await self._line.write_register(self._address, register, value, priority=Priority.SAFETY)


def _faults(state: int, bits: int) -> frozenset[str]:
    """Name the faults in the words of OCPP 1.6 ChargePointErrorCode (§7.6)."""
    failed = state == _FAILURE
    found = set()
    if bits & RCD_ERROR or (failed and bits & RCD_TEST_OR_ERROR):
        found.add("GroundFailure")
    if bits & DIODE_FAILED:
        found.add("EVCommunicationError")
    if bits & VENTILATION_FAILED:
        found.add("OtherError")
    if failed and not found:
        found.add("InternalError")
    return frozenset(found)
