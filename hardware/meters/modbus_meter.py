"""A meter that is described by a register table, on a Modbus line."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import TypeVar

from hardware.api import MeterIdentity
from hardware.bus import Priority
from hardware.errors import DeviceError, LinkError, PortError
from hardware.meters.plausibility import ImportCounter, Limits, ScaleCheck, is_another_map
from hardware.meters.register_map import (
    CURRENTS,
    IDENTITY,
    POWERS,
    VOLTAGES,
    Block,
    MeterTable,
    Quantity,
    Register,
    Values,
    current,
    decode_text,
    energy,
    energy_step,
    plan_blocks,
    power,
    voltage,
)
from hardware.modbus import ModbusLine
from shared.log import Log
from shared.metering import MeterReading
from shared.units import MilliAmp, MilliVolt, Watt, Wh

_T = TypeVar("_T", MilliAmp, MilliVolt)

LOOKS = 3
"""A value that can't be right is read again: bad frames come when the contactor switches."""

_NOISE_W = 200
"""Less than any charge; a bare line may show some watts of either sign."""

_ADVICE = "End open transactions and restart the station"


class ModbusMeter:
    """Fulfils `hardware.api.Meter`. Gives fresh, plausible values or raises.

    After each loss of the meter its serial number is read again before a value counts: it may have been exchanged.
    """

    def __init__(
        self, line: ModbusLine, address: int, table: MeterTable, uptime: Callable[[], float], *, serial: str = ""
    ) -> None:
        """Describe the meter; nothing is read yet.

        Args:
            line: the bus.
            address: Modbus address, 1 to 247; behind a TCP gateway also 0 and 255.
            table: of its family.
            uptime: seconds on a clock of world time that never jumps: how much can be counted between two readings.
            serial: serial number that it must have; empty = whichever it tells first.
        """
        self._line, self._address, self._table, self._uptime = line, address, table, uptime
        self._untried = list(plan_blocks(table.polled(), table.max_words))
        self._blocks: list[Block] = []
        self._serial = serial
        self._is_known = False
        self._identity_is_fresh = False
        self._limits = Limits.of(table)
        self._counter, self._scale = ImportCounter(self._limits), ScaleCheck()
        self._broken = ""
        self._is_backwards = False
        self._log = Log(__name__)

    async def identify(self) -> MeterIdentity:
        """See Meter. A meter that refuses to tell its serial number has an empty one.

        Raises:
            DeviceError: the serial number is another than before, or the meter is set up for another register map.
        """
        for needed in self._table.requires:
            read = self._line.read_holding if needed.function == 3 else self._line.read_input
            if (await read(self._address, needed.address, 1))[0] != needed.value:
                raise DeviceError(f"the meter at Modbus address {self._address}: {needed.advice}")
        serial = await self._read_text(Quantity.SERIAL)
        if (self._is_known or self._serial) and serial != self._serial:
            raise DeviceError(
                f"the meter at Modbus address {self._address} has serial number {serial or 'none'} instead of "
                f"{self._serial or 'none'}: it was exchanged. {_ADVICE}"
            )
        model = await self._model()
        if not self._is_known:
            table, verified = self._table.model, self._table.verified
            self._log.info(
                "meter_found", address=self._address, model=model, serial=serial, table=table, bench=verified
            )
        self._serial = serial
        self._is_known = self._identity_is_fresh = True
        return MeterIdentity(model, serial)

    async def read(self) -> MeterReading:
        """See Meter.

        Raises:
            DeviceError: the import register is missing, can't be true, or belongs to another meter.
        """
        for _ in range(LOOKS):
            values = await self._look()
            found = self._import(values)
            doubt = self._doubt(found)
            if found and not doubt:
                return self._reading(values, *found)
            if self._counter.is_over:
                break
        await self.identify()
        raise DeviceError(doubt)

    async def read_all(self) -> Values:
        """Read every number of the table now, as the meter tells it, plausible or not: for a technician's eyes.

        Registers that the meter refuses are None. Nothing of it is ever billed.
        """
        rows = [row for row in self._table.registers if row.quantity not in IDENTITY]
        values: dict[Quantity, Decimal | None] = {}
        untried = list(plan_blocks(rows, self._table.small_words))
        while untried:
            block = untried.pop(0)
            try:
                values |= await self._read_block(block, Priority.TELEMETRY)
            except DeviceError:
                if len(block.registers) > 1:
                    untried[:0] = plan_blocks(block.registers, 0)
                else:
                    values[block.registers[0].quantity] = None
        return values

    async def _look(self) -> Values:
        try:
            if not self._identity_is_fresh:
                await self.identify()
            return await self._read_values()
        except LinkError:
            self._identity_is_fresh = False
            raise

    async def _model(self) -> str:
        """Tell the model; the meter's own word goes first, and it is logged if it is not in the table."""
        text, code = await self._read_text(Quantity.MODEL), await self._read_text(Quantity.MODEL_CODE)
        known = self._table.model_codes.get(int(code)) if code else None
        right = self._table.foreign_codes.get(int(code)) if code else None
        if right:
            raise DeviceError(
                f"the meter at Modbus address {self._address} is no {self._table.model}: it tells model code {code}. "
                f"Set its model to {right}"
            )
        if not self._is_known:
            if code and not known:
                self._log.info("meter_tells_an_unknown_model_code", address=self._address, code=f"0x{int(code):04X}")
            if text and not text.startswith(self._table.model_texts):
                self._log.info("meter_tells_an_unknown_model", address=self._address, model=text)
        return text or known or self._table.model

    async def _read_text(self, quantity: Quantity) -> str:
        """Read one register of the identity; empty where the meter lacks it."""
        row = self._table.register(quantity)
        if row is None:
            return ""
        try:
            return decode_text(row, await self._read_words(row.function, row.address, row.words))
        except DeviceError:
            return ""

    async def _read_values(self) -> Values:
        if self._untried:
            return await self._try_blocks()
        values: dict[Quantity, Decimal | None] = {}
        for block in self._blocks:
            values |= await self._read_block(block, Priority.BILLING if _is_billed(block) else Priority.TELEMETRY)
        return values

    async def _try_blocks(self) -> Values:
        """Find out which blocks the unit accepts: long ones, else short ones, else one register at a time.

        What it refuses even alone it doesn't have: a model without, say, voltages still bills. Progress is kept if this
        is cancelled; the values of what was read before then are too old, and all is read again.
        """
        values: dict[Quantity, Decimal | None] = {}
        was_begun = bool(self._blocks)
        while self._untried:
            block = self._untried[0]
            try:
                values |= await self._read_block(block, Priority.BILLING)
            except DeviceError:
                parts = plan_blocks(block.registers, self._table.small_words if self._is_long(block) else 0)
                if len(parts) > 1:
                    self._untried[:1] = parts
                    continue
                if _is_billed(block):
                    raise
                self._log.info("meter_lacks_register", address=self._address, quantity=block.registers[0].quantity)
            except PortError:
                raise
            except LinkError:
                if not any(self._is_long(each) for each in self._untried):
                    raise
                await self._try_short_blocks()
                continue
            else:
                self._blocks.append(block)
            del self._untried[0]
        return await self._read_values() if was_begun else values

    async def _try_short_blocks(self) -> None:
        """Some units are silent when asked for a long block. If a short one is answered, ask for no others any more.

        Raises:
            LinkError: the unit is silent altogether.
        """
        short = plan_blocks(self._table.polled(), self._table.small_words)
        await self._read_block(short[0], Priority.BILLING)
        self._log.info("meter_accepts_short_blocks_only", address=self._address, words=self._table.small_words)
        self._blocks, self._untried = [], list(short)

    def _is_long(self, block: Block) -> bool:
        return block.count > self._table.small_words

    async def _read_block(self, block: Block, priority: Priority) -> Values:
        return block.values(await self._read_words(block.function, block.address, block.count, priority))

    async def _read_words(
        self, function: int, register: int, count: int, priority: Priority = Priority.BILLING
    ) -> Sequence[int]:
        read = self._line.read_holding if function == 3 else self._line.read_input
        return await read(self._address, register, count, priority=priority)

    def _import(self, values: Values) -> tuple[Wh, Wh] | None:
        """Give the import register and its step; None if it can't be one."""
        row, value = self._table.energy_import, values.get(Quantity.ENERGY_IMPORT)
        if value is None or is_another_map(values) or not self._limits.register(energy(row, value)):
            return None
        return energy(row, value), energy_step(row, value)

    def _doubt(self, found: tuple[Wh, Wh] | None) -> str:
        """Tell why the import register can't be taken; empty: it counts."""
        if found is None:
            return (
                f"the meter at Modbus address {self._address} tells no plausible import register: is the model "
                f"{self._table.model} right?"
            )
        register, step = found
        doubt = self._counter.judge(register, self._uptime(), step)
        return doubt and f"the import register of the meter at Modbus address {self._address} {doubt}. {_ADVICE}"

    def _reading(self, values: Values, register: Wh, step: Wh) -> MeterReading:
        currents = self._phases(CURRENTS, values, current, self._limits.current)
        voltages = self._phases(VOLTAGES, values, voltage, self._limits.voltage)
        drawn = self._power(values)
        if drawn is not None and not self._limits.power(drawn, currents, voltages):
            drawn = None
        self._broken = self._broken or self._scale.contradicts(register, drawn, self._uptime(), step)
        if self._broken:
            raise DeviceError(
                f"the meter at Modbus address {self._address} {self._broken}: is the model {self._table.model} right? "
                f"{_ADVICE}"
            )
        self._watch_direction(drawn)
        return MeterReading(energy_import=register, power=drawn, currents=currents, voltages=voltages)

    def _watch_direction(self, drawn: Watt | None) -> None:
        """A meter that is wired backwards counts a charge as export: nothing of it would be billed."""
        is_backwards = drawn is not None and drawn < -_NOISE_W
        if is_backwards and not self._is_backwards:
            self._log.warning("meter_counts_backwards", address=self._address, power_w=drawn, advice="swap in and out")
        self._is_backwards = is_backwards

    def _power(self, values: Values) -> Watt | None:
        """Give the power of all phases, from one register, from import less export, or as the sum of the phases."""
        if self._table.register(Quantity.POWER) is None:
            phases = [self._watts(quantity, values) for quantity in POWERS[: self._table.phases]]
            known = [watts for watts in phases if watts is not None]
            return Watt(sum(known)) if len(known) == self._table.phases else None
        total = self._watts(Quantity.POWER, values)
        if total is None or self._table.register(Quantity.POWER_OUT) is None:
            return total
        out = self._watts(Quantity.POWER_OUT, values)
        return None if out is None else Watt(total - out)

    def _watts(self, quantity: Quantity, values: Values) -> Watt | None:
        row, value = self._table.register(quantity), values.get(quantity)
        return None if row is None or value is None else power(row, value)

    def _phases(
        self,
        quantities: Sequence[Quantity],
        values: Values,
        convert: Callable[[Register, Decimal], _T],
        is_plausible: Callable[[_T], bool],
    ) -> tuple[_T, ...]:
        """Give the phases from L1 up to the first that is not known."""
        found: list[_T] = []
        for quantity in quantities:
            row, value = self._table.register(quantity), values.get(quantity)
            if row is None or value is None or not is_plausible(convert(row, value)):
                break
            found.append(convert(row, value))
        return tuple(found)


def _is_billed(block: Block) -> bool:
    return any(row.quantity is Quantity.ENERGY_IMPORT for row in block.registers)
