"""What the owners of sites are owed: shares of revenue and refunds of energy, billed by us in their name. Pure.

An agreement is reckoned by calendar month of the operator's wall clock; a session belongs to the month in which it
began. Each time, a month is reckoned anew from all of its sessions as they are rated now, less what was given back by
hand, and what documents that stand have stated for it is taken off. So a session that comes in late, one that was rated
again and one that was credited come on the next statement as a difference, minimum and maximum of a month stay exact,
and what a cancelled statement told is told again by the next one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from zoneinfo import ZoneInfo

from backend.core.invoices.document_kind import SELF_BILLED
from backend.core.invoices.invoice_model import Account, FeeProof, InvoiceDraft, InvoiceLine, TaxCase
from backend.core.invoices.invoice_tax import taxes
from backend.core.rates.explain import day_text, item_name, number_text
from backend.core.rates.rating_model import Item, Rating
from backend.core.rates.rounding import Ratio, cents
from backend.core.tariffs.tariff import PriceBasis
from shared.units import Wh, kwh

_ZERO = Decimal("0.00")
_TICK = timedelta(milliseconds=1)


class HostTax(StrEnum):
    """What a host is to VAT: an entrepreneur, one who is exempt by § 19 UStG, or none."""

    UST = "host_ust"
    KLEIN = "host_klein"
    PRIVATE = "host_private"


class Model(StrEnum):
    """What an agreement pays for: a part of the revenue, each kWh, the energy that the host's grid gave, each month."""

    SHARE = "revenue_share"
    PER_KWH = "per_kwh"
    REFUND = "energy_refund"
    BASE = "monthly_base"


class Base(StrEnum):
    """Of what revenue a share is: of energy alone, or of all that sessions cost."""

    ENERGY = "energy"
    TOTAL = "total"


TAX_CASES = {
    HostTax.UST: TaxCase.STANDARD,
    HostTax.KLEIN: TaxCase.EXEMPT,
    HostTax.PRIVATE: TaxCase.OUTSIDE_SCOPE,
}
_REASONS = {
    "de": {
        HostTax.UST: "",
        HostTax.KLEIN: "Steuerbefreiung für Kleinunternehmer (§ 19 UStG)",
        HostTax.PRIVATE: "Ohne Umsatzsteuer: der Empfänger ist kein Unternehmer",
    },
    "en": {
        HostTax.UST: "",
        HostTax.KLEIN: "VAT exemption of small businesses (§ 19 UStG)",
        HostTax.PRIVATE: "Without VAT: the recipient is not a taxable person",
    },
}
_ITEMS = {
    Model.SHARE: Item.HOST_SHARE,
    Model.PER_KWH: Item.HOST_ENERGY,
    Model.REFUND: Item.HOST_REFUND,
    Model.BASE: Item.HOST_BASE,
}
_WORDS = {
    "de": {
        "share": "{percent} % von {revenue} € netto",
        "of_energy": " aus Energie",
        "of_total": " aus Ladevorgängen",
        "sessions": "{count} Ladevorgänge, {energy} kWh",
        "minimum": "mindestens {amount} €",
        "maximum": "höchstens {amount} €",
        "price": "{price} € je kWh",
        "base": "{amount} € je Monat",
        "before": "davon bisher abgerechnet {amount} €",
        "agreement": "Vereinbarung {id}",
        "session": "{when}, {place}: {energy} kWh, {revenue} €",
        "changed": "{when}, {place}: jetzt {energy} kWh, {revenue} €; bisher {energy_before} kWh, {revenue_before} €",
    },
    "en": {
        "share": "{percent} % of {revenue} € net",
        "of_energy": " of energy",
        "of_total": " of sessions",
        "sessions": "{count} sessions, {energy} kWh",
        "minimum": "at least {amount} €",
        "maximum": "at most {amount} €",
        "price": "{price} € per kWh",
        "base": "{amount} € per month",
        "before": "{amount} € of it stated before",
        "agreement": "Agreement {id}",
        "session": "{when}, {place}: {energy} kWh, {revenue} €",
        "changed": "{when}, {place}: now {energy} kWh, {revenue} €; before {energy_before} kWh, {revenue_before} €",
    },
}


