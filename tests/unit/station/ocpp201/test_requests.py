"""What the central system may ask in OCPP 2.0.1, with the whole agent."""

import asyncio
import base64
import contextlib
import sqlite3
from pathlib import Path

import pytest

from shared.ids import IdToken
from station.problem_teller import PROBLEMS
from station.status_file import status_path
from tests.link.csms import Csms, Json
from tests.unit.station.ocpp201.station import (
    all_valid,
    asked,
    booted,
    central,
    events,
    get_variable,
    made,
    refusal,
    run,
    set_variable,
    status,
    statuses,
    until,
)
from tests.unit.station.site import CARD, Site, station

COMPONENT = {"name": "EVSE", "evse": {"id": 1}}


def test_variables_are_read_and_written_each_with_its_own_status(tmp_path: Path) -> None:
    async def work() -> None:
        site, csms = Site(), central()
        async with csms.serve():
            settings = made(tmp_path, csms)
            async with station(settings, site):
                await booted(csms)
                asks = [
                    ({"name": "TxCtrlr"}, {"name": "EVConnectionTimeOut"}, "Accepted", "120"),
                    ({"name": "txctrlr"}, {"name": "evconnectiontimeout"}, "Accepted", "120"),
                    ({"name": "Nothing"}, {"name": "X"}, "UnknownComponent", None),
                    ({"name": "TxCtrlr"}, {"name": "X"}, "UnknownVariable", None),
                    ({"name": "SecurityCtrlr"}, {"name": "BasicAuthPassword"}, "Rejected", None),
                    ({"name": "EVSE", "evse": {"id": 1}}, {"name": "AvailabilityState"}, "Accepted", "Available"),
                    ({"name": "EVSE", "evse": {"id": 7}}, {"name": "AvailabilityState"}, "UnknownComponent", None),
                    ({"name": "OCPPCommCtrlr"}, {"name": "MessageTimeout", "instance": "Default"}, "Accepted", "2"),
                    ({"name": "OCPPCommCtrlr"}, {"name": "MessageTimeout"}, "UnknownVariable", None),
                ]
                rows: list[Json] = [{"component": c, "variable": v} for c, v, _, _ in asks]
                got = (await asked(csms, "GetVariables", {"getVariableData": rows}))["getVariableResult"]
                assert [(r["attributeStatus"], r.get("attributeValue")) for r in got] == [a[2:] for a in asks]
                target = [{**rows[0], "attributeType": "Target"}]
                [row] = (await asked(csms, "GetVariables", {"getVariableData": target}))["getVariableResult"]
                assert (row["attributeStatus"], row["attributeType"]) == ("NotSupportedAttributeType", "Target")
                for component, name, value, wanted in (
                    ("TxCtrlr", "EVConnectionTimeOut", "77", "Accepted"),
                    ("TxCtrlr", "EVConnectionTimeOut", "0", "Rejected"),
                    ("TxCtrlr", "TxStartPoint", "PowerPathClosed", "Accepted"),
                    ("TxCtrlr", "TxStartPoint", "ParkingBayOccupancy", "Rejected"),
                    ("TxCtrlr", "TxStopPoint", "EVConnected,Authorized", "Accepted"),
                    ("TxCtrlr", "TxStopPoint", "EVConnected", "Rejected"),
                    ("ClockCtrlr", "TimeSource", "NTP,Heartbeat", "RebootRequired"),
                    ("ClockCtrlr", "TimeSource", "GPS", "Rejected"),
                    ("ClockCtrlr", "DateTime", "2026-10-31T18:40:00Z", "Rejected"),
                    ("OCPPCommCtrlr", "NetworkConfigurationPriority", "1", "Rejected"),
                    ("ChargingStation", "Model", "x", "Rejected"),
                    ("Nothing", "Model", "x", "UnknownComponent"),
                    ("SecurityCtrlr", "BasicAuthPassword", "short", "Rejected"),
                ):
                    assert await set_variable(csms, component, name, value) == wanted, (name, value)
                many = {"getVariableData": [rows[0]] * 51}
                assert await refusal(csms, "GetVariables", many) == "OccurrenceConstraintViolation"
            async with station(settings, site):
                await csms.until(lambda: csms.connections == 2)
                await csms.until(lambda: csms.actions().count("BootNotification") == 2)
                assert await get_variable(csms, {"name": "TxCtrlr"}, "EVConnectionTimeOut") == ("Accepted", "77")
                assert await get_variable(csms, {"name": "ClockCtrlr"}, "TimeSource") == ("Accepted", "NTP,Heartbeat")
                assert csms.of("BootNotification")[1][1]["reason"] == "ApplicationReset"

    run(work)


