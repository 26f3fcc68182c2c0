"""What people look at, asked of a real database file."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import pytest
from sqlalchemy import Connection, create_engine, text

from backend.store import overview
from backend.store.tables import charging_transaction, evse
from backend.store.writer import open_store
from tests.unit.backend.web.seed import ELSEWHERE, HELD, NOW, RATED, RUNNING, seed, value, write_values

T = TypeVar("T")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    seed(tmp_path / "emops.sqlite")
    return tmp_path / "emops.sqlite"


def ask(path: Path, query: Callable[[Connection], T]) -> T:
    async def story() -> T:
        async with open_store(path) as store:
            return await store.read(query)

    return asyncio.run(story())


def change(path: Path, statement: str, **values: object) -> None:
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        connection.execute(text(statement), values)
    engine.dispose()


def test_totals_count_of_an_older_transaction_only_what_came_since(path: Path) -> None:
    since = NOW - timedelta(hours=3, minutes=30)  # transaction 6 began before, with 4310 Wh since then
    write_values(path, [value(ELSEWHERE, NOW - timedelta(hours=3, minutes=31), 70_310, 6_600)])
    totals = ask(path, lambda connection: overview.totals(connection, since))
    assert totals.energy == 4_000 + 10_736
    assert (totals.started, totals.held) == (1, 1)


def test_totals_of_a_time_without_any_charge_are_zero(path: Path) -> None:
    change(path, "DELETE FROM meter_value")
    totals = ask(path, lambda connection: overview.totals(connection, NOW + timedelta(days=1)))
    assert (totals.energy, totals.started) == (0, 0)


def test_energy_is_that_of_the_end_once_there_is_one_else_of_the_last_value(path: Path) -> None:
    rows = ask(path, lambda connection: overview.transactions(connection, 50))
    energy = {row.id: row.energy for row in rows}
    assert (energy[RATED], energy[RUNNING], energy[HELD]) == (21_480, 10_736, 8_200)


def test_values_that_come_late_do_not_turn_the_last_one_back(path: Path) -> None:
    write_values(path, [value(RUNNING, NOW - timedelta(minutes=30, seconds=5), 1_028_000, 9_000)])
    rows = ask(path, lambda connection: overview.transactions(connection, 50, state="running"))
    assert next(row for row in rows if row.id == RUNNING).energy == 10_736


def test_a_transaction_without_any_value_has_no_energy_rather_than_none_charged(path: Path) -> None:
    change(path, "DELETE FROM meter_value")
    rows = ask(path, lambda connection: overview.transactions(connection, 50, state="running"))
    assert [row.energy for row in rows] == [None, None]


def test_a_transaction_whose_evse_has_no_status_yet_is_shown_all_the_same(path: Path) -> None:
    change(path, f"DELETE FROM {evse.name} WHERE charge_point_id = 'CP-RATHAUS'")
    point = ask(path, lambda connection: overview.find_charge_point(connection, "CP-RATHAUS"))
    assert point is not None
    assert [(one.evse_id, one.running and one.running.id) for one in point.evses] == [(1, RUNNING)]


def test_of_two_that_seem_to_run_at_one_evse_the_newer_is_shown(path: Path) -> None:
    change(path, f"UPDATE {charging_transaction.name} SET state = 'running' WHERE id = :id", id=RATED)
    point = ask(path, lambda connection: overview.find_charge_point(connection, "CP-RATHAUS"))
    assert point is not None
    assert [one.running.id for one in point.evses if one.running] == [RUNNING]


def test_tokens_that_can_not_charge_are_not_offered(path: Path) -> None:
    def usable(longest: int) -> list[str]:
        query = overview.usable_tokens
        return [one.holder for one in ask(path, lambda c: query(c, "CP-RATHAUS", NOW, longest))]

    assert usable(20) == ["Erika Mustermann", "Max Beispiel"]
    assert usable(10) == []


def test_pages_end_where_the_next_begins(path: Path) -> None:
    first = ask(path, lambda connection: overview.transactions(connection, 4))
    second = ask(path, lambda connection: overview.transactions(connection, 4, before=first[-1].id))
    assert [row.id for row in (*first, *second)] == [6, 5, 4, 3, 2, 1]
