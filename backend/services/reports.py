"""What command line, API and pages ask of the store together: simulate a month, import prices, rate again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from backend.core.rates.simulation import TariffResult, TariffSet, simulate
from backend.core.tariffs.price_csv import PriceListError, parse_prices
from backend.core.tariffs.profiles import PROFILES, set_problems
from backend.core.tariffs.tariff import TariffError, load_tariff
from backend.core.tariffs.tariff_model import Tariff, TariffType
from backend.errors import ReportError
from backend.store.past_sessions import Selection, list_operators, load_past, load_series
from backend.store.price_series import Origin, store_prices
from backend.store.ratings import ask_rerating
from backend.store.tariffs import find_tariff
from backend.store.transactions import release_held


@dataclass(frozen=True, slots=True)
class SimulationRequest:
    """What to simulate.

    Args:
        month: for instance `2026-05`; sessions that began in it count, at the operator's wall clock.
        tariffs: ids of stored tariffs, each in the version valid at the end of the month.
        drafts: tariffs that are not stored.
        operator: id; empty is the only one.
        customer: id; empty is all.
        charge_point: id; empty is all.
        location: id; empty is all.
        profiles: ids of stored tariffs by profile, which take turns with the one of `tariffs`, as was told at each
            session's place.
    """

    month: str
    tariffs: Sequence[str] = ()
    drafts: Sequence[Tariff] = ()
    operator: str = ""
    customer: str = ""
    charge_point: str = ""
    location: str = ""
    profiles: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SimulationReport:
    """Which sessions were looked at, and what each tariff means."""

    begin: datetime
    end: datetime
    sessions: int
    results: tuple[TariffResult, ...]


def simulate_month(connection: Connection, wanted: SimulationRequest) -> SimulationReport:
    """Simulate a month. It takes about a millisecond for each session and tariff; other tasks go on meanwhile.

    Raises:
        ReportError: the month, the operator or a tariff can't be found.
    """
    operator_id, zone = _operator(connection, wanted.operator)
    begin, end = month_bounds(wanted.month, zone)
    tariffs = [_stored(connection, operator_id, tariff_id, end) for tariff_id in wanted.tariffs]
    tariffs += wanted.drafts
    if not tariffs:
        raise ReportError("name at least one tariff to try")
    selection = Selection(operator_id, begin, end, wanted.customer, wanted.charge_point, wanted.location)
    sets = [_set(connection, operator_id, tariffs, wanted.profiles, end)] if wanted.profiles else []
    sessions = load_past(connection, selection, with_switches=bool(sets))
    named = [tariff for one in sets for tariff in one.tariffs] or tariffs
    series = load_series(connection, operator_id, named, sessions)
    results = simulate(sessions, sets or tariffs, series)
    return SimulationReport(begin, end, len(sessions), results)


def import_prices(connection: Connection, series: str, text: str, origin: Origin, now: datetime) -> tuple[int, int]:
    """Keep a list of prices (CSV) and let sessions be priced that waited for it: how many prices, how many sessions.

    Args:
        connection: of the unit of work.
        series: name, as tariffs have it.
        text: the list.
        origin: whose series, and where the prices are from.
        now: world time.

    Raises:
        ReportError: the list can't be used; nothing was stored.
    """
    if not 1 <= len(series) <= 40 or not series.isprintable():
        raise ReportError("the name of a series has 1 to 40 printable characters")
    if origin.operator_id and origin.operator_id not in {name for name, _ in list_operators(connection)}:
        raise ReportError(f"there is no operator {origin.operator_id!r}; without one a series serves all of them")
    try:
        prices = parse_prices(text)
    except PriceListError as error:
        raise ReportError(f"{origin.source}: {error}") from error
    added = store_prices(connection, series, prices, origin, now)
    return added, release_held(connection)


def rate_again(connection: Connection, transaction_id: int, reason: str) -> None:
    """Let a session that is rated be rated again.

    Raises:
        ReportError: there is no such session, it is not rated yet, or it waits for it already.
    """
    if not reason.strip():
        raise ReportError("say why: the reason is stored with the new rating")
    if not ask_rerating(connection, [transaction_id], reason.strip()):
        raise ReportError(f"transaction {transaction_id} is not rated, or waits to be rated again already")


def month_bounds(month: str, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Give begin (inclusive) and end (exclusive) of a month such as `2026-05` at the wall, in UTC.

    Raises:
        ReportError: it is no month.
    """
    try:
        begin = datetime.strptime(month, "%Y-%m").replace(tzinfo=zone)
    except ValueError as error:
        raise ReportError(f"{month!r} is no month such as 2026-05") from error
    year, number = (begin.year + 1, 1) if begin.month == 12 else (begin.year, begin.month + 1)
    return begin.astimezone(UTC), begin.replace(year=year, month=number).astimezone(UTC)


def _operator(connection: Connection, operator_id: str) -> tuple[str, ZoneInfo]:
    operators = list_operators(connection)
    chosen = [one for one in operators if one[0] == operator_id] if operator_id else operators
    if len(chosen) != 1:
        names = ", ".join(name for name, _ in operators) or "none"
        raise ReportError(f"name the operator: {names}")
    return chosen[0][0], ZoneInfo(chosen[0][1])


def _set(
    connection: Connection, operator_id: str, tariffs: Sequence[Tariff], profiles: Mapping[str, str], at: datetime
) -> TariffSet:
    """Put together a regular tariff and those of profiles."""
    if len(tariffs) != 1:
        raise ReportError("a set has one regular tariff: name just one beside those of profiles")
    further = []
    for profile, tariff_id in profiles.items():
        if profile not in PROFILES[1:]:
            raise ReportError(f"{profile!r} is no profile such as {', '.join(PROFILES[1:])}")
        further.append((TariffType(profile), _stored(connection, operator_id, tariff_id, at)))
    problem = next(set_problems([(TariffType.REGULAR, tariffs[0]), *further]), "")
    if problem:
        raise ReportError(problem)
    return TariffSet(tariffs[0], tuple(further))


def _stored(connection: Connection, operator_id: str, tariff_id: str, at: datetime) -> Tariff:
    stored = find_tariff(connection, operator_id, tariff_id, at)
    if stored is None:
        raise ReportError(f"operator {operator_id} has no tariff {tariff_id!r} valid before {at:%Y-%m-%d}")
    try:
        return load_tariff(stored.body)
    except TariffError as error:
        raise ReportError(f"tariff {tariff_id}: {error}") from error
