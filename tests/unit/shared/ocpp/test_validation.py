import subprocess
import sys

import pytest

from shared.ocpp.session import ErrorCode, Payload
from shared.ocpp.validation import Version, is_known, violation

_START: Payload = {"connectorId": 1, "idTag": "04A1B2C3D4", "meterStart": 0, "timestamp": "2026-10-31T18:00:00Z"}


def test_a_valid_payload_passes() -> None:
    assert violation(Version.V16, "StartTransaction", _START) is None
    answer = {"transactionId": 7, "idTagInfo": {"status": "Accepted"}}
    assert violation(Version.V16, "StartTransaction", answer, answer=True) is None


@pytest.mark.parametrize(
    ("change", "code", "where"),
    [
        ({"connectorId": "1"}, ErrorCode.TYPE_CONSTRAINT_VIOLATION, "connectorId"),
        ({"idTag": "x" * 21}, ErrorCode.PROPERTY_CONSTRAINT_VIOLATION, "idTag"),
        ({"colour": "red"}, ErrorCode.FORMATION_VIOLATION, "colour"),
        ({"idTag": None}, ErrorCode.TYPE_CONSTRAINT_VIOLATION, "idTag"),
    ],
)
def test_a_violation_names_code_and_field(change: dict[str, object], code: ErrorCode, where: str) -> None:
    found = violation(Version.V16, "StartTransaction", {**_START, **change})
    assert found is not None
    assert found.code is code
    assert where in str(found)


def test_a_missing_field_is_an_occurrence_violation_and_named() -> None:
    found = violation(Version.V16, "StartTransaction", {k: v for k, v in _START.items() if k != "idTag"})
    assert found is not None
    assert found.code is ErrorCode.OCCURENCE_CONSTRAINT_VIOLATION
    assert "idTag" in found.reason


def test_a_violation_does_not_tell_the_value() -> None:
    assert "04A1B2C3D4" not in str(violation(Version.V16, "StartTransaction", {**_START, "idTag": "04A1B2C3D4" * 3}))


@pytest.mark.parametrize("action", ["Levitate", "", "../v16/schemas/Reset", "Authorize/../Reset", "Resetü"])
def test_unknown_actions_are_not_implemented(action: str) -> None:
    assert not is_known(Version.V16, action)
    found = violation(Version.V16, action, {})
    assert found is not None
    assert found.code is ErrorCode.NOT_IMPLEMENTED


def test_each_version_has_its_own_schemas() -> None:
    assert is_known(Version.V201, "TransactionEvent")
    assert is_known(Version.V21, "TransactionEvent")
    assert not is_known(Version.V16, "TransactionEvent")


def test_the_slow_validator_is_not_even_loaded() -> None:
    code = (
        "import sys; from shared.ocpp.validation import Version, violation; violation(Version.V16, 'Heartbeat', {});"
        "sys.exit('ocpp.v16' in sys.modules or 'jsonschema' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
