"""Dunning on the database: what each customer owes as dunning sees it, letters stored with all that follows from them.

All functions that write run inside one unit of work of `Store.write`.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Row, Select, func, insert, select

from backend.core.invoices.audit import Kept
from backend.core.invoices.chain import ChainKind
from backend.core.payments.direct_debit import Mandate, unusable
from backend.core.payments.dunning import Account, Claim, Debtor, Demand, Level, Policy, plan_letter
from backend.core.payments.dunning_letter import DunningLetter, dunning_mail, dunning_number
from backend.core.payments.late_interest import PUBLISHED
from backend.core.payments.open_item import BookingKind, OpenItem
from backend.core.people.access import EVERYTHING, View
from backend.core.record import from_json, to_json
from backend.store.chain import append
from backend.store.dunning_tables import (
    base_rate,
    dunning_letter,
    dunning_policy,
    dunning_step,
    dunning_stop,
    suspension,
)
from backend.store.invoice_tables import chain, invoice
from backend.store.invoices import load_debtor
from backend.store.mandates import mandates_by_reference
from backend.store.open_items import Posting, Target, book, customer_credit, list_items, set_dunning_level
from backend.store.outbox import queue
from backend.store.payment_tables import booking, debit
from backend.store.scope import of_operator
from backend.store.tables import customer, operator

_L, _S, _B = dunning_letter.c, dunning_step.c, booking.c
_CHUNK = 500
"""Ids in one query."""


@dataclass(frozen=True, slots=True)
class Case:
    """A customer with something open."""

    operator_id: str
    customer_id: str
    customer: str
    currency: str
    policy: Policy
    account: Account
    claims: tuple[Claim, ...]


@dataclass(frozen=True, slots=True)
class StoredDunning:
    """A letter that was sent, without its paper. `mail` is the letter of the outbox."""

    id: int
    number: str
    customer_id: str
    customer: str
    day: date
    level: int
    total: Decimal
    currency: str
    suspend_on: date | None
    mail: int


def load_policies(connection: Connection, operator_id: str) -> dict[str, Policy]:
    """Give the policies of an operator by customer; that of all others has the key ""."""
    p = dunning_policy.c
    rows = connection.execute(select(p.customer_id, p.body).where(p.operator_id == operator_id))
    return {"": Policy()} | {row.customer_id: from_json(Policy, row.body) for row in rows}


def load_rates(connection: Connection) -> dict[date, Decimal]:
    """Give the base rates that are known."""
    return {**PUBLISHED, **{row.valid_from: row.rate for row in connection.execute(select(base_rate))}}


def local_day(connection: Connection, operator_id: str, now: datetime) -> date:
    """Give an operator's date."""
    zone = connection.execute(select(operator.c.timezone).where(operator.c.id == operator_id)).scalar_one()
    return now.astimezone(ZoneInfo(zone)).date()


def load_cases(connection: Connection, operator_id: str, today: date, customer_id: str = "") -> list[Case]:
    """Read the customers of an operator who have something open, or one of them."""
    samples = set(connection.scalars(_samples(operator_id)))
    items = list_items(connection, operator_id=operator_id, customer_id=customer_id)
    by_customer: dict[str, list[OpenItem]] = defaultdict(list)
    for item in items:
        if item.invoice_id not in samples:
            by_customer[item.customer_id].append(item)
    facts = _Facts(connection, operator_id, [item.invoice_id for item in items], today)
    policies = load_policies(connection, operator_id)
    cases = []
    for who, own in by_customer.items():
        policy = policies.get(who, policies[""])
        account = _account(connection, who, policy, today, own[0].currency)
        claims = tuple(facts.claim(item) for item in own if item.currency == own[0].currency)
        cases.append(Case(operator_id, who, own[0].customer, own[0].currency, policy, account, claims))
    return cases


def _samples(operator_id: str) -> "Select[Any]":
    """Name the documents of demonstrations, which nobody has to pay."""
    sample = func.json_extract(invoice.c.body, "$.sample")
    return select(invoice.c.id).where(invoice.c.operator_id == operator_id, sample == 1)


def _account(connection: Connection, customer_id: str, policy: Policy, today: date, currency: str) -> Account:
    stop = dunning_stop.c
    found = connection.execute(select(stop.reason, stop.until).where(stop.customer_id == customer_id)).first()
    stops = found is not None and (found.until is None or today <= found.until)
    last = connection.scalar(select(func.max(_L.day, type_=_L.day.type)).where(_L.customer_id == customer_id))
    vat_id = connection.scalar(select(customer.c.vat_id).where(customer.c.id == customer_id))
    business = bool(vat_id) if policy.debtor is Debtor.AUTO else policy.debtor is Debtor.BUSINESS
    return Account(
        business=business,
        balance=customer_credit(connection, customer_id, currency),
        stop=found.reason if found and stops else "",
        last_letter_on=last,
    )


