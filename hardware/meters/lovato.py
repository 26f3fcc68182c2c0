"""Lovato DMG series (transformers).

Sources: [1] openWB, modules/common/lovato.py; [2] volkszaehler/mbmd, meters/rs485/dmg610.go.
"""

from hardware.meters.layout import Layout
from hardware.meters.register_map import Kind, MeterTable

_MAP = Layout(4, Kind.I32, "[1] [2]")
_ENERGY = Layout(4, Kind.U64, "[2]")

DMG = MeterTable(
    "DMG610",
    "Lovato DMG (transformers)",
    (
        *_MAP.volts(0x0001, 0x0003, 0x0005, scale="0.01"),
        *_MAP.amperes(0x0007, 0x0009, 0x000B, scale="0.0001"),
        *_MAP.watts(0x0013, 0x0015, 0x0017, scale="0.01"),
        _MAP.hertz(0x0031, scale="0.01"),
        *_ENERGY.energies(0x1B1F, 0x1B23, "kWh", "0.01", scale="0.01"),
    ),
    rated_a=800,
    max_words=60,
    small_words=10,
    framing_is_known=False,
    aliases=("DMG",),
    remarks=(
        "Power is the sum of the phases. Revisions differ in the scale of the frequency: above 100 Hz it is in tenths.",
        "It measures through transformers: set their ratio in the meter's menu.",
    ),
)

TABLES = (DMG,)
