"""The commands of signed values on a real database file, and the fields of meters in what is applied."""

import asyncio
from pathlib import Path

import pytest

from backend.__main__ import main
from backend.core.proofs.transparency import read_transparency_xml
from backend.core.rates.rating import Policy
from backend.jobs.rate_ended import rate_ended
from backend.jobs.verify_signed import verify_signed
from shared.clock import ManualClock
from tests.unit.backend.billing_example import EVENING
from tests.unit.backend.billing_store import billing_store
from tests.unit.backend.signed_example import METER, Charge, add_told, arrive, require_proof

CLOCK = ManualClock(EVENING)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    async def fill() -> None:
        async with billing_store(tmp_path / "db") as store:
            await require_proof(store)
            number = await add_told(store)
            await arrive(store, number, [Charge(EVENING).both], METER.key)
            await verify_signed(store, CLOCK)
            await rate_ended(store, CLOCK, Policy())

    asyncio.run(fill())
    (tmp_path / "backend.toml").write_text(f'[store]\npath = "{tmp_path}/db"\n')
    return tmp_path


def run(folder: Path, *arguments: str) -> int:
    return main(["signed", *arguments, "--config", str(folder / "backend.toml")])


def test_a_held_session_is_proved_decided_on_and_handed_out(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(folder, "review") == 0
    assert "never compared with the one on it" in capsys.readouterr().out
    assert run(folder, "verify", "1") == 1
    assert "transaction 1: unconfirmed" in capsys.readouterr().out
    assert run(folder, "key") == 0
    assert f"CP-1/1 {METER.serial}: seen, to be compared with the meter {METER.key}" in capsys.readouterr().out
    meter = ("key", "CP-1", "--serial", METER.serial)
    assert run(folder, *meter, "--pin", METER.key.lower()) == 0
    assert capsys.readouterr().out.startswith("pinned\n")
    assert run(folder, "verify", "1") == 0
    assert capsys.readouterr().out.startswith("transaction 1: verified\n")
    assert run(folder, "export", "1", str(folder / "out.xml")) == 0
    [value] = read_transparency_xml((folder / "out.xml").read_bytes())
    assert value.text == Charge(EVENING).both
    assert run(folder, *meter, "--withdraw") == 0
    assert capsys.readouterr().out.startswith("withdrawn\n")
    assert run(folder, "link", "1") == 0
    assert capsys.readouterr().out.startswith("/p/")
    assert run(folder, "link", "99") == 1


def test_a_key_can_be_read_only_through_a_backend_that_runs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(folder, "key", "CP-1", "--read") != 0
    assert "no backend serves" in capsys.readouterr().err
