"""Which tariff prices a session: assignments to users, contracts, places ..., the most specific one first.

The rules:

- Of all assignments that name the session's user, contract ... and are valid when it begins, the scope decides, in the
  order of `Scope`. Of two of one scope the one whose validity began last counts, so that a promotion may lie on top of
  an assignment without end.
- An assignment whose tariff has no version yet is not passed over: a price that was agreed on must not be replaced by
  another one in silence. The session is held instead.
- The version valid at the begin prices the whole session.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)
"""Begin of an assignment that was always valid."""


class Scope(StrEnum):
    """To what a tariff is assigned, in the order of precedence.

    `CUSTOMER` stands for all contracts of a customer, `CHARGE_POINT` for all EVSEs of a station.
    """

    USER = "user"
    CONTRACT = "contract"
    CUSTOMER = "customer"
    GROUP = "group"
    ROAMING_PARTNER = "roaming_partner"
    CONNECTOR = "connector"
    EVSE = "evse"
    CHARGE_POINT = "charge_point"
    LOCATION = "location"
    OPERATOR = "operator"


Facts = Mapping[Scope, str]
"""Who charges where: the session's target of each scope; a scope that it has none of is absent or empty."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """A tariff for all sessions of a target, valid from a time (inclusive) to a time (exclusive); None is for ever."""

    scope: Scope
    target: str
    tariff_id: str
    valid_from: datetime = ALWAYS
    valid_to: datetime | None = None


@dataclass(frozen=True, slots=True)
class TariffVersion:
    """One version of a tariff, valid from a time until the next one begins."""

    id: str
    tariff_id: str
    valid_from: datetime


class Outcome(StrEnum):
    """What came out of the choice. Only `CHOSEN` gives a tariff."""

    CHOSEN = "chosen"
    NO_PAYER = "no_payer"
    NO_ASSIGNMENT = "no_assignment"
    NO_VERSION = "no_version"


@dataclass(frozen=True, slots=True)
class Rule:
    """Why a session has its tariff: stored with it, written for people by `rule_text`.

    Args:
        outcome: what came out.
        at: when the session began.
        assignment: the one that decided, None without one.
        version_from: begin of the version's validity, None without one.
        others: assignments that would apply too and are less specific, the nearest first.
    """

    outcome: Outcome
    at: datetime
    assignment: Assignment | None = None
    version_from: datetime | None = None
    others: tuple[Assignment, ...] = ()


@dataclass(frozen=True, slots=True)
class Choice:
    """The version that prices a session and the rule that gave it. Without one (None) the session is held."""

    version_id: str | None
    rule: Rule


def choose(candidates: Iterable[Assignment], versions: Iterable[TariffVersion], facts: Facts, at: datetime) -> Choice:
    """Choose the tariff of a session.

    Args:
        candidates: assignments of the operator; those that name others are left out here.
        versions: of the operator's tariffs.
        facts: who charges where.
        at: when the session began.
    """
    ranked = sorted((one for one in candidates if _applies(one, facts, at)), key=_rank)
    if not ranked:
        return Choice(None, Rule(Outcome.NO_ASSIGNMENT, at))
    first, others = ranked[0], tuple(ranked[1:])
    valid = [v for v in versions if v.tariff_id == first.tariff_id and v.valid_from <= at]
    if not valid:
        return Choice(None, Rule(Outcome.NO_VERSION, at, first, None, others))
    version = max(valid, key=lambda v: v.valid_from)
    return Choice(version.id, Rule(Outcome.CHOSEN, at, first, version.valid_from, others))


def no_payer(at: datetime) -> Choice:
    """Give no tariff because nobody is known to pay for the session."""
    return Choice(None, Rule(Outcome.NO_PAYER, at))


def rule_text(rule: Rule, language: str = "en") -> str:
    """Write a rule for people, in `de` or `en`."""
    one, moment = rule.assignment, rule.version_from or rule.at
    scope = _SCOPES[language][one.scope] if one else ""
    target, tariff = (one.target, one.tariff_id) if one else ("", "")
    return _TEXTS[language][rule.outcome].format(scope=scope, target=target, tariff=tariff, at=moment.isoformat())


def _applies(one: Assignment, facts: Facts, at: datetime) -> bool:
    named = bool(one.target) and facts.get(one.scope) == one.target
    return named and one.valid_from <= at and (one.valid_to is None or at < one.valid_to)


def _rank(one: Assignment) -> tuple[int, float, str]:
    return list(Scope).index(one.scope), -one.valid_from.timestamp(), one.tariff_id


_TEXTS: Mapping[str, Mapping[Outcome, str]] = {
    "en": {
        Outcome.CHOSEN: "tariff {tariff} of {scope} {target}, version valid from {at}",
        Outcome.NO_PAYER: "who pays is not known, so no tariff is chosen",
        Outcome.NO_ASSIGNMENT: "no tariff is assigned to the customer, the charge point or the operator",
        Outcome.NO_VERSION: "tariff {tariff} of {scope} {target} has no version valid at {at}",
    },
    "de": {
        Outcome.CHOSEN: "Tarif {tariff} für {scope} {target}, Fassung gültig ab {at}",
        Outcome.NO_PAYER: "wer zahlt, ist nicht bekannt; deshalb ist kein Tarif gewählt",
        Outcome.NO_ASSIGNMENT: "weder dem Kunden noch der Ladestation noch dem Betreiber ist ein Tarif zugeordnet",
        Outcome.NO_VERSION: "Tarif {tariff} für {scope} {target} hat am {at} keine gültige Fassung",
    },
}

_SCOPES: Mapping[str, Mapping[Scope, str]] = {
    "en": {scope: scope.replace("_", " ") for scope in Scope} | {Scope.EVSE: "EVSE"},
    "de": {
        Scope.USER: "Nutzer",
        Scope.CONTRACT: "Vertrag",
        Scope.CUSTOMER: "Kunde",
        Scope.GROUP: "Gruppe",
        Scope.ROAMING_PARTNER: "Roamingpartner",
        Scope.CONNECTOR: "Stecker",
        Scope.EVSE: "Ladepunkt",
        Scope.CHARGE_POINT: "Ladestation",
        Scope.LOCATION: "Standort",
        Scope.OPERATOR: "Betreiber",
    },
}
