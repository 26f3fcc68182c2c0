"""Transactions as OCPP 2.0.1 tells them, with the whole agent."""

import asyncio
from pathlib import Path

from shared.ids import IdToken
from station.ledger_view import parked, release
from tests.link.csms import CallError, Csms, Json
from tests.unit.station.ocpp201.station import (
    all_valid,
    asked,
    booted,
    central,
    events,
    made,
    run,
    set_variable,
    status,
    statuses,
    until,
)
from tests.unit.station.site import CARD, Site, station


def gist(csms: Csms) -> list[tuple[str, str, str]]:
    return [(e["eventType"], e["triggerReason"], e["transactionInfo"].get("chargingState", "")) for e in events(csms)]


def register(event: Json) -> int:
    return int(event["meterValue"][-1]["sampledValue"][0]["value"])


def test_a_charge_tells_its_states_its_triggers_and_its_energy(tmp_path: Path) -> None:
    async def work() -> None:
        site, csms = Site(), central()
        async with csms.serve(), station(made(tmp_path, csms), site):
            await booted(csms)
            site.plug()
            site.tap()
            await csms.until(lambda: ("Updated", "ChargingStateChanged", "Charging") in gist(csms))
            site.tap()
            await csms.until(lambda: any(e["eventType"] == "Ended" for e in events(csms)))
        assert gist(csms) == [
            ("Started", "Authorized", "EVConnected"),
            ("Updated", "ChargingStateChanged", "Charging"),
            ("Ended", "StopAuthorized", "EVConnected"),
        ]
        told = events(csms)
        assert [e["seqNo"] for e in told] == [0, 1, 2]
        assert len({e["transactionInfo"]["transactionId"] for e in told}) == 1
        assert told[0]["evse"] == {"id": 1, "connectorId": 1}
        assert told[0]["idToken"] == {"idToken": CARD.value, "type": "Central"}
        assert told[2]["transactionInfo"]["stoppedReason"] == "Local"
        assert told[2]["idToken"]["idToken"] == CARD.value
        assert register(told[2]) - register(told[0]) == site.register - 1000
        assert not any("offline" in e for e in told)
        all_valid(csms)

    run(work)


def test_the_card_first_then_the_plug_and_unplugged_at_the_vehicle(tmp_path: Path) -> None:
    async def work() -> None:
        site, csms = Site(), central()
        async with csms.serve(), station(made(tmp_path, csms), site):
            await booted(csms)
            site.tap()
            await csms.until(lambda: csms.of("Authorize"))
            await asyncio.sleep(0.2)
            site.plug()
            await csms.until(lambda: len(events(csms)) == 2)
            site.unplug()
            await csms.until(lambda: len(events(csms)) == 3)
        assert gist(csms)[0] == ("Started", "CablePluggedIn", "EVConnected")
        assert gist(csms)[2] == ("Ended", "EVCommunicationLost", "Idle")
        assert events(csms)[2]["transactionInfo"]["stoppedReason"] == "EVDisconnected"

    run(work)


def test_a_remote_start_is_named_and_its_token_keeps_its_type(tmp_path: Path) -> None:
    async def work() -> None:
        site, csms = Site(), central()
        async with csms.serve(), station(made(tmp_path, csms), site):
            await booted(csms)
            site.plug()
            await csms.until(lambda: statuses(csms)[-1] == "Occupied")
            token = {"idToken": "TAG0001", "type": "ISO14443"}
            request = {"idToken": token, "remoteStartId": 77, "evseId": 1}
            assert await status(csms, "RequestStartTransaction", request) == "Accepted"
            await csms.until(lambda: len(events(csms)) == 2)
            started = events(csms)[0]
            assert (started["triggerReason"], started["transactionInfo"]["remoteStartId"]) == ("RemoteStart", 77)
            assert started["idToken"] == token
            assert await status(csms, "RequestStopTransaction", {"transactionId": "nobody's"}) == "Rejected"
            stop = {"transactionId": started["transactionInfo"]["transactionId"]}
            assert await status(csms, "RequestStopTransaction", stop) == "Accepted"
            await csms.until(lambda: len(events(csms)) == 3)
            assert gist(csms)[2][1] == "RemoteStop"
            assert events(csms)[2]["transactionInfo"]["stoppedReason"] == "Remote"
            assert await status(csms, "RequestStartTransaction", {**request, "evseId": 9}) == "Rejected"
            nobody = {"idToken": {"idToken": "", "type": "NoAuthorization"}, "remoteStartId": 78}
            assert await status(csms, "RequestStartTransaction", nobody) == "Rejected"

    run(work)


