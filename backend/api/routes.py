"""Routes of the JSON API, version 1. Energy in Wh, power in W, money as text with its own digits, times in UTC."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from backend.api.live import Live
from backend.api.permissions import Who, needs
from backend.core.invoices.invoice import Invoice, InvoiceLine
from backend.core.people.access import Permission, View
from backend.core.record import RecordError, from_json
from backend.csms.connections import Connections
from backend.store import overview as queries
from backend.store.event_log import StoredSignedValue, signed_values
from backend.store.invoice_files import invoice_file
from backend.store.overview import LARGEST_ID, ChargePointSummary, InvoiceSummary, TransactionSummary
from backend.store.scope import Owned
from backend.store.writer import Store

Limit = Annotated[int, Query(ge=1, le=500, description="at most so many")]
Before = Annotated[
    int | None, Query(ge=1, le=LARGEST_ID, description="only rows with a smaller id: the last one of the page before")
]


@dataclass(frozen=True, slots=True)
class EvseOut:
    """An EVSE, its last status in the words of OCPP 1.6 and the transaction that runs there."""

    evse_id: int
    status: str
    error_code: str
    status_at: datetime
    running_transaction_id: int | None


@dataclass(frozen=True, slots=True)
class ChargePointOut:
    """A charge point. While it is not connected, what its EVSEs say is what was known last."""

    id: str
    name: str
    connected: bool
    seen_at: datetime | None
    vendor: str
    model: str
    firmware: str
    evses: tuple[EvseOut, ...]


@dataclass(frozen=True, slots=True)
class TransactionOut:
    """A transaction. `id_token` is masked. `energy_wh` is null while no meter value is known.

    `ocpp` is the version that it was told by, `ocpp_transaction_id` what station and backend call it; `notes` tell what
    is odd about its messages and harmless.
    """

    id: int
    charge_point_id: str
    evse_id: int
    id_token: str
    holder: str
    state: str
    held_reason: str
    started_at: datetime
    meter_start_wh: int
    ended_at: datetime | None
    meter_stop_wh: int | None
    stop_reason: str
    energy_wh: int | None
    power_w: int | None
    measured_at: datetime | None
    total_gross: Decimal | None
    currency: str | None
    invoice_number: str | None
    ocpp: str
    ocpp_transaction_id: str
    notes: str


@dataclass(frozen=True, slots=True)
class SignedValueOut:
    """A signed reading of a meter: evidence. `data` is as it came, byte for byte; what was not told is empty."""

    id: int
    at: datetime
    context: str
    data: str
    public_key: str
    signing_method: str
    encoding_method: str
    received_at: datetime


@dataclass(frozen=True, slots=True)
class InvoiceOut:
    """An invoice (`type_code` 380), or a credit note (381), whose totals are negative.

    `mail_state` is queued, sending, sent, retry, bounced or failed; empty where no mail was asked for.
    """

    id: int
    number: str
    type_code: str
    customer: str
    issued_at: datetime
    period_start: datetime
    period_end: datetime
    currency: str
    total_net: Decimal
    total_gross: Decimal
    mail_state: str
    mailed_at: datetime | None
    has_pdf: bool
    has_xml: bool


@dataclass(frozen=True, slots=True)
class InvoiceLineOut:
    """One line: a session and one of its prices, or a base fee.

    Args:
        transaction_id: the session, null of a base fee.
        text: what is charged, in the customer's language.
        quantity: in `unit`; negative where something is taken back.
        unit: of UN/ECE Rec. 20: KWH, MIN, HUR or C62 (one).
        unit_price: in the invoice's price basis.
        net: without VAT.
        corrects: number of the invoice whose charge it corrects, else empty.
    """

    transaction_id: int | None
    text: str
    quantity: Decimal
    unit: str
    unit_price: Decimal
    net: Decimal
    corrects: str


@dataclass(frozen=True, slots=True)
class InvoiceDetailOut:
    """An invoice with its lines; null if they were stored by a version of this program that is too different."""

    summary: InvoiceOut
    lines: tuple[InvoiceLineOut, ...] | None


def make_routes(store: Store, connections: Connections, live: Live) -> APIRouter:
    """Build the routes under /api/v1."""
    router = APIRouter(prefix="/api/v1")
    _add_charge_points(router, store, connections)
    _add_transactions(router, store)
    _add_invoices(router, store)

    @router.get("/live", response_class=StreamingResponse, tags=["live"], dependencies=[needs(Permission.OWN_ACCOUNT)])
    async def live_events() -> StreamingResponse:
        """Tell by server-sent events that something may have changed: `{"version": n}`."""
        headers = {"Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no"}  # the latter is nginx's
        return StreamingResponse(live.events(), headers=headers, media_type="text/event-stream")

    return router


def _add_charge_points(router: APIRouter, store: Store, connections: Connections) -> None:
    @router.get("/charge-points", tags=["charge points"], dependencies=[needs(Permission.SEE_STATIONS)])
    async def charge_points(who: Who) -> list[ChargePointOut]:
        """List all charge points by name."""
        rows = await store.read(lambda connection: queries.charge_points(connection, who.view))
        return [_charge_point(row, connections) for row in rows]

    @router.get(
        "/charge-points/{id}", tags=["charge points"], dependencies=[needs(Permission.SEE_STATIONS, Owned.CHARGE_POINT)]
    )
    async def charge_point(id: str) -> ChargePointOut:  # noqa: A002  the name in the address
        """Give one charge point."""
        row = await store.read(lambda connection: queries.find_charge_point(connection, id))
        if row is None:
            raise HTTPException(404)
        return _charge_point(row, connections)


def _add_transactions(router: APIRouter, store: Store) -> None:
    @router.get("/transactions", tags=["transactions"], dependencies=[needs(Permission.SEE_SESSIONS)])
    async def transactions(
        who: Who,
        state: Literal["running", "ended", "rated", "held", "waived"] | None = None,
        limit: Limit = 50,
        before: Before = None,
    ) -> list[TransactionOut]:
        """List transactions, the newest first."""
        rows = await store.read(
            lambda connection: queries.transactions(connection, limit, before, state or "", who.view)
        )
        return [_transaction(row) for row in rows]

    @router.get(
        "/transactions/{id}", tags=["transactions"], dependencies=[needs(Permission.SEE_SESSIONS, Owned.TRANSACTION)]
    )
    async def transaction(id: Annotated[int, Path(ge=1, le=LARGEST_ID)]) -> TransactionOut:  # noqa: A002
        """Give one transaction."""
        detail = await store.read(lambda connection: queries.find_transaction(connection, id))
        if detail is None:
            raise HTTPException(404)
        return _transaction(detail.summary)

    @router.get(
        "/transactions/{id}/signed-values",
        tags=["transactions"],
        dependencies=[needs(Permission.SEE_SESSIONS, Owned.TRANSACTION)],
    )
    async def signed(id: Annotated[int, Path(ge=1, le=LARGEST_ID)]) -> list[SignedValueOut]:  # noqa: A002
        """List what the meter signed in a transaction, in the order of its time."""
        detail, rows = await store.read(
            lambda connection: (queries.find_transaction(connection, id), signed_values(connection, id))
        )
        if detail is None:
            raise HTTPException(404)
        return [_signed_value(row) for row in rows]

    @router.get(
        "/transactions/{id}/signed-values/{number}",
        tags=["transactions"],
        response_class=PlainTextResponse,
        dependencies=[needs(Permission.SEE_SESSIONS, Owned.TRANSACTION)],
    )
    async def signed_text(
        id: Annotated[int, Path(ge=1, le=LARGEST_ID)],  # noqa: A002
        number: Annotated[int, Path(ge=1, le=LARGEST_ID)],
    ) -> PlainTextResponse:
        """Give one signed reading as the text that came, to be checked by a transparency program."""
        rows = await store.read(lambda connection: signed_values(connection, id))
        found = [row for row in rows if row.id == number]
        if not found:
            raise HTTPException(404)
        headers = {"Content-Disposition": f'attachment; filename="transaction-{id}-signed-{number}.txt"'}
        return PlainTextResponse(found[0].reading.data.text, headers=headers)


def _add_invoices(router: APIRouter, store: Store) -> None:
    @router.get("/invoices", tags=["invoices"], dependencies=[needs(Permission.SEE_INVOICES)])
    async def invoices(who: Who, limit: Limit = 50, before: Before = None) -> list[InvoiceOut]:
        """List invoices, the newest first."""
        rows = await store.read(lambda connection: queries.invoices(connection, limit, before, who.view))
        return [_invoice(row) for row in rows]

    @router.get(
        "/invoices/{number:path}/pdf",
        tags=["invoices"],
        response_class=Response,
        dependencies=[needs(Permission.SEE_INVOICES, Owned.INVOICE)],
    )
    async def invoice_pdf(number: str, who: Who) -> Response:
        """Give an invoice's PDF, with the e-invoice inside where the customer gets one."""
        return await _file(store, number, "pdf", who.view)

    @router.get(
        "/invoices/{number:path}/xml",
        tags=["invoices"],
        response_class=Response,
        dependencies=[needs(Permission.SEE_INVOICES, Owned.INVOICE)],
    )
    async def invoice_xml(number: str, who: Who) -> Response:
        """Give the e-invoice (EN 16931, CII). Invoices from before there were any have none."""
        return await _file(store, number, "xml", who.view)

    @router.get(
        "/invoices/{number:path}", tags=["invoices"], dependencies=[needs(Permission.SEE_INVOICES, Owned.INVOICE)]
    )
    async def invoice(number: str, who: Who) -> InvoiceDetailOut:
        """Give one invoice with its lines."""
        detail = await store.read(lambda connection: queries.find_invoice(connection, number, who.view))
        if detail is None:
            raise HTTPException(404)
        return InvoiceDetailOut(_invoice(detail.summary), _lines(detail.body))


