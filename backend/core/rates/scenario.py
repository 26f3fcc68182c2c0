"""Scenarios: sessions and a tariff as JSON in, prices as JSON out. The tool to try a tariff, and its own test."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from backend.core.rates.charging_period import Between, PeriodError
from backend.core.rates.rating import Rater
from backend.core.rates.rating_model import Context, Policy, Rating, RatingError, VersionSwitch
from backend.core.rates.scenario_json import held, plain, rating_json, sum_json
from backend.core.rates.scenario_read import Case, SessionCase, named, read_case
from backend.core.tariffs.tariff_model import Attribution, Graduated, HeldError, Quota, Span, Tariff

_TICK = timedelta(microseconds=1)
_WHOLESALE = "wholesale"
_NUMBERS = {Span.DAY: "%Y-%m-%d", Span.MONTH: "%Y-%m", Span.YEAR: "%Y"}


@dataclass(frozen=True, slots=True)
class ScenarioOptions:
    """What is chosen per call.

    Args:
        flat_requires_energy: a session without energy pays no start fee.
        version_switch: what a new version means for a session that runs.
        between: what is done with a period that spans a price change.
        relationship: with whom, as in `x_tax`; empty takes the only one there is, or `wholesale`.
    """

    flat_requires_energy: bool = False
    version_switch: VersionSwitch = VersionSwitch.LOCK_AT_START
    between: Between = Between.HOLD
    relationship: str = ""


_STRICT = ScenarioOptions()


@dataclass(frozen=True, slots=True)
class _Bill:
    """All sessions rated: by name, in the order of the scenario; and the base fees of the spans they fall into."""

    ratings: dict[str, Rating]
    fees: tuple[Rating, ...]
    used: dict[str, Decimal]


def rate_scenario(data: object, options: ScenarioOptions = _STRICT) -> dict[str, object]:
    """Price a scenario.

    Args:
        data: as `scenario_read.read_case` takes it; numbers may be int, float, Decimal or text.
        options: the choices.

    Returns:
        `total_net`, `total_vat`, `total_gross`, `tax_lines` and `lines` in sum, the exact totals beside them, and the
        same for each session under `per_session`. What can't be priced has `held` true and a `reason` with `code`,
        `path` and `text`, and no totals. Versions give both modes under their names; tariffs that exclude each other
        give `comparison`; a retail price gives `wholesale`, `retail` and `margin_net`.
    """
    try:
        case = read_case(data)
        return {"id": case.id, **_priced(case, options)}
    except HeldError as error:
        return held(error)
    except PeriodError as error:
        return held(RatingError("sessions", str(error), "periods"))
    except (ArithmeticError, RecursionError):
        return held(RatingError("scenario", "numbers leave the range that can be computed", "out_of_range"))


def _priced(case: Case, options: ScenarioOptions) -> dict[str, object]:
    alternatives = len(case.tariffs) > 1 and not _take_turns(case) and not _are_versions(case)
    if alternatives:
        compared = {tariff.id: _summed(case, (tariff,), options) for tariff in case.tariffs}
        return {"held": any(row["held"] for row in compared.values()), "comparison": compared}
    result = _summed(case, case.tariffs, options)
    if len(case.tariffs) > 1 and _are_versions(case):
        for mode in VersionSwitch:
            chosen = ScenarioOptions(options.flat_requires_energy, mode, options.between, options.relationship)
            result[mode.value] = _summed(case, case.tariffs, chosen)
    if case.retail and not result["held"]:
        result |= _two_sided(case, options, result)
    return result


def _take_turns(case: Case) -> bool:
    return any(period.tariff_id for session in case.sessions for period in session.periods)


def _are_versions(case: Case) -> bool:
    return any(tariff.start_date_time or tariff.end_date_time for tariff in case.tariffs)


def _two_sided(case: Case, options: ScenarioOptions, wholesale: dict[str, object]) -> dict[str, object]:
    """Price the same sessions as the driver's provider does, and tell what remains of it."""
    retail = case.retail
    assert retail is not None  # noqa: S101  the caller asked
    asked = _summed(case, (retail.tariff,), options)
    result: dict[str, object] = {"wholesale": dict(wholesale), "retail": asked}
    if not asked["held"]:
        fees = retail.hub_fee_net * len(case.sessions)
        margin = Decimal(str(asked["total_net"])) - fees - Decimal(str(wholesale["total_net"]))
        result |= {"hub_fee_net": plain(fees), "margin_net": str(margin)}
    return result


