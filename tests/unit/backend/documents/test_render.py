import asyncio
import io
import sys
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from pypdf import PdfReader

from backend.core.invoices.invoice import (
    Charges,
    Correction,
    Invoice,
    Preceding,
    draft_documents,
    draft_invoice,
    with_number,
)
from backend.core.invoices.invoice_check import is_printable, problems
from backend.core.invoices.letter import invoice_letter
from backend.core.record import to_json
from backend.documents.letter_templates import LetterTemplates
from backend.documents.render import RenderError, open_renderer
from tests.unit.backend.billing_example import DAY_NIGHT, DAY_NIGHT_NET, EVENING, account, base_fee, session
from tests.unit.backend.einvoice_documents import reversed_by


def invoice(count: int = 2, language: str = "de", *, net: bool = False) -> Invoice:
    tariff = DAY_NIGHT_NET if net else DAY_NIGHT
    sessions = [session(i + 1, start=EVENING + timedelta(days=i), tariff=tariff) for i in range(count)]
    draft = draft_invoice(account(language=language), Charges(tuple(sessions)), EVENING + timedelta(days=count))
    return with_number(draft, "RE-2026-000042")


def render(document: Invoice, xml: bytes | None = None) -> bytes:
    async def run() -> bytes:
        async with open_renderer() as renderer:
            return await renderer.render(document.number, to_json(document), xml)

    return asyncio.run(run())


def pages(document: Invoice) -> list[str]:
    pdf = render(document)
    return [page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages]


def test_paper_tells_what_the_law_asks_for() -> None:
    first, second = pages(invoice())
    for text in (
        "Rechnung RE-2026-000042",
        "Stadtlicht Laden GmbH",
        "Lindenallee 12",
        "DE123456789",
        "Erika Mustermann",
        "Am Wiesengrund 3",
        "17.10.2026",
        "15.10.2026 – 16.10.2026",
        "9,167 kWh",
        "0,59 €/kWh",
        "5,41 €",
        "19 %",
        "21,11 €",
        "4,01 €",
        "25,12 €",
        "31.10.2026",
        "DE02 1203 0000 0000 2020 51",
        "Seite 1 von 2",
    ):
        assert text in first, text
    for text in ("1.000,000 kWh", "1.027,500 kWh", "21:10:00 +02:00", "***F6", "18,333 kWh × 0,39 EUR/kWh"):
        assert text in second, text
    assert "MUSTER" not in first


def test_english_net_priced_invoice() -> None:
    first, second = pages(invoice(language="en", net=True))
    for text in ("Invoice RE-2026-000042", "Net price", "€25.12", "€4.77", "€29.89", "Payable by", "Page 1 of 2"):
        assert text in first, text
    assert "1,027.500 kWh" in second


def document(language: str, charges: Charges, number: str) -> Invoice:
    draft, _ = draft_documents(account(language=language), charges, EVENING + timedelta(days=20))[0]
    return with_number(draft, number)


def corrected() -> Correction:
    smaller = session(1, ((0, 1_000_000), (50, 1_009_167), (150, 1_020_000)))
    return Correction(smaller, session(1).rating, Preceding("RE-2026-000001", date(2026, 10, 17)))


def test_credit_note_names_the_invoice_it_corrects_and_asks_for_no_money() -> None:
    first, second = pages(document("de", Charges(corrections=(corrected(),)), "RE-K-2026-000001"))
    for text in (
        "Rechnungskorrektur RE-K-2026-000001",
        "Berichtigung der Rechnung RE-2026-000001 vom 17.10.2026",
        "Zurückgenommen: Ladestrom",
        "−10,833 kWh",
        "Guthaben zu Ihren Gunsten",
        "2,93 € zu Ihren Gunsten",
    ):
        assert text in first, text
    for text in ("Gutschrift", "überweisen", "Verzug"):  # in law, a Gutschrift is what a customer writes
        assert text not in first, text
    assert "berechnet waren 12,56 €, richtig sind 9,63 €" in " ".join(second.split())


def test_english_correction_on_an_invoice_of_something_else() -> None:
    charges = Charges((session(2, start=EVENING + timedelta(days=3)),), (corrected(),))
    first, second = pages(document("en", charges, "RE-2026-000007"))
    for text in ("Correction of invoice RE-2026-000001 of 17 Oct 2026", "Taken back: Energy", "−€7.15", "€9.63"):
        assert text in first, text
    assert "€12.56 was invoiced, €9.63 is right" in " ".join(second.split())


def test_a_base_fee_alone_is_an_invoice_with_its_span_and_reason() -> None:
    for language, told, why in (
        ("de", "Grundgebühr 01.10.2026 – 31.10.2026, Vertrag C-1001", "Grundgebühr 4,99 EUR je Monat"),
        ("en", "Base fee 1 Oct 2026 – 31 Oct 2026, contract C-1001", "Base fee 4.99 EUR per month"),
    ):
        first, second = pages(document(language, Charges(fees=(base_fee(),)), "RE-2026-000008"))
        assert told in first
        assert why in second


