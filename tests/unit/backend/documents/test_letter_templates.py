from pathlib import Path

import pytest

from backend.core.rates.explain import LANGUAGES
from backend.documents.letter_templates import LetterTemplates
from backend.errors import MailError

SENDER = {"name": "Stadt & Licht", "street": "", "postcode": "", "city": "", "phone": "", "email": "info@example.com"}
NAMES = ("invoice", "dunning", "prenotification", "statement", "anchor", "alert", "probe")


def own(folder: Path, name: str, text: str, language: str = "de") -> Path:
    path = folder / "acme" / language / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return folder


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", NAMES)
def test_every_letter_reads_well_in_both_languages(name: str, language: str) -> None:
    written = LetterTemplates().preview("", language, name)
    assert written.subject
    for text in (written.subject, written.text, written.html):
        assert "{{" not in text
        assert "None" not in text
    assert "<p>" in written.html
    assert "http" not in written.html  # nothing is fetched, nobody is tracked


def test_own_text_replaces_the_built_in_one_for_its_operator_and_language_alone(tmp_path: Path) -> None:
    templates = LetterTemplates(own(tmp_path, "invoice.txt", "Beleg {{ number }}\n\n{{ amount | money(currency) }}\n"))
    assert templates.preview("acme", "de", "invoice").text == "77,29 €\n"
    assert templates.preview("acme", "en", "invoice").subject.startswith("Invoice ")
    assert templates.preview("other", "de", "invoice").subject.startswith("Rechnung ")


def test_values_are_escaped_in_html_and_only_there() -> None:
    values = {"title": "<b>&", "lines": ["<script>"]}
    written = LetterTemplates().write("acme", "de", "alert", values, sender=SENDER)
    assert "<script>" in written.text
    assert "<script>" not in written.html
    assert "&lt;script&gt;" in written.html
    assert "Stadt &amp; Licht" in written.html


def test_a_line_break_in_a_value_adds_no_header() -> None:
    written = LetterTemplates().write("acme", "de", "alert", {"title": "a\nBcc: x@y", "lines": []}, sender=SENDER)
    assert "\n" not in written.subject


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("invoice.txt", "S {{ number }}\n{{ amuont }}", "invoice.txt names amuont, which no such letter has"),
        ("invoice.txt", "S\nno number", "invoice.txt lacks number"),
        ("invoice.txt", "S {{ number }}\n{{ sender.nmae }}", "nmae"),
        ("invoice.txt", "S {{ number }}\n{% if %}", "invoice.txt: "),
        ("invoice.txt", "S {{ number }}\n{{ amount | mony }}", "mony"),
        ("invoice.txt", "S {{ number }}\n{{ number.__class__.__mro__ }}", "unsafe"),
        ("invioce.txt", "S", "invioce.txt is no text of a letter"),
        ("invoice.html", "<p>{{ link }}</p>", "invoice.html lacks number"),
    ],
)
def test_a_text_that_can_not_be_used_is_named_at_the_start(tmp_path: Path, name: str, text: str, told: str) -> None:
    with pytest.raises(MailError, match=told.replace(".", r"\.")):
        LetterTemplates(own(tmp_path, name, text))


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(MailError, match=r"mail\.templates = .*absent"):
        LetterTemplates(tmp_path / "absent")


def test_a_letter_without_a_value_or_a_template_is_refused() -> None:
    templates = LetterTemplates()
    with pytest.raises(MailError, match="'head' is undefined"):
        templates.write("acme", "de", "anchor", {"at": "", "count": 1}, sender=SENDER)
    with pytest.raises(MailError, match="there is no letter poem; there are invoice"):
        templates.write("acme", "de", "poem", {}, sender=SENDER)
