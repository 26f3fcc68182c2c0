"""The table of a GPIO board's wires, and the kernel's lines where there are none."""

import dataclasses

import gpiod
import pytest
from gpiod.line import Direction, Value

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


class FakeRequest:
    """What the kernel gives for the lines of a chip."""

    def __init__(self, path: str, config: dict[int, gpiod.LineSettings]) -> None:
        self.path, self.config = path, config
        self.values = {offset: settings.output_value for offset, settings in config.items()}
        self.released = False

    def set_value(self, offset: int, value: Value) -> None:
        if self.released:
            raise OSError(19, "No such device")
        self.values[offset] = value

    def get_value(self, offset: int) -> Value:
        return self.values[offset]

    def release(self) -> None:
        self.released = True


def test_lines_are_requested_once_per_chip_and_outputs_begin_inactive(monkeypatch: pytest.MonkeyPatch) -> None:
    requests: list[FakeRequest] = []

    def request_lines(path: str, *, consumer: str, config: dict[int, gpiod.LineSettings]) -> FakeRequest:
        assert consumer == "emops"
        requests.append(FakeRequest(path, config))
        return requests[-1]

    monkeypatch.setattr(gpiod, "request_lines", request_lines)
    outputs = {"contactor": LineName("/dev/gpiochip0", 4), "heartbeat": LineName("/dev/gpiochip1", 4)}
    lines = GpioLines(outputs, {"feedback": LineName("/dev/gpiochip0", 5, active_low=True)})
    first, second = requests
    assert [(request.path, sorted(request.config)) for request in requests] == [
        ("/dev/gpiochip0", [4, 5]),
        ("/dev/gpiochip1", [4]),
    ]
    assert (first.config[4].direction, first.config[5].direction) == (Direction.OUTPUT, Direction.INPUT)
    assert [settings.active_low for settings in first.config.values()] == [False, True]
    begin = dict(first.values)
    lines.set("contactor", True)
    first.values[5] = Value.ACTIVE
    assert (begin[4], first.values[4]) == (Value.INACTIVE, Value.ACTIVE)
    assert lines.get("feedback")
    lines.close()
    assert first.released
    assert second.released


def test_a_chip_that_went_away_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpiod, "request_lines", lambda path, *, consumer, config: FakeRequest(path, config))
    lines = GpioLines({"contactor": LineName("/dev/gpiochip0", 4)}, {})
    held = lines._requests["/dev/gpiochip0"]
    held.release()
    with pytest.raises(PortError, match="gpiochip0 can't be used"):
        lines.set("contactor", True)
