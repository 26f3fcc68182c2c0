"""The field tools on the command line: each with a dialog in this terminal."""

import argparse
import asyncio
import json
import logging
import os
import sys
import termios
import tty
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hardware.errors import HardwareError
from station.errors import FieldError, StationError
from station.field.dialog import Dialog
from station.field.terminal_dialog import TerminalDialog
from station.german import said
from station.service import socket_path
from station.service_client import Service, ServiceClient
from station.settings import StationSettings

Tool = Callable[[Dialog, Service], Coroutine[Any, Any, int | None]]
"""Gives the exit status, None for 0. Any: as asyncio.run has it."""


def common_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what every tool takes."""
    parser.add_argument("--lang", choices=("de", "en"), default="", help="language (that of the environment)")


def run_tool(options: argparse.Namespace, settings: StationSettings, tool: Tool) -> int | None:
    """Run a tool with a dialog in this terminal, and give the exit status. Ctrl-C ends it in order."""
    # A tool says itself what it finds; the log's lines would tear its progress line apart.
    logging.disable(logging.CRITICAL)
    service = ServiceClient(socket_path(settings.journal.path, settings.service.socket))
    dialog = TerminalDialog(options.lang)
    try:
        return asyncio.run(tool(dialog, service))
    except (StationError, HardwareError) as error:
        return _failed(str(error), dialog)
    except EOFError:
        return _failed("the input ended before all was asked", dialog)
    except KeyboardInterrupt:
        print(file=sys.stderr)
        return 130


def _failed(why: str, dialog: Dialog) -> int:
    print(f"emops-station: {said(why, dialog.language)}", file=sys.stderr)
    return 1


def scan_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `meter scan` takes."""
    common_arguments(parser)
    parser.add_argument("--port", default="", help="device file or gateway (every [[bus]] of the configuration)")


def scan(options: argparse.Namespace, settings: StationSettings) -> int | None:
    """Run `meter scan`."""
    from station.field import meter_scan

    return run_tool(options, settings, lambda d, s: meter_scan.run(d, s, settings, port=options.port))


def evse_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the EVSE whose meter is meant."""
    common_arguments(parser)
    parser.add_argument("--evse", type=int, default=1, help="whose meter (%(default)s)")


def read_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `meter read` takes."""
    common_arguments(parser)
    parser.add_argument("--watch", action="store_true", help="again each second, until a key is pressed")
    parser.add_argument("--json", action="store_true", help="for scripts")


def read(options: argparse.Namespace, settings: StationSettings) -> int | None:
    """Run `meter read`."""
    from station.field import meter_tools

    async def tool(dialog: Dialog, service: Service) -> int | None:
        if not options.json:
            await meter_tools.read(dialog, service, settings, watch=options.watch)
            return None
        meters = await meter_tools.facts_of(service, settings, identify=True)
        print(json.dumps(meters, indent=1))
        return int(any(meter["energy_wh"] is None for meter in meters))

    return run_tool(options, settings, tool)


def registers(options: argparse.Namespace, settings: StationSettings) -> int | None:
    """Run `meter registers`."""
    from station.field import meter_tools

    return run_tool(options, settings, lambda d, s: meter_tools.registers(d, s, settings, evse=options.evse))


def verify(options: argparse.Namespace, settings: StationSettings) -> int | None:
    """Run `meter verify`."""
    from station.field import meter_tools

    async def tool(dialog: Dialog, service: Service) -> int:
        return int(not (await meter_tools.verify(dialog, service, settings, evse=options.evse)).passed)

    return run_tool(options, settings, tool)


def pack_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `pack` takes."""
    common_arguments(parser)
    parser.add_argument("--way", choices=("usb", "file", "ymodem", "qr"), default="", help="how it leaves (asked)")
    parser.add_argument("--out", type=Path, help="file or folder for --way file")


def pack(options: argparse.Namespace, settings: StationSettings) -> int | None:
    """Run `pack`."""
    from station.field import pack as the_tool

    way = options.way or ("file" if options.out else "")

    async def tool(dialog: Dialog, service: Service) -> None:
        with _raw_terminal(way == "ymodem") as stream:
            await the_tool.run(
                dialog, service, settings, config=options.config, way=way, target=options.out, stream=stream
            )

    return run_tool(options, settings, tool)


def export_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `ledger export` takes."""
    common_arguments(parser)
    parser.add_argument("file", type=Path, nargs="?", help="file or folder")
    parser.add_argument("--way", choices=("usb", "file", "ymodem"), default="", help="how it leaves (asked)")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--all", action="store_true", help="also what was delivered")
    which.add_argument("--undelivered", action="store_true", help="what waits or was refused (this is the default)")


