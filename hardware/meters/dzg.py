"""DZG DVH4013. 9600 baud 8E1.

Sources: [1] volkszaehler/mbmd, meters/rs485/dzg.go and its README.
"""

from hardware.bus import Framing
from hardware.meters.layout import Layout
from hardware.meters.register_map import Kind, MeterTable, Quantity

_MAP = Layout(3, Kind.U32, "[1]")

DVH4013 = MeterTable(
    "DVH4013",
    "DZG DVH4013",
    (
        *_MAP.volts(0x0004, 0x0006, 0x0008, scale="0.01"),
        *_MAP.amperes(0x000A, 0x000C, 0x000E, scale="0.001"),
        _MAP.power(0x0000, scale="0.1"),
        _MAP.row(Quantity.POWER_OUT, 0x0002, "W", "0.1"),
        _MAP.hertz(0x0012, scale="0.001"),
        *_MAP.energies(0x4000, 0x4100, "kWh", "0.001", scale="0.001"),
    ),
    rated_a=80,
    max_words=20,
    small_words=10,
    framing=Framing(9600, "E"),
    remarks=(
        "Its address follows from the last digits of its serial number: see the README of mbmd.",
        "It tells no serial number over Modbus: an exchange is noticed by its register only.",
    ),
)

TABLES = (DVH4013,)
