import tomllib
from pathlib import Path

import pytest

from backend.services.master_data import read_master_data
from backend.settings import load_settings
from shared.config import ConfigError, load
from simulators.demo.app import set_stage
from simulators.settings import Settings as SimulatorSettings
from station import settings as station


def test_a_folder_of_somebody_else_is_not_emptied(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(ConfigError, match="would be emptied: name another with --dir"):
        set_stage(tmp_path, 400.0)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_an_earlier_demonstration_s_folder_is_emptied(tmp_path: Path) -> None:
    set_stage(tmp_path, 400.0)
    (tmp_path / "backend.sqlite").write_text("old")
    set_stage(tmp_path, 400.0)
    assert not (tmp_path / "backend.sqlite").exists()


def test_the_configuration_files_are_ones_that_a_user_could_copy(tmp_path: Path) -> None:
    stage = set_stage(tmp_path, 400.0)
    station.check(load(tmp_path / "station.toml", station.StationSettings))
    assert load_settings(tmp_path / "backend.toml").server.ocpp_port == stage.ports["ocpp"]
    assert load(tmp_path / "sim.toml", SimulatorSettings).control.port == stage.ports["control"]
    assert [operator.id for operator in read_master_data(tmp_path / "operator.toml").operators] == ["stadtwerk"]
    for file in tmp_path.glob("*.toml"):
        assert "$" not in str(tomllib.loads(file.read_text()))