def reported(csms: Csms, request_id: int) -> list[Json]:
    parts = [p for _, p in csms.of("NotifyReport") if p["requestId"] == request_id]
    assert [p["seqNo"] for p in parts] == list(range(len(parts)))
    assert [p["tbc"] for p in parts] == [True] * (len(parts) - 1) + [False]
    return [row for part in parts for row in part["reportData"]]


def test_reports_come_in_parts_and_tell_what_was_asked_for(tmp_path: Path) -> None:
    async def work() -> None:
        site, csms = Site(), central()
        async with csms.serve(), station(made(tmp_path, csms), site):
            await booted(csms)

            async def report(request_id: int, action: str, **more: object) -> list[Json]:
                assert await status(csms, action, {"requestId": request_id, **more}) == "Accepted"
                await csms.until(lambda: any(p["requestId"] == request_id and not p["tbc"] for p in parts(csms)))
                return reported(csms, request_id)

            def parts(csms: Csms) -> list[Json]:
                return [p for _, p in csms.of("NotifyReport")]

            full = await report(1, "GetBaseReport", reportBase="FullInventory")
            settable = await report(2, "GetBaseReport", reportBase="ConfigurationInventory")
            summary = await report(3, "GetBaseReport", reportBase="SummaryInventory")
            assert len(full) > len(settable) > len(summary) > 5
            assert all(row["variableAttribute"][0]["mutability"] != "ReadOnly" for row in settable)
            names = [(r["component"]["name"], r["variable"]["name"], str(r["variable"].get("instance"))) for r in full]
            assert len(set(names)) == len(names)
            password = next(r for r in full if r["variable"]["name"] == "BasicAuthPassword")
            assert "value" not in password["variableAttribute"][0]
            one = await report(4, "GetReport", componentVariable=[{"component": {"name": "TxCtrlr"}}])
            assert {row["component"]["name"] for row in one} == {"TxCtrlr"}
            two = await report(
                5,
                "GetReport",
                componentVariable=[{"component": {"name": "EVSE"}, "variable": {"name": "AvailabilityState"}}],
                componentCriteria=["Available"],
            )
            assert [(r["component"]["evse"]["id"], r["variableAttribute"][0]["value"]) for r in two] == [
                (1, "Available")
            ]
            nothing = {"requestId": 6, "componentCriteria": ["Problem"]}
            assert await status(csms, "GetReport", nothing) == "EmptyResultSet"
            all_valid(csms)

    run(work)


