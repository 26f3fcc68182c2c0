"""The PDF with the e-invoice inside: what PDF/A-3 and Factur-X ask for, read by programs that are not ours."""

import io
import re
from dataclasses import replace
from decimal import Decimal
from typing import Any

import facturx
import pikepdf
import pytest
import segno

from backend.core.invoices.document_kind import CREDIT_NOTE
from backend.core.invoices.einvoice import write_einvoice
from backend.core.invoices.invoice import Invoice, Output
from backend.documents.girocode import girocode
from backend.documents.hybrid import XmpError, einvoice_file, embed
from tests.unit.backend.billing_example import EVENING
from tests.unit.backend.documents.test_render import invoice, pages, render
from tests.unit.backend.einvoice_documents import KINDS

FX = "{urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#}"


def hybrid(output: Output = Output.HYBRID) -> tuple[bytes, bytes]:
    document = KINDS["gross prices"](output)
    xml = write_einvoice(document)
    return render(document, xml), xml


@pytest.mark.parametrize("kind", ["gross prices", "base fee alone", "credit note", "English", "every optional field"])
def test_a_foreign_reader_finds_the_same_xml_and_a_valid_one(kind: str) -> None:
    document = KINDS[kind](Output.HYBRID)
    xml = write_einvoice(document)
    name, found = facturx.get_xml_from_pdf(render(document, xml), check_xsd=True, check_schematron=False)
    assert (name, found) == ("factur-x.xml", xml)


def test_an_xrechnung_inside_a_pdf_bears_its_own_name() -> None:
    pdf, xml = hybrid(Output.XRECHNUNG)
    assert facturx.get_xml_from_pdf(pdf, check_xsd=False, check_schematron=False) == ("xrechnung.xml", xml)
    assert _facts(pdf)["ConformanceLevel"] == "XRECHNUNG"


def test_a_customer_of_paper_gets_no_file_inside() -> None:
    pdf, _ = hybrid(Output.PDF)
    with pikepdf.open(io.BytesIO(pdf)) as document:
        assert len(document.attachments) == 0
        assert "/AF" not in document.Root


def test_the_pdf_stays_pdf_a_3() -> None:
    pdf, xml = hybrid()
    assert pdf.startswith(b"%PDF-1.7\n%")
    with pikepdf.open(io.BytesIO(pdf)) as document:
        root: Any = document.Root
        assert document.check_pdf_syntax() == []
        assert not document.is_encrypted
        assert len(document.trailer.ID) == 2
        (intent,) = root.OutputIntents
        assert intent.S == pikepdf.Name.GTS_PDFA1
        assert intent.DestOutputProfile.N == 3
        metadata = document.open_metadata()
        assert metadata.pdfa_status == "3B"
        assert "/Filter" not in root.Metadata
        for page in document.pages:
            for font in page.Resources.Font.values():
                descriptor = (font.DescendantFonts[0] if "/DescendantFonts" in font else font).FontDescriptor
                assert {"/FontFile2", "/FontFile3"} & set(descriptor.keys()), "a font is not embedded"
        (file,) = root.AF
        assert file.AFRelationship == pikepdf.Name.Alternative
        assert str(file.F) == str(file.UF) == "factur-x.xml"
        assert file.EF.F.Subtype == pikepdf.Name("/text/xml")
        assert int(file.EF.F.Params.Size) == len(xml)
        assert file.EF.F.read_bytes() == xml
        named = root.Names.EmbeddedFiles.Names
        assert (str(named[0]), named[1].objgen) == ("factur-x.xml", file.objgen)


def _facts(pdf: bytes) -> dict[str, str]:
    with pikepdf.open(io.BytesIO(pdf)) as document:
        metadata = document.open_metadata()
        names = ("DocumentType", "DocumentFileName", "Version", "ConformanceLevel")
        return {name: str(metadata[FX + name]) for name in names}


def test_the_pdf_tells_what_its_file_is_and_describes_the_words_for_it() -> None:
    pdf, _ = hybrid()
    assert _facts(pdf) == {
        "DocumentType": "INVOICE",
        "DocumentFileName": "factur-x.xml",
        "Version": "1.0",
        "ConformanceLevel": "EN 16931",
    }
    with pikepdf.open(io.BytesIO(pdf)) as document:
        xmp = document.Root.Metadata.read_bytes().decode()
    assert xmp.count("<pdfaExtension:schemas>") == 1
    extension = xmp[xmp.index("Factur-X PDFA Extension Schema") :]
    for name in _facts(pdf):
        assert f"<pdfaProperty:name>{name}</pdfaProperty:name>" in extension


def test_equal_documents_give_equal_files() -> None:
    assert hybrid()[0] == hybrid()[0]


def test_a_pdf_without_a_place_for_our_xmp_is_refused() -> None:
    with pikepdf.new() as document:
        document.Root.Metadata = document.make_stream(b"<x/>")
        plain = io.BytesIO()
        document.save(plain)
    with pytest.raises(XmpError, match="no bag of extension schemas"):
        embed(plain.getvalue(), [einvoice_file("factur-x.xml", b"<x/>")], "EN 16931", EVENING)


def drawn(svg: str) -> list[list[int]]:
    """Read the dark modules back from the drawing."""
    size = int(re.findall(r'viewBox="0 0 (\d+) ', svg)[0])
    modules = [[0] * size for _ in range(size)]
    for x, y, width in re.findall(r"M(\d+) (\d+)h(\d+)v1h-\d+z", svg):
        for column in range(int(x), int(x) + int(width)):
            modules[int(y)][column] = 1
    return modules


def payable(**changes: Any) -> Invoice:
    return replace(invoice(), **changes)


def test_the_girocode_is_that_of_the_transfer() -> None:
    text = "BCD\n002\n1\nSCT\nBYLADEM1001\nStadtlicht Laden GmbH\nDE02120300000000202051\nEUR25.12\n\n\nRE-2026-000042"
    expected = segno.make(text, error="m", boost_error=False, micro=False, encoding="utf-8", mode="byte")
    modules = drawn(girocode(payable()))
    assert [row[4:-4] for row in modules[4:-4]] == [list(row) for row in expected.matrix]
    assert not any(any(row) for row in (*modules[:4], *modules[-4:]))


@pytest.mark.parametrize(
    "changes",
    [{"type_code": CREDIT_NOTE}, {"sample": True}, {"currency": "CHF"}, {"due": Decimal("0.00")}],
)
def test_no_code_where_nothing_is_to_be_transferred(changes: dict[str, Any]) -> None:
    assert girocode(payable(**changes)) == ""


def test_a_long_name_still_fits_the_code() -> None:
    document = invoice()
    assert girocode(replace(document, seller=replace(document.seller, name="Ä" * 90)))


def test_paper_tells_references_and_why_no_vat_is_charged() -> None:
    first = pages(KINDS["every optional field"](Output.HYBRID))[0]
    for text in ("04011000-12345-03", "4711/2026", "27/123/45678", "HRB 12345 B", "Jutta Licht", "GiroCode"):
        assert text in first, text
    assert "Steuerschuldnerschaft des Leistungsempfängers." in pages(KINDS["reverse charge"](Output.HYBRID))[0]
    assert "GiroCode" not in pages(KINDS["credit note"](Output.HYBRID))[0]
