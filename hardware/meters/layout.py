"""How the lines of a register table are written: what a family shares, then an address per quantity. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from hardware.meters.register_map import CURRENTS, POWERS, VOLTAGES, Kind, Quantity, Register


@dataclass(frozen=True, slots=True)
class Layout:
    """What the registers of a family have in common.

    Args:
        function: Modbus function that reads them.
        kind: their encoding.
        source: where they were read.
        low_word_first: their word order.
    """

    function: int
    kind: Kind
    source: str
    low_word_first: bool = False

    def row(
        self,
        quantity: Quantity,
        address: int,
        unit: str = "",
        scale: str = "1",
        *,
        kind: Kind | None = None,
        resolution: str = "",
        exponent_at: int | None = None,
        length: int = 0,
    ) -> Register:
        """Give one line. See `Register`."""
        kind = kind or self.kind
        return Register(
            quantity,
            self.function,
            address,
            kind,
            unit,
            self.source,
            Decimal(scale),
            self.low_word_first and kind is not Kind.TEXT,
            Decimal(resolution) if resolution else None,
            exponent_at,
            length,
        )

    def rows(
        self,
        quantities: Sequence[Quantity],
        addresses: Sequence[int],
        unit: str,
        scale: str = "1",
        *,
        kind: Kind | None = None,
        exponent_at: int | None = None,
    ) -> tuple[Register, ...]:
        """Give one line per address, for the quantities in their order."""
        return tuple(
            self.row(quantity, address, unit, scale, kind=kind, exponent_at=exponent_at)
            for quantity, address in zip(quantities, addresses, strict=False)
        )

    def volts(self, *addresses: int, scale: str = "1", kind: Kind | None = None) -> tuple[Register, ...]:
        """Give the voltages from L1 on, in V."""
        return self.rows(VOLTAGES, addresses, "V", scale, kind=kind)

    def amperes(self, *addresses: int, scale: str = "1", kind: Kind | None = None) -> tuple[Register, ...]:
        """Give the currents from L1 on, in A."""
        return self.rows(CURRENTS, addresses, "A", scale, kind=kind)

    def watts(
        self, *addresses: int, unit: str = "W", scale: str = "1", kind: Kind | None = None
    ) -> tuple[Register, ...]:
        """Give the power of each phase from L1 on."""
        return self.rows(POWERS, addresses, unit, scale, kind=kind)

    def power(self, address: int, unit: str = "W", scale: str = "1", *, kind: Kind | None = None) -> Register:
        """Give the power of all phases."""
        return self.row(Quantity.POWER, address, unit, scale, kind=kind)

    def hertz(self, address: int, scale: str = "1", *, kind: Kind | None = None) -> Register:
        """Give the frequency."""
        return self.row(Quantity.FREQUENCY, address, "Hz", scale, kind=kind)

    def energies(
        self,
        bought: int,
        sold: int | None,
        unit: str,
        resolution: str,
        *,
        scale: str = "1",
        kind: Kind | None = None,
    ) -> tuple[Register, ...]:
        """Give import, and export where the meter has it; `resolution` in `unit`."""
        pairs = ((Quantity.ENERGY_IMPORT, bought), (Quantity.ENERGY_EXPORT, sold))
        return tuple(
            self.row(quantity, address, unit, scale, kind=kind, resolution=resolution)
            for quantity, address in pairs
            if address is not None
        )