def test_offline_events_say_so_and_queue_over_a_restart(tmp_path: Path) -> None:
    async def work() -> None:
        site, csms = Site(), central()
        async with csms.serve():
            settings = made(tmp_path, csms)
            port = csms.port
        async with station(settings, site):
            site.plug()
            await asyncio.sleep(0.3)
            site.tap()
            await until(lambda: site.is_closed)
            await asyncio.sleep(0.3)
        site.offered = 0
        csms.port = port
        async with station(settings, site, kernel_boot_id="boot-b"):
            await until(lambda: site.is_closed)
            async with csms.serve():
                await csms.until(lambda: len(events(csms)) >= 3)
                key = {"transactionId": events(csms)[0]["transactionInfo"]["transactionId"]}
                running = await asked(csms, "GetTransactionStatus", key)
                assert running["ongoingIndicator"] is True
                site.tap()
                await csms.until(lambda: gist(csms)[-1][0] == "Ended")
                await asyncio.sleep(0.2)
                assert await asked(csms, "GetTransactionStatus", key) == {
                    "ongoingIndicator": False,
                    "messagesInQueue": False,
                }
                assert await asked(csms, "GetTransactionStatus", {}) == {"messagesInQueue": False}
                assert (await asked(csms, "GetTransactionStatus", {"transactionId": "x"})) == {
                    "ongoingIndicator": False,
                    "messagesInQueue": False,
                }
        told = events(csms)
        assert [e["seqNo"] for e in told] == list(range(len(told)))
        assert [told[0].get("offline"), told[-1].get("offline")] == [True, None]
        assert register(told[-1]) - register(told[0]) == site.register - 1000
        boots = [payload["reason"] for _, payload in csms.of("BootNotification")]
        assert boots == ["PowerUp"]
        all_valid(csms)

    run(work)


def test_what_waits_when_the_link_drops_is_offline_too(tmp_path: Path) -> None:
    """E11.FR.07."""

    async def work() -> None:
        site, csms = Site(), central()

        def drop(action: str, _payload: Json) -> Json | None:
            if action == "TransactionEvent" and csms.socket:
                csms.socket.transport.abort()
            return None

        async with csms.serve(), station(made(tmp_path, csms), site):
            await booted(csms)
            csms.behave = drop
            site.plug()
            site.tap()
            await csms.until(lambda: events(csms))
            csms.behave = lambda action, payload: None
            await csms.until(lambda: len(events(csms)) >= 3)
        first, again = events(csms)[:2]
        assert [first.get("offline"), again.get("offline")] == [None, True]
        assert csms.of("TransactionEvent")[0][0] == csms.of("TransactionEvent")[1][0]

    run(work)


def test_a_card_refused_in_any_answer_ends_the_charge(tmp_path: Path) -> None:
    async def work() -> None:
        site, csms = Site(), central()

        def seen() -> set[str]:
            return {event["transactionInfo"]["transactionId"] for event in events(csms)}

        def refuse(action: str, payload: Json) -> Json | None:
            if action == "TransactionEvent" and payload["eventType"] == "Updated":
                return {"idTokenInfo": {"status": "Blocked"}}
            return None

        csms.behave = refuse
        async with csms.serve(), station(made(tmp_path, csms), site):
            await booted(csms)
            site.plug()
            site.tap()
            await csms.until(lambda: gist(csms) and gist(csms)[-1][0] == "Ended")
        assert gist(csms)[-1][1] == "Deauthorized"
        assert events(csms)[-1]["transactionInfo"]["stoppedReason"] == "DeAuthorized"

    run(work)


def test_or_takes_the_energy_only(tmp_path: Path) -> None:
    async def work() -> None:
        site, csms = Site(), central()
        csms.behave = lambda action, payload: (
            {"idTokenInfo": {"status": "Invalid"}}
            if action == "TransactionEvent" and payload["eventType"] == "Started"
            else None
        )
        async with csms.serve(), station(made(tmp_path, csms, StopTransactionOnInvalidId=False), site):
            await booted(csms)
            site.plug()
            site.tap()
            await csms.until(lambda: ("Updated", "Deauthorized", "SuspendedEVSE") in gist(csms))
            assert not site.is_closed
            assert all(kind != "Ended" for kind, _, _ in gist(csms))

    run(work)


def test_a_refused_event_parks_its_transaction_and_others_pass(tmp_path: Path) -> None:
    async def work() -> None:
        site, csms = Site(), central()

        def seen() -> set[str]:
            return {event["transactionInfo"]["transactionId"] for event in events(csms)}

        def refuse(action: str, payload: Json) -> Json | None:
            if action == "TransactionEvent" and payload["seqNo"] == 1 and len(seen()) == 1:
                raise CallError
            return None

        csms.behave = refuse
        keys: Json = {"TransactionMessageAttempts": 2, "TransactionMessageRetryInterval": 0}
        async with csms.serve(), station(made(tmp_path, csms, **keys), site):
            await booted(csms)
            site.plug()
            site.tap()
            await csms.until(lambda: [e["seqNo"] for e in events(csms)] == [0, 1, 1])
            key = events(csms)[0]["transactionInfo"]["transactionId"]
            await csms.until(
                lambda: any(p["type"] == "TransactionParked" for _, p in csms.of("SecurityEventNotification"))
            )
            site.tap()
            site.unplug()
            await asyncio.sleep(0.3)
            site.plug()
            site.tap()
            await csms.until(lambda: len(seen()) == 2)
            site.tap()
            await csms.until(lambda: gist(csms)[-1][0] == "Ended")
            assert [e["seqNo"] for e in events(csms) if e["transactionInfo"]["transactionId"] == key] == [0, 1, 1]
            csms.behave = lambda action, payload: None
            [(_, _, why)] = parked(tmp_path / "journal.sqlite")
            assert why.startswith("refused 2 times")
            release(tmp_path / "journal.sqlite", key)
            await csms.until(
                lambda: events(csms)[-1]["transactionInfo"]["transactionId"] == key and gist(csms)[-1][0] == "Ended"
            )
            numbers = [e["seqNo"] for e in events(csms) if e["transactionInfo"]["transactionId"] == key][3:]
            assert numbers == list(range(1, numbers[-1] + 1)), "the rest, in order"

    run(work)


