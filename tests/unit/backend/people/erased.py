"""A customer who charged, paid and is known by name in many places: for tests of what must go."""

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar, cast

from sqlalchemy import Connection, insert, select, update

from backend.core.payments.open_item import BookingKind
from backend.core.people.access import Account, Role
from backend.core.rates.rating import Policy
from backend.jobs.issue_invoices import BillingSettings, InvoiceIssuer
from backend.jobs.rate_ended import rate_ended
from backend.people.people import add_user
from backend.store import letter_tables, signed_tables
from backend.store import tables as t
from backend.store.open_items import Posting, book, list_items, target_of
from backend.store.writer import Store
from shared.clock import ManualClock
from tests.unit.backend.billing_example import BUYER, EVENING
from tests.unit.backend.billing_store import add_transaction, billing_store

T = TypeVar("T")
NOW = EVENING + timedelta(days=40)
OTHER_TOKEN = "04FFEE"


async def charge(store: Store) -> None:
    """Bill one session, and let another one be on no invoice: what it costs was waived."""
    await add_transaction(store)
    clock = ManualClock(EVENING + timedelta(days=2))
    await rate_ended(store, clock, Policy())
    await InvoiceIssuer(store, clock, BillingSettings()).run()
    free = await add_transaction(store, start=EVENING + timedelta(days=3), state="waived", id_token=OTHER_TOKEN)
    await store.write(lambda unit: _know(unit, free))


def _know(unit: Connection, free: int) -> None:
    own = {"operator_id": "acme", "customer_id": BUYER.id}
    unit.execute(
        insert(t.person).values(own | {"id": "P-1", "name": "Erika", "email": "p@example.com", "cost_centre": ""})
    )
    unit.execute(
        insert(t.id_token).values(own | {"token": OTHER_TOKEN, "holder": "Erika", "blocked": False, "user_id": "P-1"})
    )
    started = {"idTag": OTHER_TOKEN, "connectorId": 1, "meterStart": 5}
    event = {"transaction_id": free, "kind": "Started", "message_id": "1", "received_at": EVENING}
    unit.execute(insert(t.transaction_event).values(event | {"payload": json.dumps(started)}))
    record = {"transaction_id": free, "charge_point_id": "CP-1", "evse_id": 1, "message_id": "1", "at": EVENING}
    method = {"sha256": "", "public_key": "", "signing_method": "", "encoding_method": ""}
    unit.execute(
        insert(signed_tables.signed_record).values(
            record | method | {"received_at": EVENING, "context": "", "raw": b'OCMF|{"ID":"04FFEE"}'}
        )
    )
    add_user(unit, Account("", "erika@example.com", "Erika", Role.CUSTOMER, "acme", BUYER.id), "x", NOW)


def settle(unit: Connection) -> None:
    unit.execute(update(letter_tables.letter).values(state="sent"))
    for item in list_items(unit):
        posting = Posting(kind=BookingKind.PAYMENT, amount=-item.open, booked_on=NOW.date())
        book(unit, target_of(item), posting, NOW)


def run(path: Path, work: Callable[[Store], Any]) -> Any:
    async def story() -> Any:
        async with billing_store(path) as store:
            return await work(store)

    return asyncio.run(story())


def read(path: Path, query: Callable[[Connection], T]) -> T:
    return cast(T, run(path, lambda store: store.read(query)))


def write(path: Path, work: Callable[[Connection], T]) -> T:
    return cast(T, run(path, lambda store: store.write(work)))


def content(path: Path, but: frozenset[str] = frozenset()) -> str:
    """Give all that the database holds as text, but for some tables."""

    def texts(unit: Connection) -> str:
        tables = [table for table in t.metadata.sorted_tables if table.name not in but]
        return "\n".join(f"{table.name} {tuple(row)}" for table in tables for row in unit.execute(select(table)))

    return read(path, texts)
