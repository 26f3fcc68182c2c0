"""Schneider Electric iEM3000 series with Modbus. 19200 baud, parity by the menu, address 1.

Sources: [1] Tasmota, xnrg_16_iem3000.ino; [2] SmartEVSE, meter.cpp; [3] the vendor's iEM3000 user manual; [4] public
drivers for iEM3155 and iEM3255 (model text, serial number).

Energy is the 64-bit counter in Wh. The float at 0xB02B is not used: the manual says Wh, SmartEVSE takes it for kWh.
"""

from dataclasses import replace

from hardware.bus import Framing
from hardware.meters.layout import Layout
from hardware.meters.register_map import Kind, MeterTable, Quantity

_MAP = Layout(3, Kind.F32, "[1] [2] [3]")

IEM3155 = MeterTable(
    "iEM3155",
    "Schneider Electric iEM3150, iEM3155, iEM3350, iEM3355",
    (
        *_MAP.volts(0x0BD3, 0x0BD5, 0x0BD7),
        *_MAP.amperes(0x0BB7, 0x0BB9, 0x0BBB),
        *_MAP.watts(0x0BED, 0x0BEF, 0x0BF1, unit="kW"),
        _MAP.power(0x0BF3, "kW"),
        _MAP.hertz(0x0C25),
        *_MAP.energies(0x0C83, 0x0C87, "Wh", "1", kind=Kind.I64),
        _MAP.row(Quantity.SERIAL, 0x0081, kind=Kind.U32),
        _MAP.row(Quantity.MODEL, 0x0031, kind=Kind.TEXT, length=20),
    ),
    rated_a=125,
    max_words=125,
    small_words=10,
    framing=Framing(19200, "E"),
    aliases=("iEM3150", "iEM3350", "iEM3355"),
    model_texts=("iEM315", "iEM335"),
    remarks=(
        "The parity is set in the menu. Even is said to be its default; Tasmota tells its users to set none.",
        "iEM3x50 counts import only. The register of the serial number is not confirmed by a manual.",
    ),
)
IEM3255 = replace(
    IEM3155,
    model="iEM3255",
    title="Schneider Electric iEM3250, iEM3255 (transformers)",
    rated_a=800,
    aliases=("iEM3250",),
    model_texts=("iEM325",),
    remarks=(*IEM3155.remarks, "It measures through transformers: set their ratio in the meter's menu."),
)

TABLES = (IEM3155, IEM3255)
