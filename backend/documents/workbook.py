"""Tables as XLSX and CSV. The only module that knows xlsxwriter."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import xlsxwriter  # type: ignore[import-untyped]  # it has no types

Cell = str | int | Decimal | date | None
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A text that begins so would be computed by a spreadsheet that opens the CSV."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its title, and how many decimals its numbers have; width in characters."""

    title: str
    decimals: int = 0
    width: int = 14


@dataclass(frozen=True, slots=True)
class Page:
    """A sheet of a workbook. Rows are taken once and not kept."""

    name: str
    columns: Sequence[Column]
    rows: Iterable[Sequence[Cell]]


def write_workbook(pages: Sequence[Page]) -> bytes:
    """Write XLSX: texts are texts, never formulas; a row at a time is in memory. Names of pages have 31 characters."""
    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"constant_memory": True, "strings_to_formulas": False}) as book:
        head = book.add_format({"bold": True, "bottom": 1, "text_wrap": True})
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        for page in pages:
            sheet = book.add_worksheet(page.name[:31])
            sheet.freeze_panes(1, 0)
            formats = []
            for i, column in enumerate(page.columns):
                shape = "#,##0" + ("." + "0" * column.decimals if column.decimals else "")
                formats.append(book.add_format({"num_format": shape}))
                sheet.set_column(i, i, column.width)
                sheet.write_string(0, i, column.title, head)
            for number, row in enumerate(page.rows, 1):
                for i, cell in enumerate(row):
                    match cell:
                        case None:
                            pass
                        case str():
                            sheet.write_string(number, i, cell)
                        case date():
                            sheet.write_datetime(number, i, cell, day)
                        case _:
                            sheet.write_number(number, i, cell, formats[i])
    return file.getvalue()


def write_csv(columns: Sequence[Column], rows: Iterable[Sequence[Cell]], language: str) -> bytes:
    """Write CSV as a spreadsheet of that language reads it: UTF-8 with BOM, in German semicolons and decimal commas."""
    text = io.StringIO()
    german = language == "de"
    writer = csv.writer(text, delimiter=";" if german else ",", lineterminator="\r\n")
    writer.writerow([column.title for column in columns])
    for row in rows:
        writer.writerow([_text(cell, german=german) for cell in row])
    return text.getvalue().encode("utf-8-sig")


def _text(cell: Cell, *, german: bool) -> str:
    match cell:
        case None:
            return ""
        case str():
            return f"'{cell}" if cell.startswith(_FORMULA) else cell
        case Decimal():
            return f"{cell:f}".replace(".", ",") if german else f"{cell:f}"
        case date():
            return cell.isoformat()
        case _:
            return str(cell)