class _Facts:
    """What is known of claims beside their items, read for all of them at once."""

    def __init__(self, connection: Connection, operator_id: str, ids: Sequence[int], today: date) -> None:
        self._today = today
        self._mandates: Mapping[str, Mandate] = mandates_by_reference(connection, operator_id)
        body, i = invoice.c.body, invoice.c.id
        issued, output = func.json_extract(body, "$.issued_on"), func.json_extract(body, "$.output")
        documents = select(i, issued.label("issued_on"), output.label("output"))
        self._documents = {row.id: row for row in _rows(connection, documents, i, ids)}
        changes = select(_B.invoice_id, _B.kind, _B.amount, _B.booked_on)
        self._bookings = _grouped(_rows(connection, changes.order_by(_B.booked_on, _B.id), _B.invoice_id, ids))
        tried = select(debit.c.invoice_id, debit.c.state).where(debit.c.state != "withdrawn")
        self._debits = _grouped(_rows(connection, tried.order_by(debit.c.id), debit.c.invoice_id, ids))
        steps = select(dunning_step, _L.day, _L.suspend_on, suspension.c.lifted_why).join(
            dunning_letter, _L.id == _S.dunning_id
        )
        steps = steps.outerjoin(suspension, suspension.c.dunning_id == _L.id).order_by(_L.id)
        self._steps = _grouped(_rows(connection, steps, _S.invoice_id, ids))

    def claim(self, item: OpenItem) -> Claim:
        """Put together what dunning needs of an item."""
        key, steps = item.invoice_id, self._steps[item.invoice_id]
        raised = {row.level: row for row in steps if row.raised}
        issued_on = date.fromisoformat(self._documents[key].issued_on)
        states = [row.state for row in self._debits[key]]
        announced = raised.get(Level.DUNNING_2)
        by_hand = announced is not None and announced.lifted_why not in (None, "", "paid")
        return Claim(
            invoice_id=key,
            number=item.number,
            issued_on=issued_on,
            due_on=item.due_on,
            open=item.open,
            owed=tuple(_owed(item, issued_on, self._bookings[key])),
            level=item.dunning_level,
            level_on=raised[item.dunning_level].day if item.dunning_level in raised else None,
            warned_on=raised[Level.DUNNING_1].day if Level.DUNNING_1 in raised else None,
            suspend_on=announced.suspend_on if announced and not by_hand else None,
            disputed=item.disputed,
            debited=item.debited,
            collectable=self._collectable(item, states),
            returned_on=self._returned_on(key) if states[-1:] == ["returned"] else None,
            told=self._documents[key].output != "xrechnung",
            lump_sum=any(row.lump_sum for row in steps),
            interest_until=max((row.interest_until for row in steps if row.interest_until), default=None),
        )

    def _collectable(self, item: OpenItem, states: Sequence[str]) -> bool:
        mandate = self._mandates.get(item.mandate)
        return bool(item.mandate) and not states and mandate is not None and not unusable(mandate, self._today)

    def _returned_on(self, invoice_id: int) -> date | None:
        days = [row.booked_on for row in self._bookings[invoice_id] if row.kind == BookingKind.RETURN]
        return max(days, default=None)


def _owed(item: OpenItem, issued_on: date, rows: "Iterable[Row[Any]]") -> Iterator[tuple[date, Decimal]]:
    """Give what was owed by the end of days, without costs that came later."""
    left, day = item.amount, issued_on
    for row in rows:
        if row.kind == BookingKind.FEE:
            continue
        if row.booked_on > day:
            yield day, left
            day = row.booked_on
        left += row.amount
    yield day, left


# Any: rows have the columns of their query.
def _rows(connection: Connection, query: "Select[Any]", column: Any, ids: Sequence[int]) -> "Iterator[Row[Any]]":
    for start in range(0, len(ids), _CHUNK):
        yield from connection.execute(query.where(column.in_(ids[start : start + _CHUNK])))


def _grouped(rows: "Iterable[Row[Any]]") -> "dict[int, list[Row[Any]]]":
    found: dict[int, list[Row[Any]]] = defaultdict(list)
    for row in rows:
        found[row.invoice_id].append(row)
    return found


