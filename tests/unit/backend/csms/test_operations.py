import pytest

from backend.csms.operations import LARGEST_START_ID, longest_token, start_charge, stop_charge
from shared.ids import EvseId, IdToken
from shared.ocpp.validation import Version, violation


@pytest.mark.parametrize("version", list(Version))
def test_what_is_sent_fulfils_its_schema(version: Version) -> None:
    token = IdToken("A" * longest_token(version))
    action, payload = start_charge(version, EvseId(1), token, LARGEST_START_ID)
    assert violation(version, action, payload) is None
    action, payload = stop_charge(7, "" if version is Version.V16 else "first")
    assert violation(version, action, payload) is None


def test_each_version_has_its_own_words() -> None:
    token = IdToken("04A2B3C4")
    assert start_charge(Version.V16, EvseId(2), token, 9) == (
        "RemoteStartTransaction",
        {"connectorId": 2, "idTag": "04A2B3C4"},
    )
    assert start_charge(Version.V201, EvseId(2), token, 9) == (
        "RequestStartTransaction",
        {"evseId": 2, "remoteStartId": 9, "idToken": {"idToken": "04A2B3C4", "type": "ISO14443"}},
    )
    assert stop_charge(7, "") == ("RemoteStopTransaction", {"transactionId": 7})
    assert stop_charge(7, "first") == ("RequestStopTransaction", {"transactionId": "first"})
