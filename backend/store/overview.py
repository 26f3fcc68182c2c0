"""What people look at: charge points, transactions and invoices as one reads them. Queries only."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Connection, FromClause, Row, Select, and_, case, func, or_, select, union

from backend.core.invoices.letter import Purpose
from backend.core.people.access import EVERYTHING, View
from backend.store.invoice_tables import (
    invoice,
    invoice_cdr,
    invoice_correction,
    invoice_document,
    invoice_pdf,
    unbilled_cdr,
)
from backend.store.letter_tables import letter
from backend.store.payloads import SHAPE, text_of
from backend.store.rating_tables import cdr, rating
from backend.store.ratings import CURRENT_RATING, stands
from backend.store.scope import charge_points_in, invoices_in, transactions_in
from backend.store.tables import (
    charge_point,
    charging_transaction,
    customer,
    evse,
    id_token,
    meter_value,
    operator,
    transaction_event,
)
from shared.ids import ChargePointId, EvseId, IdToken
from shared.money import Money
from shared.units import Watt, Wh

LARGEST_ID = 2**63 - 1
"""What an integer key can hold; a larger number names no row."""


@dataclass(frozen=True, slots=True)
class Operator:
    """Whose installation this is, and the time zone that people read."""

    name: str
    timezone: str


@dataclass(frozen=True, slots=True)
class TransactionSummary:
    """One transaction as a list shows it.

    Args:
        energy: Wh so far, or in all; None while no value is known.
        power: W of the last meter value, None where it had none.
        measured_at: time of the last meter value.
        state: running | ended | rated | held.
        total: what it costs with VAT, once rated.
        ocpp: version that it was told by.
        station_key: transactionId of an OCPP 2.x station, else empty.
        notes: what is odd about its messages and harmless.
    """

    id: int
    charge_point_id: ChargePointId
    charge_point_name: str
    evse_id: EvseId
    id_token: IdToken
    holder: str
    started_at: datetime
    meter_start: Wh
    ended_at: datetime | None
    meter_stop: Wh | None
    stop_reason: str
    state: str
    held_reason: str
    energy: Wh | None
    power: Watt | None
    measured_at: datetime | None
    total: Money | None
    invoice_number: str
    ocpp: str = "1.6"
    station_key: str = ""
    notes: str = ""


@dataclass(frozen=True, slots=True)
class EvseSummary:
    """An EVSE with its last status (OCPP 1.6 ChargePointStatus) and the transaction that runs there."""

    evse_id: EvseId
    status: str
    error_code: str
    status_at: datetime
    running: TransactionSummary | None = None


@dataclass(frozen=True, slots=True)
class ChargePointSummary:
    """A charge point with its EVSEs. Whether it is connected is not in the database."""

    id: ChargePointId
    name: str
    street: str
    postcode: str
    city: str
    vendor: str
    model: str
    firmware: str
    seen_at: datetime | None
    evses: tuple[EvseSummary, ...]


@dataclass(frozen=True, slots=True)
class Totals:
    """What happened since a moment: energy delivered, transactions begun; and how many are held now."""

    energy: Wh
    started: int
    held: int


@dataclass(frozen=True, slots=True)
class EventRow:
    """A message of a transaction as it came: `payload` is its JSON."""

    kind: str
    message_id: str
    received_at: datetime
    payload: str


@dataclass(frozen=True, slots=True)
class MeterPoint:
    """One reading of a transaction."""

    at: datetime
    energy: Wh
    power: Watt | None


@dataclass(frozen=True, slots=True)
class RatingRow:
    """A rating: `body` is its JSON with lines and totals, `inputs` that of what it was made from, empty if of old."""

    created_at: datetime
    reason: str
    body: str
    inputs: str


@dataclass(frozen=True, slots=True)
class TransactionDetail:
    """All that is known of one transaction.

    Args:
        summary: as a list shows it.
        tariff_reason: why this tariff was chosen.
        events: messages as they came.
        values: readings.
        ratings: the last one counts.
        corrections: numbers of the invoices and credit notes that put right what the first one charged.
        correction_waits: it was rated again since an invoice charged it, and the next one will put that right.
    """

    summary: TransactionSummary
    tariff_reason: str
    events: tuple[EventRow, ...]
    values: tuple[MeterPoint, ...]
    ratings: tuple[RatingRow, ...]
    corrections: tuple[str, ...]
    correction_waits: bool


@dataclass(frozen=True, slots=True)
class InvoiceSummary:
    """An invoice and how its mail fares.

    `type_code` is 380, or 381 of a credit note, whose totals are negative; `mail_state` is that of its newest letter
    (`backend.core.invoices.letter.State`), or empty without one; `letter_id` is the letter.
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
    letter_id: int | None
    mail_state: str
    recipient: str
    attempts: int
    sent_at: datetime | None
    last_error: str
    has_pdf: bool
    has_xml: bool


