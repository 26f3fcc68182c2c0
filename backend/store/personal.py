"""What there is of a person, and how it goes. Changes run inside one unit of work of `Store.write`."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, Select, and_, delete, false, func, or_, select, update
from sqlalchemy.dialects.sqlite import insert

from backend.core.invoices.letter import State as LetterState
from backend.core.people.access import View
from backend.core.people.retention import Facts
from backend.core.transaction import State
from backend.store import outbox
from backend.store.accounts import end_sessions
from backend.store.dunning_tables import dunning_letter, dunning_stop
from backend.store.home_tables import home_charging
from backend.store.invoice_tables import invoice, unbilled_cdr, unbilled_fee
from backend.store.letter_tables import letter
from backend.store.open_items import credits_by_customer, list_items
from backend.store.payment_tables import debit, debit_batch, mandate
from backend.store.people_tables import account, api_token, restriction
from backend.store.purging import forget_who_charged, is_billed
from backend.store.rating_tables import cdr, fee
from backend.store.scope import transactions_in
from backend.store.tables import charging_transaction, contract, customer, id_token, operator, person, tax_evidence

_T, _K, _L, _M, _R = charging_transaction.c, id_token.c, letter.c, mandate.c, restriction.c
_WAITING = (LetterState.QUEUED, LetterState.SENDING, LetterState.RETRY)
_AT_ONCE = 1000
"""Values in one statement: a database takes only so many."""
_HAS_HOME = person.c.id.in_(select(home_charging.c.user_id))
_WAS_USED = or_(_M.used_before.is_not(None), select(debit.c.id).where(debit.c.mandate_id == _M.id).exists())


@dataclass(frozen=True, slots=True)
class Whom:
    """A person: a customer, or with a user id one of those who charge for them."""

    operator_id: str
    customer_id: str
    user_id: str = ""


@dataclass(frozen=True, slots=True)
class Restriction:
    """Who was erased, when, and the day from which nothing is left (None: nothing was left then)."""

    whom: Whom
    since: datetime
    until: date | None


def is_known(connection: Connection, whom: Whom) -> bool:
    """Tell whether the operator has that customer, and the customer that user."""
    c = customer.c
    own = select(c.id).where(c.id == whom.customer_id, c.operator_id == whom.operator_id)
    if connection.scalar(own) is None:
        return False
    p = person.c
    users = select(p.id).where(p.id == whom.user_id, p.customer_id == whom.customer_id)
    erased = select(_R.id).where(_R.customer_id == whom.customer_id, _R.user_id == whom.user_id)
    parts = (users, select(_K.token).where(_tokens_of(whom)), erased)
    return not whom.user_id or any(connection.execute(part.limit(1)).first() for part in parts)


def zone_of(connection: Connection, operator_id: str) -> ZoneInfo:
    """Give an operator's time zone."""
    return ZoneInfo(connection.execute(select(operator.c.timezone).where(operator.c.id == operator_id)).scalar_one())


def read_facts(connection: Connection, whom: Whom) -> Facts:
    """Count what there is of a person."""
    sessions = sessions_of(whom)
    states = connection.execute(select(_T.state, _T.rerate_reason != "", is_billed()).where(sessions)).all()
    tokens = list(connection.scalars(select(_K.token).where(_tokens_of(whom))))
    kept = _used_tokens(connection, tokens, is_billed())
    mails = letters_of(connection, whom)
    facts = Facts(
        running=sum(state == State.RUNNING for state, *_ in states),
        unbilled=sum(state in (State.ENDED, State.HELD) or again for state, again, _ in states)
        + _count(connection, _waiting_cdrs().where(sessions)),
        persons=_count(connection, select(person.c.id).where(_persons_of(whom), ~_HAS_HOME)),
        home_years=_count(connection, select(home_charging.c.year).where(_home_of(whom))),
        accounts=len(accounts_of(connection, whom)),
        tokens=len(tokens) - len(kept),
        tokens_billed=len(kept),
        letters=_count(connection, select(_L.id).where(mails, _L.recipients != outbox.GONE)),
        letters_waiting=_count(connection, select(_L.id).where(mails, _L.state.in_(_WAITING))),
        sessions=_count(connection, free_sessions(whom)),
        billed_sessions=sum(billed for *_, billed in states),
        last_invoice=_last_invoice(connection, whom),
    )
    return facts if whom.user_id else _with_customer(connection, whom, facts)