@dataclass(frozen=True, slots=True)
class Month:
    """A calendar month at the operator's wall clock."""

    year: int
    number: int

    @classmethod
    def of(cls, day: date) -> "Month":
        """Give the month of a day."""
        return cls(day.year, day.month)

    @classmethod
    def parse(cls, text: str) -> "Month":
        """Read `2026-10`.

        Raises:
            ValueError: it is none.
        """
        return cls.of(date.fromisoformat(f"{text}-01"))

    def __str__(self) -> str:
        return f"{self.year:04}-{self.number:02}"

    @property
    def first(self) -> date:
        """The first day."""
        return date(self.year, self.number, 1)

    @property
    def next(self) -> "Month":
        """The month after."""
        return Month.of((self.first + timedelta(days=32)).replace(day=1))

    def begin(self, zone: ZoneInfo) -> datetime:
        """Give its begin, UTC."""
        return datetime.combine(self.first, time(0), zone).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Term:
    """One thing that an agreement pays.

    Args:
        model: for what.
        amount: per cent of a share, EUR per kWh, or EUR per month.
        base: of what revenue a share is.
        minimum: EUR of a month, of a share; None: none.
        maximum: EUR of a month, of a share; None: none.
    """

    model: Model
    amount: Decimal
    base: Base = Base.ENERGY
    minimum: Decimal | None = None
    maximum: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """What an agreement pays, in the order of its lines."""

    terms: tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class Sums:
    """What sessions came to: Wh, and EUR without VAT, exact."""

    energy: int = 0
    energy_net: Decimal = Decimal(0)
    total_net: Decimal = Decimal(0)

    def __add__(self, other: "Sums") -> "Sums":
        return Sums(self.energy + other.energy, self.energy_net + other.energy_net, self.total_net + other.total_net)

    def __sub__(self, other: "Sums") -> "Sums":
        return Sums(self.energy - other.energy, self.energy_net - other.energy_net, self.total_net - other.total_net)


def sums_of(rating: Rating, energy: int) -> Sums:
    """Give what a session came to."""
    of_energy = sum((line.net for line in rating.lines if line.item is Item.ENERGY), Decimal(0))
    return Sums(energy, of_energy, rating.exact_net)


@dataclass(frozen=True, slots=True)
class Change:
    """A session as it counts now and as statements have told it.

    Args:
        cdr_id: of its CDR.
        rating_id: that counts now.
        started_at: world time.
        place: charge point and EVSE.
        now: what it came to.
        before: what documents that stand have told, nothing of a session that is new.
    """

    cdr_id: int
    rating_id: int
    started_at: datetime
    place: str
    now: Sums
    before: Sums = Sums()


@dataclass(frozen=True, slots=True)
class Reckoning:
    """A month of an agreement.

    Args:
        agreement_id: of which.
        terms: what it pays.
        month: which.
        count: sessions of the month that were stated before.
        told: what these came to, as told.
        stated: by term what documents that stand have stated.
        changes: sessions that are new or count otherwise than told.
    """

    agreement_id: str
    terms: tuple[Term, ...]
    month: Month
    count: int
    told: Sums
    stated: tuple[Decimal, ...]
    changes: tuple[Change, ...] = field(default=())

    @property
    def now(self) -> Sums:
        """What all sessions of the month come to now."""
        total = self.told
        for change in self.changes:
            total = total + change.now - change.before
        return total

    @property
    def sessions(self) -> int:
        """How many sessions it has now."""
        return self.count + sum(change.before == Sums() for change in self.changes)

    def owed(self) -> tuple[Decimal, ...]:
        """Give by term what the month comes to now, cents."""
        return tuple(amount_of(term, self.now) for term in self.terms)


def amount_of(term: Term, month: Sums) -> Decimal:
    """Give what a term pays for a month, in cents."""
    if term.model is Model.BASE:
        return cents(term.amount)
    if term.model is not Model.SHARE:
        return cents(kwh(Wh(month.energy)) * term.amount)
    revenue = month.energy_net if term.base is Base.ENERGY else month.total_net
    share = cents(Ratio(revenue * term.amount, Decimal(100)))
    if term.minimum is not None:
        share = max(share, term.minimum)
    return share if term.maximum is None else min(share, term.maximum)


def draft_statement(
    account: Account, tax: HostTax, reckonings: Sequence[Reckoning], standard_vat: Decimal, now: datetime
) -> InvoiceDraft | None:
    """Draft a statement; None if nothing is owed either way. An amount below zero is found by the self-check.

    Args:
        account: the host sells, the operator buys.
        tax: what the host is to VAT.
        reckonings: of one host.
        standard_vat: per cent.
        now: the time of issue.
    """
    vat = standard_vat if tax is HostTax.UST else Decimal(0)
    lines: list[InvoiceLine] = []
    proofs: list[FeeProof] = []
    for one in sorted(reckonings, key=lambda one: (str(one.month), one.agreement_id)):
        for term, owed, stated in zip(one.terms, one.owed(), one.stated, strict=True):
            if owed != stated:
                lines.append(replace(_line(one, term, owed - stated, account), vat=vat, fee=len(proofs)))
                proofs.append(_proof(one, term, owed, stated, account))
    if not lines:
        return None
    sums = tuple(taxes(lines, account))
    net, tax_sum = sum((one.base for one in sums), _ZERO), sum((one.vat for one in sums), _ZERO)
    issued_on = now.astimezone(account.zone).date()
    return InvoiceDraft(
        type_code=SELF_BILLED,
        language=account.language,
        currency="EUR",
        basis=PriceBasis.NET,
        seller=account.seller,
        buyer=account.buyer,
        iban=account.iban,
        bic=account.bic,
        issued_on=issued_on,
        due_on=issued_on + timedelta(days=account.payment_days),
        period_start=min(proof.first for proof in proofs),
        period_end=max(proof.last for proof in proofs),
        lines=tuple(lines),
        tax_lines=sums,
        total_net=net,
        total_vat=tax_sum,
        total_gross=net + tax_sum,
        rounding=_ZERO,
        due=net + tax_sum,
        sessions=(),
        fees=tuple(proofs),
        output=account.output,
        buyer_reference=account.buyer_reference or account.buyer.id,
    )


