"""The guided flow over a real agent with its socket, journal and a central system; what its report is worth."""

import asyncio
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from station.errors import FieldError, ServiceError
from station.field import commission
from station.field.commissioning import make_report, open_points, seen_transaction
from station.field.keeping import keeping_path, kept
from station.field.report_page import report_html, report_text
from station.field.signature import key_path, station_key
from station.ledger_view import LedgerRow
from station.service import socket_path
from station.service_client import Facts, Service, ServiceClient
from station.settings import StationSettings
from tests.link.csms import NOW, Csms, eventually
from tests.unit.station.field.scripted import NoLoans, Scripted
from tests.unit.station.site import Site, settings, station

DO, SKIP = 0, 1


class Technician(Scripted):
    """Shows a card when asked to, and takes the vehicle away after a few Wh."""

    def __init__(self, answers: Sequence[str | int | bool | None], site: Site, language: str = "en") -> None:
        super().__init__(answers, language)
        self._site = site

    async def live(self, lines: Sequence[str], *, for_s: float) -> str:
        self.heard += "\n".join(lines) + "\n"
        if lines[0].startswith("waiting for a card") and self._site.cards.empty():
            self._site.plug()
            self._site.tap()
        elif "charging, " in lines[0] and self._site.register % 10 > 5:
            self._site.unplug()
        await asyncio.sleep(0.1)
        return ""


async def connected(service: Service) -> None:
    async def is_connected() -> bool:
        try:
            status = await service.call("status")
        except ServiceError:
            return False
        return bool(status["csms"] == "connected" and status["evses"][0]["status"] == "Available")

    await eventually(is_connected)


def service_of(made: StationSettings) -> ServiceClient:
    return ServiceClient(socket_path(made.journal.path, made.service.socket))


@pytest.fixture
def port() -> int:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_a_station_is_commissioned_and_its_report_is_signed(tmp_path: Path, port: int) -> None:
    async def scene() -> tuple[Path | None, str, StationSettings]:
        site, csms, made = Site(), Csms(port=port), settings(tmp_path, port)
        answers: list[str | int | bool | None] = [
            "A. Muster",
            "Parkhaus Nord",
            DO,
            "1.0",
            SKIP,
            "no adapter",
            DO,
            True,
            DO,
        ]
        dialog = Technician(answers, site)
        async with csms.serve(), station(made, site):
            service = service_of(made)
            await connected(service)
            async with asyncio.timeout(20):
                file = await commission.run(dialog, service, made, folder=tmp_path)
        return file, dialog.heard, made

    file, heard, made = asyncio.run(scene())
    assert file
    report, key = commission.read_report(file)
    assert key == station_key(key_path(made.journal.path)).public
    assert report["technician"] == "A. Muster"
    assert report["evses"][0]["meter"]["passed"]
    assert report["evses"][0]["rcd"] == {"at": report["evses"][0]["rcd"]["at"], "passed": True, "how": "button"}
    assert report["test_transaction"]["passed"]
    assert report["test_transaction"]["energy_wh"] > 0
    assert report["open"] == ["EVSE 1, contactor: not checked (no adapter)"]
    assert re.search("Test transaction: +passed", file.with_suffix(".txt").read_text())
    page = file.with_suffix(".html").read_text()
    assert "Not finished" in page
    assert key in page
    assert "waiting for the central system" in heard or "charging" in heard

    german = Scripted([], "de")
    assert asyncio.run(commission.check(german, file)) == 1
    assert "Inbetriebnahmeprotokoll" in german.heard
    assert "Die Signatur stimmt" in german.heard
    with pytest.raises(FieldError, match="another key"):
        asyncio.run(commission.check(german, file, "abc"))
    changed = json.loads(file.read_text())
    changed["report"]["evses"][0]["meter"]["register_wh"] += 1
    file.write_text(json.dumps(changed))
    with pytest.raises(FieldError, match="was changed after it had been signed"):
        commission.read_report(file)


class Devices(NoLoans):
    """An agent with a modem and a board that tests itself, whose second contactor test passes."""

    def __init__(self, dbm: Sequence[int | None] = (-97, -71, None, -83)) -> None:
        self._dbm = list(dbm)
        self._contactor = 0

    async def call(self, operation: str, arguments: Mapping[str, object] = {}) -> Facts:
        match operation:
            case "evse":
                return {"evses": [{"id": 1, "capabilities": {"rcd_test": True}}]}
            case "test_rcd":
                return {"passed": True}
            case "test_contactor":
                self._contactor += 1
                return {"passed": self._contactor > 1, "closed_s": 0.12, "opened_s": 0.03, "feedback": True}
            case "modem":
                return {"trouble": "", "registration": "home", "operator": "Net", "signal_dbm": self._dbm.pop(0)}
        return {"evses": []}


