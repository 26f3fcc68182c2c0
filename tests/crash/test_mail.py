"""The outbox killed at every step n, for all n: before and after each commit, each query, each mail.

Whatever the step, the next start leads to one mail per Message-ID in a mailbox that knows repeats, to everybody, once.
"""

import asyncio
from pathlib import Path
from typing import Any, cast

import pytest

from backend.core.invoices.letter import Blob, Letter, Purpose
from backend.store import outbox
from backend.store.writer import Store
from shared.clock import ManualClock
from tests.crash.test_billing import KilledError, MortalStore
from tests.unit.backend.billing_example import EVENING
from tests.unit.backend.billing_store import Mailbox, billing_store, mail_settings, make_mailer, open_mailbox

NAMES = ("a", "b", "gone", "c")
LEASE_S = 601


def order(name: str) -> Letter:
    return Letter(
        operator_id="acme",
        purpose=Purpose.STATEMENT,
        document=name,
        to=(f"{name}@example.com",),
        values={"customer": name, "title": name, "start": "2026-10-01", "end": "2026-10-31"},
        files=(Blob(f"{name}.csv", "text/csv", b"kWh;12\n"),),
    )


async def work(path: Path, box: Mailbox, clock: ManualClock, steps: int | None) -> bool:
    """Order and send, killed after so many steps; True if it came to its end."""
    async with billing_store(path) as store:
        mortal = store if steps is None else cast(Store, MortalStore(store, steps))
        try:
            for name in NAMES:
                await queue(mortal, order(name), clock)
            await make_mailer(mortal, clock, mail_settings(box)).run()
        except KilledError:
            return False
        return True


async def queue(store: Store, letter: Letter, clock: ManualClock) -> None:
    await store.write(lambda unit: outbox.queue(unit, letter, clock.utc()))


async def story(path: Path, steps: int) -> bool:
    clock = ManualClock(EVENING)
    async with open_mailbox(Mailbox(refused={"gone@example.com"})) as box:
        finished = await work(path, box, clock, steps)
        clock.advance(LEASE_S)  # a letter that was being sent comes again when its lease is over
        assert await work(path, box, clock, None)
        async with billing_store(path) as store:
            letters = await store.read(outbox.list_letters)
        check(letters, box)
    return finished


def check(letters: list[Any], box: Mailbox) -> None:
    states = {one.letter.document: one.state.value for one in letters if one.letter.purpose is Purpose.STATEMENT}
    assert states == {"a": "sent", "b": "sent", "gone": "bounced", "c": "sent"}
    alerts = [one for one in letters if one.letter.purpose is Purpose.ALERT]
    assert [one.state.value for one in alerts] == ["sent"]
    known = dict.fromkeys(box.message_ids)  # as mailboxes tell repeats
    assert sorted(known) == sorted(one.message_id for one in letters if one.state.value == "sent")
    assert len(box.mails) - len(known) in (0, 1)
    first = [str(mail["To"]) for i, mail in enumerate(box.mails) if mail["Message-ID"] not in box.message_ids[:i]]
    assert [to for to in first if "rechnung" not in to] in (
        ["a@example.com", "b@example.com", "c@example.com"],
        ["b@example.com", "c@example.com", "a@example.com"],  # killed while it sent a: that waits for its lease
        ["a@example.com", "c@example.com", "b@example.com"],
    )


@pytest.mark.slow
def test_every_step(tmp_path: Path) -> None:
    steps = 0
    while not asyncio.run(story(tmp_path / f"{steps}.db", steps)):
        steps += 1
    assert steps > 30


@pytest.mark.parametrize("steps", [0, 8, 9, 13, 14, 15, 16])
def test_some_steps(tmp_path: Path, steps: int) -> None:
    asyncio.run(story(tmp_path / "db", steps))


def test_two_workers_at_once_send_no_letter_twice(tmp_path: Path) -> None:
    async def run() -> None:
        clock, path = ManualClock(EVENING), tmp_path / "db"
        async with open_mailbox(Mailbox()) as box, billing_store(path) as one, billing_store(path) as other:
            for i in range(40):
                await queue(one, order(f"n{i}"), clock)
            settings = mail_settings(box)
            await asyncio.gather(*(make_mailer(store, clock, settings).run() for store in (one, other)))
            assert len(box.mails) == len(set(box.message_ids)) == 40

    asyncio.run(run())
