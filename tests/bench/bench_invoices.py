"""What invoices cost: e-invoice and hybrid PDF per thousand, and issuing them with a durable commit each.

    python -m tests.bench.bench_invoices [INVOICES]

Each invoice has two pages: three sessions, six lines, and their proof. CPU seconds are those of this process and of
the worker that renders. The issue step is measured from the draft to the commit: self-check, number, e-invoice, row,
link of the chain, what is billed, and the order of the mail, `synchronous=FULL`. The plain commits beside it, in the
same file system, tell what the disk alone allows.
"""

import asyncio
import resource
import sqlite3
import sys
import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from time import perf_counter, process_time

from sqlalchemy import Connection, func, insert, select

from backend.core.invoices.einvoice import write_einvoice
from backend.core.invoices.invoice import Charges, Invoice, Output, draft_invoice, with_number
from backend.core.invoices.invoice_check import problems
from backend.core.rates.base_fee import BaseFee
from backend.core.record import to_json
from backend.documents.render import open_renderer
from backend.store.invoice_tables import invoice, unbilled_fee
from backend.store.invoices import Bearing, issue, load_debtor
from backend.store.rating_tables import fee, tariff_version
from backend.store.writer import Store, open_store
from tests.unit.backend.billing_example import BUYER, EVENING, account, base_fee, session
from tests.unit.backend.billing_store import billing_store

NOW = EVENING + timedelta(days=20)
MEBIBYTE = 1024


def documents(count: int) -> list[Invoice]:
    """Invoices that differ in number and energy."""
    found = []
    for i in range(count):
        rated = tuple(
            session(
                k,
                ((0, 1_000_000), (50, 1_009_167 + i % 97), (150, 1_027_500 + i % 89)),
                start=EVENING + timedelta(days=k),
            )
            for k in range(1, 4)
        )
        draft = draft_invoice(account(output=Output.HYBRID), Charges(rated), NOW)
        found.append(with_number(draft, f"RE-2026-{i + 1:06}"))
    return found


def cpu_of(work: Callable[[], object]) -> float:
    """Give the CPU seconds of some work in this process."""
    begin = process_time()
    work()
    return process_time() - begin


async def render(invoices: list[Invoice], xmls: list[bytes], sizes: list[int]) -> None:
    """Render as the mail job does, a hundred with one worker."""
    for first in range(0, len(invoices), 100):
        async with open_renderer() as renderer:
            for one, xml in zip(invoices[first : first + 100], xmls[first : first + 100], strict=True):
                sizes.append(len(await renderer.render(one.number, to_json(one), xml)))


def measure_documents(count: int) -> None:
    """Print what checking, writing and rendering cost."""
    invoices = documents(count)
    checked = cpu_of(lambda: [problems(one) for one in invoices])
    xmls: list[bytes] = []
    written = cpu_of(lambda: xmls.extend(write_einvoice(one) for one in invoices))
    sizes: list[int] = []
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), process_time()
    wall = perf_counter()
    asyncio.run(render(invoices, xmls, sizes))
    after, asked = resource.getrusage(resource.RUSAGE_CHILDREN), process_time() - begin
    wall = perf_counter() - wall
    worker = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    thousand = 1000 / count
    print(f"{count} invoices of two pages; CPU seconds per 1,000")
    for name, spent in (
        ("self-check", checked),
        ("e-invoice", written),
        ("asking for the PDF", asked),
        ("worker", worker),
    ):
        print(f"  {name:<22} {spent * thousand:8.1f}")
    print(f"  {'all':<22} {(checked + written + asked + worker) * thousand:8.1f}   ({count / wall:.0f} PDFs a second)")
    print(f"  peak memory of the worker {after.ru_maxrss / MEBIBYTE:.0f} MiB")
    print(f"  bytes per file: PDF {sum(sizes) // count}, e-invoice inside {sum(map(len, xmls)) // count}")


async def owe_fees(store: Store, fees: list[BaseFee], operator: str = "acme", customer: str = BUYER.id) -> list[int]:
    """Store base fees that are to be billed, an invoice each."""

    def work(connection: Connection) -> list[int]:
        version = connection.execute(select(tariff_version.c.id).limit(1)).scalar_one()
        ids = []
        for i, one in enumerate(fees):
            values = {"operator_id": operator, "customer_id": customer, "scope": "contract", "target": f"K-{i}"}
            times = {"span_start": one.start, "span_end": one.end, "created_at": NOW, "body": "{}"}
            row = values | times | {"tariff_id": one.tariff_id, "tariff_version_id": version}
            ids.append(connection.execute(insert(fee).values(row).returning(fee.c.id)).scalar_one())
        connection.execute(insert(unbilled_fee), [{"fee_id": one} for one in ids])
        return ids

    return await store.write(work)


async def measure_issue(folder: Path, count: int) -> tuple[float, float]:
    """Give how many invoices of six lines are issued in a second, one after the other, and CPU seconds for one."""
    async with billing_store(folder / "db"):
        pass
    async with open_store(folder / "db") as store:
        fee_ids = await owe_fees(store, [base_fee()] * count)
        debtor = await store.read(lambda connection: load_debtor(connection, BUYER.id))
        drafts = documents(count)
        begin, cpu = perf_counter(), process_time()
        for fee_id, draft in zip(fee_ids, drafts, strict=True):
            assert problems(draft) == ()

            def work(connection: Connection, fee_id: int = fee_id, draft: Invoice = draft) -> Invoice | None:
                return issue(connection, debtor, draft, Bearing({}, {}, (fee_id,)), NOW)

            assert await store.write(work)
        spent, cpu = perf_counter() - begin, process_time() - cpu
        stored = await store.read(lambda connection: connection.scalar(select(func.count()).select_from(invoice)))
        assert stored == count
    return count / spent, cpu / count


def plain_commits(folder: Path, count: int) -> float:
    """Give how many rows of the size of an invoice the disk takes in a second, a commit each."""
    connection = sqlite3.connect(folder / "plain", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE one (id INTEGER PRIMARY KEY, body BLOB)")
    body = b"x" * 50_000
    begin = perf_counter()
    for _ in range(count):
        connection.execute("INSERT INTO one (body) VALUES (?)", (body,))
    spent = perf_counter() - begin
    connection.close()
    return count / spent


def main(count: int) -> None:
    """Measure and print."""
    measure_documents(count)
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        plain = plain_commits(Path(folder), count)
        issued, cpu = asyncio.run(measure_issue(Path(folder), count))
    print("a second, one after the other, synchronous=FULL")
    print(f"  {'plain commits of 50 kB':<34} {plain:8.0f}")
    print(f"  {'invoices issued':<34} {issued:8.0f}   ({cpu * 1000:.1f} ms of CPU each)")


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 1000)
