"""How long a card lasts, from what was written."""

import pytest

from station.core.flash_wear import DAY_S, DAYS_KEPT, Amount, Wear, Writer, decode, encode, noted, outlook, warned

MB = 10**6


def watched(days: float, journal_mb: int, card_mb: int = 0) -> Wear:
    """Give what hourly looks at so many MB a day leave."""
    wear = Wear()
    for _ in range(round(days * 24)):
        amounts = {Writer.JOURNAL: Amount(journal_mb * MB // 24, 10), Writer.LOGS: Amount(0, 1)}
        wear = noted(wear, 3600, amounts | ({Writer.CARD: Amount(card_mb * MB // 24, 50)} if card_mb else {}))
    return wear


def test_amounts_are_told_by_day_and_writer() -> None:
    told = outlook(watched(3, 24), 0)
    assert told.per_day is not None
    assert told.per_day[Writer.JOURNAL] == Amount(24 * MB, 240)
    assert told.per_day[Writer.LOGS] == Amount(0, 24)
    assert told.years_left is None


def test_the_whole_card_counts_where_it_takes_more_than_we_write() -> None:
    day = 365 * 24 * MB
    assert outlook(watched(2, 24), 2 * 24 * MB + 3 * day).years_left == pytest.approx(3)
    assert outlook(watched(2, 24, 240), 2 * 240 * MB + 30 * day).years_left == pytest.approx(3)


def test_nothing_is_foretold_before_a_day_has_been_watched() -> None:
    assert outlook(watched(0.5, 24), MB).years_left is None
    assert outlook(Wear(), MB).per_day is None


@pytest.mark.parametrize(("endurance_mb", "soon"), [(366 * 24, True), (368 * 24, False), (1, True)])
def test_a_card_that_dies_within_a_year_is_complained_of(endurance_mb: int, soon: bool) -> None:
    told = outlook(watched(2, 24), endurance_mb * MB)
    assert told.ends_soon is soon
    assert told.years_left is not None
    assert told.years_left >= 0


def test_the_end_is_told_once_until_all_was_well_again() -> None:
    wear = watched(2, 24)
    near, middling, far = (outlook(wear, days * 24 * MB) for days in (100, 500, 5000))
    wear = warned(wear, near)
    assert wear.warned
    assert warned(wear, middling).warned
    assert not warned(wear, far).warned


def test_only_the_last_days_count_but_the_card_remembers_all() -> None:
    wear = watched(20, 24)
    assert len(wear.days) == DAYS_KEPT
    assert all(day.seconds == DAY_S for day in wear.days)
    assert wear.lifetime == 20 * 24 * MB


def test_what_is_stored_is_read_back() -> None:
    wear = warned(watched(2.5, 24, 100), outlook(watched(2, 24), 1))
    assert decode(encode(wear)) == wear
    assert decode("") == Wear()
