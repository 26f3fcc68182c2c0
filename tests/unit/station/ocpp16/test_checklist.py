"""What OCPP 1.6 demands of a charge point in weak coverage, each demand as a test that names it.

`COVERED` names the tests elsewhere that prove a demand; the rest is shown here with the whole agent.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path

import pytest

from shared.config import parse
from shared.ids import IdToken
from shared.ocpp.v16 import timestamp
from shared.ocpp.validation import Version, violation
from station.core.configuration import KEYS
from station.core.delivery import Message
from station.settings import StationSettings, check
from tests.link.csms import Csms, Json, Line
from tests.link.test_csms_link import bench, charge
from tests.unit.station.site import CARD, SETTINGS, Site, station

LINK, APP, JOURNAL = "tests.link.test_csms_link", "tests.unit.station.test_app", "tests.unit.station.test_journal"
CHARGING, SMALL = "tests.unit.station.core.test_charging", "tests.unit.station.core.test_small_cores"
DIALECT = "tests.unit.station.ocpp16.test_dialect"

COVERED = {
    "one outstanding CALL": ("tests.unit.shared.ocpp.test_session", "test_one_call_at_a_time"),
    "a retry keeps its message id": (
        LINK,
        "test_a_reply_that_is_lost_after_the_commit_is_asked_for_again_with_the_same_id",
    ),
    "nothing before the boot is accepted": (LINK, "test_a_backlog_goes_out_after_the_boot_in_order"),
    "Pending: only what is triggered": (LINK, "test_pending_sends_nothing_but_what_is_triggered"),
    "Rejected: silence until the interval": (LINK, "test_rejected_is_silence_until_the_interval_has_passed"),
    "half-open connections are found": (LINK, "test_a_half_open_connection_is_found_by_the_missing_reply"),
    "connector 0 is reported": (SMALL, "test_after_a_boot_everything_is_told_connector_0_first"),
    "chronological order": (LINK, "test_no_coverage_for_long_loses_nothing"),
    "Authorize overtakes the backlog": (LINK, "test_a_driver_does_not_wait_behind_the_backlog"),
    "waits grow with the attempts": (DIALECT, "test_three_attempts_with_growing_waits"),
    "a lost link burns no attempt": (LINK, "test_cut_again_and_again_everything_arrives_once_by_its_id"),
    "what is refused for good is parked": (
        LINK,
        "test_a_server_that_refuses_everything_parks_the_transaction_and_others_pass",
    ),
    "transactionId -1 as a last resort": (
        DIALECT,
        "test_the_rest_of_a_refused_start_is_parked_with_it_unless_told_otherwise",
    ),
    "the real transactionId is filled in": (JOURNAL, "test_the_number_of_a_transaction_goes_to_its_own_messages_only"),
    "thinning spares begin and end": (
        "tests.unit.station.test_journal_upkeep",
        "test_thinning_ends_with_begin_and_end",
    ),
    "thinning begins with every other": (
        "tests.unit.station.test_journal_upkeep",
        "test_every_other_sample_goes_first_and_a_row_says_so",
    ),
    "a reset stops transactions first": (APP, "test_a_reset_ends_the_transaction_and_the_program"),
    "power loss: goes on": (APP, "test_stopped_during_a_charge_the_contactor_opens_and_the_same_transaction_goes_on"),
    "power loss: ends as PowerLoss": (APP, "test_unplugged_while_the_agent_was_away"),
    "LocalAuthorizeOffline, LocalPreAuthorize, unknown ids": ("tests.unit.station.core.test_authorize", "test_rules"),
    "the list beats the cache, both survive": (JOURNAL, "test_the_list_beats_the_cache_and_survives"),
    "a full cache evicts the refused, then the oldest": (
        JOURNAL,
        "test_a_full_cache_forgets_the_refused_first_then_the_oldest",
    ),
    "StopTransactionOnInvalidId": (CHARGING, "test_a_card_refused_after_the_start_ends_it"),
    "StopTransactionOnInvalidId false": (CHARGING, "test_or_stops_the_energy_only"),
    "MaxEnergyOnInvalidId": (CHARGING, "test_a_card_refused_later_may_still_get_some_energy"),
    "the cable stays locked until the id is shown": (
        CHARGING,
        "test_the_plug_stays_locked_until_the_card_is_shown_again",
    ),
    "stop on unplug": (CHARGING, "test_unplugging_ends"),
    "StopTransactionOnEVSideDisconnect false": (CHARGING, "test_unplugging_need_not_end_the_transaction"),
    "UnlockConnectorOnEVSideDisconnect": (CHARGING, "test_unplugging_may_leave_the_plug_locked"),
    "ConnectionTimeOut": (CHARGING, "test_a_card_without_a_vehicle_times_out"),
    "MeterValueSampleInterval holds": (SMALL, "test_periodic_samples_keep_the_grid_of_the_begin"),
    "ClockAlignedDataInterval": (SMALL, "test_aligned_samples_lie_on_the_clock_also_past_midnight"),
    "MeterValuesAlignedData": (SMALL, "test_one_reading_serves_both_reasons_each_with_its_own_measurands"),
    "StopTxnSampledData is thinned": (SMALL, "test_the_end_repeats_what_was_asked_for_and_thins_the_first_one_first"),
    "MinimumStatusDuration": (SMALL, "test_a_state_must_last_to_be_reported"),
    "after an outage only the present state": (LINK, "test_after_a_reconnect_only_changed_states_are_told"),
    "Inoperative survives a reboot": (APP, "test_keys_availability_and_list_survive_a_restart"),
    "Scheduled during a transaction": (CHARGING, "test_out_of_service_waits_for_the_end_of_the_charge"),
    "no clock": (JOURNAL, "test_times_of_unsent_events_follow_the_clock_of_their_boot_and_those_tried_stay"),
    "parent id ends a charge": (CHARGING, "test_a_card_of_the_same_group_ends_it"),
}


@pytest.mark.parametrize("demand", COVERED)
def test_a_test_elsewhere_proves(demand: str) -> None:
    module, name = COVERED[demand]
    assert callable(getattr(import_module(module), name))


def run(work: Callable[[], Awaitable[None]]) -> None:
    async def within() -> None:
        async with asyncio.timeout(30):
            await work()

    asyncio.run(within())


def made(folder: Path, csms: Csms, **keys: object) -> StationSettings:
    lines = "".join(f"{name} = {value!r}\n".replace("'", '"') for name, value in keys.items())
    text = SETTINGS.format(folder=folder, port=csms.port, sample_s=0).replace("[[bus]]", lines + "[[bus]]", 1)
    settings = parse(text.replace("= True", "= true").replace("= False", "= false"), StationSettings)
    check(settings)
    return settings


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110  nobody sets an event
            await asyncio.sleep(0.01)


async def booted(csms: Csms, connectors: int = 1) -> None:
    await csms.until(lambda: len(csms.of("StatusNotification")) > connectors)


def statuses(csms: Csms) -> list[tuple[str, str]]:
    return [(p["status"], p["errorCode"]) for _, p in csms.of("StatusNotification") if p["connectorId"] == 1]


def test_everything_said_fits_its_schema_and_message_ids_differ_across_starts(tmp_path: Path) -> None:
    async def work() -> None:
        site, csms = Site(), Csms()
        async with csms.serve():
            for life in range(2):
                async with station(made(tmp_path, csms, ClockAlignedDataInterval=1), site):
                    await booted(csms, life * 2)
                    site.plug()
                    site.tap()
                    await until(lambda: site.offered)
                    await csms.until(lambda: csms.of("MeterValues"))
                    site.unplug()
                    await until(lambda: not site.offered)
        ids = [message_id for message_id, _, _ in csms.calls]
        assert len(ids) == len(set(ids))
        assert [violation(Version.V16, action, payload) for _, action, payload in csms.calls] == [None] * len(ids)

    run(work)


def test_a_state_of_before_the_clock_was_set_is_told_with_its_true_time(tmp_path: Path) -> None:
    async def work() -> None:
        csms = Csms()
        async with csms.serve(), station(made(tmp_path, csms), Site()):
            await booted(csms)
        assert [p["timestamp"][:13] for _, p in csms.of("StatusNotification")] == ["2026-10-31T18"] * 2

    run(work)


def test_a_mere_reconnect_sends_no_boot_notification(tmp_path: Path) -> None:
    async def work() -> None:
        async with bench(tmp_path) as b:
            await b.append(charge("k1")[0])
            await b.drained()
            b.line.cut()
            await b.append(*charge("k2"))
            await b.drained()
            assert b.csms.connections == 2
            assert b.csms.actions().count("BootNotification") == 1

    run(work)


def test_a_ping_interval_counts_at_once_and_finds_a_half_open_line(tmp_path: Path) -> None:
    async def work() -> None:
        line = Line()
        async with bench(tmp_path, line=line, reply_s=0.3, keys={"WebSocketPingInterval": "1"}) as b:
            await b.append(charge("k1")[0])
            await b.drained()
            line.swallows = True
            await until(lambda: not b.link.is_online)
            line.swallows = False

    run(work)


def test_a_triggered_boot_that_is_rejected_silences_us_again(tmp_path: Path) -> None:
    async def work() -> None:
        site, csms = Site(), Csms()
        rejected: list[bool] = []

        def behave(action: str, _payload: Json) -> Json | None:
            if action == "BootNotification" and rejected:
                return {"status": "Rejected", "currentTime": "2026-10-31T18:40:00Z", "interval": 60}
            return None

        csms.behave = behave
        async with csms.serve(), station(made(tmp_path, csms), site):
            await booted(csms)
            rejected.append(True)
            await csms.ask("TriggerMessage", {"requestedMessage": "BootNotification"})
            await csms.until(lambda: csms.actions().count("BootNotification") == 2)
            seen = len(csms.calls)
            site.plug()
            await asyncio.sleep(0.3)
            assert len(csms.calls) == seen

    run(work)


def test_while_pending_remote_starts_are_rejected(tmp_path: Path) -> None:
    async def work() -> None:
        site, csms = Site(), Csms()
        pending = {"status": "Pending", "currentTime": "2026-10-31T18:40:00Z", "interval": 60}
        csms.behave = lambda action, _: pending if action == "BootNotification" else None
        async with csms.serve(), station(made(tmp_path, csms), site):
            await csms.until(lambda: csms.calls)
            site.plug()
            await asyncio.sleep(0.3)
            assert await csms.ask("RemoteStartTransaction", {"idTag": "A"}) == [3, {"status": "Rejected"}]
            assert csms.actions() == ["BootNotification"]

    run(work)


IN_AN_HOUR = timestamp(datetime(2026, 10, 31, 19, 40, tzinfo=UTC))
RESERVE = {"connectorId": 1, "expiryDate": IN_AN_HOUR, "idTag": "R1", "reservationId": 5}


def test_a_reservation_refuses_others_survives_a_restart_and_is_used_up(tmp_path: Path) -> None:
    async def work() -> None:
        site, csms = Site(), Csms()
        async with csms.serve():
            settings = made(tmp_path, csms)
            async with station(settings, site):
                await booted(csms)
                await until(lambda: ("Available", "NoError") in statuses(csms))
                assert await csms.ask("ReserveNow", {**RESERVE, "connectorId": 0}) == [3, {"status": "Rejected"}]
                assert await csms.ask("ReserveNow", RESERVE) == [3, {"status": "Accepted"}]
                await csms.until(lambda: statuses(csms)[-1][0] == "Reserved")
                assert await csms.ask("ReserveNow", {**RESERVE, "reservationId": 6}) == [3, {"status": "Occupied"}]
            told = len(statuses(csms))
            async with station(settings, site):
                await csms.until(lambda: "Reserved" in [status for status, _ in statuses(csms)[told:]])
                remote = "RemoteStartTransaction"
                assert await csms.ask(remote, {"idTag": "R2", "connectorId": 1}) == [3, {"status": "Rejected"}]
                site.plug()
                assert await csms.ask(remote, {"idTag": "R1", "connectorId": 1}) == [3, {"status": "Accepted"}]
                await csms.until(lambda: csms.of("StartTransaction"))
                assert csms.of("StartTransaction")[0][1]["reservationId"] == 5
                assert await csms.ask("CancelReservation", {"reservationId": 5}) == [3, {"status": "Rejected"}]

    run(work)


def test_a_reservation_is_cancelled_and_another_expires(tmp_path: Path) -> None:
    async def work() -> None:
        site, csms = Site(), Csms()
        async with csms.serve(), station(made(tmp_path, csms), site):
            await booted(csms)
            await until(lambda: ("Available", "NoError") in statuses(csms))
            assert await csms.ask("ReserveNow", RESERVE) == [3, {"status": "Accepted"}]
            await csms.until(lambda: statuses(csms)[-1][0] == "Reserved")
            assert await csms.ask("CancelReservation", {"reservationId": 5}) == [3, {"status": "Accepted"}]
            await csms.until(lambda: statuses(csms)[-1][0] == "Available")
            past = timestamp(datetime(2026, 10, 31, 18, 0, tzinfo=UTC))
            assert await csms.ask("ReserveNow", {**RESERVE, "expiryDate": past}) == [3, {"status": "Rejected"}]
            soon = timestamp(datetime(2026, 10, 31, 18, 40, tzinfo=UTC) + timedelta(seconds=3))
            assert await csms.ask("ReserveNow", {**RESERVE, "expiryDate": soon}) == [3, {"status": "Accepted"}]
            await csms.until(lambda: statuses(csms)[-1][0] == "Reserved")
            await csms.until(lambda: statuses(csms)[-1][0] == "Available")

    run(work)


def test_a_card_of_the_same_group_ends_the_charge(tmp_path: Path) -> None:
    async def work() -> None:
        site, csms = Site(), Csms()
        groups = {CARD.value: "FLEET", "BB": "FLEET", "CC": "OTHER"}

        def behave(action: str, payload: Json) -> Json | None:
            if action == "Authorize":
                return {"idTagInfo": {"status": "Accepted", "parentIdTag": groups[payload["idTag"]]}}
            return None

        csms.behave = behave
        async with csms.serve(), station(made(tmp_path, csms, AuthorizationCacheEnabled=False), site):
            await booted(csms)
            site.plug()
            site.tap()
            await csms.until(lambda: csms.of("StartTransaction"))
            site.tap(IdToken("CC"))
            await csms.until(lambda: len(csms.of("Authorize")) == 2)
            site.tap(IdToken("BB"))
            await csms.until(lambda: csms.of("StopTransaction"))
            assert csms.of("StopTransaction")[0][1]["idTag"] == "BB"

    run(work)


def test_an_answer_that_contradicts_the_list_is_reported(tmp_path: Path) -> None:
    async def work() -> None:
        site, csms = Site(), Csms()
        csms.behave = lambda action, _: {"idTagInfo": {"status": "Blocked"}} if action == "Authorize" else None
        async with csms.serve(), station(made(tmp_path, csms), site):
            await booted(csms)
            site.tap()
            await csms.until(lambda: "LocalListConflict" in [error for _, error in statuses(csms)])
            assert not csms.of("StartTransaction")

    run(work)


def test_the_end_repeats_the_samples_that_were_asked_for_also_after_a_restart(tmp_path: Path) -> None:
    async def work() -> None:
        site, csms = Site(), Csms()
        register = "Energy.Active.Import.Register"
        keys = {"StopTxnSampledData": register, "MeterValuesSampledData": f"{register},Power.Active.Import"}
        async with csms.serve():
            settings = made(tmp_path, csms, **keys)
            async with station(settings, site):
                await booted(csms)
                change = {"key": "MeterValueSampleInterval", "value": "1"}
                assert await csms.ask("ChangeConfiguration", change) == [3, {"status": "Accepted"}]
                site.plug()
                site.tap()
                await csms.until(lambda: csms.of("MeterValues"))
            async with station(settings, site):
                await csms.until(lambda: len({str(told) for _, told in csms.of("MeterValues")}) > 1)
                site.unplug()
                await csms.until(lambda: csms.of("StopTransaction"))
            data = csms.of("StopTransaction")[0][1]["transactionData"]
            contexts = [value["sampledValue"][0].get("context", "Sample.Periodic") for value in data]
            assert (contexts[0], contexts[-1]) == ("Transaction.Begin", "Transaction.End")
            assert contexts.count("Sample.Periodic") >= 2
            assert {len(value["sampledValue"]) for value in data} == {1}, "the register alone"
            assert [value["timestamp"] for value in data] == sorted(value["timestamp"] for value in data)

    run(work)


def test_every_measurand_that_the_station_gives_is_told(tmp_path: Path) -> None:
    async def work() -> None:
        site, csms = Site(), Csms()
        wanted = "Energy.Active.Import.Register,Power.Active.Import,Current.Offered"
        keys = {"MeterValuesAlignedData": wanted, "ClockAlignedDataInterval": 1}
        async with csms.serve(), station(made(tmp_path, csms, **keys), site):
            await booted(csms)
            site.plug()
            site.tap()
            await csms.until(lambda: any("transactionId" in told for _, told in csms.of("MeterValues")))
            told = next(told for _, told in csms.of("MeterValues") if "transactionId" in told)
            samples = told["meterValue"][0]["sampledValue"]
            measurands = [sample.get("measurand", "Energy.Active.Import.Register") for sample in samples]
            assert measurands == wanted.split(",")
            assert {sample["context"] for sample in samples} == {"Sample.Clock"}
            assert samples[-1] == {**samples[-1], "value": "16", "unit": "A"}

    run(work)


def test_triggered_values_name_their_transaction(tmp_path: Path) -> None:
    async def work() -> None:
        site, csms = Site(), Csms()
        async with csms.serve(), station(made(tmp_path, csms), site):
            await booted(csms)
            site.plug()
            site.tap()
            await csms.until(lambda: csms.of("StartTransaction"))
            await asyncio.sleep(0.2)
            ask = {"requestedMessage": "MeterValues", "connectorId": 1}
            assert await csms.ask("TriggerMessage", ask) == [3, {"status": "Accepted"}]
            await csms.until(lambda: csms.of("MeterValues"))
            told = csms.of("MeterValues")[0][1]
            assert told["transactionId"] == 100
            assert told["meterValue"][0]["sampledValue"][0]["context"] == "Trigger"

    run(work)


def test_after_a_restart_the_serial_number_of_the_meter_is_known_at_once(tmp_path: Path) -> None:
    async def work() -> None:
        csms = Csms()
        async with csms.serve():
            for life in range(2):
                async with station(made(tmp_path, csms), Site(serial="M42")):
                    await booted(csms, life * 2 + 1)
        assert csms.of("BootNotification")[1][1]["meterSerialNumber"] == "M42"

    run(work)


def test_the_identity_comes_from_the_configuration_file(tmp_path: Path) -> None:
    async def work() -> None:
        site, csms = Site(), Csms()
        async with csms.serve():
            identity = 'charge_point_id = "CP1"\nvendor = "V"\nmodel = "M"\nserial = "S"\nbox_serial = "B"\n'
            identity += 'firmware = "F"\nmeter_type = "T"\nmeter_serial = "N"\niccid = "I"\nimsi = "J"\n'
            text = SETTINGS.format(folder=tmp_path, port=csms.port, sample_s=0)
            settings = parse(text.replace('charge_point_id = "CP1"\n', identity, 1), StationSettings)
            check(settings)
            async with station(settings, site):
                await csms.until(lambda: csms.calls)
            assert csms.of("BootNotification")[0][1] == {
                "chargePointVendor": "V",
                "chargePointModel": "M",
                "chargePointSerialNumber": "S",
                "chargeBoxSerialNumber": "B",
                "firmwareVersion": "F",
                "meterType": "T",
                "meterSerialNumber": "N",
                "iccid": "I",
                "imsi": "J",
            }

    run(work)


CORE_KEYS = set(
    """AllowOfflineTxForUnknownId AuthorizationCacheEnabled AuthorizeRemoteTxRequests ClockAlignedDataInterval
