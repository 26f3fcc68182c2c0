"""A setting is changed in the text, and nothing else is."""

import pytest

from shared.config import ConfigError
from station.console.toml_edit import changed, parse_path, show_path, toml_value

TEXT = """# top
log_level = "INFO"  # how much

[modem]
port = "/dev/ttyUSB2"   # by the cable
apn = 'internet' # the operator's

[[evse]]
id = 1
poll_s = 1.0
[[evse]]
id = 2 # second

[evse.gpio]
pin = 7
[list]
values = [1, 2] # both
text = "has # and = inside"
"""


@pytest.mark.parametrize(
    ("name", "value", "old", "new"),
    [
        ("log_level", '"DEBUG"', 'log_level = "INFO"  # how much', 'log_level = "DEBUG"  # how much'),
        ("modem.apn", '"x"', "apn = 'internet' # the operator's", 'apn = "x" # the operator\'s'),
        ("evse[1].poll_s", "2.5", "poll_s = 1.0", "poll_s = 2.5"),
        ("evse.2.id", "3", "id = 2 # second", "id = 3 # second"),
        ("evse[2].gpio.pin", "8", "pin = 7", "pin = 8"),
        ("list.values", "[3]", "values = [1, 2] # both", "values = [3] # both"),
        ("list.text", '"a # b"', 'text = "has # and = inside"', 'text = "a # b"'),
        ("modem.baud", "9600", "[modem]\n", "[modem]\nbaud = 9600\n"),
        ("evse[2].poll_s", "3", "[[evse]]\nid = 2", "[[evse]]\npoll_s = 3\nid = 2"),
        ("first", "true", "# top", "first = true\n# top"),
    ],
)
def test_one_setting_changes_and_all_else_stays(name: str, value: str, old: str, new: str) -> None:
    assert changed(TEXT, parse_path(name), value) == TEXT.replace(old, new, 1)


def test_a_missing_table_is_added_at_the_end() -> None:
    assert changed(TEXT, parse_path("csms.url"), '"ws://x"') == TEXT + '\n[csms]\nurl = "ws://x"\n'


def test_dotted_keys_stay_dotted() -> None:
    text = 'modem.port = "a"\nmodem.apn = "b" # c\n'
    assert changed(text, ("modem", "apn"), '"d"') == 'modem.port = "a"\nmodem.apn = "d" # c\n'
    assert changed(text, ("modem", "baud"), "1") == text + "modem.baud = 1\n"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("a = [\n 1,\n 2]\n", "a"),
        ('a = """\nx = 1\n"""\n', "x"),
        ("a = { b = 1 }\n", "a.b"),
        ("'a' = 1\n", "a"),
        ("[m]\n[m.n]\nx = 1\n", "m.n"),
        ("a = 1\n", "b[2].c"),
        ("a = 1\n", "a.b"),
    ],
)
def test_what_can_not_be_changed_safely_is_refused(text: str, name: str) -> None:
    with pytest.raises(ConfigError):
        changed(text, parse_path(name), "2")


def test_line_ends_of_other_systems_stay() -> None:
    assert changed("a = 1\r\nb = 2\r\n", ("b",), "3") == "a = 1\r\nb = 3\r\n"


@pytest.mark.parametrize("name", ["", "a..b", "1", "a[0]", "a b", "a[-1]", "ä"])
def test_a_name_that_is_none_is_told(name: str) -> None:
    with pytest.raises(ConfigError, match="is no setting"):
        parse_path(name)


def test_names_are_read_as_people_write_them() -> None:
    assert parse_path("evse[1].poll_s") == parse_path("evse.1.poll_s") == ("evse", 0, "poll_s")
    assert show_path(("evse", 0, "poll_s")) == "evse[1].poll_s"


@pytest.mark.parametrize(
    ("typed", "kind", "value"),
    [
        ('a"b\\', "text", '"a\\"b\\\\"'),
        ("5", "whole number", "5"),
        ("1,5", "number", "1.5"),
        ("2", "number", "2"),
        ("ja", "true or false", "true"),
        ("FALSE", "true or false", "false"),
        ("1, 2", "list of whole number", "[1, 2]"),
        ("geheim", "text (kept secret)", '"geheim"'),
        ("", "text", '""'),
    ],
)
def test_values_are_written_as_their_type(typed: str, kind: str, value: str) -> None:
    assert toml_value(typed, kind) == value


@pytest.mark.parametrize(
    ("typed", "kind"),
    [
        ("x", "whole number"),
        ("1.5", "whole number"),
        ("nan", "number"),
        ("perhaps", "true or false"),
        ("a\x1bb", "text"),
    ],
)
def test_values_of_another_type_are_refused(typed: str, kind: str) -> None:
    with pytest.raises(ConfigError):
        toml_value(typed, kind)
