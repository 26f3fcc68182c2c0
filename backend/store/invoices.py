"""Invoices: what is to be billed, and the one commit that draws a number, freezes the document and orders its mail."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import (
    LABEL_STYLE_TABLENAME_PLUS_COL,
    Column,
    Connection,
    Row,
    Table,
    delete,
    func,
    insert,
    or_,
    select,
)

from backend.core.invoices.billing_profile import Grouping, Payment
from backend.core.invoices.invoice import (
    Account,
    Correction,
    Invoice,
    InvoiceDraft,
    Output,
    Party,
    Preceding,
)
from backend.core.invoices.tax_evidence import Evidence, Kind, TaxStatus, treatment
from backend.core.payments.direct_debit import Mandate
from backend.core.rates.rating import Rating
from backend.core.record import from_json
from backend.store.invoice_mail import order_delivery
from backend.store.invoice_tables import (
    invoice,
    invoice_cdr,
    invoice_correction,
    invoice_fee,
    unbilled_cdr,
    unbilled_fee,
)
from backend.store.issuing import issue_document
from backend.store.mandates import customer_mandates
from backend.store.rated_sessions import load_sessions
from backend.store.rating_tables import cdr, rating
from backend.store.ratings import BILLED_RATING, CURRENT_RATING, stands
from backend.store.tables import charging_transaction, customer, operator, tax_evidence

_T = charging_transaction.c
_TICK = timedelta(milliseconds=1)


_OF_SELLERS = ("phone", "tax_number", "register_id", "contact", "legal_note")


@dataclass(frozen=True, slots=True)
class Debtor:
    """A customer of an operator, with what an invoice needs. `ad_hoc` stands for all who pay at the charge point."""

    operator_id: str
    customer_id: str
    prefix: str
    account: Account
    tax_status: TaxStatus = TaxStatus.STANDARD
    evidence: tuple[Evidence, ...] = ()
    grouping: Grouping = Grouping.CUSTOMER
    currency: str = "EUR"
    creditor_id: str = ""
    mandates: tuple[Mandate, ...] = ()
    ad_hoc: bool = False


@dataclass(frozen=True, slots=True)
class Bearing:
    """What a document charges, as it stood when it was drafted.

    Args:
        sessions: rating by CDR.
        corrections: by CDR the rating that is taken back and the one that is charged.
        fees: ids.
    """

    sessions: Mapping[int, int]
    corrections: Mapping[int, tuple[int, int]]
    fees: Sequence[int]


def load_debtor(connection: Connection, customer_id: str) -> Debtor:
    """Read who sells to a customer, and the customer."""
    query = select(operator, customer).join_from(customer, operator, operator.c.id == customer.c.operator_id)
    query = query.where(customer.c.id == customer_id)
    row = connection.execute(query.set_label_style(LABEL_STYLE_TABLENAME_PLUS_COL)).one()
    status = TaxStatus(row.customer_tax_case)
    account = Account(
        seller=_party(row, "operator", _OF_SELLERS),
        buyer=_party(row, "customer"),
        iban=row.operator_iban,
        bic=row.operator_bic,
        zone=ZoneInfo(row.operator_timezone),
        language=row.customer_language,
        payment_days=row.customer_payment_days,
        output=Output(row.customer_output),
        tax_case=treatment(status, (), date.min).case,
        tax_reason=row.customer_tax_reason,
        buyer_reference=row.customer_buyer_reference,
        order_number=row.customer_order_number,
        payment=Payment(row.customer_payment),
        card=row.customer_card,
        cost_centre=row.customer_cost_centre,
    )
    evidence = load_evidence(connection, row.operator_id, customer_id)
    return Debtor(
        operator_id=row.operator_id,
        customer_id=row.customer_id,
        prefix=row.operator_invoice_prefix,
        account=account,
        tax_status=status,
        evidence=evidence,
        grouping=Grouping(row.customer_grouping),
        currency=row.operator_currency,
        creditor_id=row.operator_creditor_id,
        mandates=tuple(customer_mandates(connection, customer_id)),
        ad_hoc=row.customer_ad_hoc,
    )


@dataclass(frozen=True, slots=True)
class Seller:
    """An operator as its papers show it."""

    party: Party
    iban: str
    bic: str
    timezone: str


def read_seller(connection: Connection, operator_id: str) -> Seller | None:
    """Read who sells, None if there is no such operator."""
    query = select(operator).where(operator.c.id == operator_id)
    row = connection.execute(query.set_label_style(LABEL_STYLE_TABLENAME_PLUS_COL)).one_or_none()
    if row is None:
        return None
    return Seller(_party(row, "operator", _OF_SELLERS), row.operator_iban, row.operator_bic, row.operator_timezone)


def load_evidence(connection: Connection, operator_id: str, customer_id: str) -> tuple[Evidence, ...]:
    """Read what proves the tax case of a customer: its own evidence and the operator's."""
    e = tax_evidence.c
    whose = or_(e.customer_id.is_(None), e.customer_id == customer_id)
    rows = connection.execute(select(tax_evidence).where(e.operator_id == operator_id, whose).order_by(e.id))
    return tuple(
        Evidence(
            Kind(row.kind),
            own=row.customer_id is None,
            reference=row.reference,
            first=date.fromisoformat(row.valid_from),
            last=date.fromisoformat(row.valid_to) if row.valid_to else None,
            id=row.id,
        )
        for row in rows
    )


