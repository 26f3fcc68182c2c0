"""Who gets in by which security profile: real TLS on loopback, with every wrong key tried on the door."""

import asyncio
import base64
import json
import os
import ssl
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidMessage, InvalidStatus
from websockets.typing import Subprotocol

from backend.csms.connections import Connections
from backend.csms.server import OcppServer, OcppSettings
from backend.csms.tls import READ_BUFFER_BYTES, TlsSettings
from backend.store.certificate_tables import certificate_authority, station_certificate
from backend.store.certificates import Refusal, list_refusals, revoke
from backend.store.writer import Store
from shared.clock import ManualClock
from simulators.authority import Authority, Issued, Life
from tests.unit.backend.world import MASTER, NOW, open_world

OCPP16 = [Subprotocol("ocpp1.6")]
ROOT, STRANGERS = Authority("Example Root"), Authority("Other Root")
PASSWORD = MASTER.replace('id = "CP-1"', 'id = "CP-1"\npassword = "tr0ub4dor"')
BASIC = {"Authorization": "Basic " + base64.b64encode(b"CP-1:tr0ub4dor").decode()}


def least(profile: int, master: str = MASTER) -> str:
    return master.replace('id = "muster"', f'id = "muster"\nminimum_profile = {profile}', 1)


def secured(folder: Path, *proxies: str) -> TlsSettings:
    chain, key = ROOT.server("localhost", "127.0.0.1").write(folder, "server")
    (folder / "clients.pem").write_text(ROOT.pem)
    return TlsSettings(str(chain), str(key), str(folder / "clients.pem"), proxies)


class Door:
    def __init__(self, store: Store, port: int, folder: Path, *, is_tls: bool) -> None:
        self.store, self.port, self.folder, self.is_tls = store, port, folder, is_tls

    def context(self, own: Issued | None = None) -> ssl.SSLContext:
        context = ssl.create_default_context(cadata=ROOT.pem)
        if own:
            context.load_cert_chain(*own.write(self.folder, "client"))
        return context

    def socket(
        self, own: Issued | None = None, headers: dict[str, str] | None = None, context: ssl.SSLContext | None = None
    ) -> connect:
        given = (context or self.context(own)) if self.is_tls else None
        url = f"{'wss' if self.is_tls else 'ws'}://localhost:{self.port}/ocpp/CP-1"
        return connect(url, subprotocols=OCPP16, ssl=given, additional_headers=headers)

    async def enter(self, own: Issued | None = None, headers: dict[str, str] | None = None) -> None:
        async with self.socket(own, headers) as socket:
            await heartbeat(socket)

    async def refused(self, status: int, own: Issued | None = None, headers: dict[str, str] | None = None) -> None:
        with pytest.raises(InvalidStatus) as error:
            await self.enter(own, headers)
        assert error.value.response.status_code == status

    async def reasons(self) -> list[Refusal]:
        return await self.store.read(list_refusals)


async def heartbeat(socket: ClientConnection) -> None:
    await socket.send('[2,"1","Heartbeat",{}]')
    assert json.loads(await socket.recv())[:2] == [3, "1"]


def play(folder: Path, tls: TlsSettings | None, story: Callable[[Door], Awaitable[None]], master: str = MASTER) -> None:
    async def scenario() -> None:
        async with asyncio.timeout(30), open_world(folder, master) as store:
            server = OcppServer(store, Connections(), ManualClock(NOW), OcppSettings(), tls=tls)
            async with server.listen("127.0.0.1", 0) as port:
                await story(Door(store, port, folder, is_tls=bool(tls and tls.certificate)))

    asyncio.run(scenario())


@pytest.mark.parametrize(("minimum", "enters"), [(0, True), (1, False)])
def test_profile_0_enters_unless_more_is_wanted(tmp_path: Path, minimum: int, enters: bool) -> None:
    play(tmp_path, None, lambda door: door.enter() if enters else door.refused(403), least(minimum))


