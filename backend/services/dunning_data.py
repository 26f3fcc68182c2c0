"""Master data of dunning: how operators dun, what differs for customers, and base rates of interest."""

from dataclasses import dataclass, fields
from decimal import Decimal, InvalidOperation

from sqlalchemy import Connection, insert, select, update

from backend.core.payments.dunning import Debtor, Policy
from backend.core.payments.late_interest import PUBLISHED, half_year
from backend.core.record import to_json
from backend.errors import ApplyError
from backend.services.entry_checks import amount_of, day_of
from backend.store.dunning_tables import base_rate, dunning_policy
from backend.store.tables import customer, operator
from shared.config import setting

_AMOUNTS = ("minimum", "fee_1", "fee_2", "lump_sum")


@dataclass(frozen=True, slots=True)
class DunningEntry:
    """How an operator duns. With `customer`, what applies to that one in place of it, as a whole."""

    operator: str = setting(help="id of the operator")
    customer: str = setting("", help="id of a customer that is dunned otherwise")
    automatic: bool = setting(False, help="send letters by themselves, once a banking day; else a person does")
    hour: int = setting(9, unit="h", minimum=0, maximum=23, help="local hour from which letters are sent by themselves")
    reminder_days: int = setting(7, unit="days", minimum=1, maximum=365, help="from the due day to the free reminder")
    dunning_1_days: int = setting(14, unit="days", minimum=1, maximum=365, help="from there to the first dunning")
    dunning_2_days: int = setting(14, unit="days", minimum=1, maximum=365, help="from there to the second one")
    suspend_days: int = setting(
        14, unit="days", minimum=0, maximum=365, help="from there until cards are suspended, told in it; 0 = never"
    )
    handover_days: int = setting(
        30, unit="days", minimum=0, maximum=365, help="from there until claims are listed for a lawyer; 0 = never"
    )
    pay_days: int = setting(10, unit="days", minimum=1, maximum=90, help="new time to pay in each letter")
    pause_days: int = setting(7, unit="days", minimum=1, maximum=90, help="at least between two letters to a customer")
    return_days: int = setting(
        7, unit="days", minimum=0, maximum=90, help="from a debit that came back to its reminder, to find out why"
    )
    minimum: str = setting("5.00", help="customers who owe less get no letter")
    fee_1: str = setting("2.50", help="fee of the first dunning letter, to debtors in default")
    fee_2: str = setting("2.50", help="fee of the second one")
    lump_sum: str = setting("40.00", help="of businesses in default, once per claim, instead of fees (§ 288 (5) BGB)")
    interest: bool = setting(True, help="claim interest for late payment (§ 288 BGB)")
    calendar_due: bool = setting(
        False, help="contracts name the day to pay by the calendar: default begins the day after (§ 286 (2) No 1 BGB)"
    )
    debtor: str = setting(
        Debtor.AUTO, choices=tuple(Debtor), help="who owes; auto takes who has a VAT number for a business"
    )


@dataclass(frozen=True, slots=True)
class BaseRateEntry:
    """A base rate of interest, as the Bundesbank publishes it for each half-year."""

    valid_from: str = setting(help="first day of the half-year: 1 January or 1 July, for instance 2027-01-01")
    rate: str = setting(help='per cent a year, for instance "1.27"; may be negative')


def check_dunning(entry: DunningEntry, name: str) -> None:
    """Check an entry by itself.

    Raises:
        ApplyError: a field is wrong; the text begins with `name`.
    """
    for key in _AMOUNTS:
        amount_of(getattr(entry, key), f"{name}.{key}")
    if 0 < entry.suspend_days < entry.pay_days:
        raise ApplyError(f"{name}.suspend_days must not be less than pay_days: first comes the day to pay")


def check_base_rate(entry: BaseRateEntry, name: str) -> None:
    """As `check_dunning`."""
    day = day_of(entry.valid_from, f"{name}.valid_from")
    if half_year(day) != day:
        raise ApplyError(f"{name}.valid_from = {day} must be 1 January or 1 July: base rates hold for half-years")
    rate = _rate(entry, name)
    if PUBLISHED.get(day, rate) != rate:
        raise ApplyError(f"{name}.rate = {rate} is not what was published for {day}: {PUBLISHED[day]}")


def _rate(entry: BaseRateEntry, name: str) -> Decimal:
    try:
        rate = Decimal(entry.rate)
    except InvalidOperation:
        rate = Decimal("NaN")
    if not rate.is_finite() or not -5 <= rate <= 20:
        raise ApplyError(f'{name}.rate = {entry.rate!r} must be per cent a year such as "1.27"')
    return rate


def apply_dunning(connection: Connection, entry: DunningEntry) -> bool | None:
    """Write a policy. True: it is new, False: it was changed, None: it was so before.

    Raises:
        ApplyError: there is no such operator or customer.
    """
    name = f"dunning of operator {entry.operator}"
    if connection.scalar(select(operator.c.id).where(operator.c.id == entry.operator)) is None:
        raise ApplyError(f"{name}: there is no operator {entry.operator!r}")
    owner = select(customer.c.id).where(customer.c.id == entry.customer, customer.c.operator_id == entry.operator)
    if entry.customer and connection.scalar(owner) is None:
        raise ApplyError(f"{name}: it has no customer {entry.customer!r}")
    amounts = {key: amount_of(getattr(entry, key), f"{name}: {key}") for key in _AMOUNTS}
    plain = {field.name: getattr(entry, field.name) for field in fields(Policy) if field.name not in _AMOUNTS}
    policy = Policy(**plain | amounts | {"debtor": Debtor(entry.debtor)})
    p, body = dunning_policy.c, to_json(policy)
    mine = (p.operator_id == entry.operator) & (p.customer_id == entry.customer)
    known = connection.scalar(select(p.body).where(mine))
    if known is None:
        row = {"operator_id": entry.operator, "customer_id": entry.customer, "body": body}
        connection.execute(insert(dunning_policy).values(row))
        return True
    if known == body:
        return None
    connection.execute(update(dunning_policy).where(mine).values(body=body))
    return False


def apply_base_rate(connection: Connection, entry: BaseRateEntry) -> bool | None:
    """Write a base rate; as `apply_dunning`.

    Raises:
        ApplyError: another rate was in force for that half-year: letters may have been sent by it.
    """
    day, rate = day_of(entry.valid_from, "base_rate.valid_from"), _rate(entry, "base_rate")
    known = connection.scalar(select(base_rate.c.rate).where(base_rate.c.valid_from == day))
    if known is None:
        connection.execute(insert(base_rate).values(valid_from=day, rate=rate))
        return True
    if known != rate:
        raise ApplyError(f"base_rate from {day} is {known} already, and letters may have been sent by it")
    return None
