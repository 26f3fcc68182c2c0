"""The table of a GPIO board's wires, and the kernel's lines where there are none."""

import dataclasses

import pytest

from hardware.errors import PortError
from hardware.evse.wiring import INPUTS, OUTPUTS, GpioWiring, LineName
from hardware.gpio import GpioLines

GOOD = GpioWiring(contactor="gpiochip0:17")


def test_a_line_is_named_by_chip_and_number() -> None:
    assert LineName.parse("gpiochip0:17") == LineName("/dev/gpiochip0", 17)
    assert LineName.parse("!gpiochip2:3") == LineName("/dev/gpiochip2", 3, active_low=True)
    for wrong in ("17", "gpiochip0", "gpiochip0:", ":4", "!gpiochip0:-1", "../mem:1"):
        with pytest.raises(ValueError, match="is no GPIO line"):
            LineName.parse(wrong)


def test_every_line_of_the_table_is_input_or_output() -> None:
    others = {"pwm", "pilot", "pilot_gain", "pilot_zero_v", "samples", "ventilated"}
    names = {field.name for field in dataclasses.fields(GpioWiring) if not field.name.startswith("proximity")}
    assert names - others == {*OUTPUTS, *INPUTS}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"contactor": ""}, "contactor is missing"),
        ({"lock_close": "gpiochip0:1"}, "belong together"),
        ({"rcd_test": "gpiochip0:1"}, "needs rcd_trip"),
        ({"feedback": "!gpiochip0:17"}, "a line twice"),
        ({"heartbeat": "GPIO4"}, "is no GPIO line"),
        ({"pwm": "pwm0"}, "is no channel"),
        ({"proximity": "adc"}, "is no channel"),
    ],
)
def test_a_wiring_that_makes_no_board_is_refused(change: dict[str, str], says: str) -> None:
    GOOD.check()
    with pytest.raises(ValueError, match=says):
        dataclasses.replace(GOOD, **change).check()  # type: ignore[arg-type]  # all of these are texts


def test_a_missing_chip_says_which_there_are() -> None:
    with pytest.raises(PortError, match=r"/dev/gpiochip99 does not exist: correct evse\.gpio; present chips: "):
        GpioLines({"contactor": LineName("/dev/gpiochip99", 1)}, {})


def test_what_is_no_chip_is_told() -> None:
    with pytest.raises(PortError, match="/dev/null can't be used"):
        GpioLines({"contactor": LineName("/dev/null", 1)}, {})
