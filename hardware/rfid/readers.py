"""A card reader on a serial port."""

import asyncio
from collections.abc import AsyncIterator

from hardware.errors import PortError
from hardware.rfid.rdm6300 import Presentations
from hardware.serial_port import SerialPort
from shared.ids import IdToken
from shared.log import Log

RETRY_S = 2.0
"""Pause before a missing port is tried again."""


class SerialReader:
    """Fulfils `hardware.api.TagReader` for readers that send RDM6300 frames."""

    def __init__(self, port: str, baud: int, *, retry_s: float = RETRY_S, setting: str = "port") -> None:
        """Describe the reader; nothing is opened yet.

        Args:
            port: device file.
            baud: bits per second.
            retry_s: pause before a missing port is tried again, s.
            setting: name of the setting that holds the port, for the texts of errors.
        """
        self._port, self._baud, self._retry_s, self._setting = port, baud, retry_s, setting
        self._presentations = Presentations()
        self._lost = False
        self._log = Log(__name__)

    async def tags(self) -> AsyncIterator[IdToken]:
        """See TagReader. Cancelling is safe."""
        while True:
            try:
                async with SerialPort.open(self._port, self._baud, setting=self._setting) as port:
                    self._opened()
                    while True:
                        data = await port.read()
                        for uid in self._presentations.receive(data, asyncio.get_running_loop().time()):
                            yield IdToken.parse(uid)
            except PortError as error:
                self._gone(error)
            await asyncio.sleep(self._retry_s)

    def _opened(self) -> None:
        if self._lost:
            self._lost = False
            self._log.info("card_reader_is_back", port=self._port)

    def _gone(self, error: PortError) -> None:
        if not self._lost:
            self._lost = True
            self._log.warning("card_reader_lost", port=self._port, reason=error)
