"""Iskra WM3M4 and WM3M4C: what they tell unsigned. 115200 baud, unit 33. Values are packed: T5 and T6.

Source: [1] EVerest, modules/HardwareDrivers/PowerMeters/RsIskraMeter.
"""

from hardware.bus import Framing
from hardware.meters.layout import Layout
from hardware.meters.register_map import Kind, MeterTable, Quantity

_MAP = Layout(4, Kind.T5, "[1]")

WM3M4 = MeterTable(
    "WM3M4",
    "Iskra WM3M4, WM3M4C",
    (
        *_MAP.volts(107, 109, 111),
        *_MAP.amperes(126, 128, 130),
        *_MAP.watts(142, 144, 146, kind=Kind.T6),
        _MAP.power(140, kind=Kind.T6),
        _MAP.hertz(105),
        _MAP.row(Quantity.ENERGY_IMPORT, 418, "Wh", kind=Kind.I32, resolution="1", exponent_at=414),
        _MAP.row(Quantity.ENERGY_EXPORT, 420, "Wh", kind=Kind.I32, resolution="1", exponent_at=415),
        _MAP.row(Quantity.SERIAL, 9, kind=Kind.TEXT, length=4),
        _MAP.row(Quantity.MODEL, 1, kind=Kind.TEXT, length=8),
    ),
    rated_a=80,
    max_words=60,
    small_words=10,
    framing=Framing(115200),
    framing_is_known=False,
    address=33,
    aliases=("WM3M4C",),
    model_texts=("WM3M4",),
    remarks=("The parity is not confirmed; 8N1 is assumed.",),
)

TABLES = (WM3M4,)
