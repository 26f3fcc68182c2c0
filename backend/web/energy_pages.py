"""Pages of reports of energy and revenue, with their files."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from sqlalchemy import Connection
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from backend.api.permissions import own_operator
from backend.core.report import By, Row, Tally
from backend.documents.workbook import Page, write_csv, write_workbook
from backend.errors import ReportError
from backend.services.energy_reports import Report, Wanted, make_report, measure, measures, parse_wanted, table
from backend.store.past_sessions import list_operators
from backend.web.chart import Chart, chart
from backend.web.site import Reader, Site

_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_MONEY = ("energy_net", "time_net", "fees_net", "net", "vat", "gross")
_DIGITS = {"kwh": 3, "held_kwh": 3, "plugged_h": 1, "charging_h": 1}


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the form holds, wrong or not."""

    subject: str
    by: str
    first: str
    last: str
    operator: str


class EnergyPages:
    """The pages."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def show(self, request: Request) -> Response:
        """Show a report with its form and a chart of its days."""
        reader = await self._site.reader(request)
        asked = _asked(request, reader)
        report, problem = None, ""
        try:
            report = await self._report(asked)
        except ReportError as error:
            problem = str(error)
        operators = await self._site.store.read(list_operators)
        values = {
            "wanted": asked,
            "report": report,
            "problem": problem,
            "choices": [one.value for one in By],
            "operators": [name for name, _ in operators if reader.view.operator_id in ("", name)],
            "names": measures(report.wanted) if report else (),
            "query": urlencode({"by": asked.by, "first": asked.first, "last": asked.last, "operator": asked.operator}),
            "drawings": list(_drawings(report, ZoneInfo(reader.operator.timezone))) if report else [],
            "cell": _cells(reader),
            "label": _labels(reader, asked),
        }
        return self._site.page(request, reader, "energy_report", values, 422 if problem else 200)

    async def csv(self, request: Request) -> Response:
        """Give the report as CSV."""
        reader = await self._site.reader(request)
        report = await self._file(_asked(request, reader))
        columns, rows = table(report, reader.texts.language)
        content = write_csv(columns, rows, reader.texts.language)
        return _download(content, "text/csv; charset=utf-8", report.wanted, "csv")

    async def xlsx(self, request: Request) -> Response:
        """Give the report as a workbook."""
        reader = await self._site.reader(request)
        report = await self._file(_asked(request, reader))
        columns, rows = table(report, reader.texts.language)
        return _download(write_workbook([Page(report.wanted.subject, columns, rows)]), _XLSX, report.wanted, "xlsx")

    async def _file(self, asked: _Asked) -> Report:
        try:
            return await self._report(asked)
        except ReportError as error:
            raise HTTPException(422, str(error)) from error

    async def _report(self, asked: _Asked) -> Report:
        wanted = parse_wanted(asked.subject, asked.by, asked.first, asked.last, asked.operator)

        def work(connection: Connection) -> Report:
            return make_report(connection, wanted)

        return await self._site.store.read(work)


def _asked(request: Request, reader: Reader) -> _Asked:
    query = request.query_params
    today = reader.now.astimezone(ZoneInfo(reader.operator.timezone)).date()
    subject = request.url.path.rpartition("/")[2].partition(".")[0]
    return _Asked(
        subject,
        query.get("by", By.CHARGE_POINT.value),
        query.get("first", today.replace(day=1).isoformat()),
        query.get("last", today.isoformat()),
        own_operator(reader.visitor, query.get("operator", "")),
    )


def _drawings(report: Report, zone: ZoneInfo) -> Iterator[tuple[str, Chart]]:
    """Draw each day of the span, those without anything as zero."""
    known, wanted = dict(report.days), report.wanted
    days = [wanted.first + timedelta(days=i) for i in range((wanted.last - wanted.first).days + 1)]
    offset = zone.utcoffset(datetime.combine(wanted.first, time(12))) or timedelta()
    for name in ("kwh", "net"):
        values = [Decimal(measure(known.get(day, Tally()), name)) for day in days]
        points = [(_noon(day, zone), value) for day, value in zip(days, values, strict=True)]
        if drawing := chart(points, offset):
            yield name, drawing


def _noon(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(12), zone).astimezone(UTC)


def _cells(reader: Reader) -> Callable[[Row, str], str]:
    def cell(row: Row, name: str) -> str:
        value = Decimal(measure(row.tally, name))
        if name in _MONEY:
            return reader.formats.money(value, row.currency)
        return reader.formats.number(value, _DIGITS.get(name, 0))

    return cell


def _labels(reader: Reader, asked: _Asked) -> Callable[[Row], str]:
    def label(row: Row) -> str:
        if asked.by == By.DAY:
            return reader.formats.local_day(date.fromisoformat(row.key))
        return f"{row.name} ({row.key})" if row.name and row.name != row.key else row.key

    return label


def _download(content: bytes, media_type: str, wanted: Wanted, ending: str) -> Response:
    name = f"{wanted.subject}-{wanted.by}-{wanted.first}-{wanted.last}.{ending}"
    return Response(content, 200, {"Content-Disposition": f'attachment; filename="{name}"'}, media_type)