async def _file(store: Store, number: str, kind: str, view: View) -> Response:
    file = await store.read(lambda connection: invoice_file(connection, number, kind, view))
    if file is None:
        raise HTTPException(404)
    return Response(file.content, 200, {"Content-Disposition": file.disposition}, file.media_type)


def _lines(body: str) -> tuple[InvoiceLineOut, ...] | None:
    try:
        document = from_json(Invoice, body)
    except RecordError:
        return None
    return tuple(_line(line, document) for line in document.lines)


def _line(line: InvoiceLine, document: Invoice) -> InvoiceLineOut:
    session = None if line.session is None else document.sessions[line.session]
    return InvoiceLineOut(
        transaction_id=session.transaction_id if session else None,
        text=line.text,
        quantity=line.quantity,
        unit=line.unit,
        unit_price=line.unit_price,
        net=line.net,
        corrects=session.preceding.number if session and session.preceding else "",
    )


def _charge_point(row: ChargePointSummary, connections: Connections) -> ChargePointOut:
    evses = tuple(
        EvseOut(one.evse_id, one.status, one.error_code, one.status_at, one.running.id if one.running else None)
        for one in row.evses
    )
    return ChargePointOut(
        row.id, row.name, connections.find(row.id) is not None, row.seen_at, row.vendor, row.model, row.firmware, evses
    )


