"""Updates that the central system orders, with the whole agent, a real central system and a real file server."""

import asyncio
import subprocess
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import pytest

from simulators.authority import Life
from station.field import slots
from station.field.slots import Slots
from station.security.certificates import parse_chain
from station.security.files import RootUse, SecurityFiles
from station.settings import StationSettings, TransferSettings, UpdateSettings, security_folder
from tests.link.csms import Csms, Json, eventually
from tests.link.files import Asked, FileServer
from tests.link.firmware_maker import Maker, QuickSlots, image_of
from tests.unit.station.site import Site, settings, station

QUICK = TransferSettings(rate_kb_s=0, piece_kb=16, tries=2, interval_s=0)
PATH = "/fw/image"
SIGNED = "SignedFirmwareStatusNotification"
GOOD = ["Downloading", "Downloaded", "SignatureVerified", "Installing", "InstallRebooting"]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slots, "Slots", QuickSlots)


def run(work: Callable[[], Awaitable[None]]) -> None:
    async def within() -> None:
        async with asyncio.timeout(30):
            await work()

    asyncio.run(within())


def made(folder: Path, csms: Csms, maker: Maker | None, **update: object) -> StationSettings:
    root = folder / "opt"
    if not (root / "a").exists():
        (root / "a/bin").mkdir(parents=True)
        (root / "a/bin/emops-station").write_text(version("emops"))
        (root / "current").symlink_to("a")
    usual = UpdateSettings(root=root, trial_s=5.0)
    # Any: fields of the settings that a test wants otherwise.
    found = replace(settings(folder, csms.port), transfer=QUICK, update=replace(usual, **update))  # type: ignore[arg-type]
    if maker:
        root_certificate = parse_chain(maker.root.pem)[0]
        files = SecurityFiles(security_folder(found))
        files.add_root(RootUse.MANUFACTURER, root_certificate.fingerprint, root_certificate.pem)
    return found


async def booted(csms: Csms) -> None:
    await csms.until(lambda: csms.of("StatusNotification"))


def told(csms: Csms, action: str = SIGNED) -> list[str]:
    return [payload["status"] for _, payload in csms.of(action)]


def events(csms: Csms) -> list[str]:
    return [payload["type"] for _, payload in csms.of("SecurityEventNotification")]


def order(server: FileServer, maker: Maker, image: bytes, number: int = 1, **more: object) -> Json:
    server.files[PATH] = image
    firmware: Json = {
        "location": server.url(PATH),
        "retrieveDateTime": "2020-01-01T00:00:00Z",
        "signingCertificate": maker.signer.chain,
        "signature": maker.sign(image),
    }
    return {"requestId": number, "firmware": firmware, "retries": 2, "retryInterval": 0, **more}


async def until(condition: Callable[[], bool]) -> None:
    async def met() -> bool:
        return condition()

    await eventually(met)


async def ended(task: "asyncio.Task[None]") -> None:
    await asyncio.wait([task], timeout=20)
    assert task.done()


@pytest.mark.parametrize("kind", ["ec", "rsa"])
def test_an_update_over_a_line_that_breaks_is_fetched_once_and_proven_later(tmp_path: Path, kind: str) -> None:
    async def work() -> None:
        csms, server, maker = Csms(), FileServer(breaks_after=9000), Maker(kind)
        image = image_of(version("emops"))
        async with csms.serve(), server.serve():
            settings_ = made(tmp_path, csms, maker)
            async with station(settings_, Site()) as task:
                await booted(csms)
                answer = await csms.ask("SignedUpdateFirmware", order(server, maker, image))
                assert answer == [3, {"status": "Accepted"}]
                await ended(task)
            assert told(csms) == GOOD
            assert server.sent == len(image), "no byte twice"
            assert (tmp_path / "opt/current").readlink() == Path("b")
            assert (tmp_path / "opt/trial").read_text() == "a 5\n"
            async with station(settings_, Site()):
                await csms.until(lambda: "Installed" in told(csms))
                await until(lambda: not (tmp_path / "journal.sqlite.firmware").exists())
            assert told(csms) == [*GOOD, "Installed"]
            assert not (tmp_path / "opt/trial").exists(), "the new version stays"

    run(work)


def test_a_version_that_is_not_accepted_gives_way_to_the_one_before(tmp_path: Path) -> None:
    async def work() -> None:
        csms, server, maker = Csms(), FileServer(), Maker()
        async with csms.serve(), server.serve():
            settings_ = made(tmp_path, csms, maker, trial_s=0.5)
            async with station(settings_, Site()) as task:
                await booted(csms)
                await csms.ask("SignedUpdateFirmware", order(server, maker, image_of(version("emops"))))
                await ended(task)
            csms.behave = lambda action, _: (
                {"status": "Pending", "currentTime": "2026-10-31T18:40:00Z", "interval": 60}
                if action == "BootNotification"
                else None
            )
            async with station(settings_, Site()) as task:
                await ended(task)
            assert (tmp_path / "opt/current").readlink() == Path("a")
            csms.behave = lambda action, payload: None
            async with station(settings_, Site()):
                await csms.until(lambda: told(csms)[-1:] == ["InstallationFailed"])
            assert told(csms) == [*GOOD, "InstallationFailed"]

    run(work)


