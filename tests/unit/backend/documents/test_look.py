"""The look of an operator's papers: what is taken, what is refused in words, and what is seen on the page."""

import asyncio
import io
import logging
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from PIL import Image
from pypdf import PdfReader

from backend.__main__ import main
from backend.core.record import to_json
from backend.documents.look import EXAMPLE, Look, read_look, read_looks
from backend.documents.render import RenderError, open_renderer
from backend.documents.sample import sample_invoice
from backend.errors import LookError
from tests.unit.backend.billing_example import EVENING, IBAN, SELLER
from tests.unit.backend.billing_store import billing_store


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    handlers = logging.getLogger().handlers[:]
    yield
    logging.getLogger().handlers[:] = handlers


@pytest.fixture
def looks(tmp_path: Path) -> Path:
    (tmp_path / "looks" / "acme").mkdir(parents=True)
    return tmp_path / "looks"


def _picture(path: Path) -> None:
    Image.new("RGBA", (300, 90), (200, 30, 30, 128)).save(path)


def _pdf(looks: Path | None, language: str = "de") -> PdfReader:
    document = sample_invoice(SELLER, IBAN, "", zone=ZoneInfo("Europe/Berlin"), language=language, now=EVENING)

    async def run() -> bytes:
        async with open_renderer(looks) as renderer:
            return await renderer.render(document.number, to_json(document), None, operator="acme")

    return PdfReader(io.BytesIO(asyncio.run(run())))


def test_without_a_look_all_is_as_built_in(looks: Path) -> None:
    assert read_looks(None) == {}
    assert read_looks(looks) == {"acme": Look(texts={"de": {}, "en": {}})}
    text = _pdf(looks).pages[0].extract_text()
    assert "MUSTER" in text
    assert text == _pdf(None).pages[0].extract_text()


def test_texts_and_logo_of_the_operator_are_on_the_page_in_its_language(looks: Path) -> None:
    own = looks / "acme"
    (own / "look.toml").write_text(EXAMPLE, "utf-8")
    _picture(own / "logo.png")
    for language, told in (("de", "Danke, dass Sie bei uns laden."), ("en", "Thank you for charging with us.")):
        page = _pdf(looks, language).pages[0]
        assert told in page.extract_text()
        assert len(page.images) == 1


def test_a_template_of_its_own_lays_out_the_same_texts_and_reads_no_other_files(looks: Path) -> None:
    own = looks / "acme"
    (own / "invoice.typ").write_text("#let view = json(bytes(sys.inputs.view))\nOnly #view.title", "utf-8")
    assert _pdf(looks).pages[0].extract_text().startswith("Only Rechnung RE-0000-000001")
    (looks / "secret").write_text("of others")
    (own / "invoice.typ").write_text('#read("../secret")', "utf-8")
    with pytest.raises(RenderError, match="RE-0000-000001: no PDF: "):
        _pdf(looks)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("look.toml", b'accent = "blue"', 'accent = .blue. is no colour: write for instance "#0b5563"'),
        ("look.toml", b'colour = "#000000"', "unknown key colour; known are accent, de, en"),
        ("look.toml", b'[de]\ngreeting = "Hallo"', "unknown key de.greeting; known are intro, payment, closing"),
        ("look.toml", b"[de]\nintro = 7", "de.intro must be a text"),
        ("look.toml", b'[de]\nintro = "' + b"x" * 1001 + b'"', "at most 1000 characters"),
        ("look.toml", b"not TOML", "look.toml"),
        ("logo.png", b"GIF89a", "logo.png is no PNG"),
        ("logo.png", b"\x89PNG\r\n\x1a\n" + bytes(2_000_000), "at most 2000000"),
        ("logo.svg", b"<svg><script>1</script></svg>", "has scripts or refers to other files"),
        ("logo.svg", b'<svg><image href="http://example.com/a.png"/></svg>', "has scripts or refers to other files"),
    ],
)
def test_what_can_t_be_used_is_named_with_its_file(looks: Path, name: str, content: bytes, told: str) -> None:
    (looks / "acme" / name).write_bytes(content)
    with pytest.raises(LookError, match=told) as raised:
        read_look(looks / "acme")
    assert name in str(raised.value)
    with pytest.raises(RenderError, match="no PDF"):
        _pdf(looks)


def test_a_look_is_begun_checked_and_seen_by_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def fill() -> None:
        async with billing_store(tmp_path / "db"):
            pass

    asyncio.run(fill())
    config = tmp_path / "backend.toml"
    config.write_text(f'[store]\npath = "{tmp_path}/db"\n[billing]\nlooks = "{tmp_path}/looks"\n')

    def run(*arguments: str) -> int:
        command, *more = arguments
        return main(["invoice", command, "--config", str(config), *more])

    assert run("look-init", "acme") == 0
    assert run("look-init", "acme") == 1
    assert "exists already: edit it" in capsys.readouterr().err
    assert run("look-check") == 0
    assert "acme: good" in capsys.readouterr().out
    assert run("look-preview", "acme", str(tmp_path / "p.pdf"), "--language", "en") == 0
    assert "Thank you for charging with us." in PdfReader(tmp_path / "p.pdf").pages[0].extract_text()
    assert run("look-preview", "nobody", str(tmp_path / "p.pdf")) == 1
    assert "there is no operator nobody" in capsys.readouterr().err
