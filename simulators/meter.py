"""An Eastron SDM72D-M V2 as its Modbus master sees it: float32 registers over an exact count."""

import json
import struct
from pathlib import Path

from shared.units import Watt, Wh
from simulators.modbus_slave import ILLEGAL_ADDRESS, ILLEGAL_FUNCTION, READ_HOLDING, READ_INPUT, Refusal
from simulators.vehicle import UJ_PER_WH, VOLTAGE_V

MODEL_CODE = 0x0089
MAX_WORDS = 80

_VOLTAGE, _CURRENT, _PHASE_POWER, _POWER, _FREQUENCY, _IMPORT, _TOTAL = 0x00, 0x06, 0x0C, 0x34, 0x46, 0x48, 0x156
_SERIAL, _MODEL_CODE = 0xFC00, 0xFC02
_SIZE = 0x160


class MeterSimulator:
    """Counts what is drawn through it. The register starts where its file says, and never falls."""

    def __init__(self, serial: int, initial: Wh, file: Path | None = None, *, max_words: int = MAX_WORDS) -> None:
        """Make or wake the meter.

        Args:
            serial: its serial number.
            initial: import register when new, Wh.
            file: keeps the register while the program is not running; None = it starts anew each time.
            max_words: longest block it answers; some units accept about 10.

        Raises:
            ValueError: the file is damaged.
        """
        self._serial, self._file, self._max_words = serial, file, max_words
        self._import_uj = _load(file) if file and file.exists() else initial * UJ_PER_WH
        self._saved = Wh(-1)
        self._power, self._phases = Watt(0), 3
        self.save()

    @property
    def register(self) -> Wh:
        """The import register, Wh."""
        return Wh(self._import_uj // UJ_PER_WH)

    @property
    def power(self) -> Watt:
        """What is drawn at present."""
        return self._power

    def count(self, power: Watt, dt_us: int, phases: int = 3) -> None:
        """Let so much power flow for so many microseconds over so many phases."""
        self._power, self._phases = power, phases
        self._import_uj += power * dt_us

    def save(self) -> None:
        """Store the register if it moved on. To be called before it is shown to anybody."""
        if not self._file or self.register == self._saved:
            return
        new = self._file.with_name(self._file.name + ".new")
        new.write_text(json.dumps({"import_uj": self._import_uj}) + "\n", "ascii")
        new.replace(self._file)
        self._saved = self.register

    def read(self, function: int, register: int, count: int) -> list[int]:
        """See Device."""
        image = {READ_INPUT: self._input, READ_HOLDING: self._holding}[function]()
        if count > self._max_words or register not in image or register + count - 1 not in image:
            raise Refusal(ILLEGAL_ADDRESS)
        return [image.get(number, 0) for number in range(register, register + count)]

    def write(self, register: int, value: int) -> None:  # noqa: ARG002  nothing can be written here
        """See Device."""
        raise Refusal(ILLEGAL_FUNCTION)

    def _input(self) -> dict[int, int]:
        """Lay out the input registers; those the model doesn't use read as zero."""
        image = dict.fromkeys(range(_SIZE), 0)
        total = float(self._power)
        for phase in range(3):
            share = total / self._phases if phase < self._phases else 0.0
            _put(image, _VOLTAGE + 2 * phase, float(VOLTAGE_V))
            _put(image, _CURRENT + 2 * phase, share / VOLTAGE_V)
            _put(image, _PHASE_POWER + 2 * phase, share)
        _put(image, _POWER, total)
        _put(image, _FREQUENCY, 50.0)
        _put(image, _IMPORT, self.register / 1000)
        _put(image, _TOTAL, self.register / 1000)
        return image

    def _holding(self) -> dict[int, int]:
        return {_SERIAL: self._serial >> 16, _SERIAL + 1: self._serial & 0xFFFF, _MODEL_CODE: MODEL_CODE}


def _put(image: dict[int, int], register: int, value: float) -> None:
    image[register], image[register + 1] = struct.unpack(">HH", struct.pack(">f", value))


def _load(file: Path) -> int:
    try:
        found = json.loads(file.read_text("ascii"))["import_uj"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{file} does not hold a meter register: delete it to start with bus.initial_kwh") from error
    if not isinstance(found, int) or found < 0:
        raise ValueError(f"{file} holds no register that a meter can have: delete it to start with bus.initial_kwh")
    return found
