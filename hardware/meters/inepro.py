"""Inepro PRO380-Mod, and what is sold with its map: WAGO 879-30xx, Klefr 693x and 694x. 9600 baud 8E1, address 1.

Sources: [1] volkszaehler/mbmd, inepro.go and wago87930.go; [2] SmartEVSE, meter.cpp; [3] EVerest, GenericPowermeter
(Klefr); [4] victronenergy, dbus-modbus-client inepro.py (serial number, model code); [5] the vendor's user guide of
PRO1 and PRO380 (line).
"""

from hardware.bus import Framing
from hardware.meters.layout import Layout
from hardware.meters.register_map import Kind, MeterTable, Quantity

_MAP = Layout(3, Kind.F32, "[1] [2] [3]")
_ID = Layout(3, Kind.U32, "[4]")

PRO380 = MeterTable(
    "PRO380",
    "Inepro PRO380-Mod, WAGO 879-30xx, Klefr 693x/694x",
    (
        *_MAP.volts(0x5002, 0x5004, 0x5006),
        *_MAP.amperes(0x500C, 0x500E, 0x5010),
        *_MAP.watts(0x5014, 0x5016, 0x5018, unit="kW"),
        _MAP.power(0x5012, "kW"),
        _MAP.hertz(0x5008),
        *_MAP.energies(0x600C, 0x6018, "kWh", "0.01"),
        _ID.row(Quantity.SERIAL, 0x4000),
        _ID.row(Quantity.MODEL_CODE, 0x1010, kind=Kind.U16),
    ),
    rated_a=100,
    max_words=60,
    small_words=10,
    framing=Framing(9600, "E"),
    aliases=("WAGO-879", "Klefr-6930", "Klefr-6940"),
    model_codes={0x2007: "PRO380-Mod"},
    remarks=(
        "Import is 0x600C. 0x6000 is the sum of both directions.",
        "The serial number is at 0x4000 in newer maps and at 0x1000 in older ones; not confirmed.",
    ),
)

TABLES = (PRO380,)
