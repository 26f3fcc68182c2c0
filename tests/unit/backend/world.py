"""A small world for the tests of the backend: an operator, a customer with tokens, two charge points, a tariff."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from backend.csms.handlers import make_handlers
from backend.csms.handling import Sender
from backend.services.apply import apply
from backend.services.master_data import parse_master_data
from backend.store.migrate import migrate
from backend.store.transactions import Transaction, list_transactions
from backend.store.writer import Store, open_store
from shared.ids import ChargePointId, MessageId
from shared.ocpp.session import Payload
from shared.ocpp.v16 import timestamp
from shared.ocpp.validation import Version

NOW = datetime(2026, 10, 31, 18, 40, tzinfo=UTC)

MASTER = """
[[operator]]
id = "muster"
name = "Muster Strom GmbH"
street = "Hauptstr. 1"
postcode = "10115"
city = "Berlin"
vat_id = "DE123456789"
email = "info@example.com"
iban = "DE02120300000000202051"

[[customer]]
id = "K-1"
operator = "muster"
name = "Erika Beispiel"
street = "Nebenweg 2"
postcode = "10117"
city = "Berlin"
email = "erika@example.com"

[[id_token]]
token = "04A2B3C4"
customer = "K-1"
holder = "Erika"

[[id_token]]
token = "BLOCKED1"
customer = "K-1"
blocked = true

[[id_token]]
token = "EXPIRED1"
customer = "K-1"
expires_at = "2026-01-01T00:00:00+01:00"

[[charge_point]]
id = "CP-1"
operator = "muster"

[[charge_point]]
id = "CP-2"
operator = "muster"

[[tariff]]
operator = "muster"
valid_from = 2026-01-01T00:00:00+01:00
id = "flat"
currency = "EUR"
elements = [{ price_components = [{ type = "ENERGY", price = 0.49, vat = 19.0, step_size = 1 }] }]

[[assignment]]
operator = "muster"
tariff = "flat"
scope = "operator"
"""


@asynccontextmanager
async def open_world(folder: Path, master: str = MASTER) -> AsyncIterator[Store]:
    """Open a fresh store with the master data in it."""
    migrate(folder / "db")
    async with open_store(folder / "db") as store:
        await store.write(lambda unit: apply(unit, parse_master_data(master), NOW))
        yield store


class Station:
    """A charge point that talks to the handlers without a socket; each message has a new id, as after a reboot."""

    def __init__(self, store: Store, name: str = "CP-1", version: Version = Version.V16) -> None:
        self.store, self.name, self.version = store, ChargePointId(name), version
        self._count = 0

    async def call(self, action: str, payload: Payload, at: datetime = NOW) -> Payload:
        self._count += 1
        sender = Sender(self.name, MessageId(f"{self.name}-{self._count}"), self.version)
        handler = make_handlers(300, lambda _transaction_id: None)[self.version][action]
        return await self.store.write(lambda unit: handler(payload, sender, unit, at))

    async def report_connector(self, connector: int = 1) -> None:
        await self.call("StatusNotification", {"connectorId": connector, "errorCode": "NoError", "status": "Available"})

    async def transactions(self) -> list[Transaction]:
        return list(reversed(await self.store.read(list_transactions)))


def start(meter: int = 1000, minute: int = 0, tag: str = "04A2B3C4", connector: int = 1) -> Payload:
    return {"connectorId": connector, "idTag": tag, "meterStart": meter, "timestamp": at(minute)}


def values(transaction: int, *readings: tuple[int, int], connector: int = 1) -> Payload:
    """Make MeterValues of (minute, register in Wh)."""
    return {
        "connectorId": connector,
        "transactionId": transaction,
        "meterValue": [{"timestamp": at(m), "sampledValue": [{"value": str(energy)}]} for m, energy in readings],
    }


def stop(transaction: int, meter: int = 12_000, minute: int = 60) -> Payload:
    return {"transactionId": transaction, "meterStop": meter, "timestamp": at(minute)}


def at(minute: int) -> str:
    return timestamp(NOW + timedelta(minutes=minute))
