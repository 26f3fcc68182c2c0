import asyncio
import io
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import facturx
import pytest
from pypdf import PdfReader

from backend.core.rates.rating import Policy
from backend.jobs.issue_invoices import BillingSettings, InvoiceIssuer
from backend.jobs.rate_ended import rate_ended
from backend.jobs.relay import MailSettings
from backend.jobs.render_invoices import InvoiceRenderer
from backend.store.writer import Store
from shared.clock import ManualClock
from tests.unit.backend.billing_example import EVENING
from tests.unit.backend.billing_store import (
    Mailbox,
    add_transaction,
    billing_store,
    mail_settings,
    make_mailer,
    open_mailbox,
    outbox,
    rendered,
    send_letters,
)
from tests.unit.backend.einvoice_rules import german_findings, official_findings

NEXT_DAY = EVENING + timedelta(days=1)
MESSAGE_ID = "<inv.RE-2026-000001.1.66333966@example.com>"


def with_invoice(
    tmp_path: Path,
    test: Callable[[Store, ManualClock, Mailbox], Awaitable[None]],
    *,
    sample: bool = False,
    **customer: str,
) -> None:
    """Run a test with an issued invoice and an empty mailbox."""

    async def run() -> None:
        clock = ManualClock(NEXT_DAY)
        async with billing_store(tmp_path / "emops.db", customer=customer) as store, open_mailbox(Mailbox()) as box:
            await add_transaction(store)
            await rate_ended(store, clock, Policy())
            await InvoiceIssuer(store, clock, BillingSettings(), sample=sample).run()
            await InvoiceRenderer(store, clock, 1.0).run()
            await test(store, clock, box)

    asyncio.run(run())


def test_invoice_arrives_with_its_pdf(tmp_path: Path) -> None:
    async def check(store: Store, clock: ManualClock, box: Mailbox) -> None:
        assert await send_letters(store, clock, mail_settings(box)) is None
        (mail,) = box.mails
        assert mail["Subject"] == "Rechnung RE-2026-000001 von Stadtlicht Laden GmbH"
        assert mail["To"] == "Erika Mustermann <erika@example.com>"
        assert mail["Message-ID"] == MESSAGE_ID
        for kind in ("plain", "html"):
            text = mail.get_body((kind,))
            assert text is not None
            assert "über 12,56 € für Ihre Ladevorgänge vom 15.10.2026" in text.get_content()
        assert mail["Auto-Submitted"] == "auto-generated"
        (attachment,) = mail.iter_attachments()
        assert attachment.get_filename() == "RE-2026-000001.pdf"
        assert attachment.get_content().startswith(b"%PDF")
        (row,) = await outbox(store)
        assert (row.state, row.tries, row.sent_at) == ("sent", 1, NEXT_DAY)
        assert await rendered(store) == [attachment.get_content()]

    with_invoice(tmp_path, check)


def test_demonstration_is_marked(tmp_path: Path) -> None:
    async def check(store: Store, clock: ManualClock, box: Mailbox) -> None:
        await send_letters(store, clock, mail_settings(box), 60.0)
        assert box.mails[0]["Subject"].startswith("[MUSTER / SAMPLE] ")

    with_invoice(tmp_path, check, sample=True)


def test_without_mail_server_the_pdf_is_made_and_the_mail_waits(tmp_path: Path) -> None:
    async def check(store: Store, clock: ManualClock, box: Mailbox) -> None:
        assert await send_letters(store, clock, MailSettings()) is None
        (row,) = await outbox(store)
        assert (row.state, row.tries) == ("queued", 0)
        (pdf,) = await rendered(store)
        assert pdf is not None
        assert pdf.startswith(b"%PDF")

    with_invoice(tmp_path, check)