def write_letter(connection: Connection, case: Case, demand: Demand) -> DunningLetter:
    """Address a demand."""
    debtor = load_debtor(connection, case.customer_id)
    account = debtor.account
    return DunningLetter(
        number=dunning_number(case.customer_id, demand),
        operator_id=case.operator_id,
        customer_id=case.customer_id,
        seller=account.seller,
        buyer=account.buyer,
        iban=account.iban,
        bic=account.bic,
        language=account.language,
        currency=case.currency,
        demand=demand,
    )


def store_letter(connection: Connection, letter: DunningLetter, pdf: bytes, now: datetime) -> int | None:
    """Store a letter, order its mail, claim its costs and raise the levels. Gives its id.

    None, and nothing is changed, if what it asks for is no longer what is owed: a payment came in meanwhile, or
    somebody else has sent a letter.
    """
    day = letter.demand.day
    (case,) = load_cases(connection, letter.operator_id, day, letter.customer_id) or (None,)
    rates = load_rates(connection)
    if case is None or plan_letter(case.account, case.claims, case.policy, rates, day).demand != letter.demand:
        return None
    mail = queue(connection, dunning_mail(letter, _recipients(connection, letter), pdf), now)
    body = to_json(letter)
    row = {
        "operator_id": letter.operator_id,
        "customer_id": letter.customer_id,
        "number": letter.number,
        "day": day,
        "level": letter.demand.level,
        "suspend_on": letter.demand.suspend_on,
        "total": letter.demand.total,
        "at": now,
        "letter_id": mail,
        "body": body,
        "pdf": pdf,
    }
    number = int(connection.execute(insert(dunning_letter).values(row).returning(_L.id)).scalar_one())
    for item in letter.demand.items:
        step = {
            "dunning_id": number,
            "invoice_id": item.invoice_id,
            "level": item.level,
            "raised": item.raised,
            "interest": item.interest,
            "interest_until": item.interest_until,
            "lump_sum": item.lump_sum,
        }
        connection.execute(insert(dunning_step).values(step))
        if item.raised:
            set_dunning_level(connection, item.invoice_id, item.level)
    account = Target(letter.operator_id, letter.customer_id, letter.currency)
    for kind, amount in letter.demand.costs:
        posting = Posting(kind=BookingKind.FEE, amount=amount, booked_on=day, note=kind.value)
        book(connection, account, posting, now)
    append(connection, letter.operator_id, ChainKind.DUNNING, letter.number, body.encode() + pdf, now)
    return number


def _recipients(connection: Connection, letter: DunningLetter) -> tuple[str, ...]:
    named = connection.execute(select(customer.c.recipients).where(customer.c.id == letter.customer_id)).scalar_one()
    return tuple(json.loads(named)) or (letter.buyer.email,)


def read_chained(connection: Connection, operator_id: str) -> Iterator[Kept]:
    """Read an operator's letters with what the chain has of them."""
    mine = (chain.c.operator_id == operator_id) & (chain.c.kind == ChainKind.DUNNING)
    known = {row.ref: row.sha256 for row in connection.execute(select(chain.c.ref, chain.c.sha256).where(mine))}
    query = select(_L.number, _L.body, _L.pdf).where(_L.operator_id == operator_id).order_by(_L.id)
    for row in connection.execute(query.execution_options(yield_per=100)):
        yield Kept(ChainKind.DUNNING, row.number, row.body.encode() + row.pdf, known.get(row.number))


def list_letters(
    connection: Connection, *, customer_id: str = "", limit: int = 100, view: View = EVERYTHING
) -> list[StoredDunning]:
    """List letters, the newest first, of all customers or one."""
    query = (
        select(dunning_letter, customer.c.name, operator.c.currency)
        .join(customer, customer.c.id == _L.customer_id)
        .join(operator, operator.c.id == _L.operator_id)
        .where(of_operator(view, _L.operator_id))
        .order_by(_L.id.desc())
        .limit(limit)
    )
    if customer_id:
        query = query.where(_L.customer_id == customer_id)
    return [
        StoredDunning(
            id=row.id,
            number=row.number,
            customer_id=row.customer_id,
            customer=row.name,
            day=row.day,
            level=row.level,
            total=row.total,
            currency=row.currency,
            suspend_on=row.suspend_on,
            mail=row.letter_id,
        )
        for row in connection.execute(query)
    ]


def letter_pdf(connection: Connection, dunning_id: int) -> tuple[str, bytes] | None:
    """Give number and paper of a letter."""
    row = connection.execute(select(_L.number, _L.pdf).where(_L.id == dunning_id)).one_or_none()
    return (row.number, row.pdf) if row else None
