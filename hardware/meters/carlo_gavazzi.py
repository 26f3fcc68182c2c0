"""Carlo Gavazzi meters. Integers of two words come with the low word first. 9600 baud 8N1, address 1.

Sources: [1] volkszaehler/mbmd, carlogavazzi-ex3x0.go and carlogavazzi-em24.go; [2] SmartEVSE, meter.cpp; [3] EVerest,
CarloGavazzi_EM580; [4] victronenergy, dbus-modbus-client carlo_gavazzi.py; [5] the vendor's EM24 protocol (register
list on aggsoft.com), evcc pull requests 17173 and 31736; [6] evcc, templates/definition/meter/cg-emt1xx.yaml, OpenEMS
pull request 3215; [7] identification codes from public drivers of the vendor's table.

Register 0x000B is the identification code when it is read alone; in a longer block it is a voltage's high word.
"""

from dataclasses import replace

from hardware.bus import Framing
from hardware.meters.layout import Layout
from hardware.meters.register_map import Kind, MeterTable, Quantity, Requirement

_EM340 = Layout(4, Kind.I32, "[1] [2] [4]", low_word_first=True)
_EM24 = Layout(4, Kind.I32, "[2] [4] [5]", low_word_first=True)
_EM11 = Layout(4, Kind.I32, "[6]", low_word_first=True)
_EM580 = Layout(4, Kind.I64, "[3]", low_word_first=True)
_ID = Layout(4, Kind.U16, "[4] [7]")

_CODE = _ID.row(Quantity.MODEL_CODE, 0x000B)
_SERIAL = _ID.row(Quantity.SERIAL, 0x5000, kind=Kind.TEXT, length=7)

_PHASES = (
    *_EM340.volts(0x0000, 0x0002, 0x0004, scale="0.1"),
    *_EM340.amperes(0x000C, 0x000E, 0x0010, scale="0.001"),
    *_EM340.watts(0x0012, 0x0014, 0x0016, scale="0.1"),
    _EM340.power(0x0028, scale="0.1"),
)

EM340 = MeterTable(
    "EM340",
    "Carlo Gavazzi EM340, ET340, EM341, EM540",
    (
        *_PHASES,
        _EM340.hertz(0x0033, scale="0.1", kind=Kind.I16),
        *_EM340.energies(0x0034, 0x004E, "kWh", "0.1", scale="0.1"),
        _SERIAL,
        _CODE,
    ),
    rated_a=65,
    max_words=50,
    small_words=11,
    aliases=("ET340", "EM341", "EM540"),
    model_codes={
        340: "EM340",
        341: "EM340",
        345: "ET340",
        346: "EM341",
        1760: "EM540",
        1761: "EM540",
        1762: "EM540",
        1763: "EM540",
    },
    remarks=("EM540 counts finer at 0x0500; this table counts 0.1 kWh.",),
)
EM330 = replace(
    EM340,
    model="EM330",
    title="Carlo Gavazzi EM330, ET330, EM530 (transformers)",
    rated_a=800,
    aliases=("ET330", "EM530"),
    model_codes={
        331: "EM330",
        332: "EM330",
        335: "ET330",
        336: "ET330",
        1744: "EM530",
        1745: "EM530",
        1746: "EM530",
        1747: "EM530",
    },
    remarks=(*EM340.remarks, "It measures through transformers: set their ratio in the meter's menu."),
)
EM580 = MeterTable(
    "EM580",
    "Carlo Gavazzi EM580",
    (
        *_PHASES,
        _EM340.hertz(0x0033, scale="0.1", kind=Kind.I16),
        *_EM580.energies(0x0500, 0x051C, "Wh", "1"),
        _SERIAL,
        _CODE,
    ),
    rated_a=65,
    max_words=50,
    small_words=11,
    remarks=("It signs: see cg_em580. Its identification code is not known.",),
)
EM24 = MeterTable(
    "EM24",
    "Carlo Gavazzi EM24 on RS-485",
    (
        *_EM24.volts(0x0000, 0x0002, 0x0004, scale="0.1"),
        *_EM24.amperes(0x000C, 0x000E, 0x0010, scale="0.001"),
        *_EM24.watts(0x0012, 0x0014, 0x0016, scale="0.1"),
        _EM24.power(0x0028, scale="0.1"),
        _EM24.hertz(0x0037, scale="0.1", kind=Kind.I16),
        *_EM24.energies(0x003E, 0x005C, "kWh", "0.1", scale="0.1"),
        _CODE,
    ),
    rated_a=65,
    max_words=11,
    small_words=6,
    framing=Framing(9600),
    model_codes={70: "EM24-DIN AV9", 71: "EM24-DIN AV2", 72: "EM24-DIN AV5", 73: "EM24-DIN AV6"},
    remarks=(
        "Import is 0x003E. mbmd reads 0x0042, which is the partial counter: a driver could reset it.",
        "4800 or 9600 baud. Some variants have no export register.",
        "AV5 and AV6 measure through transformers: limits of current are those of the direct AV9.",
    ),
)
EM24_E1 = replace(
    EM340,
    model="EM24-E1",
    title="Carlo Gavazzi EM24 Ethernet (E1)",
    transport="tcp",
    small_words=11,
    aliases=(),
    model_codes={
        1648: "EM24DINAV23XE1X",
        1649: "EM24DINAV23XE1PFA",
        1650: "EM24DINAV23XE1PFB",
        1651: "EM24DINAV53XE1X",
        1652: "EM24DINAV53XE1PFA",
        1653: "EM24DINAV53XE1PFB",
    },
    remarks=("Its registers are these only in application H: register 0xA000 is 7.",),
    requires=(
        Requirement(
            3, 0xA000, 7, "its application is not H, so its registers mean something else: set it at the meter"
        ),
    ),
)
EM112 = MeterTable(
    "EM112",
    "Carlo Gavazzi EM110, EM111, EM112, ET112 (one phase)",
    (
        *_EM11.volts(0x0000, scale="0.1"),
        *_EM11.amperes(0x0002, scale="0.001"),
        _EM11.power(0x0004, scale="0.1"),
        _EM11.hertz(0x000F, scale="0.1", kind=Kind.I16),
        *_EM11.energies(0x0010, 0x0020, "kWh", "0.1", scale="0.1"),
        _SERIAL,
        _CODE,
    ),
    rated_a=100,
    phases=1,
    max_words=11,
    small_words=6,
    aliases=("EM110", "EM111", "ET112"),
    model_codes={
        100: "EM110-DIN AV7",
        101: "EM111-DIN AV7",
        102: "EM112-DIN AV1",
        103: "EM111-DIN AV8",
        104: "EM112-DIN AV0",
        110: "EM110-DIN AV8",
        114: "EM111-DIN AV5",
        120: "ET112-DIN AV0",
        121: "ET112-DIN AV1",
    },
    remarks=(
        "The vendor and public drivers read the low word first, evcc's template the high word.",
        "In the wrong word order the voltage is impossible, and no reading is given.",
        "The register of the frequency is not confirmed.",
    ),
)

_FAMILIES = (EM340, EM330, EM580, EM24, EM24_E1, EM112)


def _knowing_the_others(table: MeterTable) -> MeterTable:
    """Let a table know the codes of the other maps: in the wrong one, import is some other counter."""
    others = [other for other in _FAMILIES if other is not table]
    return replace(table, foreign_codes={code: other.model for other in others for code in other.model_codes})


TABLES = tuple(map(_knowing_the_others, _FAMILIES))
