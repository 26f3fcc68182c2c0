"""The words for faults."""

import pytest
from ocpp.v16.enums import ChargePointErrorCode  # type: ignore[import-untyped]  # it has no stubs

from hardware.faults import WORDS, Fault, gravest
from station.wording import FAULTS


def test_every_fault_has_words_of_both_versions() -> None:
    codes = {str(code) for code in ChargePointErrorCode}
    assert set(WORDS) == set(Fault)
    for fault, words in WORDS.items():
        assert words.code in codes
        assert words.component
        assert fault == words.code or fault not in codes  # a word of OCPP 1.6 means what it means there


def test_people_are_told_what_to_do_about_each() -> None:
    assert set(Fault) <= set(FAULTS)


@pytest.mark.parametrize(
    ("faults", "first"),
    [
        ({"Tilt", "GroundFailure"}, Fault.GROUND),
        ({"GroundFailure", "PowerSwitchFailure"}, Fault.POWER_SWITCH),
        ({"Tilt", "InternalError"}, Fault.INTERNAL),
        ({"SomethingNew"}, Fault.OTHER),
    ],
)
def test_the_gravest_is_reported(faults: set[str], first: Fault) -> None:
    assert gravest(faults) is first
