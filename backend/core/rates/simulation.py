"""What past sessions would have cost under other tariffs: totals, winners and losers.

Every session is cut anew for each tariff and priced by the engine that rates real ones, in the order in which sessions
use up quotas. Only sessions that are simulated count towards quotas and volumes of a simulated tariff. A session that a
tariff can't price is named with the reason and left out on both sides, so that like is compared with like.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from backend.core.rates.pricing import Inputs, Series, UnratableError, price, read_zone
from backend.core.rates.rating import Context, Rating, Used, VersionSwitch, rate_base_fee
from backend.core.tariffs.profiles import Member, Switch, plan
from backend.core.tariffs.profiles import used as turns_used
from backend.core.tariffs.tariff_model import Scope, Tariff, TariffType
from shared.units import Wh

_ZERO = Decimal("0.00")


@dataclass(frozen=True, slots=True)
class PastSession:
    """A rated session: who paid what for it, what it was priced from, and the profiles at its place and time."""

    transaction_id: int
    customer_id: str
    customer: str
    contract_id: str
    group_id: str
    started_at: datetime
    ended_at: datetime
    energy: Wh
    currency: str
    net: Decimal
    gross: Decimal
    inputs: Inputs
    switches: tuple[Switch, ...] = ()


@dataclass(frozen=True, slots=True)
class TariffSet:
    """Tariffs to be tried together: they take turns as the switches at each session's place told."""

    regular: Tariff
    further: tuple[tuple[TariffType, Tariff], ...] = ()

    @property
    def tariffs(self) -> tuple[Tariff, ...]:
        """All of them, the regular one first."""
        return self.regular, *(tariff for _, tariff in self.further)

    @property
    def name(self) -> str:
        """The id of the regular tariff, with those of the profiles behind it."""
        return " + ".join([self.regular.id, *(f"{profile}: {tariff.id}" for profile, tariff in self.further)])


@dataclass(frozen=True, slots=True)
class SimulatedSession:
    """A session under another tariff: net and with VAT, before as it was rated."""

    transaction_id: int
    before_net: Decimal
    before_gross: Decimal
    net: Decimal
    gross: Decimal


@dataclass(frozen=True, slots=True)
class Unpriced:
    """A session that a tariff can't price."""

    transaction_id: int
    reason: str


@dataclass(frozen=True, slots=True)
class CustomerResult:
    """What a tariff means to one customer; amounts with VAT, base fees included in `gross`."""

    customer_id: str
    customer: str
    sessions: int
    energy: Wh
    before_gross: Decimal
    gross: Decimal

    @property
    def difference(self) -> Decimal:
        """What the customer pays more (positive) or less."""
        return self.gross - self.before_gross


@dataclass(frozen=True, slots=True)
class TariffResult:
    """What one tariff means.

    Args:
        tariff_id: which; of a set all ids.
        currency: of all amounts.
        sessions: priced ones, in order.
        unpriced: the others.
        energy: of the priced ones.
        before_net: what they cost as rated, without VAT.
        before_gross: with VAT.
        base_fees: with VAT, for all contracts or groups, part of `gross`.
        net: what they would cost, without VAT.
        gross: with VAT.
        customers: by what they would pay more, the largest gain first.
    """

    tariff_id: str
    currency: str
    sessions: tuple[SimulatedSession, ...]
    unpriced: tuple[Unpriced, ...]
    energy: Wh
    before_net: Decimal
    before_gross: Decimal
    base_fees: Decimal
    net: Decimal
    gross: Decimal
    customers: tuple[CustomerResult, ...]

    @property
    def difference(self) -> Decimal:
        """What all customers together would pay more (positive) or less, VAT included."""
        return self.gross - self.before_gross

    @property
    def winners(self) -> int:
        """Customers that would pay less."""
        return sum(one.difference < 0 for one in self.customers)

    @property
    def losers(self) -> int:
        """Customers that would pay more."""
        return sum(one.difference > 0 for one in self.customers)


def simulate(
    sessions: Iterable[PastSession], tariffs: Iterable[Tariff | TariffSet], series: Sequence[Series] = ()
) -> tuple[TariffResult, ...]:
    """Price sessions by each of several tariffs, or sets of them.

    Args:
        sessions: in any order.
        tariffs: to be tried.
        series: prices of the market in the time of the sessions.
    """
    ordered = sorted(sessions, key=lambda session: (session.ended_at, session.transaction_id))
    sets = [TariffSet(one) if isinstance(one, Tariff) else one for one in tariffs]
    return tuple(_Trial(one, tuple(series)).run(ordered) for one in sets)


