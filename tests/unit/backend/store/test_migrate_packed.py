"""A database whose messages are texts, brought to this program: each comes back as it was, in fewer bytes."""

import sqlite3
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, event, select

from backend.store import migrations
from backend.store.migrate import migrate
from backend.store.payloads import SHAPE, text_of
from backend.store.tables import meter_value, transaction_event
from backend.store.writer import set_up
from shared.metering import ReadingContext
from tests.unit.backend.core.test_packed_readings import meter_values

BEFORE = "0019"
ODD = ("{}", '{"customData":["a"]}', '{"idTag":"\u00e4\u20ac","timestamp":"yesterday","value":007}')
TEXTS = [*map(meter_values, range(2500)), *ODD]


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "db"
    engine = create_engine(f"sqlite:///{path}")
    event.listen(engine, "connect", set_up)
    with engine.begin() as connection:
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(Path(migrations.__file__).parent))
        command.upgrade(config, BEFORE)
    engine.dispose()
    with sqlite3.connect(path) as database:
        insert = "INSERT INTO transaction_event VALUES (NULL, 1, 'Updated', 'm', 0, ?, NULL)"
        database.executemany(insert, [(text,) for text in TEXTS])
        insert = "INSERT INTO meter_value (transaction_id, at, context, energy_wh) VALUES (1, 0, ?, 5)"
        database.executemany(insert, [(context.value,) for context in ReadingContext])
    return path


def test_why_a_reading_was_taken_stays_known(old: Path) -> None:
    migrate(old)
    engine = create_engine(f"sqlite:///{old}")
    with engine.connect() as connection:
        assert connection.scalars(select(meter_value.c.context).order_by(meter_value.c.id)).all() == [*ReadingContext]
        assert connection.exec_driver_sql("SELECT max(length(context)) FROM meter_value").scalar_one() == 1
    engine.dispose()


def test_every_message_comes_back_and_is_still_append_only(old: Path) -> None:
    migrate(old)
    engine = create_engine(f"sqlite:///{old}")
    with engine.connect() as connection:
        rows = connection.execute(select(transaction_event.c.payload, SHAPE).order_by(transaction_event.c.id)).all()
        assert [text_of(row) for row in rows] == TEXTS
        assert len({row.shape for row in rows}) < 5
    engine.dispose()
    with sqlite3.connect(old) as database:
        (size,) = database.execute("SELECT sum(length(CAST(payload AS BLOB))) FROM transaction_event").fetchone()
        assert size < sum(map(len, TEXTS)) / 20
        for change in ("SET payload = ''", "SET shape_id = 2"):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                database.execute(f"UPDATE transaction_event {change}")
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            database.execute("DELETE FROM payload_shape")
