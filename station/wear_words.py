"""How the storage card wears out, in words of both languages. Pure."""

from collections.abc import Mapping
from typing import Any

from station.field.text import Text

_NAMES = {
    "journal": Text("journal", "Journal"),
    "status": Text("status", "Status"),
    "logs": Text("logs", "Logs"),
    "updates": Text("updates", "Updates"),
}
_WHOLE = Text("the whole card", "die ganze Karte")
_A_DAY = Text("MB a day", "MB am Tag")
_LASTS = Text("lasts {years} years", "hält {years} Jahre")
_UNKNOWN = Text("how long it lasts is not known yet", "wie lange sie hält, ist noch nicht bekannt")
_WORN = Text(
    "Alarm: at {megabytes} MB a day the storage card lasts {years} years. Find out who writes so much (`status`), and "
    "plan to replace the card.",
    "Alarm: bei {megabytes} MB am Tag hält die Speicherkarte noch {years} Jahre. Nachsehen, wer so viel schreibt "
    "(`status`), und den Tausch der Karte einplanen.",
)


# Any: the figures as the status file holds them (station.flash_watch), here and below.
def wear_line(wear: dict[str, Any], language: str) -> str:
    """Say who writes how much and how long the card lasts; empty before there are figures."""
    if not wear:
        return ""
    writers, day = wear["bytes_per_day"], _A_DAY.of(language)
    own = ", ".join(f"{text.of(language)} {_mega(writers.get(name, 0))}" for name, text in _NAMES.items())
    whole = f"; {_WHOLE.of(language)} {_mega(writers['card'])} {day}" if writers.get("card") else ""
    return f"{_mega(_own(writers))} {day} ({own}){whole}; {_end(wear, language)}"


def wear_brief(wear: dict[str, Any], language: str) -> str:
    """Say it in a few words for a small page; empty before there are figures."""
    if not wear:
        return ""
    end = f", {_end(wear, language)}" if wear["years_left"] is not None else ""
    return f"{_mega(_most(wear))} {_A_DAY.of(language)}{end}"


def wear_alarm(wear: dict[str, Any], language: str) -> str:
    """Say that the card ends within a year; empty if it does not."""
    if not wear or not wear["ends_soon"]:
        return ""
    return _WORN.of(language).format(megabytes=_mega(_most(wear)), years=f"{wear['years_left']:.1f}")


def _end(wear: dict[str, Any], language: str) -> str:
    years = wear["years_left"]
    return _UNKNOWN.of(language) if years is None else _LASTS.of(language).format(years=f"{years:.1f}")


def _own(writers: Mapping[str, int]) -> int:
    return sum(count for name, count in writers.items() if name != "card")


def _most(wear: dict[str, Any]) -> int:
    writers: Mapping[str, int] = wear["bytes_per_day"]
    return max(_own(writers), writers.get("card", 0))


def _mega(count: int) -> str:
    return f"{count / 1e6:.1f}"
