import sqlite3
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine

from backend.errors import SchemaError
from backend.store.migrate import Migration, migrate
from backend.store.tables import APPEND_ONLY, metadata


def test_a_fresh_file_gets_exactly_the_tables_that_the_code_uses(tmp_path: Path) -> None:
    assert migrate(tmp_path / "db").before is None
    engine = create_engine(f"sqlite:///{tmp_path}/db")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_a_second_run_changes_nothing(tmp_path: Path) -> None:
    first = migrate(tmp_path / "db")
    assert migrate(tmp_path / "db") == Migration(first.after, first.after)


@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.parametrize("change", ["UPDATE {} SET rowid = rowid", "DELETE FROM {}"])
def test_append_only_tables_refuse_changes(tmp_path: Path, table: str, change: str) -> None:
    migrate(tmp_path / "db")
    connection = sqlite3.connect(tmp_path / "db")
    columns = [(row[1], row[2]) for row in connection.execute(f"PRAGMA table_info({table})")]
    marks = ", ".join("?" for _ in columns)
    connection.execute(f"INSERT INTO {table} VALUES ({marks})", list(range(1, len(columns) + 1)))
    with pytest.raises(sqlite3.IntegrityError, match=f"{table} is append-only"):
        connection.execute(change.format(table))
    connection.close()


def test_a_file_of_a_newer_program_is_refused_and_left_alone(tmp_path: Path) -> None:
    migrate(tmp_path / "db")
    connection = sqlite3.connect(tmp_path / "db", isolation_level=None)
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(SchemaError, match=r"newer emops \(schema 9999"):
        migrate(tmp_path / "db")
    assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [("9999",)]
    connection.close()


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "db").write_text("this is a shopping list, not a database " * 50)
    with pytest.raises(SchemaError, match=r"db.*not a database"):
        migrate(tmp_path / "db")


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match=r"absent/db.*folder"):
        migrate(tmp_path / "absent" / "db")


def test_a_percent_sign_in_the_path_is_just_a_character(tmp_path: Path) -> None:
    folder = tmp_path / "50%s"
    folder.mkdir()
    assert migrate(folder / "db").before is None
