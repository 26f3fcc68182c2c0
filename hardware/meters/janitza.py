"""Janitza B-series.

Source: [1] volkszaehler/mbmd, meters/rs485/janitza.go.
"""

from hardware.meters.layout import Layout
from hardware.meters.register_map import Kind, MeterTable

_MAP = Layout(3, Kind.F32, "[1]")

JANITZA_B23 = MeterTable(
    "Janitza-B23",
    "Janitza B23",
    (
        *_MAP.volts(0x4A38, 0x4A3A, 0x4A3C),
        *_MAP.amperes(0x4A44, 0x4A46, 0x4A48),
        *_MAP.watts(0x4A4C, 0x4A4E, 0x4A50),
        _MAP.power(0x4A52),
        _MAP.hertz(0x4A6A),
        *_MAP.energies(0x4A7C, 0x4A84, "Wh", "10"),
    ),
    rated_a=65,
    max_words=80,
    small_words=10,
    framing_is_known=False,
    remarks=("One source only; the energy is a float in Wh.",),
)

TABLES = (JANITZA_B23,)