def test_monitors_tell_what_they_watch_and_outlive_a_restart(tmp_path: Path) -> None:
    async def work() -> None:
        site, csms = Site(), central()
        power = {"component": {"name": "EVSE", "evse": {"id": 1}}, "variable": {"name": "Power"}}
        state = {**power, "variable": {"name": "AvailabilityState"}}
        upper = {**power, "value": 100, "type": "UpperThreshold", "severity": 4}
        async with csms.serve():
            async with station(made(tmp_path, csms), site):
                await booted(csms)
                rows = [
                    upper,
                    upper,
                    {**state, "value": 1, "type": "Delta", "severity": 5},
                    {**state, "value": 1, "type": "UpperThreshold", "severity": 8},
                    {**upper, "component": {"name": "X"}},
                    {**upper, "severity": 10},
                    {**upper, "id": 77},
                ]
                told = await asked(csms, "SetVariableMonitoring", {"setMonitoringData": rows})
                found = [r["status"] for r in told["setMonitoringResult"]]
                assert found[:4] == ["Accepted", "Duplicate", "Accepted", "UnsupportedMonitorType"]
                assert found[4:] == ["UnknownComponent", "Rejected", "Rejected"]
                assert await status(csms, "SetMonitoringLevel", {"severity": 5}) == "Accepted"
                assert await status(csms, "SetMonitoringLevel", {"severity": 11}) == "Rejected"
                await csms.until(lambda: csms.of("NotifyEvent"))
            async with station(made(tmp_path, csms), site):
                await csms.until(lambda: csms.connections == 2 and len(csms.of("NotifyEvent")) == 2)
                (event,) = csms.of("NotifyEvent")[1][1]["eventData"]
                assert (event["trigger"], event["variableMonitoringId"]) == ("Alerting", 1)
                assert (event["component"], event["variable"]) == (power["component"], power["variable"])
                assert event["actualValue"] == "11000"
                site.plug()
                site.tap()
                await csms.until(lambda: len(csms.of("NotifyEvent")) == 3)
                (event,) = csms.of("NotifyEvent")[2][1]["eventData"]
                assert (event["trigger"], event["actualValue"]) == ("Delta", "Occupied")
                numbers = {payload["eventData"][0]["eventId"] for _, payload in csms.of("NotifyEvent")}
                assert len(numbers) == 3
                assert await status(csms, "GetMonitoringReport", {"requestId": 1}) == "Accepted"
                await csms.until(lambda: csms.of("NotifyMonitoringReport"))
                rows = csms.of("NotifyMonitoringReport")[0][1]["monitor"]
                assert [row["variable"]["name"] for row in rows] == ["Power", "AvailabilityState"]
                deltas = {"requestId": 2, "monitoringCriteria": ["PeriodicMonitoring"]}
                assert await status(csms, "GetMonitoringReport", deltas) == "EmptyResultSet"
                told = await asked(csms, "ClearVariableMonitoring", {"id": [1, 3]})
                assert [r["status"] for r in told["clearMonitoringResult"]] == ["Accepted", "NotFound"]
                assert await status(csms, "SetMonitoringBase", {"monitoringBase": "FactoryDefault"}) == "Accepted"
                assert await status(csms, "GetMonitoringReport", {"requestId": 3}) == "EmptyResultSet"
                all_valid(csms)

    run(work)


def test_one_evse_is_reset_and_the_program_goes_on(tmp_path: Path) -> None:
    async def work() -> None:
        site, csms = Site(), central()
        async with csms.serve(), station(made(tmp_path, csms), site):
            await booted(csms)
            site.plug()
            site.tap()
            await csms.until(lambda: events(csms))
            assert await status(csms, "Reset", {"type": "Immediate", "evseId": 9}) == "Rejected"
            assert await status(csms, "Reset", {"type": "Immediate", "evseId": 1}) == "Accepted"
            await csms.until(lambda: events(csms)[-1]["eventType"] == "Ended")
            assert events(csms)[-1]["transactionInfo"]["stoppedReason"] == "ImmediateReset"
            site.unplug()
            await csms.until(lambda: statuses(csms)[-1] == "Available")
            site.plug()
            site.tap()
            await csms.until(lambda: events(csms)[-1]["eventType"] == "Started")
            assert await status(csms, "Reset", {"type": "OnIdle", "evseId": 1}) == "Scheduled"
            assert csms.actions().count("BootNotification") == 1
            all_valid(csms)

    run(work)


@pytest.mark.parametrize(
    ("action", "payload", "code"),
    [
        ("SetDisplayMessage", {"message": {"id": 1, "priority": "AlwaysFront", "message": MESSAGE}}, "NotSupported")
        for MESSAGE in ({"format": "UTF8", "content": "x"},)
    ]
    + [
        ("GetDisplayMessages", {"requestId": 1}, "NotSupported"),
        ("ClearDisplayMessage", {"id": 1}, "NotSupported"),
        ("PublishFirmware", {"location": "x", "checksum": "0" * 32, "requestId": 1}, "NotSupported"),
        ("NoSuchAction", {}, "NotImplemented"),
        ("Reset", {}, "OccurrenceConstraintViolation"),
        ("Reset", {"type": "Soft"}, "PropertyConstraintViolation"),
        ("Reset", {"type": 1}, "TypeConstraintViolation"),
        ("ReserveNow", {"id": 1, "expiryDateTime": "soon", "idToken": {"idToken": "A", "type": "Central"}}, None),
    ],
)
def test_what_is_not_done_or_not_right_gets_its_code(
    tmp_path: Path, action: str, payload: Json, code: str | None
) -> None:
    async def work() -> None:
        site, csms = Site(), central()
        async with csms.serve(), station(made(tmp_path, csms), site):
            await booted(csms)
            assert await refusal(csms, action, payload) == (code or "TypeConstraintViolation")

    run(work)


