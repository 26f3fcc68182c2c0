"""What OCPP 2.0.1 demands of a charging station in weak coverage, each demand as a test that names it.

`COVERED` names the tests elsewhere that prove a demand; the rest is shown here with the whole agent.
"""

import asyncio
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from tests.link.csms import Json
from tests.unit.station.ocpp201.station import all_valid, booted, central, made, run, set_variable, statuses, until
from tests.unit.station.site import Site, station

HERE = "tests.unit.station.ocpp201."
TRANSACTIONS, REQUESTS, DIALECT = HERE + "test_transactions", HERE + "test_requests", HERE + "test_dialect"
LINK, CHARGING, SMALL = (
    "tests.link.test_csms_link",
    "tests.unit.station.core.test_charging",
    "tests.unit.station.core.test_small_cores",
)
UPKEEP, JOURNAL = "tests.unit.station.test_journal_upkeep", "tests.unit.station.test_journal"

COVERED = {
    "the station names its transactions and keeps the name over a restart": (
        TRANSACTIONS,
        "test_offline_events_say_so_and_queue_over_a_restart",
    ),
    "seqNo from 0 without a gap, over power cuts": (
        "tests.crash.test_power_cuts",
        "test_each_step_of_a_session_survives_a_cut",
    ),
    "offline for what occurred without a connection": (
        TRANSACTIONS,
        "test_offline_events_say_so_and_queue_over_a_restart",
    ),
    "E11.FR.07: and for what waited when it was lost": (
        TRANSACTIONS,
        "test_what_waits_when_the_link_drops_is_offline_too",
    ),
    "E13: retries wait longer each time, then the transaction is parked and others pass": (
        TRANSACTIONS,
        "test_a_refused_event_parks_its_transaction_and_others_pass",
    ),
    "low memory thins Updated only, every other one first": (UPKEEP, "test_thinning_ends_with_begin_and_end"),
    "E14: GetTransactionStatus": (TRANSACTIONS, "test_offline_events_say_so_and_queue_over_a_restart"),
    "reconnect back-off": (SMALL, "test_the_wait_doubles_up_to_a_limit_and_begins_anew_after_success"),
    "B10: the next network profile after so many attempts": (
        REQUESTS,
        "test_a_second_way_to_the_central_system_is_used_when_the_first_fails",
    ),
    "no BootNotification on reconnect": (TRANSACTIONS, "test_what_waits_when_the_link_drops_is_offline_too"),
    "B01.FR.07: Unavailable survives": (REQUESTS, "test_availability_of_connector_evse_and_station_survives"),
    "B02: TxBeforeAcceptedEnabled": (
        TRANSACTIONS,
        "test_before_acceptance_nobody_charges_where_the_variable_says_so",
    ),
    "C10: the cache persists": (JOURNAL, "test_the_list_beats_the_cache_and_survives"),
    "C13, C14, C15: list and unknown ids offline": ("tests.unit.station.core.test_authorize", "test_rules"),
    "an invalid answer ends the charge": (TRANSACTIONS, "test_a_card_refused_in_any_answer_ends_the_charge"),
    "or its energy": (TRANSACTIONS, "test_or_takes_the_energy_only"),
    "MaxEnergyOnInvalidId": (CHARGING, "test_a_card_refused_later_may_still_get_some_energy"),
    "a driver does not wait behind the backlog": (LINK, "test_a_driver_does_not_wait_behind_the_backlog"),
    "N04, N07: monitors tell what they watch": (REQUESTS, "test_monitors_tell_what_they_watch_and_outlive_a_restart"),
    "B11, B12: one EVSE is reset": (REQUESTS, "test_one_evse_is_reset_and_the_program_goes_on"),
    "H01: a reservation is removed with its EVSE": (
        CHARGING,
        "test_a_reservation_ends_when_its_evse_stays_out_of_service",
    ),
    "TimeSource in its order": (REQUESTS, "test_variables_are_read_and_written_each_with_its_own_status"),
    "security events have the names of 2.0.1": (DIALECT, "test_security_events_have_their_newer_names"),
}


@pytest.mark.parametrize("demand", COVERED)
def test_a_test_elsewhere_proves(demand: str) -> None:
    module, name = COVERED[demand]
    assert callable(getattr(import_module(module), name))


def test_b04_after_a_long_outage_all_states_are_told_after_a_short_one_what_changed(tmp_path: Path) -> None:
    async def work() -> None:
        site, csms = Site(), central()
        async with csms.serve(), station(made(tmp_path, csms), site):
            await booted(csms)
            await csms.until(lambda: statuses(csms)[-1] == "Available")

            async def lose() -> int:
                told, connections = len(statuses(csms)), csms.connections
                assert csms.socket
                csms.socket.transport.abort()
                await until(lambda: csms.connections > connections)
                await asyncio.sleep(0.4)
                return len(statuses(csms)) - told

            assert await lose() == 0
            assert await set_variable(csms, "OCPPCommCtrlr", "OfflineThreshold", "0") == "Accepted"
            assert await lose() == 1
            assert csms.actions().count("BootNotification") == 1

    run(work)


def test_reserved_survives_a_restart(tmp_path: Path) -> None:
    """B01.FR.13."""

    async def work() -> None:
        site, csms = Site(), central()
        request = {
            "id": 5,
            "expiryDateTime": "2026-10-31T19:40:00Z",
            "idToken": {"idToken": "R1", "type": "Central"},
            "evseId": 1,
        }
        async with csms.serve():
            settings = made(tmp_path, csms)
            async with station(settings, site):
                await booted(csms)
                await csms.until(lambda: statuses(csms)[-1] == "Available")
                assert (await csms.ask("ReserveNow", request))[1]["status"] == "Accepted"
                await csms.until(lambda: statuses(csms)[-1] == "Reserved")
            told = len(statuses(csms))
            async with station(settings, site):
                await csms.until(lambda: "Reserved" in statuses(csms)[told:])

    run(work)


def test_back_off_follows_its_variables(tmp_path: Path) -> None:
    async def work() -> None:
        site, csms = Site(), central()
        async with csms.serve(), station(made(tmp_path, csms), site):
            await booted(csms)
            assert await set_variable(csms, "OCPPCommCtrlr", "RetryBackOffWaitMinimum", "1") == "Accepted"
            assert csms.socket
            begun, connections = asyncio.get_running_loop().time(), csms.connections
            csms.socket.transport.abort()
            await until(lambda: csms.connections > connections)
            assert asyncio.get_running_loop().time() - begun >= 1

    run(work)


def test_aligned_values_outside_a_transaction_are_meter_values(tmp_path: Path) -> None:
    async def work() -> None:
        site, csms = Site(), central()
        async with csms.serve(), station(made(tmp_path, csms), site):
            await booted(csms)
            assert await set_variable(csms, "AlignedDataCtrlr", "Interval", "1") == "Accepted"
            await csms.until(lambda: csms.of("MeterValues"))
            sample: Json = csms.of("MeterValues")[0][1]["meterValue"][0]["sampledValue"][0]
            assert sample["context"] == "Sample.Clock"
            all_valid(csms)

    run(work)


def test_only_the_version_spoken_is_imported() -> None:
    code = """
import sys
from shared.ocpp.validation import Version
from station import app
from station.dialects import make_dialect, make_handlers
make_dialect(Version.V201)
import station.ocpp201.requests
wrong = [name for name in sys.modules if name.startswith(("station.ocpp16", "ocpp.v16", "ocpp.v201", "ocpp.v21"))]
assert not wrong, wrong
"""
    subprocess.run([sys.executable, "-c", code], check=True)
