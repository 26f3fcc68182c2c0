"""The commands of profiles on a real database file: what a person reads, and the exit status."""

import asyncio
import json
from pathlib import Path

import pytest

from backend.__main__ import main
from backend.commands.tariff import read_tariffs
from backend.core.rates.rating import Policy
from backend.jobs.rate_ended import rate_ended
from tests.unit.backend.store.test_session_tariffs import CLOCK, SET, Site, tariff
from tests.unit.backend.world import Station, open_world

AT = ("--at", "2026-06-25T12:00:00+02:00")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    async def fill() -> None:
        async with open_world(tmp_path, SET) as store:
            await Site(store, Station(store)).charge((0, 0), (60, 6000), (120, 12_000))
            await rate_ended(store, CLOCK, Policy())

    asyncio.run(fill())
    (tmp_path / "backend.toml").write_text(f'[store]\npath = "{tmp_path}/db"\n')
    return tmp_path


def run(folder: Path, *arguments: str) -> int:
    return main(["tariff", *arguments, "--config", str(folder / "backend.toml")])


def run_profile(folder: Path, *arguments: str) -> int:
    return run(folder, "profile", *arguments)


def test_a_profile_is_told_once_and_listed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chosen = ("location", "Hof", "PROFILE_GREEN", *AT, "--source", "EMS", "--reason", "sun")
    assert run_profile(folder, "set", *chosen) == 0
    assert capsys.readouterr().out == (
        "stored\n1 transactions will be rated again by the backend that serves, within a minute\n"
    )
    assert run_profile(folder, "set", *chosen) == 0
    assert capsys.readouterr().out == "known already\n"
    assert run_profile(folder, "set", "evse", "CP-1/1", "REGULAR") == 0
    capsys.readouterr()
    assert run_profile(folder, "list", "--target", "Hof") == 0
    assert "at=2026-06-25T10:00:00+00:00 scope=location target=Hof profile=PROFILE_GREEN" in capsys.readouterr().out
    assert run_profile(folder, "list", "--json") == 0
    assert [row["profile"] for row in json.loads(capsys.readouterr().out)] == ["REGULAR", "PROFILE_GREEN"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("location", "Nord", "REGULAR", *AT), "there is no location 'Nord'"),
        (("location", "Hof", "REGULAR", "--at", "noon"), "noon is no time"),
        (("location", "Hof", "REGULAR", "--at", "2026-06-25T12:00:00"), "needs its offset"),
    ],
)
def test_what_can_not_be_told_says_why(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], words: str
) -> None:
    assert run_profile(folder, "set", *arguments) == 1
    assert words in capsys.readouterr().err


def test_a_set_is_assigned_and_listed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chosen = ("grid", "charge_point", "CP-1", "--operator", "muster", "--profile", "PROFILE_GREEN=sun")
    for told in ("created", "as it was"):
        assert run(folder, "assign", *chosen) == 0
        assert capsys.readouterr().out == f"{told}\n"
    assert run(folder, "assign", *chosen, "--version-switch", "switch_mode") == 0
    assert capsys.readouterr().out == "changed\n"
    assert run(folder, "assignments") == 0
    first, second = capsys.readouterr().out.splitlines()
    assert "scope=charge_point target=CP-1 tariff=grid" in first
    assert first.endswith("profiles=PROFILE_GREEN:sun version_switch=switch_mode")
    assert "scope=location target=Hof" in second
    assert run(folder, "assign", "grid", "operator", "--operator", "muster", "--profile", "GREEN=sun") == 1
    assert "write PROFILE=ID" in capsys.readouterr().err
    assert run(folder, "assign", "moon", "operator", "--operator", "muster") == 1
    assert "has no tariff 'moon'" in capsys.readouterr().err


def test_a_month_is_simulated_with_tariffs_that_take_turns(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_profile(folder, "set", "location", "Hof", "PROFILE_GREEN", *AT) == 0
    capsys.readouterr()
    chosen = ("simulate", "2026-06", "--tariff", "grid", "--profile", "PROFILE_GREEN=sun")
    assert run(folder, *chosen) == 0
    # 6 kWh at 0.42 and 6 at 0.25 instead of 12 at 0.42, with VAT
    assert "grid + PROFILE_GREEN: sun 1 12.000 6.00 4.78 EUR -1.22 1 0" in " ".join(capsys.readouterr().out.split())
    assert run(folder, "simulate", "2026-06", "--tariff", "sun") == 0
    assert "sun 1 12.000 6.00 3.57 EUR" in " ".join(capsys.readouterr().out.split())
    for wrong, words in (
        ((*chosen, "--tariff", "sun"), "name just one"),
        ((*chosen, "--profile", "GREEN=sun"), "'GREEN' is no profile"),
        ((*chosen, "--profile", "PROFILE_FAST=moon"), "has no tariff 'moon'"),
    ):
        assert run(folder, *wrong) == 1
        assert words in capsys.readouterr().err


def test_lint_looks_at_a_set_as_a_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def body(name: str, kind: str, **more: str) -> dict[str, object]:
        component = {"type": "ENERGY", "price": 0.3, "vat": 19, "step_size": 1}
        return {"id": name, "currency": "EUR", "type": kind, "elements": [{"price_components": [component]}], **more}

    file = tmp_path / "set.json"
    sun, cheap, grid = body("sun", "PROFILE_GREEN"), body("cheap", "PROFILE_CHEAP"), body("grid", "REGULAR")
    for bodies, status, codes in (
        ([sun, grid], 0, []),
        ([sun, cheap], 1, ["profiles_without_regular"]),
        ([sun, grid, body("wind", "PROFILE_GREEN")], 1, ["profile_twice"]),
        ([sun, body("swiss", "REGULAR", currency="CHF")], 1, ["profiles_mixed"]),
        ([sun], 0, []),
    ):
        file.write_text(json.dumps(bodies))
        assert main(["tariff", "lint", str(file), "--json"]) == status
        found = json.loads(capsys.readouterr().out)
        rows = found if isinstance(found, list) else [found]
        assert [one["code"] for row in rows if row["id"] == "profiles" for one in row["findings"]] == codes
    (tmp_path / "set.toml").write_text(tariff("sun", 0.2, more='type = "PROFILE_GREEN"'))
    assert len(read_tariffs(str(tmp_path / "set.toml"), "")) == 1
