"""A migrated database with an operator, customers and transactions, and a mailbox: for tests of the jobs."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage, Message
from email.policy import default
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session
from sqlalchemy import Connection, insert, select

from backend.core.invoices.chain import ChainKind
from backend.core.rates.rating import Policy
from backend.core.tariffs.tariff import canonical, version_id
from backend.jobs.issue_invoices import BillingSettings, InvoiceIssuer
from backend.jobs.rate_ended import rate_ended
from backend.jobs.relay import MailSettings
from backend.jobs.render_invoices import InvoiceRenderer
from backend.jobs.send_mail import Mailer
from backend.store.chain import append
from backend.store.invoice_tables import invoice, invoice_pdf
from backend.store.letter_tables import letter
from backend.store.migrate import migrate
from backend.store.rating_tables import tariff_version
from backend.store.tables import charge_point, charging_transaction, customer, id_token, meter_value, operator
from backend.store.writer import Store, open_store
from shared.clock import Clock
from tests.unit.backend.billing_example import BUYER, DAY_NIGHT, EVENING, IBAN, SELLER

TOKEN = "04A1B2C3D4E5F6"


@asynccontextmanager
async def billing_store(path: Path, cycle: str = "day", **changes: Any) -> AsyncIterator[Store]:
    """Open a store with an operator, a customer C-1001, its token, a charge point CP-1 and a day and night tariff."""
    if not await asyncio.to_thread(path.exists):
        await asyncio.to_thread(migrate, path)
        async with open_store(path) as store:
            await store.write(lambda connection: _fill(connection, cycle, changes))
    async with open_store(path) as store:
        yield store


def _fill(connection: Connection, cycle: str, changes: dict[str, Any]) -> None:
    tariff = changes.pop("tariff", DAY_NIGHT)
    text, tariff_id = canonical(tariff), tariff["id"]
    place = {"street": "Marktplatz 1", "postcode": "14467", "city": "Potsdam"}
    shop = {"street": SELLER.street, "postcode": SELLER.postcode, "city": SELLER.city, "country": "DE"}
    home = {"street": BUYER.street, "postcode": BUYER.postcode, "city": BUYER.city, "country": "DE"}
    acme = {
        "id": "acme",
        "name": SELLER.name,
        **shop,
        "vat_id": SELLER.vat_id,
        "email": SELLER.email,
        "phone": SELLER.phone,
        "iban": IBAN,
        "bic": "BYLADEM1001",
        "timezone": "Europe/Berlin",
        "currency": "EUR",
        "invoice_prefix": "RE",
    }
    connection.execute(insert(operator).values(acme | changes.pop("operator", {})))
    connection.execute(
        insert(charge_point).values(
            id="CP-1",
            operator_id="acme",
            name="Parkhaus Mitte",
            **place,
            password_hash="",
            vendor="",
            model="",
            serial="",
            firmware="",
        )
    )
    connection.execute(
        insert(tariff_version).values(
            id=version_id(text),
            operator_id="acme",
            tariff_id=tariff_id,
            valid_from=EVENING - timedelta(days=90),
            body=text,
        )
    )
    ref = f"{tariff_id}@{version_id(text)}"
    append(connection, "acme", ChainKind.TARIFF_VERSION, ref, text.encode(), EVENING - timedelta(days=90))
    erika = {
        "id": BUYER.id,
        "operator_id": "acme",
        "name": BUYER.name,
        **home,
        "vat_id": "",
        "email": BUYER.email,
        "language": "de",
        "cycle": cycle,
        "payment_days": 14,
    }
    connection.execute(insert(customer).values(erika | changes.pop("customer", {})))
    connection.execute(
        insert(id_token).values(token=TOKEN, operator_id="acme", customer_id=BUYER.id, holder="", blocked=False)
    )
    assert not changes


async def add_transaction(
    store: Store,
    registers: Sequence[tuple[float, int]] = ((0, 1_000_000), (50, 1_009_167), (150, 1_027_500)),
    start: datetime = EVENING,
    **changes: Any,
) -> int:
    """Store a transaction that has ended, with the register at so many minutes after its start."""
    points = [(start + timedelta(minutes=minutes), energy) for minutes, energy in registers]

    def work(connection: Connection) -> int:
        version = connection.execute(select(tariff_version.c.id).limit(1)).scalar_one()
        values = {
            "charge_point_id": "CP-1",
            "operator_id": "acme",
            "evse_id": 1,
            "id_token": TOKEN,
            "started_at": points[0][0],
            "meter_start": points[0][1],
            "ended_at": points[-1][0],
            "meter_stop": points[-1][1],
            "stop_reason": "Local",
            "state": "ended",
            "tariff_version_id": version,
            "tariff_reason": "",
        }
        added = insert(charging_transaction).values(values | changes).returning(charging_transaction.c.id)
        number = connection.execute(added).scalar_one()
        for at, energy in points:
            row = {"transaction_id": number, "at": at, "context": "Sample.Periodic", "energy_wh": energy}
            connection.execute(insert(meter_value).values(row))
        return int(number)

    return await store.write(work)


class DyingConnection:
    """A connection that dies at the n-th statement; `left` tells how many are left."""

    def __init__(self, connection: Connection, statements: int) -> None:
        self._connection, self.left = connection, statements

    def _step(self) -> None:
        if self.left == 0:
            raise ConnectionError("power cut")
        self.left -= 1

    def execute(self, *arguments: Any) -> Any:
        self._step()
        return self._connection.execute(*arguments)

    def scalar(self, *arguments: Any) -> Any:
        self._step()
        return self._connection.scalar(*arguments)

    def scalars(self, *arguments: Any) -> Any:
        self._step()
        return self._connection.scalars(*arguments)

    @property
    def connection(self) -> Any:  # what a `Statement` runs on
        self._step()
        return self._connection.connection

    @property
    def dialect(self) -> Any:
        return self._connection.dialect


async def transactions(store: Store) -> list[Any]:
    return await store.read(
        lambda connection: list(connection.execute(select(charging_transaction).order_by(charging_transaction.c.id)))
    )


async def invoices(store: Store) -> list[Any]:
    return await store.read(lambda connection: list(connection.execute(select(invoice).order_by(invoice.c.id))))


async def outbox(store: Store) -> list[Any]:
    """Give the letters, oldest first."""
    return await store.read(lambda connection: list(connection.execute(select(letter).order_by(letter.c.id))))


async def rendered(store: Store) -> list[bytes | None]:
    """Give the PDFs of the invoices in their order."""
    query = select(invoice_pdf.c.content).order_by(invoice_pdf.c.invoice_id)
    return await store.read(lambda connection: list(connection.scalars(query)))


@dataclass
class Mailbox:
    """A mail server. `answers` are given to the next mails instead of taking them; `refused` recipients get 550."""

    port: int = 0
    answers: list[str] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    mails: list[EmailMessage] = field(default_factory=list)

    async def handle_RCPT(  # noqa: N802  the name that aiosmtpd calls
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.refused:
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.answers:
            return self.answers.pop(0)
        assert isinstance(envelope.content, bytes)
        mail: Message = message_from_bytes(envelope.content, policy=default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        return "250 taken"

    @property
    def message_ids(self) -> list[str]:
        return [str(mail["Message-ID"]) for mail in self.mails]


@asynccontextmanager
async def open_mailbox(box: Mailbox) -> AsyncIterator[Mailbox]:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(box, hostname="mail.example.com", loop=loop), "127.0.0.1", box.port)
    box.port = server.sockets[0].getsockname()[1]
    try:
        yield box
    finally:
        server.close()
        await server.wait_closed()


def mail_settings(box: Mailbox, **changes: Any) -> MailSettings:
    values: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": box.port,
        "security": "none",
        "timeout_s": 5.0,
        "per_minute": 0.0,
    }
    return MailSettings(**(values | changes))


async def run_all_jobs(store: Store, clock: Clock, box: Mailbox, billing: BillingSettings | None = None) -> None:
    """Run each job once, in the order of the chain."""
    await rate_ended(store, clock, Policy())
    await InvoiceIssuer(store, clock, billing or BillingSettings()).run()
    await send_letters(store, clock, mail_settings(box))


async def send_letters(store: Store, clock: Clock, settings: MailSettings, lapse_rate: float = 1.0) -> datetime | None:
    """Render and send what is due, once."""
    await InvoiceRenderer(store, clock, lapse_rate).run()
    return await make_mailer(store, clock, settings, lapse_rate).run()


def make_mailer(store: Store, clock: Clock, settings: MailSettings, lapse_rate: float = 1.0) -> Mailer:
    """Give a mailer whose pauses are as long as they are told."""
    return Mailer(store, clock, settings, lapse_rate, jitter=lambda: 0.0)
