"""How long a carrier keeps a silent connection is found out by what survives."""

import pytest

from station.core.keepalive import SHORTEST_S, START_S, Keepalive, read_keepalive

LONGEST_S = 3600


def live(known: Keepalive, timeout_s: int, pings: int) -> tuple[Keepalive, int]:
    """Ping over a carrier that forgets after `timeout_s`; give what is known, and the links lost."""
    lost = 0
    for _ in range(pings):
        silence = known.interval_s(LONGEST_S)
        if silence < timeout_s:
            known = known.survived(silence)
        else:
            known, lost = known.lost(silence), lost + 1
    return known, lost


@pytest.mark.parametrize("timeout_s", [45, 100, 241, 300, 600, 1000, 1805, 3500])
def test_the_time_out_of_a_carrier_is_found(timeout_s: int) -> None:
    known, lost = live(Keepalive(), timeout_s, 60)
    assert timeout_s * 0.6 < known.interval_s(LONGEST_S) < timeout_s
    assert lost <= 12
    assert live(known, timeout_s, 200)[1] == 0, "once it is known no link is lost"


def test_a_patient_carrier_is_pinged_as_rarely_as_the_central_system_wants() -> None:
    assert live(Keepalive(), 10**6, 20)[0].interval_s(LONGEST_S) == LONGEST_S


def test_the_interval_of_the_central_system_is_never_exceeded() -> None:
    assert Keepalive().interval_s(60) == 60
    assert Keepalive(sure_s=1800).interval_s(10) == 10
    assert Keepalive(sure_s=1800).interval_s(0) == 0


def test_one_lost_link_is_no_proof() -> None:
    known = Keepalive(sure_s=600)
    assert known.lost(900).fatal_s == 0
    assert known.lost(900).interval_s(LONGEST_S) == 600
    assert known.lost(900).survived(600).interval_s(LONGEST_S) == 900
    assert known.lost(900).survived(40).lost(700).fatal_s == 700, "a short silence clears nothing"


def test_a_carrier_that_became_impatient_is_learned_anew() -> None:
    known, _ = live(Keepalive(sure_s=1800), 300, 40)
    assert SHORTEST_S <= known.interval_s(LONGEST_S) < 300


def test_a_silence_survived_after_all_corrects_what_was_fatal() -> None:
    assert Keepalive(sure_s=300, fatal_s=400).survived(500) == Keepalive(sure_s=500)


def test_short_silences_say_nothing() -> None:
    assert Keepalive().lost(5) == Keepalive().survived(5) == Keepalive()


def test_what_is_known_survives_a_restart() -> None:
    known = Keepalive(sure_s=600, fatal_s=900)
    assert read_keepalive(known.text()) == known
    for text in (None, "", "x 3", "1", "1 -2"):
        assert read_keepalive(text).interval_s(LONGEST_S) == START_S
