"""The limit of the site from a register of an energy manager or meter (Modbus)."""

import struct
from collections.abc import Sequence
from typing import NoReturn

from hardware.bus import Priority
from hardware.errors import HardwareError
from hardware.modbus import ModbusLine
from shared.clock import Clock
from shared.log import Log
from station.core.site_limit import SiteRules, Told, limit_of
from station.limit_settings import WORDS, LimitSettings
from station.limits import Limits

_FORMATS = {"u16": ">H", "s16": ">h", "u32": ">I", "s32": ">i", "f32": ">f"}

_LOG = Log("station.limits")


def decode_register(words: Sequence[int], kind: str, scale: float) -> float:
    """Give the number that words mean, the high one first; a float that is none stays one that is none."""
    value: float = struct.unpack(_FORMATS[kind], b"".join(word.to_bytes(2, "big") for word in words))[0]
    return value * scale


class LimitRegister:
    """Reads the register for ever and tells `limits`."""

    def __init__(
        self, settings: LimitSettings, line: ModbusLine, clock: Clock, limits: Limits, rules: SiteRules
    ) -> None:
        self._settings, self._line, self._clock = settings, line, clock
        self._limits, self._rules = limits, rules
        self._is_lost = False

    async def run(self) -> NoReturn:
        """Read until cancelled. A device that does not answer is silence, which the limits notice by themselves."""
        while True:
            try:
                words = await self._read()
            except HardwareError as error:
                if not self._is_lost:
                    _LOG.warning("limit_register_lost", reason=error)
                self._is_lost = True
            else:
                if self._is_lost:
                    _LOG.info("limit_register_back")
                self._is_lost = False
                self._take(words)
            await self._clock.sleep(self._settings.poll_s)

    async def _read(self) -> Sequence[int]:
        settings, line = self._settings, self._line
        read = line.read_holding if settings.table == "holding" else line.read_input
        return await read(settings.address, settings.register, WORDS[settings.kind], priority=Priority.TELEMETRY)

    def _take(self, words: Sequence[int]) -> None:
        try:
            number = decode_register(words, self._settings.kind, self._settings.scale)
            self._limits.take(Told(limit_of(number, self._rules.unit, self._rules)))
        except ValueError as error:
            self._limits.refuse(error)
