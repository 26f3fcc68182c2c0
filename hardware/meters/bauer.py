"""Bauer BSM-WS36A: what it tells unsigned, SunSpec model 203. 19200 baud 8E1, unit 42.

Source: [1] chargeITmobility/bsm-python, doc/modbus and doc/examples. Each group of values has a register with its power
of ten.
"""

from hardware.bus import Framing
from hardware.meters.layout import Layout
from hardware.meters.register_map import CURRENTS, POWERS, VOLTAGES, Kind, MeterTable, Quantity

_MAP = Layout(3, Kind.I16, "[1]")

BSM_WS36A = MeterTable(
    "BSM-WS36A",
    "Bauer BSM-WS36A",
    (
        *_MAP.rows(CURRENTS, (40093, 40094, 40095), "A", exponent_at=40096),
        *_MAP.rows(VOLTAGES, (40098, 40099, 40100), "V", exponent_at=40105),
        _MAP.row(Quantity.FREQUENCY, 40106, "Hz", exponent_at=40107),
        _MAP.row(Quantity.POWER, 40108, "W", exponent_at=40112),
        *_MAP.rows(POWERS, (40109, 40110, 40111), "W", exponent_at=40112),
        _MAP.row(Quantity.ENERGY_IMPORT, 40136, "Wh", kind=Kind.U32, resolution="1", exponent_at=40144),
        _MAP.row(Quantity.SERIAL, 40052, kind=Kind.TEXT, length=16),
    ),
    rated_a=80,
    max_words=100,
    small_words=16,
    framing=Framing(19200, "E"),
    address=42,
    aliases=("BSM", "BSM-WS36A-H01"),
)

TABLES = (BSM_WS36A,)
