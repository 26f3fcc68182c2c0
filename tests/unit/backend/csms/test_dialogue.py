import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, text

from backend.csms.commands import Commands
from backend.csms.connections import Connection, Connections
from backend.csms.dialogue import Dialogue
from backend.csms.handlers import make_handlers
from backend.errors import (
    CommandRefusedError,
    CommandTimeoutError,
    InvalidCommandError,
    NotConnectedError,
    StoreClosedError,
)
from backend.store.writer import Store, Work
from shared.clock import ManualClock
from shared.ids import ChargePointId
from shared.ocpp.validation import Version, violation
from tests.unit.backend import events_v201
from tests.unit.backend.world import NOW, open_world, start, stop, values

CP = ChargePointId("CP-1")
NOON = "2026-10-31T12:00:00Z"
AVAILABILITY = {
    "eventId": 1,
    "timestamp": NOON,
    "trigger": "Delta",
    "actualValue": "Available",
    "eventNotificationType": "HardWiredNotification",
    "component": {"name": "Connector", "evse": {"id": 2, "connectorId": 1}},
    "variable": {"name": "AvailabilityState"},
}


class Wire:
    """A dialogue with its outgoing messages in a queue instead of a socket."""

    def __init__(self, store: Store, call_timeout_s: float = 5.0, version: Version = Version.V16) -> None:
        self.sent: asyncio.Queue[str] = asyncio.Queue()
        self.connections = Connections()
        self.connection = Connection(CP, NOW, "test", version, lambda: None, NOW)
        self.connections.add(self.connection)
        self.commands = Commands(self.connections)
        self.dialogue = Dialogue(
            self.connection,
            self.sent.put,
            store,
            ManualClock(NOW),
            version=version,
            handlers=make_handlers(300, lambda _transaction_id: None)[version],
            call_timeout_s=call_timeout_s,
        )

    # Any: JSON.
    async def ask(self, message: str | bytes) -> Any:
        await self.dialogue.receive(message)
        return json.loads(self.sent.get_nowait()) if not self.sent.empty() else None


def talk(
    folder: Path,
    story: Callable[[Wire], Awaitable[None]],
    call_timeout_s: float = 5.0,
    version: Version = Version.V16,
) -> None:
    async def scenario() -> None:
        async with open_world(folder) as store:
            await story(Wire(store, call_timeout_s, version))

    asyncio.run(scenario())


@pytest.mark.parametrize("version", [Version.V201, Version.V21])
def test_later_versions_have_their_own_spelling_of_errors(tmp_path: Path, version: Version) -> None:
    async def story(wire: Wire) -> None:
        codes = [(await wire.ask(text))[2] for text in ("{}", b"\x00", '[2,"a","Authorize",{}]')]
        assert codes == ["FormatViolation", "FormatViolation", "OccurrenceConstraintViolation"]
        assert (await wire.ask('[2,"a","Heartbeat",{"x":1}]'))[2] == "FormatViolation"

    talk(tmp_path, story, version=version)


@pytest.mark.parametrize(
    ("message", "answer_id", "code"),
    [
        ("", "-1", "FormationViolation"),
        ("{}", "-1", "FormationViolation"),
        ("[2]", "-1", "FormationViolation"),
        (b"\x00\x01", "-1", "FormationViolation"),
        ('[2,"a","Heartbeat",' + "[" * 100_000, "-1", "FormationViolation"),
        ('["\\ud800",1e999999999]', "-1", "FormationViolation"),
        ('[2,"a","Heartbeat"]', "a", "FormationViolation"),
        ('[9,"a","Heartbeat",{}]', "a", "ProtocolError"),
        ('[2,"a","Nonsense",{}]', "a", "NotImplemented"),
        ('[2,"a","../v201/Heartbeat",{}]', "a", "NotImplemented"),
        ('[2,"a","TransactionEvent",{}]', "a", "NotImplemented"),
        ('[2,"a","SecurityEventNotification",{}]', "a", "OccurenceConstraintViolation"),
        ('[2,"a","Reset",{"type":"Hard"}]', "a", "NotImplemented"),
        ('[2,"a","Heartbeat",{"x":1}]', "a", "FormationViolation"),
        ('[2,"a","Authorize",{}]', "a", "OccurenceConstraintViolation"),
        ('[2,"a","Authorize",{"idTag":7}]', "a", "TypeConstraintViolation"),
        ('[2,"a","Authorize",{"idTag":"123456789012345678901"}]', "a", "PropertyConstraintViolation"),
        ('[2,"a","Authorize",{"idTag":" "}]', "a", "PropertyConstraintViolation"),
        (
            '[2,"a","StartTransaction",{"connectorId":1,"idTag":"A","meterStart":-5,"timestamp":"2026-10-31T18:00:00Z"}]',
            "a",
            "PropertyConstraintViolation",
        ),
        (
            '[2,"a","StartTransaction",{"connectorId":1,"idTag":"A","meterStart":5,"timestamp":"soon"}]',
            "a",
            "PropertyConstraintViolation",
        ),
        (
            '[2,"a","StopTransaction",{"transactionId":'
            + "9" * 30
            + ',"meterStop":5,"timestamp":"2026-10-31T18:00:00Z"}]',
            "a",
            "PropertyConstraintViolation",
        ),
    ],
)
def test_what_breaks_the_rules_is_refused_with_the_right_code_and_the_dialogue_goes_on(
    tmp_path: Path, message: str | bytes, answer_id: str, code: str
) -> None:
    async def story(wire: Wire) -> None:
        answer = await wire.ask(message)
        assert answer[:3] == [4, answer_id, code]
        assert (await wire.ask('[2,"b","Heartbeat",{}]'))[:2] == [3, "b"]

    talk(tmp_path, story)