class _Trial:
    """One tariff, or set of them, on its way through the sessions."""

    def __init__(self, tariffs: TariffSet, series: tuple[Series, ...]) -> None:
        self._tariffs, self._series = tariffs, series
        first = Member(TariffType.REGULAR, tariffs.regular.id, tariffs.regular)
        self._members = [first, *(Member(profile, tariff.id, tariff) for profile, tariff in tariffs.further)]
        self._used: dict[tuple[Scope, str], dict[str, Decimal]] = defaultdict(dict)
        self._fees: dict[tuple[str, str], tuple[PastSession, Rating]] = {}

    def run(self, sessions: Sequence[PastSession]) -> TariffResult:
        priced: list[tuple[PastSession, Rating]] = []
        unpriced: list[Unpriced] = []
        for session in sessions:
            try:
                priced.append((session, self._price(session)))
            except UnratableError as error:
                unpriced.append(Unpriced(session.transaction_id, str(error)))
        fees = list(self._fees.values())
        return TariffResult(
            tariff_id=self._tariffs.name,
            currency=self._tariffs.regular.currency,
            sessions=tuple(
                SimulatedSession(s.transaction_id, s.net, s.gross, r.total_net, r.total_gross) for s, r in priced
            ),
            unpriced=tuple(unpriced),
            energy=Wh(sum(s.energy for s, _ in priced)),
            before_net=sum((s.net for s, _ in priced), _ZERO),
            before_gross=sum((s.gross for s, _ in priced), _ZERO),
            base_fees=sum((r.total_gross for _, r in fees), _ZERO),
            net=sum((r.total_net for _, r in (*priced, *fees)), _ZERO),
            gross=sum((r.total_gross for _, r in (*priced, *fees)), _ZERO),
            customers=_by_customer(priced, fees),
        )

    def _price(self, session: PastSession) -> Rating:
        currency = self._tariffs.regular.currency
        if session.currency != currency:
            raise UnratableError(f"it was rated in {session.currency}, the tariff is in {currency}")
        targets = {Scope.CONTRACT: session.contract_id, Scope.GROUP: session.group_id}
        used = tuple(
            Used(key, amount)
            for target in targets.items()
            if target[1]
            for key, amount in sorted(self._used[target].items())
        )
        turns = plan(self._members, session.switches, session.started_at, session.ended_at, VersionSwitch.LOCK_AT_START)
        inputs = replace(session.inputs, used=used, series=self._series, turns=turns)
        rating = price(inputs, [member.tariff for member in turns_used(self._members, turns)]).rating
        for part in rating.used:
            scope = Scope.GROUP if f"/{Scope.GROUP}/" in part.key else Scope.CONTRACT
            known = self._used[scope, targets[scope]]
            known[part.key] = known.get(part.key, Decimal(0)) + part.amount
            if "/graduated/" in part.key:
                self._add_fee(session, targets[scope], part.key)
        return rating

    def _add_fee(self, session: PastSession, target: str, key: str) -> None:
        """Charge the base fee once for each contract or group and span."""
        if (target, key) in self._fees:
            return
        zone = read_zone(session.inputs.timezone)
        context = Context(relationship=session.inputs.relationship)
        tariff = next(one for one in self._tariffs.tariffs if key.startswith(f"{one.id}/"))
        fee = rate_base_fee(tariff, session.started_at, session.ended_at, zone, context)
        if fee:
            self._fees[target, key] = (session, fee)


def _by_customer(
    priced: Sequence[tuple[PastSession, Rating]], fees: Sequence[tuple[PastSession, Rating]]
) -> tuple[CustomerResult, ...]:
    found: dict[str, CustomerResult] = {}
    for session, rating in priced:
        before = found.get(session.customer_id)
        first = CustomerResult(session.customer_id, session.customer, 0, Wh(0), _ZERO, _ZERO)
        one = before or first
        found[session.customer_id] = replace(
            one,
            sessions=one.sessions + 1,
            energy=Wh(one.energy + session.energy),
            before_gross=one.before_gross + session.gross,
            gross=one.gross + rating.total_gross,
        )
    for session, fee in fees:
        one = found[session.customer_id]
        found[session.customer_id] = replace(one, gross=one.gross + fee.total_gross)
    return tuple(sorted(found.values(), key=lambda one: (one.difference, one.customer_id)))
