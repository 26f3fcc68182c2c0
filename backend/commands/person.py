"""The command line of data protection: give a person what is known of them, or erase it."""

import argparse
import getpass
from pathlib import Path
from typing import TYPE_CHECKING

from backend.commands.tariff import Command
from backend.commands.tariff_reports import with_store
from backend.core.people.retention_texts import LANGUAGES, part_text
from backend.settings import Settings

if TYPE_CHECKING:
    from backend.core.people.retention import Part, Plan
    from backend.store.writer import Store


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


def _erase_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("operator", help="id of the operator")
    parser.add_argument("customer", help="id of the customer")
    parser.add_argument("--user", default="", metavar="ID", help="only this one of those who charge for the customer")
    parser.add_argument("--yes", action="store_true", help="do it; without it the command only tells what would go")
    parser.add_argument("--language", choices=LANGUAGES, default="en", help="of the answer; en")


def _erase(options: argparse.Namespace, settings: Settings) -> int:
    from backend.people.erasure import By, erase, plan
    from backend.store.personal import Whom

    whom = Whom(options.operator, options.customer, options.user)
    periods, now = settings.retention.periods, settings.clock.build().utc()
    by = By("", getpass.getuser(), "command line")

    async def work(store: "Store") -> "Plan":
        if options.yes:
            return await store.write(lambda unit: erase(unit, whom, periods, by, now))
        return await store.read(lambda unit: plan(unit, whom, periods, now))

    told = with_store(settings, work)
    _print(_HINDERS[options.language], told.blockers, options.language)
    _print(_GOES[options.language], told.goes, options.language)
    _print(_REMAINS[options.language], told.remains, options.language)
    return 1 if told.blockers else 0


def _print(title: str, parts: "tuple[Part, ...]", language: str) -> None:
    print(title if parts else f"{title} -")
    for part in parts:
        print(f"  {part_text(part, language)}")


_HINDERS = {"de": "Hindert noch:", "en": "Hinders it yet:"}
_GOES = {"de": "Wird gelöscht:", "en": "Goes:"}
_REMAINS = {"de": "Bleibt gesperrt, weil das Gesetz es verlangt:", "en": "Remains restricted, because the law asks so:"}

COMMANDS = (
    Command("export", "write all that is known of a customer as a ZIP", _export_arguments, _export),
    Command("erase", "tell what an erasure does; with --yes do it", _erase_arguments, _erase),
)
"""The commands below `emops-backend person`."""
