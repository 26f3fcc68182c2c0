"""ABB B-series meters. The line is set in the menu; 9600 baud 8N1 is usual. A and B are named the other way round.

Sources: [1] volkszaehler/mbmd, meters/rs485/abb.go; [2] openWB, modules/common/b23.py; [3] victronenergy,
dbus-modbus-client abb.py (serial number and type); [4] SmartEVSE, meter.cpp (125 words, A and B). They agree.
"""

from dataclasses import replace

from hardware.meters.layout import Layout
from hardware.meters.register_map import Kind, MeterTable, Quantity

_MAP = Layout(3, Kind.U32, "[1] [2] [3]")

_COMMON = (
    *_MAP.energies(0x5000, 0x5004, "kWh", "0.01", scale="0.01", kind=Kind.U64),
    _MAP.power(0x5B14, scale="0.01", kind=Kind.I32),
    _MAP.hertz(0x5B2C, scale="0.01", kind=Kind.U16),
    _MAP.row(Quantity.SERIAL, 0x8900),
    _MAP.row(Quantity.MODEL, 0x8960, kind=Kind.TEXT, length=6),
)
_SWAP = "ABB names A and B the other way round than most others."

B23 = MeterTable(
    "B23",
    "ABB B23",
    (
        *_MAP.volts(0x5B00, 0x5B02, 0x5B04, scale="0.1"),
        *_MAP.amperes(0x5B0C, 0x5B0E, 0x5B10, scale="0.01"),
        *_MAP.watts(0x5B16, 0x5B18, 0x5B1A, scale="0.01", kind=Kind.I32),
        *_COMMON,
    ),
    rated_a=65,
    max_words=125,
    small_words=24,
    model_texts=("B23",),
    remarks=(_SWAP,),
)
B24 = replace(
    B23,
    model="B24",
    title="ABB B24 (transformers)",
    rated_a=800,
    model_texts=("B24",),
    remarks=(_SWAP, "It measures through transformers: set their ratio in the meter's menu."),
)
B21 = MeterTable(
    "B21",
    "ABB B21 (one phase)",
    (*_MAP.volts(0x5B00, scale="0.1"), *_MAP.amperes(0x5B0C, scale="0.01"), *_COMMON),
    rated_a=65,
    phases=1,
    max_words=125,
    small_words=24,
    model_texts=("B21",),
    remarks=(_SWAP,),
)

TABLES = (B23, B24, B21)
