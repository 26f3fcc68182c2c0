from datetime import UTC, datetime

import pytest
from sqlalchemy import (
    Column,
    Connection,
    Integer,
    MetaData,
    Table,
    Text,
    bindparam,
    create_engine,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from backend.store.sql import Statement
from backend.store.tables import Instant

EVENING = datetime(2026, 10, 31, 18, 40, tzinfo=UTC)

note = Table(
    "note",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("at", Instant),
    Column("body", Text, nullable=False),
    Column("kind", Text, nullable=False),
)

ADD = Statement(
    insert(note).values(at=bindparam("at"), body=bindparam("body"), kind="plain").returning(note.c.id, note.c.at)
)
PUT = Statement(insert(note).values(at=bindparam("at"), body=bindparam("body"), kind="put"))
SINCE = Statement(
    select(note.c.at, note.c.body.label("words")).where(note.c.at >= bindparam("since")).order_by(note.c.id)
)
MOVE = Statement(update(note).where(note.c.body == bindparam("which")).values(at=bindparam("at", type_=Instant())))


@pytest.fixture
def connection() -> Connection:
    engine = create_engine("sqlite://", hide_parameters=True)
    note.metadata.create_all(engine)
    return engine.connect()


def test_values_are_converted_both_ways_and_rows_have_names(connection: Connection) -> None:
    with connection:
        added = ADD.first(connection, at=EVENING, body="a")
        assert added
        assert (added.id, added.at) == (1, EVENING)
        PUT.run_all(connection, [{"at": None, "body": "b"}, {"at": EVENING, "body": "c"}])
        assert [(row.at, row.words) for row in SINCE.all(connection, since=EVENING)] == [(EVENING, "a"), (EVENING, "c")]
        assert connection.execute(select(note.c.kind).order_by(note.c.id)).scalars().all() == ["plain", "put", "put"]


def test_it_tells_how_many_rows_changed_and_when_there_is_none(connection: Connection) -> None:
    with connection:
        assert SINCE.first(connection, since=EVENING) is None
        assert SINCE.scalar(connection, since=EVENING) is None
        PUT.run(connection, at=None, body="a")
        assert MOVE.run(connection, which="a", at=EVENING) == 1
        assert MOVE.run(connection, which="b", at=EVENING) == 0
        assert SINCE.scalar(connection, since=EVENING) == EVENING


def test_an_error_is_one_of_sqlalchemy_and_tells_no_values(connection: Connection) -> None:
    with connection:
        with pytest.raises(IntegrityError) as caught:
            PUT.run(connection, at=None, body=None)
        PUT.run(connection, at=EVENING, body="SECRET")
        assert "SECRET" not in str(caught.value)
        assert "NOT NULL" in str(caught.value)


def test_a_value_that_is_missing_is_a_mistake(connection: Connection) -> None:
    with connection, pytest.raises(KeyError):
        PUT.run(connection, body="a")
