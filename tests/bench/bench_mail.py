"""What letters cost: a thousand with a PDF of 30 KB each, to recipients of whom some are unknown or greylisted.

    python -m tests.bench.bench_mail [LETTERS]

One in a hundred is unknown, two are refused at first. CPU seconds are those of this process, which holds both ends: the
outbox with a durable commit before and after each letter, and the mail server that takes them.
"""

import asyncio
import random
import resource
import sys
import tempfile
from collections import Counter
from pathlib import Path
from time import perf_counter, process_time

from sqlalchemy import Connection

from backend.core.invoices.letter import Blob, Letter, Purpose
from backend.jobs.relay import MailSettings
from backend.jobs.send_mail import Mailer
from backend.store import outbox
from shared.clock import ManualClock
from simulators.mailbox import Mailbox, Temper
from tests.unit.backend.billing_example import EVENING
from tests.unit.backend.billing_store import billing_store

PDF = random.Random(1).randbytes(30_000)  # compressed, as the content of a PDF is


def order(i: int) -> Letter:
    """Give the i-th letter."""
    who = "gone" if i % 100 == 7 else "grey" if i % 100 in (23, 71) else "driver"
    number = f"RE-2026-{i:06}"
    return Letter(
        operator_id="acme",
        purpose=Purpose.STATEMENT,
        document=number,
        to=(f"{who}{i}@example.com",),
        values={"customer": "Erika Mustermann", "title": number, "start": "2026-10-01", "end": "2026-10-31"},
        files=(Blob(f"{number}.pdf", "application/pdf", PDF),),
    )


async def bench(folder: Path, count: int) -> None:
    """Order, send, and send again after the pause; print what came of it."""
    clock = ManualClock(EVENING)
    box = Mailbox("127.0.0.1", 0, folder / "mails", temper=Temper(greylist=True, greylisted="grey"))
    async with billing_store(folder / "db") as store, box.serve():

        def fill(connection: Connection) -> None:
            for i in range(count):
                outbox.queue(connection, order(i), clock.utc())

        await store.write(fill)
        settings = MailSettings(host="127.0.0.1", port=box.port, security="none", per_minute=0.0)
        mailer, begin, cpu = Mailer(store, clock, settings, 1.0), perf_counter(), process_time()
        await mailer.run()
        first = len(box.mails())
        clock.advance(120)
        await mailer.run()
        spent, wall = process_time() - cpu, perf_counter() - begin
        letters = await store.read(lambda unit: outbox.list_letters(unit, limit=2 * count))
    states = Counter(f"{one.letter.purpose.value} {one.state.value}" for one in letters)
    ids = Counter(_message_id(path) for path in box.mails())
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{count} letters: {spent:.1f} CPU s, {wall:.1f} s, {memory:.0f} MB at most, both ends in one process")
    print(f"first round {first} mails, in the end {len(box.mails())}, of which {len(ids)} differ")
    print(", ".join(f"{name}: {number}" for name, number in sorted(states.items())))


def _message_id(path: Path) -> bytes:
    return next(line for line in path.read_bytes().splitlines() if line.lower().startswith(b"message-id:"))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        asyncio.run(bench(Path(temporary), int(sys.argv[1]) if len(sys.argv) > 1 else 1000))
