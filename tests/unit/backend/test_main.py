import asyncio
import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.__main__ import main
from tests.unit.backend.world import MASTER, Station, open_world, start


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    handlers = logging.getLogger().handlers[:]
    yield
    logging.getLogger().handlers[:] = handlers


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "backend.toml").write_text(f'[store]\npath = "{tmp_path}/db"\n')
    (tmp_path / "master.toml").write_text(MASTER)
    return tmp_path


def run(folder: Path, command: str, *arguments: str) -> int:
    return main([command, "--config", str(folder / "backend.toml"), *arguments])


def test_apply_makes_the_database_and_tells_what_it_did(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(folder, "apply", str(folder / "master.toml")) == 0
    assert run(folder, "apply", str(folder / "master.toml")) == 0
    out = capsys.readouterr().out
    assert "9 created, 0 changed, 0 as they were" in out
    assert "0 created, 0 changed, 9 as they were" in out


def test_apply_names_the_wrong_key_and_changes_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "master.toml").write_text(MASTER.replace("202051", "202052"))
    assert run(folder, "apply", str(folder / "master.toml")) == 1
    assert "operator[0].iban" in capsys.readouterr().err
    assert not (folder / "db").exists()


def test_migrate_tells_from_where_to_where(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(folder, "migrate") == 0
    assert re.search(r"schema none -> \d{4}", capsys.readouterr().out)


def test_transactions_lists_without_telling_tokens(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def fill() -> None:
        async with open_world(folder) as store:
            station = Station(store)
            await station.report_connector()
            await station.call("StartTransaction", start())
            await station.call("StartTransaction", start(tag="STRANGER", minute=5))

    asyncio.run(fill())
    assert run(folder, "transactions", "--state", "held", "--json") == 0
    [line] = capsys.readouterr().out.splitlines()
    row = json.loads(line)
    assert (row["id"], row["token"], row["meter_start_wh"], row["state"]) == (2, "***ER", 1000, "held")
    assert run(folder, "transactions") == 0
    text = capsys.readouterr().out
    assert len(text.splitlines()) == 2
    assert "04A2B3C4" not in text


def test_send_without_a_backend_says_so(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(folder, "send", "CP-1", "ClearCache") == 1
    assert "no backend serves db: start it first" in capsys.readouterr().err
    assert run(folder, "send", "CP-1", "ClearCache", "nonsense") == 1
    assert "payload is not JSON" in capsys.readouterr().err


def test_a_configuration_that_is_missing_or_good_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(folder, "check-config") == 0
    assert main(["check-config", "--config", str(folder / "absent.toml")]) == 1
    assert "can't read the configuration" in capsys.readouterr().err


def test_help_shows_examples(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    assert "emops-backend serve --config backend.toml" in capsys.readouterr().out