ConnectionTimeOut ConnectorPhaseRotation ConnectorPhaseRotationMaxLength GetConfigurationMaxKeys HeartbeatInterval
LocalAuthorizeOffline LocalPreAuthorize MaxEnergyOnInvalidId MeterValuesAlignedData MeterValuesAlignedDataMaxLength
MeterValuesSampledData MeterValuesSampledDataMaxLength MeterValueSampleInterval MinimumStatusDuration NumberOfConnectors
ResetRetries StopTransactionOnEVSideDisconnect StopTransactionOnInvalidId StopTxnAlignedData
StopTxnAlignedDataMaxLength StopTxnSampledData StopTxnSampledDataMaxLength SupportedFeatureProfiles
SupportedFeatureProfilesMaxLength TransactionMessageAttempts TransactionMessageRetryInterval
UnlockConnectorOnEVSideDisconnect WebSocketPingInterval LocalAuthListEnabled LocalAuthListMaxLength
SendLocalListMaxLength ReserveConnectorZeroSupported ChargeProfileMaxStackLevel ChargingScheduleAllowedChargingRateUnit
ChargingScheduleMaxPeriods ConnectorSwitch3to1PhaseSupported MaxChargingProfilesInstalled MessageTimeout""".split()  # noqa: SIM905
)


def test_every_standard_key_is_told_and_a_rejection_has_its_reason_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> None:
        site, csms = Site(), Csms()
        async with csms.serve(), station(made(tmp_path, csms), site):
            await booted(csms)
            (_, answer) = await csms.ask("GetConfiguration", {})
            told = {row["key"]: row for row in answer["configurationKey"]}
            assert set(told) >= CORE_KEYS
            assert set(told) >= {key.name for key in KEYS if not key.is_newer}
            assert told["MessageTimeout"]["value"] == "2"
            assert told["UnlockConnectorOnEVSideDisconnect"] == {
                "key": "UnlockConnectorOnEVSideDisconnect",
                "value": "true",
                "readonly": True,
            }
            for key, value, status in (
                ("ConnectionTimeOut", "0", "Rejected"),
                ("NumberOfConnectors", "2", "Rejected"),
                ("UnlockConnectorOnEVSideDisconnect", "false", "Rejected"),
                ("LightIntensity", "50", "NotSupported"),
                ("MessageTimeout", "45", "Accepted"),
            ):
                assert await csms.ask("ChangeConfiguration", {"key": key, "value": value}) == [3, {"status": status}]

    run(work)
    assert "no whole number from 1 to 3600" in caplog.text
    assert caplog.text.count("the key is read-only here") == 2


@pytest.mark.parametrize(
    ("action", "payload", "code"),
    [
        ("ChangeConfiguration", {"key": "ConnectionTimeOut"}, "OccurenceConstraintViolation"),
        ("ChangeConfiguration", {"key": "ConnectionTimeOut", "value": 60}, "TypeConstraintViolation"),
        ("ChangeConfiguration", {"key": "x" * 51, "value": "1"}, "PropertyConstraintViolation"),
        ("ChangeConfiguration", {"key": "a", "value": "1", "more": 1}, "FormationViolation"),
        ("ReserveNow", {**RESERVE, "expiryDate": "soon"}, "TypeConstraintViolation"),
        ("ReserveNow", {**RESERVE, "idTag": "x" * 21}, "PropertyConstraintViolation"),
        ("ChangeAvailability", {"connectorId": 1, "type": "Broken"}, "PropertyConstraintViolation"),
        ("NoSuchAction", {}, "NotImplemented"),
        ("StartTransaction", {"connectorId": 1}, "OccurenceConstraintViolation"),
        ("Heartbeat", {}, "NotSupported"),
    ],
)
def test_a_request_that_breaks_its_schema_gets_its_code_and_changes_nothing(
    tmp_path: Path, action: str, payload: Json, code: str
) -> None:
    async def work() -> None:
        site, csms = Site(), Csms()
        async with csms.serve(), station(made(tmp_path, csms), site):
            await booted(csms)
            before = await csms.ask("GetConfiguration", {})
            answer = await csms.ask(action, payload)
            assert answer[:2] == [4, code]
            assert await csms.ask("GetConfiguration", {}) == before

    run(work)


def test_an_unknown_station_backs_off_and_tries_again(tmp_path: Path) -> None:
    async def work() -> None:
        tries: list[bytes] = []

        async def deny(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            tries.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            await writer.drain()
            writer.close()

        csms, site = Csms(), Site()
        server = await asyncio.start_server(deny, "127.0.0.1", 0)
        csms.port = server.sockets[0].getsockname()[1]
        async with station(made(tmp_path, csms), site):
            await until(lambda: len(tries) >= 3)
            server.close()
            async with csms.serve():
                await booted(csms)

    run(work)


@pytest.mark.parametrize("status", ["Rejected", "Pending"])
def test_an_interval_of_0_does_not_make_us_flood(tmp_path: Path, status: str) -> None:
    async def work() -> None:
        csms = Csms()
        csms.behave = lambda action, _payload: (
            {"status": status, "currentTime": "2026-10-31T18:40:00Z", "interval": 0}
            if action == "BootNotification"
            else None
        )
        async with bench(tmp_path, csms):
            await csms.until(lambda: csms.calls)
            await asyncio.sleep(1.0)
            # The bench waits 0.1 s where nobody says how long: not at all would be hundreds.
            assert {*csms.actions()} == {"BootNotification"}
            assert 2 <= len(csms.actions()) <= 12

    run(work)


def test_accepted_with_an_interval_of_0_keeps_our_own(tmp_path: Path) -> None:
    async def work() -> None:
        csms = Csms()
        csms.behave = lambda action, _payload: (
            {"status": "Accepted", "currentTime": "2026-10-31T18:40:00Z", "interval": 0}
            if action == "BootNotification"
            else None
        )
        async with bench(tmp_path, csms) as b:
            await b.append(*charge("k1"))
            await b.drained()
            await asyncio.sleep(0.5)
            assert "Heartbeat" not in csms.actions()

    run(work)


def test_a_heartbeat_a_day_also_when_there_is_other_traffic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("station.csms_link._DAY_S", 1)

    async def work() -> None:
        csms = Csms()
        csms.behave = lambda action, _payload: (
            {"status": "Accepted", "currentTime": "2026-10-31T18:40:00Z", "interval": 0}
            if action == "BootNotification"
            else None
        )
        async with bench(tmp_path, csms) as b:
            await csms.until(lambda: csms.calls)
            begun = asyncio.get_running_loop().time()
            while "Heartbeat" not in csms.actions():
                b.link.post(Message("DataTransfer", {"vendorId": "x"}))
                await asyncio.sleep(0.05)
            assert 0.5 < asyncio.get_running_loop().time() - begun < 5
            assert csms.actions().count("DataTransfer") > 5

    run(work)
