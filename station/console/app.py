"""The console put together: its line, its log, and one visit after the other."""

import asyncio
import functools
import getpass
import logging
import logging.handlers
import os
import secrets
import signal
import sys
from pathlib import Path

from hardware.errors import PortError
from hardware.serial_port import SerialPort
from shared.clock import SystemClock, boot_id
from shared.config import ConfigError
from shared.log import Log, start_logging
from station.console.lines import SerialLine, TerminalLine
from station.console.session import Place, serve
from station.core.pins import hash_pin

REOPEN_S = 2.0
"""An adapter that was unplugged is looked for so often."""
SYSLOG = Path("/dev/log")

_LOG = Log("station.console")


async def run(config: Path, *, port: str, baud: int, plain: bool) -> None:
    """Run the console: for ever on a serial port, for one visit in the terminal that it was started in.

    Args:
        config: the configuration file; it is read anew for each visit.
        port: serial port; empty = this terminal.
        baud: speed of the port.
        plain: ASCII without ANSI sequences, whatever the terminal says.

    Raises:
        StationError: there is no terminal.
    """
    me = asyncio.current_task()
    assert me is not None  # noqa: S101  we run
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, me.cancel)
    start_logging("INFO", _log_handler(is_terminal_ours=not port))
    place = functools.partial(Place, config, SystemClock(), boot_id())
    try:
        if port:
            await _serve_port(port, baud, place(plain=plain))
        else:
            async with TerminalLine.open() as line:
                is_dumb = os.environ.get("TERM", "dumb") == "dumb"
                await serve(line, place(owner=getpass.getuser(), plain=plain or is_dumb))
    except asyncio.CancelledError:
        _LOG.info("console_stopped")


async def _serve_port(port: str, baud: int, place: Place) -> None:
    is_lost = False
    while True:
        try:
            async with SerialPort.open(port, baud, setting="--port") as opened:
                _LOG.info("console_ready", port=port, baud=baud)
                is_lost = False
                line = SerialLine(opened)
                try:
                    while await _one_visit(line, place):
                        pass
                finally:
                    line.discard()
        except PortError as error:
            if not is_lost:
                _LOG.warning("console_port_lost", reason=error)
            is_lost = True
        await asyncio.sleep(REOPEN_S)


async def _one_visit(line: SerialLine, place: Place) -> bool:
    try:
        return await serve(line, place)
    except ConfigError as error:
        _LOG.error("console_without_config", reason=error)
        await line.write(f"\r\n{error}\r\n".encode("ascii", "replace"))
        await asyncio.sleep(REOPEN_S)
        return True


def _log_handler(*, is_terminal_ours: bool) -> logging.Handler:
    """Choose where the log goes: never into the terminal in which somebody works."""
    if not (is_terminal_ours and sys.stderr.isatty()):
        return logging.StreamHandler()
    return logging.handlers.SysLogHandler(str(SYSLOG)) if SYSLOG.exists() else logging.NullHandler()


def make_pin() -> int:
    """Ask for a new PIN twice and print what belongs into the settings."""
    pin = getpass.getpass("PIN: ")
    if pin != getpass.getpass("PIN again: "):
        print("emops-station: the two PINs differ", file=sys.stderr)
        return 1
    try:
        text = hash_pin(pin, secrets.token_bytes(16))
    except ValueError as error:
        print(f"emops-station: {error}", file=sys.stderr)
        return 1
    print(f'[[console.pins]]\nname = ""\nrole = "technician"\nhash = "{text}"')
    return 0
