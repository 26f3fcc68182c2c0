"""A database as version 0005 left it, with invoices of two operators, brought to this program."""

import asyncio
import sqlite3
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, event

from backend.core.invoices.invoice import Invoice, Output
from backend.core.record import from_json, to_json
from backend.services.audit import verify
from backend.store import migrations
from backend.store.invoices import load_debtor
from backend.store.migrate import migrate
from backend.store.writer import open_store, set_up
from tests.unit.backend.core.invoices.test_audit import row_of
from tests.unit.backend.einvoice_documents import KINDS

OPERATORS = ("acme", "other")


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "db"
    engine = create_engine(f"sqlite:///{path}")
    event.listen(engine, "connect", set_up)
    with engine.begin() as connection:
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(Path(migrations.__file__).parent))
        command.upgrade(config, "0005")
    engine.dispose()
    database = sqlite3.connect(path)
    for operator in OPERATORS:
        database.execute(
            "INSERT INTO operator VALUES (?,'Muster','Hauptstr. 1','10115','Berlin','DE','DE123456789',"
            "'info@example.com','','DE02120300000000202051','','Europe/Berlin','EUR','RE')",
            (operator,),
        )
        database.execute("INSERT INTO invoice_series VALUES (?,'invoice',2026,2)", (operator,))
    database.execute(
        "INSERT INTO customer VALUES ('C-1001','acme','Erika','Weg 2','10117','Berlin','DE','','erika@example.com',"
        "'de','month',14,NULL,'','')"
    )
    for i, number in enumerate(("RE-2026-000001", "RE-2026-000002")):
        for operator in OPERATORS:
            row = row_of(from_json(Invoice, _as_of_then(number))) | {"operator_id": operator, "issued_at": i}
            names = ", ".join(row)
            database.execute(f"INSERT INTO invoice ({names}) VALUES ({', '.join('?' * len(row))})", [*row.values()])
    database.commit()
    database.close()
    return path


def _as_of_then(number: str) -> str:
    """Give a document without the fields that came later."""
    text = to_json(KINDS["one session"](Output.PDF)).replace("RE-2026-000042", number)
    return text.replace(',"output":"pdf","buyer_reference":"C-1001","order_number":"","sample":false', "")


def test_invoices_of_before_are_chained_and_proved_without_an_einvoice(old: Path) -> None:
    assert migrate(old).before == "0005"

    async def check() -> list[tuple[bool, str]]:
        async with open_store(old) as store:
            return await store.read(lambda connection: list(verify(connection)))

    lines = asyncio.run(check())
    assert [good for good, _ in lines] == [True, True], lines
    assert all("2 invoices, 2 entries in the chain, all is as it was issued" in line for _, line in lines)
    database = sqlite3.connect(old)
    assert database.execute("SELECT operator_id, seq, ref FROM chain ORDER BY operator_id, seq").fetchall() == [
        (operator, seq, f"RE-2026-{seq:06}") for operator in OPERATORS for seq in (1, 2)
    ]
    assert database.execute("SELECT count(*) FROM invoice_document").fetchone() == (0,)
    database.close()


def test_an_invoice_of_before_is_read_as_paper_and_its_customer_gets_the_hybrid_from_now_on(old: Path) -> None:
    migrate(old)
    assert from_json(Invoice, _as_of_then("RE-2026-000001")).output is Output.PDF

    async def output() -> Output:
        async with open_store(old) as store:
            return (await store.read(lambda connection: load_debtor(connection, "C-1001"))).account.output

    assert asyncio.run(output()) is Output.HYBRID
