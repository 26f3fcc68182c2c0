"""Finding a modem on its port, in whatever state it was left."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from hardware.errors import LinkError, PortError
from hardware.modem.at_link import AtLink
from hardware.modem.profiles import AT
from shared.log import Log

_log = Log(__name__)

BAUD_RATES = (115200, 9600, 57600, 38400, 19200, 230400, 460800, 921600, 4800)
_ATTEMPTS = 3
"""Autobaud parts lock on the first AT and answer the next."""
_FILLER = b"\r" * 1500
"""More than any send command takes: it fills up payload that a killed program still owes. An idle modem ignores it."""
_BITS_PER_BYTE = 10


@dataclass(frozen=True, slots=True)
class Probing:
    """Times of the search, link time, s.

    Args:
        answer_s: wait for the answer to one AT.
        guard_s: silence before and after `+++` (V.250 leaves it to the modem; 1 s is usual).
    """

    answer_s: float = 0.4
    guard_s: float = 1.1


@asynccontextmanager
async def find(path: str, baud: int, probing: Probing) -> AsyncIterator[AtLink]:
    """Open the port at the configured rate, else at the one that the modem answers at, and get it into command mode.

    Raises:
        PortError: see SerialPort.open.
        LinkError: the modem does not answer at any rate.
    """
    for rate in (baud, *(other for other in BAUD_RATES if other != baud)):
        async with AtLink.open(path, rate) as link:
            if await _answers(link, probing) or (rate == baud and await _answers_when_freed(link, rate, probing)):
                if rate != baud:
                    _log.warning("modem_baud_differs", port=path, configured=baud, found=rate, correct="modem.baud")
                yield link
                return
    raise LinkError(
        f"modem at {path}: no answer, neither at {baud} baud nor at any other rate; "
        f"check its supply and cable, then the settings modem.port and modem.baud"
    )


async def _answers(link: AtLink, probing: Probing) -> bool:
    request = replace(AT.request(), timeout_s=probing.answer_s)
    for _ in range(_ATTEMPTS):
        try:
            if (await link.ask(request)).ok:
                return True
        except PortError:
            raise
        except LinkError:
            continue
    return False


async def _answers_when_freed(link: AtLink, baud: int, probing: Probing) -> bool:
    """Try to free a modem that a program left in the middle of something: sending payload, or data mode."""
    link.send_raw(_FILLER)
    await asyncio.sleep(len(_FILLER) * _BITS_PER_BYTE / baud)
    if await _answers(link, probing):
        return True
    await asyncio.sleep(probing.guard_s)
    link.send_raw(b"+++")
    await asyncio.sleep(probing.guard_s)
    return await _answers(link, probing)
