"""A database with mails of before, brought to this program: nothing is lost, nothing is sent twice."""

import asyncio
import sqlite3
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, event

from backend.core.invoices.invoice import Output
from backend.core.invoices.letter import State
from backend.core.record import to_json
from backend.jobs.relay import MailSettings
from backend.store import migrations, outbox
from backend.store.migrate import migrate
from backend.store.writer import Store, open_store, set_up
from shared.clock import ManualClock
from tests.unit.backend.billing_example import EVENING
from tests.unit.backend.billing_store import Mailbox, mail_settings, open_mailbox, rendered, send_letters
from tests.unit.backend.core.invoices.test_audit import row_of
from tests.unit.backend.einvoice_documents import KINDS

BEFORE = "0008"
MAILS = (
    ("sent", 1, 5, b"%PDF sent"),
    ("pending", 2, None, b"%PDF tried"),
    ("failed", 1, None, b"%PDF failed"),
    ("pending", 0, None, None),
)


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
        database.execute(
            "INSERT INTO operator (id, name, street, postcode, city, country, vat_id, email, phone, iban, bic,"
            " timezone, currency, invoice_prefix) VALUES ('acme','Muster','Hauptstr. 1','10115','Berlin','DE',"
            "'DE123456789','info@example.com','','DE02120300000000202051','','Europe/Berlin','EUR','RE')"
        )
        database.execute(
            "INSERT INTO customer (id, operator_id, name, street, postcode, city, country, vat_id, email, language,"
            " cycle, payment_days) VALUES ('C-1001','acme','Erika','Weg 2','10117','Berlin','DE','',"
            "'erika@example.com','de','month',14)"
        )
        for i, (state, attempts, sent_at, pdf) in enumerate(MAILS, start=1):
            document = KINDS["one session"](Output.PDF)
            row = row_of(document) | {"operator_id": "acme", "customer_id": "C-1001", "issued_at": i, "id": i}
            row |= {"number": f"RE-2026-{i:06}", "body": to_json(document).replace(document.number, f"RE-2026-{i:06}")}
            database.execute(
                f"INSERT INTO invoice ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", [*row.values()]
            )
            database.execute(
                "INSERT INTO mail_outbox (invoice_id, message_id, recipient, state, attempts, next_try_at, sent_at,"
                " last_error, attachment) VALUES (?,?,?,?,?,?,?,?,?)",
                (i, f"<{i}@example.com>", "erika@example.com", state, attempts, 7, sent_at, f"said {i}", pdf),
            )
    database.close()
    return path


def test_what_waits_is_sent_with_its_message_id_and_its_pdf(old: Path) -> None:
    assert migrate(old).before == BEFORE

    async def run() -> None:
        async with open_store(old) as store, open_mailbox(Mailbox()) as box:
            before = await _states(store)
            await send_letters(store, ManualClock(EVENING), mail_settings(box))
            after, pdfs = await _states(store), await rendered(store)
        assert before == [State.SENT, State.RETRY, State.FAILED, State.QUEUED]
        assert after == [State.SENT, State.SENT, State.FAILED, State.SENT]
        assert box.message_ids == ["<2@example.com>", "<4@example.com>"]
        first, second = ([part.get_content() for part in mail.iter_attachments()] for mail in box.mails)
        assert first == [b"%PDF tried"]
        assert second == [pdfs[3]]
        assert box.mails[1]["Subject"] == "Rechnung RE-2026-000004 von Muster"

    asyncio.run(run())


def test_an_old_mail_is_sent_again_as_the_next_generation(old: Path) -> None:
    migrate(old)

    async def run() -> None:
        async with open_store(old) as store:
            new = await store.write(lambda unit: outbox.resend(unit, 3, EVENING))
            letter = await store.read(lambda unit: outbox.find(unit, new))
            await send_letters(store, ManualClock(EVENING), MailSettings())
            files = await store.read(lambda unit: outbox.read_files(unit, new))
        assert letter is not None
        assert (letter.letter.generation, letter.state) == (2, State.QUEUED)
        assert [(file.name, file.content) for file in files] == [("RE-2026-000003.pdf", b"%PDF failed")]

    asyncio.run(run())


async def _states(store: Store) -> list[State]:
    return [one.state for one in reversed(await store.read(outbox.list_letters))]