def test_the_flow_is_left_and_taken_up_again(tmp_path: Path, port: int) -> None:
    from dataclasses import replace

    made = settings(tmp_path, port)
    made = replace(made, uplink=replace(made.uplink, bearer="modem"))
    devices = Devices()
    to_the_antenna: list[str | int | bool | None] = ["A. Muster", "", SKIP, "", DO, True, True, DO, True, DO, DO]
    first = Scripted([*to_the_antenna, "", "", "", "x", "mast", None])
    assert asyncio.run(commission.run(first, devices, made, folder=tmp_path)) is None
    steps = kept(keeping_path(made.journal.path))["steps"]
    assert steps["contactor.1"] == {**steps["contactor.1"], "passed": True, "closed_ms": 120, "opened_ms": 30}
    assert steps["antenna"]["best_dbm"] == -71
    assert steps["antenna"]["position"] == "mast"
    assert "best so far: -71 dBm" in first.heard
    second = Scripted([True, SKIP, "later", SKIP, "no card"])
    file = asyncio.run(commission.run(second, devices, made, folder=tmp_path))
    assert file
    assert commission.read_report(file)[0]["open"] == [
        "EVSE 1, meter and display: not checked (later)",
        "test transaction: not checked (no card)",
    ]


def test_without_the_agent_nothing_begins(tmp_path: Path, port: int) -> None:
    made = settings(tmp_path, port)
    with pytest.raises(ServiceError, match="does not run"):
        asyncio.run(commission.run(Scripted([]), service_of(made), made, folder=tmp_path))


@pytest.mark.parametrize("text", ["", "[]", '{"report": {}, "key": "", "signature": ""}', '{"report": 1}'])
def test_what_is_no_report_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(FieldError, match="is no commissioning report"):
        commission.read_report(tmp_path / "x.json")


def row(number: int, key: str, kind: str, register: int, state: str) -> LedgerRow:
    from datetime import datetime

    return LedgerRow(number, "m", key, kind, datetime.fromisoformat(NOW), True, register, state, 1, 0, 10, "")


def test_the_test_transaction_is_the_one_that_began_after_the_step() -> None:
    old = [row(1, "old", "started", 0, "acknowledged"), row(2, "old", "ended", 500, "acknowledged")]
    begun = [*old, row(3, "new", "started", 500, "acknowledged"), row(4, "new", "updated", 510, "pending")]
    ended = [*begun, row(5, "new", "ended", 520, "acknowledged")]
    done = [*ended[:3], row(4, "new", "updated", 510, "acknowledged"), ended[4]]
    assert seen_transaction(old, 2).key == ""
    assert not seen_transaction(begun, 2).has_ended
    assert seen_transaction(begun, 2).energy_wh == 10
    assert not seen_transaction(ended, 2).is_acknowledged
    assert seen_transaction(done, 2).is_acknowledged
    assert seen_transaction(done, 2).energy_wh == 20


def test_an_untouched_station_has_everything_open() -> None:
    about = dict.fromkeys(("charge_point", "serial", "software", "technician", "place"), "x")
    report = make_report(about, NOW, [1, 2], {})
    assert len(open_points(report)) == 7
    assert re.search("Ladestation: +x", report_text(report, "de"))
    assert re.search("Testladung: +nicht geprüft", report_text(report, "de"))


def test_the_page_to_print_shows_all_and_runs_nothing() -> None:
    about = {"charge_point": "<b>", "serial": "", "software": "1", "technician": "</style><script>", "place": "Ulm"}
    steps = {
        "meter.1": {"passed": True, "register_wh": 4711100, "display_kwh": "4711.1", "model": "SDM72", "serial": "7"},
        "contactor.1": {"passed": True, "closed_ms": 120, "opened_ms": 30},
        "rcd.1": {"passed": True, "how": "self"},
        "antenna": {"passed": True, "best_dbm": -71, "position": "Dach"},
        "transaction": {"passed": True, "transaction": "abc", "energy_wh": 12},
    }
    report = make_report(about, "now", [1], {"steps": steps, "begun": "then"})
    german = report_html(report, "KEY", "SIGNATURE", "de")
    for seen in (
        "4711.100 kWh",
        "schloss nach 120 ms",
        "durch Selbsttest",
        "-71 dBm, Dach",
        "abc, 12 Wh",
        "KEY",
        "SIGNATURE",
    ):
        assert seen in german
    assert "Alles wurde geprüft" in german
    assert "<script>" not in german
    assert "http" not in german
    failed = make_report(about, "now", [1], {"steps": {**steps, "rcd.1": {"passed": False, "reason": "no <answer>"}}})
    english = report_html(failed, "KEY", "SIGNATURE", "en")
    assert "Not finished" in english
    assert "no &lt;answer&gt;" in english
    assert "EVSE 1, RCD: failed" in english
