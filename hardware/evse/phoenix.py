"""Phoenix Contact charge controllers: EM-CP-PP-ETH and EV-CC-AC1-M3-...-ETH over Modbus TCP, EV-CC-AC1-M over RTU.

Sources: gonium/go-EM-CP-PP-ETH statuscache.go and commands.go (100 to 107, the bits of 107, 300); evcc
charger/phoenix-em-eth.go, phoenix-ev-eth.go and phoenix-ev-ser.go (100, 300, 528, coil 400; 20000, 22000, 24000); nymea
phoenixconnect-registers.json (107 of the EV-CC). Not verified on a device.

- Release by coil works only where the controller is set to it: DIP switch 10 on (ETH), register 4000 = 3 (EV-CC-AC1-M).
- The public maps have no register for the contactor. By IEC 61851-1 it follows the pilot: it counts as closed in state
  C or D while released, and afterwards for as long as a vehicle may keep drawing.
- Firmware of Wallbe counts currents in tenths of an ampere. It is found by what it reads back, and refused.
- No watchdog is publicly known: without a master the controller goes on offering.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from hardware.api import BoardCapabilities, BoardIdentity, EvseBoard, EvseStatus, PilotState
from hardware.evse.pilot import MAXIMUM_A, MINIMUM_A, STOP_GRACE_S
from hardware.evse.registers import BoardRegisters, check_current, opens
from hardware.faults import Fault
from hardware.modbus import ModbusLine


@dataclass(frozen=True, slots=True)
class PhoenixMap:
    """Where a controller keeps what. None: no public source tells.

    Args:
        model: its name.
        state: input register with the letter of the pilot's state, in its low byte (ETH) or its high byte.
        cable: input register of what the cable carries, A; 0 = no cable.
        errors: input register of the error bits.
        firmware: first of two input registers with text.
        current: holding register of the current to offer, A.
        release: coil that lets the vehicle charge.
    """

    model: str
    state: int
    cable: int | None
    errors: int | None
    firmware: int | None
    current: int
    release: int


EM_CP_PP_ETH = PhoenixMap("EM-CP-PP-ETH", 100, 101, 107, 105, 300, 400)
EV_CC_AC1_M3 = PhoenixMap("EV-CC-AC1-M3", 100, 101, 107, 105, 528, 400)
EV_CC_AC1_M = PhoenixMap("EV-CC-AC1-M", 24000, None, None, None, 22000, 20000)

_ERRORS: Mapping[int, str] = {
    0: Fault.CABLE,  # of 13 or 20 A
    1: Fault.CABLE,  # of 13 A
    2: Fault.CABLE,  # proximity makes no sense
    3: "EVCommunicationError",
    4: "InternalError",  # state F, the station is not available
    5: "ConnectorLockFailure",
    6: "ConnectorLockFailure",
    7: "ConnectorLockFailure",  # the feedback of the lock was lost
    8: "OverCurrentFailure",
    10: Fault.VENTILATION,
    11: "PowerSwitchFailure",
    12: Fault.DIODE,
    14: "GroundFailure",  # direct current, EV-CC only
}
"""Bits of the error register. Bit 9, the controller's own meter, is no fault of ours: we read our own."""

STOP_S = STOP_GRACE_S
"""The board opens its contactor by itself when the vehicle lets go, or when its own grace is over."""


