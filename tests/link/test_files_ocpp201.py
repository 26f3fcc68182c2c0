"""Updates and logs over OCPP 2.0.1, with the whole agent, a real central system and a real file server."""

import gzip
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import pytest

from station.field import slots
from station.settings import StationSettings
from tests.link.csms import Csms, Json
from tests.link.files import FileServer
from tests.link.firmware_maker import Maker, QuickSlots, image_of
from tests.link.test_firmware import GOOD, QUICK, ended, events, order, run, told
from tests.link.test_firmware import made as made_16
from tests.unit.station.ocpp201.station import all_valid, asked, booted, status
from tests.unit.station.site import Site, station

FIRMWARE, LOG = "FirmwareStatusNotification", "LogStatusNotification"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slots, "Slots", QuickSlots)


def made(folder: Path, csms: Csms, maker: Maker | None = None) -> StationSettings:
    found = made_16(folder, csms, maker)
    return replace(found, transfer=QUICK, csms=replace(found.csms, version="2.0.1"))


async def triggered(csms: Csms, action: str) -> Json:
    before = len(csms.of(action))
    assert await status(csms, "TriggerMessage", {"requestedMessage": action}) == "Accepted"
    await csms.until(lambda: len(csms.of(action)) > before)
    payload: Json = csms.of(action)[-1][1]
    return payload


def test_an_update_is_fetched_installed_and_told_over_the_restart(tmp_path: Path) -> None:
    async def work() -> None:
        csms, server, maker = Csms(version="2.0.1"), FileServer(), Maker()
        async with csms.serve(), server.serve():
            settings = made(tmp_path, csms, maker)
            async with station(settings, Site()) as task:
                await booted(csms)
                assert await triggered(csms, FIRMWARE) == {"status": "Idle"}
                image = image_of(version("emops"))
                assert await status(csms, "UpdateFirmware", order(server, maker, image, 5)) == "Accepted"
                await ended(task)
            async with station(settings, Site()):
                await csms.until(lambda: "Installed" in told(csms, FIRMWARE))
            assert told(csms, FIRMWARE) == ["Idle", *GOOD, "Installed"]
            assert {payload.get("requestId") for _, payload in csms.of(FIRMWARE)[1:]} == {5}
            assert csms.of("BootNotification")[-1][1]["reason"] == "FirmwareUpdate"
            all_valid(csms)

    run(work)


def test_an_update_that_a_stranger_signed_is_refused_at_once(tmp_path: Path) -> None:
    async def work() -> None:
        csms, server, maker = Csms(version="2.0.1"), FileServer(), Maker()
        async with csms.serve(), server.serve(), station(made(tmp_path, csms, maker), Site()):
            await booted(csms)
            asks = order(server, Maker(), image_of("9.9"))
            assert await status(csms, "UpdateFirmware", asks) == "InvalidCertificate"
            await csms.until(lambda: "InvalidFirmwareSigningCertificate" in events(csms))
            assert not server.asked

    run(work)


def test_a_log_is_sent_and_its_state_can_be_asked_for(tmp_path: Path) -> None:
    async def work() -> None:
        csms, server = Csms(version="2.0.1"), FileServer()
        async with csms.serve(), server.serve(), station(made(tmp_path, csms), Site()):
            await booted(csms)
            assert await triggered(csms, LOG) == {"status": "Idle"}
            log = {"remoteLocation": server.url("/up/"), "oldestTimestamp": "2020-01-01T00:00:00Z"}
            asks = {"logType": "SecurityLog", "requestId": 7, "log": log}
            answer = await asked(csms, "GetLog", asks)
            assert answer["status"] == "Accepted"
            await csms.until(lambda: "Uploaded" in told(csms, LOG))
            assert told(csms, LOG) == ["Idle", "Uploading", "Uploaded"]
            assert csms.of(LOG)[-1][1]["requestId"] == 7
            assert "StartupOfTheDevice" in gzip.decompress(server.taken["/up/" + answer["filename"]]).decode()
            all_valid(csms)

    run(work)


def test_a_newer_order_for_a_log_replaces_the_one_under_way(tmp_path: Path) -> None:
    async def work() -> None:
        csms, server = Csms(version="2.0.1"), FileServer()
        server.behave = lambda asked: (500, {}, b"") if asked.path.startswith("/first/") else None
        async with csms.serve(), server.serve(), station(made(tmp_path, csms), Site()):
            await booted(csms)
            first = {"logType": "SecurityLog", "requestId": 1, "log": {"remoteLocation": server.url("/first/")}}
            patient = {**first, "retries": 5, "retryInterval": 60}
            assert await status(csms, "GetLog", patient) == "Accepted"
            await csms.until(lambda: "Uploading" in told(csms, LOG))
            second = {"logType": "SecurityLog", "requestId": 2, "log": {"remoteLocation": server.url("/second/")}}
            assert await status(csms, "GetLog", second) == "AcceptedCanceled"
            await csms.until(lambda: {"status": "Uploaded", "requestId": 2} in [p for _, p in csms.of(LOG)])
            assert {"status": "AcceptedCanceled", "requestId": 1} in [p for _, p in csms.of(LOG)]
            all_valid(csms)

    run(work)
