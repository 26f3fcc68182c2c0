"""What stations wait for their answers while invoices are rendered, against the same server without invoices.

    python -m tests.bench.bench_rendering [STATIONS]

Each station sends a reading twice a second, far more often than any would. The invoices are issued before, more than
can be rendered meanwhile, so that rendering goes on for the whole time. The measure: p95 grows by at most half.
"""

import asyncio
import sqlite3
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import Connection

from backend.core.invoices.invoice import Invoice
from backend.services.apply import apply
from backend.services.master_data import parse_master_data
from backend.store.invoices import Bearing, issue, load_debtor
from backend.store.migrate import migrate
from backend.store.writer import open_store
from tests.bench.bench_intake import master, percentile, play, started
from tests.bench.bench_invoices import NOW, documents, owe_fees
from tests.bench.stations import Load
from tests.unit.backend.billing_example import base_fee
from tests.unit.backend.world import NOW as LONG_BEFORE

READINGS = 30
PAUSE_S = 0.5
PER_SECOND = 40
"""Invoices, more than a worker renders: some are left when the stations have ended."""


async def prepare(path: Path, stations: int, invoices: int) -> None:
    """Make a database with stations and with invoices that were issued and not rendered."""
    migrate(path)
    async with open_store(path) as store:
        await store.write(lambda unit: apply(unit, parse_master_data(master(stations)), LONG_BEFORE))
        if not invoices:
            return
        fees = await owe_fees(store, [base_fee()] * invoices, "muster", "K-1")
        debtor = await store.read(lambda connection: load_debtor(connection, "K-1"))
        for fee_id, draft in zip(fees, documents(invoices), strict=True):

            def work(connection: Connection, fee_id: int = fee_id, draft: Invoice = draft) -> Invoice | None:
                return issue(connection, debtor, draft, Bearing({}, {}, (fee_id,)), NOW)

            assert await store.write(work)


async def measure(stations: int, invoices: int) -> list[float]:
    """Give the seconds until each answer, and print what was rendered meanwhile."""
    with TemporaryDirectory() as name:
        path, config = Path(name) / "db", Path(name) / "backend.toml"
        await prepare(path, stations, invoices)
        config.write_text(f'[server]\nocpp_port = 0\nweb_port = 0\n[store]\npath = "{path}"\n')
        async with started(sys.executable, "-m", "backend", "serve", "--config", str(config)) as server:
            load = Load(server.port, "1.6", stations, READINGS, pause_s=PAUSE_S)
            result = await play(server, load)
        connection = sqlite3.connect(path)
        (done,) = connection.execute("SELECT count(*) FROM invoice_pdf WHERE content IS NOT NULL").fetchone()
        connection.close()
    times, seen = result.seen.calls, result.seen
    print(
        f"  {done:5} of {invoices} rendered meanwhile: {len(times)} answers in {seen.seconds:.1f} s,"
        f" p50 {percentile(times, 0.5) * 1000:.1f} ms, p95 {percentile(times, 0.95) * 1000:.1f} ms,"
        f" {result.per_message_us:.0f} us CPU each, {seen.refused} refused"
    )
    return times


async def main(stations: int) -> None:
    """Measure without and with invoices, twice in turns, and print the ratio."""
    print(f"{stations} stations, a reading each {PAUSE_S} s")
    quiet: list[float] = []
    busy: list[float] = []
    for _ in range(2):
        quiet += await measure(stations, 0)
        busy += await measure(stations, int(READINGS * PAUSE_S * PER_SECOND))
    print(f"p95 with rendering / without: {percentile(busy, 0.95) / percentile(quiet, 0.95):.2f} (limit 1.5)")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if sys.argv[1:] else 50))