def _with_customer(connection: Connection, whom: Whom, facts: Facts) -> Facts:
    own, mine = whom.customer_id, _M.customer_id == whom.customer_id
    credit = credits_by_customer(connection, whom.operator_id).get(own)
    items = list_items(connection, operator_id=whom.operator_id, customer_id=own)
    fees = select(unbilled_fee.c.fee_id).where(
        unbilled_fee.c.fee_id.in_(select(fee.c.id).where(fee.c.customer_id == own))
    )
    debits = debit.c.mandate_id.in_(select(_M.id).where(mine))
    live = select(debit.c.id).where(debits, debit.c.state == "live")
    days = select(func.max(debit_batch.c.collect_on)).where(
        debit_batch.c.id.in_(select(debit.c.batch_id).where(debits))
    )
    before = select(func.max(_M.used_before)).where(mine)
    return replace(
        facts,
        unbilled=facts.unbilled + _count(connection, fees),
        unsettled=len(items) + bool(credit),
        debits=_count(connection, live),
        profile=_count(connection, select(customer.c.id).where(customer.c.id == own, customer.c.name != own)),
        invoices=_count(connection, select(invoice.c.id).where(invoice.c.customer_id == own)),
        mandates=_count(connection, select(_M.id).where(mine, ~_WAS_USED)),
        mandates_used=_count(connection, select(_M.id).where(mine, _WAS_USED)),
        last_debit=max(filter(None, (connection.scalar(days), connection.scalar(before))), default=None),
        evidence=_count(connection, select(tax_evidence.c.id).where(tax_evidence.c.customer_id == own)),
    )


def erase_now(connection: Connection, whom: Whom, today: date, now: datetime) -> None:
    """Erase what nothing asks to keep; what remains is blocked. Sessions lose their tokens before these go."""
    sessions = list(connection.scalars(free_sessions(whom)))
    tokens = list(connection.scalars(select(_K.token).where(_tokens_of(whom))))
    mails = list(connection.scalars(select(_L.id).where(letters_of(connection, whom))))
    for start in range(0, len(sessions), _AT_ONCE):
        forget_who_charged(connection, whom.operator_id, sessions[start : start + _AT_ONCE], now)
    for start in range(0, len(mails), _AT_ONCE):
        outbox.forget(connection, mails[start : start + _AT_ONCE])
    for one in accounts_of(connection, whom):
        end_sessions(connection, one)
        connection.execute(delete(api_token).where(api_token.c.account_id == one))
        connection.execute(delete(account).where(account.c.id == one))
    kept = _used_tokens(connection, tokens)
    connection.execute(delete(id_token).where(_K.token.in_(set(tokens) - kept)))
    connection.execute(update(id_token).where(_K.token.in_(kept)).values(blocked=True, holder=""))
    connection.execute(delete(person).where(_persons_of(whom), ~_HAS_HOME))
    connection.execute(update(person).where(_persons_of(whom)).values(email=""))
    if not whom.user_id:
        _erase_customer(connection, whom, today, now)


def _erase_customer(connection: Connection, whom: Whom, today: date, now: datetime) -> None:
    """Leave a number where the customer was; contracts end, mandates are revoked or go if they were never used."""
    own, c, k = whom.customer_id, customer.c, contract.c
    connection.execute(delete(mandate).where(_M.customer_id == own, ~_WAS_USED))
    connection.execute(
        update(mandate).where(_M.customer_id == own, _M.revoked_on.is_(None)).values(revoked_on=today, paused="erased")
    )
    connection.execute(delete(dunning_stop).where(dunning_stop.c.customer_id == own))
    connection.execute(update(contract).where(k.customer_id == own).values(name=""))
    connection.execute(
        update(contract).where(k.customer_id == own, or_(k.valid_to.is_(None), k.valid_to > now)).values(valid_to=now)
    )
    texts = ("street", "postcode", "city", "vat_id", "email", "buyer_reference", "order_number", "card", "cost_centre")
    blank = dict.fromkeys(texts, "") | {"name": own, "recipients": "[]", "cc_user": False}
    connection.execute(update(customer).where(c.id == own).values(blank))


def restrict(connection: Connection, whom: Whom, until: date | None, now: datetime) -> None:
    """Note that a person was erased, and until when something of them is kept; the first time counts as since."""
    values = {"operator_id": whom.operator_id, "customer_id": whom.customer_id, "user_id": whom.user_id}
    told = until.isoformat() if until else ""
    added = insert(restriction).values(values | {"since": now, "until": told})
    connection.execute(
        added.on_conflict_do_update(index_elements=["operator_id", "customer_id", "user_id"], set_={"until": told})
    )


