"""The link to the central system over real sockets: slow, cut, half-open, and a central system that misbehaves."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from shared.clock import ManualClock
from shared.ids import EvseId, IdToken, Secret, TransactionKey
from shared.metering import MeterReading, MeterValue
from shared.ocpp.session import ErrorCode, Payload
from shared.transaction import Ended, Started, StopReason, TransactionEvent, Updated
from shared.units import Wh
from station.core.configuration import Configuration
from station.core.delivery import Message
from station.core.status_reports import Report, StatusReports
from station.core.timekeeping import TimeSource
from station.courier import Courier
from station.csms_connection import CallRefused, Refusal, Reply
from station.csms_link import HEARTBEAT, CsmsLink
from station.journal import Backlog, Journal
from station.journal_file import open_journal
from station.ledger_view import release
from station.ocpp16.dialect import Ocpp16
from station.security.access import Access, Profile
from station.security.event_courier import EventCourier
from station.security.gate import Gate
from station.security.memory import open_memory
from station.security.reporter import SecurityReporter
from station.settings import CsmsSettings, DeliverySettings
from station.timekeeper import Timekeeper, start_time
from tests.link.csms import CallError, Csms, Json, Line, Silence, eventually

NOON = datetime(2026, 10, 31, 12, 0, tzinfo=UTC)


@dataclass
class Bench:
    """A link between a real journal and a central system; `link.run()` is running."""

    csms: Csms
    line: Line
    link: CsmsLink
    journal: Journal
    timekeeper: Timekeeper
    configuration: Configuration
    statuses: StatusReports
    deauthorized: list[str]
    conflicts: list[int]

    async def append(self, *events: TransactionEvent) -> None:
        for event in events:
            await self.journal.append(event, self.timekeeper.boot, self.timekeeper.passed(event.at))
        self.link.wake()

    async def drained(self) -> None:
        async def is_drained() -> bool:
            return (await self.journal.backlog()).pending == 0

        await eventually(is_drained)


async def answer(action: str, payload: Payload) -> Payload:
    if action == "ClearCache":
        return {"status": "Accepted"}
    raise CallRefused(ErrorCode.NOT_SUPPORTED, f"no {action}")


@asynccontextmanager
async def bench(
    path: Path, csms: Csms | None = None, line: Line | None = None, *, reply_s: float = 5.0, keys: Json | None = None
) -> AsyncIterator[Bench]:
    csms, line = csms or Csms(), line or Line()
    async with csms.serve(), open_journal(path / "journal") as journal:
        timekeeper = await start_time(ManualClock(NOON, 100.0), journal, "boot-a", clock_trusted=False)
        configuration = Configuration(keys)
        statuses = StatusReports(Ocpp16().status_words)
        refused: list[str] = []
        reporter = SecurityReporter(journal.security_events, timekeeper)
        url = f"ws://127.0.0.1:{csms.port}/ocpp"
        memory = open_memory(path / "security", Access(Profile.BASIC, Secret("secret password")), "")
        gate = Gate(
            url, "", "CP 1", memory=memory, reporter=reporter, timekeeper=timekeeper, journal=journal
        )  # fmt: skip
        conflicts: list[int] = []
        link = CsmsLink(
            CsmsSettings(
                url=url,
                reply_timeout_s=reply_s,
                connect_timeout_s=5.0,
                retry_wait_s=0.05,
                retry_random_s=0.0,
                retry_doublings=0,
                boot_retry_s=0.1,
            ),
            gate,
            dialect=Ocpp16(),
            bearer=line,
            courier=Courier(
                journal,
                timekeeper,
                configuration,
                Ocpp16(),
                DeliverySettings(per_minute=0),
                send_without_start=False,
                deauthorized=lambda _evse, key: refused.append(key),
                conflict=conflicts.append,
            ),
            events=EventCourier(journal.security_events, timekeeper, configuration, Ocpp16()),
            timekeeper=timekeeper,
            configuration=configuration,
            statuses=statuses,
            answer=answer,
            boot=lambda: Message("BootNotification", {"chargePointVendor": "v", "chargePointModel": "m"}),
            run_id="run1",
            random=lambda: 0.5,
        )
        statuses.set(Report(0, "Available", "NoError", "", NOON), 0.0)
        task = asyncio.create_task(link.run())
        try:
            yield Bench(csms, line, link, journal, timekeeper, configuration, statuses, refused, conflicts)
            assert not task.done(), task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await line.close()


def run(work: Callable[[], Awaitable[None]]) -> None:
    async def within() -> None:
        async with asyncio.timeout(30):
            await work()

    asyncio.run(within())


def value(minute: int) -> MeterValue:
    return MeterValue(NOON + timedelta(minutes=minute), MeterReading(Wh(1000 + minute)))


def charge(key: str, samples: int = 1) -> list[TransactionEvent]:
    name, evse = TransactionKey(key), EvseId(1)
    updates = [Updated(name, n + 1, evse, (value(n + 1),)) for n in range(samples)]
    end = Ended(name, samples + 1, evse, value(samples + 1), StopReason.LOCAL)
    return [Started(name, evse, IdToken("AB"), value(0)), *updates, end]


TRANSACTION = ["StartTransaction", "MeterValues", "StopTransaction"]


@pytest.mark.parametrize("line", [Line(), Line(chunk=1), Line(chunk=7, delay_s=0.001), Line(delay_s=0.05)])
def test_a_backlog_goes_out_after_the_boot_in_order(tmp_path: Path, line: Line) -> None:
    async def work() -> None:
        async with bench(tmp_path, line=Line(line.chunk, line.delay_s)) as b:
            await b.append(*charge("k1"), *charge("k2"))
            await b.drained()
            assert b.csms.actions() == ["BootNotification", "StatusNotification", *TRANSACTION, *TRANSACTION]
            assert [p["transactionId"] for _, p in b.csms.of("StopTransaction")] == [100, 101]
            assert b.timekeeper.boot.source is TimeSource.CSMS

    run(work)


def test_the_handshake_says_who_we_are(tmp_path: Path) -> None:
    async def work() -> None:
        async with bench(tmp_path) as b:
            await b.csms.until(lambda: b.csms.calls)
            assert b.csms.socket
            assert b.csms.socket.request
            assert b.csms.socket.request.path == "/ocpp/CP%201"
            assert b.csms.socket.subprotocol == "ocpp1.6"
            expected = base64.b64encode(b"CP 1:secret password").decode()
            assert b.csms.headers[0]["Authorization"] == f"Basic {expected}"

    run(work)


@pytest.mark.parametrize("lost", TRANSACTION)
def test_a_reply_that_is_lost_after_the_commit_is_asked_for_again_with_the_same_id(tmp_path: Path, lost: str) -> None:
    async def work() -> None:
        csms = Csms()
        silenced: list[str] = []

        def behave(action: str, payload: Json) -> None:
            if action == lost and not silenced:
                silenced.append(action)
                raise Silence

        csms.behave = behave
        async with bench(tmp_path, csms, reply_s=0.3) as b:
            await b.append(*charge("k1"))
            await b.drained()
            (first, payload), (second, again) = csms.of(lost)
            assert (first, payload) == (second, again)
            assert csms.actions().count("BootNotification") == 1, "a reconnect is no boot"
            assert csms.connections == 2
            assert len(csms.transactions) == 1
            rows = await b.journal.database.read("SELECT refusals FROM ledger")
            assert [row[0] for row in rows] == [0, 0, 0], "a lost link spends no attempt"

    run(work)


def test_a_half_open_connection_is_found_by_the_missing_reply(tmp_path: Path) -> None:
    async def work() -> None:
        async with bench(tmp_path, reply_s=0.3) as b:
            await b.csms.until(lambda: "StatusNotification" in b.csms.actions())
            b.line.swallows = True
            await b.append(*charge("k1"))
            await asyncio.sleep(0.1)
            b.line.swallows = False
            await b.drained()
            assert b.line.opened == 2
            assert b.csms.actions("StatusNotification", "Heartbeat") == ["BootNotification", *TRANSACTION]

    run(work)


def test_no_coverage_for_long_loses_nothing(tmp_path: Path) -> None:
    async def work() -> None:
        async with bench(tmp_path) as b:
            await b.csms.until(lambda: "StatusNotification" in b.csms.actions())
            b.line.has_coverage = False
            b.line.cut()
            await b.append(*charge("k1", samples=5))
            await asyncio.sleep(0.5)
            assert not b.link.is_online
            assert "can't be reached" in b.link.state
            b.line.has_coverage = True
            await b.drained()
            assert b.csms.actions("Heartbeat", "StatusNotification")[1:] == [
                "StartTransaction",
                *["MeterValues"] * 5,
                "StopTransaction",
            ]

    run(work)


def test_cut_again_and_again_everything_arrives_once_by_its_id(tmp_path: Path) -> None:
    async def work() -> None:
        async with bench(tmp_path, line=Line(chunk=40, delay_s=0.002), reply_s=1.0) as b:
            await b.append(*charge("k1", 4), *charge("k2", 4))

            async def cut() -> None:
                while True:
                    await asyncio.sleep(0.12)
                    b.line.cut()

            cutter = asyncio.create_task(cut())
            await b.drained()
            cutter.cancel()
            assert b.csms.connections > 1
            once = dict.fromkeys((message_id, action) for message_id, action, _ in b.csms.calls if "Tr" in action)
            assert [action for _, action in once] == ["StartTransaction", "StopTransaction"] * 2
            for message_id, _, payload in b.csms.calls:
                same = [p for other, _, p in b.csms.calls if other == message_id]
                assert all(p == payload for p in same)

    run(work)


def test_a_driver_does_not_wait_behind_the_backlog(tmp_path: Path) -> None:
    async def work() -> None:
        async with bench(tmp_path, line=Line(delay_s=0.03)) as b:
            await b.append(*charge("k1", samples=50))
            await b.csms.until(lambda: b.csms.actions().count("MeterValues") >= 2)
            reply = await b.link.call(Message("Authorize", {"idTag": "AB"}))
            assert isinstance(reply, Reply)
            assert reply.payload == {"idTagInfo": {"status": "Accepted"}}
            assert b.csms.actions().count("MeterValues") < 10
            await b.drained()

    run(work)


def test_a_question_while_offline_is_answered_at_once_with_nothing(tmp_path: Path) -> None:
    async def work() -> None:
        async with bench(tmp_path, line=Line(has_coverage=False)) as b:
            assert await b.link.call(Message("Authorize", {"idTag": "AB"})) is None

    run(work)


def test_a_question_whose_connection_is_lost_is_answered_with_nothing(tmp_path: Path) -> None:
    async def work() -> None:
        csms = Csms()

        def behave(action: str, payload: Json) -> None:
            if action == "Authorize":
                raise Silence

        csms.behave = behave
        async with bench(tmp_path, csms) as b:
            await csms.until(lambda: "StatusNotification" in csms.actions())
            asking = asyncio.create_task(b.link.call(Message("Authorize", {"idTag": "AB"})))
            await csms.until(lambda: "Authorize" in csms.actions())
            b.line.cut()
            assert await asking is None

    run(work)


def test_a_server_that_refuses_everything_parks_the_transaction_and_others_pass(tmp_path: Path) -> None:
    async def work() -> None:
        csms = Csms()

        def behave(action: str, payload: Json) -> None:
            if action == "StartTransaction" and payload["idTag"] == "BAD":
                raise CallError

        csms.behave = behave
        keys = {"TransactionMessageAttempts": "3", "TransactionMessageRetryInterval": "0"}
        async with bench(tmp_path, csms, keys=keys) as b:
            bad = [Started(TransactionKey("bad"), EvseId(1), IdToken("BAD"), value(0)), *charge("bad")[1:]]
            await b.append(*bad, *charge("good"))
            await b.drained()
            starts = csms.of("StartTransaction")
            assert [payload["idTag"] for _, payload in starts] == ["BAD", "BAD", "BAD", "AB"]
            assert len({message_id for message_id, _ in starts}) == 2
            assert csms.actions().count("StopTransaction") == 1
            backlog = await b.journal.backlog()
            assert (backlog.pending, backlog.parked) == (0, 3)
            assert await csms.ask("ClearCache", {}) == [3, {"status": "Accepted"}], "the connection lives on"

    run(work)


@pytest.mark.parametrize(
    ("refused", "told", "parked"),
    [("MeterValues", ["StartTransaction", "MeterValues", "StopTransaction"], 1), ("StopTransaction", [], 1)],
)
def test_a_sample_is_parked_alone_an_end_waits_for_a_person(
    tmp_path: Path, refused: str, told: list[str], parked: int
) -> None:
    async def work() -> None:
        csms = Csms()

        def behave(action: str, _payload: Json) -> None:
            if action == refused:
                raise CallError

        csms.behave = behave
        keys = {"TransactionMessageAttempts": "1", "TransactionMessageRetryInterval": "0"}
        async with bench(tmp_path, csms, keys=keys) as b:
            await b.append(*charge("k1"))
            await b.drained()
            assert (await b.journal.backlog()).parked == parked
            if told:
                assert [action for action in csms.actions() if "Transaction" in action or action == refused] == told
            csms.behave = lambda action, payload: None
            csms.calls.clear()
            assert release(tmp_path / "journal", "k1") == parked
            b.link.wake()
            await b.drained()
            assert csms.actions() == [refused]
            assert csms.calls[0][2]["transactionId"] == 100

    run(work)


def test_a_card_refused_in_the_answer_to_the_start_is_reported(tmp_path: Path) -> None:
    async def work() -> None:
        csms = Csms()
        csms.behave = lambda action, payload: (
            {"transactionId": 9, "idTagInfo": {"status": "Blocked"}} if action == "StartTransaction" else None
        )
        async with bench(tmp_path, csms) as b:
            await b.append(charge("k1")[0])
            await b.drained()

            async def told() -> bool:
                return b.deauthorized == ["k1"]

            await eventually(told)
            assert (await b.journal.open_transactions(1))[EvseId(1)].deauthorized
            info = (await b.journal.tokens.known(IdToken("AB"))).in_cache
            assert info
            assert info.status == "Blocked"

    run(work)


def test_pending_sends_nothing_but_what_is_triggered(tmp_path: Path) -> None:
    async def work() -> None:
        csms = Csms()
        pending = [True]
        csms.behave = lambda action, payload: (
            {"status": "Pending", "currentTime": "2026-10-31T18:40:00Z", "interval": 1}
            if action == "BootNotification" and pending
            else None
        )
        async with bench(tmp_path, csms) as b:
            await b.append(*charge("k1"))
            await csms.until(lambda: csms.calls)
            b.link.post(HEARTBEAT)
            b.link.post(Message("MeterValues", {"connectorId": 1, "meterValue": []}), is_triggered=True)
            await csms.until(lambda: "MeterValues" in csms.actions())
            assert csms.actions() == ["BootNotification", "MeterValues"]
            assert not b.link.is_online
            pending.clear()
            await b.drained()
            assert csms.actions().count("BootNotification") == 2

    run(work)


def test_rejected_is_silence_until_the_interval_has_passed(tmp_path: Path) -> None:
    async def work() -> None:
        csms = Csms()
        answers = [{"status": "Rejected", "currentTime": "2026-10-31T18:40:00Z", "interval": 1}]
        csms.behave = lambda action, payload: answers.pop() if action == "BootNotification" and answers else None
        async with bench(tmp_path, csms) as b:
            await b.append(*charge("k1"))
            await csms.until(lambda: csms.calls)
            begun = asyncio.get_running_loop().time()
            await b.drained()
            assert asyncio.get_running_loop().time() - begun >= 0.9
            assert csms.actions("StatusNotification") == ["BootNotification", "BootNotification", *TRANSACTION]

    run(work)


def test_after_a_reconnect_only_changed_states_are_told(tmp_path: Path) -> None:
    async def work() -> None:
        async with bench(tmp_path, keys={"MinimumStatusDuration": "0"}) as b:
            b.statuses.set(Report(1, "Available", "NoError", "", NOON), 0.0)
            b.link.wake()
            await b.csms.until(lambda: b.csms.actions().count("StatusNotification") == 2)
            b.line.has_coverage = False
            b.line.cut()
            for status in ("Preparing", "Charging", "Finishing"):
                b.statuses.set(Report(1, status, "NoError", "", NOON), 0.0)
            b.line.has_coverage = True
            await b.csms.until(lambda: b.csms.actions().count("StatusNotification") == 3)
            assert b.csms.of("StatusNotification")[-1][1]["status"] == "Finishing"
            await b.append(charge("k1")[0])
            await b.drained()
            assert b.csms.actions().count("StatusNotification") == 3

    run(work)


RESERVE = {"connectorId": 1, "expiryDate": "2026-01-01T00:00:00Z", "idTag": "A", "reservationId": 1}
BAD_FRAMES = [
    ("{", [4, "FormationViolation"]),
    ('{"a": 1}', [4, "FormationViolation"]),
    ('[2, "x1", "ClearCache"]', [4, "FormationViolation"]),
    ('[9, "x1", {}]', [4, "ProtocolError"]),
    ('[2, "x1", "MakeCoffee", {}]', [4, "NotImplemented"]),
    (json.dumps([2, "x1", "ReserveNow", RESERVE]), [4, "NotSupported"]),
    ('[2, "x1", "Reset", {"type": "Gentle"}]', [4, "PropertyConstraintViolation"]),
    ('[2, "x1", "Reset", {}]', [4, "OccurenceConstraintViolation"]),
    ('[2, "x1", "ChangeConfiguration", {"key": 1, "value": "x"}]', [4, "TypeConstraintViolation"]),
]


def test_what_the_central_system_gets_wrong_is_answered_and_the_connection_lives_on(tmp_path: Path) -> None:
    async def work() -> None:
        async with bench(tmp_path) as b:
            await b.csms.until(lambda: b.csms.calls)
            for frame, expected in BAD_FRAMES:
                assert (await b.csms.say(frame))[:2] == expected, frame
            assert b.csms.socket
            await b.csms.socket.send(b"\x00\x01")
            await b.csms.socket.send(json.dumps([3, "nobody", {}]))
            answers = await b.csms.ask("ClearCache", {})
            assert answers in ([3, {"status": "Accepted"}], [4, "FormationViolation", "not valid JSON", {}])
            await b.append(*charge("k1"))
            await b.drained()
            assert b.csms.connections == 1

    run(work)


def test_an_answer_that_breaks_its_schema_still_acknowledges(tmp_path: Path) -> None:
    """A server that adds a field of its own must not cost anybody a kWh."""

    async def work() -> None:
        csms = Csms()
        csms.behave = lambda action, payload: {"vendor": 1} if action in ("StopTransaction", "MeterValues") else None
        async with bench(tmp_path, csms) as b:
            await b.append(*charge("k1"))
            await b.drained()
            assert await b.journal.backlog() == Backlog(0, 0)

    run(work)


def test_a_refused_question_is_told_apart_from_no_answer(tmp_path: Path) -> None:
    async def work() -> None:
        csms = Csms()

        def behave(action: str, payload: Json) -> None:
            if action == "Authorize":
                raise CallError

        csms.behave = behave
        async with bench(tmp_path, csms) as b:
            await csms.until(lambda: "StatusNotification" in csms.actions())
            assert await b.link.call(Message("Authorize", {"idTag": "AB"})) == Refusal("InternalError told to")

    run(work)


def test_a_server_of_another_protocol_is_named(tmp_path: Path) -> None:
    async def work() -> None:
        async def http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(http, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]

        class Wrong(Line):
            async def connect(self, host: str, _port: int):  # type: ignore[no-untyped-def]
                return await super().connect(host, port)

        async with bench(tmp_path, line=Wrong()) as b:

            async def is_refused() -> bool:
                return "404" in b.link.state

            await eventually(is_refused)
            assert "does not know this charge point" in b.link.state
            assert b.line.proofs == 0
        server.close()
        await server.wait_closed()

    run(work)