def _summed(case: Case, tariffs: Sequence[Tariff], options: ScenarioOptions) -> dict[str, object]:
    """Price all sessions by these tariffs; if one is held, there is no sum."""
    rows, bill, first = _rated(case, tariffs, options)
    tariff = tariffs[0]
    result: dict[str, object] = {
        "held": first is not None,
        "currency": tariff.currency,
        "timezone": case.zone.key,
        "options": {
            "flat_requires_energy": options.flat_requires_energy,
            "version_switch": options.version_switch.value,
            "between": options.between.value,
        },
        "per_session": rows,
    }
    notes = [rule.note for rule in tariff.taxes if rule.note]
    if notes:
        result["tax_note"] = notes[0]
    if first is not None:
        return result | held(first)
    periods = {session.id: session.periods for session in case.sessions}
    result |= sum_json(bill.ratings, periods, bill.fees)
    result["per_session_net"] = [str(rating.total_net) for rating in bill.ratings.values()]
    if len(rows) == 1:
        result |= {key: value for key, value in rows[0].items() if key in ("limit_applied", "notes", "used")}
    if bill.fees:
        energy = sum((rating.exact_net for rating in bill.ratings.values()), Decimal(0))
        result["energy_net_exact"] = plain(energy)
        result["base_fee_net"] = plain(sum((fee.exact_net for fee in bill.fees), Decimal(0)))
    quotas = [amount for key, amount in bill.used.items() if "/quota/" in key]
    if tariff.quota and quotas:
        result["quota_after"] = plain(quotas[-1])
    return result


def _rated(
    case: Case, tariffs: Sequence[Tariff], options: ScenarioOptions
) -> tuple[list[dict[str, object]], _Bill, HeldError | None]:
    """Rate the sessions in the order in which they use up quotas and volumes, each after those before it."""
    policy = Policy(options.flat_requires_energy, options.version_switch, options.between)
    rater = Rater(tariffs, case.zone, policy)
    relationship = _relationship(tariffs[0], options)
    used = _used_before(case, tariffs[0])
    rows: dict[str, dict[str, object]] = {}
    ratings: dict[str, Rating] = {}
    problem: HeldError | None = None
    for index in sorted(range(len(case.sessions)), key=lambda i: _order(case.sessions[i])):
        session = case.sessions[index]
        try:
            rating = rater.rate(session.periods, Context(_of(session, used), relationship=relationship))
        except HeldError as error:
            found = named(error, case, index)
            problem = problem or found
            rows[session.id] = {"session": session.id, **held(found)}
            continue
        ratings[session.id] = rating
        rows[session.id] = {"session": session.id, **rating_json(rating, session.periods)}
        for part in rating.used:
            place = f"{_payer(session, part.key)}{part.key}"
            used[place] = used.get(place, Decimal(0)) + part.amount
    names = [session.id for session in case.sessions]
    fees = tuple(_fees(case, rater, tariffs[0], relationship))
    ordered = {name: ratings[name] for name in names if name in ratings}
    return [rows[name] for name in names], _Bill(ordered, fees, used), problem


def _order(session: SessionCase) -> tuple[datetime, datetime, str]:
    return session.periods[-1].end, session.periods[0].start, session.id


def _relationship(tariff: Tariff, options: ScenarioOptions) -> str:
    names = [rule.relationship for rule in tariff.taxes]
    if options.relationship or not names:
        return options.relationship
    return names[0] if len(names) == 1 else _WHOLESALE if _WHOLESALE in names else ""


def _payer(session: SessionCase, key: str) -> str:
    """Give whose use it is, by the scope in a key: that of the contract, or of the group."""
    return f"{session.group if '/group/' in key else session.contract}|"


def _of(session: SessionCase, used: dict[str, Decimal]) -> dict[str, Decimal]:
    """Give what was used before by those who pay for a session."""
    found = {}
    for place, amount in used.items():
        payer, _, key = place.partition("|")
        if f"{payer}|" == _payer(session, key):
            found[key] = amount
    return found


def _used_before(case: Case, tariff: Tariff) -> dict[str, Decimal]:
    """Give what was used before the first session, in the span into which that falls."""
    first = min(case.sessions, key=_order)
    found = {}
    for kind, amount in case.used_before.items():
        rule = tariff.quota if kind == "quota" else tariff.graduated
        if rule:
            key = f"{tariff.id}/{kind}/{rule.scope}/{_span_of(case, rule, first)}"
            found[f"{_payer(first, key)}{key}"] = amount
    return found


def _span_of(case: Case, rule: Quota | Graduated, session: SessionCase) -> str:
    ends = rule.order is Attribution.SESSION_END
    at = session.periods[-1].end - _TICK if ends else session.periods[0].start
    return at.astimezone(case.zone).strftime(_NUMBERS[rule.per]) if rule.per in _NUMBERS else "session"


def _fees(case: Case, rater: Rater, tariff: Tariff, relationship: str) -> list[Rating]:
    """Price the base fee once for each span and payer that has sessions."""
    if not tariff.graduated:
        return []
    spans: dict[tuple[str, str], SessionCase] = {}
    for session in sorted(case.sessions, key=_order):
        payer = _payer(session, f"/{tariff.graduated.scope}/")
        spans.setdefault((payer, _span_of(case, tariff.graduated, session)), session)
    found = [
        rater.base_fee(session.periods[0].start, session.periods[-1].end, Context(relationship=relationship))
        for session in spans.values()
    ]
    return [fee for fee in found if fee is not None]