def _transaction(row: TransactionSummary) -> TransactionOut:
    return TransactionOut(
        id=row.id,
        charge_point_id=row.charge_point_id,
        evse_id=row.evse_id,
        id_token=str(row.id_token),
        holder=row.holder,
        state=row.state,
        held_reason=row.held_reason,
        started_at=row.started_at,
        meter_start_wh=row.meter_start,
        ended_at=row.ended_at,
        meter_stop_wh=row.meter_stop,
        stop_reason=row.stop_reason,
        energy_wh=row.energy,
        power_w=row.power,
        measured_at=row.measured_at,
        total_gross=row.total.amount if row.total else None,
        currency=row.total.currency if row.total else None,
        invoice_number=row.invoice_number or None,
        ocpp=row.ocpp,
        ocpp_transaction_id=row.station_key or str(row.id),
        notes=row.notes,
    )


def _signed_value(row: StoredSignedValue) -> SignedValueOut:
    reading = row.reading
    data = reading.data
    return SignedValueOut(
        id=row.id,
        at=reading.at,
        context=reading.context,
        data=data.text,
        public_key=data.public_key,
        signing_method=data.signing_method,
        encoding_method=data.encoding_method,
        received_at=row.received_at,
    )


def _invoice(row: InvoiceSummary) -> InvoiceOut:
    return InvoiceOut(
        id=row.id,
        number=row.number,
        type_code=row.type_code,
        customer=row.customer,
        issued_at=row.issued_at,
        period_start=row.period_start,
        period_end=row.period_end,
        currency=row.currency,
        total_net=row.total_net,
        total_gross=row.total_gross,
        mail_state=row.mail_state,
        mailed_at=row.sent_at,
        has_pdf=row.has_pdf,
        has_xml=row.has_xml,
    )
