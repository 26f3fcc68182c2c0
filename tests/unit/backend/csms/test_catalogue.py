"""Every request of the specifications, with fields that a person can fill in."""

import pytest

from backend.csms.catalogue import ACTIONS, DESTRUCTIVE, Field, FieldError, Kind, fields, payload_of
from shared.ocpp.session import loads
from shared.ocpp.validation import Version, schema, violation

EVERY = [(version, action) for version in Version for action in ACTIONS[version]]


def test_the_lists_are_as_long_as_the_specifications_say() -> None:
    assert {version: len(names) for version, names in ACTIONS.items()} == {
        Version.V16: 19 + 7,
        Version.V201: 40,
        Version.V21: 55,
    }
    assert set(ACTIONS[Version.V16]) | set(ACTIONS[Version.V201]) >= DESTRUCTIVE


@pytest.mark.parametrize(("version", "action"), EVERY)
def test_each_request_can_be_filled_in_from_its_fields(version: Version, action: str) -> None:
    """What is required, filled in with the first choice or an example, is a payload of the right shape."""
    assert schema(version, action)
    texts = {field.name: _some_text(field) for field in fields(version, action) if field.required}
    found = violation(version, action, payload_of(version, action, texts))
    assert found is None or found.is_limit, str(found)


def _some_text(field: Field) -> str:
    plain = {Kind.WHOLE: "1", Kind.NUMBER: "1.5", Kind.FLAG: "true", Kind.TIME: "2026-01-31T12:00:00Z"}
    if field.kind is Kind.JSON:
        return field.example
    return field.choices[0] if field.choices else plain.get(field.kind, "x")


def test_fields_know_their_choices_limits_and_examples() -> None:
    reset = fields(Version.V16, "Reset")
    assert reset == (Field("type", Kind.CHOICE, required=True, choices=("Hard", "Soft")),)
    by_name = {field.name: field for field in fields(Version.V201, "ReserveNow")}
    assert "customData" not in by_name
    assert (by_name["id"].kind, by_name["expiryDateTime"].kind) == (Kind.WHOLE, Kind.TIME)
    assert loads(by_name["idToken"].example) == {"idToken": "", "type": "Central"}
    assert fields(Version.V16, "BootNotification") == (), "a station's own message"


def test_what_is_left_empty_is_absent_and_types_are_those_of_json() -> None:
    texts = {"connectorId": "1", "type": "Inoperative"}
    assert payload_of(Version.V16, "ChangeAvailability", texts) == {"connectorId": 1, "type": "Inoperative"}
    assert payload_of(Version.V16, "GetConfiguration", {"key": " "}) == {}
    assert payload_of(Version.V16, "GetConfiguration", {"key": '["HeartbeatInterval"]'}) == {
        "key": ["HeartbeatInterval"]
    }


@pytest.mark.parametrize(
    ("action", "texts", "wrong"),
    [
        ("Reset", {"type": "Warm"}, "type: is none of Hard, Soft"),
        ("ChangeAvailability", {"connectorId": "one"}, "connectorId: is no number"),
        ("ChangeAvailability", {"connectorId": "1.5"}, "connectorId: must be a number"),
        ("ChangeAvailability", {"connectorId": "true"}, "connectorId: must be a number"),
        ("GetConfiguration", {"key": "HeartbeatInterval"}, "key: is not JSON"),
        ("GetConfiguration", {"key": '"HeartbeatInterval"'}, "key: must be a JSON object or list"),
        ("Reset", {"kind": "Soft"}, "kind: OCPP 1.6 has no such field of Reset"),
    ],
)
def test_a_text_that_does_not_fit_names_its_field(action: str, texts: dict[str, str], wrong: str) -> None:
    with pytest.raises(FieldError, match=wrong):
        payload_of(Version.V16, action, texts)
