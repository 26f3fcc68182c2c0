"""What has had its time goes, batch by batch, and the proof of what is left stays good."""

import asyncio
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import pytest
from sqlalchemy import Connection, insert, select, update

from backend.core.invoices.chain import ChainKind
from backend.core.people.retention import Periods
from backend.jobs.retention import Retainer, let_go
from backend.services.audit import verify
from backend.store import invoice_tables
from backend.store.audit_log import Done, record
from backend.store.chain import append
from backend.store.payment_tables import mandate
from backend.store.writer import Store
from shared.clock import ManualClock
from tests.crash.test_billing import KilledError, MortalStore
from tests.unit.backend.billing_example import BUYER, EVENING, IBAN
from tests.unit.backend.billing_store import TOKEN, billing_store
from tests.unit.backend.people.erased import NOW, OTHER_TOKEN, charge, content, read, run, settle, write

IN_TIME = datetime(EVENING.year + 8, 12, 31, 22, 59, tzinfo=UTC)
OVER = IN_TIME + timedelta(minutes=1)
EVERYTHING_OVER = {
    "letters": 1,
    "audit_entries": 2,
    "free_sessions": 1,
    "invoices": 1,
    "billed_sessions": 1,
    "mandates": 1,
}


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A database with one of everything that has a time."""

    async def fill(store: Store) -> None:
        await charge(store)
        await store.write(settle)
        await store.write(_more)

    run(tmp_path / "db", fill)
    return tmp_path / "db"


def _more(unit: Connection) -> None:
    unit.execute(update(invoice_tables.invoice_pdf).values(content=b"%PDF Erika Example"))
    append(unit, "acme", ChainKind.PDF, "RE-2026-000001", b"%PDF Erika Example", NOW)
    for _ in range(2):
        record(unit, Done(NOW, "acme", "", "erika@example.com", "login", "", "192.0.2.1"))
    own = {"operator_id": "acme", "customer_id": BUYER.id, "reference": "M-1", "scheme": "CORE", "recurrent": True}
    days = {"signed_on": NOW.date(), "used_before": NOW.date(), "revoked_on": NOW.date()}
    unit.execute(insert(mandate).values(own | days | {"iban": IBAN, "bic": "", "holder": "Erika", "evidence": ""}))


def go(path: Path, now: datetime, limit: int = 100) -> dict[str, int]:
    return cast(dict[str, int], run(path, lambda store: let_go(store, Periods(), now, limit)))


def problems(path: Path) -> list[str]:
    return read(path, lambda unit: [line for good, line in verify(unit) if not good])


@pytest.mark.parametrize(
    ("now", "gone"),
    [
        (NOW + timedelta(days=30), {}),
        (NOW + timedelta(days=91), {"letters": 1}),
        (NOW + timedelta(days=370), {"letters": 1, "audit_entries": 2, "free_sessions": 1}),
        (IN_TIME, {"letters": 1, "audit_entries": 2, "free_sessions": 1, "mandates": 1}),
        (OVER, EVERYTHING_OVER),
    ],
)
def test_each_at_its_time(old: Path, now: datetime, gone: dict[str, int]) -> None:
    assert go(old, now) == gone
    assert problems(old) == []
    assert go(old, now) == {}


def test_nobody_is_named_any_more(old: Path) -> None:
    go(old, OVER, limit=1)
    left = content(old, frozenset({"customer", "person", "account", "id_token"}))
    for known in (BUYER.street, BUYER.email, TOKEN, OTHER_TOKEN, "Erika", "erika@"):
        assert known not in left, [line for line in left.splitlines() if known in line]
    assert "RE-2026-000001" in left  # the series has no gap


def test_what_is_owed_is_kept(tmp_path: Path) -> None:
    run(tmp_path / "db", charge)
    assert "invoices" not in go(tmp_path / "db", OVER)
    assert problems(tmp_path / "db") == []


@pytest.mark.parametrize(
    ("table", "statement", "told"),
    [
        ("invoice", "UPDATE invoice SET body = replace(body, 'Erika', '')", "RE-2026-000001"),
        ("invoice_document", "UPDATE invoice_document SET xml = x''", "e-invoice"),
        ("invoice_pdf", "DELETE FROM invoice_pdf", "the chain has its PDF, but it is gone"),
        ("audit_entry", "DELETE FROM audit_entry WHERE id = 1", "1 are gone"),
        ("invoice", "INSERT INTO purge (at, subject, until, count, open) VALUES (0, 'cdr', 9, 0, 1)", "left open"),
    ],
)
def test_what_went_without_a_purge_is_found(old: Path, table: str, statement: str, told: str) -> None:
    database = sqlite3.connect(old)
    triggers = database.execute("SELECT name, sql FROM sqlite_master WHERE type='trigger' AND tbl_name = ?", (table,))
    for name, _ in (kept := triggers.fetchall()):
        database.execute(f"DROP TRIGGER {name}")
    database.execute(statement)
    for _, sql in kept:
        database.execute(sql)
    database.commit()
    database.close()
    assert any(told in line for line in problems(old))


def test_once_a_day(old: Path) -> None:
    clock = ManualClock(OVER)

    async def story(store: Store) -> None:
        job = Retainer(store, clock, Periods())
        assert await job.run() == OVER + timedelta(days=1)
        await store.write(lambda unit: record(unit, Done(NOW, "acme", "", "x", "login", "", "")))
        clock.advance(3600)
        assert await job.run() == OVER + timedelta(days=1)
        assert await store.read(lambda unit: len(unit.execute(select(invoice_tables.chain.c.seq)).all())) > 0
        clock.advance(86_400)
        await job.run()

    run(old, story)
    assert go(old, clock.utc()) == {}


def test_killed_at_every_step(old: Path) -> None:
    step = 0
    while not _goes_on(old, step):
        assert problems(old) == []
        step += 1
    assert step > 10
    assert go(old, OVER) == {}
    write(old, lambda unit: None)


def _goes_on(path: Path, steps: int) -> bool:
    async def story() -> bool:
        async with billing_store(path) as store:
            try:
                await let_go(cast(Store, MortalStore(store, steps)), Periods(), OVER, limit=1)
            except KilledError:
                return False
        return True

    return asyncio.run(story())
