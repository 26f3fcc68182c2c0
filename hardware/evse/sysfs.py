"""PWM and analogue inputs as the Linux kernel shows them below /sys: small files with numbers.

Sources: Documentation/driver-api/pwm.rst and Documentation/ABI/testing/sysfs-bus-iio of the kernel.
"""

import os
from pathlib import Path

from hardware.errors import PortError

SYS = Path("/sys")
_NS = 1_000_000_000


class SysfsPwm:
    """One channel of a PWM chip. When the program ends, it goes on with its last duty cycle: such is the kernel."""

    def __init__(self, chip: str, channel: int, hz: int, *, sys: Path = SYS) -> None:
        """Export the channel and start it at 100 %, which is the pilot's steady +12 V.

        Args:
            chip: for instance `pwmchip0`.
            channel: its number.
            hz: frequency.
            sys: where sysfs is mounted.

        Raises:
            PortError: there is no such chip or channel, or this user may not use it.
        """
        folder = sys / "class" / "pwm" / chip
        self._channel = folder / f"pwm{channel}"
        self._period_ns = _NS // hz
        if not self._channel.is_dir():
            _write(folder / "export", str(channel))
        _write(self._channel / "duty_cycle", "0")  # a duty cycle longer than a new period is refused
        _write(self._channel / "period", str(self._period_ns))
        self.set(1.0)
        _write(self._channel / "enable", "1")

    def set(self, duty: float) -> None:
        """Set the duty cycle, 0 to 1.

        Raises:
            PortError: the channel went away.
        """
        _write(self._channel / "duty_cycle", str(round(duty * self._period_ns)))


class IioChannel:
    """One voltage channel of an analogue-to-digital converter."""

    def __init__(self, device: str, channel: int, *, sys: Path = SYS) -> None:
        """Open the channel.

        Args:
            device: for instance `iio:device0`.
            channel: number of the voltage.
            sys: where sysfs is mounted.

        Raises:
            PortError: there is no such device or channel, or this user may not read it.
        """
        folder = sys / "bus" / "iio" / "devices" / device
        self._raw = folder / f"in_voltage{channel}_raw"
        self._scale = _number(folder, (f"in_voltage{channel}_scale", "in_voltage_scale"), 1.0)
        self._offset = _number(folder, (f"in_voltage{channel}_offset", "in_voltage_offset"), 0.0)
        try:
            self._fd = os.open(self._raw, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise _explained(self._raw, error) from error

    def read_v(self) -> float:
        """Convert once, and give V at the converter's pin.

        Raises:
            PortError: it went away, or gives no number.
        """
        try:
            raw = int(os.pread(self._fd, 32, 0))
        except (OSError, ValueError) as error:
            raise _explained(self._raw, error) from error
        return (raw + self._offset) * self._scale / 1000  # the kernel's scale gives mV

    def close(self) -> None:
        """Give the file back."""
        os.close(self._fd)


def parse_channel(text: str) -> tuple[str, int]:
    """Read `pwmchip0:1` or `iio:device0:2`: what comes before the last colon, and the number behind it.

    Raises:
        ValueError: it is written otherwise.
    """
    device, _, channel = text.rpartition(":")
    if not device or "/" in device or not channel.isdecimal():
        raise ValueError(f"{text!r} is no channel: write for instance pwmchip0:0 or iio:device0:1")
    return device, int(channel)


def _number(folder: Path, names: tuple[str, ...], default: float) -> float:
    for name in names:
        try:
            return float((folder / name).read_text("ascii"))
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as error:
            raise _explained(folder / name, error) from error
    return default


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, "ascii")
    except OSError as error:
        raise _explained(path, error) from error


def _explained(path: Path, error: Exception) -> PortError:
    reason = (error.strerror or str(error)) if isinstance(error, OSError) else "it gives no number"
    return PortError(f"{path}: {reason}. Check evse.gpio, the device tree overlay and the udev rules")
