"""The configuration file is changed as a whole or not at all, and goes back again."""

import os
import shutil
from pathlib import Path

import pytest

from shared.config import ConfigError
from station.console.config_files import (
    KEPT,
    difference,
    hidden,
    load_or_previous,
    previous_files,
    replace_file,
    type_of,
    values,
)

GOOD = """# ours
[identity]
charge_point_id = "CP1"
[csms]
url = "ws://127.0.0.1:9/ocpp"
password = "very secret"
[uplink]
bearer = "host"
[[bus]]
name = "rs485"
port = "/dev/nosuch"
[[evse]]
board_bus = "rs485"
meter_bus = "rs485"
[[local_list]]
id_token = "04A1B2C3D4"
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "station.toml"
    path.write_text(GOOD)
    path.chmod(0o640)
    return path


def test_a_good_text_takes_the_place_and_the_old_one_is_kept(config: Path) -> None:
    replace_file(config, GOOD.replace("CP1", "CP2"))
    assert "CP2" in config.read_text()
    assert config.stat().st_mode & 0o777 == 0o640
    (previous,) = previous_files(config)
    assert previous.read_text() == GOOD
    assert previous.stat().st_mode & 0o777 == 0o640


def test_only_the_last_ones_are_kept(config: Path) -> None:
    for number in range(2, 10):
        replace_file(config, GOOD.replace("CP1", f"CP{number}"))
    texts = [path.read_text() for path in previous_files(config)]
    assert [text.split('"')[1] for text in texts] == ["CP8", "CP7", "CP6", "CP5", "CP4"]
    assert len(list(config.parent.iterdir())) == 1 + KEPT


@pytest.mark.parametrize("bad", ["", "[", GOOD.replace("CP1", "C P"), GOOD + "[nonsense]\n"])
def test_a_bad_text_changes_nothing(config: Path, bad: str) -> None:
    with pytest.raises(ConfigError):
        replace_file(config, bad)
    assert config.read_text() == GOOD
    assert previous_files(config) == []


@pytest.mark.parametrize("step", range(1, 12))
def test_killed_at_any_step_a_good_file_is_there(config: Path, step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    replace_file(config, GOOD.replace("CP1", "CP2"))
    steps = 0

    def killing(real: object) -> object:
        def call(*arguments: object, **named: object) -> object:
            nonlocal steps
            steps += 1
            if steps == step:
                raise KeyboardInterrupt
            return real(*arguments, **named)  # type: ignore[operator]

        return call

    monkeypatch.setattr(os, "fsync", killing(os.fsync))
    monkeypatch.setattr(shutil, "copymode", killing(shutil.copymode))
    monkeypatch.setattr(Path, "replace", killing(Path.replace))
    try:
        replace_file(config, GOOD.replace("CP1", "CP3"))
        is_done = True
    except KeyboardInterrupt:
        is_done = False
    monkeypatch.undo()
    settings, trouble = load_or_previous(config)
    assert not trouble
    assert settings.identity.charge_point_id in ({"CP3"} if is_done else {"CP2", "CP3"})


def test_a_broken_file_is_told_and_the_one_before_is_used(config: Path) -> None:
    replace_file(config, GOOD.replace("CP1", "CP2"))
    config.write_text("broken [")
    settings, trouble = load_or_previous(config)
    assert settings.identity.charge_point_id == "CP1"
    assert "not valid TOML" in trouble
    previous_files(config)[0].unlink()
    with pytest.raises(ConfigError, match="not valid TOML"):
        load_or_previous(config)


def test_secrets_are_never_shown(config: Path) -> None:
    text = GOOD + '[modem]\npin = \'1234\' # SIM\napn_password = ""\nport = "/dev/ttyUSB2"\n'
    shown = hidden(text)
    for secret in ("very secret", "1234", "04A1B2C3D4"):
        assert secret not in shown.replace("# SIM", "")
    assert 'apn_password = ""' in shown
    assert '"/dev/ttyUSB2"' in shown
    assert difference(GOOD, GOOD.replace("very secret", "other")) == []
    assert difference(GOOD, GOOD.replace("CP1", "CP2")) == ['- charge_point_id = "CP1"', '+ charge_point_id = "CP2"']
    listed = dict(values(load_or_previous(config)[0]))
    assert listed["csms.password"] == "***"
    assert listed["local_list[1].id_token"] == "***"
    assert listed["evse[1].board_bus"] == "rs485"


def test_a_setting_has_a_type_or_a_neighbour() -> None:
    assert type_of("evse[].max_current_a") == "whole number"
    assert type_of("console.pins[].hash") == "text (kept secret)"
    with pytest.raises(ConfigError, match=r"the nearest is modem\.apn"):
        type_of("modem.apm")