def test_reset_at_once_ends_the_charge_and_the_next_life_says_why_it_began(tmp_path: Path) -> None:
    async def work() -> None:
        site, csms = Site(), central()
        async with csms.serve():
            settings = made(tmp_path, csms)
            async with station(settings, site) as task:
                await booted(csms)
                site.plug()
                site.tap()
                await csms.until(lambda: len(events(csms)) == 2)
                assert await status(csms, "Reset", {"type": "Immediate", "evseId": 7}) == "Rejected"
                assert await status(csms, "Reset", {"type": "OnIdle"}) == "Scheduled"
                await asyncio.sleep(0.3)
                assert not task.done()
                assert site.is_closed
                assert await status(csms, "Reset", {"type": "Immediate"}) == "Accepted"
                await task
            assert events(csms)[-1]["transactionInfo"]["stoppedReason"] == "ImmediateReset"
            assert events(csms)[-1]["triggerReason"] == "ResetCommand"
            async with station(settings, site):
                await csms.until(lambda: csms.actions().count("BootNotification") == 2)
            assert csms.of("BootNotification")[1][1]["reason"] == "RemoteReset"

    run(work)


def test_reset_on_idle_waits_for_the_end_of_the_charge(tmp_path: Path) -> None:
    async def work() -> None:
        site, csms = Site(), central()
        async with csms.serve(), station(made(tmp_path, csms), site) as task:
            await booted(csms)
            site.plug()
            site.tap()
            await csms.until(lambda: len(events(csms)) == 2)
            assert await status(csms, "Reset", {"type": "OnIdle"}) == "Scheduled"
            site.tap()
            await csms.until(lambda: events(csms)[-1]["eventType"] == "Ended")
            site.unplug()
            site.plug()
            site.tap()
            await task
            assert events(csms)[-1]["transactionInfo"]["stoppedReason"] == "Local"
            assert [event["eventType"] for event in events(csms)].count("Started") == 1

    run(work)


def test_availability_of_connector_evse_and_station_survives(tmp_path: Path) -> None:
    async def work() -> None:
        site, csms = Site(), central()
        async with csms.serve():
            settings = made(tmp_path, csms)
            async with station(settings, site):
                await booted(csms)
                await csms.until(lambda: statuses(csms)[-1] == "Available")
                out = {"operationalStatus": "Inoperative"}
                action = "ChangeAvailability"
                assert await status(csms, action, {**out, "evse": {"id": 1, "connectorId": 2}}) == "Rejected"
                assert await status(csms, action, {**out, "evse": {"id": 4}}) == "Rejected"
                assert await status(csms, action, {**out, "evse": {"id": 1, "connectorId": 1}}) == "Accepted"
                await csms.until(lambda: statuses(csms)[-1] == "Unavailable")
            told = len(statuses(csms))
            async with station(settings, site):
                await csms.until(lambda: "Unavailable" in statuses(csms)[told:])
                assert await status(csms, action, {"operationalStatus": "Operative"}) == "Accepted"
                await csms.until(lambda: statuses(csms)[-1] == "Available")
                site.plug()
                site.tap()
                await csms.until(lambda: len(events(csms)) == 2)
                assert await status(csms, action, out) == "Scheduled"
                site.tap()
                await csms.until(lambda: statuses(csms)[-1] == "Unavailable")

    run(work)


