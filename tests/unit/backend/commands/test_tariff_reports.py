"""The commands on a real database file: what a person reads, and the exit status."""

import asyncio
import json
from pathlib import Path

import pytest
from sqlalchemy import text

from backend.__main__ import main
from backend.core.rates.rating import Policy
from backend.jobs.rate_ended import rate_ended
from backend.store.transactions import list_transactions
from backend.store.writer import open_store
from shared.clock import ManualClock
from tests.unit.backend.world import MASTER, NOW, Station, open_world, start, stop, values

SPOT = """
[[tariff]]
operator = "muster"
valid_from = 2026-01-01T00:00:00+01:00
id = "spot"
currency = "EUR"
elements = [{ price_components = [{ type = "ENERGY", price = 0, vat = 19.0, step_size = 1 }] }]
x_spot = { lock = "interval", interval_minutes = 60, series = "DE-LU", adder_net = 0.2 }
"""
CHEAP = """
[[tariff]]
operator = "muster"
valid_from = 2026-01-01T00:00:00+01:00
id = "cheap"
currency = "EUR"
elements = [{ price_components = [{ type = "ENERGY", price = 0.39, vat = 19.0, step_size = 1 }] }]
"""


def fill(folder: Path, master: str = MASTER) -> None:
    """One session of 11 kWh on 31 October at 19:40 in Berlin, rated."""

    async def scenario() -> None:
        async with open_world(folder, master) as store:
            station = Station(store)
            await station.report_connector()
            await station.call("StartTransaction", start())
            await station.call("MeterValues", values(1, (30, 6000)))
            await station.call("StopTransaction", stop(1))
            await rate_ended(store, ManualClock(NOW), Policy())

    asyncio.run(scenario())
    (folder / "backend.toml").write_text(f'[store]\npath = "{folder}/db"\n')


def run(folder: Path, *arguments: str) -> int:
    return main(["tariff", *arguments, "--config", str(folder / "backend.toml")])


def state(folder: Path) -> list[tuple[str, str]]:
    async def look() -> list[tuple[str, str]]:
        async with open_store(folder / "db") as store:
            return [(row.state.value, row.held_reason) for row in await store.read(list_transactions)]

    return asyncio.run(look())


def test_simulate_compares_a_month_with_stored_tariffs_and_with_drafts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(tmp_path, MASTER + CHEAP)
    draft = {
        "id": "draft",
        "currency": "EUR",
        "elements": [{"price_components": [{"type": "ENERGY", "price": 0.59, "vat": 19}]}],
    }
    (tmp_path / "draft.json").write_text(json.dumps(draft))
    chosen = ["2026-10", "--tariff", "cheap", "--file", str(tmp_path / "draft.json"), "--customer", "K-1"]
    assert run(tmp_path, "simulate", *chosen) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "2026-10: 1 rated sessions" in told
    assert "cheap 1 11.000 6.41 5.11 EUR -1.30 1 0" in told
    assert "draft 1 11.000 6.41 7.72 EUR +1.31 0 1" in told
    assert "K-1 Erika Beispiel 1 6.41 5.11 -1.30" in told
    assert run(tmp_path, "simulate", *chosen, "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["results"][1]["customers"][0]["difference_gross"] == "1.31"


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        (["2026-13", "--tariff", "flat"], "'2026-13' is no month"),
        (["2026-10"], "name at least one tariff"),
        (["2026-10", "--tariff", "gold"], "has no tariff 'gold'"),
        (["2026-10", "--tariff", "flat", "--operator", "other"], "name the operator: muster"),
    ],
)
def test_simulate_says_what_it_needs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], chosen: list[str], words: str
) -> None:
    fill(tmp_path)
    assert run(tmp_path, "simulate", *chosen) == 1
    assert words in capsys.readouterr().err


