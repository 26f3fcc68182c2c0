"""The whole agent against central systems with real TLS: who is let in, who is not, and what changes without a loss."""

import asyncio
import base64
import json
import logging
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from shared.clock import Clock, ManualClock
from shared.config import ConfigError
from shared.ids import MessageId, Secret
from shared.ocpp.session import Payload
from shared.ocpp.validation import Version
from simulators.authority import Authority, Issued, Life
from station.csms_connection import Entrance, Reply, open_connection
from station.errors import JournalError
from station.ledger_view import read_rows
from station.security import renewal
from station.security.access import Access, Profile
from station.security.event_store import LOG, log_line
from station.security.tls import make_context
from station.security.view import security_lines
from station.settings import SecuritySettings, StationSettings, check
from tests.link.csms import CallError, Csms, Json, Silence
from tests.link.modem_bench import bench as modem_bench
from tests.unit.station.site import Site, settings, station

NOW = datetime(2026, 10, 31, 18, 40, tzinfo=UTC)
"""What the central system says that it is."""
KEY = "00112233445566778899aabbccddeeff01020304"
PASSWORD = "the-first-password"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(renewal, "_OFFLINE_S", 0.05)
    monkeypatch.setattr("station.csms_link._LEAVE_S", 0.05)
    caplog.set_level(logging.INFO)


@dataclass
class World:
    """A central system with a certificate, and a station that is to trust it."""

    folder: Path
    root: Authority = field(default_factory=lambda: Authority("Example Root"))
    csms: Csms = field(default_factory=Csms)

    def serves(self, server: Issued, *, clients: Authority | None = None, must: bool = False) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*server.write(self.folder, "server"))
        if clients:
            context.load_verify_locations(cadata=clients.pem)
            context.verify_mode = ssl.CERT_REQUIRED if must else ssl.CERT_OPTIONAL
        self.csms.tls = context

    def settings(self, profile: int = 2, password: str = PASSWORD, **identity: str) -> StationSettings:
        roots = self.folder / "roots.pem"
        roots.write_text(self.root.pem)
        made = settings(self.folder, self.csms.port)
        scheme = "wss" if profile >= 2 else "ws"
        made = replace(
            made,
            csms=replace(
                made.csms,
                url=f"{scheme}://localhost:{self.csms.port}/ocpp",
                password=Secret(password),
                connect_timeout_s=1.0,
            ),
            security=SecuritySettings(roots=str(roots)),
            ocpp=replace(made.ocpp, SecurityProfile=profile),  # type: ignore[call-arg]
        )
        check(made)
        return made

    def events(self) -> list[str]:
        try:
            return [line.kind for line in map(log_line, read_rows(self.folder / "journal.sqlite", LOG))]
        except JournalError:  # not made yet
            return []

    async def until_event(self, kind: str) -> None:
        await until(lambda: kind in self.events())

    def access(self) -> Json:
        told: Json = json.loads((self.folder / "journal.sqlite.security" / "access.json").read_text())
        return told


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(15):
        while not condition():  # noqa: ASYNC110  nobody sets an event
            await asyncio.sleep(0.02)


def run(work: Callable[[], Awaitable[None]]) -> None:
    async def within() -> None:
        async with asyncio.timeout(40):
            await work()

    asyncio.run(within())


@asynccontextmanager
async def online(world: World, made: StationSettings | None = None, clock: Clock | None = None) -> AsyncIterator[None]:
    """Run the agent until it has said that it began."""
    async with station(made or world.settings(), Site(), clock=clock):
        await world.csms.until(lambda: world.csms.of("BootNotification"), 15)
        yield


@pytest.mark.parametrize("kind", ["ec", "rsa"])
def test_profile_2_enters_with_password_by_a_chain_to_the_root(tmp_path: Path, kind: str) -> None:
    world = World(tmp_path, Authority("Example Root", kind=kind))
    world.serves(Authority("Between", kind=kind, issuer=world.root).server("localhost"))

    async def work() -> None:
        async with world.csms.serve(), online(world):
            expected = base64.b64encode(f"CP1:{PASSWORD}".encode()).decode()
            assert world.csms.headers[0]["Authorization"] == f"Basic {expected}"
            assert await world.csms.ask("GetConfiguration", {"key": ["SecurityProfile", "AuthorizationKey"]}) == [
                3,
                {
                    "configurationKey": [{"key": "SecurityProfile", "readonly": False, "value": "2"}],
                    "unknownKey": ["AuthorizationKey"],
                },
            ]

    run(work)


