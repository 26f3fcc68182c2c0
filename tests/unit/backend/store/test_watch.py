"""What stations tell is kept: statuses by connector, faults with begin and end, links, and the alerts made of them."""

import asyncio
import json
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import select

from backend.core.watch.alert import AlertKind, Plan, Rule
from backend.core.watch.availability import Mode, Span
from backend.csms.connections import Connection, Connections
from backend.csms.handlers import make_handlers
from backend.csms.handling import Sender
from backend.jobs.watch_alerts import watch
from backend.jobs.watch_links import LinkWatcher
from backend.store.alerts import acknowledge, list_alerts, waiting, write_plan
from backend.store.letter_tables import letter
from backend.store.watch_view import availabilities, fault_history, stations
from backend.store.writer import Store
from shared.clock import ManualClock
from shared.ids import ChargePointId, MessageId
from shared.ocpp.session import Payload
from shared.ocpp.v16 import timestamp
from shared.ocpp.validation import Version
from tests.unit.backend.world import NOW, open_world

CP = ChargePointId("CP-1")
BERLIN = ZoneInfo("Europe/Berlin")


def m(minutes: float) -> timedelta:
    return timedelta(minutes=minutes)


async def tell(store: Store, version: Version, action: str, payload: Payload, at: timedelta) -> Payload:
    handler = make_handlers(300, lambda _: None)[version][action]
    sender = Sender(CP, MessageId("1"), version)
    return await store.write(lambda unit: handler(payload, sender, unit, NOW + at))


async def status_16(store: Store, at: timedelta, status: str, code: str = "NoError", **more: str) -> None:
    payload = {"connectorId": 1, "status": status, "errorCode": code, "timestamp": timestamp(NOW + at), **more}
    await tell(store, Version.V16, "StatusNotification", payload, at)


def test_a_fault_of_1_6_begins_and_ends_and_one_told_late_disturbs_nothing(tmp_path: Path) -> None:
    async def test() -> None:
        async with open_world(tmp_path) as store:
            await status_16(store, m(0), "Available")
            for at in (1, 2):
                await status_16(store, m(at), "Faulted", "GroundFailure", vendorErrorCode="E7", info="RCD")
            await status_16(store, m(5), "Available")
            late = {"connectorId": 1, "status": "Faulted", "errorCode": "HighTemperature"}
            late |= {"timestamp": timestamp(NOW + m(3))}
            await tell(store, Version.V16, "StatusNotification", late, m(9))
            faults = await store.read(lambda unit: fault_history(unit, CP, 10))
            assert [(one.code, one.vendor_code, one.began_at - NOW, one.ended_at) for one in faults] == [
                ("HighTemperature", "", m(3), NOW + m(5)),
                ("GroundFailure", "E7", m(1), NOW + m(5)),
            ]
            (row,) = [row for row in await store.read(stations) if row.id == CP]
            assert [(one.evse_id, one.connector_id, one.status) for one in row.connectors] == [(1, 1, "Available")]
            assert row.faults == ()

    asyncio.run(test())


def test_2_x_connectors_are_kept_apart_and_events_are_faults(tmp_path: Path) -> None:
    async def test() -> None:
        async with open_world(tmp_path) as store:
            for plug, word in ((1, "Available"), (2, "Faulted")):
                payload = {"timestamp": timestamp(NOW), "connectorStatus": word, "evseId": 1, "connectorId": plug}
                await tell(store, Version.V201, "StatusNotification", payload, m(0))
            for minute, value in ((1, "true"), (4, "false")):
                event = {"eventId": 1, "timestamp": timestamp(NOW + m(minute)), "trigger": "Alerting"}
                event |= {"actualValue": value, "techCode": "WaterIngress", "eventNotificationType": "HardWiredMonitor"}
                event |= {"component": {"name": "FloodSensor", "evse": {"id": 2}}, "variable": {"name": "Active"}}
                told = {"generatedAt": timestamp(NOW), "seqNo": 0, "eventData": [event]}
                await tell(store, Version.V201, "NotifyEvent", told, m(minute))
            (row,) = [row for row in await store.read(stations) if row.id == CP]
            assert [(one.connector_id, one.status) for one in row.connectors] == [(1, "Available"), (2, "Faulted")]
            assert [one.code for one in row.faults] == ["Faulted"]
            flood = (await store.read(lambda unit: fault_history(unit, CP, 10)))[0]
            assert (flood.code, flood.ended_at) == ("FloodSensor.Active", NOW + m(4))
            assert "Wasser" in flood.cause("de")

    asyncio.run(test())


def test_the_station_s_own_backlog_is_understood_and_what_others_send_refused(tmp_path: Path) -> None:
    async def test() -> None:
        async with open_world(tmp_path) as store:

            async def transfer(vendor: str, name: str, data: dict[str, object]) -> object:
                payload = {"vendorId": vendor, "messageId": name, "data": json.dumps(data)}
                return (await tell(store, Version.V16, "DataTransfer", payload, m(0)))["status"]

            backlog: dict[str, object] = {"pending": 7, "oldestSeconds": 600, "clearsSeconds": 3, "parked": 2}
            backlog |= {"parkedSessions": 1, "uncertainTimes": 0, "alarm": ""}
            assert await transfer("emops", "Backlog", backlog) == "Accepted"
            assert await transfer("emops", "Modem", {"signalDbm": -97, "network": "26201"}) == "Accepted"
            assert await transfer("emops", "Other", {}) == "UnknownMessageId"
            assert await transfer("example.com", "Backlog", backlog) == "UnknownVendorId"
            (row,) = [row for row in await store.read(stations) if row.id == CP]
            assert (row.link.pending, row.link.oldest_s, row.link.parked) == (7, 600, 2)
            assert (row.link.signal_dbm, row.link.network) == (-97, "26201")

    asyncio.run(test())