def test_unlock(tmp_path: Path) -> None:
    async def work() -> None:
        site, csms = Site(), central()
        async with csms.serve(), station(made(tmp_path, csms), site):
            await booted(csms)
            unlock = "UnlockConnector"
            assert await status(csms, unlock, {"evseId": 1, "connectorId": 2}) == "UnknownConnector"
            assert await status(csms, unlock, {"evseId": 3, "connectorId": 1}) == "UnknownConnector"
            assert await status(csms, unlock, {"evseId": 1, "connectorId": 1}) == "UnlockFailed"
            site.plug()
            site.tap()
            await csms.until(lambda: len(events(csms)) == 2)
            assert await status(csms, unlock, {"evseId": 1, "connectorId": 1}) == "OngoingAuthorizedTransaction"

    run(work)


def test_triggers(tmp_path: Path) -> None:
    async def work() -> None:
        site, csms = Site(), central()
        async with csms.serve(), station(made(tmp_path, csms), site):
            await booted(csms)
            await csms.until(lambda: statuses(csms)[-1] == "Available")
            for name, outcome in (
                ("BootNotification", "Rejected"),
                ("Heartbeat", "Accepted"),
                ("MeterValues", "Accepted"),
                ("FirmwareStatusNotification", "Accepted"),
                ("LogStatusNotification", "Accepted"),
                ("SignChargingStationCertificate", "Accepted"),
                ("SignV2GCertificate", "NotImplemented"),
                ("StatusNotification", "Rejected"),
                ("TransactionEvent", "Rejected"),
                ("PublishFirmwareStatusNotification", "NotImplemented"),
            ):
                assert await status(csms, "TriggerMessage", {"requestedMessage": name}) == outcome, name
            where = {"requestedMessage": "StatusNotification", "evse": {"id": 1, "connectorId": 1}}
            told = len(statuses(csms))
            assert await status(csms, "TriggerMessage", where) == "Accepted"
            await csms.until(lambda: len(statuses(csms)) > told)
            assert await status(csms, "TriggerMessage", {"requestedMessage": "Heartbeat"}) == "Accepted"
            await csms.until(lambda: csms.actions().count("Heartbeat") > 1)
            assert len(statuses(csms)) == told + 1
            wanted = {"Heartbeat", "MeterValues", "FirmwareStatusNotification", "LogStatusNotification"}
            await csms.until(lambda: wanted <= set(csms.actions()))
            assert csms.of("MeterValues")[0][1]["evseId"] == 1
            all_valid(csms)

    run(work)


CENTRAL = {"idToken": "R1", "type": "Central"}
RESERVE = {"id": 5, "expiryDateTime": "2026-10-31T19:40:00Z", "idToken": CENTRAL, "evseId": 1}


def test_reservations(tmp_path: Path) -> None:
    async def work() -> None:
        site, csms = Site(), central()
        async with csms.serve(), station(made(tmp_path, csms), site):
            await booted(csms)
            await csms.until(lambda: statuses(csms)[-1] == "Available")
            no_evse = {name: value for name, value in RESERVE.items() if name != "evseId"}
            assert await status(csms, "ReserveNow", no_evse) == "Accepted"
            await csms.until(lambda: statuses(csms)[-1] == "Reserved")
            assert await status(csms, "CancelReservation", {"reservationId": 5}) == "Accepted"
            await csms.until(lambda: statuses(csms)[-1] == "Available")
            assert await status(csms, "ReserveNow", {**RESERVE, "connectorType": "cCCS2"}) == "Rejected"
            assert await status(csms, "ReserveNow", {**RESERVE, "connectorType": "cType2"}) == "Accepted"
            await csms.until(lambda: statuses(csms)[-1] == "Reserved")
            assert await status(csms, "CancelReservation", {"reservationId": 6}) == "Rejected"
            assert await status(csms, "CancelReservation", {"reservationId": 5}) == "Accepted"
            await csms.until(lambda: statuses(csms)[-1] == "Available")
            soon = {**RESERVE, "expiryDateTime": "2026-10-31T18:40:04Z"}
            assert await status(csms, "ReserveNow", soon) == "Accepted"
            await csms.until(lambda: csms.of("ReservationStatusUpdate"))
            told = csms.of("ReservationStatusUpdate")[0][1]
            assert told == {"reservationId": 5, "reservationUpdateStatus": "Expired"}
            assert await status(csms, "ReserveNow", RESERVE) == "Accepted"
            site.plug()
            start = {"idToken": CENTRAL, "remoteStartId": 1, "evseId": 1}
            assert await status(csms, "RequestStartTransaction", start) == "Accepted"
            await csms.until(lambda: events(csms))
            assert events(csms)[0]["reservationId"] == 5
            all_valid(csms)

    run(work)


