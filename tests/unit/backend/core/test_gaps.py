from datetime import UTC, datetime, timedelta

from backend.core.gaps import Gap, Missing, SessionFacts, record_of

NOON = datetime(2026, 10, 31, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def session(
    number: int, hours: int, *, evse: int = 1, ends: bool = True, begun: bool = True, notes: str = "", ahead: int = 0
) -> SessionFacts:
    start = NOON + hours * HOUR
    came = start - ahead * HOUR
    return SessionFacts(number, evse, start, start + HOUR if ends else None, begun, notes, came, came + HOUR)


def test_a_station_without_gaps_is_complete_up_to_when_it_was_heard() -> None:
    record = record_of([session(1, 0), session(2, 2)], NOON + 9 * HOUR)
    assert (record.complete_until, record.missing, record.uncertain) == (NOON + 9 * HOUR, (), ())
    assert record_of([], None).complete_until is None


def test_a_session_without_end_is_a_gap_once_its_evse_went_on() -> None:
    running = [session(1, 0), session(2, 2, ends=False), session(3, 3, evse=2)]
    assert record_of(running, NOON + 9 * HOUR).missing == ()
    record = record_of([*running, session(4, 5)], NOON + 9 * HOUR)
    assert record.missing == (Missing(2, NOON + 2 * HOUR, Gap.END),)
    assert record.complete_until == NOON + 2 * HOUR


def test_a_begin_that_nobody_answered_and_messages_that_never_came_are_gaps() -> None:
    notes = "seqNo 3 to 5 never came; seqNo 7 came with more than one meaning"
    record = record_of([session(1, 0, begun=False), session(2, 2, notes=notes)], NOON + 9 * HOUR)
    assert [(one.gap, one.detail) for one in record.missing] == [
        (Gap.BEGIN, ""),
        (Gap.MESSAGES, "seqNo 3 to 5 never came"),
    ]
    assert record.complete_until == NOON


def test_stamps_from_a_wrong_clock_are_told() -> None:
    unset = SessionFacts(3, 1, datetime(1970, 1, 1, tzinfo=UTC), None, True, "", NOON, NOON)
    assert record_of([session(1, 0), session(2, 2, ahead=1), unset], NOON).uncertain == (3, 2)
