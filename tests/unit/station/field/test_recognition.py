"""The scan's order and its judgement, and the comparison with the display, without a bus."""

from decimal import Decimal

import pytest

from hardware.bus import Framing
from hardware.meters.catalogue import all_tables, table
from hardware.meters.register_map import Quantity
from station.errors import FieldError
from station.field.display_check import EXPORT, WORD_ORDER, compare, parse_display
from station.field.recognition import Answer, Looked, advice, bus_lines, candidates, evse_lines
from station.field.scan_plan import plan

MAINS = {
    Quantity.ENERGY_IMPORT: Decimal("4711.123"),
    Quantity.VOLTAGE_L1: Decimal("231"),
    Quantity.VOLTAGE_L2: Decimal("230"),
    Quantity.VOLTAGE_L3: Decimal("229"),
    Quantity.FREQUENCY: Decimal("50.01"),
}


def test_the_configured_place_is_looked_at_first_and_no_place_twice() -> None:
    made = plan(all_tables(), Framing(19200, "E"), [77])
    assert (made.first[0].framing, made.first[0].address) == (Framing(19200, "E"), 77)
    places = [
        (place.framing, place.address) for place in made.first + made.likely + made.rest if place.register is None
    ]
    assert len(places) == len(set(places))
    assert {address for framing, address in places if framing == Framing()} == set(range(1, 248))
    assert (Framing(2400), 1) in places
    assert any(place.address == 33 and place.register for place in made.first)


def test_a_gateway_has_one_framing() -> None:
    made = plan(all_tables(), Framing(), fixed=True)
    assert {place.framing for place in made.first + made.likely + made.rest} == {Framing()}


def test_its_own_name_beats_plausible_values() -> None:
    named = Answer(table("SDM72DM-V2"), {**MAINS, Quantity.MODEL_CODE: Decimal(0x89)})
    other = Answer(table("SDM630-V2"), {**MAINS, Quantity.MODEL_CODE: Decimal(0x89)})
    found = candidates([other, named])
    assert [candidate.table.model for candidate in found] == ["SDM72DM-V2", "SDM630-V2"]
    assert found[0].is_sure
    assert not found[1].is_sure


def test_mains_that_can_not_be_rules_a_family_out() -> None:
    wrong = {**MAINS, Quantity.VOLTAGE_L1: Decimal("2310"), Quantity.VOLTAGE_L2: Decimal("0.001")}
    assert not candidates([Answer(table("SDM630-V2"), {**wrong, Quantity.FREQUENCY: Decimal(0)})])
    assert not candidates([Answer(table("SDM630-V2"), {Quantity.ENERGY_IMPORT: None})])
    assert not candidates([Answer(table("SDM630-V2"), {Quantity.ENERGY_IMPORT: Decimal("-1")})])
    single = {**MAINS, Quantity.VOLTAGE_L2: Decimal(0), Quantity.VOLTAGE_L3: Decimal(0)}
    assert candidates([Answer(table("SDM630-V2"), single)])


def looked(address: int, *, answered: bool = False, broken: bool = False) -> Looked:
    return Looked(Framing(), address, answered, broken)


def test_hints_follow_what_was_heard() -> None:
    silence = [looked(address) for address in range(1, 20)]
    assert "Swap A and B" in advice(silence)[0].en
    assert "Tauschen Sie zuerst A und B" in advice(silence)[0].de
    assert not advice([*silence, looked(20, answered=True)])
    garbled = advice([*silence, looked(5, broken=True)])
    assert "Address 5 answers garbled" in garbled[0].en
    echo = advice([looked(address, broken=True) for address in range(1, 20)])
    assert len(echo) == 1
    assert "hears itself" in echo[0].en


def test_the_lines_for_the_file_are_toml() -> None:
    import tomllib

    bus = tomllib.loads(bus_lines("rs485", "/dev/ttyS1", Framing(9600, "E")))["bus"][0]
    assert (bus["baud"], bus["parity"]) == (9600, "E")
    assert "baud" not in bus_lines("gw", "tcp://10.0.0.1", Framing(), is_gateway=True)
    assert tomllib.loads(evse_lines("rs485", "PRO380", 7))["meter_address"] == 7


@pytest.mark.parametrize(
    ("typed", "kwh", "place"),
    [
        ("4711,1", "4711.1", "0.1"),
        ("4711.123 kWh", "4711.123", "0.001"),
        ("004711", "4711", "1"),
        ("4.711,12", "4711.12", "0.01"),
        ("4,711.12", "4711.12", "0.01"),
        ("1.5MWh", "1500.0", "100.0"),
    ],
)
def test_a_display_is_read_as_technicians_type_it(typed: str, kwh: str, place: str) -> None:
    assert parse_display(typed) == (Decimal(kwh), Decimal(place))


@pytest.mark.parametrize("typed", ["", "abc", "-1", "1e5x", "NaN", "4711..1"])
def test_what_is_no_reading_is_asked_again(typed: str) -> None:
    with pytest.raises(FieldError, match="is no reading"):
        parse_display(typed)


def test_the_display_and_the_register_agree_within_its_last_digit() -> None:
    assert compare("4711,1", 4_711_123, 1).passed
    assert compare("4711", 4_711_999, 1).passed
    assert compare("70000.0", 70_000_008, 8).passed
    assert not compare("4711,1", 4_711_323, 1).passed


@pytest.mark.parametrize(
    ("typed", "register_wh", "words"),
    [
        ("4711.1", 471_112, "10 times too small"),
        ("4711.1", 4_711, "1000 times too small"),
        ("4711.1", 4_711_123_000, "1000 times too large"),
        ("815", 4_711_123, "delivered"),
        ("12", 4_711_123, "low word first"),
        ("999999", 4_711_123, "compare the serial number"),
    ],
)
def test_a_mistake_is_explained(typed: str, register_wh: int, words: str) -> None:
    verdict = compare(typed, register_wh, 1, {WORD_ORDER: 12_300, EXPORT: 815_200})
    assert not verdict.passed
    assert words in verdict.text.en
