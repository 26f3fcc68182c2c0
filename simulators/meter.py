"""A meter as its Modbus master sees it: the registers of its family over an exact count."""

import json
from decimal import Decimal
from pathlib import Path

from hardware.meters.eastron import SDM72DM_V2
from hardware.meters.register_map import CURRENTS, POWERS, VOLTAGES, MeterTable, Quantity
from shared.units import Watt, Wh
from simulators.modbus_slave import ILLEGAL_ADDRESS, ILLEGAL_FUNCTION, Refusal
from simulators.register_image import register_image
from simulators.vehicle import UJ_PER_WH, VOLTAGE_V


class MeterSimulator:
    """Counts what is drawn through it. The register starts where its file says, and never falls."""

    def __init__(
        self,
        serial: int,
        initial: Wh,
        file: Path | None = None,
        *,
        table: MeterTable = SDM72DM_V2,
        max_words: int = 0,
    ) -> None:
        """Make or wake the meter.

        Args:
            serial: its serial number.
            initial: import register when new, Wh.
            file: keeps the register while the program is not running; None = it starts anew each time.
            table: of its family.
            max_words: longest block it answers; some units accept about 10; 0 = what its family accepts.

        Raises:
            ValueError: the file is damaged.
        """
        self._table, self._identity = table, _identity(table, serial)
        self._file, self._max_words = file, max_words or table.max_words
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

    def exchange(self, serial: int, register: Wh) -> None:
        """Put another meter of the same model in its place."""
        self._identity = _identity(self._table, serial)
        self._import_uj = register * UJ_PER_WH

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
        image = self._image()[function]
        wanted = range(register, register + count)
        if count > self._max_words or any(number not in image for number in wanted):
            raise Refusal(ILLEGAL_ADDRESS)
        return [image[number] for number in wanted]

    def write(self, register: int, value: int) -> None:  # noqa: ARG002  nothing can be written here
        """See Device."""
        raise Refusal(ILLEGAL_FUNCTION)

    def _image(self) -> dict[int, dict[int, int]]:
        """Lay out the registers; those between that the model doesn't use read as zero."""
        total, voltage = Decimal(self._power), Decimal(VOLTAGE_V)
        values = {
            Quantity.ENERGY_IMPORT: Decimal(self.register).scaleb(-3),
            Quantity.POWER: total,
            Quantity.FREQUENCY: Decimal(50),
        }
        for phase, quantities in enumerate(zip(VOLTAGES, CURRENTS, POWERS, strict=True)):
            share = total / self._phases if phase < self._phases else Decimal(0)
            values |= dict(zip(quantities, (voltage, share / voltage, share), strict=True))
        return register_image(self._table, values, self._identity)


def _identity(table: MeterTable, serial: int) -> dict[Quantity, str]:
    """Tell what the meter says of itself; of several codes that of its very model."""
    codes = {name: code for code, name in table.model_codes.items()}
    code = codes.get(table.model, next(iter(table.model_codes), 0))
    model = next(iter(table.model_texts), table.model)
    return {Quantity.SERIAL: str(serial), Quantity.MODEL_CODE: str(code), Quantity.MODEL: model}


def _load(file: Path) -> int:
    try:
        found = json.loads(file.read_text("ascii"))["import_uj"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{file} does not hold a meter register: delete it to start with bus.initial_kwh") from error
    if not isinstance(found, int) or found < 0:
        raise ValueError(f"{file} holds no register that a meter can have: delete it to start with bus.initial_kwh")
    return found
