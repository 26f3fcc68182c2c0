"""What is asked for the key of a meter, and keys in answers."""

import pytest

from backend.core.proofs.meter_key_order import ToldKey, key_question, told_keys
from shared.ocpp.session import Payload
from shared.ocpp.validation import Version, violation


@pytest.mark.parametrize("version", list(Version))
def test_the_question_fits_the_version_of_the_station(version: Version) -> None:
    action, payload = key_question(version, 2)
    assert violation(version, action, payload) is None
    assert "2" in str(payload)


PUBLIC_KEY = {"component": {"name": "FiscalMetering", "evse": {"id": 2}}, "variable": {"name": "PublicKey"}}


@pytest.mark.parametrize(
    ("action", "answer", "found"),
    [
        (
            "GetConfiguration",
            {
                "configurationKey": [
                    {"key": "HeartbeatInterval", "readonly": False, "value": "300"},
                    {"key": "MeterPublicKey2", "readonly": True, "value": "04AB"},
                    {"key": "MeterPublicKey1", "readonly": True, "value": " "},
                    {"key": "MeterPublicKey3", "readonly": True},
                ]
            },
            [ToldKey(2, "04AB")],
        ),
        ("GetConfiguration", {"unknownKey": ["MeterPublicKey1"]}, []),
        ("GetConfiguration", {"configurationKey": "none"}, []),
        (
            "GetVariables",
            {"getVariableResult": [{**PUBLIC_KEY, "attributeStatus": "Accepted", "attributeValue": "04AB"}]},
            [ToldKey(2, "04AB")],
        ),
        ("GetVariables", {"getVariableResult": [{**PUBLIC_KEY, "attributeStatus": "UnknownVariable"}]}, []),
        ("GetVariables", {"getVariableResult": [{"component": "?", "variable": None}, 7]}, []),
        ("ChangeConfiguration", {"configurationKey": [{"key": "MeterPublicKey2", "value": "04AB"}]}, []),
    ],
)
def test_a_key_is_found_in_an_answer(action: str, answer: Payload, found: list[ToldKey]) -> None:
    assert list(told_keys(action, answer)) == found