def export(options: argparse.Namespace, settings: StationSettings) -> int | None:
    """Run `ledger export`."""
    from station.field import ledger_tool

    async def tool(dialog: Dialog, _service: Service) -> None:
        with _raw_terminal(options.way == "ymodem") as stream:
            await ledger_tool.run(
                dialog, settings, way=options.way, target=options.file, everything=options.all, stream=stream
            )

    return run_tool(options, settings, tool)


def update_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `update` takes."""
    common_arguments(parser)
    parser.add_argument("file", help='the release, its signature beside it (FILE.sig); or "rollback"')


def update(options: argparse.Namespace, settings: StationSettings) -> int | None:
    """Run `update`."""
    from station.field import update as the_tool

    if options.file == "rollback":
        return run_tool(options, settings, lambda d, s: the_tool.roll_back(d, s, settings))
    file = Path(options.file)
    return run_tool(options, settings, lambda d, s: the_tool.run(d, s, settings, config=options.config, file=file))


def self_test_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `selftest` takes."""
    common_arguments(parser)
    parser.add_argument("--json", action="store_true", help="for scripts; asks nothing")
    parser.add_argument("--yes", action="store_true", help="don't ask before the RCD may trip")


def self_test(options: argparse.Namespace, settings: StationSettings) -> int | None:
    """Run `selftest`."""
    from station.field import selftest

    async def tool(dialog: Dialog, service: Service) -> int:
        if not options.json:
            if not options.yes and not await dialog.confirm(selftest.MAY_TRIP.of(dialog.language)):
                return 1
            return int(not await selftest.run(dialog, service, settings))
        findings = [finding async for finding in selftest.findings(service, settings)]
        print(json.dumps([finding.facts() for finding in findings], indent=1))
        return int(any(finding.passed is False for finding in findings))

    return run_tool(options, settings, tool)


def commission_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `commission` takes."""
    common_arguments(parser)
    parser.add_argument("action", nargs="?", choices=("verify",), help="check a report instead of making one")
    parser.add_argument("file", nargs="?", type=Path, help="the report to check")
    parser.add_argument("--key", default="", help="public key that it must be signed with")
    parser.add_argument("--out", type=Path, default=Path.cwd(), help="folder for the report (%(default)s)")


def commission(options: argparse.Namespace, settings: StationSettings) -> int | None:
    """Run `commission`."""
    from station.field import commission as the_tool
    from station.field.commissioning import open_points

    if options.action:
        if options.file is None:
            raise FieldError("which report? commission verify FILE")
        return run_tool(options, settings, lambda d, _: the_tool.check(d, options.file, options.key))

    async def tool(dialog: Dialog, service: Service) -> int:
        report = await the_tool.run(dialog, service, settings, folder=options.out)
        return int(report is None or bool(open_points(the_tool.read_report(report)[0])))

    return run_tool(options, settings, tool)


class _RawTerminal:
    """Standard input and output as a line for files."""

    async def read(self) -> bytes:
        from hardware.serial_port import until_readable

        await until_readable(sys.stdin.fileno())
        data = os.read(sys.stdin.fileno(), 4096)
        if not data:
            raise EOFError
        return data

    async def write(self, data: bytes) -> None:
        sys.stdout.flush()
        while data:
            data = data[os.write(sys.stdout.fileno(), data) :]


@contextmanager
def _raw_terminal(wanted: bool) -> Iterator[_RawTerminal | None]:
    if not wanted or not sys.stdin.isatty():
        yield None
        return
    fd = sys.stdin.fileno()
    before = termios.tcgetattr(fd)
    try:
        tty.setraw(fd)
        yield _RawTerminal()
    finally:
        termios.tcsetattr(fd, termios.TCSADRAIN, before)
