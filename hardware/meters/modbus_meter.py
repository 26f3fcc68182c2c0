"""A meter that is described by a register table, on a Modbus line."""

from collections.abc import Mapping
from decimal import Decimal

from hardware.api import MeterIdentity
from hardware.errors import DeviceError, LinkError
from hardware.meters.register_map import (
    CURRENTS,
    IDENTITY,
    VOLTAGES,
    Block,
    MeterTable,
    Quantity,
    current,
    energy,
    plan_blocks,
    power,
    voltage,
)
from hardware.modbus import ModbusLine
from shared.log import Log
from shared.metering import MeterReading
from shared.units import MilliAmp, MilliVolt, Watt, Wh

Values = Mapping[Quantity, Decimal | None]


class ModbusMeter:
    """Fulfils `hardware.api.Meter`. Gives fresh, plausible values or raises.

    After each loss of the meter its serial number is read again before a value counts: it may have been exchanged.
    """

    def __init__(self, line: ModbusLine, address: int, table: MeterTable) -> None:
        """Describe the meter; nothing is read yet.

        Args:
            line: the bus.
            address: Modbus address, 1 to 247.
            table: of its family.
        """
        self._line, self._address, self._table = line, address, table
        rows = [row for row in table.registers if row.quantity not in IDENTITY]
        self._large = plan_blocks(rows, table.max_words)
        self._small = plan_blocks(rows, table.small_words)
        self._blocks: tuple[Block, ...] | None = None
        self._identity: MeterIdentity | None = None
        self._identity_is_fresh = False
        self._last: Wh | None = None
        self._log = Log(__name__)

    async def identify(self) -> MeterIdentity:
        """See Meter. A meter that refuses to tell its serial number has an empty one.

        Raises:
            DeviceError: the serial number is another than before.
        """
        serial = await self._read_number(Quantity.SERIAL)
        code = await self._read_number(Quantity.MODEL_CODE)
        model = self._table.model_codes.get(code, self._table.model) if code is not None else self._table.model
        found = MeterIdentity(model, "" if serial is None else str(serial))
        if self._identity is None:
            if code is not None and code not in self._table.model_codes:
                self._log.info("meter_tells_an_unknown_model_code", address=self._address, code=f"0x{code:04X}")
            self._identity = found
        elif found.serial != self._identity.serial:
            raise DeviceError(
                f"the meter at Modbus address {self._address} has serial number {found.serial or 'none'} instead of "
                f"{self._identity.serial or 'none'}: it was exchanged. End open transactions and restart the station"
            )
        self._identity_is_fresh = True
        return found

    async def read(self) -> MeterReading:
        """See Meter.

        Raises:
            DeviceError: the import register is missing, fell, or belongs to another meter.
        """
        try:
            if not self._identity_is_fresh:
                await self.identify()
            values = await self._read_values()
        except LinkError:
            self._identity_is_fresh = False
            raise
        return MeterReading(
            energy_import=self._energy(values),
            power=self._power(values),
            currents=self._currents(values),
            voltages=self._voltages(values),
        )

    async def _read_number(self, quantity: Quantity) -> int | None:
        """Read one register of the identity; None where the meter lacks it."""
        row = self._table.register(quantity)
        if row is None:
            return None
        block = plan_blocks([row], row.kind.words)[0]
        try:
            value = (await self._read_block(block))[quantity]
        except DeviceError:
            return None
        return None if value is None else int(value)

    async def _read_values(self) -> Values:
        """Read all blocks: long ones, or short ones if the unit turns out to accept no others."""
        if self._blocks:
            return await self._read_blocks(self._blocks)
        try:
            values = await self._read_blocks(self._large)
            self._blocks = self._large
        except (LinkError, DeviceError):
            values = await self._read_blocks(self._small)
            self._blocks = self._small
            self._log.info("meter_accepts_short_blocks_only", address=self._address, words=self._table.small_words)
        return values

    async def _read_blocks(self, blocks: tuple[Block, ...]) -> Values:
        values: dict[Quantity, Decimal | None] = {}
        for block in blocks:
            try:
                values |= await self._read_block(block)
            except DeviceError:
                # A model without, say, voltages still bills.
                if any(row.quantity is Quantity.ENERGY_IMPORT for row in block.registers):
                    raise
        return values

    async def _read_block(self, block: Block) -> Values:
        read = self._line.read_holding if block.function == 3 else self._line.read_input
        return block.values(await read(self._address, block.address, block.count))

    def _energy(self, values: Values) -> Wh:
        row, value = self._table.register(Quantity.ENERGY_IMPORT), values.get(Quantity.ENERGY_IMPORT)
        if row is None or value is None:
            raise DeviceError(
                f"the meter at Modbus address {self._address} tells no plausible import register: is the model "
                f"{self._table.model} right?"
            )
        found = energy(row, value)
        if self._last is not None and found < self._last:
            raise DeviceError(
                f"the import register of the meter at Modbus address {self._address} fell from {self._last} to {found} "
                "Wh: it was exchanged or is faulty. End open transactions and restart the station"
            )
        self._last = found
        return found

    def _power(self, values: Values) -> Watt | None:
        row, value = self._table.register(Quantity.POWER), values.get(Quantity.POWER)
        return None if row is None or value is None else power(row, value)

    def _currents(self, values: Values) -> tuple[MilliAmp, ...]:
        """Give the phases from L1 up to the first that is not known."""
        found: list[MilliAmp] = []
        for quantity in CURRENTS:
            row, value = self._table.register(quantity), values.get(quantity)
            if row is None or value is None:
                break
            found.append(current(row, value))
        return tuple(found)

    def _voltages(self, values: Values) -> tuple[MilliVolt, ...]:
        """Give the phases from L1 up to the first that is not known."""
        found: list[MilliVolt] = []
        for quantity in VOLTAGES:
            row, value = self._table.register(quantity), values.get(quantity)
            if row is None or value is None:
                break
            found.append(voltage(row, value))
        return tuple(found)
