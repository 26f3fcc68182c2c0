"""Erase a person in a real database: what goes, what remains, and that the proof of all documents stays good."""

from datetime import date
from pathlib import Path
from typing import cast

import pytest
from sqlalchemy import Connection, Table, select, update
from sqlalchemy.exc import DatabaseError

from backend.core.people.access import View
from backend.core.people.retention import Periods, Plan
from backend.errors import AccessError
from backend.people.erasure import By, erase, plan
from backend.services.audit import verify
from backend.store import invoice_tables, rating_tables, signed_tables
from backend.store import tables as t
from backend.store.audit_log import list_entries
from backend.store.people_tables import account, purge
from backend.store.personal import Whom, list_restrictions
from backend.store.writer import Store
from tests.unit.backend.billing_example import BUYER, EVENING
from tests.unit.backend.billing_store import TOKEN, DyingConnection
from tests.unit.backend.people.erased import NOW, OTHER_TOKEN, charge, content, read, run, settle, write

ERIKA = Whom("acme", BUYER.id)
BY = By("", "tester", "command line")


@pytest.fixture
def settled(tmp_path: Path) -> Path:
    async def fill(store: Store) -> None:
        await charge(store)
        await store.write(settle)

    run(tmp_path / "db", fill)
    return tmp_path / "db"


def _erase(unit: Connection, whom: Whom = ERIKA) -> Plan:
    return erase(unit, whom, Periods(), BY, NOW)


def everything(path: Path) -> str:
    """Give all that the database holds as text, but for the frozen documents."""
    return content(path, frozenset({"invoice", "invoice_document"}))


def test_what_is_owed_blocks(tmp_path: Path) -> None:
    run(tmp_path / "db", charge)
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
        (invoice_tables.invoice, "body"),
        (invoice_tables.invoice_document, "xml"),
        (t.transaction_event, "payload"),
        (signed_tables.signed_record, "raw"),
        (rating_tables.cdr, "body"),
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
