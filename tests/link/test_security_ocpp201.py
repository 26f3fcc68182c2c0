"""Certificates and security profiles over OCPP 2.0.1: the whole agent against central systems with real TLS."""

import logging
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from shared.ocpp.validation import Version, violation
from simulators.authority import Authority
from station.security import renewal
from station.settings import StationSettings, check
from tests.link.csms import Csms, Json
from tests.link.test_security import World, run, until
from tests.unit.station.ocpp201.station import all_valid, asked, get_variable, set_variable, status
from tests.unit.station.site import Site, station

PRIORITY = ("OCPPCommCtrlr", "NetworkConfigurationPriority")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(renewal, "_OFFLINE_S", 0.05)
    monkeypatch.setattr("station.csms_link._LEAVE_S", 0.05)
    caplog.set_level(logging.INFO)


def world_of(folder: Path) -> World:
    world = World(folder, csms=Csms(version="2.0.1"))
    world.serves(world.root.server("localhost"), clients=world.root)
    world.csms.behave = lambda action, _: {"status": "Accepted"} if action == "SignCertificate" else None
    return world


def made(world: World, profile: int = 2) -> StationSettings:
    settings = world.settings(profile)
    found = replace(settings, csms=replace(settings.csms, version="2.0.1"))
    check(found)
    return found


async def booted(csms: Csms, times: int = 1) -> None:
    await csms.until(lambda: csms.actions().count("StatusNotification") >= times, 15)


async def until_event(csms: Csms, kind: str) -> None:
    await csms.until(lambda: kind in [payload["type"] for _, payload in csms.of("SecurityEventNotification")])


async def request(csms: Csms) -> str:
    """Let the station ask for a certificate, and give what it asks with."""
    before = len(csms.of("SignCertificate"))
    trigger = {"requestedMessage": "SignChargingStationCertificate"}
    assert await status(csms, "TriggerMessage", trigger) == "Accepted"
    await csms.until(lambda: len(csms.of("SignCertificate")) > before)
    payload = csms.of("SignCertificate")[-1][1]
    assert payload["certificateType"] == "ChargingStationCertificate"
    return str(payload["csr"])


async def signed(csms: Csms, chain: str, kind: str = "ChargingStationCertificate") -> str:
    return await status(csms, "CertificateSigned", {"certificateChain": chain, "certificateType": kind})


def profile_to(port: int, profile: int, slot: int = 1) -> Json:
    scheme = "wss" if profile >= 2 else "ws"
    return {
        "configurationSlot": slot,
        "connectionData": {
            "ocppVersion": "OCPP20",
            "ocppTransport": "JSON",
            "ocppCsmsUrl": f"{scheme}://localhost:{port}/ocpp",
            "messageTimeout": 2,
            "securityProfile": profile,
            "ocppInterface": "Wireless0",
        },
    }


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def test_a_certificate_is_asked_for_taken_and_one_that_is_no_good_is_not(tmp_path: Path) -> None:
    world = world_of(tmp_path)

    async def work() -> None:
        csms = world.csms
        async with csms.serve(), station(made(world), Site()):
            await booted(csms)
            csr = await request(csms)
            assert await signed(csms, world.root.sign(csr), "V2GCertificate") == "Rejected"
            assert await signed(csms, "no certificate") == "Rejected"
            await until_event(csms, "InvalidChargingStationCertificate")
            assert not world.access()["in_force"]["client"]
            assert await signed(csms, world.root.sign(await request(csms))) == "Accepted"
            await until(lambda: world.access()["in_force"]["client"])
            all_valid(csms)

    run(work)


