"""A store with three customers, a mandate and documents of any amount: for tests of payments."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

from sqlalchemy import Connection, insert

from backend.core.invoices.billing_profile import DirectDebit
from backend.core.invoices.invoice import CREDIT_NOTE, INVOICE, Charges, Invoice, draft_invoice, with_number
from backend.core.payments.matching import Part
from backend.core.payments.open_item import ZERO
from backend.core.record import to_json
from backend.services.apply import apply
from backend.services.master_data import parse_master_data
from backend.store.invoice_tables import invoice
from backend.store.migrate import migrate
from backend.store.open_items import Target, add_item, credits_by_customer, find_item, list_bookings, list_items
from backend.store.prepaid import settle_prepaid
from backend.store.writer import Store, open_store
from tests.unit.backend.billing_example import account, session
from tests.unit.backend.world import MASTER

NOW = datetime(2026, 11, 10, 9, 0, tzinfo=UTC)
TODAY = NOW.date()
COLLECT_ON = date(2026, 11, 12)
ERIKA, OTTO = "DE02500105170137075030", "DE02100500000054540402"

PAYERS = (
    MASTER.replace(
        'iban = "DE02120300000000202051"', 'iban = "DE02120300000000202051"\ncreditor_id = "DE98ZZZ09999999999"'
    )
    + """
[[customer]]
id = "K-2"
operator = "muster"
name = "Otto Beispiel GmbH"
street = "Weg 3"
postcode = "10117"
city = "Berlin"
email = "otto@example.com"

[[mandate]]
reference = "M-1"
customer = "K-1"
iban = "DE02500105170137075030"
holder = "Jörg Müßig"
signed_on = "2026-01-31"
evidence = "text 3, checkbox 2026-01-31T10:00+01:00"

[[mandate]]
reference = "M-2"
customer = "K-2"
iban = "DE02100500000054540402"
signed_on = "2026-02-01"
evidence = "signed.pdf"
scheme = "B2B"
"""
)


@asynccontextmanager
async def open_payers(path: Path) -> AsyncIterator[Store]:
    """Open a store with an operator, customers K-1 (CORE, M-1) and K-2 (B2B, M-2)."""
    if not await asyncio.to_thread(path.exists):
        await asyncio.to_thread(migrate, path)
        async with open_store(path) as store:
            await store.write(lambda unit: apply(unit, parse_master_data(PAYERS), NOW))
    async with open_store(path) as store:
        yield store


def add_invoice(
    unit: Connection,
    count: int,
    amount: str,
    customer: str = "K-1",
    *,
    debit: bool = False,
    card: bool = False,
    due: str = "2026-11-01",
) -> int:
    """Issue a document of an amount, negative for a credit note; with `debit` its collection is announced."""
    announced = DirectDebit("DE98ZZZ09999999999", {"K-1": "M-1", "K-2": "M-2"}[customer], ERIKA)
    number = f"RE-2026-{count:06}"
    document = _document(
        number, Decimal(amount), date.fromisoformat("2026-11-11" if debit else due), announced if debit else None
    )
    if card:
        document = replace(document, prepaid=document.due)
    row = {
        "operator_id": "muster",
        "customer_id": customer,
        "number": number,
        "type_code": document.type_code,
        "issued_at": NOW,
        "period_start": NOW,
        "period_end": NOW,
        "currency": "EUR",
        "total_net": document.owed,
        "total_gross": document.owed,
        "body": to_json(document),
    }
    invoice_id = unit.execute(insert(invoice).values(row).returning(invoice.c.id)).scalar_one()
    target = Target("muster", customer, "EUR")
    add_item(unit, invoice_id, target, document)
    settle_prepaid(unit, invoice_id, target, document, NOW)
    return int(invoice_id)


def _document(number: str, amount: Decimal, due_on: date, announced: DirectDebit | None) -> Invoice:
    draft = draft_invoice(account(), Charges(sessions=(session(),)), NOW)
    kind = CREDIT_NOTE if amount < 0 else INVOICE
    changed = replace(draft, type_code=kind, due=abs(amount), due_on=due_on, direct_debit=announced)
    return with_number(changed, number)


async def open_amounts(store: Store) -> dict[str, str]:
    """Give what is open by the last digits of the number, and by customer what is on account."""

    def work(unit: Connection) -> dict[str, str]:
        items = {str(int(item.number[-6:])): str(item.open) for item in list_items(unit)}
        return items | {name: str(amount) for name, amount in credits_by_customer(unit).items()}

    return await store.read(work)


async def balance(store: Store, customer: str = "K-1") -> Decimal:
    """Give what a customer owes in sum, from the documents and bookings alone."""

    def work(unit: Connection) -> Decimal:
        items = list_items(unit, customer_id=customer, only_open=False)
        return sum((i.amount for i in items), ZERO) + sum(
            (b.amount for b in list_bookings(unit, customer_id=customer)), ZERO
        )

    return await store.read(work)


def part(unit: Connection, count: int, amount: str) -> Part:
    """Name a share of a document."""
    item = find_item(unit, f"RE-2026-{count:06}")
    assert item
    return Part(item.invoice_id, item.number, item.customer_id, Decimal(amount))
