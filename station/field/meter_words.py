"""The registers of one device, read by its table: for the scan and for `meter registers`."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from hardware.bus import Priority
from hardware.errors import DeviceError, LinkError
from hardware.meters.register_map import (
    IDENTITY,
    Block,
    Kind,
    MeterTable,
    Quantity,
    Register,
    decode_text,
    plan_blocks,
)
from hardware.modbus import ModbusLine
from station.field.recognition import Answer


@dataclass(frozen=True, slots=True)
class Row:
    """One register as it was read. `words` is empty where the device refused; then `trouble` says why."""

    register: Register
    words: tuple[int, ...]
    value: Decimal | None
    text: str
    trouble: str = ""


@dataclass(slots=True)
class Words:
    """Reads one device. What was read once is remembered: many families have registers at the same places."""

    line: ModbusLine
    address: int
    _read: dict[tuple[int, int, int], tuple[int, ...] | str] = field(default_factory=dict)

    async def rows(self, table: MeterTable, registers: Sequence[Register]) -> list[Row]:
        """Read registers in short blocks.

        Raises:
            LinkError: the device does not answer any more.
        """
        found = []
        for block in plan_blocks(registers, table.small_words):
            found += await self._rows_of(block)
        return sorted(found, key=lambda row: table.registers.index(row.register))

    async def _rows_of(self, block: Block) -> list[Row]:
        words = await self._block(block)
        if isinstance(words, str) and len(block.registers) > 1:
            # One register that the unit lacks spoils a block.
            singles = [one for row in block.registers for one in plan_blocks([row], row.end - row.first)]
            return [row for single in singles for row in await self._rows_of(single)]
        if isinstance(words, str):
            return [Row(row, (), None, "", words) for row in block.registers]
        numbers = tuple(row for row in block.registers if row.kind is not Kind.TEXT)
        values = Block(block.function, block.address, block.count, numbers).values(words)
        rows = []
        for row in block.registers:
            own = words[row.address - block.address :][: row.words]
            text = decode_text(row, own) if row.quantity in IDENTITY else ""
            rows.append(Row(row, own, values.get(row.quantity), text))
        return rows

    async def answer(self, table: MeterTable) -> Answer:
        """Ask all that tells families apart. A family whose import register is refused is asked no more."""
        first = await self.rows(table, [table.energy_import])
        if first[0].value is None:
            return Answer(table, {})
        rows = first + await self.rows(table, [row for row in table.registers if row is not table.energy_import])
        values = {row.register.quantity: row.value for row in rows if row.words}
        texts = {row.register.quantity: row.text for row in rows}
        return Answer(table, values, texts.get(Quantity.SERIAL, ""), texts.get(Quantity.MODEL, ""))

    async def _block(self, block: Block) -> tuple[int, ...] | str:
        key = (block.function, block.address, block.count)
        if key not in self._read:
            read = self.line.read_holding if block.function == 3 else self.line.read_input
            try:
                self._read[key] = await read(self.address, block.address, block.count, priority=Priority.TELEMETRY)
            except DeviceError as error:
                self._read[key] = str(error)
            except LinkError as error:
                # Some devices keep silent instead of refusing. One that does not answer anything any more is gone.
                if not self._read:
                    raise
                self._read[key] = str(error)
        return self._read[key]
