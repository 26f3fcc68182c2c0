import asyncio
import io
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import aiosmtplib
import facturx
import pytest
from pypdf import PdfReader

from backend.core.rating import Policy
from backend.jobs.issue_invoices import BillingSettings, InvoiceIssuer
from backend.jobs.rate_ended import rate_ended
from backend.jobs.send_mail import Mailer, MailSettings, Refusal, refusal_of
from backend.store.writer import Store
from shared.clock import ManualClock
from tests.unit.backend.billing_example import EVENING
from tests.unit.backend.billing_store import (
    Mailbox,
    add_transaction,
    billing_store,
    mail_settings,
    open_mailbox,
    outbox,
)
from tests.unit.backend.einvoice_rules import german_findings, official_findings

NEXT_DAY = EVENING + timedelta(days=1)


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
            await test(store, clock, box)

    asyncio.run(run())


def test_invoice_arrives_with_its_pdf(tmp_path: Path) -> None:
    async def check(store: Store, clock: ManualClock, box: Mailbox) -> None:
        assert await Mailer(store, clock, mail_settings(box), 1.0).run() is None
        (mail,) = box.mails
        assert mail["Subject"] == "Rechnung RE-2026-000001 von Stadtlicht Laden GmbH"
        assert mail["To"] == "Erika Mustermann <erika@example.com>"
        assert mail["Message-ID"] == "<RE-2026-000001.acme@example.com>"
        text = mail.get_body()
        assert text is not None
        assert "über 12,56 € für Ihre Ladevorgänge vom 15.10.2026" in text.get_content()
        (attachment,) = mail.iter_attachments()
        assert attachment.get_filename() == "RE-2026-000001.pdf"
        assert attachment.get_content().startswith(b"%PDF")
        (row,) = await outbox(store)
        assert (row.state, row.attempts, row.sent_at) == ("sent", 1, NEXT_DAY)
        assert bytes(row.attachment) == attachment.get_content()

    with_invoice(tmp_path, check)


def test_demonstration_is_marked(tmp_path: Path) -> None:
    async def check(store: Store, clock: ManualClock, box: Mailbox) -> None:
        await Mailer(store, clock, mail_settings(box), 60.0).run()
        assert box.mails[0]["Subject"].startswith("[MUSTER / SAMPLE] ")

    with_invoice(tmp_path, check, sample=True)


def test_without_mail_server_the_pdf_is_made_and_the_mail_waits(tmp_path: Path) -> None:
    async def check(store: Store, clock: ManualClock, box: Mailbox) -> None:
        assert await Mailer(store, clock, MailSettings(), 1.0).run() is None
        (row,) = await outbox(store)
        assert (row.state, row.attempts) == ("pending", 0)
        assert bytes(row.attachment).startswith(b"%PDF")

    with_invoice(tmp_path, check)


