"""Meters that sign: records of OCMF with own keys, and sessions with them, for tests."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from sqlalchemy import Connection, update

from backend.store.event_log import Received, store_signed_values
from backend.store.meter_keys import MeterPlace, pin_key
from backend.store.tables import evse, operator, transaction_event
from backend.store.writer import Store
from shared import ocmf
from shared.ids import ChargePointId, EvseId, MessageId
from shared.metering import ReadingContext, SignedData, SignedReading
from shared.ocmf_signature import der_key
from tests.unit.backend.billing_example import EVENING
from tests.unit.backend.billing_store import add_transaction

BERLIN = ZoneInfo("Europe/Berlin")
CURVES: Mapping[str, Callable[[], ec.EllipticCurve]] = {
    "secp192r1": ec.SECP192R1,
    "secp256k1": ec.SECP256K1,
    "secp256r1": ec.SECP256R1,
    "secp384r1": ec.SECP384R1,
    "brainpool256r1": ec.BrainpoolP256R1,
    "brainpoolP384r1": ec.BrainpoolP384R1,
}


@dataclass(frozen=True)
class Signer:
    """A meter: its number, and its key as the number that it comes from."""

    serial: str = "1EMH0012345678"
    secret: int = 4711
    curve: str = "secp256r1"

    @property
    def key(self) -> str:
        return der_key(self._private.public_key())

    @property
    def _private(self) -> ec.EllipticCurvePrivateKey:
        return ec.derive_private_key(self.secret, CURVES[self.curve]())

    def sign(self, payload: str) -> str:
        signature = self._private.sign(payload.encode(), ec.ECDSA(SHA256(), deterministic_signing=True))
        return ocmf.build(payload, signature, f"ECDSA-{self.curve}-SHA256")

    def record(self, page: int, *readings: dict[str, Any], **changes: Any) -> str:
        """Sign readings; the payload has blanks where no program of ours would put them."""
        payload = {
            "FV": "1.4",
            "GI": "Zähler",
            "GS": self.serial,
            "PG": f"T{page}",
            "MS": self.serial,
            "IS": True,
            "IL": "VERIFIED",
            "ID": "04A1B2C3D4E5F6",
            "RD": list(readings),
        }
        told = {name: value for name, value in (payload | changes).items() if value is not None}
        return self.sign(json.dumps(told, ensure_ascii=False, separators=(" , ", ":  ")))


METER = Signer()


def reading(kind: str, at: datetime, kwh: object, **changes: Any) -> dict[str, Any]:
    """Give a reading of a record."""
    moment = at.astimezone(BERLIN)
    told = {
        "TM": f"{moment:%Y-%m-%dT%H:%M:%S},000{moment:%z} S",
        "TX": kind,
        "RV": kwh,
        "RI": "01-00:B2.08.00*FF",
        "RU": "kWh",
        "EF": "",
        "ST": "G",
    }
    return {name: value for name, value in (told | changes).items() if value is not None}


@dataclass(frozen=True)
class Charge:
    """A charge as a meter signs it, begin and end apart."""

    start: datetime
    minutes: int = 150
    begin_kwh: float = 0
    end_kwh: float = 27.5
    page: int = 8
    meter: Signer = METER

    @property
    def begin(self) -> str:
        return self.meter.record(self.page, reading("B", self.start, self.begin_kwh))

    @property
    def end(self) -> str:
        return self.meter.record(
            self.page + 1, reading("E", self.start + timedelta(minutes=self.minutes), self.end_kwh)
        )

    @property
    def both(self) -> str:
        begin = reading("B", self.start, self.begin_kwh)
        return self.meter.record(
            self.page, begin, reading("E", self.start + timedelta(minutes=self.minutes), self.end_kwh)
        )

    def other(self, **changes: Any) -> "Charge":
        return replace(self, **changes)


def flipped(text: str, place: int) -> str:
    """Change one bit of a character of a text."""
    return text[:place] + chr(ord(text[place]) ^ 1) + text[place + 1 :]


async def add_told(store: Store, evse_id: int = 1) -> int:
    """Store a transaction as `add_transaction` does, with the messages that it follows from."""
    number = await add_transaction(store, evse_id=evse_id)
    end = EVENING + timedelta(minutes=150)
    stop = {"transactionId": number, "meterStop": 1_027_500, "timestamp": f"{end:%Y-%m-%dT%H:%M:%SZ}"}

    def work(connection: Connection) -> None:
        status = {"status": "Available", "error_code": "NoError", "status_at": EVENING}
        known = evse.insert().prefix_with("OR IGNORE")
        connection.execute(known.values(charge_point_id="CP-1", evse_id=evse_id, **status))
        connection.execute(
            transaction_event.insert().values(
                transaction_id=number, kind="Ended", message_id="m-0", received_at=end, payload=json.dumps(stop)
            )
        )

    await store.write(work)
    return number


async def arrive(store: Store, number: int | None, texts: Sequence[str], key: str = "", evse_id: int = 1) -> None:
    """Let signed records come, in a transaction or outside of any."""
    signed = [SignedReading(EVENING, ReadingContext.PERIODIC, SignedData(one, key)) for one in texts]
    received = Received(ChargePointId("CP-1"), MessageId("m-1"), EVENING + timedelta(hours=4), "{}")
    await store.write(lambda unit: store_signed_values(unit, number, EvseId(evse_id), signed, received))


async def require_proof(store: Store) -> None:
    await store.write(lambda unit: unit.execute(update(operator).values(eichrecht_required=True)))


async def pin(store: Store, meter: Signer = METER, evse_id: int = 1) -> bool:
    place = MeterPlace("CP-1", evse_id, meter.serial)
    return await store.write(lambda unit: pin_key(unit, place, meter.key, "Fitter", EVENING))
