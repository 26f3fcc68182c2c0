"""The command line of data protection: give a person what is known of them."""

import argparse
import getpass
from pathlib import Path

from backend.settings import Settings
from backend.tariff_commands import Command
from backend.tariff_reports import with_store


def _export_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("operator", help="id of the operator")
    parser.add_argument("customer", help="id of the customer")
    parser.add_argument("file", type=Path, help="ZIP to write; it must not be there yet")


def _export(options: argparse.Namespace, settings: Settings) -> int:
    from zipfile import ZipFile

    from backend.people.archive import write_archive
    from backend.store.audit_log import Done, record
    from backend.store.writer import Store

    done = Done(
        settings.clock.build().utc(),
        options.operator,
        "",
        getpass.getuser(),
        "person_exported",
        options.customer,
        "command line",
    )

    async def work(store: Store) -> int:
        await store.write(lambda unit: record(unit, done))
        with options.file.open("xb") as file, ZipFile(file, "w") as out:
            return await store.read(lambda unit: write_archive(unit, options.operator, options.customer, out))

    print(f"{options.file}: {with_store(settings, work)} files")
    return 0


COMMANDS = (Command("export", "write all that is known of a customer as a ZIP", _export_arguments, _export),)
"""The commands below `emops-backend person`."""
