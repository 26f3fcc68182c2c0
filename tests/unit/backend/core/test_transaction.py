import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from backend.core.id_token import Authorization
from backend.core.transaction import (
    Known,
    Reading,
    Start,
    State,
    Stop,
    derive,
)
from shared.ids import EvseId, IdToken
from shared.transaction import StopReason
from shared.units import Wh

T0 = datetime(2026, 10, 31, 18, 40, tzinfo=UTC)


def reading(minute: float, energy: int) -> Reading:
    return Reading(T0 + timedelta(minutes=minute), Wh(energy))


def stop(minute: float = 60, energy: int = 12_000, reason: StopReason = StopReason.LOCAL) -> Stop:
    return Stop(reading(minute, energy), reason)


RUNNING = Known(
    start=Start(EvseId(1), IdToken("04A2B3C4"), reading(0, 1000)),
    stops=(),
    readings=(),
    token=Authorization.ACCEPTED,
    evse_known=True,
)
ENDED = replace(RUNNING, stops=(stop(),))


def test_it_runs_until_the_stop_is_in() -> None:
    assert derive(RUNNING).state is State.RUNNING
    ended = derive(ENDED)
    assert (ended.state, ended.stop) == (State.ENDED, stop())


def test_the_order_of_readings_does_not_matter() -> None:
    readings = [reading(10, 2000), reading(20, 4000), reading(90, 12_000)]
    for order in itertools.permutations(readings):
        assert derive(replace(ENDED, readings=order)).state is State.ENDED


def test_the_same_stop_again_changes_nothing() -> None:
    assert derive(replace(ENDED, stops=(stop(), stop(reason=StopReason.POWER_LOSS)))) == derive(ENDED)


@pytest.mark.parametrize(
    ("known", "words"),
    [
        (replace(RUNNING, token=Authorization.INVALID), "token ***C4 is unknown"),
        (replace(RUNNING, token=Authorization.BLOCKED), "is blocked"),
        (replace(RUNNING, token=Authorization.EXPIRED), "is expired"),
        (replace(ENDED, evse_known=False), "connector 1 was never reported"),
        (replace(ENDED, start=None, foreign_id="4711"), "start is unknown: the station called it 4711"),
        (replace(ENDED, stops=(stop(), stop(61))), "another says 12000 Wh at 2026-10-31T19:41"),
        (replace(ENDED, stops=(stop(energy=900),)), "the register falls from 1000 to 900 Wh"),
        (replace(ENDED, stops=(stop(minute=-1, energy=1000),)), "it ended before it began"),
        (replace(ENDED, readings=(reading(5, 900_000),)), "the register jumps from 1000 to 900000 Wh"),
    ],
)
def test_what_is_missing_or_contradicts_itself_is_held_with_its_reason(known: Known, words: str) -> None:
    derived = derive(known)
    assert derived.state is State.HELD
    assert words in derived.held_reason


def test_a_held_transaction_keeps_its_first_stop() -> None:
    assert derive(replace(ENDED, stops=(stop(), stop(61)))).stop == stop()


def test_the_lifetime_of_a_meter_is_not_billed_because_the_first_reading_was_zero() -> None:
    start = Start(EvseId(1), IdToken("04A2B3C4"), reading(0, 0))
    known = replace(ENDED, start=start, readings=(reading(1, 910_000),), stops=(stop(60, 910_083),))
    assert derive(known).state is State.HELD


def test_rounding_of_a_register_is_no_fall() -> None:
    assert derive(replace(ENDED, readings=(reading(0.1, 996), reading(1, 1100)))).state is State.ENDED
