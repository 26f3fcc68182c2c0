"""Turns: which tariff of a session counts from when on, and why. Stored with the rating, told to people."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from backend.core.tariffs.tariff_model import TariffType


class TurnCause(StrEnum):
    """Why a tariff begins to count: the session begins, another profile, a new version of the tariff."""

    START = "start"
    PROFILE = "profile"
    VERSION = "version"


@dataclass(frozen=True, slots=True)
class Turn:
    """From `start` on a version of a tariff counts, until the next turn.

    Args:
        start: aware; of the first one the begin of the session.
        tariff_id: that counts.
        version: SHA-256 of its content.
        cause: what made it count.
        profile: that is in force.
        covered: the session has a tariff for that profile; if not, its regular one counts.
        since: when the profile was switched to; None if nobody told a profile.
        source: who told it.
        reason: what it told.
    """

    start: datetime
    tariff_id: str
    version: str
    cause: TurnCause
    profile: TariffType = TariffType.REGULAR
    covered: bool = True
    since: datetime | None = None
    source: str = ""
    reason: str = ""


def profile_name(profile: TariffType, language: str = "en") -> str:
    """Name a profile for people, in `de` or `en`."""
    return _PROFILES[language][profile]


def turn_text(turn: Turn, language: str = "en") -> str:
    """Say for people which tariff counts and why, in `de` or `en`; from when stands beside it."""
    texts = _TEXTS[language]
    values = {"tariff": turn.tariff_id, "profile": profile_name(turn.profile, language)}
    if turn.cause is TurnCause.VERSION:
        return texts["version"].format(**values)
    if turn.since is None:
        return texts["untold"].format(**values)
    text = texts["told" if turn.covered else "uncovered"].format(**values)
    told = ": ".join(filter(None, (turn.source, turn.reason)))
    return f"{text} ({told})" if told else text


_TEXTS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "untold": "tariff {tariff}: the regular one, because no profile was reported",
        "told": "tariff {tariff}: the profile {profile} is in force",
        "uncovered": "tariff {tariff}: the profile {profile} is in force, but no tariff is assigned for it, so the "
        "regular one counts",
        "version": "tariff {tariff}: its next version is valid from now on",
    },
    "de": {
        "untold": "Tarif {tariff}: der reguläre, denn kein Profil war gemeldet",
        "told": "Tarif {tariff}: das Profil {profile} gilt",
        "uncovered": "Tarif {tariff}: das Profil {profile} gilt, dafür ist aber kein Tarif zugeordnet; es zählt der "
        "reguläre",
        "version": "Tarif {tariff}: ab jetzt gilt seine nächste Fassung",
    },
}

_PROFILES: Mapping[str, Mapping[TariffType, str]] = {
    "en": {
        TariffType.REGULAR: "regular",
        TariffType.PROFILE_CHEAP: "cheap",
        TariffType.PROFILE_FAST: "fast",
        TariffType.PROFILE_GREEN: "green",
    },
    "de": {
        TariffType.REGULAR: "regulär",
        TariffType.PROFILE_CHEAP: "günstig",
        TariffType.PROFILE_FAST: "schnell",
        TariffType.PROFILE_GREEN: "grün",
    },
}
