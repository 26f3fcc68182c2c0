"""Pages to read: overview, transactions, invoices."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from backend.api.permissions import visitor_of
from backend.core.invoices.document_kind import kind_of
from backend.core.invoices.invoice import Invoice
from backend.core.people.access import Permission
from backend.core.rates.pricing import Inputs
from backend.core.rates.rating import Rating
from backend.core.reason_texts import reason_text
from backend.core.record import RecordError, from_json
from backend.core.tariffs.assignment import rule_text
from backend.core.tariffs.turns import turn_text
from backend.jobs.live_price import LivePrices
from backend.store import overview as queries
from backend.store.invoice_files import invoice_file
from backend.store.overview import LARGEST_ID, EventRow, TransactionDetail
from backend.store.reversals import read_standing
from backend.store.signed import last_verdict
from backend.store.tariffs import find_rule
from backend.web.chart import chart
from backend.web.formats import day_start
from backend.web.site import Reader, Site
from shared.log import Log
from shared.ocpp.session import loads
from shared.ocpp.v16 import PayloadError, parse_timestamp
from shared.public_key import groups
from shared.units import Wh, kwh

PAGE_LENGTH = 50

LATE_S = 300
"""A message that comes later than this after its event was kept while there was no connection (world time)."""

T = TypeVar("T")
log = Log(__name__)

_STATES = ("running", "ended", "rated", "held", "waived")


@dataclass(frozen=True, slots=True)
class EventView:
    """A message of a transaction; `at` is when its event happened, None where it does not say."""

    row: EventRow
    at: datetime | None

    @property
    def late(self) -> bool:
        """Tell whether it was kept while there was no connection."""
        return self.at is not None and (self.row.received_at - self.at).total_seconds() > LATE_S


class Views:
    """The pages to read."""

    def __init__(self, site: Site, prices: LivePrices) -> None:
        self._site, self._prices = site, prices

    async def overview(self, request: Request) -> Response:
        """Show everything at a glance."""
        reader = await self._site.reader(request)
        today = day_start(reader.now, reader.formats.zone)
        charge_points, totals, held = await self._site.store.read(
            lambda unit: (
                queries.charge_points(unit, reader.view),
                queries.totals(unit, today, reader.view),
                queries.transactions(unit, 20, state="held", view=reader.view),
            )
        )
        links = {row.id: self._site.connections.find(row.id) for row in charge_points}
        prices = await self._prices.all()
        values = {"charge_points": charge_points, "links": links, "totals": totals, "held": held, "prices": prices}
        return self._site.page(request, reader, "overview", values)

    async def transactions(self, request: Request) -> Response:
        """List transactions."""
        state, before = request.query_params.get("state", ""), _before(request)
        if state and state not in _STATES:
            raise HTTPException(404)
        reader = await self._site.reader(request)
        rows = await self._site.store.read(
            lambda connection: queries.transactions(connection, PAGE_LENGTH + 1, before, state, reader.view)
        )
        values = {"rows": rows[:PAGE_LENGTH], "more": len(rows) > PAGE_LENGTH, "state": state, "before": before}
        return self._site.page(request, reader, "transactions", values | {"states": _STATES})

    async def transaction(self, request: Request) -> Response:
        """Show one transaction."""
        number = parse_id(request.path_params["id"])
        reader = await self._site.reader(request)
        detail, rule, verdict = await self._site.store.read(
            lambda unit: (
                queries.find_transaction(unit, number),
                find_rule(unit, number),
                last_verdict(unit, number),
            )
        )
        if detail is None:
            raise HTTPException(404)
        live = (await self._prices.all()).get(number)
        stored = read_record(Rating, detail.ratings[-1].body) if detail.ratings else None
        inputs = (
            read_record(Inputs, detail.ratings[-1].inputs) if detail.ratings and detail.ratings[-1].inputs else None
        )
        language = reader.texts.language
        turns = live.turns if live else inputs.turns if inputs else ()
        values = {
            "detail": detail,
            "row": detail.summary,
            "turns": [(turn.start, turn_text(turn, language)) for turn in turns],
            "connected": self._site.connections.find(detail.summary.charge_point_id) is not None,
            "events": [EventView(row, event_time(row.payload)) for row in detail.events],
            "live": live,
            "rating": live.rating if live else stored,
            "verdict": verdict,
            "key_groups": groups,
            "why_tariff": rule_text(rule, language) if rule else reason_text(detail.tariff_reason, language),
        }
        return self._site.page(request, reader, "transaction", values | _charts(detail, reader))

    async def invoices(self, request: Request) -> Response:
        """List invoices."""
        before = _before(request)
        reader = await self._site.reader(request)
        rows = await self._site.store.read(
            lambda connection: queries.invoices(connection, PAGE_LENGTH + 1, before, reader.view)
        )
        values = {"rows": rows[:PAGE_LENGTH], "more": len(rows) > PAGE_LENGTH, "before": before}
        return self._site.page(request, reader, "invoices", values)

    async def invoice(self, request: Request) -> Response:
        """Show one invoice."""
        reader = await self._site.reader(request)
        detail = await self._site.store.read(
            lambda connection: queries.find_invoice(connection, request.path_params["number"], reader.view)
        )
        if detail is None:
            raise HTTPException(404)
        row, document = detail.summary, read_record(Invoice, detail.body)
        standing = await self._site.store.read(lambda connection: read_standing(connection, row.id, document))
        kind = kind_of(document.series if document else "", row.type_code)
        values = {"detail": detail, "row": row, "document": document, "standing": standing}
        values["may_issue"] = reader.visitor.may(Permission.ISSUE_INVOICES)
        return self._site.page(request, reader, "invoice", values | {"kind": kind.name if kind else "invoice"})

    async def invoice_pdf(self, request: Request) -> Response:
        """Give an invoice's PDF for download."""
        return await self._file(request, "pdf")

    async def invoice_xml(self, request: Request) -> Response:
        """Give an e-invoice for download."""
        return await self._file(request, "xml")

    async def _file(self, request: Request, kind: str) -> Response:
        number, view = request.path_params["number"], visitor_of(request).view
        file = await self._site.store.read(lambda connection: invoice_file(connection, number, kind, view))
        if file is None:
            raise HTTPException(404)
        return Response(file.content, 200, {"Content-Disposition": file.disposition}, file.media_type)


