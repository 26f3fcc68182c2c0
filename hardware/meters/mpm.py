"""Bernecker MPM3PM.

Sources: [1] openWB, modules/common/mpm3pm.py (function 4); [2] volkszaehler/mbmd, meters/rs485/mpm3pm.go (function 3).
"""

from hardware.meters.layout import Layout
from hardware.meters.register_map import Kind, MeterTable, Quantity

_MAP = Layout(4, Kind.U32, "[1] [2]")

MPM3PM = MeterTable(
    "MPM3PM",
    "Bernecker MPM3PM",
    (
        *_MAP.volts(0x0008, 0x000A, 0x000C, scale="0.1"),
        *_MAP.amperes(0x000E, 0x0010, 0x0012, scale="0.01"),
        *_MAP.watts(0x0014, 0x0016, 0x0018, scale="0.01", kind=Kind.I32),
        _MAP.power(0x0026, scale="0.01", kind=Kind.I32),
        _MAP.hertz(0x002C, scale="0.01"),
        *_MAP.energies(0x0002, 0x0004, "kWh", "0.01", scale="0.01"),
        _MAP.row(Quantity.SERIAL, 0x0033),
    ),
    rated_a=100,
    max_words=60,
    small_words=10,
    framing_is_known=False,
    billing=False,
    remarks=(
        "openWB and mbmd count energy in 10 Wh, the vendor's document tells another unit: compare it with the display.",
    ),
)

TABLES = (MPM3PM,)
