import tomllib
from pathlib import Path
from typing import Any

import pytest

from hardware.api import Registration
from hardware.modem import readings

CASES = tomllib.loads((Path(__file__).parents[3] / "cases/at_transcripts.toml").read_text("utf-8"))


# Any: TOML.
@pytest.mark.parametrize("case", CASES["clock"], ids=lambda case: case["text"])
def test_network_time(case: dict[str, Any]) -> None:
    told = readings.network_time(case["text"])
    assert (told.isoformat() if told else "") == case["utc"]


@pytest.mark.parametrize("case", CASES["iccid"], ids=lambda case: case["text"])
def test_iccid(case: dict[str, Any]) -> None:
    assert readings.iccid(case["text"]) == case["digits"]


@pytest.mark.parametrize(
    ("rssi", "dbm"), [(0, -113), (17, -79), (31, -51), (99, None), (100, -116), (191, -25), (199, None)]
)
def test_signal(rssi: int, dbm: int | None) -> None:
    assert readings.signal_dbm(rssi) == dbm


def test_one_registered_domain_is_enough() -> None:
    domains = [readings.registration(stat) for stat in (0, 4, 5)]
    assert readings.best_registration(domains) is Registration.ROAMING


def test_denied_is_not_hidden_by_a_domain_that_still_searches() -> None:
    assert readings.best_registration([Registration.SEARCHING, Registration.DENIED]) is Registration.DENIED


def test_no_domain_answers() -> None:
    assert readings.best_registration([]) is Registration.UNKNOWN


@pytest.mark.parametrize("stat", [6, 7, 8, 11])
def test_registered_without_data_does_not_count(stat: int) -> None:
    assert readings.registration(stat) not in (Registration.HOME, Registration.ROAMING)


@pytest.mark.parametrize(("word", "tries"), [("63C3", 3), ("63c0", 0), ("6983", 0), ("63CF", 15), ("6A88", None)])
def test_tries_left_by_the_card(word: str, tries: int | None) -> None:
    assert readings.pin_tries(word) == tries