def test_list_cache_and_customer(tmp_path: Path) -> None:
    async def work() -> None:
        site, csms = Site(), central()
        csms.behave = lambda action, _: (
            {"idTokenInfo": {"status": "Accepted", "cacheExpiryDateTime": "2027-01-01T00:00:00Z"}}
            if action == "Authorize"
            else None
        )
        async with csms.serve(), station(made(tmp_path, csms), site):
            await booted(csms)
            assert await asked(csms, "GetLocalListVersion", {}) == {"versionNumber": 0}
            entry = {"idToken": {"idToken": "L1", "type": "ISO14443"}, "idTokenInfo": {"status": "Accepted"}}
            full = {"versionNumber": 3, "updateType": "Full", "localAuthorizationList": [entry]}
            assert await status(csms, "SendLocalList", full) == "Accepted"
            update = {"versionNumber": 3, "updateType": "Differential", "localAuthorizationList": [entry]}
            assert await status(csms, "SendLocalList", update) == "VersionMismatch"
            assert await asked(csms, "GetLocalListVersion", {}) == {"versionNumber": 3}
            assert await get_variable(csms, {"name": "LocalAuthListCtrlr"}, "Entries") == ("Accepted", "1")
            site.tap(IdToken("C1"))
            await csms.until(lambda: csms.of("Authorize"))
            await asyncio.sleep(0.2)
            ask = {"requestId": 1, "report": True, "clear": True, "idToken": {"idToken": "C1", "type": "Central"}}
            assert await status(csms, "CustomerInformation", {**ask, "report": False, "clear": False}) == "Invalid"
            assert await status(csms, "CustomerInformation", ask) == "Accepted"
            await csms.until(lambda: csms.of("NotifyCustomerInformation"))
            assert "authorization cache: Accepted" in csms.of("NotifyCustomerInformation")[0][1]["data"]
            assert await status(csms, "CustomerInformation", {**ask, "requestId": 2}) == "Accepted"
            await csms.until(lambda: len(csms.of("NotifyCustomerInformation")) == 2)
            assert "cache" not in csms.of("NotifyCustomerInformation")[1][1]["data"]
            assert await status(csms, "ClearCache", {}) == "Accepted"
            assert await set_variable(csms, "AuthCacheCtrlr", "Enabled", "false") == "Accepted"
            assert await status(csms, "ClearCache", {}) == "Rejected"
            assert await status(csms, "DataTransfer", {"vendorId": "x"}) == "UnknownVendorId"
            all_valid(csms)

    run(work)


def test_faults_come_as_events(tmp_path: Path) -> None:
    async def work() -> None:
        site, csms = Site(), central()
        async with csms.serve(), station(made(tmp_path, csms), site):
            await booted(csms)
            await csms.until(lambda: statuses(csms)[-1] == "Available")
            site.board_is_dead = True
            await csms.until(lambda: csms.of("NotifyEvent"))
            site.board_is_dead = False
            await csms.until(lambda: len(csms.of("NotifyEvent")) == 2)
            [begin], [end] = (payload["eventData"] for _, payload in csms.of("NotifyEvent"))
            assert (begin["actualValue"], begin["variable"], begin["techCode"]) == (
                "true",
                {"name": "Problem"},
                "OtherError",
            )
            assert (end["actualValue"], end["cleared"], end["eventId"]) == ("false", True, begin["eventId"] + 1)
            assert "Faulted" in statuses(csms)
            site.meter_is_dead = True
            await csms.until(lambda: len(csms.of("NotifyEvent")) == 3)
            [meter] = csms.of("NotifyEvent")[2][1]["eventData"]
            assert (meter["component"]["name"], meter["actualValue"]) == ("FiscalMetering", "true")
            all_valid(csms)


def told_problems(csms: Csms) -> list[tuple[int, str, str]]:
    rows = [row for _, payload in csms.of("NotifyEvent") for row in payload["eventData"]]
    return [(row["eventId"], row["component"]["name"], row["actualValue"]) for row in rows]