def test_what_somebody_else_signed_is_not_installed(tmp_path: Path) -> None:
    async def work() -> None:
        csms, server, maker = Csms(), FileServer(), Maker()
        async with csms.serve(), server.serve(), station(made(tmp_path, csms, maker), Site()):
            await booted(csms)
            asked = order(server, maker, image_of("9.9"))
            server.files[PATH] = image_of("6.6.6")
            await csms.ask("SignedUpdateFirmware", asked)
            await csms.until(lambda: "InvalidSignature" in told(csms) and "InvalidFirmwareSignature" in events(csms))
            assert told(csms) == ["Downloading", "Downloaded", "InvalidSignature"]
            assert not (tmp_path / "opt/b").exists()

    run(work)


@pytest.mark.parametrize("fault", ["foreign", "expired", "no certificate"])
def test_a_signer_whom_the_maker_does_not_know_is_refused_at_once(tmp_path: Path, fault: str) -> None:
    async def work() -> None:
        csms, server, maker = Csms(), FileServer(), Maker()
        signer = {
            "foreign": Maker(),
            "expired": Maker(life=Life(datetime(2020, 1, 1, tzinfo=UTC), datetime(2021, 1, 1, tzinfo=UTC))),
            "no certificate": maker,
        }[fault]
        async with csms.serve(), server.serve():
            known = signer if fault == "expired" else maker
            async with station(made(tmp_path, csms, known), Site()):
                await booted(csms)
                asked = order(server, signer, image_of("9.9"))
                if fault == "no certificate":
                    asked["firmware"]["signingCertificate"] = "hello"
                answer = await csms.ask("SignedUpdateFirmware", asked)
                assert answer == [3, {"status": "InvalidCertificate"}]
                await csms.until(lambda: "InvalidFirmwareSigningCertificate" in events(csms))
                assert not server.asked

    run(work)


def test_an_installation_waits_until_nobody_charges_and_nobody_begins_meanwhile(tmp_path: Path) -> None:
    async def work() -> None:
        site, csms, server, maker = Site(), Csms(), FileServer(), Maker()
        async with csms.serve(), server.serve(), station(made(tmp_path, csms, maker), site) as task:
            await booted(csms)
            site.plug()
            site.tap()
            await csms.until(lambda: csms.of("StartTransaction"))
            await csms.ask("SignedUpdateFirmware", order(server, maker, image_of(version("emops"))))
            await csms.until(lambda: "InstallScheduled" in told(csms))
            assert site.offered > 0, "the driver goes on charging"
            site.unplug()
            await csms.until(lambda: csms.of("StopTransaction"))
            site.plug()
            site.tap()
            await ended(task)
            assert told(csms) == [*GOOD[:3], "InstallScheduled", *GOOD[3:]]
            assert len(csms.of("StartTransaction")) == 1
            assert "Unavailable" in [payload["status"] for _, payload in csms.of("StatusNotification")]

    run(work)


def test_an_installation_waits_for_its_time(tmp_path: Path) -> None:
    async def work() -> None:
        csms, server, maker = Csms(), FileServer(), Maker()
        async with csms.serve(), server.serve(), station(made(tmp_path, csms, maker), Site()):
            await booted(csms)
            asked = order(server, maker, image_of("9.9"))
            asked["firmware"]["installDateTime"] = "2040-01-01T00:00:00Z"
            await csms.ask("SignedUpdateFirmware", asked)
            await csms.until(lambda: "InstallScheduled" in told(csms))
            asked["requestId"] = 2
            asked["firmware"]["retrieveDateTime"] = "2040-01-01T00:00:00Z"
            assert await csms.ask("SignedUpdateFirmware", asked, "c2") == [3, {"status": "AcceptedCanceled"}]
            await csms.until(lambda: csms.of(SIGNED)[-1][1] == {"status": "DownloadScheduled", "requestId": 2})
            await csms.ask("ExtendedTriggerMessage", {"requestedMessage": "FirmwareStatusNotification"}, "c3")
            await csms.until(lambda: told(csms).count("DownloadScheduled") == 2)

    run(work)


@pytest.mark.parametrize("fault", ["404", "too large", "disk full", "always another range", "says nothing of use"])
def test_an_image_that_cannot_be_had_is_told_after_the_tries(tmp_path: Path, fault: str) -> None:
    async def work() -> None:
        csms, server, maker = Csms(), FileServer(), Maker()
        async with csms.serve(), server.serve():
            settings_ = made(tmp_path, csms, maker)
            if fault == "disk full":
                settings_ = replace(settings_, journal=replace(settings_.journal, min_free_mb=10**9))
            if fault == "too large":
                settings_ = replace(settings_, update=replace(settings_.update, max_mb=0))
            async with station(settings_, Site()):
                await booted(csms)
                asked = order(server, maker, image_of("9.9"))
                if fault == "404":
                    server.files.clear()
                if fault == "always another range":
                    server.behave = lambda asked: (206, {"Content-Range": "bytes 7-20/100000"}, b"x" * 14)
                if fault == "says nothing of use":
                    server.behave = lambda asked: (206, {}, b"x")
                await csms.ask("SignedUpdateFirmware", asked)
                await csms.until(lambda: "DownloadFailed" in told(csms))
                assert told(csms) == ["Downloading", "DownloadFailed"]
                assert len(server.asked) == (1 if fault in ("too large", "disk full") else 2)
                assert not (tmp_path / "journal.sqlite.firmware").exists()

    run(work)


