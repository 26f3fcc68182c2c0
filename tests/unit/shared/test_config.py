from dataclasses import dataclass
from pathlib import Path

import pytest

from shared.config import ClockSettings, ConfigError, describe, load, parse, setting, settings_text, table
from shared.ids import Secret


@dataclass(frozen=True, slots=True)
class Modem:
    port: str = setting(help="serial port")
    baud: int = setting(115200, unit="baud", minimum=1200, maximum=921600, help="speed of the port")
    pin: Secret = setting(Secret(""), help="SIM PIN")


@dataclass(frozen=True, slots=True)
class Reader:
    kind: str = setting("rdm6300", choices=("rdm6300", "pn532"), help="model")
    evses: tuple[int, ...] = setting((1,), help="EVSEs it serves")
    rate: float = setting(1.5, help="a number")


@dataclass(frozen=True, slots=True)
class Settings:
    modem: Modem = setting(help="the modem")
    reader: tuple[Reader, ...] = setting((), help="card readers")
    clock: ClockSettings = table(ClockSettings, help="demonstration clock")
    on: bool = setting(False, help="a switch")


_MINIMAL = "[modem]\nport = '/dev/ttyS1'\n"


def test_values_arrive_typed_and_defaults_fill_in() -> None:
    text = _MINIMAL + "pin = '1234'\n[[reader]]\nevses = [1, 2]\nrate = 2\n[[reader]]\nkind = 'pn532'\n"
    settings = parse(text, Settings)
    assert (settings.modem.port, settings.modem.baud, settings.modem.pin) == ("/dev/ttyS1", 115200, Secret("1234"))
    assert [(r.kind, r.evses, r.rate) for r in settings.reader] == [("rdm6300", (1, 2), 2.0), ("pn532", (1,), 1.5)]
    assert settings.on is False


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (_MINIMAL + "bauds = 9600", "unknown key modem.bauds; the nearest is modem.baud"),
        ("mod = 1\n" + _MINIMAL, "unknown key mod; the nearest is modem"),
        ("", "modem is missing: the modem"),
        ("[modem]", "modem.port is missing: serial port"),
        (_MINIMAL + "baud = '9600'", "modem.baud = '9600' must be whole number"),
        (_MINIMAL + "baud = true", "must be whole number"),
        (_MINIMAL + "baud = 300", "modem.baud = 300 is out of range: from 1200 to 921600 baud"),
        (_MINIMAL + "[[reader]]\nkind = 'rc522'", "reader[0].kind = 'rc522' is not one of: rdm6300, pn532"),
        (_MINIMAL + "[reader]\nkind = 'pn532'", "reader must be an array of tables"),
        (_MINIMAL + "[[reader]]\nevses = ['x']", "reader[0].evses[0] = 'x' must be whole number"),
        ("modem = 3", "modem must be a table"),
        ("[modem", "is not valid TOML"),
    ],
)
def test_what_does_not_fit_is_named(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=r"station\.toml") as caught:
        parse(text, Settings, source="station.toml")
    assert str(caught.value).startswith("station.toml")
    assert message in str(caught.value)


def test_a_missing_or_unreadable_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"No such file.*--config"):
        load(tmp_path / "none.toml", Settings)
    (tmp_path / "latin.toml").write_bytes(b"# \xfc")
    with pytest.raises(ConfigError, match="not UTF-8"):
        load(tmp_path / "latin.toml", Settings)


def test_the_table_of_settings_is_complete_and_hides_secrets() -> None:
    names = [row.name for row in describe(Settings)]
    assert names[:3] == ["modem.port", "modem.baud", "modem.pin"]
    assert "reader[].kind" in names
    assert "clock.lapse_rate" in names
    text = settings_text(Settings)
    assert "# serial port\n# modem.port = required  # text" in text
    assert "# speed of the port [baud]\nmodem.baud = 115200  # whole number" in text
    assert 'modem.pin = ""' in text


def test_the_printed_table_is_a_file_that_loads() -> None:
    text = settings_text(Settings).replace("# modem.port = required", "modem.port = 'x'")
    assert parse(text, Settings) == parse("modem.port = 'x'", Settings)


@pytest.mark.parametrize("epoch", ["", "soon", "2026-10-31T18:40:00"])
def test_a_lapse_without_its_times_is_refused(epoch: str) -> None:
    with pytest.raises(ConfigError, match=r"clock\.lapse_epoch"):
        ClockSettings(lapse_rate=60.0, lapse_epoch=epoch, lapse_origin="2026-11-01T00:00:00Z").build()
