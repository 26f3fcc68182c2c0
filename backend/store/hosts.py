"""Hosts: what they are owed is read, and statements are stored, in one unit of work."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, and_, func, insert, or_, select, update

from backend.core.invoices.document_kind import SELF_BILLED
from backend.core.invoices.host import (
    TAX_CASES,
    Change,
    HostTax,
    Month,
    Reckoning,
    Sums,
    Terms,
    draft_statement,
    sums_of,
    tax_reason,
)
from backend.core.invoices.invoice import Invoice, InvoiceDraft, Output
from backend.core.invoices.invoice_check import problems
from backend.core.invoices.invoice_model import Account
from backend.core.rates.rating_model import Item, Rating
from backend.core.rates.rounding import Ratio, rounded
from backend.core.record import from_json
from backend.core.tariffs.tariff import PriceBasis
from backend.errors import InvoiceError
from backend.store.host_tables import host, host_agreement, host_objection, host_session, host_share
from backend.store.invoice_mail import order_delivery
from backend.store.invoice_tables import invoice, invoice_cancellation, invoice_credit
from backend.store.invoices import load_debtor
from backend.store.issuing import issue_document
from backend.store.rating_tables import cdr, rating
from backend.store.ratings import CURRENT_RATING, stands
from backend.store.reversals import ByHand, cancel
from backend.store.tables import charge_point, charging_transaction

_T = charging_transaction.c
_S = host_session.c
_STORED = Decimal("1e-10")


@dataclass(frozen=True, slots=True)
class Host:
    """An owner of sites, with what a statement needs."""

    operator_id: str
    customer_id: str
    tax: HostTax
    account: Account


@dataclass(frozen=True, slots=True)
class DueStatement:
    """A statement that may be issued, or why it may not.

    Args:
        host: who gets it.
        draft: what it says.
        reckonings: what it rests on.
        problems: why it must not be issued; empty if it may.
        seen: how much was stated when it was drafted, see `issue_statement`.
    """

    host: Host
    draft: InvoiceDraft
    reckonings: tuple[Reckoning, ...]
    problems: tuple[str, ...]
    seen: tuple[int, int]


def load_hosts(connection: Connection, customer_id: str = "", operator_id: str = "") -> list[Host]:
    """Read the hosts, those of one operator, or one of them."""
    query = select(host).order_by(host.c.operator_id, host.c.customer_id)
    if customer_id:
        query = query.where(host.c.customer_id == customer_id)
    if operator_id:
        query = query.where(host.c.operator_id == operator_id)
    return [_host(connection, row) for row in connection.execute(query).all()]


def _host(connection: Connection, row: Any) -> Host:  # Any: a row of the table
    ours = load_debtor(connection, row.customer_id).account
    tax = HostTax(row.tax)
    party = replace(ours.buyer, tax_number=row.tax_number, phone=row.phone)
    account = replace(
        ours,
        seller=replace(party, vat_id="") if tax is HostTax.PRIVATE else party,
        buyer=ours.seller,
        iban=row.iban,
        bic=row.bic,
        output=Output.PDF if tax is HostTax.PRIVATE else Output.HYBRID,
        tax_case=TAX_CASES[tax],
        tax_reason=tax_reason(tax, ours.language),
        buyer_reference="",
    )
    return Host(row.operator_id, row.customer_id, tax, account)


def draft_due(
    connection: Connection, one: Host, now: datetime, *, grace: timedelta, standard_vat: Decimal
) -> DueStatement | None:
    """Draft what a host is owed for the months that are over; None if that is nothing.

    Args:
        connection: to read from.
        one: the host.
        now: world time.
        grace: a month counts as over so long after its end.
        standard_vat: per cent.
    """
    seen = _seen(connection, one.customer_id)
    reckonings = tuple(load_reckonings(connection, one, now - grace))
    draft = draft_statement(one.account, one.tax, reckonings, standard_vat, now)
    if draft is None:
        return None
    return DueStatement(one, draft, reckonings, (*_objections(connection, one), *problems(draft)), seen)


def _objections(connection: Connection, one: Host) -> Iterator[str]:
    query = (
        select(invoice.c.number, host_objection.c.reason)
        .join(invoice, invoice.c.id == host_objection.c.invoice_id)
        .where(invoice.c.customer_id == one.customer_id, host_objection.c.settled_at.is_(None))
    )
    for row in connection.execute(query):
        yield f"the host objected to {row.number} ({row.reason}): correct what is wrong, then settle the objection"


def load_reckonings(connection: Connection, one: Host, until: datetime) -> Iterator[Reckoning]:
    """Reckon each month of each agreement of a host that is over and has anything to tell.

    Reads the sessions that are new or count otherwise than stated, not those of years.
    """
    zone = one.account.zone
    given_back = _credits(connection, one.operator_id)
    agreements = connection.execute(
        select(host_agreement).where(host_agreement.c.customer_id == one.customer_id).order_by(host_agreement.c.id)
    ).all()
    for row in agreements:
        months = _months(row, until, zone)
        if not months:
            continue
        terms = from_json(Terms, row.terms).terms
        changes = _changes(connection, row, months, zone, given_back)
        stated = _stated(connection, row.id)
        told = _told(connection, row.id)
        for month in months:
            before = tuple(stated.get((str(month), i), Decimal("0.00")) for i in range(len(terms)))
            count, sums = told.get(str(month), (0, Sums()))
            yield Reckoning(row.id, terms, month, count, sums, before, tuple(changes.get(month, ())))


def _months(row: Any, until: datetime, zone: ZoneInfo) -> list[Month]:  # Any: a row of the table
    found, month = [], Month.parse(row.first_month)
    last = Month.parse(row.last_month) if row.last_month else None
    while month.next.begin(zone) <= until and not (last and month.first > last.first):
        found.append(month)
        month = month.next
    return found


def _changes(
    connection: Connection,
    row: Any,  # of the table
    months: Sequence[Month],
    zone: ZoneInfo,
    given_back: Mapping[int, Sums],
) -> dict[Month, list[Change]]:
    same = (_S.agreement_id == row.id) & (_S.cdr_id == cdr.c.id) & stands(host_session)
    last = select(func.max(_S.rating_id)).where(same).correlate(cdr).scalar_subquery()
    query = (
        select(cdr.c.id, _T.id.label("transaction_id"), _T.started_at, _T.evse_id, _T.meter_start, _T.meter_stop)
        .add_columns(charge_point.c.name, _T.charge_point_id, rating.c.id.label("rating_id"), rating.c.body)
        .add_columns(rating.c.meter_start.label("billed_start"), rating.c.meter_stop.label("billed_stop"))
        .join(charging_transaction, _T.id == cdr.c.transaction_id)
        .join(charge_point, charge_point.c.id == _T.charge_point_id)
        .join(rating, rating.c.id == CURRENT_RATING)
        .where(_at_places(json.loads(row.places)), cdr.c.operator_id == row.operator_id)
        .where(_T.started_at >= months[0].begin(zone), _T.started_at < months[-1].next.begin(zone))
        .where(or_(last.is_(None), last != CURRENT_RATING, _T.id.in_(list(given_back))))
        .order_by(_T.started_at, cdr.c.id)
    )
    found: dict[Month, list[Change]] = defaultdict(list)
    with connection.execute(query.execution_options(yield_per=200)) as sessions:
        for one in sessions:
            begin, end = (
                (one.meter_start, one.meter_stop)
                if one.billed_start is None
                else (
                    one.billed_start,
                    one.billed_stop,
                )
            )
            now = sums_of(from_json(Rating, one.body), end - begin) - given_back.get(one.transaction_id, Sums())
            before = _told_of(connection, row.id, one.id)
            if now != before:
                month = Month.of(one.started_at.astimezone(zone).date())
                place = f"{one.name or one.charge_point_id}/{one.evse_id}"
                found[month].append(Change(one.id, one.rating_id, one.started_at, place, now, before))
    return found


def _at_places(places: Sequence[Sequence[str]]) -> "ColumnElement[bool]":
    wanted: list[ColumnElement[bool]] = []
    for scope, target in places:
        point, _, evse = target.rpartition("/")
        wanted.append(
            {
                "location": func.coalesce(func.nullif(_T.location_id, ""), charge_point.c.location_id) == target,
                "charge_point": _T.charge_point_id == target,
                "evse": and_(_T.charge_point_id == point, _T.evse_id == (int(evse) if evse.isdigit() else 0)),
            }[scope]
        )
    return or_(*wanted)


def _told_of(connection: Connection, agreement_id: str, cdr_id: int) -> Sums:
    query = select(_S.energy_wh, _S.energy_net, _S.total_net)
    total = Sums()
    rows = connection.execute(query.where(_S.agreement_id == agreement_id, _S.cdr_id == cdr_id, stands(host_session)))
    for row in rows:
        total += Sums(row.energy_wh, row.energy_net, row.total_net)
    return total


def _told(connection: Connection, agreement_id: str) -> dict[str, tuple[int, Sums]]:
    """Give by month how many sessions were told and what they came to."""
    query = select(_S.month, _S.cdr_id, _S.energy_wh, _S.energy_net, _S.total_net)
    ids: dict[str, set[int]] = defaultdict(set)
    totals: dict[str, Sums] = defaultdict(Sums)
    rows = connection.execute(query.where(_S.agreement_id == agreement_id, stands(host_session)))
    for row in rows:
        ids[row.month].add(row.cdr_id)
        totals[row.month] += Sums(row.energy_wh, row.energy_net, row.total_net)
    return {month: (len(ids[month]), totals[month]) for month in ids}


def _stated(connection: Connection, agreement_id: str) -> dict[tuple[str, int], Decimal]:
    found: dict[tuple[str, int], Decimal] = defaultdict(lambda: Decimal("0.00"))
    rows = connection.execute(
        select(host_share).where(host_share.c.agreement_id == agreement_id, stands(host_share))
    ).all()
    for row in rows:
        found[row.month, row.term] += row.amount
    return found


def _credits(connection: Connection, operator_id: str) -> dict[int, Sums]:
    """Give by transaction what credit notes by hand gave back of it, without VAT."""
    query = (
        select(invoice_credit.c.of_line, invoice_credit.c.amount, invoice.c.body)
        .join(invoice, invoice.c.id == invoice_credit.c.of_invoice_id)
        .where(invoice.c.operator_id == operator_id, stands(invoice_credit))
    )
    found: dict[int, Sums] = defaultdict(Sums)
    for row in connection.execute(query):
        document = from_json(Invoice, row.body)
        line = document.lines[row.of_line - 1]
        if line.session is None:
            continue
        net = row.amount
        if document.basis is PriceBasis.GROSS:
            net = rounded(Ratio(row.amount * 100, 100 + (line.vat or Decimal(0))), _STORED)
        of_energy = net if line.item is Item.ENERGY else Decimal(0)
        found[document.sessions[line.session].transaction_id] += Sums(0, of_energy, net)
    return dict(found)


def _seen(connection: Connection, customer_id: str) -> tuple[int, int]:
    """Tell how many documents a host has, and how many of them were cancelled."""
    mine = select(invoice.c.id).where(invoice.c.customer_id == customer_id)
    issued = connection.scalar(select(func.count()).select_from(mine.subquery()))
    cancelled = select(func.count()).where(invoice_cancellation.c.invoice_id.in_(mine))
    return int(issued or 0), int(connection.scalar(cancelled) or 0)


def issue_statement(
    connection: Connection, due: DueStatement, now: datetime, *, sample: bool = False
) -> Invoice | None:
    """Draw the number, freeze the document with its e-invoice, note what it states and order its mail.

    Runs inside one unit of work of `Store.write`. None if somebody else has stated a part of it, or a session was
    rated again since the draft: then it must be drafted again.
    """
    customer_id, operator_id = due.host.customer_id, due.host.operator_id
    if due.seen != _seen(connection, customer_id) or not _count_still(connection, due.reckonings):
        return None
    draft = replace(due.draft, sample=sample)
    invoice_id, document = issue_document(connection, operator_id, customer_id, draft, now)
    for one in due.reckonings:
        _keep(connection, invoice_id, one)
    order_delivery(connection, invoice_id, document, operator_id=operator_id, customer_id=customer_id, now=now)
    return document


def _count_still(connection: Connection, reckonings: Sequence[Reckoning]) -> bool:
    wanted = {change.cdr_id: change.rating_id for one in reckonings for change in one.changes}
    rows = connection.execute(select(cdr.c.id, CURRENT_RATING.label("now")).where(cdr.c.id.in_(list(wanted))))
    return {row.id: row.now for row in rows} == wanted


def _keep(connection: Connection, invoice_id: int, one: Reckoning) -> None:
    whose = {"invoice_id": invoice_id, "agreement_id": one.agreement_id, "month": str(one.month)}
    for i, (owed, stated) in enumerate(zip(one.owed(), one.stated, strict=True)):
        if owed != stated:
            connection.execute(insert(host_share).values(**whose, term=i, amount=owed - stated))
    rows = []
    for change in one.changes:
        more = change.now - change.before
        rows.append(
            {
                **whose,
                "cdr_id": change.cdr_id,
                "rating_id": change.rating_id,
                "energy_wh": more.energy,
                "energy_net": more.energy_net,
                "total_net": more.total_net,
            }
        )
    if rows:
        connection.execute(insert(host_session), rows)


def object_to(connection: Connection, number: str, reason: str, now: datetime) -> Invoice:
    """Note that the host objects to a statement, and issue its Storno. Nothing more goes out until it is settled.

    Raises:
        InvoiceError: there is no such statement, it was cancelled, or no reason is given.
    """
    rows = connection.execute(select(invoice.c.id, invoice.c.type_code).where(invoice.c.number == number)).all()
    if not any(row.type_code == SELF_BILLED for row in rows):
        raise InvoiceError(f"there is no statement {number!r}")
    document = cancel(connection, ByHand(number, reason), now)
    (found,) = [row.id for row in rows if row.type_code == SELF_BILLED]
    row = {"invoice_id": found, "at": now, "reason": reason.strip(), "outcome": ""}
    connection.execute(insert(host_objection).values(row))
    return document


def settle(connection: Connection, number: str, outcome: str, now: datetime) -> None:
    """Note what came of an objection; the next run states anew what the cancelled document did.

    Raises:
        InvoiceError: there is no open objection to that document, or no outcome is given.
    """
    if not outcome.strip():
        raise InvoiceError("tell what came of the objection")
    mine = select(invoice.c.id).where(invoice.c.number == number)
    changed = connection.execute(
        update(host_objection)
        .where(host_objection.c.invoice_id.in_(mine), host_objection.c.settled_at.is_(None))
        .values(settled_at=now, outcome=outcome.strip())
    )
    if not changed.rowcount:
        raise InvoiceError(f"there is no open objection to {number!r}")


@dataclass(frozen=True, slots=True)
class StatementRow:
    """A statement that was issued. `state`: issued, objected, settled (its objection is) or cancelled."""

    id: int
    number: str
    customer_id: str
    host: str
    issued_at: datetime
    total: Decimal
    currency: str
    state: str
    reason: str


def list_statements(connection: Connection, customer_id: str = "", operator_id: str = "") -> list[StatementRow]:
    """List the statements, those of one operator or host, the newest first."""
    c = invoice_cancellation.c
    query = (
        select(invoice, host_objection.c.reason, host_objection.c.settled_at, c.by_invoice_id)
        .outerjoin(host_objection, host_objection.c.invoice_id == invoice.c.id)
        .outerjoin(invoice_cancellation, c.invoice_id == invoice.c.id)
        .where(invoice.c.type_code == SELF_BILLED)
        .order_by(invoice.c.id.desc())
    )
    if customer_id:
        query = query.where(invoice.c.customer_id == customer_id)
    if operator_id:
        query = query.where(invoice.c.operator_id == operator_id)
    found = []
    for row in connection.execute(query):
        state = "cancelled" if row.by_invoice_id else "issued"
        if row.reason is not None:
            state = "settled" if row.settled_at else "objected"
        name = from_json(Invoice, row.body).seller.name
        facts = (row.id, row.number, row.customer_id, name, row.issued_at, -row.total_gross, row.currency)
        found.append(StatementRow(*facts, state, row.reason or ""))
    return found
