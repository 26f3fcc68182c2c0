"""From the mandate in the master data to the invoice that announces its debit, and the batch that collects it."""

import asyncio
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from backend.core.invoices.invoice import Invoice
from backend.core.rates.rating import Policy
from backend.core.record import from_json
from backend.jobs.issue_invoices import BillingSettings, InvoiceIssuer
from backend.jobs.rate_ended import rate_ended
from backend.services.payments import collect
from backend.store.payment_tables import mandate
from shared.clock import ManualClock
from tests.unit.backend.billing_example import EVENING
from tests.unit.backend.billing_store import add_transaction, billing_store, invoices

ROW = {
    "operator_id": "acme",
    "customer_id": "C-1001",
    "reference": "M-1",
    "scheme": "CORE",
    "recurrent": True,
    "signed_on": date(2026, 1, 31),
    "iban": "DE02500105170137075030",
    "bic": "",
    "holder": "Erika Mustermann",
    "evidence": "text 3",
}


def test_an_invoice_announces_the_debit_that_collects_it(tmp_path: Path) -> None:
    async def run() -> None:
        clock = ManualClock(EVENING + timedelta(days=2))
        changes: dict[str, Any] = {
            "operator": {"creditor_id": "DE98ZZZ09999999999"},
            "customer": {"payment": "direct_debit"},
        }
        async with billing_store(tmp_path / "db", **changes) as store:
            await store.write(lambda unit: unit.execute(insert(mandate).values(ROW)))
            await add_transaction(store)
            await rate_ended(store, clock, Policy())
            await InvoiceIssuer(store, clock, BillingSettings()).run()
            (row,) = await invoices(store)
            document = from_json(Invoice, row.body)
            assert document.direct_debit
            assert document.direct_debit.mandate == "M-1"
            # 14 days after Saturday the 17th is a Saturday: banks collect on Monday
            assert document.due_on == date(2026, 11, 2)
            done = await collect(store, "", date(2026, 11, 2), clock.utc())
            assert [(one.count, one.total) for one in done.batches] == [(1, document.due)]

    asyncio.run(run())
