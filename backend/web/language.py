"""Which language a reader gets, and the catalogues of texts: one TOML file per language."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

LANGUAGES = ("de", "en")
"""The first is for readers who ask for neither."""


@dataclass(frozen=True, slots=True)
class Texts:
    """The texts of one language."""

    language: str
    texts: dict[str, str]

    def __call__(self, key: str, **values: object) -> str:
        """Give a text with its values filled in.

        Raises:
            KeyError: the catalogue lacks the key; a test finds all that templates use.
        """
        text = self.texts[key]
        return text.format(**values) if values else text

    def word(self, group: str, name: str) -> str:
        """Give the word for a name from outside, for instance a status; the name itself where none is known."""
        return self.texts.get(f"{group}.{name}", name)


def load_texts(folder: Path) -> dict[str, Texts]:
    """Read all catalogues."""
    return {
        language: Texts(language, _flat(tomllib.loads((folder / f"{language}.toml").read_text("utf-8"))))
        for language in LANGUAGES
    }


def choose_language(asked: str, remembered: str, accepted: str) -> str:
    """Choose a language.

    Args:
        asked: the query's `lang`, which wins.
        remembered: the cookie.
        accepted: the Accept-Language header (RFC 9110 §12.5.4).
    """
    for choice in (asked, remembered, *_by_preference(accepted)):
        if choice in LANGUAGES:
            return choice
    return LANGUAGES[0]


def _by_preference(accepted: str) -> list[str]:
    weighted = []
    for part in accepted.split(",")[:20]:
        tag, _, weight = part.partition(";")
        try:
            quality = float(weight.strip().removeprefix("q=") or 1)
        except ValueError:
            quality = 0.0
        if quality > 0:
            weighted.append((-quality, tag.strip().lower().partition("-")[0]))
    return [tag for _, tag in sorted(weighted, key=lambda item: item[0])]


def _flat(table: dict[str, object], prefix: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for key, value in table.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": str(value)}
    return flat