def test_faults_that_came_or_went_while_nobody_listened_are_told_later(tmp_path: Path) -> None:
    async def work() -> None:
        site, csms = Site(), central()
        async with csms.serve():
            settings = made(tmp_path, csms)
            async with station(settings, site):
                await booted(csms)
                await csms.until(lambda: statuses(csms)[-1] == "Available")
        async with station(settings, site):
            state = status_path(settings.journal.path, settings.journal.status_path)
            site.meter_is_dead = True
            await until(lambda: "the meter does not answer" in state.read_text())
            async with csms.serve():
                await csms.until(lambda: csms.of("NotifyEvent"))
                assert told_problems(csms) == [(1, "FiscalMetering", "true")]
                await until(lambda: kept(settings.journal.path, PROBLEMS))
        site.meter_is_dead = False
        async with csms.serve(), station(settings, site):
            await csms.until(lambda: len(csms.of("NotifyEvent")) == 2)
            assert told_problems(csms)[1] == (2, "FiscalMetering", "false")
            all_valid(csms)

    run(work)


def kept(journal: Path, name: str) -> str:
    with contextlib.closing(sqlite3.connect(journal)) as database:
        found = database.execute("SELECT text FROM value WHERE name = ?", (name,)).fetchone()
    return str(found[0]) if found else ""


def test_a_card_alone_occupies_no_connector(tmp_path: Path) -> None:
    async def work() -> None:
        site, csms = Site(), central()
        async with csms.serve(), station(made(tmp_path, csms), site):
            await booted(csms)
            site.tap()
            await csms.until(lambda: csms.of("Authorize"))
            await asyncio.sleep(0.4)
            assert statuses(csms)[-1] == "Available"
            site.plug()
            await csms.until(lambda: statuses(csms)[-1] == "Occupied")

    run(work)

    run(work)


PROFILE = {
    "ocppVersion": "OCPP20",
    "ocppTransport": "JSON",
    "messageTimeout": 30,
    "securityProfile": 0,
    "ocppInterface": "Wireless0",
}


def test_a_second_way_to_the_central_system_is_used_when_the_first_fails(tmp_path: Path) -> None:
    async def work() -> None:
        site, first, second = Site(), central(), central()
        async with first.serve(), second.serve():
            settings = made(tmp_path, first, NetworkProfileConnectionAttempts=1)
            async with station(settings, site):
                await booted(first)
                url = {"ocppCsmsUrl": f"ws://127.0.0.1:{second.port}/ocpp"}
                for wrong in ({"ocppTransport": "SOAP"}, {"securityProfile": 2}, {"ocppCsmsUrl": "http://x"}):
                    bad = {"configurationSlot": 1, "connectionData": {**PROFILE, **url, **wrong}}
                    assert await status(first, "SetNetworkProfile", bad) == "Rejected"
                good = {"configurationSlot": 1, "connectionData": {**PROFILE, **url}}
                assert await status(first, "SetNetworkProfile", good) == "Accepted"
                order = ("OCPPCommCtrlr", "NetworkConfigurationPriority")
                assert await set_variable(first, *order, "1,0") == "RebootRequired"
            async with station(settings, site):
                await booted(second)
                assert await get_variable(second, {"name": "OCPPCommCtrlr"}, "ActiveNetworkProfile") == (
                    "Accepted",
                    "1",
                )
        second_port, connections = second.port, first.connections
        async with first.serve():
            assert second_port
            async with station(settings, site):
                await until(lambda: first.connections > connections)

    run(work)


def test_a_refused_card_is_refused_and_the_cache_has_a_life(tmp_path: Path) -> None:
    async def work() -> None:
        site, csms = Site(), central()
        async with csms.serve(), station(made(tmp_path, csms, AuthCacheLifeTime=1), site):
            await booted(csms)
            csms.behave = lambda action, _: {"idTokenInfo": {"status": "Blocked"}} if action == "Authorize" else None
            site.plug()
            await asyncio.sleep(0.2)
            site.tap(CARD)
            await csms.until(lambda: csms.of("Authorize"))
            await asyncio.sleep(0.3)
            assert not site.offered
            assert not events(csms)

    run(work)


