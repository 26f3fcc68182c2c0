"""Statements that many messages need: written in SQLAlchemy Core, compiled once, run by the database's own driver.

Building and caching a statement for each run costs 100 to 150 microseconds, many times what SQLite needs to run it. All
else goes through `Connection.execute`.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, Executable
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import result_tuple
from sqlalchemy.exc import DBAPIError

_DIALECT = sqlite.dialect(paramstyle="named")

Converter = Callable[[Any], Any]
"""From a Python value to the driver's, or back. Any: whatever the column's type says."""


class Statement:
    """A statement with named parameters: `bindparam(name)` in Core. The columns' types convert in both directions."""

    def __init__(self, statement: Executable) -> None:
        compiled: Any = statement.compile(dialect=_DIALECT)  # type: ignore[attr-defined]  # executables are elements
        self._sql = str(compiled)
        self._given: dict[str, object] = {}  # values that stand in the statement itself
        self._to_driver: dict[str, Converter] = {}
        for name, bind in compiled.binds.items():
            convert = bind.type.bind_processor(_DIALECT)
            if not bind.required:
                self._given[name] = convert(bind.effective_value) if convert else bind.effective_value
            elif convert:
                self._to_driver[name] = convert
        # Any: SQLAlchemy tells the columns of a result on two kinds of statements, which share no type.
        columns: Any = getattr(statement, "exported_columns", None) or ()
        self._make_row = result_tuple([column.name for column in columns])
        from_driver = [(i, column.type.result_processor(_DIALECT, None)) for i, column in enumerate(columns)]
        self._from_driver: list[tuple[int, Converter]] = [(i, convert) for i, convert in from_driver if convert]

    def run(self, connection: Connection, **values: object) -> int:
        """Run it and tell how many rows it changed."""
        return int(self._execute(connection, values).rowcount)

    def run_all(self, connection: Connection, rows: Iterable[Mapping[str, object]]) -> int:
        """Run it once for each row of values and tell how many rows it changed."""
        return sum([int(self._execute(connection, values).rowcount) for values in rows])

    # Any, below: rows have the columns of the statement, as attributes.

    def all(self, connection: Connection, **values: object) -> list[Any]:
        """Run it and give all rows."""
        return [self._row(row) for row in self._execute(connection, values).fetchall()]

    def first(self, connection: Connection, **values: object) -> Any | None:
        """Run it and give its first row, None where there is none."""
        row = self._execute(connection, values).fetchone()
        return None if row is None else self._row(row)

    def scalar(self, connection: Connection, **values: object) -> Any | None:
        """Run it and give the first column of its first row, None where there is none."""
        row = self.first(connection, **values)
        return None if row is None else row[0]

    def _row(self, raw: tuple[Any, ...]) -> Any:
        if self._from_driver:
            converted = list(raw)
            for i, convert in self._from_driver:
                converted[i] = convert(converted[i])
            return self._make_row(converted)
        return self._make_row(raw)

    def _execute(self, connection: Connection, values: Mapping[str, object]) -> Any:
        bound = {**self._given, **values}
        for name, convert in self._to_driver.items():
            bound[name] = convert(bound[name])
        cursor = connection.connection.cursor()
        try:
            cursor.execute(self._sql, bound)
        except connection.dialect.loaded_dbapi.Error as error:
            kind = connection.dialect.loaded_dbapi.Error
            raise DBAPIError.instance(
                self._sql, None, error, kind, hide_parameters=True, dialect=connection.dialect
            ) from error
        return cursor
