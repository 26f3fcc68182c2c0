"""Drafts: what a group of charges would be as documents, and the commit that issues one just once.

A draft is made anew by whoever needs it. Only those that can't go out are kept (`keep_waiting`), to be shown.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from sqlalchemy import Connection, delete, func, insert, select

from backend.core.invoices.billing_period import Group, Source
from backend.core.invoices.billing_profile import Grouping, Payment, Place
from backend.core.invoices.invoice import Account, Charges, Correction, InvoiceDraft, draft_documents
from backend.core.invoices.invoice_check import problems
from backend.core.invoices.invoice_run import DraftKey, slot_of
from backend.core.invoices.small_invoice import ad_hoc_account
from backend.core.invoices.tax_evidence import Treatment, treatment
from backend.core.payments.direct_debit import announce
from backend.core.people.access import EVERYTHING, View
from backend.core.tariffs.tariff import PriceBasis
from backend.store.ad_hoc import find_payer
from backend.store.fees import load_fees
from backend.store.hand_credits import hand_credits
from backend.store.invoice_tables import (
    draft_waiting,
    invoice,
    invoice_cdr,
    invoice_correction,
    invoice_draft,
    invoice_fee,
)
from backend.store.invoices import Bearing, Debtor, issue, load_bearing, load_corrections, load_debtor
from backend.store.rated_sessions import load_sessions
from backend.store.rating_tables import cdr
from backend.store.ratings import lost_prices
from backend.store.scope import invoices_in
from backend.store.tables import charge_point, charging_transaction, customer, location, operator

_TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class DueDraft:
    """A draft that is due, with what it charges. It is issued unless `problems` names why not.

    `notes` tells what a person should know: for instance that a certificate has expired and VAT is charged.
    """

    key: DraftKey
    debtor: Debtor
    draft: InvoiceDraft
    bears: Bearing
    problems: tuple[str, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Issued:
    """An invoice that was issued now, or `again` if that had been done before."""

    number: str
    owed: Decimal
    again: bool


@dataclass(frozen=True, slots=True)
class Waiting:
    """A draft that did not go out. `state` is `blocked` or `carried`; local days. `count` is not stored."""

    key: str
    operator_id: str
    customer_id: str
    customer: str
    state: str
    first: date
    last: date
    currency: str
    total: Decimal
    reasons: tuple[str, ...]
    since: datetime
    count: int = 0


@dataclass(slots=True)
class _Part:
    """What goes on one document, with the ids of its fees, how it is taxed, and what a person must decide first."""

    treatment: Treatment
    charges: Charges
    fees: tuple[int, ...] = ()
    problems: tuple[str, ...] = ()


def draft_group(connection: Connection, group: Group, now: datetime, standard_vat: Decimal) -> list[DueDraft]:
    """Draft the documents of a group: one for each currency, price basis and tax treatment.

    Args:
        connection: to read by.
        group: at least one.
        now: the time of issue.
        standard_vat: per cent, of what is taxed for want of evidence.
    """
    debtor = load_debtor(connection, group[0].customer_id)
    found = []
    for names, part in _parts(connection, group, debtor).items():
        account = with_debit(_account(connection, debtor, group, part, standard_vat), debtor, now)
        if debtor.ad_hoc:
            payer = find_payer(connection, int(group[0].value)) if group[0].value else None
            account = ad_hoc_account(account, payer, again=bool(part.charges.corrections))
        for draft, charges in draft_documents(account, part.charges, now):
            variant = "/".join((*names, draft.type_code))
            slot = slot_of(group, variant)
            bears = load_bearing(
                connection,
                [session.cdr_id for session in charges.sessions],
                [correction.session.cdr_id for correction in charges.corrections],
                part.fees if charges.fees else (),
            )
            lapsed = part.treatment.lapsed
            found.append(
                DueDraft(
                    key=DraftKey(slot, _last_generation(connection, slot) + 1),
                    debtor=debtor,
                    draft=draft,
                    bears=bears,
                    problems=(*problems(draft), *_untaxed(draft, lapsed), *part.problems),
                    notes=(f"{lapsed}: {standard_vat} % VAT is charged",) if lapsed else (),
                )
            )
    return found


def with_debit(account: Account, debtor: Debtor, now: datetime) -> Account:
    """Give the account with the mandate that is usable when what is issued now falls due."""
    if account.payment is not Payment.DIRECT_DEBIT:
        return account
    due_on = now.astimezone(account.zone).date() + timedelta(days=account.payment_days)
    return replace(account, direct_debit=announce(debtor.creditor_id, debtor.mandates, due_on))


def _untaxed(draft: InvoiceDraft, lapsed: str) -> Iterable[str]:
    if lapsed and draft.basis is PriceBasis.GROSS and not all(line.vat for line in draft.lines):
        yield f"{lapsed}, and gross prices without VAT can't have it added: enter the evidence, or net prices"


def _parts(connection: Connection, group: Group, debtor: Debtor) -> Mapping[tuple[str, ...], _Part]:
    """Divide what is charged into documents, by what tells them apart."""
    ids = {source: [one.id for one in group if one.source is source] for source in Source}
    found: dict[tuple[str, ...], _Part] = {}

    def part(currency: str, basis: PriceBasis, at: datetime, *apart: str) -> _Part:
        how = treatment(debtor.tax_status, debtor.evidence, at.astimezone(debtor.account.zone).date())
        return found.setdefault((currency, basis, how.case, *apart), _Part(how, Charges()))

    lost = lost_prices(connection, ids[Source.SESSION])
    for session in load_sessions(connection, ids[Source.SESSION]):
        why = lost.get(session.cdr_id)
        apart = ("no price",) if why else ()  # so that it keeps nothing else back
        one = part(session.rating.currency, session.rating.basis, session.started_at, *apart)
        one.charges = replace(one.charges, sessions=(*one.charges.sessions, session))
        one.problems += (f"session {session.transaction_id}: {why}",) if why else ()
    by_hand = hand_credits(connection, ids[Source.CORRECTION])
    for correction in load_corrections(connection, ids[Source.CORRECTION]):
        given = by_hand.get(correction.session.cdr_id, {})
        apart = ("by hand",) if given else ()  # likewise
        one = part(correction.before.currency, correction.before.basis, correction.session.started_at, *apart)
        one.charges = replace(one.charges, corrections=(*one.charges.corrections, correction))
        one.problems += tuple(_given_back(correction, given))
    for fee_id, fee in load_fees(connection, ids[Source.FEE]):
        one = part(fee.rating.currency, fee.rating.basis, fee.end - _TICK)
        one.charges = replace(one.charges, fees=(*one.charges.fees, fee))
        one.fees = (*one.fees, fee_id)
    return found


def _given_back(correction: Correction, given: Mapping[str, Decimal]) -> Iterable[str]:
    """Leave it to a person whether what was given back by hand is already what the new rating takes back."""
    if given:
        numbers, amount = ", ".join(sorted(given)), sum(given.values(), Decimal(0))
        yield (
            f"session {correction.session.transaction_id} was rated again, but {numbers} gave back {amount} "
            f"{correction.before.currency} of it by hand: cancel {numbers}, and it is corrected by itself"
        )


def _account(connection: Connection, debtor: Debtor, group: Group, part: _Part, standard_vat: Decimal) -> Account:
    """Give the account with what is of this document alone: tax and place."""
    sessions = [*part.charges.sessions, *(one.session for one in part.charges.corrections)]
    cdr_ids = [session.cdr_id for session in sessions]
    by_place = debtor.grouping in (Grouping.CHARGE_POINT, Grouping.LOCATION) and not part.charges.fees
    return replace(
        debtor.account,
        tax_case=part.treatment.case,
        standard_vat=standard_vat if part.treatment.lapsed else None,
        equipment=group[0].value if debtor.grouping is Grouping.CHARGE_POINT else "",
        place=_place(connection, cdr_ids) if by_place else None,
    )


def _place(connection: Connection, cdr_ids: Sequence[int]) -> Place | None:
    """Give the one site of sessions, as far as its address is known: that of its own row, else of its charge point."""
    p, s = charge_point.c, location.c
    query = (
        select(
            func.coalesce(s.id, p.id).label("id"),
            *(func.coalesce(s[name], p[name]).label(name) for name in ("name", "street", "postcode", "city")),
            func.coalesce(s.country, operator.c.country).label("country"),
        )
        .join_from(cdr, charging_transaction, charging_transaction.c.id == cdr.c.transaction_id)
        .join(charge_point, p.id == charging_transaction.c.charge_point_id)
        .join(operator, operator.c.id == p.operator_id)
        .outerjoin(location, s.id == p.location_id)
        .where(cdr.c.id.in_(cdr_ids))
        .distinct()
    )
    rows = connection.execute(query).all()
    if len(rows) != 1 or not (rows[0].postcode and rows[0].city):
        return None
    row = rows[0]
    return Place(row.id, row.name, row.street, row.postcode, row.city, row.country)


def _last_generation(connection: Connection, slot: str) -> int:
    last = select(func.max(invoice_draft.c.generation)).where(invoice_draft.c.slot == slot)
    return connection.scalar(last) or 0


def issue_draft(connection: Connection, due: DueDraft, now: datetime) -> Issued | None:
    """Issue a draft, once: who comes again with the same draft is given the number that it has.

    Runs inside one unit of work of `Store.write`. None if what it charges has changed since it was drafted.
    """
    d = invoice_draft.c
    mine = (d.slot == due.key.slot, d.generation == due.key.generation)
    query = select(invoice.c.id, invoice.c.number, invoice.c.total_gross).join(invoice_draft).where(*mine)
    if row := connection.execute(query).one_or_none():
        same = _borne(connection, row.id) == (set(due.bears.sessions), set(due.bears.corrections), set(due.bears.fees))
        return Issued(row.number, row.total_gross, again=True) if same else None
    document = issue(connection, due.debtor, due.draft, due.bears, now)
    if document is None:
        return None
    named = select(invoice.c.id).where(
        invoice.c.operator_id == due.debtor.operator_id, invoice.c.number == document.number
    )
    values = {"slot": due.key.slot, "generation": due.key.generation}
    connection.execute(insert(invoice_draft).values(invoice_id=named.scalar_subquery(), **values))
    return Issued(document.number, document.owed, again=False)


def find_issued(connection: Connection, key: str, view: View = EVERYTHING) -> Issued | None:
    """Give the invoice that a draft became, None if it became none."""
    slot, _, generation = key.rpartition("-")
    if not generation.isdecimal():
        return None
    query = select(invoice.c.number, invoice.c.total_gross).join(invoice_draft)
    query = query.where(invoice_draft.c.slot == slot, invoice_draft.c.generation == int(generation[:9]))
    query = query.where(invoices_in(view))
    row = connection.execute(query).one_or_none()
    return Issued(row.number, row.total_gross, again=True) if row else None


def _borne(connection: Connection, invoice_id: int) -> tuple[set[int], set[int], set[int]]:
    """Tell what an invoice charges: CDRs, corrected CDRs, fees."""
    sessions, corrections, fees = (
        set(connection.scalars(select(column).where(column.table.c.invoice_id == invoice_id)))
        for column in (invoice_cdr.c.cdr_id, invoice_correction.c.cdr_id, invoice_fee.c.fee_id)
    )
    return sessions, corrections, fees


def read_waiting(connection: Connection) -> list[Waiting]:
    """List the drafts that did not go out, those that wait longest first."""
    w = draft_waiting.c
    rows = connection.execute(
        select(draft_waiting, customer.c.name).join(customer, customer.c.id == w.customer_id).order_by(w.since, w.key)
    )
    return [
        Waiting(
            key=row.key,
            operator_id=row.operator_id,
            customer_id=row.customer_id,
            customer=row.name,
            state=row.state,
            first=date.fromisoformat(row.period_start),
            last=date.fromisoformat(row.period_end),
            currency=row.currency,
            total=row.total,
            reasons=tuple(json.loads(row.reasons)),
            since=row.since,
        )
        for row in rows
    ]


def keep_waiting(connection: Connection, found: Iterable[Waiting]) -> None:
    """Make the stored drafts those that were found. Whoever waits on keeps the time since when."""
    known = {one.key: one for one in read_waiting(connection)}
    wanted = {one.key: one for one in found}
    if gone := [key for key, one in known.items() if not _same(one, wanted.get(key))]:
        connection.execute(delete(draft_waiting).where(draft_waiting.c.key.in_(gone)))
    for key, one in wanted.items():
        if not _same(known.get(key), one):
            since = known[key].since if key in known else one.since
            connection.execute(insert(draft_waiting).values(_row(replace(one, since=since))))


def is_kept(connection: Connection, found: Iterable[Waiting]) -> bool:
    """Tell whether the stored drafts are those that were found: then nothing needs to be written."""
    known, wanted = {one.key: one for one in read_waiting(connection)}, {one.key: one for one in found}
    return known.keys() == wanted.keys() and all(_same(one, wanted[key]) for key, one in known.items())


def _same(one: Waiting | None, other: Waiting | None) -> bool:
    if one is None or other is None:
        return one is other
    return replace(one, since=other.since, customer=other.customer, count=other.count) == other


def _row(one: Waiting) -> dict[str, object]:
    return {
        "key": one.key,
        "operator_id": one.operator_id,
        "customer_id": one.customer_id,
        "state": one.state,
        "period_start": one.first.isoformat(),
        "period_end": one.last.isoformat(),
        "currency": one.currency,
        "total": one.total,
        "reasons": json.dumps(one.reasons, ensure_ascii=False),
        "since": one.since,
    }