PERIODS = [{"startPeriod": 0, "limit": 10.5}, {"startPeriod": 600, "limit": 6}]
SCHEDULE = {"id": 9, "chargingRateUnit": "A", "duration": 3600, "chargingSchedulePeriod": PERIODS}
LIMIT = {
    "id": 4,
    "stackLevel": 1,
    "chargingProfilePurpose": "TxDefaultProfile",
    "chargingProfileKind": "Relative",
    "chargingSchedule": [SCHEDULE],
}


def test_charging_profiles(tmp_path: Path) -> None:
    async def work() -> None:
        site, csms = Site(), central()
        async with csms.serve(), station(made(tmp_path, csms), site):
            await booted(csms)
            action = "SetChargingProfile"
            assert await status(csms, action, {"evseId": 1, "chargingProfile": LIMIT}) == "Accepted"
            assert await status(csms, action, {"evseId": 8, "chargingProfile": LIMIT}) == "Rejected"
            many = {**LIMIT, "id": 5, "chargingSchedule": [SCHEDULE, SCHEDULE]}
            assert await status(csms, action, {"evseId": 1, "chargingProfile": many}) == "Rejected"
            get = {"requestId": 3, "chargingProfile": {"chargingProfileId": [4]}}
            assert await status(csms, "GetChargingProfiles", get) == "Accepted"
            await csms.until(lambda: csms.of("ReportChargingProfiles"))
            told = csms.of("ReportChargingProfiles")[0][1]
            assert told["chargingProfile"] == [LIMIT]
            assert (told["evseId"], told["tbc"], told["chargingLimitSource"]) == (1, False, "CSO")
            composite = await asked(csms, "GetCompositeSchedule", {"duration": 1200, "evseId": 1})
            assert composite["status"] == "Accepted"
            assert composite["schedule"]["chargingSchedulePeriod"][0]["limit"] == 10.5
            assert await status(csms, "GetCompositeSchedule", {"duration": 1200, "evseId": 7}) == "Rejected"
            entries = ("SmartChargingCtrlr", "Entries", "ChargingProfiles")
            assert await get_variable(csms, {"name": entries[0]}, *entries[1:]) == ("Accepted", "1")
            clear = {"chargingProfileCriteria": {"evseId": 1, "chargingProfilePurpose": "TxDefaultProfile"}}
            assert await status(csms, "ClearChargingProfile", clear) == "Accepted"
            assert await status(csms, "ClearChargingProfile", clear) == "Unknown"
            assert await status(csms, "GetChargingProfiles", get) == "NoProfiles"
            site.plug()
            await csms.until(lambda: statuses(csms)[-1] == "Occupied")
            own = {**LIMIT, "chargingProfilePurpose": "TxProfile"}
            start: Json = {"idToken": CENTRAL, "remoteStartId": 1, "evseId": 1, "chargingProfile": own}
            default = {**start, "chargingProfile": LIMIT}
            assert await status(csms, "RequestStartTransaction", default) == "Rejected"
            assert await status(csms, "RequestStartTransaction", start) == "Accepted"
            await csms.until(lambda: events(csms))
            all_valid(csms)

    run(work)


def test_a_new_password_is_tried_at_once_and_the_cost_is_shown(tmp_path: Path) -> None:
    async def work() -> None:
        site, csms = Site(), central()
        csms.behave = lambda action, _: {"totalCost": 1.25} if action == "TransactionEvent" else None
        async with csms.serve():
            settings = made(tmp_path, csms, password="the first password", SecurityProfile=1)
            async with station(settings, site):
                await booted(csms)
                assert await set_variable(csms, "SecurityCtrlr", "BasicAuthPassword", "The-second:password=1") == (
                    "Accepted"
                )
                await csms.until(lambda: csms.connections == 2, 20)
                told = [base64.b64decode(header["Authorization"].split()[1]).decode() for header in csms.headers]
                assert told == ["CP1:the first password", "CP1:The-second:password=1"]
                site.plug()
                site.tap()
                path = status_path(settings.journal.path, settings.journal.status_path)
                await until(lambda: path.exists() and '"1.25 EUR"' in path.read_text())

    run(work)
