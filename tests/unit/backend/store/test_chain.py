"""The chain in a real database: entries follow each other, per operator, also where a unit of work is undone."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from backend.core.invoices.chain import FIRST, ChainCheck, ChainKind
from backend.store.chain import append, read_chain, read_head
from tests.unit.backend.billing_store import billing_store

AT = datetime(2026, 10, 31, 18, 40, 0, 123000, tzinfo=UTC)


def test_entries_follow_each_other_and_what_is_undone_leaves_no_gap(tmp_path: Path) -> None:
    def failing(connection: Connection) -> None:
        append(connection, "acme", ChainKind.PAYMENT, "1", b"lost", AT)
        raise ZeroDivisionError

    async def run() -> None:
        async with billing_store(tmp_path / "db") as store:
            begin = await store.read(lambda unit: read_head(unit, "acme"))
            for i in range(3):
                content = b"%d" % i
                await store.write(lambda unit, b=content: append(unit, "acme", ChainKind.PAYMENT, "1", b, AT))  # type: ignore[misc]  # mypy can't infer a default's type
                with pytest.raises(ZeroDivisionError):
                    await store.write(failing)
            entries = await store.read(lambda unit: list(read_chain(unit, "acme")))
            head = await store.read(lambda unit: read_head(unit, "acme"))
            other = await store.read(lambda unit: read_head(unit, "other"))
        check = ChainCheck()
        assert [problem for entry in entries for problem in check.check(entry)] == []
        assert (check.seq, check.head) == head == (begin[0] + 3, entries[-1].hash)
        assert entries[-1].at == AT.timestamp() * 1000
        assert other == (0, FIRST)

    asyncio.run(run())


def test_nobody_has_a_chain_who_is_no_operator(tmp_path: Path) -> None:
    async def run() -> None:
        async with billing_store(tmp_path / "db") as store:
            with pytest.raises(IntegrityError):
                await store.write(lambda unit: append(unit, "nobody", ChainKind.PAYMENT, "1", b"", AT))
            await store.read(lambda unit: unit.execute(text("SELECT 1")).all())

    asyncio.run(run())
