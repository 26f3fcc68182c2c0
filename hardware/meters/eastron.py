"""Eastron meters on DIN rail. 9600 baud 8N1 as delivered, address 1.

Sources: [1] volkszaehler/mbmd, meters/rs485/sdm.go and sdm72v2.go; [2] openWB, modules/common/sdm.py (also the 10 words
that some units are limited to); [3] Tinkerforge esp32-firmware, meter definitions (serial number and model code, and
issue 170 about units that tell another code). They agree where they overlap; not yet verified on a real meter.

Energy is a float32 in kWh: the register's own step is 1 Wh below 16,384 kWh, 2 Wh above, and 8 Wh near 70,000 kWh.
"""

from decimal import Decimal

from hardware.meters.register_map import Kind, MeterTable, Quantity, Register

_MAP, _ID = "[1] [2]", "[3]"

_RATED_A = Decimal(100)
_MAX_A = _RATED_A * Decimal("1.5")
_MAX_W = 3 * 300 * _MAX_A
_MAX_KWH = Decimal(10_000_000)
"""No meter of 100 A counts so far in its life."""


def _volt(quantity: Quantity, address: int) -> Register:
    return Register(quantity, 4, address, Kind.F32, "V", _MAP, minimum=Decimal(80), maximum=Decimal(300))


def _ampere(quantity: Quantity, address: int) -> Register:
    return Register(quantity, 4, address, Kind.F32, "A", _MAP, minimum=-_MAX_A, maximum=_MAX_A)


def _kwh(quantity: Quantity, address: int) -> Register:
    step = Decimal("0.001")
    return Register(quantity, 4, address, Kind.F32, "kWh", _MAP, resolution=step, minimum=Decimal(0), maximum=_MAX_KWH)


_REGISTERS = (
    _volt(Quantity.VOLTAGE_L1, 0x0000),
    _volt(Quantity.VOLTAGE_L2, 0x0002),
    _volt(Quantity.VOLTAGE_L3, 0x0004),
    _ampere(Quantity.CURRENT_L1, 0x0006),
    _ampere(Quantity.CURRENT_L2, 0x0008),
    _ampere(Quantity.CURRENT_L3, 0x000A),
    Register(Quantity.POWER, 4, 0x0034, Kind.F32, "W", _MAP, minimum=-_MAX_W, maximum=_MAX_W),
    _kwh(Quantity.ENERGY_IMPORT, 0x0048),
    # Read with the import, even where nobody asks for it: so the answer that is billed has a length of its own, and no
    # late answer to another request can pass for it.
    _kwh(Quantity.ENERGY_EXPORT, 0x004A),
    Register(Quantity.SERIAL, 3, 0xFC00, Kind.U32, "", _ID),
    Register(Quantity.MODEL_CODE, 3, 0xFC02, Kind.U16, "", _ID),
)

_MODEL_CODES = {0x0070: "SDM630", 0x0079: "SDM630MCT-V2", 0x0089: "SDM72DM-V2"}

SDM72DM_V2 = MeterTable("SDM72DM-V2", _REGISTERS, max_words=80, small_words=10, model_codes=_MODEL_CODES)
SDM630_V2 = MeterTable("SDM630-V2", _REGISTERS, max_words=80, small_words=10, model_codes=_MODEL_CODES)
