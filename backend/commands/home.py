"""The command line of home charging: the proof of a month for payroll."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from backend.commands.tariff import Command, print_json
from backend.commands.tariff_reports import with_store
from backend.errors import ReportError
from backend.settings import Settings

if TYPE_CHECKING:
    from backend.documents.home_view import HomePaper
    from backend.store.writer import Store


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("user", help="id of the employee")
    parser.add_argument("month", help="for instance 2026-10: sessions that began in it")
    parser.add_argument("--language", default="", choices=("de", "en"), help="left out, that of the employer")
    parser.add_argument("--pdf", type=Path, metavar="FILE", help="write the paper")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write a row for each session")
    parser.add_argument("--json", action="store_true", help="write JSON")


def _home(options: argparse.Namespace, settings: Settings) -> int:
    from backend.core.invoices.host import Month
    from backend.documents.home_view import home_table, home_view
    from backend.documents.render import open_renderer
    from backend.documents.workbook import write_csv
    from backend.services.home_proofs import load_paper, proof_json

    try:
        month = Month.parse(options.month)
    except ValueError as error:
        raise ReportError(f"{options.month!r} is no month such as 2026-10") from error
    now = settings.clock.build().utc()

    async def work(store: "Store") -> "tuple[HomePaper, bytes]":
        paper = await store.read(lambda unit: load_paper(unit, options.user, month, now, options.language))
        if not options.pdf:
            return paper, b""
        async with open_renderer(settings.billing.looks_folder) as renderer:
            view, name = home_view(paper), f"home charging of {options.user}"
            return paper, await renderer.render_view("home", view, name, operator=paper.seller.id)

    paper, pdf = with_store(settings, work)
    if options.pdf:
        _write(options.pdf, pdf)
    if options.csv:
        _write(options.csv, write_csv(*home_table(paper), paper.language))
    told = proof_json(paper.proof)
    if options.json:
        print_json([told])
    else:
        print(" ".join(f"{key}={value}" for key, value in told.items() if not isinstance(value, list)))
        for one in paper.proof.left:
            print(f"not contained: transaction {one.transaction_id}: {one.left}")
    return 0


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise ReportError(f"can't write {path}: {error.strerror}") from error


COMMANDS = (Command("home", "prove what a company car was charged at home in a month", _arguments, _home),)
"""Below `emops-backend report`."""