def test_samples_and_a_trigger_and_the_cost(tmp_path: Path) -> None:
    async def work() -> None:
        site, csms = Site(), central()
        csms.behave = lambda action, payload: (
            {"totalCost": 1.25, "updatedPersonalMessage": {"format": "UTF8", "content": "Gute Fahrt"}}
            if action == "TransactionEvent"
            else None
        )
        keys = {"StopTxnSampledData": "Energy.Active.Import.Register,Power.Active.Import"}
        async with csms.serve(), station(made(tmp_path, csms, **keys), site):
            await booted(csms)
            assert await set_variable(csms, "SampledDataCtrlr", "TxUpdatedInterval", "1") == "Accepted"
            assert await set_variable(csms, "SampledDataCtrlr", "TxEndedInterval", "1") == "Accepted"
            site.plug()
            site.tap()
            await csms.until(lambda: ("Updated", "MeterValuePeriodic", "Charging") in gist(csms))
            trigger = {"requestedMessage": "TransactionEvent", "evse": {"id": 1}}
            assert await status(csms, "TriggerMessage", trigger) == "Accepted"
            await csms.until(lambda: ("Updated", "Trigger", "Charging") in gist(csms))
            site.tap()
            await csms.until(lambda: gist(csms)[-1][0] == "Ended")
            contexts = [v["sampledValue"][0].get("context") for v in events(csms)[-1]["meterValue"]]
            assert contexts[:: len(contexts) - 1] == ["Transaction.Begin", "Transaction.End"]
            assert len(contexts) > 2
            ended = {"transactionId": events(csms)[-1]["transactionInfo"]["transactionId"], "totalCost": 2.5}
            assert await asked(csms, "CostUpdated", ended) == {}
            assert await status(csms, "TriggerMessage", trigger) == "Rejected"
        all_valid(csms)

    run(work)


def test_before_acceptance_nobody_charges_where_the_variable_says_so(tmp_path: Path) -> None:
    async def work() -> None:
        site, csms = Site(), central()
        pending = {"status": "Pending", "currentTime": "2026-10-31T18:40:00Z", "interval": 60}
        csms.behave = lambda action, _: pending if action == "BootNotification" else None
        async with csms.serve(), station(made(tmp_path, csms, TxBeforeAcceptedEnabled=False), site):
            await csms.until(lambda: csms.calls)
            site.plug()
            await asyncio.sleep(0.2)
            site.tap()
            await asyncio.sleep(0.4)
            assert not site.offered
            request = {"idToken": {"idToken": "A", "type": "Central"}, "remoteStartId": 1}
            assert await status(csms, "RequestStartTransaction", request) == "Rejected"
            report = {"requestId": 3, "reportBase": "SummaryInventory"}
            assert await status(csms, "GetBaseReport", report) == "Accepted"
            await csms.until(lambda: csms.of("NotifyReport"))
            csms.behave = lambda action, payload: None
            assert await status(csms, "TriggerMessage", {"requestedMessage": "BootNotification"}) == "Accepted"
            await csms.until(lambda: csms.actions().count("BootNotification") == 2)
            assert [p["reason"] for _, p in csms.of("BootNotification")] == ["PowerUp", "Triggered"]
            await booted(csms)
            site.tap()
            await csms.until(lambda: events(csms))

    run(work)


def test_another_card_of_the_group_ends_it(tmp_path: Path) -> None:
    async def work() -> None:
        site, csms = Site(), central()
        group = {"idToken": "FLEET", "type": "Central"}
        csms.behave = lambda action, _: (
            {"idTokenInfo": {"status": "Accepted", "groupIdToken": group}} if action == "Authorize" else None
        )
        async with csms.serve(), station(made(tmp_path, csms), site):
            await booted(csms)
            site.plug()
            site.tap()
            await csms.until(lambda: len(events(csms)) == 2)
            site.tap(IdToken("BB"))
            await csms.until(lambda: gist(csms)[-1][0] == "Ended")
            assert events(csms)[-1]["idToken"]["idToken"] == "BB"

    run(work)
