"""Phoenix Contact EEM-350-D-MCB, a Carlo Gavazzi EM24 by another name.

Source: [1] SmartEVSE, meter.cpp (also the 11 words).
"""

from hardware.meters.layout import Layout
from hardware.meters.register_map import Kind, MeterTable

_MAP = Layout(4, Kind.I32, "[1]", low_word_first=True)

EEM_350 = MeterTable(
    "EEM-350",
    "Phoenix Contact EEM-350-D-MCB",
    (
        *_MAP.volts(0x0000, 0x0002, 0x0004, scale="0.1"),
        *_MAP.amperes(0x000C, 0x000E, 0x0010, scale="0.001"),
        *_MAP.watts(0x0012, 0x0014, 0x0016, scale="0.1"),
        _MAP.power(0x0028, scale="0.1"),
        *_MAP.energies(0x003E, None, "kWh", "0.1", scale="0.1"),
    ),
    rated_a=80,
    max_words=11,
    small_words=6,
    framing_is_known=False,
    aliases=("EEM-350-D-MCB",),
    remarks=("It tells no serial number: an exchange is noticed by its register only.",),
)

TABLES = (EEM_350,)
