"""PWM and analogue inputs in a tree of files that looks like the kernel's."""

from pathlib import Path

import pytest

from hardware.errors import PortError
from hardware.evse.sysfs import IioChannel, SysfsPwm, parse_channel


def _pwm_tree(sys: Path, period: str = "0") -> Path:
    channel = sys / "class" / "pwm" / "pwmchip0" / "pwm1"
    channel.mkdir(parents=True)
    for name, text in (("period", period), ("duty_cycle", "0"), ("enable", "0")):
        (channel / name).write_text(text)
    return channel


def _iio_tree(sys: Path, **files: str) -> None:
    folder = sys / "bus" / "iio" / "devices" / "iio:device0"
    folder.mkdir(parents=True)
    for name, text in files.items():
        (folder / name).write_text(text)


def test_the_pwm_begins_steady_and_takes_duty_cycles(tmp_path: Path) -> None:
    channel = _pwm_tree(tmp_path)
    pwm = SysfsPwm("pwmchip0", 1, 1000, sys=tmp_path)
    texts = [(channel / name).read_text() for name in ("period", "duty_cycle", "enable")]
    assert texts == ["1000000", "1000000", "1"]
    pwm.set(0.2667)
    assert (channel / "duty_cycle").read_text() == "266700"


def test_a_channel_is_exported_first(tmp_path: Path) -> None:
    chip = tmp_path / "class" / "pwm" / "pwmchip0"
    chip.mkdir(parents=True)
    with pytest.raises(PortError, match="No such file"):  # nobody makes the channel's folder here
        SysfsPwm("pwmchip0", 0, 1000, sys=tmp_path)
    assert (chip / "export").read_text() == "0"


def test_a_missing_chip_says_what_to_check(tmp_path: Path) -> None:
    with pytest.raises(PortError, match=r"pwmchip7/export: No such file or directory\. Check evse\.gpio"):
        SysfsPwm("pwmchip7", 0, 1000, sys=tmp_path)
    with pytest.raises(PortError, match="in_voltage0_raw: No such file"):
        IioChannel("iio:device0", 0, sys=tmp_path)


@pytest.mark.parametrize(
    ("files", "volts"),
    [
        ({"in_voltage0_raw": "1000\n", "in_voltage0_scale": "0.805664062\n"}, 0.805664062),
        ({"in_voltage0_raw": "1000", "in_voltage_scale": "2.0"}, 2.0),
        ({"in_voltage0_raw": "-20", "in_voltage0_scale": "1", "in_voltage_offset": "120"}, 0.1),
    ],
)
def test_an_input_gives_volts(tmp_path: Path, files: dict[str, str], volts: float) -> None:
    _iio_tree(tmp_path, **files)
    channel = IioChannel("iio:device0", 0, sys=tmp_path)
    assert channel.read_v() == pytest.approx(volts)
    channel.close()


def test_an_input_that_gives_no_number_is_a_fault(tmp_path: Path) -> None:
    _iio_tree(tmp_path, in_voltage0_raw="")
    channel = IioChannel("iio:device0", 0, sys=tmp_path)
    with pytest.raises(PortError, match="gives no number"):
        channel.read_v()
    channel.close()
    with pytest.raises(PortError, match="Bad file descriptor"):
        channel.read_v()


def test_names_of_channels() -> None:
    assert parse_channel("iio:device0:3") == ("iio:device0", 3)
    assert parse_channel("pwmchip2:0") == ("pwmchip2", 0)
    for wrong in ("", "3", "pwmchip0", "pwmchip0:", "pwmchip0:x", "../pwmchip0:1"):
        with pytest.raises(ValueError, match="is no channel"):
            parse_channel(wrong)
