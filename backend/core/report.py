"""Reports of energy and revenue: facts of sessions or documents, summed by what a reader asks for. Pure.

Facts are taken in one after the other and only their sums are kept, so that years of sessions need no more memory than
a day. Amounts are whole cents whose parts sum to their whole, so a report says what its ratings or invoices say.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum

from backend.core.rates.rating_model import Item
from backend.core.rates.rounding import cents

_ZERO = Decimal("0.00")


class Subject(StrEnum):
    """What is summed: sessions as they are rated, by the day of their begin; or documents, by the day of issue."""

    ENERGY = "energy"
    REVENUE = "revenue"


class By(StrEnum):
    """What a row stands for."""

    MONTH = "month"
    DAY = "day"
    OPERATOR = "operator"
    LOCATION = "location"
    CHARGE_POINT = "charge_point"
    EVSE = "evse"
    CUSTOMER = "customer"
    USER = "user"
    TARIFF = "tariff"
    COMPONENT = "component"


class Component(StrEnum):
    """What is paid for."""

    ENERGY = "energy"
    TIME = "time"
    FEES = "fees"


_COMPONENTS = {
    Item.ENERGY: Component.ENERGY,
    Item.TIME: Component.TIME,
    Item.PARKING_TIME: Component.TIME,
    Item.RESERVATION_TIME: Component.TIME,
}


def component_of(item: Item) -> Component:
    """Give what a line is paid for; start and base fees are fees, as is what a limit adds or takes."""
    return _COMPONENTS.get(item, Component.FEES)


@dataclass(frozen=True, slots=True)
class Keys:
    """What a fact is of; empty where that is not known, or where it is of several."""

    day: date
    currency: str
    operator: str
    location: str = ""
    charge_point: str = ""
    evse: str = ""
    customer: str = ""
    user: str = ""
    tariff: str = ""

    def of(self, by: By) -> str:
        """Give the key of its row."""
        match by:
            case By.DAY:
                return self.day.isoformat()
            case By.MONTH:
                return f"{self.day:%Y-%m}"
            case By.COMPONENT:
                return ""
            case _:
                return str(getattr(self, by.value))


@dataclass(slots=True)
class Tally:
    """Sums. Energy in Wh, times in seconds, amounts in cents; `energy_net` and so on are parts of `net`.

    Args:
        sessions: rated ones.
        free: of them those that cost nothing.
        held: sessions beside them whose amount is not known yet.
        held_wh: energy of these, as far as their registers tell it.
        energy_wh: of rated sessions, or charged on documents.
        plugged_s: from begin to end.
        charging_s: while the register rose.
    """

    sessions: int = 0
    free: int = 0
    held: int = 0
    held_wh: int = 0
    energy_wh: int = 0
    plugged_s: int = 0
    charging_s: int = 0
    energy_net: Decimal = _ZERO
    time_net: Decimal = _ZERO
    fees_net: Decimal = _ZERO
    net: Decimal = _ZERO
    vat: Decimal = _ZERO
    gross: Decimal = _ZERO

    def add(self, other: "Tally") -> None:
        """Add other sums."""
        for one in fields(Tally):
            setattr(self, one.name, getattr(self, one.name) + getattr(other, one.name))

    def part(self, component: Component) -> Decimal:
        """Give a part of `net`."""
        amount: Decimal = getattr(self, f"{component}_net")
        return amount


@dataclass(frozen=True, slots=True)
class Row:
    """A row: `key` is an id, a day or a month; `name` is for people where the id is none."""

    key: str
    currency: str
    tally: Tally
    name: str = ""


@dataclass(slots=True)
class Sheet:
    """A report as it is summed."""

    by: By
    rows: dict[tuple[str, str], Tally] = field(default_factory=dict)
    totals: dict[str, Tally] = field(default_factory=dict)
    days: dict[date, Tally] = field(default_factory=dict)

    def add(self, keys: Keys, tally: Tally) -> None:
        """Take in a fact."""
        self.totals.setdefault(keys.currency, Tally()).add(tally)
        self.days.setdefault(keys.day, Tally()).add(tally)
        if self.by is not By.COMPONENT:
            self.rows.setdefault((keys.of(self.by), keys.currency), Tally()).add(tally)
            return
        for component in Component:
            amount = tally.part(component)
            energy = tally.energy_wh if component is Component.ENERGY else 0
            row = self.rows.setdefault((component.value, keys.currency), Tally())
            row.add(Tally(energy_wh=energy, net=amount))

    def sorted_rows(self) -> list[Row]:
        """Give the rows in the order of their keys."""
        return [Row(key, currency, self.rows[key, currency]) for key, currency in sorted(self.rows)]


def add_all(by: By, facts: Iterable[tuple[Keys, Tally]]) -> Sheet:
    """Sum facts up."""
    sheet = Sheet(by)
    for keys, tally in facts:
        sheet.add(keys, tally)
    return sheet


def with_parts(tally: Tally, shares: Sequence[tuple[Item, Decimal]]) -> Tally:
    """Share `net` out to energy, time and fees, in cents that sum to it."""
    exact = {component: Decimal(0) for component in Component}
    for item, amount in shares:
        exact[component_of(item)] += amount
    energy, time, fees = shared_cents(tally.net, list(exact.values()))
    return replace(tally, energy_net=energy, time_net=time, fees_net=fees)


def shared_cents(total: Decimal, shares: Sequence[Decimal]) -> list[Decimal]:
    """Round shares to cents so that they sum to a total: what is left goes to the largest one."""
    split = [cents(share) for share in shares]
    if split:
        largest = max(range(len(split)), key=lambda i: abs(shares[i]))
        split[largest] += total - sum(split, _ZERO)
    return split
