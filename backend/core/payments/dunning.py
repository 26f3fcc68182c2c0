"""Dunning: what a customer is reminded of, claimed for being late, and when cards are suspended. Pure.

A claim goes open -> due -> reminded -> dunned -> dunned again -> handed over, one step per letter, days apart by the
policy. A customer gets one letter about all that is due; its level is the highest that a claim reaches by it. Nothing
is asked for again that is disputed, covered by credit, about to be debited, or of a customer whose dunning rests.

Interest and lump sum run from default: after the day that the contract names (§ 286 (2) No 1 BGB), after our first
dunning letter (§ 286 (1)), or 30 days after due day and receipt (§ 286 (3); with a consumer only if the invoice says
so), whichever is first. The free reminder is not taken for a dunning letter. The cost of the letter that causes
default is nobody's damage: it bears no fee.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from enum import IntEnum, StrEnum

from backend.core.payments.late_interest import BUSINESS_POINTS, CONSUMER_POINTS, late_interest

ZERO = Decimal("0.00")
RECEIPT_DAYS = 3
"""An invoice is taken as received so long after its date: more than a mail needs, in favour of the customer."""
DEFAULT_DAYS = 30
"""§ 286 (3) BGB."""


class Level(IntEnum):
    """How far a claim was dunned; values as in `backend.core.payments.open_item.OpenItem.dunning_level`."""

    NONE = 0
    REMINDER = 1
    DUNNING_1 = 2
    DUNNING_2 = 3
    HANDED_OVER = 4


class Debtor(StrEnum):
    """Who owes: `AUTO` takes who has a VAT number for a business."""

    AUTO = "auto"
    CONSUMER = "consumer"
    BUSINESS = "business"


class ClaimKind(StrEnum):
    """What is claimed beside documents: damages, so without VAT. The values are the notes of their bookings."""

    FEE = "dunning_fee"
    LUMP_SUM = "dunning_lump_sum"
    INTEREST = "dunning_interest"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How an operator duns. Days are calendar days; amounts in the operator's currency.

    Args:
        automatic: letters go out by themselves, once a banking day.
        hour: local hour from which they do.
        reminder_days: from the due day to the reminder.
        dunning_1_days: from the reminder to the first dunning letter.
        dunning_2_days: from there to the second one.
        suspend_days: from there to the suspension of cards, announced in it; 0: never.
        handover_days: from there until claims are listed for a lawyer; 0: never.
        pay_days: new time to pay in each letter.
        pause_days: at least between two letters to a customer.
        return_days: from a debit that came back to its reminder, for finding out why.
        minimum: customers who owe less get no letter.
        fee_1: of the first dunning letter to a debtor in default.
        fee_2: of the second one.
        lump_sum: of businesses, once per claim, instead of fees (§ 288 (5) BGB).
        interest: claim it.
        calendar_due: the contract names the day to pay by the calendar.
        debtor: see `Debtor`.
    """

    automatic: bool = False
    hour: int = 9
    reminder_days: int = 7
    dunning_1_days: int = 14
    dunning_2_days: int = 14
    suspend_days: int = 14
    handover_days: int = 30
    pay_days: int = 10
    pause_days: int = 7
    return_days: int = 7
    minimum: Decimal = Decimal("5.00")
    fee_1: Decimal = Decimal("2.50")
    fee_2: Decimal = Decimal("2.50")
    lump_sum: Decimal = Decimal("40.00")
    interest: bool = True
    calendar_due: bool = False
    debtor: Debtor = Debtor.AUTO


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A document that is owed, as dunning sees it.

    Args:
        invoice_id: of its row.
        number: of the document.
        issued_on: its local date.
        due_on: overdue from the day after.
        open: what is owed now; negative where the customer has something to get.
        owed: what was owed at the end of a day, by the day of each change, without costs that came later.
        level: reached.
        level_on: day of the letter that it was reached by, None for none.
        warned_on: day of the first dunning letter, None for none.
        suspend_on: day that a suspension was announced for, None for none.
        disputed: what the customer objects, empty for nothing.
        debited: a debit of it is on its way.
        collectable: it was announced to be debited, and that can and must be tried first.
        returned_on: when its debit came back, None if it did not.
        told: the invoice says that consumers are in default after 30 days.
        lump_sum: claimed before.
        interest_until: last day that interest was claimed for.
    """

    invoice_id: int
    number: str
    issued_on: date
    due_on: date
    open: Decimal
    owed: tuple[tuple[date, Decimal], ...] = ()
    level: int = 0
    level_on: date | None = None
    warned_on: date | None = None
    suspend_on: date | None = None
    disputed: str = ""
    debited: bool = False
    collectable: bool = False
    returned_on: date | None = None
    told: bool = True
    lump_sum: bool = False
    interest_until: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A customer's account beside documents.

    Args:
        business: not a consumer.
        balance: booked on no document; positive is the customer's credit, negative are costs not paid yet.
        stop: why dunning rests, empty if it does not.
        last_letter_on: None for none.
    """

    business: bool = False
    balance: Decimal = ZERO
    stop: str = ""
    last_letter_on: date | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """A claim that is due and not asked for, with a key of the texts `hold.*` and its detail. No number: all of it."""

    number: str
    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterItem:
    """A claim in a letter: what is owed of it, the level it has now, and what is claimed for its being late.

    `interest_until` is the last day of the interest, None for none; `raised` tells that the letter raised the level.
    """

    invoice_id: int
    number: str
    issued_on: date
    due_on: date
    open: Decimal
    level: int
    raised: bool
    returned: bool = False
    interest: Decimal = ZERO
    interest_until: date | None = None
    lump_sum: Decimal = ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What a letter asks for.

    Args:
        level: the highest that it raises a claim to.
        day: of the letter.
        pay_by: new day to pay.
        items: all that is asked for, the oldest first.
        fee: of the letter.
        earlier: costs and interest of earlier letters that were not paid.
        suspend_on: day from which cards are suspended if nothing is paid, None if they are not.
        missing_rate: half-year whose base rate is not known, so that its interest is not claimed.
    """

    level: int
    day: date
    pay_by: date
    items: tuple[LetterItem, ...]
    fee: Decimal = ZERO
    earlier: Decimal = ZERO
    suspend_on: date | None = None
    missing_rate: date | None = None

    @property
    def interest(self) -> Decimal:
        """The sum of the interest claimed."""
        return sum((item.interest for item in self.items), ZERO)

    @property
    def lump_sum(self) -> Decimal:
        """The sum of the lump sums claimed."""
        return sum((item.lump_sum for item in self.items), ZERO)

    @property
    def total(self) -> Decimal:
        """What is to be paid."""
        return sum((item.open for item in self.items), ZERO) + self.interest + self.lump_sum + self.fee + self.earlier

    @property
    def costs(self) -> tuple[tuple[ClaimKind, Decimal], ...]:
        """What the letter claims beside documents, without what is zero."""
        found = ((ClaimKind.FEE, self.fee), (ClaimKind.LUMP_SUM, self.lump_sum), (ClaimKind.INTEREST, self.interest))
        return tuple((kind, amount) for kind, amount in found if amount)


@dataclass(frozen=True, slots=True)
class Plan:
    """What dunning does about a customer: a letter or none, and what it leaves out and why."""

    demand: Demand | None
    held: tuple[Held, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class _Case:
    account: Account
    policy: Policy
    rates: Mapping[date, Decimal]
    today: date


def plan_letter(
    account: Account, claims: Sequence[Claim], policy: Policy, rates: Mapping[date, Decimal], today: date
) -> Plan:
    """Decide about a customer's letter of a day.

    Args:
        account: beside documents.
        claims: all of the customer's that are not settled, credit notes too.
        policy: that applies.
        rates: see `late_interest`.
        today: local date.
    """
    overdue = [claim for claim in _by_age(claims) if claim.open > 0 and claim.due_on < today]
    if not overdue:
        return Plan(None)
    if account.stop:
        return Plan(None, (Held("", "stop", account.stop),))
    held, asked, ready = [], [], []
    for claim, left in _after_credit(account, claims):
        if claim not in overdue:
            continue
        reason, detail = _why_not(claim, left)
        if reason:
            held.append(Held(claim.number, reason, detail))
            continue
        since = _next_on(claim, policy)
        if since and since <= today:
            ready.append(claim)
        if claim.level or claim in ready:
            asked.append((claim, left))
    if not ready:
        return Plan(None, tuple(held))
    if account.last_letter_on and today < account.last_letter_on + timedelta(days=policy.pause_days):
        return Plan(None, (*held, Held("", "pause", account.last_letter_on.isoformat())))
    demand = _demand(_Case(account, policy, rates, today), asked, ready)
    if demand.total < policy.minimum:
        return Plan(None, (*held, Held("", "minimum", str(demand.total))))
    return Plan(demand, tuple(held))


def _by_age(claims: Sequence[Claim]) -> list[Claim]:
    return sorted(claims, key=lambda one: (one.due_on, one.invoice_id))


def _after_credit(account: Account, claims: Sequence[Claim]) -> list[tuple[Claim, Decimal]]:
    """Give what is left of each claim if credit that was not used yet pays the oldest ones first."""
    credit = max(account.balance, ZERO) - sum((claim.open for claim in claims if claim.open < 0), ZERO)
    found = []
    for claim in _by_age(claims):
        if claim.open > 0:
            share = min(credit, claim.open)
            credit -= share
            found.append((claim, claim.open - share))
    return found


def _why_not(claim: Claim, left: Decimal) -> tuple[str, str]:
    if claim.disputed:
        return "disputed", claim.disputed
    if claim.debited:
        return "debited", ""
    if claim.collectable:
        return "collect", ""
    return ("", "") if left > 0 else ("covered", "")


def _next_on(claim: Claim, policy: Policy) -> date | None:
    """Tell from when a claim may be asked for at its next level; None after the last letter."""
    if claim.level == Level.NONE:
        if claim.returned_on:
            return max(claim.returned_on + timedelta(days=policy.return_days), claim.due_on + timedelta(days=1))
        return claim.due_on + timedelta(days=max(policy.reminder_days, 1))
    days = {Level.REMINDER: policy.dunning_1_days, Level.DUNNING_1: policy.dunning_2_days}
    if claim.level not in days or claim.level_on is None:
        return None
    return claim.level_on + timedelta(days=max(days[Level(claim.level)], 1))


def default_from(claim: Claim, policy: Policy, *, business: bool) -> date | None:
    """Give the first day of default, None if nothing has brought it about."""
    days = []
    if policy.calendar_due:
        days.append(claim.due_on + timedelta(days=1))
    if claim.warned_on:
        days.append(claim.warned_on + timedelta(days=1))
    if business or claim.told:
        received = claim.issued_on + timedelta(days=RECEIPT_DAYS)
        days.append(max(claim.due_on, received) + timedelta(days=DEFAULT_DAYS + 1))
    return min(days, default=None)


def _demand(case: _Case, asked: Sequence[tuple[Claim, Decimal]], ready: Sequence[Claim]) -> Demand:
    account, policy, today = case.account, case.policy, case.today
    level = max(claim.level for claim in ready) + 1
    items, missing, late = [], None, False
    for claim, left in asked:
        raised = claim in ready
        item = LetterItem(
            invoice_id=claim.invoice_id,
            number=claim.number,
            issued_on=claim.issued_on,
            due_on=claim.due_on,
            open=left,
            level=claim.level + raised,
            raised=raised,
            returned=claim.returned_on is not None,
        )
        since = default_from(claim, policy, business=account.business)
        if level >= Level.DUNNING_1 and item.level >= Level.DUNNING_1 and since and since <= today:
            late = late or raised
            item, unknown = _with_damages(item, claim, case, since)
            missing = missing or unknown
        items.append(item)
    by_lump_sum = account.business and policy.lump_sum > 0
    fees = {Level.DUNNING_1: policy.fee_1, Level.DUNNING_2: policy.fee_2}
    announced = level == Level.DUNNING_2 and policy.suspend_days > 0
    return Demand(
        level=level,
        day=today,
        pay_by=today + timedelta(days=policy.pay_days),
        items=tuple(items),
        fee=fees.get(Level(level), ZERO) if late and not by_lump_sum else ZERO,
        earlier=max(-account.balance, ZERO),
        suspend_on=today + timedelta(days=policy.suspend_days) if announced else None,
        missing_rate=missing,
    )


def _with_damages(item: LetterItem, claim: Claim, case: _Case, since: date) -> tuple[LetterItem, date | None]:
    """Add interest up to yesterday, whose payments are known, and the lump sum; tell which base rate is missing."""
    business, policy, missing = case.account.business, case.policy, None
    first = max(since, claim.interest_until + timedelta(days=1)) if claim.interest_until else since
    last = case.today - timedelta(days=1)
    # What credit covers now bears no interest, whenever that came.
    owed = claim.owed if item.open == claim.open else tuple((day, min(one, item.open)) for day, one in claim.owed)
    if policy.interest and first <= last:
        found = late_interest(owed, first, last, BUSINESS_POINTS if business else CONSUMER_POINTS, case.rates)
        missing = found.missing
        until = last if missing is None else missing - timedelta(days=1)
        if until >= first:
            item = replace(item, interest=found.amount, interest_until=until)
    if business and policy.lump_sum > 0 and not claim.lump_sum:
        item = replace(item, lump_sum=policy.lump_sum)
    return item, missing


def to_hand_over(account: Account, claims: Sequence[Claim], policy: Policy, today: date) -> list[Claim]:
    """List the claims that letters did not help with."""
    if account.stop or not policy.handover_days:
        return []
    wait = timedelta(days=policy.handover_days)
    return [
        claim
        for claim, left in _after_credit(account, claims)
        if claim.level == Level.DUNNING_2 and claim.level_on and claim.level_on + wait <= today
        if not _why_not(claim, left)[0]
    ]


def suspends(account: Account, claims: Sequence[Claim], today: date, *, already: bool) -> bool:
    """Tell whether cards are to be suspended: that was announced for a day that has come, and the claim is unpaid.

    Args:
        account: of the customer.
        claims: as for `plan_letter`.
        today: local date.
        already: they are; then only payment ends it, or that the claim is disputed.
    """
    for claim, left in _after_credit(account, claims):
        if claim.suspend_on is None or claim.suspend_on > today:
            continue
        if already and left > 0 and not claim.disputed:
            return True
        if not already and not account.stop and not _why_not(claim, left)[0]:
            return True
    return False
