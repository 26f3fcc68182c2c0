"""Logs that the central system orders, with the whole agent, a real central system and a real file server."""

import asyncio
import functools
import gzip
import io
import json
import logging
import tarfile
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from station.settings import StationSettings, TransferSettings
from tests.link.csms import Csms, Json
from tests.link.files import Asked, FileServer
from tests.unit.station.site import CARD, Site, settings, station

QUICK = TransferSettings(rate_kb_s=0, piece_kb=16, tries=2, interval_s=0)


def run(work: Callable[[], Awaitable[None]]) -> None:
    async def within() -> None:
        async with asyncio.timeout(30):
            await work()

    asyncio.run(within())


def made(folder: Path, csms: Csms) -> StationSettings:
    return replace(settings(folder, csms.port), transfer=QUICK)


async def booted(csms: Csms) -> None:
    await csms.until(lambda: csms.of("StatusNotification"))


def statuses(csms: Csms, action: str) -> list[str]:
    return [payload["status"] for _, payload in csms.of(action)]


async def until_status(csms: Csms, action: str, status: str) -> None:
    await csms.until(lambda: status in statuses(csms, action))


def log_order(server: FileServer, number: int = 7, kind: str = "SecurityLog", path: str = "/up/") -> Json:
    return {"logType": kind, "requestId": number, "log": {"remoteLocation": server.url(path)}}


def opened(archive: bytes) -> dict[str, str]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        found = {member.name: files.extractfile(member) for member in files}
        return {name: file.read().decode("utf-8", "replace") for name, file in found.items() if file}


def test_diagnostics_hold_what_helps_and_no_card(tmp_path: Path) -> None:
    async def work() -> None:
        site, csms, server = Site(), Csms(), FileServer()
        async with csms.serve(), server.serve(), station(made(tmp_path, csms), site):
            await booted(csms)
            site.plug()
            site.tap()
            await csms.until(lambda: csms.of("StartTransaction"))
            _, answer = await csms.ask("GetDiagnostics", {"location": server.url("/up/")})
            await until_status(csms, "DiagnosticsStatusNotification", "Uploaded")
            assert statuses(csms, "DiagnosticsStatusNotification") == ["Uploading", "Uploaded"]
            assert answer["fileName"].startswith("CP1-diagnostics-20")
            parts = opened(server.taken[f"/up/{answer['fileName']}"])
            assert set(parts) >= {"log.txt", "security.txt", "ledger.jsonl", "status.json", "MANIFEST.json"}
            assert "StartupOfTheDevice" in parts["security.txt"]
            assert json.loads(parts["ledger.jsonl"].splitlines()[0])["kind"] == "started"
            assert not any(CARD.value.casefold() in part.casefold() for part in parts.values())

    run(work)


def test_the_security_log_of_a_time(tmp_path: Path) -> None:
    async def work() -> None:
        csms, server = Csms(), FileServer()
        async with csms.serve(), server.serve(), station(made(tmp_path, csms), Site()):
            await booted(csms)
            order = log_order(server)
            _, answer = await csms.ask("GetLog", order)
            assert answer["status"] == "Accepted"
            await until_status(csms, "LogStatusNotification", "Uploaded")
            assert csms.of("LogStatusNotification")[-1][1] == {"status": "Uploaded", "requestId": 7}
            assert "StartupOfTheDevice" in gzip.decompress(server.taken["/up/" + answer["filename"]]).decode()
            order["log"]["oldestTimestamp"] = "2040-01-01T00:00:00Z"
            order["requestId"] = 8
            _, answer = await csms.ask("GetLog", order, "c2")
            await csms.until(
                lambda: {"status": "Uploaded", "requestId": 8} in [p for _, p in csms.of("LogStatusNotification")]
            )
            assert gzip.decompress(server.taken["/up/" + answer["filename"]]) == b""

    run(work)


def test_a_server_without_put_gets_a_form(tmp_path: Path) -> None:
    async def work() -> None:
        csms, server = Csms(), FileServer()
        server.behave = lambda asked: (405, {}, b"") if asked.method == "PUT" else None
        async with csms.serve(), server.serve(), station(made(tmp_path, csms), Site()):
            await booted(csms)
            _, answer = await csms.ask("GetLog", log_order(server))
            await until_status(csms, "LogStatusNotification", "Uploaded")
            assert f'filename="{answer["filename"]}"'.encode() in server.taken["/up/"]

    run(work)


@pytest.mark.parametrize(
    ("status", "told"),
    [(403, "PermissionDenied"), (400, "BadMessage"), (405, "NotSupportedOperation"), (500, "UploadFailure")],
)
def test_a_refusal_is_told_in_its_own_word_after_the_tries(tmp_path: Path, status: int, told: str) -> None:
    async def work() -> None:
        csms, server = Csms(), FileServer()
        server.behave = lambda asked: (status, {}, b"")
        async with csms.serve(), server.serve(), station(made(tmp_path, csms), Site()):
            await booted(csms)
            await csms.ask("GetLog", log_order(server) | {"retries": 2, "retryInterval": 0})
            await until_status(csms, "LogStatusNotification", told)
            assert statuses(csms, "LogStatusNotification") == ["Uploading", told]
            assert sum(asked.method == "PUT" for asked in server.asked) == 2

    run(work)


