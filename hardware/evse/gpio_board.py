"""An EVSE board made of GPIO lines, a PWM channel and an analogue input: the pilot is kept here, in Linux.

`run` looks at the pilot fifty times a second and does what `hardware.evse.gpio_control` decides. Linux is no safety
controller: residual current device and over-current protection must work without it, and a watchdog relay on the
heartbeat line must open the contactor when this loop stands still. Not verified on a device.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from hardware.api import BoardCapabilities, BoardIdentity, EvseBoard, EvseStatus, Light
from hardware.errors import DeviceError, LinkError, PortError
from hardware.evse.gpio_control import Control, Seen
from hardware.evse.pilot import (
    MAXIMUM_A,
    MINIMUM_A,
    PHASE_SWITCH_PAUSE_S,
    PWM_HZ,
    STOP_GRACE_S,
    cable_current,
    levels,
    proximity_ohm,
)
from hardware.evse.sysfs import SYS, IioChannel, SysfsPwm, parse_channel
from hardware.evse.wiring import INPUTS, OUTPUTS, GpioWiring
from shared.log import Log

PERIOD_S = 0.02
"""Between two looks at the pilot; two of them must agree, which leaves time in the 100 ms to open."""
LATE_S = 0.1
"""A look that comes later than this is told: something holds the program up."""
STALE_S = 0.5
"""After so long without a look nothing is known of the board."""
RETRY_S = 2.0
LOCK_PULSE_S = 0.6
"""Lock motors of Type 2 sockets move within this time."""
RCD_TEST_PULSE_S = 0.3
RCD_TEST_S = 2.0
"""The residual current device must have tripped, and later recovered, within this time."""
HALT_S = 2.0
"""Of the grace of STOP_GRACE_S we have this much when the program ends: it has 5 s in all."""

_LIGHTS = {
    Light.READY: ("led_ready",),
    Light.BUSY: ("led_busy",),
    Light.CHARGING: ("led_ready", "led_busy"),
    Light.FAULT: ("led_fault",),
    Light.OFF: (),
}
_ALL_LIGHTS = ("led_ready", "led_busy", "led_fault")


class Lines(Protocol):
    """The wired lines by the names of GpioWiring."""

    def set(self, name: str, on: bool) -> None:
        """Set an output."""
        ...

    def get(self, name: str) -> bool:
        """Read an input."""
        ...

    def close(self) -> None:
        """Give the lines back."""
        ...


class Channel(Protocol):
    """An analogue input."""

    def read_v(self) -> float:
        """Convert once, and give V at the converter's pin."""
        ...

    def close(self) -> None:
        """Give it back."""
        ...


@dataclass(frozen=True, slots=True)
class _Open:
    """What is held while the board is served."""

    lines: Lines
    pwm: SysfsPwm
    pilot: Channel
    proximity: Channel | None


