"""Invoices: from rated sessions to the frozen document that paper, mail and e-invoice are made from.

Rounding follows the price basis (EN 16931 counts net, prices to consumers are gross):

- NET: each line is quantity times price, rounded to the cent; VAT is computed once per rate from the sum of the lines.
- GROSS: the total of a rate is the sum of what the sessions cost, as promised. Net is derived from that total and
  shared out to the lines by largest remainder. VAT is net times rate, as every recalculation expects; where that misses
  the promised total by a cent, the amount due carries the cent as rounding (EN 16931 BT-114).

One invoice has one currency and one price basis.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from backend.core.explain import item_name
from backend.core.rating import Item, Line, Rating
from backend.core.rounding import Ratio, apportion, cents
from backend.core.tariff import PriceBasis
from shared.ids import IdToken
from shared.units import Wh, kwh

_ZERO = Decimal("0.00")


@dataclass(frozen=True, slots=True)
class Party:
    """Seller or buyer. `id` is the customer number of a buyer; `vat_id` and `phone` may be empty for one."""

    id: str
    name: str
    street: str
    postcode: str
    city: str
    country: str
    vat_id: str
    email: str
    phone: str


@dataclass(frozen=True, slots=True)
class RatedSession:
    """A session that is to be billed. Times aware, registers in Wh."""

    cdr_id: int
    transaction_id: int
    charge_point: str
    address: str
    evse_id: int
    id_token: IdToken
    started_at: datetime
    ended_at: datetime
    meter_start: Wh
    meter_stop: Wh
    tariff_id: str
    tariff_version: str
    rating: Rating


@dataclass(frozen=True, slots=True)
class Account:
    """What the billing of one customer needs besides sessions: who sells, who buys, and on what terms."""

    seller: Party
    buyer: Party
    iban: str
    bic: str
    zone: ZoneInfo
    language: str
    payment_days: int


@dataclass(frozen=True, slots=True)
class InvoiceLine:
    """One line: a session and one of its prices.

    Args:
        session: index in `sessions`.
        item: what is charged for, as in the rating.
        text: name and conditions, in the invoice's language.
        start: local time of the first charge.
        end: local time of the last.
        quantity: in `unit`.
        unit: UN/ECE Rec. 20: KWH, MIN, HUR or C62 (one).
        unit_price: per unit, in the invoice's price basis.
        net_unit_price: six decimals (BT-146).
        vat: per cent.
        net: cents.
        gross: cents where prices are gross, None where they are net.
        interpolated: the quantity rests on an interpolated register.
    """

    session: int
    item: Item
    text: str
    start: datetime
    end: datetime
    quantity: Decimal
    unit: str
    unit_price: Decimal
    net_unit_price: Decimal
    vat: Decimal | None
    net: Decimal
    gross: Decimal | None
    interpolated: bool


@dataclass(frozen=True, slots=True)
class InvoiceTax:
    """VAT of one rate: category of UNTDID 5305 (S standard, Z zero), base and tax in cents."""

    rate: Decimal | None
    category: str
    base: Decimal
    vat: Decimal


@dataclass(frozen=True, slots=True)
class SessionProof:
    """What lets the buyer check a session: times, registers, place, masked token, and the reason of each amount."""

    transaction_id: int
    charge_point: str
    address: str
    evse_id: int
    token: str
    started_at: datetime
    ended_at: datetime
    meter_start: int
    meter_stop: int
    energy_kwh: Decimal
    tariff_id: str
    tariff_version: str
    interpolated: bool
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceDraft:
    """An invoice without its number. Times and dates are the seller's local ones; `type_code` 380 is UNTDID 1001."""

    type_code: str
    language: str
    currency: str
    basis: PriceBasis
    seller: Party
    buyer: Party
    iban: str
    bic: str
    issued_on: date
    due_on: date
    period_start: date
    period_end: date
    lines: tuple[InvoiceLine, ...]
    tax_lines: tuple[InvoiceTax, ...]
    total_net: Decimal
    total_vat: Decimal
    total_gross: Decimal
    rounding: Decimal
    due: Decimal
    sessions: tuple[SessionProof, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoice(InvoiceDraft):
    """The frozen document. It is never edited; paper, mail and e-invoice are made from it alone."""

    number: str


def draft_invoice(account: Account, sessions: Sequence[RatedSession], now: datetime) -> InvoiceDraft:
    """Draft the invoice of a customer's sessions, which share one currency and one price basis.

    Args:
        account: seller, buyer and terms.
        sessions: at least one; billed in order of time.
        now: the time of issue.
    """
    sessions = sorted(sessions, key=lambda session: (session.started_at, session.transaction_id))
    basis, currency = sessions[0].rating.basis, sessions[0].rating.currency
    lines = [line for i, session in enumerate(sessions) for line in _lines(i, session, account)]
    if basis is PriceBasis.GROSS:
        lines = _shared_out(lines)
    taxes = tuple(_taxes(lines))
    net, vat = sum((t.base for t in taxes), _ZERO), sum((t.vat for t in taxes), _ZERO)
    due = net + vat
    if basis is PriceBasis.GROSS:
        due = sum((line.gross for line in lines if line.gross is not None), _ZERO)
    issued_on = now.astimezone(account.zone).date()
    return InvoiceDraft(
        type_code="380",
        language=account.language,
        currency=currency,
        basis=basis,
        seller=account.seller,
        buyer=account.buyer,
        iban=account.iban,
        bic=account.bic,
        issued_on=issued_on,
        due_on=issued_on + timedelta(days=account.payment_days),
        period_start=min(s.started_at for s in sessions).astimezone(account.zone).date(),
        period_end=max(s.ended_at for s in sessions).astimezone(account.zone).date(),
        lines=tuple(lines),
        tax_lines=taxes,
        total_net=net,
        total_vat=vat,
        total_gross=net + vat,
        rounding=due - net - vat,
        due=due,
        sessions=tuple(_proof(session, account) for session in sessions),
    )


def with_number(draft: InvoiceDraft, number: str) -> Invoice:
    """Make the invoice of a draft that was checked."""
    return Invoice(number=number, **{field.name: getattr(draft, field.name) for field in fields(InvoiceDraft)})


def format_number(prefix: str, year: int, count: int) -> str:
    """Write an invoice number: `RE-2026-000001`."""
    return f"{prefix}-{year}-{count:06}"


def _lines(index: int, session: RatedSession, account: Account) -> Iterator[InvoiceLine]:
    """Join what one session was charged at the same price of the tariff to one line."""
    groups: dict[tuple[object, ...], list[Line]] = defaultdict(list)
    for line in session.rating.lines:
        key = line.item, line.tariff_id, line.element, line.component, line.unit_price, line.vat
        groups[key].append(line)
    grosses = _gross_amounts(session.rating, list(groups.values()))
    for group, gross in zip(groups.values(), grosses, strict=True):
        first = group[0]
        quantity, unit, price = _unit(sum((line.quantity for line in group), Decimal(0)), first)
        net = cents(sum((line.net for line in group), _ZERO))
        when = first.when_en if account.language == "en" else first.when_de
        name = item_name(first.item, account.language)
        yield InvoiceLine(
            session=index,
            item=first.item,
            text=f"{name} ({when})" if when else name,
            start=first.start.astimezone(account.zone),
            end=group[-1].end.astimezone(account.zone),
            quantity=quantity,
            unit=unit,
            unit_price=price,
            net_unit_price=round(price, 6),
            vat=first.vat,
            net=net,
            gross=gross,
            interpolated=any(line.interpolated for line in group),
        )


def _gross_amounts(rating: Rating, groups: Sequence[Sequence[Line]]) -> list[Decimal | None]:
    """Share out what a session costs, per VAT rate, so that its lines show exactly that."""
    amounts: list[Decimal | None] = [None] * len(groups)
    if rating.basis is PriceBasis.NET:
        return amounts
    for tax in rating.tax_lines:
        places = [i for i, group in enumerate(groups) if group[0].vat == tax.rate]
        shares = [sum((line.gross for line in groups[i]), _ZERO) for i in places]
        for i, amount in zip(places, apportion(tax.base + tax.vat, shares), strict=True):
            amounts[i] = amount
    return amounts


def _unit(quantity: Decimal, line: Line) -> tuple[Decimal, str, Decimal]:
    """Give quantity, unit and price as invoices count: minutes where the price per minute is a plain number."""
    if line.unit == "kWh":
        return quantity, "KWH", line.unit_price
    if line.unit == "session":
        return quantity, "C62", line.unit_price
    per_minute = line.unit_price / 60
    if per_minute == round(per_minute, 4):
        return round(quantity / 60, 4), "MIN", round(per_minute, 4)
    return round(quantity / 3600, 4), "HUR", line.unit_price


def _shared_out(lines: Sequence[InvoiceLine]) -> list[InvoiceLine]:
    """Give gross-priced lines their net amounts: those of a rate sum to the net of its total."""
    nets: dict[int, Decimal] = {}
    for rate in dict.fromkeys(line.vat for line in lines):
        places = [i for i, line in enumerate(lines) if line.vat == rate]
        shares, factor = [(lines[i].gross or _ZERO) * 100 for i in places], 100 + (rate or _ZERO)
        total = cents(Ratio(sum(shares, _ZERO), factor))
        nets |= dict(zip(places, apportion(total, shares, factor), strict=True))
    return [
        replace(line, net=nets[i], net_unit_price=round(nets[i] / line.quantity, 6)) for i, line in enumerate(lines)
    ]


def _taxes(lines: Iterable[InvoiceLine]) -> Iterator[InvoiceTax]:
    bases: dict[Decimal | None, Decimal] = defaultdict(lambda: _ZERO)
    for line in lines:
        bases[line.vat] += line.net
    for rate in sorted(bases, key=lambda vat: -1 if vat is None else vat, reverse=True):
        yield InvoiceTax(
            rate, "S" if rate else "Z", bases[rate], cents(Ratio(bases[rate] * (rate or _ZERO), Decimal(100)))
        )


def _proof(session: RatedSession, account: Account) -> SessionProof:
    lines = session.rating.lines
    return SessionProof(
        transaction_id=session.transaction_id,
        charge_point=session.charge_point,
        address=session.address,
        evse_id=session.evse_id,
        token=str(session.id_token),
        started_at=session.started_at.astimezone(account.zone),
        ended_at=session.ended_at.astimezone(account.zone),
        meter_start=session.meter_start,
        meter_stop=session.meter_stop,
        energy_kwh=kwh(Wh(session.meter_stop - session.meter_start)),
        tariff_id=session.tariff_id,
        tariff_version=session.tariff_version,
        interpolated=any(line.interpolated for line in lines),
        reasons=tuple(line.reason_en if account.language == "en" else line.reason_de for line in lines),
    )
