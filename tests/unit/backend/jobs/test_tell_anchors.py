"""The daily mail of the newest hash: once per local day and operator, chained, and never lost between the two."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from backend.jobs.tell_anchors import AnchorTeller, tell_anchors
from backend.services.audit import verify
from backend.store.chain import read_chain
from backend.store.writer import Store
from shared.clock import ManualClock
from tests.unit.backend.billing_store import (
    DyingConnection,
    Mailbox,
    billing_store,
    mail_settings,
    open_mailbox,
    outbox,
    send_letters,
)

LATE = datetime(2026, 11, 1, 22, 30, tzinfo=UTC)  # 23:30 in Berlin
ADDRESS = "archiv@example.com"


def run(tmp_path: Path, test: Callable[[Store], Awaitable[None]], **changes: Any) -> None:
    async def with_store() -> None:
        async with billing_store(tmp_path / "db", **changes) as store:
            await test(store)
            findings = await store.read(lambda unit: list(verify(unit)))
            assert [line for good, line in findings if not good] == []

    asyncio.run(with_store())


async def entries(store: Store) -> list[tuple[str, str]]:
    found = await store.read(lambda unit: list(read_chain(unit, "acme")))
    return [(entry.kind, entry.ref) for entry in found]


def test_the_head_is_mailed_once_per_local_day(tmp_path: Path) -> None:
    async def check(store: Store) -> None:
        clock, before = ManualClock(LATE), await store.read(lambda unit: list(read_chain(unit, "acme")))
        for _ in range(2):
            assert await AnchorTeller(store, clock, ADDRESS).run() == LATE + timedelta(minutes=30)
        async with open_mailbox(Mailbox()) as box:
            await send_letters(store, clock, mail_settings(box))
        (mail,) = box.mails
        assert mail["To"] == ADDRESS
        assert mail["Subject"] == "Stand der Hash-Kette: 1 Glieder"
        text = mail.get_body(("plain",))
        assert text is not None
        assert before[-1].hash in text.get_content()
        clock.advance(1800)
        await AnchorTeller(store, clock, ADDRESS).run()
        assert [row.document for row in await outbox(store)] == ["2026-11-01", "2026-11-02"]
        assert [kind for kind, _ in await entries(store)] == ["tariff.version", "anchor", "mail.sent", "anchor"]
        assert (await entries(store))[1] == ("anchor", "1")

    run(tmp_path, check)


def test_without_an_address_nothing_is_told(tmp_path: Path) -> None:
    async def check(store: Store) -> None:
        assert await AnchorTeller(store, ManualClock(LATE), "").run() is None
        assert await outbox(store) == []

    run(tmp_path, check)


def test_mail_and_entry_are_one_work(tmp_path: Path) -> None:
    async def check(store: Store) -> None:
        def dying(statements: int) -> Callable[[Connection], list[str]]:
            def work(unit: Connection) -> list[str]:
                connection: Any = DyingConnection(unit, statements)
                return tell_anchors(connection, ADDRESS, LATE)

            return work

        statements = 0
        while True:
            try:
                assert await store.write(dying(statements)) == ["acme"]
                break
            except ConnectionError:
                assert (await outbox(store), len(await entries(store))) == ([], 1)
                statements += 1
        assert statements > 3
        assert (await outbox(store))[0].language == "en"
        assert len(await entries(store)) == 2

    run(tmp_path, check, operator={"country": "NL"})
