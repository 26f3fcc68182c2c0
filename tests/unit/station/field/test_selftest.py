"""The self-test over a real agent, and without one on a line that nobody answers."""

import asyncio
import socket
from pathlib import Path

import pytest

from station.field import selftest
from station.field.finding import Finding, tally
from station.field.text import Text
from station.service import socket_path
from station.service_client import ServiceClient
from tests.link.csms import Csms
from tests.unit.station.field.scripted import Scripted
from tests.unit.station.field.test_commission import connected
from tests.unit.station.site import Site, settings, station


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_a_good_station_passes_every_test(tmp_path: Path, port: int) -> None:
    async def scene() -> tuple[bool, str]:
        dialog, made = Scripted([]), settings(tmp_path, port)
        async with Csms(port=port).serve(), station(made, Site()):
            service = ServiceClient(socket_path(made.journal.path, made.service.socket))
            await connected(service)
            return await selftest.run(dialog, service, made), dialog.heard

    is_good, heard = asyncio.run(scene())
    assert is_good, heard
    assert "1  ok       Configuration: valid, 1 EVSE" in heard
    assert "Central system: connected" in heard
    assert "Meter of EVSE 1: fake 1, 1.000 kWh" in heard
    assert "tests are good" in heard


def test_without_agent_meter_and_network_each_fault_says_what_to_do(tmp_path: Path, port: int) -> None:
    async def scene() -> tuple[bool, str]:
        dialog, made = Scripted([], "de"), settings(tmp_path, port)
        service = ServiceClient(socket_path(made.journal.path, made.service.socket))
        return await selftest.run(dialog, service, made), dialog.heard

    is_good, heard = asyncio.run(scene())
    assert not is_good
    assert "FEHLER   Stationsprogramm: läuft nicht\n             -> Station aus- und einschalten" in heard
    assert "FEHLER   Zähler von Ladepunkt 1" in heard
    assert "-> emops-station meter scan" in heard
    assert "FEHLER   Ladesteuerung 1" in heard
    assert f"FEHLER   Weg zu 127.0.0.1:{port}" in heard
    assert "-        Zentrale: nur das laufende Programm verbindet sich" in heard


def test_a_finding_is_one_line_and_its_advice_another() -> None:
    finding = Finding(Text("Modem", "Modem"), False, Text("no SIM", "keine SIM"), Text("Put one in", "Einlegen"))
    assert finding.lines(12, "en") == ["12  FAILED   Modem: no SIM", "             -> Put one in"]
    assert finding.facts() == {"test": "Modem", "passed": False, "seen": "no SIM", "advice": "Put one in"}
    assert tally([finding]).de == "1 von 1 Tests mit Fehler."
