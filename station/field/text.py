"""A sentence in both languages, side by side, so that neither is forgotten. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Text:
    """The same sentence in English and in German."""

    en: str
    de: str

    def of(self, language: str) -> str:
        """Give the sentence in `de`, or in English for any other language."""
        return self.de if language == "de" else self.en


NOTHING = Text("", "")