class Phoenix(EvseBoard):
    """Fulfils `hardware.api.EvseBoard` for the controller of a map."""

    def __init__(self, line: ModbusLine, address: int, controller: PhoenixMap, *, stop_s: float = STOP_S) -> None:
        """Describe the controller; nothing is read yet.

        Args:
            line: the bus.
            address: Modbus address; 180 for EM-CP-PP-ETH, 255 for EV-CC-...-ETH, 1 for EV-CC-AC1-M from the factory.
            controller: its map.
            stop_s: time that `stop` waits for the vehicle, s.
        """
        self._registers, self._map, self._stop_s = BoardRegisters(line, address), controller, stop_s
        self._released_until: float | None = None

    @property
    def capabilities(self) -> BoardCapabilities:
        """See EvseBoard. The error bit of the contactor works where its mirror contact is wired to an input."""
        known = self._map
        return BoardCapabilities(
            MINIMUM_A, MAXIMUM_A, cable_current=known.cable is not None, weld_feedback=known.errors is not None
        )

    async def describe(self) -> BoardIdentity:
        """See EvseBoard."""
        firmware = ""
        if self._map.firmware is not None:
            words = await self._registers.input(self._map.firmware, 2)
            text = b"".join(word.to_bytes(2, "little") for word in words.values())
            firmware = text.decode("ascii", "replace").strip("\0 ")
        return BoardIdentity(self._map.model, firmware, ("no watchdog is known: it goes on offering without a master",))

    async def status(self) -> EvseStatus:
        """See EvseBoard.

        Raises:
            DeviceError: the controller tells a state that its map doesn't have.
        """
        known = self._map
        pilot = await self._pilot()
        released = await self._registers.coil(known.release)
        offered = (await self._registers.holding(known.current, 1))[known.current] if released else 0
        cable = (await self._registers.input(known.cable, 1))[known.cable] if known.cable is not None else 0
        errors = (await self._registers.input(known.errors, 1))[known.errors] if known.errors is not None else 0
        return EvseStatus(
            pilot=pilot,
            contactor_closed=self._is_closed(pilot, released),
            offered_current_a=offered if offered >= MINIMUM_A else 0,
            cable_current_a=cable or None,
            faults=frozenset(name for bit, name in _ERRORS.items() if errors >> bit & 1),
        )

    async def allow(self, current_a: int) -> None:
        """See EvseBoard.

        Raises:
            ValueError: the current is out of range.
            DeviceError: the controller keeps another value than the one it was given, or does not release.
        """
        check_current(current_a, MINIMUM_A, MAXIMUM_A)
        known = self._map
        before = (await self._registers.holding(known.current, 1))[known.current]
        if before > MAXIMUM_A:
            raise self._registers.wrong(
                f"counts in tenths of an ampere ({before}), which this driver does not: it has a firmware of Wallbe"
            )
        await self._registers.write(known.current, current_a)
        kept = (await self._registers.holding(known.current, 1))[known.current]
        if not MINIMUM_A <= kept <= current_a:
            raise self._registers.wrong(f"keeps {kept} A instead of {current_a} A: check its own settings")
        await self._registers.write_coil(known.release, True)
        if not await self._registers.coil(known.release):
            raise self._registers.wrong("does not release charging: set DIP switch 10 (ETH) or register 4000 to Modbus")

    async def stop(self) -> None:
        """See EvseBoard. Cancelling leaves the controller without release, so that it opens by itself.

        Raises:
            DeviceError: the controller keeps its release.
        """
        await self._registers.write_coil(self._map.release, False)
        if await self._registers.coil(self._map.release):
            raise self._registers.wrong("keeps its release: check its own settings")

        async def is_closed() -> bool:
            return self._is_closed(await self._pilot(), released=False)

        await opens(is_closed, self._stop_s)

    async def _pilot(self) -> PilotState:
        word = (await self._registers.input(self._map.state, 1))[self._map.state]
        for letter in word.to_bytes(2, "little").decode("latin-1"):
            if letter in "ABCDEF":
                return PilotState(letter)
        raise self._registers.wrong(
            f"tells state {word}, which is no letter from A to F: is the configured board right?"
        )

    def _is_closed(self, pilot: PilotState, released: bool) -> bool:
        """Tell whether energy can flow; see the module."""
        now = asyncio.get_running_loop().time()
        if released or self._released_until is None:
            self._released_until = now + STOP_GRACE_S
        return pilot in (PilotState.C, PilotState.D) and now < self._released_until
