"""German for sentences that were made in English: those of errors, of devices, of the agent. Pure.

The English sentence is its own key, as in gettext: it goes through logs, JSON and files as it is, and is translated
where a person reads it. The tables hold sentences with a name in braces for each fact; a fact that is a sentence itself
is translated too. What no table has stays English. A test holds the tables against the sentences in the code.
"""

import re
from functools import cache

from station.field.text import Text
from station.german_agent import AGENT, SYSTEM
from station.german_hardware import HARDWARE
from station.german_security import SECURITY

SENTENCES = HARDWARE | AGENT | SECURITY | SYSTEM

LONGEST = 500
"""Longer texts are none of ours."""

_FACT = re.compile(r"\{(\w+)\}")


def german(sentence: str) -> str:
    """Give the German of a sentence; itself where there is none."""
    if sentence in SENTENCES:
        return SENTENCES[sentence]
    if len(sentence) > LONGEST:
        return sentence
    for pattern, translation in _patterns():
        if found := pattern.fullmatch(sentence):
            facts = {name: german(fact) for name, fact in found.groupdict().items()}
            return translation.format_map(facts)
    head, colon, rest = sentence.partition(": ")
    return german(head) + colon + german(rest) if colon else sentence


def said(sentence: str, language: str) -> str:
    """Give a sentence in `de`, or as it is for any other language."""
    return german(sentence) if language == "de" else sentence


def both(sentence: str) -> Text:
    """Give a sentence in both languages."""
    return Text(sentence, german(sentence))


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    """Make the sentences with facts patterns, in the order in which they are tried.

    Those that begin with words of their own come first, for a fact in front would take in what introduces it; then
    those with most words.
    """
    templates = [(_FACT.split(english), german) for english, german in SENTENCES.items() if _FACT.search(english)]
    templates.sort(key=lambda template: (not template[0][0], -sum(map(len, template[0][::2]))))
    return tuple((_pattern(pieces), german) for pieces, german in templates)


def _pattern(pieces: list[str]) -> re.Pattern[str]:
    """Give the pattern of a sentence that is cut into words, name of a fact, words and so on."""
    return re.compile("".join(f"(?P<{piece}>.+?)" if at % 2 else re.escape(piece) for at, piece in enumerate(pieces)))
