"""Erase a person in a real database: what goes, what remains, and that the proof of all documents stays good."""

import asyncio
import json
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any, TypeVar, cast

import pytest
from sqlalchemy import Connection, Table, insert, select, update
from sqlalchemy.exc import DatabaseError

from backend.audit import verify
from backend.core.access import Account, Role, View
from backend.core.open_item import BookingKind
from backend.core.rating import Policy
from backend.core.retention import Periods, Plan
from backend.errors import AccessError
from backend.jobs.issue_invoices import BillingSettings, InvoiceIssuer
from backend.jobs.rate_ended import rate_ended
from backend.people.erasure import By, erase, plan
from backend.people.people import add_user
from backend.store import tables as t
from backend.store.audit_log import list_entries
from backend.store.open_items import Posting, book, list_items, target_of
from backend.store.people_tables import account, purge
from backend.store.personal import Whom, list_restrictions
from backend.store.writer import Store
from shared.clock import ManualClock
from tests.unit.backend.billing_example import BUYER, EVENING
from tests.unit.backend.billing_store import TOKEN, DyingConnection, add_transaction, billing_store

T = TypeVar("T")
ERIKA = Whom("acme", BUYER.id)
BY = By("", "tester", "command line")
NOW = EVENING + timedelta(days=40)
OTHER_TOKEN = "04FFEE"


async def _charge(store: Store) -> None:
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
        insert(t.signed_record).values(
            record | method | {"received_at": EVENING, "context": "", "raw": b'OCMF|{"ID":"04FFEE"}'}
        )
    )
    add_user(unit, Account("", "erika@example.com", "Erika", Role.CUSTOMER, "acme", BUYER.id), "x", NOW)


def _settle(unit: Connection) -> None:
    unit.execute(update(t.letter).values(state="sent"))
    for item in list_items(unit):
        posting = Posting(kind=BookingKind.PAYMENT, amount=-item.open, booked_on=NOW.date())
        book(unit, target_of(item), posting, NOW)


def run(path: Path, work: Callable[[Store], Any]) -> Any:
    async def story() -> Any:
        async with billing_store(path) as store:
            return await work(store)

    return asyncio.run(story())


@pytest.fixture
def settled(tmp_path: Path) -> Path:
    async def fill(store: Store) -> None:
        await _charge(store)
        await store.write(_settle)

    run(tmp_path / "db", fill)
    return tmp_path / "db"


def _erase(unit: Connection, whom: Whom = ERIKA) -> Plan:
    return erase(unit, whom, Periods(), BY, NOW)


def read(path: Path, query: Callable[[Connection], T]) -> T:
    return cast(T, run(path, lambda store: store.read(query)))


def write(path: Path, work: Callable[[Connection], T]) -> T:
    return cast(T, run(path, lambda store: store.write(work)))


def everything(path: Path) -> str:
    """Give all that the database holds as text, but for the frozen documents."""
    frozen = {"invoice", "invoice_document"}

    def texts(unit: Connection) -> str:
        tables = [table for table in t.metadata.sorted_tables if table.name not in frozen]
        return "\n".join(f"{table.name} {tuple(row)}" for table in tables for row in unit.execute(select(table)))

    return read(path, texts)


def test_what_is_owed_blocks(tmp_path: Path) -> None:
    run(tmp_path / "db", _charge)
    with pytest.raises(AccessError, match="not settled"):
        write(tmp_path / "db", _erase)
    told = read(tmp_path / "db", lambda unit: plan(unit, ERIKA, Periods(), NOW))
    assert {part.name for part in told.blockers} == {"unsettled", "letters_waiting"}


def test_a_running_session_blocks(settled: Path) -> None:
    write(
        settled,
        lambda unit: unit.execute(
            update(t.charging_transaction).where(t.charging_transaction.c.id == 2).values(state="running")
        ),
    )
    with pytest.raises(AccessError, match="still running"):
        write(settled, _erase)


def test_goes_and_remains(settled: Path) -> None:
    done = write(settled, _erase)
    assert {part.name: part.count for part in done.goes} == {
        "profile": 1,
        "persons": 1,
        "accounts": 1,
        "tokens": 1,
        "letters": 1,
        "sessions": 1,
    }
    assert {part.name: part.count for part in done.remains} == {"invoices": 1, "billed_sessions": 1, "tokens_billed": 1}
    assert done.restricted_until == date(EVENING.year + 9, 1, 1)
    left = everything(settled)
    for known in ("Erika", BUYER.name, BUYER.street, BUYER.email, OTHER_TOKEN, "p@example.com", "erika@"):
        assert known not in left, [line for line in left.splitlines() if known in line]
    assert TOKEN in left  # a billed session tells which card it was until its time is over
    tokens = read(
        settled, lambda unit: [tuple(row) for row in unit.execute(select(t.id_token.c.token, t.id_token.c.blocked))]
    )
    assert tokens == [(TOKEN, True)]
    assert read(settled, lambda unit: unit.execute(select(account)).all()) == []


def test_the_proof_stays_good_and_again_changes_nothing(settled: Path) -> None:
    write(settled, _erase)
    once = everything(settled)
    assert all(good for good, _ in read(settled, lambda unit: list(verify(unit))))
    again = write(settled, _erase)
    assert not again.goes
    assert [line for line in everything(settled).splitlines() if not line.startswith("audit_entry")] == [
        line for line in once.splitlines() if not line.startswith("audit_entry")
    ]
    (one,) = read(settled, lambda unit: list_restrictions(unit, "acme"))
    assert (one.whom, one.since) == (ERIKA, NOW)
    actions = [one.action for one in read(settled, lambda unit: list_entries(unit, View(), 9))]
    assert actions == ["person_erased", "person_erased"]


def test_one_user_of_a_customer(settled: Path) -> None:
    done = write(settled, lambda unit: _erase(unit, Whom("acme", BUYER.id, "P-1")))
    assert {part.name: part.count for part in done.goes} == {"persons": 1, "tokens": 1, "sessions": 1}
    left = everything(settled)
    assert OTHER_TOKEN not in left
    assert BUYER.name in left


@pytest.mark.parametrize("whom", [Whom("other", BUYER.id), Whom("acme", "K-0"), Whom("acme", BUYER.id, "P-0")])
def test_unknown(settled: Path, whom: Whom) -> None:
    with pytest.raises(AccessError, match="has no customer"):
        write(settled, lambda unit: _erase(unit, whom))


@pytest.mark.parametrize(
    ("table", "content"),
    [
        (t.invoice, "body"),
        (t.invoice_document, "xml"),
        (t.transaction_event, "payload"),
        (t.signed_record, "raw"),
        (t.cdr, "body"),
    ],
)
def test_content_goes_by_a_purge_only(settled: Path, table: Table, content: str) -> None:
    with pytest.raises(DatabaseError, match="append-only"):
        write(settled, lambda unit: unit.execute(update(table).values({content: b""})))


def test_killed_at_every_statement(settled: Path) -> None:
    before, step = everything(settled), 0
    while True:
        dying = step

        def work(unit: Connection, dying: int = dying) -> None:
            _erase(cast(Connection, DyingConnection(unit, dying)))

        try:
            write(settled, work)
        except ConnectionError:
            assert everything(settled) == before
            step += 1
        else:
            break
    assert step > 20
    assert read(settled, lambda unit: unit.execute(select(purge.c.id).where(purge.c.open)).all()) == []