def test_each_kind_of_fault_is_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def story(wire: Wire) -> None:
        for i in range(20):
            await wire.ask("nonsense")
            await wire.ask(f'[2,"{i}","Invented{i}",{{}}]')

    talk(tmp_path, story)
    assert len([record for record in caplog.records if "station broke the rules" in record.getMessage()]) == 2


def test_answers_fulfil_their_schemas(tmp_path: Path) -> None:
    boot = {"chargePointVendor": "V", "chargePointModel": "M", "firmwareVersion": "1"}
    status = {"connectorId": 1, "errorCode": "NoError", "status": "Charging", "timestamp": "2026-10-31T18:40:00Z"}
    calls: list[tuple[str, object]] = [
        ("BootNotification", boot),
        ("Heartbeat", {}),
        ("StatusNotification", status),
        ("Authorize", {"idTag": "04a2b3c4"}),
        ("Authorize", {"idTag": "EXPIRED1"}),
        ("StartTransaction", start()),
        ("MeterValues", values(1, (10, 2000))),
        ("StopTransaction", {**stop(1), "idTag": "04A2B3C4"}),
        ("DataTransfer", {"vendorId": "example"}),
        ("DiagnosticsStatusNotification", {"status": "Idle"}),
        ("FirmwareStatusNotification", {"status": "Installed"}),
        ("SecurityEventNotification", {"type": "TamperDetectionActivated", "timestamp": NOON}),
        ("SignCertificate", {"csr": "-----BEGIN"}),
        ("LogStatusNotification", {"status": "Uploaded", "requestId": 1}),
        ("SignedFirmwareStatusNotification", {"status": "Installed", "requestId": 1}),
    ]

    async def story(wire: Wire) -> None:
        for action, payload in calls:
            kind, _, answer = await wire.ask(json.dumps([2, "a", action, payload]))
            assert kind == 3
            assert violation(Version.V16, action, answer, answer=True) is None

    talk(tmp_path, story)


def test_the_time_in_an_answer_is_that_of_the_clock(tmp_path: Path) -> None:
    async def story(wire: Wire) -> None:
        answer = await wire.ask('[2,"a","BootNotification",{"chargePointVendor":"V","chargePointModel":"M"}]')
        assert answer == [
            3,
            "a",
            {"status": "Accepted", "currentTime": "2026-10-31T18:40:00Z", "interval": 300},
        ]

    talk(tmp_path, story)


class ClosedStore(Store):
    """A store whose disk is gone."""

    async def write(self, work: Work[Any]) -> Any:  # Any: as in Store
        raise StoreClosedError("the store was closed")


def test_what_is_not_stored_is_not_answered_as_stored() -> None:
    async def scenario() -> None:
        engine = create_engine("sqlite://")
        wire = Wire(ClosedStore(engine))
        for action, payload in (
            ("StartTransaction", start()),
            ("MeterValues", values(1, (1, 1))),
            ("StopTransaction", stop(1)),
        ):
            answer = await wire.ask(json.dumps([2, "a", action, payload]))
            assert answer[:3] == [4, "a", "InternalError"]
        engine.dispose()

    asyncio.run(scenario())


