"""The command line of DATEV exports."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from backend.commands.tariff import Command
from backend.commands.tariff_reports import with_store
from backend.errors import ReportError
from backend.settings import Settings

if TYPE_CHECKING:
    from backend.store.datev import Export
    from backend.store.writer import Store


def add_datev_commands(parser: argparse.ArgumentParser, parent: argparse.ArgumentParser) -> None:
    """Add the commands below `datev`; the one chosen is in `options.run_command`."""
    below = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        added = below.add_parser(command.name, parents=[parent], help=command.help)
        command.arguments(added)
        added.set_defaults(run_command=command)


def _export_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--month", required=True, help="for instance 2026-10; it must be over")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder that the files are written to")
    parser.add_argument("--operator", default="", metavar="ID", help="needed where there are several")
    parser.add_argument("--renew", action="store_true", help="another generation, if the month has changed since")


def _export(options: argparse.Namespace, settings: Settings) -> int:
    from backend.services.ledger import export_month
    from backend.services.payments import the_operator

    now = settings.clock.build().utc()

    async def work(store: "Store") -> "Export":
        operator_id, _, _ = await store.read(lambda unit: the_operator(unit, options.operator))
        return await export_month(store, operator_id, options.month, now, renew=options.renew)

    done = with_store(settings, work)
    try:
        options.out.mkdir(parents=True, exist_ok=True)
        for name, content in zip(done.names, (done.bookings, done.debtors), strict=True):
            (options.out / name).write_bytes(content)
            print(options.out / name)
    except OSError as error:
        raise ReportError(f"--out {options.out}: {error.strerror}") from error
    said = "the same as before" if done.again else f"generation {done.generation}"
    print(f"{done.count} bookings, {said}; {done.replaced} characters were replaced")
    return 0


COMMANDS = (Command("export", "write the bookings and the personal accounts of a month", _export_arguments, _export),)
