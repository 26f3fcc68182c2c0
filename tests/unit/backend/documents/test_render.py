import asyncio
import io
import sys
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from pypdf import PdfReader

from backend.core.invoice import Charges, Invoice, draft_invoice, with_number
from backend.core.invoice_check import is_printable, problems
from backend.documents.render import RenderError, render_pdf
from tests.unit.backend.billing_example import DAY_NIGHT, DAY_NIGHT_NET, EVENING, account, session


def invoice(count: int = 2, language: str = "de", *, net: bool = False) -> Invoice:
    tariff = DAY_NIGHT_NET if net else DAY_NIGHT
    sessions = [session(i + 1, start=EVENING + timedelta(days=i), tariff=tariff) for i in range(count)]
    draft = draft_invoice(account(language=language), Charges(tuple(sessions)), EVENING + timedelta(days=count))
    return with_number(draft, "RE-2026-000042")


def pages(document: Invoice, *, sample: bool = False) -> list[str]:
    pdf = asyncio.run(render_pdf(document, sample=sample))
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


def test_demonstration_is_marked_on_every_page() -> None:
    first, second = pages(invoice(), sample=True)
    assert "MUSTER / SAMPLE" in first
    assert "keine Rechnung" in first
    assert "MUSTER / SAMPLE" in second


def test_pdf_is_archival_and_the_same_each_time() -> None:
    document = invoice(1)
    pdf = asyncio.run(render_pdf(document, sample=False))
    assert pdf == asyncio.run(render_pdf(document, sample=False))
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
        asyncio.run(render_pdf(invoice(1), sample=False))
