"""What is still to be billed is found without reading through what was billed long ago."""

import asyncio
import sqlite3
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event

from backend.core.rates.rating import Policy
from backend.jobs.issue_invoices import BillingSettings, InvoiceIssuer
from backend.jobs.rate_ended import rate_ended
from backend.store.ratings import rerate_ids
from backend.store.unbilled import unbilled, unfinished
from backend.store.writer import Store
from shared.clock import ManualClock
from tests.unit.backend.billing_example import EVENING
from tests.unit.backend.billing_store import add_transaction, billing_store

SMALL = ("operator", "customer", "unbilled_cdr", "unbilled_fee")
"""Tables that may be read through: they don't grow with what was billed."""


def explain(statement: str, parameters: Sequence[Any], unit: Connection) -> list[str]:
    rows = unit.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", tuple(parameters))
    return [row.detail for row in rows]


async def plan(store: Store, query: Any) -> list[str]:
    """Run a query and give SQLite's plan of each statement."""
    statements: list[tuple[str, Sequence[Any]]] = []

    def note(_c: Any, _cursor: Any, statement: str, parameters: Sequence[Any], *_rest: Any) -> None:
        if statement.startswith("SELECT"):
            statements.append((statement, parameters))

    event.listen(store.engine, "before_cursor_execute", note)
    await store.read(query)
    event.remove(store.engine, "before_cursor_execute", note)
    found = []
    for statement, parameters in statements:
        found += await store.read(partial(explain, statement, parameters))
    return found


@pytest.mark.parametrize(
    "query",
    [lambda unit: unbilled(unit, EVENING), unfinished, rerate_ids],
    ids=["unbilled", "unfinished", "rerate_ids"],
)
def test_no_table_that_grows_is_read_through(tmp_path: Path, query: Any) -> None:
    async def run() -> None:
        async with billing_store(tmp_path / "db") as store:
            clock = ManualClock(EVENING + timedelta(days=60))
            for days in range(40):
                await add_transaction(store, start=EVENING + timedelta(days=days))
            await rate_ended(store, clock, Policy())
            await InvoiceIssuer(store, clock, BillingSettings()).run()
            details = await plan(store, query)
            assert details
            scans = [detail for detail in details if detail.startswith("SCAN ")]
            assert [d for d in scans if not d.startswith(tuple(f"SCAN {name}" for name in SMALL))] == []
            assert bool([d for d in details if "ix_charging_transaction_rerate" in d]) is (
                query in (unfinished, rerate_ids)
            )
            assert not [d for d in details if "ix_charging_transaction_state" in d and query is rerate_ids]

    asyncio.run(run())


def test_billed_and_free_sessions_are_not_listed(tmp_path: Path) -> None:
    async def run() -> None:
        async with billing_store(tmp_path / "db") as store:
            clock = ManualClock(EVENING + timedelta(days=9))
            await add_transaction(store, ((0, 500), (9, 500)))
            await add_transaction(store)
            await rate_ended(store, clock, Policy())
            assert [one.id for one in await store.read(lambda unit: unbilled(unit, clock.utc()))] == [2]
            await InvoiceIssuer(store, clock, BillingSettings()).run()
            assert await store.read(lambda unit: unbilled(unit, clock.utc())) == []

    asyncio.run(run())
    connection = sqlite3.connect(tmp_path / "db")
    assert connection.execute("SELECT count(*) FROM unbilled_cdr").fetchall() == [(0,)]
    connection.close()
