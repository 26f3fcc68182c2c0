"""`emops-backend audit verify` on a real database, as it is and after somebody has been at it."""

import asyncio
import logging
import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from backend.__main__ import main
from backend.core.invoices.einvoice import write_einvoice
from backend.core.invoices.invoice import Invoice
from backend.core.rates.rating import Policy
from backend.core.record import from_json
from backend.jobs.issue_invoices import BillingSettings, InvoiceIssuer
from backend.jobs.rate_ended import rate_ended
from backend.store.migrate import migrate
from backend.store.reversals import ByHand, cancel, credit
from shared.clock import ManualClock
from tests.unit.backend.billing_example import EVENING
from tests.unit.backend.billing_store import add_transaction, billing_store, invoices
from tests.unit.backend.einvoice_rules import official_findings


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    handlers = logging.getLogger().handlers[:]
    yield
    logging.getLogger().handlers[:] = handlers


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Three invoices, one a day."""

    async def fill() -> None:
        clock = ManualClock(EVENING)
        async with billing_store(tmp_path / "db") as store:
            for day in range(3):
                await add_transaction(store, start=EVENING + timedelta(days=day))
                clock.advance(86_400)
                await rate_ended(store, clock, Policy())
                await InvoiceIssuer(store, clock, BillingSettings()).run()

    asyncio.run(fill())
    (tmp_path / "backend.toml").write_text(f'[store]\npath = "{tmp_path}/db"\n')
    return tmp_path / "db"


def verify(database: Path) -> int:
    return main(["audit", "verify", "--config", str(database.parent / "backend.toml")])


def tamper(database: Path, *statements: str) -> None:
    connection = sqlite3.connect(database)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


def without_triggers(table: str, statement: str) -> list[str]:
    """Change an append-only table as somebody with the file in hand can: and leave no trace of it."""
    triggers = [(f"{table}_refuses_{verb}", verb.upper()) for verb in ("update", "delete")]
    again = [
        f"CREATE TRIGGER {name} BEFORE {verb} ON {table} BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        for name, verb in triggers
    ]
    return [*(f"DROP TRIGGER {name}" for name, _ in triggers), statement, *again]


def test_what_was_issued_is_proved_and_the_head_is_told(database: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify(database) == 0
    told = capsys.readouterr()
    assert told.err == ""
    assert "operator acme: 3 invoices, 7 entries in the chain, all is as it was issued; head of the chain " in told.out
    connection = sqlite3.connect(database)
    (head,) = connection.execute("SELECT hash FROM chain ORDER BY seq DESC LIMIT 1").fetchone()
    assert told.out.strip().endswith(head)
    connection.close()


def test_the_einvoice_is_stored_with_its_invoice(database: Path) -> None:
    async def bodies() -> list[str]:
        async with billing_store(database) as store:
            return [row.body for row in await invoices(store)]

    connection = sqlite3.connect(database)
    stored = [row[0] for row in connection.execute("SELECT xml FROM invoice_document ORDER BY invoice_id")]
    connection.close()
    assert stored == [write_einvoice(from_json(Invoice, body)) for body in asyncio.run(bodies())]
    assert [official_findings(xml) for xml in stored] == [[], [], []]


@pytest.mark.parametrize(
    ("statements", "told"),
    [
        (
            without_triggers("invoice", "UPDATE invoice SET total_gross = '0.01' WHERE id = 2"),
            "RE-2026-000002: it was changed",
        ),
        (
            without_triggers("invoice_document", "DELETE FROM invoice_document WHERE invoice_id = 2"),
            "RE-2026-000002: its e-invoice was changed",
        ),
        (without_triggers("chain", "DELETE FROM chain WHERE seq = 6"), "RE-2026-000003: it is not in the chain"),
        (without_triggers("chain", "DELETE FROM chain WHERE seq = 6"), "the chain goes from entry 5 to entry 7"),
        (
            without_triggers("chain", "UPDATE chain SET sha256 = 'x' WHERE seq = 1"),
            "entry 1 (tariff.version day-night@",
        ),
        (
            without_triggers("tariff_version", "UPDATE tariff_version SET body = replace(body, '0.39', '0.38')"),
            "was changed: the chain has another content of it",
        ),
        (
            ["PRAGMA foreign_keys = OFF", *without_triggers("invoice", "DELETE FROM invoice WHERE id = 3")],
            "RE-2026-000003: the chain has it, but it is gone",
        ),
        (
            ["UPDATE invoice_pdf SET content = x'00' WHERE invoice_id = 1"],
            "invoice.pdf RE-2026-000001 is not in the chain",
        ),
        (["UPDATE invoice_series SET last_number = 4"], "numbers of kind invoice in 2026: of 1 to 4 there is no 4"),
        (["DROP TRIGGER invoice_refuses_update"], "the trigger invoice_refuses_update, which"),
    ],
)
def test_what_was_changed_by_hand_is_found(
    database: Path, capsys: pytest.CaptureFixture[str], statements: list[str], told: str
) -> None:
    tamper(database, *statements)
    assert verify(database) == 1
    assert told in capsys.readouterr().err


def test_an_empty_database_has_nothing_to_prove(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "backend.toml").write_text(f'[store]\npath = "{tmp_path}/db"\n')
    assert verify(tmp_path / "db") == 1
    assert "there is no database" in capsys.readouterr().err
    migrate(tmp_path / "db")
    assert verify(tmp_path / "db") == 0
    assert capsys.readouterr() == ("", "")


@pytest.fixture
def with_storno(database: Path) -> Path:
    """The second of the invoices was cancelled, and a part of the first given back."""

    async def work() -> None:
        now = EVENING + timedelta(days=5)
        async with billing_store(database) as store:
            await store.write(lambda unit: cancel(unit, ByHand("RE-2026-000002", "Probe"), now))
            await store.write(lambda unit: credit(unit, ByHand("RE-2026-000001", "gestört"), {1: Decimal(1)}, now))

    asyncio.run(work())
    return database


def test_storno_and_credit_notes_are_proved_too(with_storno: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify(with_storno) == 0
    tamper(with_storno, *without_triggers("invoice_cancellation", "DELETE FROM invoice_cancellation"))
    tamper(with_storno, *without_triggers("invoice_credit", "DELETE FROM invoice_credit"))
    assert verify(with_storno) == 1
    told = capsys.readouterr().err
    assert "ST-2026-000001: it is a Storno, but the database knows no document that it cancels" in told
    assert "RE-K-2026-000001: it is a credit note by hand, but the database knows no line" in told


def test_a_storno_of_another_document_is_found(with_storno: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tamper(with_storno, *without_triggers("invoice_cancellation", "UPDATE invoice_cancellation SET invoice_id = 1"))
    assert verify(with_storno) == 1
    assert "ST-2026-000001: it cancels RE-2026-000001, but names another document" in capsys.readouterr().err


def test_what_stands_on_two_documents_is_found(with_storno: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tamper(
        with_storno,
        "DROP TRIGGER invoice_cdr_once",
        "INSERT INTO invoice_cdr (cdr_id, invoice_id, rating_id) VALUES (1, 3, 1)",
    )
    assert verify(with_storno) == 1
    told = capsys.readouterr().err
    assert "session (CDR) 1 stands on RE-2026-000001, RE-2026-000003, none of which is cancelled" in told
    assert "invoice_cdr_once" in told
