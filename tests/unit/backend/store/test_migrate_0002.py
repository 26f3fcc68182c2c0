"""A database as version 0001 left it, with sessions, an invoice and assignments in it, brought to this program."""

import asyncio
import sqlite3
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, event

from backend.services.apply import apply
from backend.services.master_data import parse_master_data
from backend.store import migrations
from backend.store.migrate import migrate
from backend.store.transactions import list_transactions
from backend.store.writer import open_store, set_up
from tests.unit.backend.world import MASTER, NOW, Station, start

ROWS = """
INSERT INTO operator VALUES ('muster','Muster Strom GmbH','Hauptstr. 1','10115','Berlin','DE','DE123456789',
  'info@example.com','','DE02120300000000202051','','Europe/Berlin','EUR','');
INSERT INTO customer VALUES ('K-1','muster','Erika Beispiel','Nebenweg 2','10117','Berlin','DE','','erika@example.com',
  'de','month',14);
INSERT INTO id_token VALUES ('04A2B3C4','muster','K-1','Erika',0,NULL);
INSERT INTO charge_point VALUES ('CP-1','muster','','','','','','','','','',NULL,NULL);
INSERT INTO evse VALUES ('CP-1',1,'Available','NoError',0);
INSERT INTO tariff_version VALUES ('aaaa','muster','flat',1767222000000,'{}');
INSERT INTO tariff_assignment VALUES (7,'muster','operator','muster','flat'),(8,'muster','customer','K-1','flat'),
  (9,'muster','charge_point','CP-1','flat');
INSERT INTO charging_transaction VALUES
  (1,'CP-1','muster',1,'04A2B3C4',1793000000000,1000,1793003600000,12000,'Local','rated','','aaaa','why',''),
  (2,'CP-1','muster',1,'STRANGER',1793010000000,12000,NULL,NULL,NULL,'held','its token is unknown',NULL,'','');
INSERT INTO transaction_event VALUES (1,1,'Started','m1',0,'{}');
INSERT INTO meter_value VALUES (1,1,1793000000000,'Sample.Periodic',1000,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO rating VALUES (1,1,'aaaa',0,'session ended','{}','5.39','6.41');
INSERT INTO cdr VALUES (1,1,1,'muster','K-1',1793003600000,'{}');
INSERT INTO invoice VALUES (1,'muster','K-1','2026-000001',0,0,0,'EUR','5.39','6.41','{}');
INSERT INTO invoice_cdr VALUES (1,1);
"""


def make_0001(path: Path) -> None:
    engine = create_engine(f"sqlite:///{path}")
    event.listen(engine, "connect", set_up)
    with engine.begin() as connection:
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(Path(migrations.__file__).parent))
        command.upgrade(config, "0001")
    engine.dispose()
    database = sqlite3.connect(path)
    database.executescript(ROWS)
    database.close()


def rows(path: Path, query: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(path)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


@pytest.fixture
def old(tmp_path: Path) -> Path:
    make_0001(tmp_path / "db")
    return tmp_path / "db"


def test_all_rows_are_kept_and_what_was_assigned_stays_assigned(old: Path) -> None:
    assert migrate(old).before == "0001"
    assert rows(old, "SELECT id, scope, target, tariff_id, valid_from, valid_to FROM tariff_assignment") == [
        (7, "operator", "muster", "flat", 0, None),
        (8, "customer", "K-1", "flat", 0, None),
        (9, "charge_point", "CP-1", "flat", 0, None),
    ]
    assert rows(old, "SELECT id, state, tariff_version_id, contract_id, rerate_reason FROM charging_transaction") == [
        (1, "rated", "aaaa", "K-1", ""),
        (2, "held", None, "", ""),
    ]
    assert rows(old, "SELECT ocpp, station_key, notes FROM charging_transaction") == [("1.6", "", "")] * 2
    assert rows(old, "SELECT total_gross, inputs FROM rating") == [("6.41", "")]
    assert rows(old, "SELECT count(*) FROM invoice_cdr") == [(1,)]
    assert rows(old, "SELECT count(*) FROM unbilled_cdr") == [(0,)]
    assert rows(old, "PRAGMA foreign_key_check") == []


def test_versions_of_tariffs_can_be_changed_no_more(old: Path) -> None:
    migrate(old)
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        rows(old, "UPDATE tariff_version SET body = '{\"id\": 1}'")


def test_the_next_session_is_priced_by_what_was_assigned_before(old: Path) -> None:
    migrate(old)

    async def scenario() -> None:
        async with open_store(old) as store:
            await Station(store).call("StartTransaction", start())
            newest = (await store.read(list_transactions))[0]
            assert "tariff flat of customer K-1" in newest.tariff_reason
            added = MASTER[: MASTER.index("[[tariff]]")]
            await store.write(lambda unit: apply(unit, parse_master_data(added), NOW))

    asyncio.run(scenario())