def test_a_full_disk_refuses_the_message_and_takes_it_when_there_is_room_again(tmp_path: Path) -> None:
    async def story(wire: Wire) -> None:
        store = wire.dialogue._store
        pages = await store.write(lambda unit: unit.scalar(text("PRAGMA page_count")))
        await store.write(lambda unit: unit.execute(text(f"PRAGMA max_page_count = {pages}")))
        message = json.dumps([2, "a", "MeterValues", values(4711, *((i, 1000 + i) for i in range(500)))])
        assert (await wire.ask(message))[2] == "InternalError"
        assert await store.read(lambda unit: unit.scalar(text("SELECT count(*) FROM meter_value"))) == 0
        await store.write(lambda unit: unit.execute(text("PRAGMA max_page_count = 1000000")))
        assert await wire.ask(message) == [3, "a", {}]
        assert await store.read(lambda unit: unit.scalar(text("SELECT count(*) FROM meter_value"))) == 500

    talk(tmp_path, story)


def test_a_command_gets_its_answer_while_calls_go_on(tmp_path: Path) -> None:
    async def story(wire: Wire) -> None:
        calling = asyncio.create_task(wire.dialogue.run_calls())
        first = asyncio.create_task(wire.commands.send(CP, "Reset", {"type": "Soft"}))
        second = asyncio.create_task(wire.commands.send(CP, "ClearCache", {}))
        kind, number, action, payload = json.loads(await wire.sent.get())
        assert (kind, action, payload) == (2, "Reset", {"type": "Soft"})
        assert (await wire.ask('[2,"x","Heartbeat",{}]'))[:2] == [3, "x"]
        assert wire.sent.empty()  # one in flight
        await wire.dialogue.receive(json.dumps([3, number, {"status": "Accepted"}]))
        assert await first == {"status": "Accepted"}
        _, number, action, _ = json.loads(await wire.sent.get())
        assert action == "ClearCache"
        await wire.dialogue.receive(json.dumps([4, number, "NotSupported", "no cache", {}]))
        with pytest.raises(CommandRefusedError, match="CP-1: ClearCache refused with NotSupported: no cache"):
            await second
        calling.cancel()

    talk(tmp_path, story)


def test_a_command_without_an_answer_times_out_and_the_next_one_goes(tmp_path: Path) -> None:
    async def story(wire: Wire) -> None:
        calling = asyncio.create_task(wire.dialogue.run_calls())
        with pytest.raises(CommandTimeoutError, match="CP-1 did not answer Reset"):
            await wire.commands.send(CP, "Reset", {"type": "Hard"})
        _, late, *_ = json.loads(wire.sent.get_nowait())
        second = asyncio.create_task(wire.commands.send(CP, "ClearCache", {}))
        _, number, *_ = json.loads(await wire.sent.get())
        await wire.dialogue.receive(json.dumps([3, late, {"status": "Accepted"}]))
        await wire.dialogue.receive(json.dumps([3, number, {"status": "Rejected"}]))
        assert await second == {"status": "Rejected"}
        calling.cancel()

    talk(tmp_path, story, call_timeout_s=0.05)


def test_a_caller_that_gives_up_does_not_disturb_the_next(tmp_path: Path) -> None:
    async def story(wire: Wire) -> None:
        calling = asyncio.create_task(wire.dialogue.run_calls())
        impatient = asyncio.create_task(wire.commands.send(CP, "Reset", {"type": "Soft"}))
        _, number, *_ = json.loads(await wire.sent.get())
        impatient.cancel()
        second = asyncio.create_task(wire.commands.send(CP, "ClearCache", {}))
        await wire.dialogue.receive(json.dumps([3, number, {"status": "Accepted"}]))
        _, number, *_ = json.loads(await wire.sent.get())
        await wire.dialogue.receive(json.dumps([3, number, {"status": "Accepted"}]))
        assert await second == {"status": "Accepted"}
        calling.cancel()

    talk(tmp_path, story)


def test_commands_that_can_not_go_say_why(tmp_path: Path) -> None:
    async def story(wire: Wire) -> None:
        with pytest.raises(InvalidCommandError, match="Reset: type: breaks enum"):
            await wire.commands.send(CP, "Reset", {"type": "Lukewarm"})
        with pytest.raises(InvalidCommandError, match=r"OCPP 1\.6 has no SelfDestruct"):
            await wire.commands.send(CP, "SelfDestruct", {})
        with pytest.raises(NotConnectedError, match="CP-9 is not connected"):
            await wire.commands.send(ChargePointId("CP-9"), "ClearCache", {})
        waiting = asyncio.create_task(wire.commands.send(CP, "ClearCache", {}))
        await asyncio.sleep(0)
        wire.connections.remove(wire.connection)
        wire.dialogue.close()
        with pytest.raises(NotConnectedError, match="broke"):
            await waiting

    talk(tmp_path, story)