def test_an_image_that_changes_on_its_way_is_fetched_anew(tmp_path: Path) -> None:
    async def work() -> None:
        csms, server, maker = Csms(), FileServer(), Maker()
        async with csms.serve(), server.serve(), station(made(tmp_path, csms, maker), Site()) as task:
            await booted(csms)
            image, seen = image_of(version("emops"), 60_000), 0

            def behave(asked: Asked) -> tuple[int, dict[str, str], bytes] | None:
                nonlocal seen
                seen += 1
                if seen == 3:
                    server.files[PATH], server.tag = image, '"v2"'
                return None

            server.behave = behave
            asked = order(server, maker, image)
            server.files[PATH] = image_of("0.0", 60_000)
            await csms.ask("SignedUpdateFirmware", asked)
            await ended(task)
            assert told(csms) == GOOD

    run(work)


def test_a_server_that_knows_no_ranges_or_redirects_will_do(tmp_path: Path) -> None:
    async def work() -> None:
        csms, server, maker = Csms(), FileServer(knows_ranges=False), Maker()
        async with csms.serve(), server.serve(), station(made(tmp_path, csms, maker), Site()) as task:
            await booted(csms)
            server.behave = lambda asked: (302, {"Location": PATH}, b"") if asked.path == "/old" else None
            asked = order(server, maker, image_of(version("emops")))
            asked["firmware"]["location"] = server.url("/old")
            await csms.ask("SignedUpdateFirmware", asked)
            await ended(task)
            assert told(csms) == GOOD

    run(work)


def test_a_download_goes_on_after_a_restart(tmp_path: Path) -> None:
    async def work() -> None:
        csms, server, maker = Csms(), FileServer(pause_s=0.05), Maker()
        image = image_of(version("emops"))
        async with csms.serve(), server.serve():
            settings_ = made(tmp_path, csms, maker)
            async with station(settings_, Site()):
                await booted(csms)
                await csms.ask("SignedUpdateFirmware", order(server, maker, image))
                await csms.until(lambda: told(csms))
                await until(lambda: server.sent >= 40_000)
            server.pause_s, server.sent = 0.0, 0
            async with station(settings_, Site(), "boot-b") as task:
                await ended(task)
            assert told(csms) == GOOD
            assert server.sent < 75_000, "what was stored is not fetched again"

    run(work)


def test_a_plain_order_is_refused_beside_signed_ones_and_needs_its_signature_else(tmp_path: Path) -> None:
    async def work() -> None:
        plain = "FirmwareStatusNotification"
        csms, server, maker = Csms(), FileServer(), Maker()
        async with csms.serve(), server.serve():
            asked = {"location": server.url(PATH), "retrieveDate": "2020-01-01T00:00:00Z", "retries": 1}
            server.files[PATH] = image_of(version("emops"))
            async with station(made(tmp_path, csms, None), Site()):
                await booted(csms)
                assert await csms.ask("UpdateFirmware", asked) == [3, {}]
                await csms.until(lambda: "InstallationFailed" in told(csms, plain))
                assert told(csms, plain) == ["Downloading", "Downloaded", "Installing", "InstallationFailed"]
                server.files[PATH + ".sig"] = b"bad"
                assert await csms.ask("UpdateFirmware", asked, "c2") == [3, {}]
                await csms.until(lambda: told(csms, plain).count("InstallationFailed") == 2)
                assert await csms.ask("UpdateFirmware", asked | {"location": "ftp://example.com/x"}, "c3") == [3, {}]
                await csms.until(lambda: told(csms, plain)[-1] == "DownloadFailed")
            async with station(made(tmp_path, csms, maker), Site()):
                await csms.until(lambda: len(csms.of("BootNotification")) == 2)
                answer = await csms.ask("UpdateFirmware", asked, "c4")
                assert answer[:2] == [4, "NotSupported"]

    run(work)


def test_the_guard_counts_the_starts_of_a_version_on_trial_and_goes_back(tmp_path: Path) -> None:
    for slot in ("a", "b"):
        (tmp_path / slot / "bin").mkdir(parents=True)
        (tmp_path / slot / "bin/emops-station").touch()
    (tmp_path / "current").symlink_to("a")
    found = Slots(tmp_path, "", None)
    found.arm("b")
    found.switch("b")
    for _ in range(slots.STARTS):
        subprocess.run([tmp_path / "guard"], check=True)
        assert (found.current(), found.is_armed()) == ("b", True)
    subprocess.run([tmp_path / "guard"], check=True)
    assert (found.current(), found.is_armed()) == ("a", False)
    subprocess.run([tmp_path / "guard"], check=True)
    assert found.current() == "a"
