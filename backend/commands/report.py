"""The command line of reports: energy, revenue."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from backend.commands.tariff import Command, print_json
from backend.commands.tariff_reports import with_store
from backend.core.report import By
from backend.errors import ReportError
from backend.settings import Settings

if TYPE_CHECKING:
    from backend.services.energy_reports import Report
    from backend.store.writer import Store


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--from", dest="first", required=True, metavar="DAY", help="first local day")
    parser.add_argument("--to", dest="last", required=True, metavar="DAY", help="last local day")
    parser.add_argument("--by", default="month", choices=tuple(By), help="what a row stands for")
    parser.add_argument("--operator", default="", metavar="ID", help="only one operator")
    parser.add_argument("--language", default="de", choices=("de", "en"), help="of titles and CSV")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write CSV")
    parser.add_argument("--xlsx", type=Path, metavar="FILE", help="write a workbook")
    parser.add_argument("--json", action="store_true", help="write JSON")


def _report(subject: str) -> Callable[[argparse.Namespace, Settings], int]:
    def run(options: argparse.Namespace, settings: Settings) -> int:
        from backend.documents.workbook import Page, write_csv, write_workbook
        from backend.services.energy_reports import make_report, parse_wanted, report_json, table

        wanted = parse_wanted(subject, options.by, options.first, options.last, options.operator)

        async def work(store: "Store") -> "Report":
            return await store.read(lambda connection: make_report(connection, wanted))

        report = with_store(settings, work)
        columns, rows = table(report, options.language)
        if options.csv:
            _write(options.csv, write_csv(columns, rows, options.language))
        if options.xlsx:
            _write(options.xlsx, write_workbook([Page(subject, columns, rows)]))
        if options.json:
            print_json([report_json(report)])
        elif not (options.csv or options.xlsx):
            for row in rows:
                named = zip(columns, row, strict=True)
                print(" ".join(f"{column.title}={cell}" for column, cell in named if cell not in ("", None)))
        return 0

    return run


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise ReportError(f"can't write {path}: {error.strerror}") from error
    print(path)


COMMANDS = (
    Command("energy", "sum up sessions: kWh, hours, what they cost", _arguments, _report("energy")),
    Command("revenue", "sum up what was invoiced, by the day of issue", _arguments, _report("revenue")),
)
"""Below `emops-backend report`."""
