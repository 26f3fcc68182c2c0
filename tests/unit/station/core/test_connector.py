"""The table of connector moves, and what it refuses."""

import itertools

import pytest

from station.core.connector import MOVES, Connector, IllegalMoveError, Status

PAIRS = list(itertools.permutations(Status, 2))
LEGAL = [pair for pair in PAIRS if pair[1] in MOVES[pair[0]]]
ILLEGAL = [pair for pair in PAIRS if pair[1] not in MOVES[pair[0]]]


@pytest.mark.parametrize(("source", "target"), LEGAL)
def test_a_move_of_the_table_is_made(source: Status, target: Status) -> None:
    connector = Connector(source)
    assert connector.become(target)
    assert connector.status is target


@pytest.mark.parametrize(("source", "target"), ILLEGAL)
def test_any_other_move_is_refused_and_changes_nothing(source: Status, target: Status) -> None:
    connector = Connector(source)
    with pytest.raises(IllegalMoveError, match=f"from {source} to {target}"):
        connector.become(target)
    assert connector.status is source


def test_the_table_refuses_what_would_hide_a_charge() -> None:
    assert (Status.FINISHING, Status.CHARGING) in ILLEGAL
    assert (Status.CHARGING, Status.PREPARING) in ILLEGAL
    assert (Status.AVAILABLE, Status.FINISHING) in ILLEGAL


def test_staying_is_no_move() -> None:
    assert not Connector(Status.CHARGING).become(Status.CHARGING)


def test_a_connector_that_nobody_has_seen_is_unavailable() -> None:
    assert Connector().status is Status.UNAVAILABLE
