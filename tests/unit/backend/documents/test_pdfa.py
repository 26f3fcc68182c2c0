"""What PDF/A-3b asks of the objects of a file, on the richest papers: own look, two files inside, many pages."""

import asyncio
import io
from pathlib import Path
from typing import Any

import pikepdf
import pytest
from PIL import Image

from backend.core.invoices.einvoice import write_einvoice
from backend.core.invoices.invoice import Output
from backend.core.record import to_json
from backend.documents.render import open_renderer
from tests.unit.backend.documents.test_bands import fleet_invoice
from tests.unit.backend.einvoice_documents import KINDS

SIGNED = b"<?xml version='1.0'?><values/>"


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    looks: Path = tmp_path_factory.mktemp("looks")
    (looks / "acme").mkdir()
    (looks / "acme" / "look.toml").write_text(
        'accent = "#96145a"\n[de]\nintro = "Grüße aus Ärmelkanal – „Straße“ & <mehr>"\n'
    )
    Image.new("RGBA", (300, 90), (200, 30, 30, 128)).save(looks / "acme" / "logo.png")

    invoices = (
        fleet_invoice(60, driver=["Max", "Erika"]),
        *(make(Output.HYBRID) for make in KINDS.values()),
    )

    async def render() -> list[bytes]:
        async with open_renderer(looks) as renderer:
            return [
                await renderer.render(one.number, to_json(one), write_einvoice(one), SIGNED, operator="acme")
                for one in invoices
            ]

    return asyncio.run(render())


def _objects(document: pikepdf.Pdf) -> list[Any]:
    return [one for one in document.objects if isinstance(one, pikepdf.Dictionary | pikepdf.Stream)]


def test_nothing_acts_is_hidden_or_lies_outside(papers: list[bytes]) -> None:
    for pdf in papers:
        with pikepdf.open(io.BytesIO(pdf)) as document:
            assert document.check_pdf_syntax() == []
            assert "/OpenAction" not in document.Root
            assert "/AA" not in document.Root
            for one in _objects(document):
                assert one.get("/S") not in (pikepdf.Name.JavaScript, pikepdf.Name.Launch, pikepdf.Name.URI)
                assert "/JS" not in one
                assert one.get("/Filter") != pikepdf.Name.LZWDecode
                assert not (isinstance(one, pikepdf.Stream) and "/F" in one), "a stream outside of the file"


def test_every_font_is_inside_and_can_be_read_as_text(papers: list[bytes]) -> None:
    for pdf in papers:
        with pikepdf.open(io.BytesIO(pdf)) as document:
            fonts = [one for one in _objects(document) if one.get("/Type") == pikepdf.Name.Font]
            assert fonts
            for font in fonts:
                if "/FontDescriptor" in font:
                    assert {"/FontFile2", "/FontFile3"} & set(font.FontDescriptor.keys())
                    assert str(font.FontDescriptor.FontName)[1:].split("+")[0].isupper(), "not a subset"
                else:
                    assert "/ToUnicode" in font


def test_colours_are_those_of_the_output_intent(papers: list[bytes]) -> None:
    for pdf in papers:
        with pikepdf.open(io.BytesIO(pdf)) as document:
            (intent,) = document.Root.OutputIntents
            assert (intent.S, int(intent.DestOutputProfile.N)) == (pikepdf.Name.GTS_PDFA1, 3)
            for one in _objects(document):
                assert one.get("/ColorSpace") != pikepdf.Name.DeviceCMYK


def test_both_files_are_associated_named_and_typed(papers: list[bytes]) -> None:
    for pdf in papers:
        with pikepdf.open(io.BytesIO(pdf)) as document:
            files = {str(one.UF): one for one in document.Root.AF}
            assert [str(one.AFRelationship) for one in files.values()] == ["/Alternative", "/Supplement"]
            assert list(files) == ["factur-x.xml", "messdaten.xml"]
            assert files["messdaten.xml"].EF.F.read_bytes() == SIGNED
            for one in files.values():
                assert str(one.F) == str(one.UF)
                assert {"/Size", "/ModDate"} <= set(one.EF.F.Params.keys())
                assert one.EF.F.Type == pikepdf.Name.EmbeddedFile
            names = document.Root.Names.EmbeddedFiles.Names
            assert [str(names[i]) for i in range(0, len(names), 2)] == sorted(files)


def test_language_and_title_are_told(papers: list[bytes]) -> None:
    for pdf in papers:
        with pikepdf.open(io.BytesIO(pdf)) as document:
            assert str(document.Root.Lang)[:2] in ("de", "en")
            assert document.open_metadata()["dc:title"]
            assert document.open_metadata().pdfa_status == "3B"