def test_an_answer_against_the_specification_is_not_taken_for_one(tmp_path: Path) -> None:
    async def story(wire: Wire) -> None:
        calling = asyncio.create_task(wire.dialogue.run_calls())
        sending = asyncio.create_task(wire.commands.send(CP, "ClearCache", {}))
        _, number, *_ = json.loads(await wire.sent.get())
        await wire.dialogue.receive(json.dumps([3, number, {"status": "Perhaps"}]))
        with pytest.raises(CommandRefusedError, match="against the specification"):
            await sending
        calling.cancel()

    talk(tmp_path, story)


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=20)
    | st.sampled_from(["2026-10-31T18:40:00Z", "0001-01-01T00:00:00+14:00", "04A2B3C4", 10**30, -1, 0, "Charging"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_FIELDS = {
    "StartTransaction": start(),
    "MeterValues": values(1, (10, 2000)),
    "StopTransaction": {**stop(1), "idTag": "04A2B3C4", "reason": "Other"},
    "StatusNotification": {"connectorId": 1, "errorCode": "NoError", "status": "Available", "timestamp": "x"},
    "BootNotification": {"chargePointVendor": "V", "chargePointModel": "M"},
    "Authorize": {"idTag": "A"},
}


_SAMPLE = {
    "value": 5,
    "context": "Trigger",
    "measurand": "Voltage",
    "phase": "L1",
    "location": "Outlet",
    "unitOfMeasure": {"unit": "kWh", "multiplier": 1},
    "signedMeterValue": {"signedMeterData": "T0NN", "signingMethod": "", "encodingMethod": "OCMF", "publicKey": ""},
}
_MODERN_FIELDS = {
    "TransactionEvent": {
        **events_v201.ended(0, idToken=events_v201.TOKEN, evse={"id": 1, "connectorId": 1}, offline=True),
        "meterValue": [{"timestamp": NOON, "sampledValue": [_SAMPLE]}],
        "reservationId": 1,
    },
    "StatusNotification": {"timestamp": NOON, "connectorStatus": "Occupied", "evseId": 1, "connectorId": 1},
    "NotifyEvent": {"generatedAt": NOON, "seqNo": 0, "eventData": [AVAILABILITY]},
    "BootNotification": {"chargingStation": {"model": "M", "vendorName": "V"}, "reason": "PowerUp"},
    "Authorize": {"idToken": {"idToken": "04a2b3c4", "type": "ISO14443"}},
}


def _places(value: object, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """List the places inside a payload."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, part in inner for place in [(*path, key), *_places(part, (*path, key))]]


@st.composite
def frames(draw: st.DrawFn, fields: dict[str, object]) -> str:
    if draw(st.booleans()):
        return json.dumps(draw(st.lists(_JSON | st.sampled_from([2, 3, 4, "a", "Heartbeat"]), max_size=5)))
    action = draw(st.sampled_from(sorted(fields)))
    payload = json.loads(json.dumps(fields[action]))
    for place in draw(st.lists(st.sampled_from(_places(payload)), max_size=2)):
        _put(payload, place, draw(_JSON))
    return json.dumps([2, draw(st.text(max_size=40)), action, payload])


# Any: JSON.
def _put(payload: Any, place: tuple[str | int, ...], value: object) -> None:
    """Change a payload at a place, unless an earlier change has removed it."""
    try:
        for key in place[:-1]:
            payload = payload[key]
        payload[place[-1]] = value
    except (TypeError, LookupError):
        pass


@pytest.mark.parametrize(
    ("version", "fields"), [(Version.V16, _FIELDS), (Version.V201, _MODERN_FIELDS), (Version.V21, _MODERN_FIELDS)]
)
def test_no_frame_ends_the_dialogue(tmp_path: Path, version: Version, fields: dict[str, object]) -> None:
    async def ask_all(wire: Wire, frame: str) -> None:
        answer = await wire.ask(frame)
        if answer is not None:
            assert answer[0] in (3, 4)
            assert answer[2] != "InternalError"
        assert (await wire.ask('[2,"b","Heartbeat",{}]'))[:2] == [3, "b"]

    async def scenario(runner_ready: Callable[[Wire, asyncio.AbstractEventLoop], None]) -> None:
        async with open_world(tmp_path) as store:
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(None, runner_ready, Wire(store, version=version), loop)

    def fuzz(wire: Wire, loop: asyncio.AbstractEventLoop) -> None:
        @settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
        @given(frames(fields))
        def examples(frame: str) -> None:
            asyncio.run_coroutine_threadsafe(ask_all(wire, frame), loop).result(20)

        examples()

    asyncio.run(scenario(fuzz))


MODERN: list[tuple[str, object]] = [
    ("BootNotification", {"chargingStation": {"model": "M", "vendorName": "V"}, "reason": "PowerUp"}),
    ("Heartbeat", {}),
    ("Authorize", {"idToken": {"idToken": "04a2b3c4", "type": "ISO14443"}}),
    ("Authorize", {"idToken": {"idToken": "EXPIRED1", "type": "Local"}}),
    ("Authorize", {"idToken": {"idToken": "DE-8AA", "type": "eMAID"}, "certificate": "-----BEGIN"}),
    ("StatusNotification", {"timestamp": NOON, "connectorStatus": "Occupied", "evseId": 1, "connectorId": 1}),
    *(("TransactionEvent", event) for event in events_v201.SESSION),
    ("MeterValues", {"evseId": 0, "meterValue": [events_v201.meter(0, 5)]}),
    ("DataTransfer", {"vendorId": "example", "data": {"any": 1}}),
    ("NotifyReport", {"requestId": 1, "generatedAt": NOON, "seqNo": 0}),
    ("NotifyEvent", {"generatedAt": NOON, "seqNo": 0, "eventData": [AVAILABILITY]}),
    ("NotifyMonitoringReport", {"requestId": 1, "seqNo": 0, "generatedAt": NOON}),
    ("NotifyChargingLimit", {"chargingLimit": {"chargingLimitSource": "EMS"}}),
    ("ClearedChargingLimit", {"chargingLimitSource": "EMS"}),
    ("NotifyDisplayMessages", {"requestId": 1}),
    ("NotifyCustomerInformation", {"data": "x", "seqNo": 0, "generatedAt": NOON, "requestId": 1}),
    (
        "NotifyEVChargingNeeds",
        {"evseId": 1, "chargingNeeds": {"requestedEnergyTransfer": "AC_three_phase"}},
    ),
    (
        "NotifyEVChargingSchedule",
        {
            "timeBase": NOON,
            "evseId": 1,
            "chargingSchedule": {
                "id": 1,
                "chargingRateUnit": "A",
                "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 8.1}],
            },
        },
    ),
    ("FirmwareStatusNotification", {"status": "Installed", "requestId": 1}),
    ("LogStatusNotification", {"status": "Uploaded", "requestId": 1}),
    ("PublishFirmwareStatusNotification", {"status": "Idle"}),
    ("SecurityEventNotification", {"type": "TamperDetectionActivated", "timestamp": NOON}),
    ("SignCertificate", {"csr": "-----BEGIN"}),
    ("Get15118EVCertificate", {"iso15118SchemaVersion": "2", "action": "Install", "exiRequest": "x"}),
    (
        "GetCertificateStatus",
        {
            "ocspRequestData": {
                "hashAlgorithm": "SHA256",
                "issuerNameHash": "a",
                "issuerKeyHash": "b",
                "serialNumber": "c",
                "responderURL": "https://example.com",
            }
        },
    ),
    ("ReservationStatusUpdate", {"reservationId": 1, "reservationUpdateStatus": "Expired"}),
]
"""A call of every action that a station of 2.0.1 may send, but for ReportChargingProfiles, which is long."""

NEWEST: list[tuple[str, object]] = [
    ("VatNumberValidation", {"vatNumber": "DE123456789", "evseId": 1}),
    ("NotifySettlement", {"pspRef": "1", "status": "Settled", "settlementAmount": 5.83, "settlementTime": NOON}),
    ("NotifyWebPaymentStarted", {"evseId": 1, "timeout": 60}),
    ("NotifyPriorityCharging", {"transactionId": "1", "activated": True}),
    (
        "BatterySwap",
        {
            "eventType": "BatteryIn",
            "requestId": 1,
            "idToken": {"idToken": "A", "type": "Local"},
            "batteryData": [{"evseId": 1, "serialNumber": "1", "soC": 10, "soH": 90}],
        },
    ),
]


@pytest.mark.parametrize(
    ("version", "calls"), [(Version.V201, MODERN), (Version.V21, [*MODERN, *NEWEST])], ids=["2.0.1", "2.1"]
)
def test_answers_of_later_versions_fulfil_their_schemas(
    tmp_path: Path, version: Version, calls: list[tuple[str, object]]
) -> None:
    async def story(wire: Wire) -> None:
        for action, payload in calls:
            kind, _, answer = await wire.ask(json.dumps([2, "a", action, payload]))
            assert kind == 3, (action, answer)
            assert violation(version, action, answer, answer=True) is None, action

    talk(tmp_path, story, version=version)


@pytest.mark.parametrize(
    ("action", "payload", "code"),
    [
        ("StartTransaction", start(), "NotImplemented"),
        ("RequestStartTransaction", {"remoteStartId": 1}, "NotImplemented"),
        ("VatNumberValidation", {"vatNumber": "DE123456789"}, "NotImplemented"),
        ("TransactionEvent", {}, "OccurrenceConstraintViolation"),
        ("TransactionEvent", {**events_v201.started(), "seqNo": "0"}, "TypeConstraintViolation"),
        ("TransactionEvent", {**events_v201.started(), "eventType": "Paused"}, "PropertyConstraintViolation"),
        ("TransactionEvent", {**events_v201.started(), "timestamp": "soon"}, "PropertyConstraintViolation"),
        ("Authorize", {"idToken": {"idToken": "x" * 37, "type": "Local"}}, "PropertyConstraintViolation"),
    ],
)
def test_later_versions_have_rules_of_their_own(tmp_path: Path, action: str, payload: object, code: str) -> None:
    async def story(wire: Wire) -> None:
        assert (await wire.ask(json.dumps([2, "a", action, payload])))[:3] == [4, "a", code]
        assert (await wire.ask('[2,"b","Heartbeat",{}]'))[:2] == [3, "b"]

    talk(tmp_path, story, version=Version.V201)


LONG = "X" * 37
LONG_TOKEN = {"idToken": LONG, "type": "?"}


@pytest.mark.parametrize(
    ("version", "action", "payload"),
    [
        (Version.V16, "StartTransaction", {**start(tag=LONG), "vendorField": 1}),
        (Version.V16, "StopTransaction", {**stop(1), "reason": "BecauseICan", "idTag": LONG}),
        (Version.V16, "MeterValues", {**values(1, (10, 2000)), "extra": []}),
        (Version.V201, "TransactionEvent", {**events_v201.started(), "triggerReason": "Whim", "costDetails": {}}),
        (
            Version.V201,
            "TransactionEvent",
            {**events_v201.started(key=LONG), "idToken": {"idToken": LONG, "type": "?"}},
        ),
        (Version.V201, "TransactionEvent", {**events_v201.started(), "meterValue": []}),
        (Version.V21, "TransactionEvent", {**events_v201.started(), "seqNo": -1, "evse": {"id": -1}}),
    ],
)
def test_energy_is_not_refused_for_a_value_beyond_its_limits_and_that_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, version: Version, action: str, payload: object
) -> None:
    async def story(wire: Wire) -> None:
        assert (await wire.ask(json.dumps([2, "a", action, payload])))[0] == 3
        assert (
            await wire.dialogue._store.read(lambda unit: unit.scalar(text("SELECT count(*) FROM transaction_event")))
            == 1
        )

    talk(tmp_path, story, version=version)
    assert f"{action} taken as it is" in caplog.text


def test_a_command_is_checked_by_the_version_of_the_station_unless_told_not_to(tmp_path: Path) -> None:
    async def story(wire: Wire) -> None:
        calling = asyncio.create_task(wire.dialogue.run_calls())
        with pytest.raises(InvalidCommandError, match=r"OCPP 2\.0\.1 has no RemoteStopTransaction"):
            await wire.commands.send(CP, "RemoteStopTransaction", {"transactionId": 1})
        for action, payload, checked in (
            ("Reset", {"type": "OnIdle"}, True),
            ("RemoteStopTransaction", {"transactionId": 1}, False),
            ("SelfDestruct", {"in": 5}, False),
        ):
            sending = asyncio.create_task(wire.commands.send(CP, action, payload, checked=checked))
            _, number, *sent = json.loads(await wire.sent.get())
            assert sent == [action, payload]
            answer = {"status": "Accepted"} if checked else {"any": "thing"}
            await wire.dialogue.receive(json.dumps([3, number, answer]))
            assert await sending == answer
        calling.cancel()

    talk(tmp_path, story, version=Version.V201)
