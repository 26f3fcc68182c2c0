"""What stations ask to be signed, what they get, and who is asked to renew."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from backend.csms.certificates import make_authority
from backend.csms.connections import Connection, Connections
from backend.csms.handling import Sender
from backend.csms.signing import Renewals, Signing
from backend.people.vault import Vault, key_path
from backend.store.certificates import AuthorityRow, add_authority, list_certificates, revoke
from backend.store.orders import list_orders
from backend.store.writer import Store
from shared.clock import ManualClock
from shared.ids import ChargePointId, MessageId
from shared.ocpp.session import Payload
from shared.ocpp.validation import Version, violation
from tests.unit.backend.world import NOW, open_world

CP = ChargePointId("CP-1")
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


def request(name: str = "CP-1", key: Key | None = None) -> str:
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else SHA256()
    made = x509.CertificateSigningRequestBuilder(subject).sign(key, algorithm)
    return made.public_bytes(Encoding.PEM).decode()


class World:
    def __init__(self, store: Store) -> None:
        self.store = store
        self.vault = Vault(key_path(store.path))
        self.signing = Signing(self.vault.open, 365)

    async def make_authority(self) -> str:
        made, key = make_authority("Example CA", NOW, 3650)
        row = AuthorityRow(0, "Example CA", made.pem, self.vault.seal(key), NOW, made.ends_at)
        await self.store.write(lambda unit: add_authority(unit, row))
        return made.pem

    async def ask(self, payload: Payload, version: Version = Version.V16) -> object:
        sender = Sender(CP, MessageId("1"), version)
        answer = await self.store.write(lambda unit: self.signing.on_sign_certificate(payload, sender, unit, NOW))
        return answer["status"]


def play(folder: Path, story: Callable[[World], Awaitable[None]]) -> None:
    async def scenario() -> None:
        async with open_world(folder) as store:
            await story(World(store))

    asyncio.run(scenario())


@pytest.mark.parametrize("version", [Version.V16, Version.V201])
def test_a_good_request_is_signed_and_the_certificate_ordered_to_its_station(tmp_path: Path, version: Version) -> None:
    async def story(world: World) -> None:
        root = x509.load_pem_x509_certificate((await world.make_authority()).encode())
        kind = {} if version is Version.V16 else {"certificateType": "ChargingStationCertificate"}
        assert await world.ask({"csr": request(), **kind}, version) == "Accepted"
        [order] = await world.store.read(lambda unit: list_orders(unit, 10))
        payload = json.loads(order.payload)
        assert (order.action, order.charge_point_id) == ("CertificateSigned", "CP-1")
        assert violation(version, "CertificateSigned", payload) is None
        signed = x509.load_pem_x509_certificate(payload["certificateChain"].encode())
        signed.verify_directly_issued_by(root)
        names = signed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert names.get_values_for_type(x509.DNSName) == ["CP-1"]
        [row] = await world.store.read(list_certificates)
        assert (row.serial, row.ends_at) == (f"{signed.serial_number:X}", NOW + timedelta(days=365))

    play(tmp_path, story)


def test_a_request_that_comes_again_gets_the_same_certificate_until_it_is_revoked(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.make_authority()
        asked = {"csr": request()}
        for _ in range(3):
            assert await world.ask(asked) == "Accepted"
        [row] = await world.store.read(list_certificates)
        await world.store.write(lambda unit: revoke(unit, row.serial, "admin", NOW))
        assert await world.ask(asked) == "Accepted"
        assert len(await world.store.read(list_certificates)) == 2

    play(tmp_path, story)


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ({"csr": request("CP-2")}, "another charge point"),
        ({"csr": request(key=rsa.generate_private_key(65537, 1024))}, "its key must be"),
        ({"csr": request(key=ec.generate_private_key(ec.SECP256K1()))}, "its key must be"),
        ({"csr": request(key=ed25519.Ed25519PrivateKey.generate())}, "its key must be"),
        ({"csr": "garbage"}, "no PKCS #10"),
        ({"csr": request(), "certificateType": "V2GCertificate"}, "only certificates of charging stations"),
    ],
)
def test_a_bad_request_is_rejected_and_the_log_says_why(
    tmp_path: Path, payload: Payload, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(world: World) -> None:
        await world.make_authority()
        assert await world.ask(payload) == "Rejected"
        assert not await world.store.read(list_certificates)

    play(tmp_path, story)
    assert reason in caplog.text


def test_without_an_authority_nothing_is_signed(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        assert await world.ask({"csr": request()}) == "Rejected"

    play(tmp_path, story)


def test_a_station_that_asks_for_ever_more_is_stopped(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.make_authority()
        answers = [await world.ask({"csr": request()}) for _ in range(11)]
        assert answers == ["Accepted"] * 10 + ["Rejected"]

    play(tmp_path, story)


def test_the_key_of_the_authority_stands_nowhere_in_the_database(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.make_authority()

    play(tmp_path, story)
    assert not any(b"PRIVATE KEY" in path.read_bytes() for path in tmp_path.glob("db*"))


@pytest.mark.parametrize(("days_left", "asked"), [(31, 0), (29, 1), (-1, 0)])
def test_a_station_is_asked_to_renew_once_a_day_when_its_certificate_nears_its_end(
    tmp_path: Path, days_left: int, asked: int
) -> None:
    async def story(world: World) -> None:
        await world.make_authority()
        await world.ask({"csr": request()})
        connections, clock = Connections(), ManualClock(NOW + timedelta(days=365 - days_left))
        connections.add(Connection(CP, NOW, "here", Version.V16, lambda: None, heard_at=NOW))
        renewals = Renewals(world.store, clock, connections, 30)
        for _ in range(2):
            await renewals.look()
        orders = await world.store.read(lambda unit: list_orders(unit, 10))
        found = [json.loads(one.payload) for one in orders if one.action == "ExtendedTriggerMessage"]
        assert found == [{"requestedMessage": "SignChargePointCertificate"}] * asked

    play(tmp_path, story)
