"""Eastron meters on DIN rail. 9600 baud 8N1 as delivered, address 1.

Sources: [1] volkszaehler/mbmd, meters/rs485/sdm.go, sdm72.go, sdm72v2.go, sdm120.go, sdm230.go; [2] openWB,
modules/common/sdm.py (also the 10 words that some units are limited to); [3] Tinkerforge esp32-firmware, meter
definitions (serial number and model code, and issue 170 about units that tell another code). They agree where they
overlap.

Energy is a float32 in kWh: the register's own step is 1 Wh below 16,384 kWh, 2 Wh above, and 8 Wh near 70,000 kWh.
"""

from hardware.bus import Framing
from hardware.meters.layout import Layout
from hardware.meters.register_map import Kind, MeterTable, Quantity

_MAP = Layout(4, Kind.F32, "[1] [2]")
_ID = Layout(3, Kind.U32, "[3]")

_ENERGY = _MAP.energies(0x0048, 0x004A, "kWh", "0.001")
_IDENTITY = (_ID.row(Quantity.SERIAL, 0xFC00), _ID.row(Quantity.MODEL_CODE, 0xFC02, kind=Kind.U16))

_THREE_PHASES = (
    *_MAP.volts(0x0000, 0x0002, 0x0004),
    *_MAP.amperes(0x0006, 0x0008, 0x000A),
    *_MAP.watts(0x000C, 0x000E, 0x0010),
    _MAP.power(0x0034),
    _MAP.hertz(0x0046),
    *_ENERGY,
    *_IDENTITY,
)
_ONE_PHASE = (
    *_MAP.volts(0x0000),
    *_MAP.amperes(0x0006),
    _MAP.power(0x000C),
    _MAP.hertz(0x0046),
    *_ENERGY,
    *_IDENTITY,
)

_CODES = {0x0070: "SDM630", 0x0079: "SDM630MCT-V2", 0x0084: "SDM72DM", 0x0089: "SDM72DM-V2"}
_CODE_IS_A_HINT = (
    "The model code is a hint: SDM72D-M units with 0x0200 were seen instead of 0x0084, and very old SDM630 tell 0.",
)

SDM72DM_V2 = MeterTable(
    "SDM72DM-V2",
    "Eastron SDM72D-M V2",
    _THREE_PHASES,
    rated_a=100,
    max_words=80,
    small_words=10,
    aliases=("SDM72D-M-V2",),
    model_codes=_CODES,
    remarks=_CODE_IS_A_HINT,
)
SDM630_V2 = MeterTable(
    "SDM630-V2",
    "Eastron SDM630 V2",
    _THREE_PHASES,
    rated_a=100,
    max_words=80,
    small_words=10,
    aliases=("SDM630", "SDM630M", "SDM630MCT-V2"),
    model_codes=_CODES,
    remarks=(*_CODE_IS_A_HINT, "SDM630MCT measures through transformers: set their ratio in the meter's menu."),
)
SDM72_V1 = MeterTable(
    "SDM72D-M",
    "Eastron SDM72D-M V1",
    (_MAP.power(0x0034), *_ENERGY, *_IDENTITY),
    rated_a=100,
    max_words=80,
    small_words=10,
    aliases=("SDM72D-M-V1",),
    model_codes=_CODES,
    remarks=(*_CODE_IS_A_HINT, "It tells neither voltages nor currents."),
)
SDM120 = MeterTable(
    "SDM120",
    "Eastron SDM120",
    _ONE_PHASE,
    rated_a=45,
    phases=1,
    max_words=80,
    small_words=10,
    framing=Framing(2400),
    model_codes=_CODES,
    remarks=("Often delivered at 2400 baud 8N1; that is not confirmed by a manual.",),
)
SDM230 = MeterTable(
    "SDM230",
    "Eastron SDM230",
    _ONE_PHASE,
    rated_a=100,
    phases=1,
    max_words=80,
    small_words=10,
    model_codes=_CODES,
)

TABLES = (SDM630_V2, SDM72DM_V2, SDM72_V1, SDM120, SDM230)
