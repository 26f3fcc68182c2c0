"""May this driver charge?

Local list first, then the cache; an id in the list is never looked up elsewhere (OCPP 1.6 §3.5.2). Rules:

- online, known and accepted, LocalPreAuthorize: start at once; else ask the central system
- online, known but not accepted: ask the central system, which may know better by now
- offline, known: LocalAuthorizeOffline decides whether the list may authorize; what is known as refused stays refused
- offline, unknown: AllowOfflineTxForUnknownId decides
- asked and not answered in time: as offline
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

ACCEPTED = "Accepted"


class Source(StrEnum):
    """Who decided."""

    LOCAL_LIST = "local_list"
    CACHE = "cache"
    ONLINE = "online"
    OFFLINE_RULE = "offline_rule"


@dataclass(frozen=True, slots=True)
class TokenInfo:
    """What is known of a token.

    Args:
        status: AuthorizationStatus (OCPP 1.6 §7.2): Accepted, Blocked, Expired, Invalid, ConcurrentTx.
        expires: until when it holds, None = without end.
        parent: idTag of its group, empty = none.
    """

    status: str
    expires: datetime | None = None
    parent: str = ""

    def at(self, now: datetime) -> str:
        """Give the status at a time: an accepted token expires."""
        if self.status == ACCEPTED and self.expires is not None and self.expires <= now:
            return "Expired"
        return self.status

    def for_cache(self, now: datetime, life_s: int) -> "TokenInfo":
        """Give what the cache keeps: where no end is told it is that of the cache itself, 0 = none (2.0.1 C10)."""
        return self if self.expires or not life_s else replace(self, expires=now + timedelta(seconds=life_s))


@dataclass(frozen=True, slots=True)
class Known:
    """What the station itself knows of a token."""

    in_list: TokenInfo | None = None
    in_cache: TokenInfo | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """The configuration keys of the same names."""

    local_authorize_offline: bool = True
    local_pre_authorize: bool = False
    allow_offline_tx_for_unknown_id: bool = False


@dataclass(frozen=True, slots=True)
class Accept:
    """The driver may charge. `group` is the parent of the token, empty = none that is known."""

    source: Source
    group: str = ""


@dataclass(frozen=True, slots=True)
class Refuse:
    """The driver may not. `reason` is for people."""

    source: Source
    reason: str


@dataclass(frozen=True, slots=True)
class Ask:
    """The central system must be asked."""


def decide(known: Known, now: datetime, online: bool, rules: Rules) -> Accept | Refuse | Ask:
    """Decide with what is known; with `online` False also the last word after an answer failed to come."""
    info, source = (known.in_list, Source.LOCAL_LIST) if known.in_list else (known.in_cache, Source.CACHE)
    status = info.at(now) if info else None
    if online:
        return Accept(source, _group(info)) if rules.local_pre_authorize and status == ACCEPTED else Ask()
    if status is None:
        if rules.allow_offline_tx_for_unknown_id:
            return Accept(Source.OFFLINE_RULE)
        return Refuse(Source.OFFLINE_RULE, "not in the local list, and the central system can't be asked")
    if status != ACCEPTED:
        return Refuse(source, f"the card is {status.lower()}")
    if not rules.local_authorize_offline:
        return Refuse(Source.OFFLINE_RULE, "offline, and LocalAuthorizeOffline is false")
    return Accept(source, _group(info))


def _group(info: TokenInfo | None) -> str:
    return info.parent if info else ""


def conflicts(known: Known, answer: TokenInfo, now: datetime) -> bool:
    """Tell whether the central system contradicts the local list that it sent (LocalListConflict, OCPP 1.6 §7.6)."""
    return known.in_list is not None and (known.in_list.at(now) == ACCEPTED) != (answer.status == ACCEPTED)


def decide_answer(info: TokenInfo) -> Accept | Refuse:
    """Decide by the answer of the central system."""
    if info.status == ACCEPTED:
        return Accept(Source.ONLINE, info.parent)
    return Refuse(Source.ONLINE, f"the central system says {info.status}")