OLD = Life(datetime(2020, 1, 1, tzinfo=UTC), datetime(2023, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("server", "reason"),
    [
        (lambda root: root.server("localhost", life=OLD), "it expired on 2023-01-01"),
        (lambda root: Authority("Between", issuer=root, life=OLD).server("localhost"), "Between: it expired"),
        (lambda root: root.server("other.example.com"), "Hostname mismatch"),
        (lambda _: Authority("Stranger").server("localhost"), "unable to get local issuer"),
    ],
    ids=["expired", "expired-between", "wrong-name", "unknown-root"],
)
def test_a_central_system_with_a_bad_certificate_hears_nothing_and_the_outage_is_told_once(
    tmp_path: Path, server: Callable[[Authority], Issued], reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    world = World(tmp_path)
    world.serves(server(world.root))

    async def work() -> None:
        async with world.csms.serve(), station(world.settings(), Site()):
            await world.until_event("InvalidCentralSystemCertificate")
            await asyncio.sleep(0.5)
        assert world.csms.connections == 0
        assert world.csms.headers == []
        assert world.events().count("InvalidCentralSystemCertificate") == 1
        assert PASSWORD not in caplog.text

    run(work)
    told = [record.getMessage() for record in caplog.records if "csms_unreachable" in record.getMessage()]
    assert pytest.approx(len(told), abs=1) == 1
    assert re.search(reason, told[0])


@pytest.mark.parametrize("years", [-10, 10])
def test_a_clock_that_is_ten_years_off_keeps_nobody_out(tmp_path: Path, years: int) -> None:
    world = World(tmp_path)
    world.serves(world.root.server("localhost", life=Life.around(NOW, days_left=100)))
    off = ManualClock(NOW + timedelta(days=365 * years), 100.0)

    async def work() -> None:
        async with world.csms.serve():
            made = world.settings()
            trusted = replace(made, time=replace(made.time, clock_trusted=True))
            async with online(world, trusted, off):
                await world.csms.until(lambda: world.csms.of("SecurityEventNotification"))
            assert "InvalidCentralSystemCertificate" not in world.events()

    run(work)


def test_once_the_time_is_certain_an_expired_certificate_is_refused(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.serves(world.root.server("localhost", life=Life.around(NOW, days_left=-30)))

    async def work() -> None:
        async with world.csms.serve(), online(world):
            await world.csms.until(lambda: world.csms.of("StatusNotification"))
            assert world.csms.socket
            world.csms.socket.transport.abort()
            await world.until_event("InvalidCentralSystemCertificate")
        assert world.csms.connections == 1

    run(work)


def test_a_reconnect_resumes_the_tls_session(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.serves(world.root.server("localhost"))

    async def work() -> None:
        async with world.csms.serve(), online(world):
            await world.csms.until(lambda: world.csms.of("StatusNotification"))
            assert world.csms.socket
            world.csms.socket.transport.abort()
            await until(lambda: world.csms.connections == 2)
        assert world.csms.resumed == [False, True]

    run(work)


@pytest.mark.parametrize(
    ("alert", "event"),
    [
        (70, "InvalidTLSVersion"),
        (71, "InvalidTLSCipherSuite"),
        (40, "FailedToAuthenticateAtCentralSystem"),
    ],
    ids=["protocol_version", "insufficient_security", "handshake_failure"],
)
def test_what_tls_refuses_is_told_as_such(tmp_path: Path, alert: int, event: str) -> None:
    world = World(tmp_path)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10000)
        writer.write(bytes([0x15, 0x03, 0x03, 0x00, 0x02, 0x02, alert]))
        await writer.drain()
        await reader.read(10000)
        writer.close()

    async def work() -> None:
        async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
            world.csms.port = server.sockets[0].getsockname()[1]
            async with station(world.settings(), Site()):
                await world.until_event(event)

    run(work)


async def beat(csms: Csms) -> None:
    """Hear a heartbeat. After the second the station has surely taken the answer to the first."""
    said = len(csms.of("Heartbeat"))
    await csms.ask("TriggerMessage", {"requestedMessage": "Heartbeat"}, f"h{said}")
    await csms.until(lambda: len(csms.of("Heartbeat")) > said)


async def sign(world: World, issuer: Authority, life: Life | None = None, name: str = "") -> Json:
    """Answer the newest signing request, and give the answer to CertificateSigned."""
    request = world.csms.of("SignCertificate")[-1][1]["csr"]
    chain = issuer.sign(request, life=life or Life(), common_name=name)
    answer: Json = (await world.csms.ask("CertificateSigned", {"certificateChain": chain}))[1]
    return answer


async def get_certificate(world: World, issuer: Authority) -> Json:
    asked = len(world.csms.of("SignCertificate"))
    told = await world.csms.ask("ExtendedTriggerMessage", {"requestedMessage": "SignChargePointCertificate"})
    assert told[1] == {"status": "Accepted"}
    await world.csms.until(lambda: len(world.csms.of("SignCertificate")) > asked)
    return await sign(world, issuer)


def accepts_requests(action: str, _payload: Json) -> Json | None:
    return {"status": "Accepted"} if action == "SignCertificate" else None


async def key(world: World, name: str, value: str) -> str:
    status: str = (await world.csms.ask("ChangeConfiguration", {"key": name, "value": value}))[1]["status"]
    return status


def test_from_password_to_certificate_and_a_rotation_with_rehearsal(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    world = World(tmp_path)
    world.serves(world.root.server("localhost"), clients=world.root)
    world.csms.behave = accepts_requests

    async def work() -> None:
        csms = world.csms
        async with csms.serve(), online(world):
            await csms.until(lambda: csms.of("StatusNotification"))
            assert await key(world, "SecurityProfile", "3") == "Rejected"  # there is no certificate yet
            assert await key(world, "CpoName", "Example Operator") == "Accepted"
            assert await get_certificate(world, world.root) == {"status": "Accepted"}
            await until(lambda: world.access()["in_force"]["client"])
            assert await key(world, "SecurityProfile", "3") == "Accepted"
            await until(lambda: csms.clients[-1] == "CP1")
            await until(lambda: world.access()["in_force"]["profile"] == 3)
            assert "Authorization" not in csms.headers[-1]
            assert await key(world, "SecurityProfile", "2") == "Rejected"  # only upwards

            before, first = csms.connections, world.access()["in_force"]["client"]
            assert await get_certificate(world, world.root) == {"status": "Accepted"}
            await until(lambda: world.access()["in_force"]["client"] != first)
            assert csms.connections == before + 2, "a rehearsal, and the connection that stays"
            assert [name for name, _ in world.access()["replaced"]] == [first]
            folder = world.folder / "journal.sqlite.security"
            assert (folder / "client" / f"{first}.key.pem").exists(), "the old one is kept for a month"
            assert {path.stat().st_mode & 0o77 for path in folder.rglob("*")} == {0}

    run(work)
    assert len(world.csms.of("BootNotification")) == 1
    assert "BEGIN" not in caplog.text
    requests = [payload["csr"] for _, payload in world.csms.of("SignCertificate")]
    assert requests[0] != requests[1], "each certificate has a key of its own"


def test_a_rehearsal_that_is_refused_leaves_the_old_certificate_in_force(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.serves(world.root.server("localhost"), clients=world.root)
    world.csms.behave = accepts_requests

    async def work() -> None:
        csms = world.csms
        async with csms.serve(), online(world):
            await csms.until(lambda: csms.of("StatusNotification"))
            await get_certificate(world, world.root)
            await until(lambda: world.access()["in_force"]["client"])
            assert await key(world, "SecurityProfile", "3") == "Accepted"
            await until(lambda: csms.clients[-1] == "CP1" and world.access()["in_force"]["profile"] == 3)
            connections, first = csms.connections, world.access()["in_force"]["client"]
            assert await get_certificate(world, Authority("Another Root")) == {"status": "Accepted"}
            await world.until_event("InvalidChargePointCertificate")
            assert csms.connections == connections, "the present connection was never left"
            assert world.access()["in_force"]["client"] == first
            assert (await csms.ask("GetConfiguration", {}))[0] == 3

    run(work)


def test_a_rehearsal_that_hangs_is_no_verdict_and_is_repeated(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.serves(world.root.server("localhost"), clients=world.root)
    world.csms.behave = accepts_requests
    hung: list[str] = []
    is_open = asyncio.Event()

    async def hang(header: str) -> bool:
        if not is_open.is_set():
            hung.append(header)
            await is_open.wait()
        return True

    async def work() -> None:
        csms = world.csms
        async with csms.serve(), online(world):
            await csms.until(lambda: csms.of("StatusNotification"))
            await get_certificate(world, world.root)
            await until(lambda: world.access()["in_force"]["client"])
            assert await key(world, "SecurityProfile", "3") == "Accepted"
            await until(lambda: world.access()["in_force"]["profile"] == 3)
            first = world.access()["in_force"]["client"]
            csms.admits = hang
            await get_certificate(world, world.root)
            await until(lambda: hung)
            await asyncio.sleep(1.2)
            is_open.set()
            await until(lambda: world.access()["in_force"]["client"] not in ("", first))
            assert "InvalidChargePointCertificate" not in world.events()

    run(work)


@pytest.mark.parametrize(
    "bad",
    [
        lambda world, csr: world.root.sign(csr, common_name="CP2"),
        lambda world, csr: world.root.sign(csr, life=OLD),
        lambda world, csr: world.root.charge_point("CP1").chain,
        lambda world, csr: "no certificate",
        lambda world, csr: world.root.sign(csr) + Authority("Stranger").pem,
    ],
    ids=["another-name", "expired", "another-key", "nonsense", "broken-chain"],
)
def test_a_signed_certificate_that_is_no_good_is_rejected(tmp_path: Path, bad: Callable[[World, str], str]) -> None:
    world = World(tmp_path)
    world.serves(world.root.server("localhost"))
    world.csms.behave = accepts_requests

    async def work() -> None:
        csms = world.csms
        async with csms.serve(), online(world):
            await csms.until(lambda: csms.of("StatusNotification"))
            await csms.ask("ExtendedTriggerMessage", {"requestedMessage": "SignChargePointCertificate"})
            await csms.until(lambda: csms.of("SignCertificate"))
            chain = bad(world, csms.of("SignCertificate")[0][1]["csr"])
            assert (await csms.ask("CertificateSigned", {"certificateChain": chain}))[1] == {"status": "Rejected"}
            await world.until_event("InvalidChargePointCertificate")

    run(work)


def password_of(header: str) -> bytes:
    return base64.b64decode(header.removeprefix("Basic ")).partition(b":")[2]


@pytest.mark.parametrize("wanted", [bytes.fromhex(KEY), KEY.encode()], ids=["as-bytes", "as-text"])
def test_a_new_authorization_key_is_used_the_way_that_the_central_system_takes_it(
    tmp_path: Path, wanted: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    world = World(tmp_path)
    valid = [PASSWORD.encode()]

    async def admits(header: str) -> bool:
        return password_of(header) in valid

    world.csms.admits = admits

    async def work() -> None:
        csms = world.csms
        async with csms.serve():
            async with online(world, world.settings(profile=1)):
                await csms.until(lambda: csms.of("StatusNotification"))
                assert await key(world, "AuthorizationKey", "too short") == "Rejected"
                valid[:] = [wanted]
                assert await key(world, "AuthorizationKey", KEY) == "Accepted"
                await until(lambda: csms.connections == 2)
                await until(lambda: not world.access()["trials"])
            async with station(world.settings(profile=1), Site(), "boot-b"):
                await until(lambda: csms.connections == 3)
            assert password_of(csms.headers[-1]["Authorization"]) == wanted
        assert "ReconfigurationOfSecurityParameters" in world.events()
        assert "FailedToAuthenticateAtCentralSystem" not in world.events()
        assert KEY not in caplog.text
        assert PASSWORD not in caplog.text

    run(work)


def test_a_new_authorization_key_that_is_refused_gives_way_to_the_old(tmp_path: Path) -> None:
    world = World(tmp_path)

    async def admits(header: str) -> bool:
        return password_of(header) == PASSWORD.encode()

    world.csms.admits = admits

    async def work() -> None:
        csms = world.csms
        async with csms.serve(), online(world, world.settings(profile=1)):
            await csms.until(lambda: csms.of("StatusNotification"))
            assert await key(world, "AuthorizationKey", KEY) == "Accepted"
            await until(lambda: csms.connections == 2 and not world.access()["trials"])
            assert world.access()["in_force"]["password"] == PASSWORD
        assert world.events().count("FailedToAuthenticateAtCentralSystem") == 1
        assert "ReconfigurationOfSecurityParameters" in world.events()

    run(work)


def test_a_higher_profile_that_does_not_connect_gives_way_to_the_old(tmp_path: Path) -> None:
    world = World(tmp_path)

    async def work() -> None:
        csms = world.csms
        async with csms.serve(), online(world, world.settings(profile=1)):
            await csms.until(lambda: csms.of("StatusNotification"))
            assert await key(world, "SecurityProfile", "2") == "Accepted"
            await until(lambda: csms.connections == 2 and not world.access()["trials"])
            told = await csms.ask("GetConfiguration", {"key": ["SecurityProfile"]})
            assert told[1]["configurationKey"][0]["value"] == "1"

    run(work)


def test_a_new_root_is_trusted_beside_the_old_and_the_one_in_use_stays(tmp_path: Path) -> None:
    world, new = World(tmp_path), Authority("New Root")
    world.serves(world.root.server("localhost"))
    use = {"certificateType": "CentralSystemRootCertificate"}

    async def work() -> None:
        csms = world.csms
        async with csms.serve(), online(world):
            await csms.until(lambda: csms.of("StatusNotification"))
            old = (await csms.ask("GetInstalledCertificateIds", use))[1]["certificateHashData"]
            bad = {**use, "certificate": new.server("localhost").chain}
            assert (await csms.ask("InstallCertificate", bad))[1] == {"status": "Rejected"}
            assert (await csms.ask("InstallCertificate", {**use, "certificate": new.pem}))[1] == {"status": "Accepted"}
            both = (await csms.ask("GetInstalledCertificateIds", use))[1]["certificateHashData"]
            assert len(both) == 2
            delete = {"certificateHashData": old[0]}
            assert (await csms.ask("DeleteCertificate", delete))[1] == {"status": "Failed"}, "it carries the connection"

            assert csms.tls
            csms.tls.load_cert_chain(*new.server("localhost").write(tmp_path, "renewed"))
            assert csms.socket
            csms.socket.transport.abort()
            await until(lambda: csms.connections == 2)
            await beat(csms)
            await beat(csms)
            assert (await csms.ask("DeleteCertificate", delete))[1] == {"status": "Accepted"}
            assert (await csms.ask("DeleteCertificate", delete))[1] == {"status": "NotFound"}
            last = {"certificateHashData": next(row for row in both if row != old[0])}
            assert (await csms.ask("DeleteCertificate", last))[1] == {"status": "Failed"}, "it is the last"

    run(work)


def test_security_events_arrive_once_each_with_their_id_and_refused_ones_hold_nothing_up(tmp_path: Path) -> None:
    world = World(tmp_path)
    tries: list[str] = []

    def behave(action: str, payload: Json) -> Json | None:
        if action == "SecurityEventNotification":
            tries.append(payload["type"])
            if len(tries) == 1:
                raise Silence
            if payload["type"] == "SettingSystemTime":
                raise CallError
        return None

    world.csms.behave = behave

    def rows() -> list[tuple[str, str, int]]:
        sql = "SELECT kind, state, tries FROM security_event ORDER BY id"
        return [(row[0], row[1], row[2]) for row in read_rows(tmp_path / "journal.sqlite", sql)]

    async def work() -> None:
        csms = world.csms
        async with csms.serve():
            made = settings(tmp_path, csms.port)
            made = replace(made, ocpp=replace(made.ocpp, TransactionMessageRetryInterval=0))  # type: ignore[call-arg]
            async with station(made, Site()):
                await csms.until(lambda: len(tries) == 5, 15)
                await until(lambda: rows()[-1][1] == "parked")
        told = csms.of("SecurityEventNotification")
        assert [payload["type"] for _, payload in told] == ["StartupOfTheDevice"] * 2 + ["SettingSystemTime"] * 3
        assert told[0] == told[1], "the same message again, until it was answered"
        assert rows() == [("StartupOfTheDevice", "acknowledged", 2), ("SettingSystemTime", "parked", 3)]

    run(work)


def test_by_the_modem_tls_is_the_same(tmp_path: Path) -> None:
    """Every byte goes by AT commands over a pty; the socket that the modem's driver gives is one of a pair."""
    world = World(tmp_path)
    world.serves(world.root.server("localhost"))

    async def answer(action: str, _payload: Payload) -> Payload:
        raise AssertionError(action)

    async def work() -> None:
        async with world.csms.serve(), modem_bench(tmp_path) as modem:
            await modem.modem.start()
            await modem.registered()
            await modem.modem.attach()
            sock = await modem.modem.connect("127.0.0.1", world.csms.port)
            context = make_context([world.root.pem], None)
            entrance = Entrance(f"wss://localhost:{world.csms.port}/ocpp/CP1", "CP1", b"pw", context)
            connection = await open_connection(
                sock,
                entrance,
                version=Version.V16,
                connect_timeout_s=20,
                reply_timeout_s=20,
                answer=answer,
            )
            reader = asyncio.create_task(connection.run())
            reply = await connection.call(MessageId("1"), "Heartbeat", {})
            assert isinstance(reply, Reply)
            connection.abort()
            await asyncio.gather(reader, return_exceptions=True)

    run(work)


def test_what_makes_no_sense_is_in_the_security_log_and_stays_there(tmp_path: Path) -> None:
    world = World(tmp_path)

    async def work() -> None:
        csms = world.csms
        async with csms.serve(), online(world, world.settings(profile=1)):
            await csms.until(lambda: csms.of("StatusNotification"))
            assert (await csms.ask("ChangeConfiguration", {"key": 5}))[0] == 4
            assert (await csms.ask("ChangeConfiguration", {"value": 5}))[0] == 4
            await world.until_event("InvalidMessages")
        assert world.events().count("InvalidMessages") == 1
        assert "InvalidMessages" not in [payload["type"] for _, payload in csms.of("SecurityEventNotification")]

    run(work)


def test_people_see_profile_certificates_and_events(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world = World(tmp_path)
    world.serves(world.root.server("localhost"))
    world.csms.behave = accepts_requests

    async def work() -> None:
        async with world.csms.serve(), online(world):
            await world.csms.until(lambda: world.csms.of("StatusNotification"))
            await get_certificate(world, world.root)
            await until(lambda: world.access()["in_force"]["client"])

    run(work)
    told = "\n".join(
        security_lines(tmp_path / "journal.sqlite", tmp_path / "journal.sqlite.security", Access(Profile.TLS))
    )
    assert "security profile 2" in told
    assert "charge point certificate: CP1, valid until 2044-01-01" in told
    assert "root (csms): Example Root, valid until 2044-01-01" in told
    assert "StartupOfTheDevice" in told
    assert PASSWORD not in told


def test_settings_that_do_not_go_together_are_told(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.csms.port = 80
    with pytest.raises(ConfigError, match=r"csms.password"):
        world.settings(profile=2, password="")
    made = world.settings(profile=2)
    with pytest.raises(ConfigError, match=r"csms\.url"):
        check(replace(made, csms=replace(made.csms, url="http://x")))
    with pytest.raises(ConfigError, match=r"csms\.tls_url"):
        check(replace(made, csms=replace(made.csms, tls_url="ws://x")))
    with pytest.raises(ConfigError, match="SecurityProfile to 2"):
        check(replace(made, ocpp=replace(made.ocpp, SecurityProfile=1)))  # type: ignore[call-arg]
