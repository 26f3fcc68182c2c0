"""Copies of the database: whole, proved, and put back with the old one kept."""

import asyncio
import sqlite3
import threading
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from backend.errors import StoreError
from backend.store.backup import back_up, backup_name, prove, prune, restore, serving
from tests.unit.backend.billing_store import add_transaction, billing_store

_NOW = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)


def _silent(_done: int, _all: int) -> None:
    pass


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """One transaction, in a file whose write-ahead log was left behind as by a killed program."""

    async def fill() -> None:
        async with billing_store(tmp_path / "emops.sqlite") as store:
            await add_transaction(store)

    asyncio.run(fill())
    return tmp_path / "emops.sqlite"


def _count(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("SELECT count(*) FROM charging_transaction").fetchone()[0])


def test_a_copy_has_what_was_committed_before_it_and_nobody_else_may_read_it(database: Path, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    with closing(sqlite3.connect(database)) as other:  # as the program that goes on writing
        other.execute("UPDATE charge_point SET name = 'in the log only'")
        other.commit()
        other.execute("BEGIN IMMEDIATE")
        other.execute("UPDATE charge_point SET name = 'never committed'")
        proof = back_up(database, tmp_path / "copy", lambda done, all_: told.append((done, all_)))
    assert (proof.transactions, proof.invoices) == (1, 0)
    assert (tmp_path / "copy").stat().st_mode & 0o777 == 0o600
    assert told[-1][0] == told[-1][1]
    with closing(sqlite3.connect(tmp_path / "copy")) as copy:
        assert copy.execute("SELECT DISTINCT name FROM charge_point").fetchall() == [("in the log only",)]
    assert not list(tmp_path.glob("copy?*")), "a copy is one file"


def test_a_copy_made_while_rows_are_written_is_sound(database: Path, tmp_path: Path) -> None:
    end = threading.Event()

    def write() -> None:
        with closing(sqlite3.connect(database, timeout=30)) as connection:
            while not end.is_set():
                connection.execute(
                    "INSERT INTO recompute_run (at, checked, differences) VALUES (0, 0, hex(zeroblob(9)))"
                )
                connection.commit()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert back_up(database, tmp_path / "copy", _silent).transactions == 1
    finally:
        end.set()
        writer.join()


def test_neither_an_existing_file_is_overwritten_nor_a_missing_database_made(database: Path, tmp_path: Path) -> None:
    (tmp_path / "copy").write_text("precious")
    with pytest.raises(StoreError, match="exists already"):
        back_up(database, tmp_path / "copy", _silent)
    assert (tmp_path / "copy").read_text() == "precious"
    with pytest.raises(StoreError, match="there is no database"):
        back_up(tmp_path / "other", tmp_path / "copy2", _silent)
    assert not (tmp_path / "other").exists()


def test_a_copy_that_can_t_be_finished_leaves_nothing_behind(database: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="can't write"):
        back_up(database, tmp_path / "no folder" / "copy", _silent)

    def break_off(_done: int, _all: int) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(StoreError, match="No space left"):
        back_up(database, tmp_path / "copy", break_off)
    assert not list(tmp_path.glob("copy*"))


@pytest.mark.parametrize("place", [0, 100, 8192])
def test_a_damaged_copy_is_never_put_back(database: Path, tmp_path: Path, place: int) -> None:
    copy = tmp_path / "copy"
    back_up(database, copy, _silent)
    damaged = bytearray(copy.read_bytes())
    damaged[place : place + 64] = b"\xa5" * 64
    copy.write_bytes(damaged)
    with pytest.raises(StoreError, match=r"is damaged|is no database"):
        restore(copy, database, _NOW, _silent)
    assert _count(database) == 1


def test_restore_puts_the_copy_in_place_and_keeps_what_was_there(database: Path, tmp_path: Path) -> None:
    back_up(database, tmp_path / "copy", _silent)
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("UPDATE charge_point SET name = 'later'")
        connection.commit()
    proof, kept = restore(tmp_path / "copy", database, _NOW, _silent)
    assert proof == prove(tmp_path / "copy")
    for path, later in ((database, 0), (kept, 1)):
        with closing(sqlite3.connect(path)) as connection:
            found = connection.execute("SELECT count(*) FROM charge_point WHERE name = 'later'").fetchone()
            assert (found[0] > 0) == bool(later)


def test_a_database_in_use_is_not_replaced_and_not_served_twice(database: Path, tmp_path: Path) -> None:
    back_up(database, tmp_path / "copy", _silent)
    with serving(database):
        with pytest.raises(StoreError, match="in use by another emops-backend: stop that first"):
            restore(tmp_path / "copy", database, _NOW, _silent)
        with pytest.raises(StoreError, match="in use"), serving(database):
            pass
    restore(tmp_path / "copy", database, _NOW, _silent)


def test_of_many_copies_the_newest_stay_and_other_files_are_not_touched(database: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copies"
    folder.mkdir()
    for day in range(1, 6):
        (folder / backup_name(database, _NOW.replace(day=day))).touch()
    (folder / "emops-notes.backup").touch()
    assert [path.name[6:14] for path in prune(database, folder, 2)] == ["20261101", "20261102", "20261103"]
    assert len(list(folder.iterdir())) == 3