class GpioBoard(EvseBoard):
    """See the module. Nothing is opened before `run`, or `stop` without it."""

    def __init__(
        self,
        wiring: GpioWiring,
        open_lines: Callable[[GpioWiring], Lines],
        *,
        open_channel: Callable[[str], Channel] | None = None,
        sys: Path = SYS,
        stop_s: float = STOP_GRACE_S,
        phase_pause_s: float = PHASE_SWITCH_PAUSE_S,
    ) -> None:
        """Describe the board.

        Args:
            wiring: what is connected where.
            open_lines: requests its lines, outputs inactive.
            open_channel: opens an analogue input by its name; without it the kernel's are used.
            sys: where sysfs is mounted.
            stop_s: how long `stop` waits for the vehicle, s.
            phase_pause_s: how long the contactor stays open while phases are switched, s.

        Raises:
            ValueError: the wiring makes no board.
        """
        wiring.check()
        self._wiring, self._open_lines, self._sys = wiring, open_lines, sys
        self._open_channel = open_channel or (lambda name: IioChannel(*parse_channel(name), sys=sys))
        self._stop_s, self._phase_pause_s = min(stop_s, STOP_GRACE_S), phase_pause_s
        self._control = Control(ventilated=wiring.ventilated)
        self._wired = {name for name in OUTPUTS + INPUTS if getattr(wiring, name)}
        self._held: _Open | None = None
        self._looked_at = float("-inf")
        self._cable_a: int | None = None
        self._beat = False
        self._trouble = "the board is not served yet"
        self._lost = self._stuck = False
        self._log = Log(__name__)

    @property
    def capabilities(self) -> BoardCapabilities:
        """See EvseBoard."""
        wired = self._wired
        return BoardCapabilities(
            MINIMUM_A,
            MAXIMUM_A,
            cable_current=bool(self._wiring.proximity),
            weld_feedback="feedback" in wired,
            rcd_test="rcd_test" in wired,
            lock="lock_close" in wired,
            phase_switching="three_phase" in wired,
            lights=not wired.isdisjoint(_ALL_LIGHTS),
            pilot_voltage=True,
        )

    async def run(self) -> None:
        """See EvseBoard. However it is left, the contactor's output is off."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                try:
                    self._hold()
                    await self._serve(loop)
                except PortError as error:
                    self._gone(error)
                finally:
                    self._let_go()
                await asyncio.sleep(RETRY_S)
        finally:
            self._trouble = "the board is not served any more"

    async def _serve(self, loop: asyncio.AbstractEventLoop) -> None:
        due = loop.time()
        while True:
            now = loop.time()
            if now - due > LATE_S:
                self._log.warning("pilot_loop_late", late_ms=round((now - due) * 1000))
            self.look(now)
            self._back()
            due = now + PERIOD_S
            await asyncio.sleep(PERIOD_S)

    def look(self, now: float) -> None:
        """Look once at the pilot and the inputs, and set the outputs.

        Raises:
            PortError: a line, the PWM or the converter went away.
        """
        held = self._held
        if held is None:
            raise PortError(self._trouble)
        gain, zero = self._wiring.pilot_gain, self._wiring.pilot_zero_v
        burst = [(held.pilot.read_v() - zero) * gain for _ in range(self._wiring.samples)]
        before = self._control.drive
        drive = self._control.see(
            Seen(
                levels(burst),
                "rcd_trip" in self._wired and held.lines.get("rcd_trip"),
                held.lines.get("feedback") if "feedback" in self._wired else None,
            ),
            now,
        )
        if drive.contactor != before.contactor:
            held.lines.set("contactor", drive.contactor)
        if drive.duty != before.duty:
            held.pwm.set(drive.duty)
        if held.proximity:
            self._cable_a = self._cable(held.proximity.read_v())
        if "heartbeat" in self._wired:
            self._beat = not self._beat
            held.lines.set("heartbeat", self._beat)
        self._looked_at = now

    def _cable(self, volts: float) -> int | None:
        wiring = self._wiring
        return cable_current(proximity_ohm(volts, wiring.proximity_supply_v, wiring.proximity_pull_up_ohm))

    async def describe(self) -> BoardIdentity:
        """See EvseBoard."""
        notes = []
        if "heartbeat" not in self._wired:
            notes.append("no heartbeat line: if the program dies while charging, the contactor may stay closed")
        if "feedback" not in self._wired:
            notes.append("no mirror contact: a welded contactor goes unnoticed")
        if "rcd_trip" not in self._wired:
            notes.append("the residual current device is not watched")
        return BoardIdentity("GPIO board", "", tuple(notes))

    async def status(self) -> EvseStatus:
        """See EvseBoard."""
        if asyncio.get_running_loop().time() - self._looked_at > STALE_S:
            raise LinkError(self._trouble)
        control = self._control
        offers = 0.0 < control.drive.duty < 1.0
        return EvseStatus(
            pilot=control.state,
            contactor_closed=control.is_closed,
            offered_current_a=control.offered_a if offers else 0,
            cable_current_a=self._cable_a,
            faults=control.faults,
            locked=self._lines().get("lock_feedback") if "lock_feedback" in self._wired else None,
            pilot_v=round(control.levels.high, 2),
        )

    async def allow(self, current_a: int) -> None:
        """See EvseBoard. The plug is locked before anything is offered.

        Raises:
            ValueError: the current is out of range.
            DeviceError: the plug can't be locked.
        """
        if not MINIMUM_A <= current_a <= MAXIMUM_A:
            raise ValueError(f"a current of {current_a} A can't be offered: {MINIMUM_A} to {MAXIMUM_A} A")
        if "lock_close" in self._wired and not self._control.offered_a:
            await self.lock()
        self._lines()
        self._control.allow(current_a)

    async def stop(self) -> None:
        """See EvseBoard. Cancelling leaves the board without an offer; the loop opens the contactor all the same."""
        if self._held is None:
            # Nobody serves the board. To request a line as an inactive output opens what a dead program left closed.
            self._hold()
            self._let_go()
            return
        await self._stop(self._stop_s)

    async def halt(self) -> None:
        """See EvseBoard."""
        if self._held is None:
            await self.stop()
        else:
            await self._stop(min(self._stop_s, HALT_S))

    async def _stop(self, grace_s: float) -> None:
        await self._open_contactor(grace_s)
        if "lock_open" in self._wired:
            await self.unlock()

    async def _open_contactor(self, grace_s: float) -> None:
        loop = asyncio.get_running_loop()
        self._control.stop(grace_s, loop.time())
        deadline = loop.time() + grace_s + 1.0
        while self._held and self._control.is_closed:
            if loop.time() > deadline:
                raise DeviceError(
                    "the contactor stays closed though its coil is off: it may be welded. Switch the supply off and "
                    "let an electrician check it"
                )
            await asyncio.sleep(PERIOD_S)

    async def test_rcd(self) -> None:
        """See EvseBoard."""
        if not self.capabilities.rcd_test:
            raise DeviceError("no line is wired to test the residual current device: see evse.gpio.rcd_test")
        if self._control.offered_a or self._control.is_closed:
            raise DeviceError("the residual current device is not tested while a vehicle charges")
        lines, self._control.rcd_is_tested = self._lines(), True
        try:
            lines.set("rcd_test", True)
            tripped = await self._comes("rcd_trip", True)
            await asyncio.sleep(RCD_TEST_PULSE_S)
        finally:
            lines.set("rcd_test", False)
            recovered = await self._comes("rcd_trip", False)
            self._control.rcd_is_tested = False
        if not tripped:
            raise DeviceError("the residual current device did not trip in its test: nobody may charge here")
        if not recovered:
            raise DeviceError("the residual current device stays tripped after its test: nobody may charge here")

    async def lock(self) -> None:
        """See EvseBoard."""
        await self._move_lock("lock_close", True)

    async def unlock(self) -> None:
        """See EvseBoard. A plug that carries current is never let go."""
        if self._control.is_closed:
            raise DeviceError("the plug stays locked while the contactor is closed")
        await self._move_lock("lock_open", False)

    async def _move_lock(self, motor: str, locked: bool) -> None:
        if motor not in self._wired:
            raise DeviceError("no lock is wired: see evse.gpio.lock_close")
        lines = self._lines()
        try:
            lines.set(motor, True)
            await asyncio.sleep(LOCK_PULSE_S)
        finally:
            lines.set(motor, False)
        if "lock_feedback" in self._wired and lines.get("lock_feedback") is not locked:
            if locked:
                raise DeviceError("the plug can't be locked: is something in its way?")
            raise DeviceError("the plug can't be unlocked: is something in its way?")

    async def switch_phases(self, phases: int) -> None:
        """See EvseBoard.

        Raises:
            ValueError: neither 1 nor 3.
        """
        if phases not in (1, 3):
            raise ValueError(f"{phases} phases can't be used: 1 or 3")
        if not self.capabilities.phase_switching:
            raise DeviceError("no line is wired to switch phases: see evse.gpio.three_phase")
        offered, was_closed = self._control.offered_a, self._control.is_closed
        await self._open_contactor(self._stop_s)
        if was_closed:
            await asyncio.sleep(self._phase_pause_s)
        self._lines().set("three_phase", phases == 3)
        if offered:
            self._control.allow(offered)

    async def show(self, light: Light) -> None:
        """See EvseBoard."""
        for name in _ALL_LIGHTS:
            if name in self._wired:
                self._lines().set(name, name in _LIGHTS[light])

    async def _comes(self, name: str, on: bool) -> bool:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + RCD_TEST_S
        while self._lines().get(name) is not on:
            if loop.time() > deadline:
                return False
            await asyncio.sleep(PERIOD_S)
        return True

    def _lines(self) -> Lines:
        if self._held is None:
            raise LinkError(self._trouble)
        return self._held.lines

    def _hold(self) -> None:
        """Open everything; the contactor's output first, because it then is off."""
        lines = self._open_lines(self._wiring)
        try:
            pwm = SysfsPwm(*parse_channel(self._wiring.pwm), PWM_HZ, sys=self._sys)
            pilot = self._open_channel(self._wiring.pilot)
            proximity = self._open_channel(self._wiring.proximity) if self._wiring.proximity else None
        except PortError:
            lines.close()
            raise
        self._control = Control(ventilated=self._wiring.ventilated)
        self._held = _Open(lines, pwm, pilot, proximity)

    def _let_go(self) -> None:
        """Switch off and close what is held, as far as it still can be."""
        held, self._held = self._held, None
        if held is None:
            return
        steps: list[Callable[[], None]] = [
            lambda: held.lines.set("contactor", False),
            lambda: held.pwm.set(1.0),
            held.lines.close,
            held.pilot.close,
            *([held.proximity.close] if held.proximity else []),
        ]
        for step in steps:
            try:
                step()
            except (PortError, OSError) as error:
                if not self._stuck:
                    self._stuck = True
                    self._log.error("gpio_board_not_released", reason=error)

    def _gone(self, error: PortError) -> None:
        self._trouble = str(error)
        if not self._lost:
            self._lost = True
            self._log.warning("gpio_board_lost", reason=error)

    def _back(self) -> None:
        if self._lost:
            self._lost = self._stuck = False
            self._log.info("gpio_board_is_back")
