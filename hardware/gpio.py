"""GPIO lines of the Linux kernel. The only module that imports gpiod.

A line belongs to the process that requested it. When the process ends, however it ends, the kernel releases its lines;
what level an output then has depends on the chip's driver, and most leave it as it was. So nothing here makes a
contactor safe on the death of the program: a watchdog relay behind a heartbeat line does (`hardware.evse.wiring`).
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

import gpiod
from gpiod.line import Bias, Direction, Value

from hardware.errors import PortError
from hardware.evse.wiring import LineName

CONSUMER = "emops"
"""Name under which `gpioinfo` lists our lines."""


class GpioLines:
    """Fulfils `hardware.evse.gpio_board.Lines` with the kernel's character device."""

    def __init__(self, outputs: Mapping[str, LineName], inputs: Mapping[str, LineName]) -> None:
        """Request all lines; outputs begin inactive, which opens a contactor that a dead program left closed.

        Raises:
            PortError: a chip is missing or forbidden, or a line is in use.
        """
        self._names = {**outputs, **inputs}
        self._requests: dict[str, gpiod.LineRequest] = {}
        for chip in sorted({line.chip for line in self._names.values()}):
            settings: dict[Iterable[int | str] | int | str, gpiod.LineSettings | None] = {
                line.offset: gpiod.LineSettings(
                    direction=Direction.OUTPUT if name in outputs else Direction.INPUT,
                    bias=Bias.AS_IS,
                    active_low=line.active_low,
                    output_value=Value.INACTIVE,
                )
                for name, line in self._names.items()
                if line.chip == chip
            }
            try:
                self._requests[chip] = gpiod.request_lines(chip, consumer=CONSUMER, config=settings)
            except (OSError, ValueError) as error:
                self.close()
                raise _explained(chip, error) from error

    def set(self, name: str, on: bool) -> None:
        """See Lines.

        Raises:
            PortError: the chip went away.
        """
        line = self._names[name]
        try:
            self._requests[line.chip].set_value(line.offset, Value.ACTIVE if on else Value.INACTIVE)
        except OSError as error:
            raise _explained(line.chip, error) from error

    def get(self, name: str) -> bool:
        """See Lines. Likewise."""
        line = self._names[name]
        try:
            return self._requests[line.chip].get_value(line.offset) is Value.ACTIVE
        except OSError as error:
            raise _explained(line.chip, error) from error

    def close(self) -> None:
        """See Lines."""
        for request in self._requests.values():
            request.release()
        self._requests.clear()


def _explained(chip: str, error: Exception) -> PortError:
    if isinstance(error, FileNotFoundError):
        present = ", ".join(sorted(path.name for path in Path("/dev").glob("gpiochip*"))) or "none"
        return PortError(f"{chip} does not exist: correct evse.gpio; present chips: {present}")
    if isinstance(error, PermissionError):
        return PortError(f"{chip} is forbidden to this user: add it to the group gpio")
    return PortError(
        f"{chip} can't be used ({error}): is a line of evse.gpio in use by another program? gpioinfo tells"
    )
