"""Siemens SENTRON PAC2200 and 7KT1665.

Sources: [1] volkszaehler/mbmd, meters/rs485/pac2200.go; [2] evcc, templates/definition/meter/siemens-7kt1665.yaml.
"""

from hardware.bus import Framing
from hardware.meters.layout import Layout
from hardware.meters.register_map import Kind, MeterTable

_PAC = Layout(4, Kind.F32, "[1]")
_7KT = Layout(3, Kind.U32, "[2]")

PAC2200 = MeterTable(
    "PAC2200",
    "Siemens SENTRON PAC2200",
    (
        *_PAC.volts(1, 3, 5),
        *_PAC.amperes(13, 15, 17),
        *_PAC.watts(25, 27, 29),
        _PAC.power(65),
        _PAC.hertz(55),
        *_PAC.energies(801, 809, "Wh", "1", kind=Kind.F64),
    ),
    rated_a=100,
    max_words=125,
    small_words=10,
    framing=Framing(19200),
    framing_is_known=False,
    transport="tcp",
    remarks=(
        "The frequency is read at 55, where the family has it; mbmd says 46, which would cut a number in two.",
        "Sold with Ethernet or RS-485; 19200 baud 8N1 is not confirmed.",
        "Variants for transformers: limits of current are those of the direct one.",
    ),
)
SIEMENS_7KT1665 = MeterTable(
    "7KT1665",
    "Siemens SENTRON 7KT1665 (transformers)",
    (
        *_7KT.volts(1, scale="0.01"),
        *_7KT.amperes(7, 9, 11, scale="0.0001"),
        _7KT.power(57, scale="0.01", kind=Kind.I32),
        *_7KT.energies(6687, None, "kWh", "0.001", scale="0.001"),
    ),
    rated_a=800,
    max_words=60,
    small_words=10,
    framing_is_known=False,
    remarks=(
        "One source only. The function (3) and the register of the total power are not confirmed.",
        "It measures through transformers: set their ratio in the meter's menu.",
    ),
)

TABLES = (PAC2200, SIEMENS_7KT1665)
