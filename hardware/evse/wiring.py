"""How a GPIO board is wired: a table of settings. `evse.gpio` of the station's configuration.

Such a board is safe on the death of the program, or of Linux, only with a relay between the contactor's coil and its
supply that drops when `heartbeat` stops: PWM and outputs keep their last state then. The line changes with each look at
the pilot, every 20 ms; 0.2 s is a good time for the relay to drop after.
"""

from dataclasses import dataclass

from hardware.evse.sysfs import parse_channel
from shared.config import setting

GPIO = "gpio"
"""Kind of such a board in the settings."""

OUTPUTS = (
    "contactor",
    "three_phase",
    "rcd_test",
    "lock_close",
    "lock_open",
    "led_ready",
    "led_busy",
    "led_fault",
    "heartbeat",
)
INPUTS = ("feedback", "rcd_trip", "lock_feedback")


@dataclass(frozen=True, slots=True)
class LineName:
    """One line: device file of its chip, number, and whether it is active when low."""

    chip: str
    offset: int
    active_low: bool = False

    @classmethod
    def parse(cls, text: str) -> "LineName":
        """Read `gpiochip0:17`, or `!gpiochip0:17` for a line that is active when low.

        Raises:
            ValueError: it is written otherwise.
        """
        chip, _, offset = text.removeprefix("!").partition(":")
        if not chip or "/" in chip or not offset.isdecimal():
            raise ValueError(
                f"{text!r} is no GPIO line: write for instance gpiochip0:17, or !gpiochip0:17 if active low"
            )
        return cls(f"/dev/{chip}", int(offset), text.startswith("!"))


@dataclass(frozen=True, slots=True)
class GpioWiring:
    """Lines are written gpiochip0:17, with ! before them if active when low; empty = not wired."""

    contactor: str = setting("", help="output that closes the contactor; needed")
    feedback: str = setting("", help="input of the contactor's mirror contact, active while it is closed")
    three_phase: str = setting("", help="output of the contactor of L2 and L3, active for three phases")
    rcd_trip: str = setting("", help="input that the residual current device makes active when it trips")
    rcd_test: str = setting("", help="output that lets the residual current device test itself")
    lock_close: str = setting("", help="output that drives the lock's motor to lock")
    lock_open: str = setting("", help="output that drives the lock's motor to unlock")
    lock_feedback: str = setting("", help="input that is active while the plug is locked")
    led_ready: str = setting("", help="output of the light for ready, often green")
    led_busy: str = setting("", help="output of the light for busy and charging, often blue")
    led_fault: str = setting("", help="output of the light for a fault, often red")
    heartbeat: str = setting("", help="output that changes every 20 ms, for a watchdog relay in the contactor's supply")
    pwm: str = setting("pwmchip0:0", help="PWM channel of the control pilot")
    pilot: str = setting("iio:device0:0", help="analogue input of the control pilot")
    pilot_gain: float = setting(10.0, help="V of the pilot per V at the analogue input")
    pilot_zero_v: float = setting(0.0, unit="V", help="voltage at the analogue input when the pilot is at 0 V")
    proximity: str = setting("", help="analogue input of the proximity contact; empty = not wired")
    proximity_supply_v: float = setting(3.3, unit="V", minimum=1, maximum=12, help="supply of its pull-up resistor")
    proximity_pull_up_ohm: float = setting(1000.0, unit="Ohm", minimum=10, maximum=100000, help="its pull-up resistor")
    samples: int = setting(
        32, minimum=16, maximum=256, help="samples of the pilot in each look; more find narrow pulses"
    )
    ventilated: bool = setting(False, help="true if the site is ventilated, so that vehicles in state D may charge")

    def lines(self, names: tuple[str, ...]) -> dict[str, LineName]:
        """Give the wired ones of these lines.

        Raises:
            ValueError: one is written wrongly.
        """
        texts = {name: getattr(self, name) for name in names}
        return {name: LineName.parse(text) for name, text in texts.items() if text}

    def check(self) -> None:
        """Check what a board needs.

        Raises:
            ValueError: something is missing, written wrongly, or a line is named twice.
        """
        if not self.contactor:
            raise ValueError("evse.gpio.contactor is missing: name the line that closes the contactor")
        if bool(self.lock_close) != bool(self.lock_open):
            raise ValueError("evse.gpio: lock_close and lock_open belong together")
        if self.rcd_test and not self.rcd_trip:
            raise ValueError("evse.gpio.rcd_test needs rcd_trip: a test that nobody watches proves nothing")
        used = [(line.chip, line.offset) for line in self.lines(OUTPUTS + INPUTS).values()]
        if len(used) != len(set(used)):
            raise ValueError("evse.gpio names a line twice")
        for text in (self.pwm, self.pilot, *([self.proximity] if self.proximity else [])):
            parse_channel(text)


def has_bus(kind: str) -> bool:
    """Tell whether EVSE boards of a kind are on a Modbus line: all but GPIO boards are."""
    return kind.casefold() != GPIO