def test_the_rest_is_sent_where_the_server_says_what_it_has(tmp_path: Path) -> None:
    async def work() -> None:
        csms, server = Csms(), FileServer()
        kept = b""

        def behave(asked: Asked) -> tuple[int, dict[str, str], bytes] | None:
            nonlocal kept
            if asked.method == "PUT":
                kept = asked.body[:20]
                return 500, {}, b""
            if asked.method == "HEAD":
                return 200, {"Upload-Offset": "20"}, b""
            kept += asked.body
            return 204, {}, b""

        server.behave = behave
        async with csms.serve(), server.serve(), station(made(tmp_path, csms), Site()):
            await booted(csms)
            await csms.ask("GetLog", log_order(server))
            await until_status(csms, "LogStatusNotification", "Uploaded")
            assert [asked.method for asked in server.asked] == ["PUT", "HEAD", "PATCH"]
            assert b"Startup" in gzip.decompress(kept)

    run(work)


def test_a_new_order_cancels_the_one_before(tmp_path: Path) -> None:
    async def work() -> None:
        csms, server = Csms(), FileServer()
        server.behave = lambda asked: (500, {}, b"") if asked.path.startswith("/slow") else None
        async with csms.serve(), server.serve(), station(made(tmp_path, csms), Site()):
            await booted(csms)
            await csms.ask("GetLog", log_order(server, 1, path="/slow/") | {"retries": 50, "retryInterval": 1})
            _, answer = await csms.ask("GetLog", log_order(server, 2), "c2")
            assert answer["status"] == "AcceptedCanceled"
            await until_status(csms, "LogStatusNotification", "Uploaded")
            assert csms.of("LogStatusNotification")[-1][1]["requestId"] == 2

    run(work)


def test_what_is_neither_http_nor_https_is_refused(tmp_path: Path) -> None:
    async def work() -> None:
        csms = Csms()
        async with csms.serve(), station(made(tmp_path, csms), Site()):
            await booted(csms)
            order = {"logType": "SecurityLog", "requestId": 1, "log": {"remoteLocation": "sftp://files.example.com/x"}}
            assert await csms.ask("GetLog", order) == [3, {"status": "Rejected"}]
            assert await csms.ask("GetDiagnostics", {"location": "ftp://files.example.com/x"}, "c2") == [3, {}]

    run(work)


def test_an_upload_goes_on_after_a_restart_and_is_told(tmp_path: Path) -> None:
    async def work() -> None:
        csms, server = Csms(), FileServer()
        server.behave = lambda asked: (500, {}, b"")
        async with csms.serve(), server.serve():
            async with station(made(tmp_path, csms), Site()):
                await booted(csms)
                _, answer = await csms.ask("GetLog", log_order(server) | {"retries": 90, "retryInterval": 1})
                await csms.until(lambda: server.asked)
            server.behave = lambda asked: None
            async with station(made(tmp_path, csms), Site(), "boot-b"):
                await until_status(csms, "LogStatusNotification", "Uploaded")
            assert list(server.taken) == [f"/up/{answer['filename']}"]

    run(work)


def test_triggers_tell_how_it_stands(tmp_path: Path) -> None:
    async def work() -> None:
        csms = Csms()
        async with csms.serve(), station(made(tmp_path, csms), Site()):
            await booted(csms)
            for number, (request, message, told) in enumerate(
                (
                    ("TriggerMessage", "FirmwareStatusNotification", "FirmwareStatusNotification"),
                    ("TriggerMessage", "DiagnosticsStatusNotification", "DiagnosticsStatusNotification"),
                    ("ExtendedTriggerMessage", "FirmwareStatusNotification", "SignedFirmwareStatusNotification"),
                    ("ExtendedTriggerMessage", "LogStatusNotification", "LogStatusNotification"),
                )
            ):
                answer = await csms.ask(request, {"requestedMessage": message}, f"t{number}")
                assert answer == [3, {"status": "Accepted"}]
                await csms.until(functools.partial(csms.of, told))
                assert csms.of(told)[0][1] == {"status": "Idle"}

    run(work)


def test_nothing_of_the_credentials_in_a_location_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "station")

    async def work() -> None:
        csms, server = Csms(), FileServer()
        async with csms.serve(), server.serve(), station(made(tmp_path, csms), Site()):
            await booted(csms)
            location = f"http://user:hush%21@127.0.0.1:{server.port}/up/"
            await csms.ask("GetDiagnostics", {"location": location})
            await until_status(csms, "DiagnosticsStatusNotification", "Uploaded")
            assert server.asked[0].headers["authorization"] == "Basic dXNlcjpodXNoIQ=="

    run(work)
    assert "hush" not in caplog.text