def load_corrections(connection: Connection, cdr_ids: Sequence[int]) -> list[Correction]:
    """Read the sessions that were rated again since an invoice charged them."""
    last = (
        select(invoice_correction.c.invoice_id)
        .where(invoice_correction.c.cdr_id == cdr.c.id, invoice_correction.c.rating_id == BILLED_RATING)
        .where(stands(invoice_correction))
        .correlate(cdr)
        .scalar_subquery()
    )
    query = (
        select(cdr.c.id, rating.c.body, invoice.c.number, invoice.c.issued_at, operator.c.timezone)
        .select_from(cdr)
        .join(invoice_cdr, (invoice_cdr.c.cdr_id == cdr.c.id) & stands(invoice_cdr))
        .join(rating, rating.c.id == BILLED_RATING)
        .join(invoice, invoice.c.id == func.coalesce(last, invoice_cdr.c.invoice_id))
        .join(operator, operator.c.id == cdr.c.operator_id)
        .where(cdr.c.id.in_(cdr_ids))
    )
    rows = {row.id: row for row in connection.execute(query)}
    found = []
    for session in load_sessions(connection, cdr_ids):
        row = rows[session.cdr_id]
        day = row.issued_at.astimezone(ZoneInfo(row.timezone)).date()
        found.append(Correction(session, from_json(Rating, row.body), Preceding(row.number, day)))
    return found


def load_bearing(
    connection: Connection, sessions: Iterable[int], corrections: Iterable[int], fees: Sequence[int]
) -> Bearing:
    """Tell which ratings of CDRs count now, and which were charged before."""
    first, again = list(sessions), list(corrections)
    if not (first or again):
        return Bearing({}, {}, tuple(fees))
    rows = connection.execute(
        select(cdr.c.id, BILLED_RATING.label("billed"), CURRENT_RATING.label("now")).where(cdr.c.id.in_(first + again))
    )
    ratings = {row.id: (row.billed, row.now) for row in rows}
    return Bearing({i: ratings[i][1] for i in first}, {i: ratings[i] for i in again}, tuple(fees))


def issue(connection: Connection, debtor: Debtor, draft: InvoiceDraft, bears: Bearing, now: datetime) -> Invoice | None:
    """Draw the number, freeze the document, write its e-invoice, chain both, mark it billed and order its mail.

    Runs inside one unit of work of `Store.write`: all of it or nothing, so that no number is left out. None if somebody
    else has billed a part of it, or a session was rated again since the draft: then it must be drafted again.

    Args:
        connection: of the unit of work.
        debtor: seller and buyer.
        draft: to be issued.
        bears: what the draft charges.
        now: world time.
    """
    if not _stands(connection, bears):
        return None
    invoice_id, document = issue_document(connection, debtor.operator_id, debtor.customer_id, draft, now)
    _mark_billed(connection, bears, invoice_id)
    who = {"operator_id": debtor.operator_id, "customer_id": debtor.customer_id}
    order_delivery(connection, invoice_id, document, **who, now=now)
    return document


def _stands(connection: Connection, bears: Bearing) -> bool:
    """Tell whether all of it is still to be billed, by the same ratings."""
    cdr_ids = [*bears.sessions, *bears.corrections]
    known = load_bearing(connection, bears.sessions, bears.corrections, bears.fees)
    if (known.sessions, known.corrections) != (bears.sessions, bears.corrections):
        return False
    return _count(connection, unbilled_cdr.c.cdr_id, cdr_ids) == len(cdr_ids) and _count(
        connection, unbilled_fee.c.fee_id, bears.fees
    ) == len(bears.fees)


def _count(connection: Connection, column: "Column[int]", ids: Sequence[int]) -> int:
    if not ids:
        return 0
    return int((connection.execute(select(func.count()).where(column.in_(ids)))).scalar_one())


def _mark_billed(connection: Connection, bears: Bearing, invoice_id: int) -> None:
    def add(table: Table, rows: Sequence[Mapping[str, int]]) -> None:
        if rows:
            connection.execute(insert(table), [{**row, "invoice_id": invoice_id} for row in rows])

    add(invoice_cdr, [{"cdr_id": i, "rating_id": rating_id} for i, rating_id in bears.sessions.items()])
    add(
        invoice_correction,
        [{"cdr_id": i, "credited_rating_id": old, "rating_id": new} for i, (old, new) in bears.corrections.items()],
    )
    add(invoice_fee, [{"fee_id": i} for i in bears.fees])
    if cdr_ids := [*bears.sessions, *bears.corrections]:
        connection.execute(delete(unbilled_cdr).where(unbilled_cdr.c.cdr_id.in_(cdr_ids)))
    if bears.fees:
        connection.execute(delete(unbilled_fee).where(unbilled_fee.c.fee_id.in_(bears.fees)))


def _party(row: Row[Any], table: str, more: Sequence[str] = ()) -> Party:
    names = ("id", "name", "street", "postcode", "city", "country", "vat_id", "email", *more)
    return Party(**{"phone": "", **{name: getattr(row, f"{table}_{name}") for name in names}})
