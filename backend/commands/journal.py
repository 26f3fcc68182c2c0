"""The command line of journals."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from backend.commands.tariff_reports import with_store
from backend.errors import ReportError
from backend.services.entry_checks import day_of
from backend.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from backend.documents.workbook import Page
    from backend.store.writer import Store


def add_journal_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `emops-backend journal`."""
    parser.add_argument("--from", dest="first", required=True, metavar="DAY", help="first day, for instance 2026-10-01")
    parser.add_argument("--to", dest="last", required=True, metavar="DAY", help="last day; open items are those then")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder that the files are written to")
    parser.add_argument("--format", default="xlsx", choices=("csv", "xlsx"), help="one workbook, or a CSV for each")
    parser.add_argument("--language", default="de", choices=("de", "en"), help="of titles, and of numbers in CSV")
    parser.add_argument("--operator", default="", metavar="ID", help="needed where there are several")


def run_journal_command(options: argparse.Namespace, settings: Settings) -> int:
    """Write journals of documents, bookings and open items, and give the exit status.

    Raises:
        BackendError: it could not be done; the text says why.
    """
    from backend.services.journals import KINDS, journal, write_journal
    from backend.services.payments import the_operator

    span = day_of(options.first, "--from"), day_of(options.last, "--to")

    async def work(store: "Store") -> "list[Page]":
        def read(unit: "Connection") -> "list[Page]":
            operator_id, _, _ = the_operator(unit, options.operator)
            return [journal(unit, operator_id, kind, span, language=options.language) for kind in KINDS]

        return await store.read(read)

    pages = with_store(settings, work)
    stem = f"{options.first}_{options.last}"
    files = {f"journal_{stem}.xlsx": pages}
    if options.format == "csv":
        files = {f"{kind}_{stem}.csv": [page] for kind, page in zip(KINDS, pages, strict=True)}
    try:
        options.out.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (options.out / name).write_bytes(write_journal(content, options.format, options.language))
            print(options.out / name)
    except OSError as error:
        raise ReportError(f"--out {options.out}: {error.strerror}") from error
    return 0
