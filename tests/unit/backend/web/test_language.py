"""The choice of language, and that the catalogues are complete."""

import re
from string import Formatter

import pytest

from backend.store.overview import TransactionSummary
from backend.web.language import LANGUAGES, choose_language, load_texts
from backend.web.site import HERE
from shared.transaction import StopReason

TEXTS = load_texts(HERE / "texts")


@pytest.mark.parametrize(
    ("asked", "remembered", "accepted", "language"),
    [
        ("en", "de", "de", "en"),
        ("", "en", "de", "en"),
        ("", "", "en-GB,en;q=0.9,de;q=0.8", "en"),
        ("", "", "fr, de;q=0.3, en;q=0.7", "en"),
        ("", "", "en;q=0, de;q=0.1", "de"),
        ("", "", "fr", "de"),
        ("xx", "<script>", "", "de"),
        ("", "", "en;q=x,;;;,de;q=0.2", "de"),
    ],
)
def test_the_readers_wish_counts_in_order(asked: str, remembered: str, accepted: str, language: str) -> None:
    assert choose_language(asked, remembered, accepted) == language


def test_both_catalogues_have_the_same_keys_and_places_for_values() -> None:
    german, english = (TEXTS[language].texts for language in LANGUAGES)
    assert german.keys() == english.keys()
    for key, text in german.items():
        assert _fields(text) == _fields(english[key]), key


def test_every_key_that_templates_name_exists_and_no_text_is_left_over() -> None:
    templates = "".join(path.read_text("utf-8") for path in (HERE / "templates").rglob("*.html"))
    called = set(re.findall(r"""\bt\(\s*["']([a-z_.0-9]+)["']""", templates)) - {"state.", "problem.", "lang.", "try."}
    named = set(
        re.findall(r"""["']([a-z_]+(?:\.[a-z_0-9]+)?)["']""", templates + (HERE / "site.py").read_text("utf-8"))
    )
    begun = tuple(key for key in called if key.endswith("_"))  # a template ends these by a word of the program
    assert {key for key in called if not any(text.startswith(key) for text in TEXTS["de"].texts)} == set()
    assert called - set(begun) - TEXTS["de"].texts.keys() == set()
    composed = {
        "again",
        "lang",
        "problem",
        "start",
        "stop",
        "try",
        *re.findall(r"""t\.word\(["']([a-z_]+)["']""", templates),
    }
    left_over = {
        key
        for key in TEXTS["de"].texts
        if key not in named and key.split(".")[0] not in composed and not key.startswith(begun)
    }
    assert left_over == set()


def test_every_reason_to_stop_and_every_state_has_a_word() -> None:
    states = re.findall(r"\w+(?= \||\.$)", (TransactionSummary.__doc__ or "").split("state:")[1].split("\n")[0])
    for texts in TEXTS.values():
        assert all(texts.word("stop_reason", reason.value) != reason.value for reason in StopReason)
        assert all(f"state.{state}" in texts.texts for state in states)
        assert states == ["running", "ended", "rated", "held"]


def test_a_word_that_no_one_knows_is_shown_as_it_is() -> None:
    assert TEXTS["de"].word("status", "SomethingNew") == "SomethingNew"


def _fields(text: str) -> set[str | None]:
    return {field for _, field, _, _ in Formatter().parse(text) if field is not None}