def test_a_month_ends_at_the_wall_of_the_operator(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(tmp_path)
    for month, sessions in (("2026-10", 1), ("2026-11", 0), ("2026-09", 0)):
        assert run(tmp_path, "simulate", month, "--tariff", "flat") == 0
        assert f"{month}: {sessions} rated sessions" in capsys.readouterr().out


def test_recompute_proves_what_is_stored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(tmp_path)
    assert run(tmp_path, "recompute") == 0
    assert "1 ratings computed again: 1 are the same" in capsys.readouterr().out


def test_recompute_names_a_rating_that_was_tampered_with(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(tmp_path)

    async def tamper() -> None:
        async with open_store(tmp_path / "db") as store:
            await store.write(lambda unit: unit.execute(text("DROP TRIGGER rating_refuses_update")))
            change = 'UPDATE rating SET body = replace(body, \'"total_net":"5.39"\', \'"total_net":"5.93"\')'
            await store.write(lambda unit: unit.execute(text(change)))

    asyncio.run(tamper())
    assert run(tmp_path, "recompute") == 1
    told = capsys.readouterr().out
    assert "transaction 1, rating 1 differs" in told
    assert "total_net: 5.93 stored, 5.39 recomputed" in told
    assert run(tmp_path, "recompute", "--json") == 1
    assert json.loads(capsys.readouterr().out)["differences"][0]["transaction_id"] == 1


def test_a_missing_series_holds_the_session_until_it_is_imported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(tmp_path, MASTER.replace('tariff = "flat"', 'tariff = "spot"') + SPOT)
    ((held, reason),) = state(tmp_path)
    assert held == "held"
    assert "DE-LU" in reason or "2026-10-31" in reason
    file = tmp_path / "prices.csv"
    file.write_text("start,price\n2026-10-31T18:00:00Z,100\n2026-10-31T19:00:00Z,50\n")
    assert run(tmp_path, "prices", "DE-LU", str(file)) == 0
    assert "DE-LU: 2 prices added\n1 held transactions were released" in capsys.readouterr().out
    assert state(tmp_path) == [("ended", "")]

    async def rate_it() -> list[str]:
        async with open_store(tmp_path / "db") as store:
            await rate_ended(store, ManualClock(NOW), Policy())
            return await store.read(lambda unit: list(unit.execute(text("SELECT total_net FROM rating")).scalars()))

    # 18:40 to 19:10 5 kWh, to 19:40 6 kWh; full hour at 19:00: 3.333 kWh x 0.30 + 7.667 kWh x 0.25
    assert asyncio.run(rate_it()) == ["2.92"]
    assert run(tmp_path, "recompute") == 0


def test_prices_of_one_operator_are_kept_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(tmp_path)
    file = tmp_path / "prices.csv"
    file.write_text("2026-10-31T18:00:00Z,50\n")
    assert run(tmp_path, "prices", "DE-LU", str(file)) == 0
    assert run(tmp_path, "prices", "DE-LU", str(file), "--operator", "muster") == 0
    assert capsys.readouterr().out.count("DE-LU: 1 prices added") == 2
    assert run(tmp_path, "prices", "DE-LU", str(file), "--operator", "mister") == 1
    assert "there is no operator 'mister'" in capsys.readouterr().err


def test_prices_that_are_not_understood_change_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(tmp_path)
    file = tmp_path / "prices.csv"
    file.write_text("2026-10-31T18:00:00Z,100\n2026-10-31T19:00:00,50\n")
    assert run(tmp_path, "prices", "DE-LU", str(file)) == 1
    assert "prices.csv: line 2" in capsys.readouterr().err


def test_rating_again_is_asked_for_once_with_a_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(tmp_path)
    assert run(tmp_path, "rerate", "1", "--reason", "meter was changed") == 0
    assert run(tmp_path, "rerate", "1", "--reason", "once more") == 1
    assert run(tmp_path, "rerate", "77", "--reason", "none") == 1
    assert "transaction 77 is not rated" in capsys.readouterr().err


def test_without_a_database_nothing_is_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "backend.toml").write_text(f'[store]\npath = "{tmp_path}/db"\n')
    assert run(tmp_path, "recompute") == 1
    assert "there is no database" in capsys.readouterr().err
    assert not (tmp_path / "db").exists()