@dataclass(frozen=True, slots=True)
class InvoiceDetail:
    """An invoice with its frozen document (JSON) and the transactions that it bills."""

    summary: InvoiceSummary
    body: str
    transaction_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class TokenChoice:
    """A token that may charge now."""

    token: IdToken
    holder: str


def read_operator(connection: Connection, view: View = EVERYTHING) -> Operator | None:
    """Name the operator, or all of them in one line if there are several; None before the first set-up.

    The time zone is the first one's.
    """
    query = select(operator.c.name, operator.c.timezone).order_by(operator.c.id)
    if view.operator_id:
        query = query.where(operator.c.id == view.operator_id)
    rows = connection.execute(query).all()
    return Operator(" · ".join(row.name for row in rows), rows[0].timezone) if rows else None


def charge_points(connection: Connection, view: View = EVERYTHING) -> tuple[ChargePointSummary, ...]:
    """List all charge points by name, each with its EVSEs and what runs there."""
    running = _transactions(connection, (charging_transaction.c.state == "running") & transactions_in(view))
    by_place = {(row.charge_point_id, row.evse_id): row for row in reversed(running)}
    evses: dict[str, list[EvseSummary]] = {}
    for row in connection.execute(select(evse).where(evse.c.evse_id > 0).order_by(evse.c.evse_id)):
        place = (row.charge_point_id, row.evse_id)
        known = EvseSummary(row.evse_id, row.status, row.error_code, row.status_at, by_place.pop(place, None))
        evses.setdefault(row.charge_point_id, []).append(known)
    for (owner, number), transaction in by_place.items():  # its StatusNotification is still on the way
        evses.setdefault(owner, []).append(
            EvseSummary(number, "Charging", "NoError", transaction.started_at, transaction)
        )
    query = select(charge_point).where(charge_points_in(view))
    rows = connection.execute(query.order_by(charge_point.c.name, charge_point.c.id))
    return tuple(_charge_point(row, evses.get(row.id, [])) for row in rows)


def find_charge_point(connection: Connection, charge_point_id: str) -> ChargePointSummary | None:
    """Give one charge point, None if there is none of that name."""
    return next((row for row in charge_points(connection) if row.id == charge_point_id), None)


def totals(connection: Connection, since: datetime, view: View = EVERYTHING) -> Totals:
    """Sum up what happened since a moment, to the Wh: of a transaction that began before it, only what came later."""
    t = charging_transaction
    last, before = meter_value.alias("last"), meter_value.alias("before")
    begin = case((t.c.started_at >= since, t.c.meter_start), else_=func.coalesce(before.c.energy_wh, t.c.meter_start))
    end = func.coalesce(t.c.meter_stop, last.c.energy_wh, t.c.meter_start)
    query = (
        select(func.coalesce(func.sum(end - begin), 0), func.coalesce(func.sum(case((t.c.started_at >= since, 1))), 0))
        .select_from(t.outerjoin(last, _is_last(last)).outerjoin(before, _is_last(before, since)))
        .where(or_(t.c.ended_at >= since, t.c.ended_at.is_(None)), transactions_in(view))
    )
    energy, started = connection.execute(query).one()
    held = connection.scalar(select(func.count()).where(t.c.state == "held", transactions_in(view)))
    return Totals(Wh(energy), started, held or 0)


def transactions(
    connection: Connection, limit: int, before: int | None = None, state: str = "", view: View = EVERYTHING
) -> tuple[TransactionSummary, ...]:
    """List transactions, the newest first.

    Args:
        connection: to read from.
        limit: at most so many.
        before: only those with a smaller id, for the next page.
        state: only those in this state.
        view: only those that it takes in.
    """
    wanted = [transactions_in(view)]
    if before is not None:
        wanted.append(charging_transaction.c.id < before)
    if state:
        wanted.append(charging_transaction.c.state == state)
    return _transactions(connection, and_(True, *wanted), limit)


