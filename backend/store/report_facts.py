"""What reports are summed from: sessions as they are rated now, and issued documents, one after the other."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import BigInteger, ColumnElement, Connection, case, func, or_, select, type_coerce

from backend.core.invoices.invoice import Invoice, InvoiceLine
from backend.core.rates.rating_model import Item, Rating
from backend.core.record import RecordError, from_json
from backend.core.report import Keys, Tally, shared_cents, with_parts
from backend.core.transaction import State
from backend.store.invoice_tables import invoice
from backend.store.rating_tables import cdr, rating, tariff_version
from backend.store.ratings import CURRENT_RATING
from backend.store.tables import (
    charge_point,
    charging_transaction,
    customer,
    id_token,
    location,
    meter_value,
    operator,
    person,
)

_T = charging_transaction.c
_LOCATION = func.coalesce(func.nullif(_T.location_id, ""), charge_point.c.location_id)
_BATCH = 200


@dataclass(frozen=True, slots=True)
class Span:
    """Local days, both included, of one operator or of all."""

    first: date
    last: date
    operator_id: str = ""

    def begin(self, zone: ZoneInfo) -> datetime:
        """Give its begin, UTC."""
        return datetime.combine(self.first, time(0), zone).astimezone(UTC)

    def end(self, zone: ZoneInfo) -> datetime:
        """Give its end, exclusive, UTC."""
        return datetime.combine(self.last + timedelta(days=1), time(0), zone).astimezone(UTC)


def session_facts(connection: Connection, span: Span) -> Iterator[tuple[Keys, Tally]]:
    """Give the sessions that began in a span: rated ones with their sums, held ones with what is known of them."""
    for operator_id, zone, currency in _operators(connection, span):
        begin, end = span.begin(zone), span.end(zone)
        mine = (_T.operator_id == operator_id) & (_T.started_at >= begin) & (_T.started_at < end)
        with connection.execute(_sessions(mine).execution_options(yield_per=_BATCH)) as rows:
            for row in rows:
                yield _keys(row, zone, currency), _tally(row)


def _sessions(mine: "ColumnElement[bool]") -> Any:  # Any: a query of many columns
    charging = _charging_times(mine)
    return (
        select(_T.id, _T.state, _T.operator_id, _T.charge_point_id, _T.evse_id, _T.started_at, _T.ended_at)
        .add_columns(_T.meter_start, _T.meter_stop, _LOCATION.label("location"), id_token.c.user_id)
        .add_columns(func.coalesce(cdr.c.customer_id, id_token.c.customer_id).label("customer"))
        .add_columns(rating.c.body, rating.c.total_net, rating.c.total_gross, tariff_version.c.tariff_id)
        .add_columns(rating.c.meter_start.label("billed_start"), rating.c.meter_stop.label("billed_stop"))
        .add_columns(charging.c.charging_ms)
        .join(charge_point, charge_point.c.id == _T.charge_point_id)
        .outerjoin(id_token, id_token.c.token == _T.id_token)
        .outerjoin(cdr, cdr.c.transaction_id == _T.id)
        .outerjoin(rating, rating.c.id == CURRENT_RATING)
        .outerjoin(tariff_version, tariff_version.c.id == rating.c.tariff_version_id)
        .outerjoin(charging, charging.c.transaction_id == _T.id)
        .where(mine, or_(_T.state == State.HELD, rating.c.id.is_not(None), _T.state == State.WAIVED))
        .order_by(_T.started_at, _T.id)
    )


def _charging_times(mine: "ColumnElement[bool]") -> Any:  # Any: a subquery
    """Sum up for how long the register rose, from one value of the meter to the next."""
    v = meter_value.c
    at = type_coerce(v.at, BigInteger)
    order = (v.at, v.energy_wh)
    energy_before = func.lag(v.energy_wh).over(partition_by=v.transaction_id, order_by=order)
    at_before = func.lag(at).over(partition_by=v.transaction_id, order_by=order)
    steps = (
        select(v.transaction_id, v.energy_wh - energy_before, at - at_before)
        .where(v.transaction_id.in_(select(_T.id).where(mine)))
        .subquery()
    )
    whose, rise, lasted = steps.c
    total = func.sum(case((rise > 0, lasted), else_=0)).label("charging_ms")
    return select(whose.label("transaction_id"), total).group_by(whose).subquery()


def _keys(row: Any, zone: ZoneInfo, currency: str) -> Keys:  # Any: a row of the query above
    return Keys(
        day=row.started_at.astimezone(zone).date(),
        currency=currency,
        operator=row.operator_id,
        location=row.location or "",
        charge_point=row.charge_point_id,
        evse=f"{row.charge_point_id}/{row.evse_id}",
        customer=row.customer or "",
        user=row.user_id or "",
        tariff=row.tariff_id or "",
    )


def _tally(row: Any) -> Tally:  # Any: a row of the query above
    known = row.meter_stop is not None and row.meter_start is not None
    energy = row.meter_stop - row.meter_start if known else 0
    plugged = int((row.ended_at - row.started_at).total_seconds()) if row.ended_at else 0
    charging = min(plugged, int(row.charging_ms or 0) // 1000)
    if row.state == State.HELD:
        return Tally(held=1, held_wh=energy, plugged_s=plugged, charging_s=charging)
    tally = Tally(sessions=1, energy_wh=energy, plugged_s=plugged, charging_s=charging)
    if row.body is None:
        return replace(tally, free=1)
    rated = from_json(Rating, row.body)
    if row.billed_start is not None:
        tally.energy_wh = row.billed_stop - row.billed_start
    tally.free = int(row.total_gross == 0)
    tally.net, tally.gross, tally.vat = row.total_net, row.total_gross, row.total_gross - row.total_net
    return with_parts(tally, [(line.item, line.net) for line in rated.lines])


def document_facts(connection: Connection, span: Span) -> Iterator[tuple[Keys, Tally]]:
    """Give the lines of documents issued in a span: invoices, credit notes and Stornos with the sign of what is owed.

    What we owe to others (Gutschriften of hosts) is no revenue.
    """
    for operator_id, zone, _ in _operators(connection, span):
        query = (
            select(invoice.c.body, invoice.c.customer_id, invoice.c.issued_at, invoice.c.currency)
            .add_columns(invoice.c.total_net, invoice.c.total_gross)
            .where(invoice.c.operator_id == operator_id)
            .where(invoice.c.issued_at >= span.begin(zone), invoice.c.issued_at < span.end(zone))
            .order_by(invoice.c.id)
        )
        with connection.execute(query.execution_options(yield_per=20)) as rows:
            for row in rows:
                try:
                    document = from_json(Invoice, row.body)
                except RecordError:  # of a version that is too different: its sums are known, its lines are not
                    yield _sums_alone(row, operator_id, zone)
                    continue
                if document.kind.self_billed:
                    continue
                places = _places(connection, [one.transaction_id for one in document.sessions])
                yield from _lines(document, operator_id, row.customer_id, places)


def _sums_alone(row: Any, operator_id: str, zone: ZoneInfo) -> tuple[Keys, Tally]:  # Any: a row of the query above
    day = row.issued_at.astimezone(zone).date()
    vat = row.total_gross - row.total_net
    keys = Keys(day, row.currency, operator_id, customer=row.customer_id)
    return keys, Tally(net=row.total_net, vat=vat, gross=row.total_gross)


def _lines(
    document: Invoice, operator_id: str, customer_id: str, places: Mapping[int, Any]
) -> Iterator[tuple[Keys, Tally]]:
    sign, vats = document.kind.sign, _vat_of_lines(document)
    rounding = document.rounding
    for line, vat in zip(document.lines, vats, strict=True):
        place = places.get(document.sessions[line.session].transaction_id) if line.session is not None else None
        about = document.fees[line.fee or 0] if line.session is None else document.sessions[line.session]
        keys = Keys(
            day=document.issued_on,
            currency=document.currency,
            operator=operator_id,
            location=(place.location or "") if place else "",
            charge_point=place.charge_point_id if place else "",
            evse=f"{place.charge_point_id}/{place.evse_id}" if place else "",
            customer=customer_id,
            user=(place.user_id or "") if place else "",
            tariff=about.tariff_id,
        )
        net, gross = sign * line.net, sign * (line.net + vat + rounding)
        rounding = Decimal(0)  # the first line bears it
        tally = Tally(energy_wh=sign * _energy(line), net=net, vat=sign * vat, gross=gross)
        yield keys, with_parts(tally, [(line.item, net)])


def _vat_of_lines(document: Invoice) -> list[Decimal]:
    """Share out the VAT of each rate to its lines."""
    found = [Decimal("0.00")] * len(document.lines)
    for tax in document.tax_lines:
        mine = [i for i, line in enumerate(document.lines) if line.vat == tax.rate]
        shares = [document.lines[i].net * (tax.rate or 0) / 100 for i in mine]
        for i, amount in zip(mine, shared_cents(tax.vat, shares), strict=True):
            found[i] = amount
    return found


def _energy(line: InvoiceLine) -> int:
    return int(line.quantity * 1000) if line.item is Item.ENERGY and line.unit == "KWH" else 0


def _places(connection: Connection, ids: list[int]) -> dict[int, Any]:  # Any: rows of the query below
    if not ids:
        return {}
    rows = connection.execute(
        select(_T.id, _T.charge_point_id, _T.evse_id, _LOCATION.label("location"), id_token.c.user_id)
        .join(charge_point, charge_point.c.id == _T.charge_point_id)
        .outerjoin(id_token, id_token.c.token == _T.id_token)
        .where(_T.id.in_(ids))
    )
    return {row.id: row for row in rows}


def _operators(connection: Connection, span: Span) -> list[tuple[str, ZoneInfo, str]]:
    o = operator.c
    query = select(o.id, o.timezone, o.currency).order_by(o.id)
    if span.operator_id:
        query = query.where(o.id == span.operator_id)
    return [(row.id, ZoneInfo(row.timezone), row.currency) for row in connection.execute(query).all()]


def names_of(connection: Connection, by: str) -> dict[str, str]:
    """Give names for people by id: of customers, users, charge points, sites and operators; else none."""
    tables = {
        "customer": customer,
        "user": person,
        "charge_point": charge_point,
        "location": location,
        "operator": operator,
    }
    table = tables.get(by)
    if table is None:
        return {}
    return dict(connection.execute(select(table.c.id, table.c.name)).all())
