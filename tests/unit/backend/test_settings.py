from dataclasses import replace
from pathlib import Path

import pytest

from backend.settings import Settings, check_doors, load_settings
from shared.config import ConfigError, parse, settings_text
from shared.ids import Secret


def load(folder: Path, text: str) -> Settings:
    (folder / "backend.toml").write_text(text)
    return load_settings(folder / "backend.toml")


def test_an_empty_file_listens_on_this_machine_only(tmp_path: Path) -> None:
    settings = load(tmp_path, "")
    assert (settings.server.ocpp_host, settings.server.ocpp_port) == ("127.0.0.1", 9000)
    assert (settings.server.web_host, settings.server.web_port) == ("127.0.0.1", 8080)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "backend.example.com"])
def test_pages_that_others_can_reach_need_a_user_or_a_password(tmp_path: Path, host: str) -> None:
    server = load(tmp_path, f'[server]\nweb_host = "{host}"').server
    with pytest.raises(ConfigError, match=r"user add NAME --role platform, or set server\.web_password"):
        check_doors(server, has_users=False)
    check_doors(server, has_users=True)
    check_doors(replace(server, web_password=Secret("x")), has_users=False)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.1.2.3", "::1"])
def test_pages_for_this_machine_need_none(tmp_path: Path, host: str) -> None:
    check_doors(load(tmp_path, f'[server]\nweb_host = "{host}"').server, has_users=False)


def test_a_misspelt_key_is_named_with_its_neighbour(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"unknown key server\.ocpp_prot; the nearest is server\.ocpp_port"):
        load(tmp_path, "[server]\nocpp_prot = 9000")


def test_what_config_prints_is_a_configuration() -> None:
    assert parse(settings_text(Settings), Settings) == Settings()
