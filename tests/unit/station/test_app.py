"""The whole agent with fake devices, a real journal and a real central system over TCP."""

import asyncio
import json
import logging
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from shared.clock import SystemClock
from shared.ids import IdToken
from shared.money import Money
from shared.ocpp.vendor import RunningCost, encode_running_cost
from shared.units import Wh
from station import app
from station.errors import JournalError
from station.journal import Journal
from station.journal_file import journal_lock
from station.ledger_view import read_ledger
from tests.link.csms import Csms, Json, Silence, eventually
from tests.unit.station.site import CARD, Site, settings, station


def run(work: Callable[[], Awaitable[None]]) -> None:
    async def within() -> None:
        async with asyncio.timeout(30):
            await work()

    asyncio.run(within())


@pytest.fixture
def port() -> int:
    """A port where nobody listens yet."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture(autouse=True)
def _log_level(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


def kwh_of(csms: Csms) -> int:
    starts = {100 + n: payload["meterStart"] for n, (_, payload) in enumerate(csms.of("StartTransaction"))}
    return sum(payload["meterStop"] - starts[payload["transactionId"]] for _, payload in csms.of("StopTransaction"))


async def until(condition: Callable[[], object]) -> None:
    async def met() -> bool:
        return bool(condition())

    await eventually(met)


def test_offline_from_the_local_list_then_delivered_when_the_link_comes(tmp_path: Path, port: int) -> None:
    async def work() -> None:
        site, csms = Site(), Csms(port=port)
        async with station(settings(tmp_path, port, sample_s=1), site):
            site.plug()
            site.tap()
            await until(lambda: site.register > 1004)
            site.tap()
            await until(lambda: site.offered == 0)
            site.unplug()
            async with csms.serve():
                await csms.until(lambda: csms.of("StopTransaction"))
                assert csms.actions("StatusNotification", "MeterValues") == [
                    "BootNotification",
                    "StartTransaction",
                    "StopTransaction",
                ]
                stop = csms.of("StopTransaction")[0][1]
                assert (stop["transactionId"], stop["meterStop"], stop["idTag"]) == (100, site.register, CARD.value)
                assert stop["timestamp"].startswith("2026-10-31T18:"), "unsent times have been corrected"
                assert kwh_of(csms) == site.register - 1000

    run(work)


def test_stopped_during_a_charge_the_contactor_opens_and_the_same_transaction_goes_on(
    tmp_path: Path, port: int, caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> None:
        site, csms = Site(), Csms(port=port)
        made = settings(tmp_path, port)
        async with csms.serve():
            async with station(made, site):
                site.plug()
                site.tap()
                await until(lambda: site.register > 1003)
            assert site.offered == 0
            assert not csms.of("StopTransaction")
            async with station(made, site):
                await until(lambda: site.register > 1008)
                site.unplug()
                await csms.until(lambda: csms.of("StopTransaction"))
            assert len(csms.of("StartTransaction")) == 1
            assert csms.of("StopTransaction")[0][1]["reason"] == "EVDisconnected"
            assert kwh_of(csms) == site.register - 1000

    run(work)
    assert "transaction_resumed" in caplog.text


def test_unplugged_while_the_agent_was_away(tmp_path: Path, port: int) -> None:
    async def work() -> None:
        site, csms = Site(), Csms(port=port)
        made = settings(tmp_path, port)
        async with csms.serve():
            async with station(made, site):
                site.plug()
                site.tap()
                await until(lambda: site.register > 1003)
            site.unplug()
            async with station(made, site, "boot-b"):
                await csms.until(lambda: csms.of("StopTransaction"))
            stop = csms.of("StopTransaction")[0][1]
            assert (stop["reason"], stop["meterStop"]) == ("PowerLoss", site.register)
            assert stop["timestamp"] == csms.of("StartTransaction")[0][1]["timestamp"], "the last time known"

    run(work)


def test_a_meter_exchanged_while_the_agent_was_away_adds_nothing(
    tmp_path: Path, port: int, caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> None:
        site, csms = Site(), Csms(port=port)
        made = settings(tmp_path, port)
        async with csms.serve():
            async with station(made, site):
                site.plug()
                site.tap()
                await until(lambda: site.register > 1003)
            last = site.register
            site.unplug()
            site.serial, site.register = "2", 9_000_000
            async with station(made, site):
                await csms.until(lambda: csms.of("StopTransaction"))
                assert 1000 <= csms.of("StopTransaction")[0][1]["meterStop"] <= last
                await until(lambda: "meter_back" in caplog.text)
                site.plug()
                site.tap()
                await until(lambda: site.register > 9_000_003)
            assert [start["meterStart"] for _, start in csms.of("StartTransaction")] == [1000, 9_000_000]

    run(work)


def test_online_the_central_system_decides_and_when_it_is_silent_the_list(tmp_path: Path, port: int) -> None:
    async def work() -> None:
        site, csms = Site(), Csms(port=port)
        silent: list[bool] = []

        def behave(action: str, payload: Json) -> Json | None:
            if action == "Authorize" and silent:
                raise Silence
            return {"idTagInfo": {"status": "Blocked"}} if action == "Authorize" else None

        csms.behave = behave
        async with csms.serve(), station(settings(tmp_path, port), site):
            await csms.until(lambda: csms.of("StatusNotification"))
            site.plug()
            site.tap()
            await csms.until(lambda: csms.of("Authorize"))
            await asyncio.sleep(0.3)
            assert site.offered == 0
            silent.append(True)
            site.tap()
            await until(lambda: site.offered)

    run(work)


def test_a_dead_meter_starts_nothing_and_says_so(tmp_path: Path, port: int, caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        site = Site(meter_is_dead=True)
        async with station(settings(tmp_path, port), site):
            site.plug()
            await until(lambda: "meter_lost" in caplog.text)
            site.tap()
            await until(lambda: "charge_refused" in caplog.text)
            site.meter_is_dead = False
            await until(lambda: "meter_back" in caplog.text)
            assert site.offered == 0

    run(work)
    assert caplog.text.count("meter_lost") == 1
    assert "no reading, no charge" in caplog.text
    assert CARD.value not in caplog.text


def test_remote_start_and_stop(tmp_path: Path, port: int) -> None:
    async def work() -> None:
        site, csms = Site(), Csms(port=port)
        async with csms.serve(), station(settings(tmp_path, port), site):
            await csms.until(lambda: len(csms.of("StatusNotification")) == 2)
            site.plug()
            assert await csms.ask("RemoteStartTransaction", {"idTag": "R1", "connectorId": 2}) == rejected
            assert await csms.ask("RemoteStartTransaction", {"idTag": "R1"}) == accepted
            await csms.until(lambda: csms.of("StartTransaction"))
            await until(lambda: site.register > 1001)
            assert await csms.ask("RemoteStartTransaction", {"idTag": "R2", "connectorId": 1}) == rejected
            assert await csms.ask("RemoteStopTransaction", {"transactionId": 7}) == rejected
            assert await csms.ask("RemoteStopTransaction", {"transactionId": 100}) == accepted
            await csms.until(lambda: csms.of("StopTransaction"))
            assert csms.of("StopTransaction")[0][1]["reason"] == "Remote"
            assert kwh_of(csms) == site.register - 1000

    run(work)


accepted, rejected = [3, {"status": "Accepted"}], [3, {"status": "Rejected"}]


def test_a_reset_ends_the_transaction_and_the_program(tmp_path: Path, port: int) -> None:
    async def work() -> None:
        site, csms = Site(), Csms(port=port)
        async with csms.serve(), station(settings(tmp_path, port), site) as agent:
            site.plug()
            site.tap()
            await csms.until(lambda: csms.of("StartTransaction"))
            await until(lambda: site.register > 1002)
            assert await csms.ask("Reset", {"type": "Hard"}) == accepted
            await agent
            assert site.offered == 0
            assert csms.of("StopTransaction")[0][1]["reason"] == "HardReset"

    run(work)


def test_keys_availability_and_list_survive_a_restart(tmp_path: Path, port: int) -> None:
    async def work() -> None:
        site, csms = Site(), Csms(port=port)
        made = settings(tmp_path, port)
        async with csms.serve():
            async with station(made, site):
                await csms.until(lambda: len(csms.of("StatusNotification")) == 2)
                change = {"key": "MeterValueSampleInterval", "value": "77"}
                assert await csms.ask("ChangeConfiguration", change) == accepted
                bad = {"key": "MeterValueSampleInterval", "value": "x"}
                assert await csms.ask("ChangeConfiguration", bad) == rejected
                unavailable = {"connectorId": 1, "type": "Inoperative"}
                assert await csms.ask("ChangeAvailability", unavailable) == accepted
                assert await csms.ask("ChangeAvailability", {"connectorId": 5, "type": "Operative"}) == rejected
                entry = {"idTag": "L1", "idTagInfo": {"status": "Accepted"}}
                send = {"listVersion": 4, "updateType": "Full", "localAuthorizationList": [entry]}
                assert await csms.ask("SendLocalList", send) == accepted
                old = {"listVersion": 4, "updateType": "Differential"}
                assert await csms.ask("SendLocalList", old) == [3, {"status": "VersionMismatch"}]
            seen = len(csms.calls)
            async with station(made, site):
                await csms.until(lambda: len(csms.calls) >= seen + 3)
                states = {p["connectorId"]: p["status"] for _, p in csms.of("StatusNotification")}
                assert states == {0: "Available", 1: "Unavailable"}
                answer = await csms.ask("GetConfiguration", {"key": ["MeterValueSampleInterval", "Nonsense"]})
                assert answer == [
                    3,
                    {
                        "configurationKey": [
                            {"key": "MeterValueSampleInterval", "readonly": False, "value": "77"},
                        ],
                        "unknownKey": ["Nonsense"],
                    },
                ]
                assert await csms.ask("GetLocalListVersion", {}) == [3, {"listVersion": 4}]
                everything = await csms.ask("GetConfiguration", {})
                assert len(everything[1]["configurationKey"]) > 20
                assert await csms.ask("ChangeAvailability", {"connectorId": 0, "type": "Operative"}) == accepted
                site.plug()
                site.tap(IdToken("L1"))
                await until(lambda: site.offered)
                later = {"connectorId": 0, "type": "Inoperative"}
                assert await csms.ask("ChangeAvailability", later) == [3, {"status": "Scheduled"}]

    run(work)


_COST = RunningCost(12, Money(Decimal("3.40"), "EUR"), Wh(7_083), datetime(2026, 10, 31, tzinfo=UTC))


def test_the_cost_so_far_is_shown_to_the_driver(tmp_path: Path, port: int) -> None:
    async def work() -> None:
        site, csms = Site(), Csms(port=port)
        async with csms.serve(), station(settings(tmp_path, port, sample_s=1), site):
            site.plug()
            site.tap(CARD)
            await csms.until(lambda: bool(csms.of("MeterValues")))  # the answer to the start has told its number
            told = encode_running_cost(replace(_COST, transaction_id=csms.of("MeterValues")[0][1]["transactionId"]))
            assert await csms.ask("DataTransfer", dict(told)) == [3, {"status": "Accepted"}]
            await until(lambda: "3.40 EUR" in (tmp_path / "journal.sqlite.status.json").read_text())

    run(work)


@pytest.mark.parametrize(
    ("action", "payload", "answer"),
    [
        ("UnlockConnector", {"connectorId": 1}, "NotSupported"),
        ("DataTransfer", {"vendorId": "x"}, "UnknownVendorId"),
        ("DataTransfer", {"vendorId": "emops", "messageId": "x"}, "UnknownMessageId"),
        ("DataTransfer", {"vendorId": "emops", "messageId": "RunningCost", "data": "{}"}, "Rejected"),
        ("DataTransfer", dict(encode_running_cost(_COST)), "Rejected"),  # of no transaction here
        ("ClearCache", {}, "Accepted"),
        ("TriggerMessage", {"requestedMessage": "Heartbeat"}, "Accepted"),
        ("TriggerMessage", {"requestedMessage": "BootNotification"}, "Accepted"),
        ("TriggerMessage", {"requestedMessage": "StatusNotification", "connectorId": 0}, "Accepted"),
        ("TriggerMessage", {"requestedMessage": "MeterValues", "connectorId": 1}, "Accepted"),
        ("TriggerMessage", {"requestedMessage": "MeterValues", "connectorId": 9}, "Rejected"),
        ("TriggerMessage", {"requestedMessage": "FirmwareStatusNotification"}, "Accepted"),
    ],
)
def test_what_the_central_system_may_ask(tmp_path: Path, port: int, action: str, payload: Json, answer: str) -> None:
    async def work() -> None:
        site, csms = Site(), Csms(port=port)
        async with csms.serve(), station(settings(tmp_path, port), site):
            await csms.until(lambda: len(csms.of("StatusNotification")) == 2)
            before = len(csms.calls)
            assert await csms.ask(action, payload) == [3, {"status": answer}]
            if action == "TriggerMessage" and answer == "Accepted":
                await csms.until(lambda: payload["requestedMessage"] in [name for _, name, _ in csms.calls[before:]])

    run(work)


def test_without_its_journal_the_agent_does_not_charge(tmp_path: Path, port: int) -> None:
    async def work() -> None:
        site = Site()
        (tmp_path / "journal.sqlite").write_bytes(b"broken" * 1000)
        with pytest.raises(JournalError, match="Keep the file"):
            await station_task(tmp_path, port, site)
        assert site.stops == 1

    run(work)


def test_a_start_that_can_not_be_stored_does_not_close_the_contactor(
    tmp_path: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Watched(Site):
        async def allow(self, current_a: int) -> None:
            raise AssertionError("energy without a record")

    async def full(*_: object, **__: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    async def work() -> None:
        monkeypatch.setattr(Journal, "append", full)
        site = Watched()
        site.plug()
        site.tap()
        with pytest.raises(JournalError, match="disk full"):
            await station_task(tmp_path, port, site)

    run(work)


def test_a_second_agent_leaves_the_contactors_of_the_first_alone(tmp_path: Path, port: int) -> None:
    async def work() -> None:
        site = Site()
        with journal_lock(tmp_path / "journal.sqlite"), pytest.raises(JournalError, match="another agent"):
            await station_task(tmp_path, port, site)
        assert site.stops == 0

    run(work)


def test_a_mistake_of_ours_opens_the_contactors_and_is_not_hidden(tmp_path: Path, port: int) -> None:
    async def work() -> None:
        class Broken(Site):
            async def read(self):  # type: ignore[no-untyped-def]
                raise ZeroDivisionError

        site = Broken()
        with pytest.raises(BaseExceptionGroup):
            await station_task(tmp_path, port, site)
        assert site.stops == 1

    run(work)


def station_task(folder: Path, port: int, site: Site) -> Awaitable[None]:
    return app.run_station(
        settings(folder, port), site.hardware(), clock=SystemClock(), kernel_boot_id="a", stop=asyncio.Event()
    )


def test_the_status_file_tells_why(tmp_path: Path, port: int) -> None:
    async def work() -> None:
        site = Site(board_is_dead=True)
        async with station(settings(tmp_path, port), site):
            path = tmp_path / "journal.sqlite.status.json"
            await until(lambda: path.exists() and "Faulted" in path.read_text())
            state = json.loads(path.read_text())
            assert "does not answer" in state["evses"][0]["blocked_by"]
            assert "can't be reached" in state["csms"]

    run(work)


def test_the_ledger_tells_what_became_of_each_message(tmp_path: Path, port: int) -> None:
    async def work() -> None:
        site, csms = Site(), Csms(port=port)
        async with csms.serve(), station(settings(tmp_path, port), site):
            site.plug()
            site.tap()
            await csms.until(lambda: csms.of("StartTransaction"))
            await until(lambda: site.register > 1001)

    run(work)
    (row,) = read_ledger(tmp_path / "journal.sqlite")
    assert (row.kind, row.state, row.tries, row.certain) == ("started", "acknowledged", 1, True)


def test_the_agent_does_not_load_what_it_does_not_need() -> None:
    code = (
        "import sys, station.app, station.devices; "
        "print([m for m in sys.modules if m in ('jsonschema', 'ocpp.v16', 'ocpp.v201', 'sqlalchemy', 'pymodbus')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
