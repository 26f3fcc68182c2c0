"""What a local broker is told, and how Home Assistant learns of it."""

import json

import pytest

from shared.ids import EvseId
from station.core.telemetry import EvseFacts, Names, Pace, StationFacts, discovery, states, topic_name

NAMES = Names("emops/CP1", "homeassistant", "CP/1", "emops", "station", "1.0")
ONE = EvseFacts(EvseId(1), "Charging", 12345, 11000, (16.0, 15.9, 16.1), 16, "", ())


def test_each_evse_and_the_station_have_a_topic() -> None:
    told = states(StationFacts((ONE,), -71, 3, True), NAMES)
    assert json.loads(told["emops/CP1/evse/1"]) == {
        "state": "Charging",
        "energy_wh": 12345,
        "power_w": 11000,
        "offered_a": 16,
        "limit": "",
        "faults": "",
        "current_l1_a": 16.0,
        "current_l2_a": 15.9,
        "current_l3_a": 16.1,
    }
    assert json.loads(told["emops/CP1/station"]) == {"signal_dbm": -71, "backlog": 3, "csms": "online"}


@pytest.mark.parametrize(
    ("key", "unit", "device_class", "state_class"),
    [
        ("energy_wh", "Wh", "energy", "total_increasing"),
        ("power_w", "W", "power", "measurement"),
        ("current_l3_a", "A", "current", "measurement"),
        ("offered_a", "A", "current", "measurement"),
    ],
)
def test_home_assistant_gets_what_its_dashboards_need(key: str, unit: str, device_class: str, state_class: str) -> None:
    found = discovery({EvseId(1): 3}, NAMES)
    entity = json.loads(found[f"homeassistant/sensor/emops_CP_1/evse1_{key}/config"])
    assert (entity["unit_of_measurement"], entity["device_class"], entity["state_class"]) == (
        unit,
        device_class,
        state_class,
    )
    assert entity["value_template"] == "{{ value_json." + key + " }}"
    assert entity["state_topic"] == "emops/CP1/evse/1"
    assert entity["availability_topic"] == "emops/CP1/availability"
    assert entity["device"]["identifiers"] == ["emops_CP_1"]


def test_every_entity_has_its_own_id_and_a_value_that_is_told() -> None:
    found = discovery({EvseId(1): 3, EvseId(2): 1}, NAMES)
    entities = [json.loads(text) for text in found.values()]
    assert len({entity["unique_id"] for entity in entities}) == len(entities)
    told = states(StationFacts((ONE, EvseFacts(EvseId(2), "Available", 0, 0, (0.0,), 0, "", ())), -71, 0, True), NAMES)
    for entity in entities:
        key = entity["value_template"].removeprefix("{{ value_json.").removesuffix(" }}")
        assert key in json.loads(told[entity["state_topic"]])
    assert not any("evse2_current_l2" in topic for topic in found)


def test_who_wants_no_discovery_gets_none() -> None:
    assert discovery({EvseId(1): 3}, Names("b", "", "CP1", "v", "m", "1")) == {}


def test_a_topic_never_gets_another_s_place() -> None:
    assert topic_name("emops", "a/+#b") == "emops/a---b"


def test_numbers_wait_for_their_turn_and_states_do_not() -> None:
    pace = Pace(10)
    assert pace.due({"t": '{"p":1,"s":"a"}'}, 0)
    assert not pace.due({"t": '{"p":1,"s":"a"}'}, 100)
    assert pace.due({"t": '{"p":2,"s":"a"}'}, 100)
    assert not pace.due({"t": '{"p":3,"s":"a"}'}, 109)
    assert pace.due({"t": '{"p":3,"s":"b"}'}, 109)
    pace.forget()
    assert pace.due({"t": '{"p":3,"s":"b"}'}, 109)
