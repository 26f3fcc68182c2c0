"""Algodue UEM.

Source: [1] openWB, modules/devices/algodue. openWB adds up power over time instead of reading the energy; the energy
registers are those of the Finder 7E.78, which is of the same family.
"""

from hardware.meters.layout import Layout
from hardware.meters.register_map import Kind, MeterTable, Quantity

_MAP = Layout(4, Kind.F32, "[1]")
_ID = Layout(3, Kind.TEXT, "[1]")

UEM = MeterTable(
    "UEM",
    "Algodue UEM",
    (
        *_MAP.volts(0x1000, 0x1002, 0x1004),
        *_MAP.amperes(0x100E, 0x1010, 0x1012),
        *_MAP.watts(0x1020, 0x1022, 0x1024),
        _MAP.power(0x1026),
        _MAP.hertz(0x1038),
        *_MAP.energies(0x1106, 0x110E, "Wh", "10"),
        _ID.row(Quantity.SERIAL, 0x0500, length=5),
    ),
    rated_a=80,
    max_words=125,
    small_words=10,
    framing_is_known=False,
    billing=False,
    remarks=(
        "The registers of energy and of the total power are taken from the Finder 7E.78 and not confirmed for UEM.",
        "The length of the serial number (5 words) is assumed.",
    ),
)

TABLES = (UEM,)
