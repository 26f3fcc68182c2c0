"""Which tariff prices a session: assignments to users, contracts, places ..., the most specific one first.

The rules:

- Of all assignments that name the session's user, contract ... and are valid when it begins, the scope decides, in the
  order of `Scope`. Of two of one scope the one whose validity began last counts, so that a promotion may lie on top of
  an assignment without end.
- An assignment whose tariff has no version yet is not passed over: a price that was agreed on must not be replaced by
  another one in silence. The session is held instead.
- An assignment may name further tariffs for profiles (see `.profiles`); each must have a version, too.
- The versions valid at the begin price the whole session, unless the assignment says that later ones take over.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from backend.core.rates.rating_model import VersionSwitch
from backend.core.tariffs.tariff_model import TariffType
from backend.core.tariffs.turns import profile_name

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
class ProfileTariff:
    """The tariff of a profile, beside the regular one."""

    profile: TariffType
    tariff_id: str


@dataclass(frozen=True, slots=True)
class Assignment:
    """A tariff for all sessions of a target, valid from a time (inclusive) to a time (exclusive); None is for ever.

    Args:
        scope: to what it applies.
        target: id of that.
        tariff_id: the regular tariff.
        valid_from: begin.
        valid_to: end.
        profiles: further tariffs, at most one for each profile.
        version_switch: what a version that becomes valid during a session means to it.
    """

    scope: Scope
    target: str
    tariff_id: str
    valid_from: datetime = ALWAYS
    valid_to: datetime | None = None
    profiles: tuple[ProfileTariff, ...] = ()
    version_switch: VersionSwitch = VersionSwitch.LOCK_AT_START


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
        missing: the tariff without a version, if that is why there is none.
    """

    outcome: Outcome
    at: datetime
    assignment: Assignment | None = None
    version_from: datetime | None = None
    others: tuple[Assignment, ...] = ()
    missing: str = ""


@dataclass(frozen=True, slots=True)
class Further:
    """A version that may price parts of a session, beside the regular one of its start."""

    profile: TariffType
    version_id: str


@dataclass(frozen=True, slots=True)
class Choice:
    """The versions that price a session and the rule that gave them.

    Without a regular one (`version_id` is None) the session is held.
    """

    version_id: str | None
    rule: Rule
    further: tuple[Further, ...] = ()


def choose(candidates: Iterable[Assignment], versions: Sequence[TariffVersion], facts: Facts, at: datetime) -> Choice:
    """Choose the tariffs of a session.

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
    wanted = [ProfileTariff(TariffType.REGULAR, first.tariff_id), *first.profiles]
    known = {one.tariff_id: [v for v in versions if v.tariff_id == one.tariff_id] for one in wanted}
    chosen: list[TariffVersion] = []
    for one in wanted:
        begun = [v for v in known[one.tariff_id] if v.valid_from <= at]
        if not begun:
            return Choice(None, Rule(Outcome.NO_VERSION, at, first, None, others, one.tariff_id))
        chosen.append(max(begun, key=lambda v: v.valid_from))
    further = [Further(one.profile, v.id) for one, v in zip(wanted[1:], chosen[1:], strict=True)]
    if first.version_switch is VersionSwitch.SWITCH:
        further += [Further(one.profile, v.id) for one in wanted for v in known[one.tariff_id] if v.valid_from > at]
    rule = Rule(Outcome.CHOSEN, at, first, chosen[0].valid_from, others)
    return Choice(chosen[0].id, rule, tuple(further))


def no_payer(at: datetime) -> Choice:
    """Give no tariff because nobody is known to pay for the session."""
    return Choice(None, Rule(Outcome.NO_PAYER, at))


def rule_text(rule: Rule, language: str = "en") -> str:
    """Write a rule for people, in `de` or `en`."""
    one, moment = rule.assignment, rule.version_from or rule.at
    scope = _SCOPES[language][one.scope] if one else ""
    target, tariff = (one.target, rule.missing or one.tariff_id) if one else ("", "")
    text = _TEXTS[language][rule.outcome].format(scope=scope, target=target, tariff=tariff, at=moment.isoformat())
    if one is None or rule.outcome is not Outcome.CHOSEN:
        return text
    more = [f"{profile_name(each.profile, language)}: {each.tariff_id}" for each in one.profiles]
    text += f" ({', '.join(more)})" if more else ""
    return text + (_TAKE_OVER[language] if one.version_switch is VersionSwitch.SWITCH else "")


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

_TAKE_OVER: Mapping[str, str] = {
    "en": "; later versions take over when they become valid",
    "de": "; spätere Fassungen lösen sie ab, sobald sie gültig werden",
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