def tax_reason(tax: HostTax, language: str) -> str:
    """Tell why a statement bears no VAT; empty if it does."""
    return _REASONS[language][tax]


def _line(one: Reckoning, term: Term, amount: Decimal, account: Account) -> InvoiceLine:
    item = _ITEMS[term.model]
    quantity, unit, price = Decimal(1 if amount > 0 else -1), "C62", abs(amount)
    energy = sum(change.now.energy - change.before.energy for change in one.changes)
    if term.model in (Model.PER_KWH, Model.REFUND) and energy:
        quantity, unit, price = kwh(Wh(energy)), "KWH", term.amount
    return InvoiceLine(
        session=None,
        item=item,
        text=f"{item_name(item, account.language)} {_month_text(one.month, account.language)}, {_target(one, account)}",
        start=datetime.combine(one.month.first, time(0), account.zone),
        end=datetime.combine(one.month.next.first, time(0), account.zone),
        quantity=quantity,
        unit=unit,
        unit_price=price,
        net_unit_price=round(price, 6),
        vat=None,
        net=amount,
        gross=None,
        interpolated=False,
    )


def _proof(one: Reckoning, term: Term, owed: Decimal, stated: Decimal, account: Account) -> FeeProof:
    name = item_name(_ITEMS[term.model], account.language)
    return FeeProof(
        target=f"{_target(one, account)}, {name}",
        first=one.month.first,
        last=one.month.next.first - timedelta(days=1),
        tariff_id=one.agreement_id,
        tariff_version=term.model.value,
        reason="; ".join(_reasons(one, term, stated, account.language)) + f" → {_money(owed, account.language)} €",
        details=tuple(_details(one, term, account)) if term is _shown(one.terms) else (),
    )


def _shown(terms: Sequence[Term]) -> Term | None:
    """Give the term whose proof lists the sessions: one of an agreement is enough."""
    return next((term for term in terms if term.model is not Model.BASE), None)


def _reasons(one: Reckoning, term: Term, stated: Decimal, language: str) -> Iterator[str]:
    words, month = _WORDS[language], one.now
    if term.model is Model.SHARE:
        revenue = month.energy_net if term.base is Base.ENERGY else month.total_net
        share = words["share"].format(
            percent=number_text(term.amount, language), revenue=_money(cents(revenue), language)
        )
        yield share + words[f"of_{term.base}"]
        for name, limit in (("minimum", term.minimum), ("maximum", term.maximum)):
            if limit is not None:
                yield words[name].format(amount=_money(limit, language))
    elif term.model is Model.BASE:
        yield words["base"].format(amount=_money(term.amount, language))
    else:
        yield words["price"].format(price=number_text(term.amount, language, 2))
    if term.model is not Model.BASE:
        yield words["sessions"].format(count=one.sessions, energy=_kwh(month.energy, language))
    if stated:
        yield words["before"].format(amount=_money(stated, language))


def _details(one: Reckoning, term: Term, account: Account) -> Iterator[str]:
    """List the sessions that are new or count otherwise: when, where and how much, and nothing of who charged."""
    words, language = _WORDS[account.language], account.language

    def revenue(sums: Sums) -> str:
        return _money(cents(sums.total_net if term.base is Base.TOTAL else sums.energy_net), language)

    for change in sorted(one.changes, key=lambda change: (change.started_at, change.cdr_id)):
        local = change.started_at.astimezone(account.zone)
        yield words["session" if change.before == Sums() else "changed"].format(
            when=f"{day_text(local.date(), language)} {local:%H:%M}",
            place=change.place,
            energy=_kwh(change.now.energy, language),
            revenue=revenue(change.now),
            energy_before=_kwh(change.before.energy, language),
            revenue_before=revenue(change.before),
        )


def _target(one: Reckoning, account: Account) -> str:
    return _WORDS[account.language]["agreement"].format(id=one.agreement_id)


def _month_text(month: Month, language: str) -> str:
    return f"{month.number:02}/{month.year}" if language == "de" else f"{day_text(month.first, language)[2:]}"


def _money(amount: Decimal, language: str) -> str:
    return number_text(amount, language, 2).replace("-", "−")


def _kwh(energy: int, language: str) -> str:
    return number_text(kwh(Wh(energy)), language, 3).replace("-", "−")