def test_server_that_is_down_gets_the_same_mail_later(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def check(store: Store, clock: ManualClock, box: Mailbox) -> None:
        closed = mail_settings(box, port=1)
        mailer = Mailer(store, clock, closed, 1.0)
        for pause in (60, 300, 900, 3600, 3600):
            assert await mailer.run() == clock.utc() + timedelta(seconds=pause)
            clock.advance(pause)
        assert [(row.state, row.attempts) for row in await outbox(store)] == [("pending", 5)]
        assert caplog.text.count("mail_postponed") == 1
        await Mailer(store, clock, mail_settings(box), 1.0).run()
        assert box.message_ids == ["<RE-2026-000001.acme@example.com>"]

    with_invoice(tmp_path, check)


def test_pauses_are_real_time_in_a_demonstration(tmp_path: Path) -> None:
    async def check(store: Store, clock: ManualClock, box: Mailbox) -> None:
        assert await Mailer(store, clock, mail_settings(box, port=1), 60.0).run() == NEXT_DAY + timedelta(hours=1)

    with_invoice(tmp_path, check)


def test_mail_is_not_tried_before_its_time(tmp_path: Path) -> None:
    async def check(store: Store, clock: ManualClock, box: Mailbox) -> None:
        box.answers = ["451 greylisted"]
        mailer = Mailer(store, clock, mail_settings(box), 1.0)
        await mailer.run()
        clock.advance(59)
        await mailer.run()
        assert box.mails == []
        clock.advance(1)
        await mailer.run()
        assert len(box.mails) == 1
        (row,) = await outbox(store)
        assert (row.state, row.attempts, row.last_error) == ("sent", 2, "")

    with_invoice(tmp_path, check)


def test_unknown_recipient_is_failed_at_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def check(store: Store, clock: ManualClock, box: Mailbox) -> None:
        box.refused = {"erika@example.com"}
        mailer = Mailer(store, clock, mail_settings(box), 1.0)
        await mailer.run()
        clock.advance(100_000)
        await mailer.run()
        (row,) = await outbox(store)
        assert (row.state, row.attempts) == ("failed", 1)
        assert "no such user" in row.last_error
        assert "mail_failed" in caplog.text

    with_invoice(tmp_path, check)


def test_message_that_is_refused_for_good_is_failed(tmp_path: Path) -> None:
    async def check(store: Store, clock: ManualClock, box: Mailbox) -> None:
        box.answers = ["554 too large"]
        await Mailer(store, clock, mail_settings(box), 1.0).run()
        assert [row.state for row in await outbox(store)] == ["failed"]

    with_invoice(tmp_path, check)


def test_last_try_fails_the_mail(tmp_path: Path) -> None:
    async def check(store: Store, clock: ManualClock, box: Mailbox) -> None:
        mailer = Mailer(store, clock, mail_settings(box, port=1, attempts=2), 1.0)
        await mailer.run()
        clock.advance(60)
        await mailer.run()
        assert [(row.state, row.attempts) for row in await outbox(store)] == [("failed", 2)]

    with_invoice(tmp_path, check)


def test_two_mailers_send_it_once(tmp_path: Path) -> None:
    async def check(store: Store, clock: ManualClock, box: Mailbox) -> None:
        await asyncio.gather(*(Mailer(store, clock, mail_settings(box), 1.0).run() for _ in range(3)))
        assert len(box.mails) == 1

    with_invoice(tmp_path, check)


@pytest.mark.parametrize(
    ("error", "refusal"),
    [
        (aiosmtplib.SMTPAuthenticationError(535, "bad password"), Refusal.LATER),
        (aiosmtplib.SMTPSenderRefused(550, "not you", "a@example.com"), Refusal.LATER),
        (aiosmtplib.SMTPDataError(451, "busy"), Refusal.LATER),
        (aiosmtplib.SMTPServerDisconnected("gone"), Refusal.LATER),
        (TimeoutError(), Refusal.LATER),
        (aiosmtplib.SMTPDataError(552, "full"), Refusal.NEVER),
    ],
)
def test_only_a_refusal_of_this_mail_is_final(error: Exception, refusal: Refusal) -> None:
    assert refusal_of(error) is refusal


def test_a_public_body_gets_its_xrechnung_and_no_pdf(tmp_path: Path) -> None:
    async def check(store: Store, clock: ManualClock, box: Mailbox) -> None:
        await Mailer(store, clock, mail_settings(box), 1.0).run()
        (attachment,) = box.mails[0].iter_attachments()
        assert (attachment.get_filename(), attachment.get_content_type()) == ("RE-2026-000001.xml", "application/xml")
        xml = attachment.get_content()
        assert official_findings(xml) == []
        assert german_findings(xml) == []
        (row,) = await outbox(store)
        assert facturx.get_xml_from_pdf(bytes(row.attachment), False, False) == ("xrechnung.xml", xml)

    with_invoice(tmp_path, check, output="xrechnung")


@pytest.mark.parametrize(("output", "files"), [("hybrid", 1), ("pdf", 0)])
def test_the_pdf_has_the_einvoice_inside_unless_paper_is_wanted(tmp_path: Path, output: str, files: int) -> None:
    async def check(store: Store, clock: ManualClock, box: Mailbox) -> None:
        await Mailer(store, clock, mail_settings(box), 1.0).run()
        (attachment,) = box.mails[0].iter_attachments()
        assert len(PdfReader(io.BytesIO(attachment.get_content())).attachments) == files

    with_invoice(tmp_path, check, output=output)