def parse_id(text: str) -> int:
    """Read the number in an address.

    Raises:
        HTTPException: 404, it is no number that a row could have.
    """
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(LARGEST_ID)) and int(text) <= LARGEST_ID):
        raise HTTPException(404)
    return int(text)


def read_record(kind: type[T], body: str) -> T | None:
    """Read a stored document, None if it has the shape of another version: the page then shows what its row says."""
    try:
        return from_json(kind, body)
    except RecordError as error:
        log.warning("stored_document_cannot_be_shown", reason=error)
        return None


def event_time(payload: str) -> datetime | None:
    """Tell when the event of an OCPP 1.6 message happened: its own time, or that of its last meter value."""
    try:
        message = loads(payload)
    except ValueError:
        return None
    if not isinstance(message, dict):
        return None
    values = message.get("meterValue")
    last = values[-1] if isinstance(values, list) and values else None
    for place in (message, last):
        if isinstance(place, dict) and "timestamp" in place:
            try:
                return parse_timestamp(place["timestamp"])
            except PayloadError:
                return None
    return None


def _before(request: Request) -> int | None:
    text = request.query_params.get("before", "")
    return parse_id(text) if text else None


def _charts(detail: TransactionDetail, reader: Reader) -> dict[str, object]:
    row, values = detail.summary, detail.values
    energies = [(row.started_at, row.meter_start), *((value.at, value.energy) for value in values)]
    if row.ended_at is not None and row.meter_stop is not None:
        energies.append((row.ended_at, row.meter_stop))
    powers = [(value.at, value.power) for value in values if value.power is not None]
    offset = row.started_at.astimezone(reader.formats.zone).utcoffset() or timedelta()
    return {
        "energy_chart": chart(sorted((at, kwh(Wh(energy - row.meter_start))) for at, energy in energies), offset),
        "power_chart": chart([(at, Decimal(power).scaleb(-3)) for at, power in powers], offset),
        "peak": max((power for _, power in powers), default=None),
    }