def test_roots_are_installed_listed_and_deleted(tmp_path: Path) -> None:
    world = world_of(tmp_path)

    async def ids(csms: Csms, *kinds: str) -> list[Json]:
        answer = await asked(csms, "GetInstalledCertificateIds", {"certificateType": list(kinds)} if kinds else {})
        rows: list[Json] = answer.get("certificateHashDataChain", [])
        assert answer["status"] == ("Accepted" if rows else "NotFound")
        return rows

    async def work() -> None:
        csms, install = world.csms, "InstallCertificate"
        async with csms.serve(), station(made(world), Site()):
            await booted(csms)
            [first] = await ids(csms)
            assert first["certificateType"] == "CSMSRootCertificate"
            for kind, pem, outcome in (
                ("CSMSRootCertificate", "nonsense", "Rejected"),
                ("V2GRootCertificate", Authority("Vehicles").pem, "Rejected"),
                ("MORootCertificate", Authority("Vehicles").pem, "Rejected"),
                ("ManufacturerRootCertificate", Authority("Maker").pem, "Accepted"),
                ("CSMSRootCertificate", Authority("Next Root").pem, "Accepted"),
            ):
                told = await status(csms, install, {"certificateType": kind, "certificate": pem})
                assert told == outcome, (kind, pem[:10])
            assert await ids(csms, "V2GRootCertificate") == []
            assert len(await ids(csms, "ManufacturerRootCertificate")) == 1
            roots = await ids(csms, "CSMSRootCertificate")
            [added] = [row for row in roots if row != first]
            for outcome in ("Accepted", "NotFound"):
                named = {"certificateHashData": added["certificateHashData"]}
                assert await status(csms, "DeleteCertificate", named) == outcome
            assert await ids(csms, "CSMSRootCertificate") == [first]

    run(work)


def test_a_network_profile_raises_the_security_profile_with_the_next_start(tmp_path: Path) -> None:
    world = world_of(tmp_path)

    async def work() -> None:
        csms = world.csms
        async with csms.serve():
            settings = made(world)
            async with station(settings, Site()):
                await booted(csms)
                raised = profile_to(csms.port, 3)
                assert await status(csms, "SetNetworkProfile", raised) == "Rejected", "there is no certificate yet"
                assert await signed(csms, world.root.sign(await request(csms))) == "Accepted"
                await until(lambda: world.access()["in_force"]["client"])
                assert await status(csms, "SetNetworkProfile", raised) == "Accepted"
                assert await status(csms, "SetNetworkProfile", profile_to(csms.port, 1, 2)) == "Rejected"
                assert await set_variable(csms, *PRIORITY, "1,0") == "RebootRequired"
            before = csms.actions().count("StatusNotification")
            async with station(settings, Site()):
                await booted(csms, before + 1)
                await until(lambda: world.access()["in_force"]["profile"] == 3)
                assert csms.clients[-1] == "CP1"
                assert "Authorization" not in csms.headers[-1]
                assert await get_variable(csms, {"name": "SecurityCtrlr"}, "SecurityProfile") == ("Accepted", "3")
                assert await get_variable(csms, {"name": "OCPPCommCtrlr"}, "ActiveNetworkProfile") == ("Accepted", "1")
                await until_event(csms, "ReconfigurationOfSecurityParameters")
            all_valid(csms)

    run(work)


def test_a_way_with_a_higher_profile_that_leads_nowhere_gives_way_to_that_of_the_file(tmp_path: Path) -> None:
    world = World(tmp_path, csms=Csms(version="2.0.1"))

    async def work() -> None:
        csms = world.csms
        async with csms.serve():
            settings = made(world, 1)
            async with station(settings, Site()):
                await booted(csms)
                assert await status(csms, "SetNetworkProfile", profile_to(free_port(), 2)) == "Accepted"
                assert await set_variable(csms, "OCPPCommCtrlr", "NetworkProfileConnectionAttempts", "2") == "Accepted"
                assert await set_variable(csms, *PRIORITY, "1") == "RebootRequired"
            before = csms.actions().count("StatusNotification")
            async with station(settings, Site()):
                await booted(csms, before + 1)
                assert await get_variable(csms, {"name": "OCPPCommCtrlr"}, "ActiveNetworkProfile") == ("Accepted", "0")
                assert await get_variable(csms, {"name": "SecurityCtrlr"}, "SecurityProfile") == ("Accepted", "1")
                await until_event(csms, "ReconfigurationOfSecurityParameters")

    run(work)


def test_security_events_have_the_names_of_this_version(tmp_path: Path) -> None:
    world = world_of(tmp_path)

    async def work() -> None:
        csms = world.csms
        world.serves(Authority("Stranger").server("localhost"))
        async with csms.serve(), station(made(world), Site()):
            await world.until_event("InvalidCentralSystemCertificate")
        world.serves(world.root.server("localhost"))
        async with csms.serve(), station(made(world), Site()):
            await booted(csms)
            await until_event(csms, "InvalidCsmsCertificate")
            await until_event(csms, "StartupOfTheDevice")
        for _, payload in csms.of("SecurityEventNotification"):
            assert violation(Version.V201, "SecurityEventNotification", payload) is None

    run(work)
