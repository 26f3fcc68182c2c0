"""The command line for auditors: verify, export, check."""

import argparse
import sys
from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from backend.commands.tariff import Command
from backend.commands.tariff_reports import with_store
from backend.errors import BackendError
from backend.settings import Settings

if TYPE_CHECKING:
    from backend.services.audit_export import Exported
    from backend.store.writer import Store


def _nothing(parser: argparse.ArgumentParser) -> None:
    del parser


def _verify(options: argparse.Namespace, settings: Settings) -> int:
    """Give 0 if all is well, 1 if anything is wrong."""
    from backend.services.audit import verify

    del options

    async def work(store: "Store") -> bool:
        return await store.read(lambda connection: _tell(verify(connection)))

    return int(not with_store(settings, work))


def _tell(findings: Iterable[tuple[bool, str]]) -> bool:
    well = True
    for good, line in findings:
        print(line, file=sys.stdout if good else sys.stderr)
        well = well and good
    return well


def _export_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--from", dest="first", required=True, metavar="DAY", help="first day, for instance 2026-01-01")
    parser.add_argument("--to", dest="last", required=True, metavar="DAY", help="last day")
    parser.add_argument("--operator", required=True, metavar="ID", help="whose documents")
    parser.add_argument("folder", type=Path, help="an empty folder, or a new one")


def _export(options: argparse.Namespace, settings: Settings) -> int:
    from backend.services.audit_export import Wanted, export

    wanted = Wanted(options.operator, _day("--from", options.first), _day("--to", options.last))
    now = settings.clock.build().utc()

    async def work(store: "Store") -> "Exported":
        return await export(store, wanted, options.folder, now, _progress("written"))

    done = with_store(settings, work)
    print(f"{options.folder}: {done.documents} documents in {done.files} files")
    print(f"index.csv {done.index}; it is in the chain now")
    if done.unrendered:
        print(f"note: the PDFs of {done.unrendered} documents are not made yet, or never were")
    return 0


def _check_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, help="that audit export made; no database is needed")


def _check(options: argparse.Namespace, settings: Settings) -> int:
    """Give 0 if all is well, 1 if anything is wrong."""
    from backend.services.audit_check import check

    del settings
    return int(not _tell(check(options.folder, _progress("checked"))))


def _day(name: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise BackendError(f"{name} {text}: write a day such as 2026-12-31") from error


def _progress(verb: str) -> Callable[[int, int], None]:
    """Tell how far it is, on a terminal only, each hundredth."""
    last = -1

    def tell(done: int, all_: int) -> None:
        nonlocal last
        part = done * 100 // all_ if all_ else 100
        if part != last and sys.stderr.isatty():
            last = part
            print(f"\r{verb} {part} %", end="\n" if done == all_ else "", file=sys.stderr, flush=True)

    return tell


COMMANDS = (
    Command(
        "verify",
        "prove invoices, their numbers, e-invoices and hash chain; keep the head it tells",
        _nothing,
        _verify,
    ),
    Command("export", "write a folder for an auditor: journals, documents, chain, index", _export_arguments, _export),
    Command("check", "check such a folder by itself; status 1 if anything is wrong", _check_arguments, _check),
)
"""Below `emops-backend audit`."""
