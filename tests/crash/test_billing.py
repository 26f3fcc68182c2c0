"""The money chain killed at every step n, for all n: before and after each commit, each query, each mail.

Whatever the step, the next start leads to the same numbers, no gap, no session billed twice, one Message-ID for each
invoice.
"""

import asyncio
import shutil
from datetime import timedelta
from pathlib import Path
from typing import TypeVar, cast

import pytest

from backend.core.invoices.invoice import Invoice
from backend.core.record import from_json
from backend.services.audit import verify
from backend.store.writer import Store, Work
from shared.clock import ManualClock
from tests.unit.backend.billing_example import EVENING
from tests.unit.backend.billing_store import (
    Mailbox,
    add_transaction,
    billing_store,
    invoices,
    open_mailbox,
    outbox,
    rendered,
    run_all_jobs,
    transactions,
)

T = TypeVar("T")


class KilledError(Exception):
    """The program ends here."""


class MortalStore:
    """A store that dies at its n-th step: a query, just before a commit, or just after it."""

    def __init__(self, store: Store, steps: int) -> None:
        self._store, self._left = store, steps

    def _step(self) -> None:
        if self._left == 0:
            raise KilledError
        self._left -= 1

    async def write(self, work: Work[T]) -> T:
        self._step()
        result = await self._store.write(work)
        self._step()
        return result

    async def read(self, query: Work[T]) -> T:
        self._step()
        return await self._store.read(query)


async def _bill(path: Path, box: Mailbox, clock: ManualClock, steps: int | None) -> bool:
    """Run the jobs, killed after so many steps; True if they came to their end."""
    async with billing_store(path) as store:
        mortal = store if steps is None else cast(Store, MortalStore(store, steps))
        try:
            await run_all_jobs(mortal, clock, box)
        except KilledError:
            return False
        return True


async def _check(path: Path, box: Mailbox) -> None:
    async with billing_store(path) as store:
        assert [t.state for t in await transactions(store)] == ["rated", "rated", "held"]
        rows = await invoices(store)
        assert [row.number for row in rows] == ["RE-2026-000001", "RE-2026-000002"]
        billed = [proof.transaction_id for row in rows for proof in from_json(Invoice, row.body).sessions]
        assert billed == [1, 2]
        mails = await outbox(store)
        assert [mail.state for mail in mails] == ["sent", "sent"]
        pdfs = await rendered(store)
        assert [good for good, _ in await store.read(lambda connection: list(verify(connection)))] == [True]
    # At least once each: a mailbox tells repeats by their Message-ID, and they bring the very same PDF.
    assert set(box.message_ids) == {mail.message_id for mail in mails}
    assert len(box.mails) - len(mails) in (0, 1)
    attached = {(mail["Message-ID"], next(mail.iter_attachments()).get_content()) for mail in box.mails}
    assert attached == {(mail.message_id, pdf) for mail, pdf in zip(mails, pdfs, strict=True)}


async def _prepare(path: Path) -> None:
    async with billing_store(path) as store:
        await add_transaction(store)
        await add_transaction(store, start=EVENING + timedelta(days=1))
        await add_transaction(store, ((0, 9), (5, 3)), start=EVENING + timedelta(hours=3))


async def _story(path: Path, steps: int) -> bool:
    clock = ManualClock(EVENING + timedelta(days=2))
    async with open_mailbox(Mailbox()) as box:
        finished = await _bill(path, box, clock, steps)
        clock.advance(3600)  # a try that was cut off comes again after its pause
        assert await _bill(path, box, clock, None)
        await _check(path, box)
    return finished


@pytest.mark.slow
def test_every_step(tmp_path: Path) -> None:
    asyncio.run(_prepare(tmp_path / "first.db"))
    steps = 0
    while not asyncio.run(_story(Path(shutil.copy(tmp_path / "first.db", tmp_path / f"{steps}.db")), steps)):
        steps += 1
    assert steps > 20


@pytest.mark.parametrize("answers", [["451 later"], ["421 closing", "451 later"]])
def test_server_that_refuses_for_now_gets_each_mail_once(tmp_path: Path, answers: list[str]) -> None:
    async def run() -> None:
        clock, path = ManualClock(EVENING + timedelta(days=2)), tmp_path / "emops.db"
        async with open_mailbox(Mailbox(answers=answers)) as box:
            async with billing_store(path) as store:
                await add_transaction(store)
                await add_transaction(store, start=EVENING + timedelta(days=1))
                await add_transaction(store, ((0, 9), (5, 3)), start=EVENING + timedelta(hours=3))
            for _ in range(3):
                await _bill(path, box, clock, None)
                clock.advance(3600)
            await _check(path, box)
            assert len(box.mails) == 2

    asyncio.run(run())