def find_transaction(connection: Connection, transaction_id: int) -> TransactionDetail | None:
    """Give one transaction with everything that belongs to it, None if there is none of that number."""
    t, e, m, r = charging_transaction, transaction_event, meter_value, rating
    found = _transactions(connection, t.c.id == transaction_id)
    if not found:
        return None
    events = connection.execute(select(e, SHAPE).where(e.c.transaction_id == transaction_id).order_by(e.c.id))
    values = connection.execute(select(m).where(m.c.transaction_id == transaction_id).order_by(m.c.at, m.c.id))
    ratings = connection.execute(select(r).where(r.c.transaction_id == transaction_id).order_by(r.c.id))
    return TransactionDetail(
        found[0],
        connection.scalar(select(t.c.tariff_reason).where(t.c.id == transaction_id)) or "",
        tuple(EventRow(row.kind, row.message_id, row.received_at, text_of(row)) for row in events),
        tuple(MeterPoint(row.at, row.energy_wh, row.power_w) for row in values),
        tuple(RatingRow(row.created_at, row.reason, row.body, row.inputs) for row in ratings),
        _corrections(connection, transaction_id),
        _correction_waits(connection, transaction_id),
    )


def _corrections(connection: Connection, transaction_id: int) -> tuple[str, ...]:
    query = (
        select(invoice.c.number)
        .join(invoice_correction, invoice_correction.c.invoice_id == invoice.c.id)
        .join(cdr, cdr.c.id == invoice_correction.c.cdr_id)
        .where(cdr.c.transaction_id == transaction_id, stands(invoice_correction))
        .order_by(invoice_correction.c.rating_id)
    )
    return tuple(connection.scalars(query))


def _correction_waits(connection: Connection, transaction_id: int) -> bool:
    query = (
        select(cdr.c.id)
        .join(unbilled_cdr, unbilled_cdr.c.cdr_id == cdr.c.id)
        .join(invoice_cdr, invoice_cdr.c.cdr_id == cdr.c.id)
        .where(cdr.c.transaction_id == transaction_id, stands(invoice_cdr))
    )
    return connection.execute(query).first() is not None


