"""B+G e-tech DS100. 9600 baud 8N1.

Source: [1] volkszaehler/mbmd, meters/rs485/ds100.go.
"""

from hardware.meters.layout import Layout
from hardware.meters.register_map import Kind, MeterTable

_MAP = Layout(3, Kind.U32, "[1]")

DS100 = MeterTable(
    "DS100",
    "B+G e-tech DS100",
    (
        *_MAP.volts(0x0400, 0x0402, 0x0404, scale="0.001"),
        *_MAP.amperes(0x0410, 0x0412, 0x0414, scale="0.001"),
        *_MAP.watts(0x041A, 0x041C, 0x041E, kind=Kind.I32),
        _MAP.power(0x0420, kind=Kind.I32),
        _MAP.hertz(0x0435, scale="0.1", kind=Kind.U16),
        *_MAP.energies(0x010E, None, "kWh", "0.01", scale="0.01"),
    ),
    rated_a=100,
    max_words=60,
    small_words=10,
    remarks=(
        "Import is 0x010E; 0x0122 is the sum of both directions. Export at 0x118A is not confirmed and left out.",
        "Power is taken as signed; mbmd reads it unsigned.",
    ),
)

TABLES = (DS100,)