def test_server_that_is_down_gets_the_same_mail_later(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def check(store: Store, clock: ManualClock, box: Mailbox) -> None:
        mailer = make_mailer(store, clock, mail_settings(box, port=1))
        for pause in (60, 300, 900, 3600, 3600):
            assert await mailer.run() == clock.utc() + timedelta(seconds=pause)
            clock.advance(pause)
        (row,) = await outbox(store)
        assert (row.state, row.tries) == ("retry", 0)
        assert "Connect" in row.last_text
        assert caplog.text.count("mail_server_down") == 1
        await send_letters(store, clock, mail_settings(box))
        assert box.message_ids == [MESSAGE_ID]

    with_invoice(tmp_path, check)


def test_pauses_are_real_time_in_a_demonstration(tmp_path: Path) -> None:
    async def check(store: Store, clock: ManualClock, box: Mailbox) -> None:
        assert await send_letters(store, clock, mail_settings(box, port=1), 60.0) == NEXT_DAY + timedelta(hours=1)

    with_invoice(tmp_path, check)


def test_mail_is_not_tried_before_its_time(tmp_path: Path) -> None:
    async def check(store: Store, clock: ManualClock, box: Mailbox) -> None:
        box.answers = ["451 greylisted"]
        mailer = make_mailer(store, clock, mail_settings(box))
        await mailer.run()
        clock.advance(59)
        await mailer.run()
        assert box.mails == []
        clock.advance(1)
        await mailer.run()
        assert len(box.mails) == 1
        (row,) = await outbox(store)
        assert (row.state, row.tries, row.last_code) == ("sent", 2, 250)

    with_invoice(tmp_path, check)


def test_unknown_recipient_bounces_at_once_and_the_operator_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def check(store: Store, clock: ManualClock, box: Mailbox) -> None:
        box.refused = {"erika@example.com"}
        mailer = make_mailer(store, clock, mail_settings(box))
        await mailer.run()
        clock.advance(100_000)
        await mailer.run()
        row, alert = await outbox(store)
        assert (row.state, row.tries, row.last_code) == ("bounced", 1, 550)
        assert "no such user" in row.last_text
        assert "mail_bounced" in caplog.text
        assert alert.state == "sent"
        (mail,) = box.mails
        assert mail["To"] == "rechnung@example.com"
        assert mail["Subject"] == "Bitte prüfen: Ein Brief kam nicht an: RE-2026-000001"
        body = mail.get_body(("plain",))
        assert body is not None
        assert "erika@example.com: 550 no such user" in body.get_content()

    with_invoice(tmp_path, check)


def test_message_that_is_refused_for_good_is_failed(tmp_path: Path) -> None:
    async def check(store: Store, clock: ManualClock, box: Mailbox) -> None:
        box.answers = ["554 too large"]
        await send_letters(store, clock, mail_settings(box))
        assert [row.state for row in await outbox(store)] == ["bounced", "sent"]

    with_invoice(tmp_path, check)


def test_last_try_fails_the_mail(tmp_path: Path) -> None:
    async def check(store: Store, clock: ManualClock, box: Mailbox) -> None:
        box.answers = ["451 later", "451 still later"]
        mailer = make_mailer(store, clock, mail_settings(box, attempts=2))
        await mailer.run()
        clock.advance(60)
        await mailer.run()
        assert [(row.state, row.tries) for row in await outbox(store)] == [("failed", 2), ("sent", 1)]

    with_invoice(tmp_path, check)


def test_two_mailers_send_it_once(tmp_path: Path) -> None:
    async def check(store: Store, clock: ManualClock, box: Mailbox) -> None:
        await asyncio.gather(*(make_mailer(store, clock, mail_settings(box)).run() for _ in range(3)))
        assert len(box.mails) == 1

    with_invoice(tmp_path, check)


def test_a_public_body_gets_its_xrechnung_and_no_pdf(tmp_path: Path) -> None:
    async def check(store: Store, clock: ManualClock, box: Mailbox) -> None:
        await send_letters(store, clock, mail_settings(box))
        (attachment,) = box.mails[0].iter_attachments()
        assert (attachment.get_filename(), attachment.get_content_type()) == ("RE-2026-000001.xml", "application/xml")
        xml = attachment.get_content()
        assert official_findings(xml) == []
        assert german_findings(xml) == []
        (pdf,) = await rendered(store)
        assert facturx.get_xml_from_pdf(pdf, False, False) == ("xrechnung.xml", xml)

    with_invoice(tmp_path, check, output="xrechnung")


@pytest.mark.parametrize(("output", "files"), [("hybrid", 1), ("pdf", 0)])
def test_the_pdf_has_the_einvoice_inside_unless_paper_is_wanted(tmp_path: Path, output: str, files: int) -> None:
    async def check(store: Store, clock: ManualClock, box: Mailbox) -> None:
        await send_letters(store, clock, mail_settings(box))
        (attachment,) = box.mails[0].iter_attachments()
        assert len(PdfReader(io.BytesIO(attachment.get_content())).attachments) == files

    with_invoice(tmp_path, check, output=output)
