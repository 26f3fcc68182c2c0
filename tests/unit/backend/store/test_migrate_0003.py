"""A database as version 0002 left it, with billed, unbilled, free and corrected sessions, brought to this program."""

import asyncio
import sqlite3
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, event

from backend.core.invoices.billing_period import Source
from backend.store import migrations
from backend.store.migrate import migrate
from backend.store.price_series import load_prices
from backend.store.unbilled import unbilled
from backend.store.writer import open_store, set_up

START = 1_793_000_000_000
ROWS = f"""
INSERT INTO operator VALUES ('muster','Muster Strom GmbH','Hauptstr. 1','10115','Berlin','DE','DE123456789',
  'info@example.com','','DE02120300000000202051','','Europe/Berlin','EUR','');
INSERT INTO customer VALUES ('K-1','muster','Erika Beispiel','Nebenweg 2','10117','Berlin','DE','','erika@example.com',
  'de','month',14,NULL,'','');
INSERT INTO id_token VALUES ('04A2B3C4','muster','K-1','Erika',0,NULL,NULL,NULL,'');
INSERT INTO charge_point VALUES ('CP-1','muster','','','','','','','','','',NULL,NULL,'');
INSERT INTO tariff_version VALUES ('aaaa','muster','flat',0,'{{}}');
INSERT INTO price_point VALUES (1,'DE-LU',{START},'41.2','market.csv',0);
INSERT INTO charging_transaction (id, charge_point_id, operator_id, evse_id, id_token, started_at, meter_start,
  ended_at, meter_stop, state, tariff_version_id, contract_id, rerate_reason)
  SELECT value, 'CP-1', 'muster', 1, '04A2B3C4', {START} + value, value, {START} + value, value, 'rated', 'aaaa', 'K-1',
  CASE value WHEN 1 THEN 'by hand' ELSE '' END FROM json_each('[1,2,3,4,5]');
UPDATE charging_transaction SET held_reason = 'two ends; rated again (by hand) after invoice 2026-000001: 3.57 '
  || 'instead of 2.38 EUR; the difference of 1.19 EUR is on no invoice yet' WHERE id = 4;
INSERT INTO rating (id, transaction_id, tariff_version_id, created_at, reason, body, total_net, total_gross) VALUES
  (1,1,'aaaa',0,'session ended','{{}}','5.39','6.41'), (2,2,'aaaa',0,'session ended','{{}}','1.00','1.19'),
  (3,3,'aaaa',0,'session ended','{{}}','0.00','0.00'), (4,4,'aaaa',0,'session ended','{{}}','2.00','2.38'),
  (5,4,'aaaa',9,'by hand','{{}}','3.00','3.57'), (6,5,'aaaa',0,'session ended','{{}}','4.00','4.76'),
  (7,5,'aaaa',9,'by hand','{{}}','8.00','9.52'), (8,5,'aaaa',9,'by hand','{{}}','4.00','4.76');
INSERT INTO cdr SELECT id, id, CASE id WHEN 5 THEN 6 ELSE id END, 'muster', 'K-1', {START}, '{{}}'
  FROM charging_transaction;
INSERT INTO cdr_correction VALUES (1,4,1,5,9,'{{}}','{{}}'), (2,5,1,7,9,'{{}}','{{}}'), (3,5,2,8,10,'{{}}','{{}}');
INSERT INTO invoice VALUES (1,'muster','K-1','2026-000001',0,0,0,'EUR','11.39','13.55','{{}}');
INSERT INTO invoice_cdr VALUES (1,1,1), (4,1,NULL), (5,1,6);
"""


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "db"
    engine = create_engine(f"sqlite:///{path}")
    event.listen(engine, "connect", set_up)
    with engine.begin() as connection:
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(Path(migrations.__file__).parent))
        command.upgrade(config, "0002")
    engine.dispose()
    database = sqlite3.connect(path)
    database.executescript(ROWS)
    database.close()
    return path


def rows(path: Path, query: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(path)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def test_what_is_on_no_invoice_or_was_rated_again_since_is_listed(old: Path) -> None:
    """1 is billed, 2 is not, 3 costs nothing, 4 was rated again after its invoice, 5 too, and back again."""
    assert migrate(old).before == "0002"
    assert rows(old, "SELECT cdr_id FROM unbilled_cdr ORDER BY cdr_id") == [(2,), (4,)]
    assert rows(old, "SELECT held_reason FROM charging_transaction WHERE id = 4") == [("two ends",)]
    assert rows(old, "SELECT type_code, total_gross FROM invoice") == [("380", "13.55")]
    assert rows(old, "PRAGMA foreign_key_check") == []

    async def scenario() -> None:
        async with open_store(old) as store:
            found = await store.read(lambda unit: unbilled(unit, datetime(2027, 1, 1, tzinfo=UTC)))
        assert [(one.id, one.source) for one in found] == [(2, Source.SESSION), (4, Source.CORRECTION)]

    asyncio.run(scenario())


def test_series_of_before_go_on_to_serve_all_operators(old: Path) -> None:
    migrate(old)
    at = datetime.fromtimestamp(START / 1000, UTC)

    async def scenario() -> None:
        async with open_store(old) as store:
            prices = await store.read(lambda unit: load_prices(unit, "muster", "DE-LU", at, at))
            assert prices == {at: Decimal("41.2")}

    asyncio.run(scenario())


def test_what_was_billed_can_be_changed_no_more(old: Path) -> None:
    migrate(old)
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        rows(old, "UPDATE invoice SET type_code = '381'")