def test_links_are_kept_and_a_killed_program_leaves_no_one_connected(tmp_path: Path) -> None:
    async def test() -> None:
        async with open_world(tmp_path) as store:
            connections = Connections()
            clock = ManualClock(NOW)
            await LinkWatcher(store, clock, connections).run()  # a run that is killed later
            clock.advance(60)
            station = Connection(CP, clock.utc(), "", Version.V16, lambda: None, clock.utc())
            connections.add(station)
            watcher = LinkWatcher(store, clock, connections)
            await watcher.run()
            await status_16(store, m(1), "Available")
            clock.advance(1800)
            connections.remove(station)
            await watcher.run()
            clock.advance(1800)
            await watcher.run()
            span = Span(NOW + m(1), NOW + m(61))
            shares = await store.read(lambda unit: availabilities(unit, CP, span))
            assert shares[1].times == {Mode.USABLE: m(30), Mode.OFFLINE: m(30)}

            connections.add(Connection(CP, clock.utc(), "", Version.V16, lambda: None, clock.utc()))
            await watcher.run()
            await LinkWatcher(store, clock, Connections()).run()  # after SIGKILL nobody is there any more
            plan = Plan(rules=(Rule(AlertKind.OFFLINE, 15),))
            await store.write(lambda unit: write_plan(unit, "muster", plan, ""))
            assert await store.write(lambda unit: watch(unit, "muster", BERLIN, clock.utc() + m(14))) == (0, 0)
            assert (await store.write(lambda unit: watch(unit, "muster", BERLIN, clock.utc() + m(15))))[0] == 1

    asyncio.run(test())


def test_an_alert_is_told_once_on_every_way_and_so_is_its_end(tmp_path: Path) -> None:
    async def test() -> None:
        async with open_world(tmp_path) as store:
            await LinkWatcher(store, ManualClock(NOW), Connections()).run()
            await status_16(store, m(0), "Faulted", "GroundFailure")
            rules = (Rule(AlertKind.FAULT, 2),)
            plan = Plan(rules, emails=("a@example.com",), webhook="https://example.com/x", mqtt=True, calm_min=5)
            quiet = Plan(rules, emails=plan.emails, quiet_from="19:00", quiet_to="20:00")  # 19:40 in Berlin
            await store.write(lambda unit: write_plan(unit, "muster", quiet, ""))

            async def look(minute: float) -> tuple[int, int]:
                return await store.write(lambda unit: watch(unit, "muster", BERLIN, NOW + m(minute)))

            assert await look(1) == (0, 0)
            assert await look(2) == (1, 0), "quiet hours"
            await store.write(lambda unit: write_plan(unit, "muster", plan, ""))
            assert [await look(minute) for minute in (21, 22)] == [(0, 1), (0, 0)]
            await status_16(store, m(23), "Available")
            assert [await look(minute) for minute in (24, 28, 29)] == [(0, 0), (0, 1), (0, 0)]
            subjects = await store.read(
                lambda unit: [json.loads(row.body)["title"] for row in unit.execute(select(letter.c.body))]
            )
            assert [title.split(": ", 1)[1] for title in subjects] == ["Störung", "behoben: Störung"]
            notices = await store.read(lambda unit: waiting(unit, NOW + m(60), 10))
            assert sorted((one.channel, one.name) for one in notices) == [
                ("mqtt", "1-raised"),
                ("mqtt", "1-recovered"),
                ("webhook", "1-raised"),
                ("webhook", "1-recovered"),
            ]
            assert notices[0].target in ("https://example.com/x", "muster/alerts/CP-1/fault")

    asyncio.run(test())


def test_what_somebody_took_note_of_before_it_was_told_is_not_told(tmp_path: Path) -> None:
    async def test() -> None:
        async with open_world(tmp_path) as store:
            await LinkWatcher(store, ManualClock(NOW), Connections()).run()
            await status_16(store, m(0), "Faulted")
            quiet = Plan((Rule(AlertKind.FAULT, 0),), ("a@example.com",), quiet_from="19:00", quiet_to="20:00")
            await store.write(lambda unit: write_plan(unit, "muster", quiet, ""))
            await store.write(lambda unit: watch(unit, "muster", BERLIN, NOW))
            assert await store.write(lambda unit: acknowledge(unit, 1, "Erika", NOW))
            assert not await store.write(lambda unit: acknowledge(unit, 1, "Otto", NOW))
            assert await store.write(lambda unit: watch(unit, "muster", BERLIN, NOW + m(30))) == (0, 0)
            (one,) = await store.read(lambda unit: list_alerts(unit, 5, is_open=True))
            assert one.acknowledged_by == "Erika"

    asyncio.run(test())