def mail(invoice: Invoice) -> tuple[str, str]:
    order = invoice_letter("acme", 1, invoice, ("erika@example.com",))
    sender = {"name": invoice.seller.name, "street": "", "postcode": "", "city": "", "phone": "", "email": ""}
    name = order.template or "invoice"
    written = LetterTemplates().write("acme", order.language, name, order.values, sender=sender)
    return written.subject, written.text


def test_mails_tell_a_credit_note_from_an_invoice() -> None:
    subject, body = mail(document("de", Charges(corrections=(corrected(),)), "RE-K-2026-000001"))
    assert subject == "Rechnungskorrektur RE-K-2026-000001 von Stadtlicht Laden GmbH"
    assert "zu RE-2026-000001.\n2,93 € zu Ihren Gunsten" in body
    subject, body = mail(document("en", Charges(fees=(base_fee(),)), "RE-2026-000008"))
    assert subject.startswith("Invoice RE-2026-000008")
    assert "for your tariff from 1 Oct 2026 to 31 Oct 2026" in body


def test_the_mail_of_a_storno_says_so_whether_or_not_it_was_paid() -> None:
    subject, body = mail(reversed_by(invoice()))
    assert subject == "Stornorechnung ST-2026-000001 von Stadtlicht Laden GmbH"
    assert "wir haben RE-2026-000042 im Ganzen storniert. Grund: falscher Empfänger" in body
    assert "25,12 € zu Ihren Gunsten" in body
    assert "noch offen ist, brauchen Sie nicht zu bezahlen" in body
    credit = document("en", Charges(corrections=(corrected(),)), "RE-K-2026-000001")
    subject, body = mail(reversed_by(credit))
    assert subject.startswith("Cancellation invoice ST-2026-000001")
    assert "So €2.93 are payable again" in body


def test_demonstration_is_marked_on_every_page() -> None:
    first, second = pages(replace(invoice(), sample=True))
    assert "MUSTER / SAMPLE" in first
    assert "keine Rechnung" in first
    assert "MUSTER / SAMPLE" in second


def test_pdf_is_archival_and_the_same_each_time() -> None:
    document = invoice(1)
    pdf = render(document)
    assert pdf == render(document)
    reader = PdfReader(io.BytesIO(pdf))
    catalog: Any = reader.trailer["/Root"]
    metadata = catalog["/Metadata"].get_data().decode()
    assert "<pdfaid:part>3</pdfaid:part>" in metadata
    assert "<pdfaid:conformance>B</pdfaid:conformance>" in metadata
    assert reader.metadata is not None
    assert reader.metadata.title == "Rechnung RE-2026-000042"


def test_long_invoice_repeats_its_head() -> None:
    texts = pages(invoice(40))
    assert len(texts) > 4
    assert all(text.count("RE-2026-000042") for text in texts)
    assert "Preis brutto" in texts[1]


def test_names_are_text_and_never_markup() -> None:
    name = '#panic("x") *b* $y$ \\ <a> "q" é'
    document = invoice()
    assert name in pages(replace(document, buyer=replace(document.buyer, name=name)))[0]


def test_whatever_passes_the_check_can_be_printed() -> None:
    everything = "".join(filter(is_printable, map(chr, range(0x2500))))
    document = invoice()
    document = replace(document, buyer=replace(document.buyer, name=everything))
    assert problems(document) == ()
    assert "ŁłŃńŅņ" in pages(document)[0]


def test_worker_that_fails_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(RenderError, match="RE-2026-000042: no PDF, exit status 1"):
        render(invoice(1))


def test_no_worker_outlives_a_render_that_is_cancelled_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    start, pipe = asyncio.create_subprocess_exec, asyncio.subprocess.PIPE

    async def run() -> None:
        workers: asyncio.Queue[asyncio.subprocess.Process] = asyncio.Queue()

        async def start_deaf(*_: str, **__: int) -> asyncio.subprocess.Process:
            deaf = "import time; time.sleep(60)"  # it does not end when its input does
            worker = await start(sys.executable, "-c", deaf, stdin=pipe, stdout=pipe)
            workers.put_nowait(worker)
            return worker

        monkeypatch.setattr(asyncio, "create_subprocess_exec", start_deaf)
        async with open_renderer() as renderer:
            task = asyncio.create_task(renderer.render("RE-1", "{}", None))
            worker = await workers.get()
            for _ in range(2):
                task.cancel()
                await asyncio.sleep(0)
                await asyncio.sleep(0)
            with pytest.raises(asyncio.CancelledError):
                await task
        assert worker.returncode is not None

    asyncio.run(run())