def list_restrictions(connection: Connection, operator_id: str) -> list[Restriction]:
    """List who was erased, the last one first."""
    rows = connection.execute(select(restriction).where(_R.operator_id == operator_id).order_by(_R.id.desc()))
    return [
        Restriction(
            Whom(row.operator_id, row.customer_id, row.user_id),
            row.since,
            date.fromisoformat(row.until) if row.until else None,
        )
        for row in rows
    ]


def sessions_of(whom: Whom) -> "ColumnElement[bool]":
    """Give the condition that a session is theirs."""
    if not whom.user_id:
        return transactions_in(View(whom.operator_id, customer_id=whom.customer_id))
    theirs = _T.id_token.in_(select(_K.token).where(_tokens_of(whom)))
    return and_(_T.operator_id == whom.operator_id, theirs)


# Any: one column, a number.
def free_sessions(whom: Whom) -> "Select[Any]":
    """Select their sessions that no document needs and that still tell who charged."""
    return select(_T.id).where(sessions_of(whom), ~is_billed(), _T.id_token.not_like("erased-%"))


def letters_of(connection: Connection, whom: Whom) -> "ColumnElement[bool]":
    """Give the condition that a letter is about their documents or went to one of their addresses."""
    addresses = set(connection.scalars(select(person.c.email).where(_persons_of(whom))))
    documents = select(invoice.c.number).where(invoice.c.customer_id == whom.customer_id)
    parts: list[ColumnElement[bool]] = []
    if not whom.user_id:
        dunned = select(dunning_letter.c.letter_id).where(dunning_letter.c.customer_id == whom.customer_id)
        parts = [_L.document.in_(documents), _L.id.in_(dunned)]
        addresses |= set(connection.scalars(select(customer.c.email).where(customer.c.id == whom.customer_id)))
    parts += [_L.recipients.contains(json.dumps(one), autoescape=True) for one in sorted(addresses) if one]
    return and_(_L.operator_id == whom.operator_id, or_(false(), *parts))


def _waiting_cdrs() -> "Select[Any]":
    joined = unbilled_cdr.join(cdr).join(charging_transaction, charging_transaction.c.id == cdr.c.transaction_id)
    return select(unbilled_cdr.c.cdr_id).select_from(joined)


def _tokens_of(whom: Whom) -> "ColumnElement[bool]":
    mine = and_(_K.operator_id == whom.operator_id, _K.customer_id == whom.customer_id)
    return and_(mine, _K.user_id == whom.user_id) if whom.user_id else mine


def _used_tokens(
    connection: Connection, tokens: Sequence[str], wanted: "ColumnElement[bool] | None" = None
) -> set[str]:
    """Give those tokens that sessions have."""
    query = select(_T.id_token).where(_T.id_token.in_(tokens)).distinct()
    return set(connection.scalars(query if wanted is None else query.where(wanted)))


def _persons_of(whom: Whom) -> "ColumnElement[bool]":
    mine = person.c.customer_id == whom.customer_id
    return and_(mine, person.c.id == whom.user_id) if whom.user_id else mine


def _home_of(whom: Whom) -> "ColumnElement[bool]":
    return home_charging.c.user_id.in_(select(person.c.id).where(_persons_of(whom)))


def accounts_of(connection: Connection, whom: Whom) -> list[str]:
    """List the ids of their accounts."""
    a = account.c
    users = select(person.c.id).where(_persons_of(whom)).union(select(_K.user_id).where(_tokens_of(whom)))
    theirs = and_(a.user_id != "", a.user_id.in_(users))
    wanted = theirs if whom.user_id else or_(theirs, a.customer_id == whom.customer_id)
    return list(connection.scalars(select(a.id).where(a.operator_id == whom.operator_id, wanted)))


def _last_invoice(connection: Connection, whom: Whom) -> date | None:
    """Give the local day of the last document that needs something of them."""
    query = select(func.max(invoice.c.issued_at)).where(invoice.c.customer_id == whom.customer_id)
    last: datetime | None = connection.scalar(query)
    return last.astimezone(zone_of(connection, whom.operator_id)).date() if last else None


def _count(connection: Connection, query: "Select[Any]") -> int:  # Any: of whatever columns
    return connection.execute(select(func.count()).select_from(query.subquery())).scalar_one()