def invoices(
    connection: Connection, limit: int, before: int | None = None, view: View = EVERYTHING
) -> tuple[InvoiceSummary, ...]:
    """List invoices, the newest first; `before` and `view` as for `transactions`."""
    query = _invoice_query().where(invoices_in(view)).order_by(invoice.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(invoice.c.id < before)
    return tuple(_invoice(row) for row in connection.execute(query))


def find_invoice(connection: Connection, number: str, view: View = EVERYTHING) -> InvoiceDetail | None:
    """Give the newest invoice of that number in a view, None if there is none: operators may have the same numbers."""
    query = _invoice_query().add_columns(invoice.c.body).where(invoice.c.number == number, invoices_in(view))
    row = connection.execute(query.order_by(invoice.c.id.desc()).limit(1)).one_or_none()
    if row is None:
        return None
    billed = union(
        *(
            select(cdr.c.transaction_id).join(link, link.c.cdr_id == cdr.c.id).where(link.c.invoice_id == row.id)
            for link in (invoice_cdr, invoice_correction)
        )
    )
    return InvoiceDetail(_invoice(row), row.body, tuple(sorted(connection.scalars(billed))))


def usable_tokens(connection: Connection, charge_point_id: str, now: datetime, longest: int) -> tuple[TokenChoice, ...]:
    """List the tokens of the charge point's operator that may charge now, by holder.

    Args:
        connection: to read from.
        charge_point_id: where the charge would be.
        now: to leave out expired tokens.
        longest: leave out longer tokens, which the charge point's protocol can't carry.
    """
    k = id_token
    owner = select(charge_point.c.operator_id).where(charge_point.c.id == charge_point_id).scalar_subquery()
    query = (
        select(k.c.token, k.c.holder)
        .where(k.c.operator_id == owner, k.c.blocked.is_(False), func.length(k.c.token) <= longest)
        .where(or_(k.c.expires_at.is_(None), k.c.expires_at > now))
        .order_by(k.c.holder, k.c.token)
    )
    return tuple(TokenChoice(IdToken(row.token), row.holder) for row in connection.execute(query))


def _is_last(value: FromClause, until: datetime | None = None) -> ColumnElement[bool]:
    inner = meter_value.alias()
    newest = select(inner.c.id).where(inner.c.transaction_id == charging_transaction.c.id)
    if until is not None:
        newest = newest.where(inner.c.at < until)
    newest = newest.order_by(inner.c.at.desc(), inner.c.energy_wh.desc()).limit(1)
    return value.c.id == newest.correlate(charging_transaction).scalar_subquery()


def _transactions(
    connection: Connection, wanted: ColumnElement[bool], limit: int | None = None
) -> tuple[TransactionSummary, ...]:
    t, last = charging_transaction, meter_value.alias("last")
    query: Select[Any] = (  # Any: the row's many columns, read by name in `_transaction`
        select(t, charge_point.c.name.label("charge_point_name"), id_token.c.holder)
        .add_columns(last.c.energy_wh, last.c.power_w, last.c.at.label("measured_at"))
        .add_columns(rating.c.total_gross, invoice.c.number, operator.c.currency)
        .select_from(
            t.join(charge_point, charge_point.c.id == t.c.charge_point_id)
            .join(operator, operator.c.id == t.c.operator_id)
            .outerjoin(id_token, id_token.c.token == t.c.id_token)
            .outerjoin(last, _is_last(last))
            .outerjoin(cdr, cdr.c.transaction_id == t.c.id)
            .outerjoin(rating, rating.c.id == CURRENT_RATING)
            .outerjoin(invoice_cdr, (invoice_cdr.c.cdr_id == cdr.c.id) & stands(invoice_cdr))
            .outerjoin(invoice, invoice.c.id == invoice_cdr.c.invoice_id)
        )
        .where(wanted)
        .order_by(t.c.id.desc())
        .limit(limit)
    )
    return tuple(_transaction(row) for row in connection.execute(query))


# Any in the functions below: rows have the columns of their query, which the type checker can't know.
def _transaction(row: Row[Any]) -> TransactionSummary:
    last = row.meter_stop if row.meter_stop is not None else row.energy_wh
    return TransactionSummary(
        id=row.id,
        charge_point_id=row.charge_point_id,
        charge_point_name=row.charge_point_name,
        evse_id=row.evse_id,
        id_token=IdToken(row.id_token),
        holder=row.holder or "",
        started_at=row.started_at,
        meter_start=row.meter_start,
        ended_at=row.ended_at,
        meter_stop=row.meter_stop,
        stop_reason=row.stop_reason or "",
        state=row.state,
        held_reason=row.held_reason,
        energy=None if last is None else Wh(last - row.meter_start),
        power=row.power_w,
        measured_at=row.measured_at,
        total=None if row.total_gross is None else Money(row.total_gross, row.currency),
        invoice_number=row.number or "",
        ocpp=row.ocpp,
        station_key=row.station_key,
        notes=row.notes,
    )


def _charge_point(row: Row[Any], evses: Sequence[EvseSummary]) -> ChargePointSummary:
    return ChargePointSummary(
        id=row.id,
        name=row.name,
        street=row.street,
        postcode=row.postcode,
        city=row.city,
        vendor=row.vendor,
        model=row.model,
        firmware=row.firmware,
        seen_at=row.seen_at,
        evses=tuple(sorted(evses, key=lambda one: one.evse_id)),
    )


def _invoice_query() -> Select[Any]:
    i, m, d, p = invoice, letter, invoice_document, invoice_pdf
    any_ = letter.alias()
    newest = select(func.max(any_.c.id)).where(
        any_.c.operator_id == i.c.operator_id, any_.c.purpose == Purpose.INVOICE.value, any_.c.document == i.c.number
    )
    return select(
        *(i.c[name] for name in ("id", "number", "type_code", "issued_at", "period_start", "period_end", "currency")),
        *(i.c.total_net, i.c.total_gross, customer.c.name.label("customer")),
        *(m.c.id.label("letter_id"), m.c.state, m.c.recipients, m.c.tries, m.c.sent_at, m.c.last_text),
        *(p.c.content.is_not(None).label("has_pdf"), p.c.last_error.label("pdf_error")),
        d.c.invoice_id.label("xml_of"),
    ).select_from(
        i.join(customer, customer.c.id == i.c.customer_id)
        .outerjoin(m, m.c.id == newest.scalar_subquery())
        .outerjoin(d, d.c.invoice_id == i.c.id)
        .outerjoin(p, p.c.invoice_id == i.c.id)
    )


def _invoice(row: Row[Any]) -> InvoiceSummary:
    return InvoiceSummary(
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
        mail_state=row.state or "",
        letter_id=row.letter_id,
        recipient=", ".join(json.loads(row.recipients)["to"]) if row.recipients else "",
        attempts=row.tries or 0,
        sent_at=row.sent_at,
        last_error=row.last_text or row.pdf_error or "",
        has_pdf=bool(row.has_pdf),
        has_xml=row.xml_of is not None,
    )
