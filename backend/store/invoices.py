"""Invoices: what is to be billed, and the one commit that draws a number, freezes the document and orders its mail."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import LABEL_STYLE_TABLENAME_PLUS_COL, Row, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.core.billing_period import Cycle, Unbilled, Unfinished
from backend.core.invoice import Account, Invoice, InvoiceDraft, Party, RatedSession, format_number, with_number
from backend.core.rating import Rating
from backend.core.record import from_json, to_json
from backend.core.transaction import State
from backend.store.ratings import CURRENT_RATING
from backend.store.tables import (
    cdr,
    charge_point,
    charging_transaction,
    customer,
    id_token,
    invoice,
    invoice_cdr,
    invoice_series,
    mail_outbox,
    operator,
    rating,
    tariff_version,
)
from shared.ids import IdToken
from shared.units import Wh

_T = charging_transaction.c
_KIND = "invoice"
_FREE = Decimal("0.00")


@dataclass(frozen=True, slots=True)
class Debtor:
    """A customer of an operator, with what an invoice needs."""

    operator_id: str
    customer_id: str
    prefix: str
    account: Account


async def unbilled(connection: AsyncConnection) -> list[Unbilled]:
    """List rated sessions without an invoice. One that costs nothing needs none."""
    rows = await connection.execute(
        select(cdr.c.id, cdr.c.customer_id, customer.c.cycle, operator.c.timezone, _T.started_at, cdr.c.ended_at)
        .join(customer, customer.c.id == cdr.c.customer_id)
        .join(operator, operator.c.id == cdr.c.operator_id)
        .join(charging_transaction, _T.id == cdr.c.transaction_id)
        .join(rating, rating.c.id == CURRENT_RATING)
        .outerjoin(invoice_cdr, invoice_cdr.c.cdr_id == cdr.c.id)
        .where(invoice_cdr.c.cdr_id.is_(None), rating.c.total_gross != _FREE)
        .order_by(cdr.c.id)
    )
    return [
        Unbilled(row.id, row.customer_id, Cycle(row.cycle), ZoneInfo(row.timezone), row.started_at, row.ended_at)
        for row in rows
    ]


async def unfinished(connection: AsyncConnection) -> list[Unfinished]:
    """List sessions that run, are not rated yet or wait to be rated again. Held ones need a person: nobody waits."""
    rows = await connection.execute(
        select(id_token.c.customer_id, _T.started_at)
        .join(id_token, id_token.c.token == _T.id_token)
        .where(_T.state.in_((State.RUNNING, State.ENDED)) | (_T.rerate_reason != ""))
    )
    return [Unfinished(row.customer_id, row.started_at) for row in rows]


async def load_debtor(connection: AsyncConnection, cdr_id: int) -> Debtor:
    """Read who sells and who buys the session of a CDR."""
    query = select(operator, customer).join_from(cdr, operator, operator.c.id == cdr.c.operator_id)
    query = query.join(customer, customer.c.id == cdr.c.customer_id).where(cdr.c.id == cdr_id)
    row = (await connection.execute(query.set_label_style(LABEL_STYLE_TABLENAME_PLUS_COL))).one()
    account = Account(
        seller=_party(row, "operator", row.operator_phone),
        buyer=_party(row, "customer", ""),
        iban=row.operator_iban,
        bic=row.operator_bic,
        zone=ZoneInfo(row.operator_timezone),
        language=row.customer_language,
        payment_days=row.customer_payment_days,
    )
    return Debtor(row.operator_id, row.customer_id, row.operator_invoice_prefix, account)


async def load_sessions(connection: AsyncConnection, cdr_ids: Sequence[int]) -> list[RatedSession]:
    """Read the sessions of CDRs as they were rated."""
    p = charge_point.c
    rows = await connection.execute(
        select(
            charging_transaction,
            cdr.c.id.label("cdr_id"),
            rating.c.body,
            tariff_version.c.tariff_id,
            tariff_version.c.id.label("version"),
            p.name,
            p.street,
            p.postcode,
            p.city,
        )
        .join(cdr, cdr.c.transaction_id == _T.id)
        .join(rating, rating.c.id == CURRENT_RATING)
        .join(tariff_version, tariff_version.c.id == rating.c.tariff_version_id)
        .join(charge_point, p.id == _T.charge_point_id)
        .where(cdr.c.id.in_(cdr_ids))
        .order_by(cdr.c.id)
    )
    return [
        RatedSession(
            cdr_id=row.cdr_id,
            transaction_id=row.id,
            charge_point=row.name,
            address=f"{row.street}, {row.postcode} {row.city}",
            evse_id=row.evse_id,
            id_token=IdToken(row.id_token),
            started_at=row.started_at,
            ended_at=row.ended_at,
            meter_start=Wh(row.meter_start),
            meter_stop=Wh(row.meter_stop),
            tariff_id=row.tariff_id,
            tariff_version=row.version,
            rating=from_json(Rating, row.body),
        )
        for row in rows
    ]


async def load_ratings(connection: AsyncConnection, cdr_ids: Sequence[int]) -> dict[int, int]:
    """Tell which rating counts now, by CDR."""
    rows = await connection.execute(select(cdr.c.id, CURRENT_RATING).where(cdr.c.id.in_(cdr_ids)))
    return {row[0]: row[1] for row in rows}


async def issue(
    connection: AsyncConnection, debtor: Debtor, draft: InvoiceDraft, ratings: Mapping[int, int], now: datetime
) -> Invoice | None:
    """Draw the number, freeze the invoice, mark its sessions as billed and order its mail.

    Runs inside one unit of work of `Store.write`: all of it or nothing, so that no number is left out. None if somebody
    else has billed one of the sessions, or one was rated again since the draft: then it must be drafted again.

    Args:
        connection: of the unit of work.
        debtor: seller and buyer.
        draft: to be issued.
        ratings: that the draft was made from, by CDR.
        now: world time.
    """
    cdr_ids = list(ratings)
    if await load_ratings(connection, cdr_ids) != ratings:
        return None
    billed = select(invoice_cdr.c.cdr_id).where(invoice_cdr.c.cdr_id.in_(cdr_ids)).limit(1)
    if (await connection.execute(billed)).first():
        return None
    year = draft.issued_on.year
    number = format_number(debtor.prefix, year, await _draw(connection, debtor.operator_id, year))
    document = with_number(draft, number)
    sessions = document.sessions
    stored = await connection.execute(
        insert(invoice)
        .values(
            operator_id=debtor.operator_id,
            customer_id=debtor.customer_id,
            number=number,
            issued_at=now,
            period_start=min(session.started_at for session in sessions),
            period_end=max(session.ended_at for session in sessions),
            currency=document.currency,
            total_net=document.total_net,
            total_gross=document.due,
            body=to_json(document),
        )
        .returning(invoice.c.id)
    )
    invoice_id = stored.scalar_one()
    await connection.execute(insert(invoice_cdr), _billed(ratings, invoice_id))
    domain = document.seller.email.rpartition("@")[2]
    await connection.execute(
        insert(mail_outbox).values(
            invoice_id=invoice_id,
            message_id=f"<{number}.{debtor.operator_id}@{domain}>",
            recipient=document.buyer.email,
            state="pending",
            attempts=0,
            next_try_at=now,
            last_error="",
        )
    )
    return document


def _billed(ratings: Mapping[int, int], invoice_id: int) -> list[dict[str, int]]:
    return [{"cdr_id": i, "invoice_id": invoice_id, "rating_id": rating_id} for i, rating_id in ratings.items()]


async def _draw(connection: AsyncConnection, operator_id: str, year: int) -> int:
    """Count the series up. A counter row, because a database sequence leaves gaps when work is undone."""
    s = invoice_series.c
    drawn = await connection.execute(
        update(invoice_series)
        .where(s.operator_id == operator_id, s.kind == _KIND, s.year == year)
        .values(last_number=s.last_number + 1)
        .returning(s.last_number)
    )
    number = drawn.scalar_one_or_none()
    if number is not None:
        return int(number)
    values = {"operator_id": operator_id, "kind": _KIND, "year": year, "last_number": 1}
    await connection.execute(insert(invoice_series).values(values))
    return 1


def _party(row: Row[Any], table: str, phone: str) -> Party:
    names = ("id", "name", "street", "postcode", "city", "country", "vat_id", "email")
    return Party(**{name: getattr(row, f"{table}_{name}") for name in names}, phone=phone)
