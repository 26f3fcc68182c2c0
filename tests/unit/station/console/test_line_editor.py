"""One line of input: what is typed, and what the screen shows meanwhile."""

from station.console.keys import CursorAt, Key, Stroke
from station.console.line_editor import LINE_LENGTH, End, LineEditor


def shown(strokes: list[Stroke], editor: LineEditor) -> str:
    """Play keys and give what a terminal would show, backspaces carried out."""
    screen: list[str] = []
    for stroke in strokes:
        for char in editor.take(stroke).echo:
            if char == "\b":
                screen.append("<")
            else:
                screen.append(char)
    line: list[str] = []
    place = 0
    for char in screen:
        if char == "<":
            place -= 1
        elif char != "\a":
            line[place:] = [char, *line[place + 1 :]]
            place += 1
    return "".join(line[:place])


def test_a_line_is_typed_and_corrected() -> None:
    editor = LineEditor()
    keys: list[Stroke] = [*"statsu", Key.BACKSPACE, Key.BACKSPACE, *"us"]
    assert shown(keys, editor) == editor.text == "status"
    assert editor.take(Key.ENTER).end is End.ENTERED


def test_backspace_at_the_begin_does_nothing() -> None:
    assert LineEditor().take(Key.BACKSPACE).echo == ""


def test_a_line_and_a_word_are_wiped_out() -> None:
    editor = LineEditor()
    assert shown([*"config set x", Key.KILL_WORD], editor) == "config set "
    assert shown([Key.KILL_WORD], editor) == ""
    assert editor.text == "config "
    editor.take(Key.KILL)
    assert editor.text == ""
    assert editor.take(Key.KILL_WORD).echo == ""


def test_a_secret_shows_stars_only() -> None:
    editor = LineEditor(secret=True, earlier=["status"])
    assert shown([*"246810", Key.BACKSPACE, Key.UP], editor) == "*****"
    assert editor.text == "24681"


def test_earlier_lines_come_back() -> None:
    editor = LineEditor(earlier=["status", "why"])
    assert shown([Key.UP], editor) == "why"
    editor.take(Key.UP)
    editor.take(Key.UP)
    assert editor.text == "status"
    editor.take(Key.DOWN)
    assert editor.text == "why"
    editor.take(Key.DOWN)
    assert editor.text == ""
    assert editor.take(Key.DOWN).echo == ""


def test_a_line_is_bounded() -> None:
    editor = LineEditor()
    for _ in range(LINE_LENGTH + 10):
        last = editor.take("x")
    assert len(editor.text) == LINE_LENGTH
    assert last.echo == "\a"


def test_ways_out() -> None:
    assert LineEditor().take(Key.STOP).end is End.STOPPED
    assert LineEditor().take(Key.BACK).end is End.STOPPED
    assert LineEditor().take(Key.LEAVE).end is End.LEFT
    editor = LineEditor()
    editor.take("x")
    assert editor.take(Key.LEAVE).end is None
    assert editor.take(CursorAt(1, 1)).echo == ""
