"""backup, restore and doctor as they are typed."""

import asyncio
import json
import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from backend.__main__ import main
from tests.unit.backend.billing_store import add_transaction, billing_store


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    handlers = logging.getLogger().handlers[:]
    yield
    logging.getLogger().handlers[:] = handlers


@pytest.fixture
def config(tmp_path: Path) -> Path:
    async def fill() -> None:
        async with billing_store(tmp_path / "emops.sqlite") as store:
            await add_transaction(store)

    asyncio.run(fill())
    (tmp_path / "emops.sqlite").chmod(0o600)
    path = tmp_path / "backend.toml"
    path.write_text(f'store.path = "{tmp_path}/emops.sqlite"\nmail.host = "mail.example.com"\n')
    return path


def _run(config: Path, *arguments: str) -> int:
    command, *more = arguments
    return main([command, "--config", str(config), *more])


def test_a_backup_goes_into_a_folder_and_comes_back(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "copies"
    folder.mkdir()
    assert _run(config, "backup", str(folder), "--keep", "3") == 0
    assert "1 transactions, 0 invoices" in capsys.readouterr().out
    (copy,) = folder.iterdir()
    monkeypatch.setattr("builtins.input", lambda _prompt: "no")
    assert _run(config, "restore", str(copy)) == 1
    assert "nothing was changed" in capsys.readouterr().out
    monkeypatch.setattr("builtins.input", lambda _prompt: "yes")
    assert _run(config, "restore", str(copy)) == 0
    assert "the one of before is" in capsys.readouterr().out


def test_what_can_t_be_done_is_said_in_a_line(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "text").write_text("no database at all")
    assert _run(config, "restore", str(tmp_path / "text"), "--yes") == 1
    assert "is no database of emops-backend" in capsys.readouterr().err
    assert _run(config, "backup", str(tmp_path / "a file"), "--keep", "2") == 1
    assert "--keep needs a folder" in capsys.readouterr().err


def test_the_doctor_finds_a_sound_server_sound(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(config, "doctor", "--json") == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {"level": "good", "subject": "database"}.items() <= found[1].items()
    assert all(one["level"] != "bad" for one in found)


def test_the_doctor_names_what_is_wrong_and_what_to_do(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    database = tmp_path / "emops.sqlite"
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("UPDATE charging_transaction SET state = 'held', held_reason = 'no tariff'")
        connection.execute("INSERT INTO recompute_run (at, checked, differences) VALUES (0, 1, '[7]')")
        connection.commit()
    database.chmod(0o644)
    assert _run(config, "doctor") == 1
    told = capsys.readouterr().out
    assert "1 are held and on no invoice: emops-backend transactions --state held" in told
    assert f"chmod 600 {database}" in told
    assert "prices don't compute again to the same" in told


def test_a_missing_or_broken_database_is_bad(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    database = tmp_path / "emops.sqlite"
    database.write_bytes(b"x" * 5000)
    assert _run(config, "doctor") == 1
    assert "Put back a copy with emops-backend restore" in capsys.readouterr().out
    database.unlink()
    assert _run(config, "doctor") == 1
    assert "emops-backend migrate makes one" in capsys.readouterr().out
