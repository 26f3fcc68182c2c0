"""OCPP 2.0.1: what to send, and what an answer means."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from shared.ids import EvseId, IdToken, MessageId, TransactionKey
from shared.metering import MeterReading, MeterValue
from shared.ocpp.session import Payload
from shared.ocpp.validation import Version, violation
from shared.transaction import ChargingState, Ended, Started, StopReason, Trigger, Updated
from shared.units import Wh
from station.core import record
from station.core.authorize import TokenInfo
from station.core.delivery import Acknowledge, Entry, Message, Park, Retry, Rules
from station.core.dialect import BootReason, CertificateUse, Identity, Problem
from station.core.status_reports import Report
from station.ocpp201.dialect import Ocpp201

NOON = datetime(2026, 10, 31, 12, tzinfo=UTC)
VALUE = MeterValue(NOON, MeterReading(Wh(1000)))
KEY, CARD = TransactionKey("k"), IdToken("AB", "eMAID")
STARTED = Started(KEY, EvseId(1), CARD, VALUE, None, 7, Trigger.REMOTE_START, ChargingState.EV_CONNECTED)
UPDATED = Updated(KEY, 1, EvseId(1), (VALUE,), Trigger.CHARGING_STATE_CHANGED, ChargingState.SUSPENDED_EV)
ENDED = Ended(KEY, 2, EvseId(1), VALUE, StopReason.REMOTE, CARD, (VALUE, VALUE), ChargingState.IDLE)
SPOKEN, RULES = Ocpp201(), Rules(attempts=2, retry_interval_s=30)


def entry(event: Started | Updated | Ended = STARTED, refusals: int = 0) -> Entry:
    return Entry(1, MessageId("j-1"), event, refusals)


def payload_of(message: object) -> Payload:
    assert isinstance(message, Message)
    assert violation(Version.V201, message.action, message.payload) is None
    return message.payload


def test_events_tell_trigger_state_type_and_what_is_repeated() -> None:
    started = payload_of(SPOKEN.outgoing(entry(), RULES))
    assert started["triggerReason"] == "RemoteStart"
    assert started["idToken"] == {"idToken": "AB", "type": "eMAID"}
    assert started["transactionInfo"] == {"transactionId": "k", "chargingState": "EVConnected", "remoteStartId": 7}
    updated = payload_of(SPOKEN.outgoing(replace(entry(UPDATED), offline=True), RULES))
    assert (updated["triggerReason"], updated["offline"], "idToken" in updated) == ("ChargingStateChanged", True, False)
    ended = payload_of(SPOKEN.outgoing(entry(ENDED), RULES))
    values = ended["meterValue"]
    assert isinstance(values, list)
    assert len(values) == 2


@pytest.mark.parametrize("event", [STARTED, UPDATED, ENDED])
def test_the_journal_gives_back_trigger_state_and_type(event: Started | Updated | Ended) -> None:
    again = record.decode(record.encode(event))
    assert again == event
    if not isinstance(event, Updated):
        assert not isinstance(again, Updated)
        assert again.id_token
        assert again.id_token.kind == "eMAID"


def test_an_answer_may_tell_of_the_card_the_cost_and_the_driver() -> None:
    group = {"idToken": "G", "type": "Central"}
    told = {
        "idTokenInfo": {"status": "Blocked", "groupIdToken": group, "cacheExpiryDateTime": "2026-10-31T12:00:00Z"},
        "totalCost": Decimal("1.5"),
        "updatedPersonalMessage": {"format": "UTF8", "content": "Hallo"},
    }
    info = TokenInfo("Blocked", NOON, "G")
    assert SPOKEN.judge_result(entry(), told, RULES) == Acknowledge(None, CARD, info, Decimal("1.5"), "Hallo")
    assert SPOKEN.judge_result(entry(UPDATED), told, RULES) == Acknowledge(None, None, info, Decimal("1.5"), "Hallo")
    assert SPOKEN.judge_result(entry(), {}, RULES) == Acknowledge()
    strange: Payload = {"idTokenInfo": {"status": 7}, "totalCost": True}
    assert SPOKEN.judge_result(entry(), strange, RULES) == Acknowledge()


def test_refusals_wait_longer_each_time_and_park_the_transaction() -> None:
    assert SPOKEN.judge_refusal(entry(), "x", RULES) == Retry(30, "x")
    assert SPOKEN.judge_refusal(entry(refusals=1), "x", RULES) == Park("refused 2 times, last: x", transaction=True)


def test_everything_else_fits_its_schema() -> None:
    about = Identity("V", "M", "1.0", "S", iccid="8949", imsi="262")
    assert payload_of(SPOKEN.boot(about, BootReason.POWER_UP)) == {
        "reason": "PowerUp",
        "chargingStation": {
            "vendorName": "V",
            "model": "M",
            "serialNumber": "S",
            "firmwareVersion": "1.0",
            "modem": {"iccid": "8949", "imsi": "262"},
        },
    }
    for message in (
        SPOKEN.authorize(CARD),
        SPOKEN.meter_values(EvseId(1), [VALUE]),
        SPOKEN.firmware_status("Idle"),
        SPOKEN.firmware_status("Installed", 5),
        SPOKEN.log_status("Idle"),
        SPOKEN.log_status("Uploaded", 5),
        SPOKEN.sign_certificate("pem", CertificateUse.STATION),
        SPOKEN.data_transfer("v", "n", "{}"),
        SPOKEN.reservation_expired(4),
    ):
        payload_of(message)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("FailedToAuthenticateAtCentralSystem", "FailedToAuthenticateAtCsms"),
        ("InvalidCentralSystemCertificate", "InvalidCsmsCertificate"),
        ("InvalidChargePointCertificate", "InvalidChargingStationCertificate"),
        ("SettingSystemTime", "SettingSystemTime"),
    ],
)
def test_security_events_have_their_newer_names(ours: str, theirs: str) -> None:
    assert payload_of(SPOKEN.security_event(ours, NOON, "why"))["type"] == theirs


@pytest.mark.parametrize(
    ("status", "is_plugged", "told"),
    [
        ("Available", False, "Available"),
        ("Preparing", False, "Available"),
        ("Preparing", True, "Occupied"),
        ("Charging", True, "Occupied"),
        ("Finishing", True, "Occupied"),
        ("Reserved", False, "Reserved"),
        ("Unavailable", True, "Unavailable"),
        ("Faulted", True, "Faulted"),
    ],
)
def test_connector_states(status: str, is_plugged: bool, told: str) -> None:
    report = Report(1, status, "NoError", "", NOON, is_plugged=is_plugged)
    assert payload_of(SPOKEN.status(report))["connectorStatus"] == told
    assert SPOKEN.status_words(report) == told
    assert SPOKEN.status_words(replace(report, evse_id=0)) is None


@pytest.mark.parametrize(
    ("fault", "component", "variable"),
    [
        ("GroundFailure", "RCD", "Tripped"),
        ("PowerMeterFailure", "FiscalMetering", "Problem"),
        ("CableRejected", "Connector", "Problem"),
        ("SomethingNew", "EVSE", "Problem"),
    ],
)
def test_faults_name_their_component(fault: str, component: str, variable: str) -> None:
    come = payload_of(SPOKEN.problem(Problem(EvseId(2), fault, True, "", NOON), 1))
    gone = payload_of(SPOKEN.problem(Problem(EvseId(2), fault, False, "", NOON), 2))
    for payload, value in ((come, "true"), (gone, "false")):
        rows = payload["eventData"]
        assert isinstance(rows, list)
        [event] = rows
        assert (event["component"]["name"], event["component"]["evse"]["id"]) == (component, 2)
        assert (event["variable"]["name"], event["actualValue"]) == (variable, value)
