"""What is shown fits every terminal and can't steer it."""

import pytest

from station.console.screen import WIDTH, Screen, age, bar, clean, table, to_ascii


@pytest.mark.parametrize(
    ("text", "ascii_text"),
    [("Zähler größer", "Zaehler groesser"), ("„5 €“ …", '"5 EUR" ...'), ("café 漢", "cafe ?"), ("█░", "#.")],
)
def test_every_text_has_an_ascii_form(text: str, ascii_text: str) -> None:
    assert to_ascii(text) == ascii_text
    assert Screen().fit(text) == ascii_text
    assert Screen(utf8=True).fit(text) == text


def test_nothing_from_outside_steers_the_terminal() -> None:
    assert clean("a\x1b[2Jb\x07\x9b\tc\nd") == "a?[2Jb?? c\nd"
    assert Screen(True, True).one_line("a\nb\x1b") == "a b?"


def test_long_lines_go_on_below_their_last_column() -> None:
    (line,) = table([("Zentrale", "x" * 30 + " " + "y" * 30 + " " + "z" * 30)])
    first, second = Screen(utf8=True).lines(line)
    assert len(first) <= WIDTH
    assert second == " " * 12 + "z" * 30


def test_short_lines_stay_as_they_are() -> None:
    assert Screen(utf8=True).lines("  a   b\n\nc") == ["  a   b", "", "c"]


def test_a_word_longer_than_the_screen_is_broken() -> None:
    assert [len(line) for line in Screen().lines("x" * 200)] == [79, 79, 42]


def test_bars_and_tables() -> None:
    assert bar(0.5, 10) == "█████░░░░░"
    assert bar(-1, 4) + bar(9, 4) == "░░░░████"
    assert table([("a", "bb"), ("ccc", "d"), ("e",)]) == ["  a    bb", "  ccc  d", "  e"]
    assert table([]) == []


@pytest.mark.parametrize(
    ("seconds", "words"), [(-3, "0 s"), (59, "59 s"), (119, "119 s"), (120, "2 min"), (7200, "2 h"), (200000, "2 Tage")]
)
def test_ages_are_told_to_the_unit_that_matters(seconds: float, words: str) -> None:
    assert age(seconds, "de") == words


def test_columns_stay_where_they_are_in_ascii() -> None:
    shown = [Screen().fit(line) for line in table([("zähler größe", "!"), ("evse und mehr Text", "!")])]
    assert len({line.index("!") for line in shown}) == 1