@pytest.mark.parametrize(("minimum", "enters"), [(1, True), (2, False)])
def test_profile_1_enters_unless_more_is_wanted(tmp_path: Path, minimum: int, enters: bool) -> None:
    async def story(door: Door) -> None:
        await door.refused(401)
        await (door.enter(headers=BASIC) if enters else door.refused(403, headers=BASIC))

    play(tmp_path, None, story, least(minimum, PASSWORD))


@pytest.mark.parametrize(("minimum", "enters"), [(2, True), (3, False)])
def test_profile_2_enters_unless_more_is_wanted(tmp_path: Path, minimum: int, enters: bool) -> None:
    async def story(door: Door) -> None:
        await door.refused(401)
        await (door.enter(headers=BASIC) if enters else door.refused(403, headers=BASIC))

    play(tmp_path, secured(tmp_path), story, least(minimum, PASSWORD))


def test_tls_alone_proves_nobody(tmp_path: Path) -> None:
    play(tmp_path, secured(tmp_path), lambda door: door.refused(403), least(2))


def test_profile_3_enters_by_its_own_certificate_only(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def story(door: Door) -> None:
        await door.enter(ROOT.charge_point("CP-1"))
        await door.refused(403)
        await door.refused(401, ROOT.charge_point("CP-2"))
        for alien in (STRANGERS.charge_point("CP-1"), ROOT.charge_point("CP-1", Life.around(NOW, -300))):
            # With TLS 1.3 a client learns of it after its own part of the handshake.
            with pytest.raises((OSError, InvalidMessage)):
                await door.enter(alien)
        await door.enter(ROOT.charge_point("CP-1"))
        [wrong, below] = sorted(await door.reasons(), key=lambda one: one.reason)
        assert wrong.reason == "security profile 0, its operator wants 3"
        assert below.reason == "the certificate is of another charge point"
        assert (below.count, below.charge_point_id) == (1, "CP-1")

    play(tmp_path, secured(tmp_path), story, least(3))
    log = caplog.text
    assert "security profile 0, its operator wants 3" in log
    assert "unable to get local issuer certificate" in log
    assert "certificate has expired" in log


def test_a_certificate_whose_end_has_come_opens_nothing_though_the_machines_clock_is_late(tmp_path: Path) -> None:
    ends_soon = ROOT.charge_point("CP-1", Life(NOW - timedelta(days=30), NOW + timedelta(days=4000)))

    async def scenario() -> None:
        async with asyncio.timeout(30), open_world(tmp_path, least(3)) as store:
            clock = ManualClock(NOW + timedelta(days=4001))
            server = OcppServer(store, Connections(), clock, OcppSettings(), tls=secured(tmp_path))
            async with server.listen("127.0.0.1", 0) as port:
                await Door(store, port, tmp_path, is_tls=True).refused(401, ends_soon)

    asyncio.run(scenario())


def test_a_revoked_certificate_opens_nothing_also_in_a_resumed_session(tmp_path: Path) -> None:
    own = ROOT.charge_point("CP-1")
    # ssl reads a certificate as text only from a file.
    told = ssl._ssl._test_decode_cert(str(own.write(tmp_path, "own")[0]))  # type: ignore[attr-defined]
    serial = str(told["serialNumber"]).lstrip("0")

    async def story(door: Door) -> None:
        await door.store.write(lambda unit: _issue(unit, serial))
        context = door.context(own)
        async with door.socket(context=context) as socket:
            await heartbeat(socket)
        assert await door.store.write(lambda unit: revoke(unit, serial, "admin", NOW))
        with pytest.raises(InvalidStatus):
            async with door.socket(context=context):
                pass
        assert [one.reason for one in await door.reasons()] == ["the certificate was revoked"]

    play(tmp_path, secured(tmp_path), story, least(3))


def _issue(unit: object, serial: str) -> None:
    values = {"name": "x", "certificate": ROOT.pem, "sealed_key": "", "created_at": NOW, "ends_at": NOW}
    unit.execute(certificate_authority.insert().values(values))  # type: ignore[attr-defined]
    row = {"serial": serial, "charge_point_id": "CP-1", "authority_id": 1, "request_digest": "", "certificate": ""}
    unit.execute(station_certificate.insert().values(row | {"issued_at": NOW, "ends_at": NOW}))  # type: ignore[attr-defined]


TOLD = {
    "X-Forwarded-Proto": "https",
    "X-Forwarded-For": "203.0.113.9, 198.51.100.7",
    "X-Client-Verify": "SUCCESS",
    "X-Client-Subject": "CN=CP-1,O=Muster",
    "X-Client-Serial": "0A:BC",
}


def test_a_trusted_proxy_tells_who_came_by_which_profile(tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        await door.enter(headers=TOLD)
        await door.refused(401, headers=TOLD | {"X-Client-Subject": "CN=CP-2"})
        await door.refused(403, headers=TOLD | {"X-Client-Verify": "FAILED"})
        await door.refused(403, headers=TOLD | {"X-Forwarded-Proto": "http"})
        await door.refused(403, headers={name: text for name, text in TOLD.items() if name != "X-Client-Serial"})
        assert {one.address for one in await door.reasons()} == {"198.51.100.7"}

    play(tmp_path, TlsSettings(trusted_proxies=("127.0.0.0/8",)), story, least(3))


def test_what_an_untrusted_address_says_of_itself_counts_nothing(tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        await door.refused(403, headers=TOLD)
        assert [one.address.partition(":")[0] for one in await door.reasons()] == ["127.0.0.1"]

    play(tmp_path, TlsSettings(trusted_proxies=("192.0.2.1",)), story, least(1))


def test_a_new_certificate_serves_without_a_restart_and_a_broken_one_does_not(tmp_path: Path) -> None:
    tls = secured(tmp_path)
    certificate = Path(tls.certificate)
    chain = certificate.read_text()

    async def serial(door: Door) -> str:
        async with door.socket() as socket:
            return str(socket.transport.get_extra_info("peercert")["serialNumber"])

    async def story(door: Door) -> None:
        first = await serial(door)
        assert await serial(door) == first
        await asyncio.to_thread(certificate.write_text, "half a certif")
        assert await serial(door) == first
        await asyncio.to_thread(certificate.write_text, chain)
        ROOT.server("localhost").write(tmp_path, "server")
        os.utime(tls.key)
        assert await serial(door) != first

    play(tmp_path, tls, story)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_session_is_resumed(tmp_path: Path, version: ssl.TLSVersion) -> None:
    def talk(context: ssl.SSLContext, port: int, session: ssl.SSLSession | None) -> tuple[ssl.SSLSession | None, bool]:
        import socket

        raw = socket.create_connection(("127.0.0.1", port))
        with context.wrap_socket(raw, server_hostname="localhost", session=session) as tls:
            tls.sendall(b"GET /elsewhere HTTP/1.1\r\nHost: localhost\r\n\r\n")
            tls.recv(1000)
            return tls.session, bool(tls.session_reused)

    async def story(door: Door) -> None:
        context = door.context()
        context.maximum_version = version
        session, reused = await asyncio.to_thread(talk, context, door.port, None)
        assert not reused
        _, reused = await asyncio.to_thread(talk, context, door.port, session)
        assert reused

    play(tmp_path, secured(tmp_path), story)


def test_tls_1_1_is_not_spoken(tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        context = door.context()
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises((ssl.SSLError, ConnectionError)):
            async with door.socket(context=context):
                pass

    play(tmp_path, secured(tmp_path), story)


def test_a_connection_reserves_no_more_than_one_record(tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        async with door.socket():
            import gc
            from asyncio.sslproto import SSLProtocol

            found = [one for one in gc.get_objects() if isinstance(one, SSLProtocol)]
            assert found
            assert {len(one._ssl_buffer) for one in found} == {READ_BUFFER_BYTES}  # type: ignore[attr-defined]

    play(tmp_path, secured(tmp_path), story)
