"""Invoices: from rated sessions to the frozen document that paper, mail and e-invoice are made from.

Rounding follows the price basis (EN 16931 counts net, prices to consumers are gross):

- NET: each line is quantity times price, rounded to the cent; VAT is computed once per rate from the sum of the lines.
- GROSS: the total of a rate is the sum of what the sessions cost, as promised. Net is derived from that total and
  shared out to the lines by largest remainder. VAT is net times rate, as every recalculation expects; where that misses
  the promised total by a cent, the amount due carries the cent as rounding (EN 16931 BT-114).

One invoice has one currency and one price basis.

What an invoice charged wrongly is put right on the customer's next one: the lines that it charged come back with their
quantities negative and the number and date of that invoice, and the lines as rated now follow. That is the specific and
unambiguous reference which a correction needs (§ 31 (5) UStDV), and EN 16931 has room for it in an invoice (BG-3 and
negative BT-129). Only what is not owed in sum is a document of its own: a credit note, type 381, of corrections alone.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from backend.core.invoices.billing_profile import Payment
from backend.core.invoices.document_kind import CREDIT_NOTE, INVOICE
from backend.core.invoices.invoice_model import (
    Account,
    Charges,
    Correction,
    FeeProof,
    Invoice,
    InvoiceDraft,
    InvoiceLine,
    InvoiceTax,
    Output,
    Party,
    Preceding,
    RatedSession,
    SessionProof,
    TaxCase,
)
from backend.core.invoices.invoice_tax import taxes, with_vat
from backend.core.payments.target_calendar import next_banking_day
from backend.core.rates.base_fee import BaseFee
from backend.core.rates.explain import day_text, item_name
from backend.core.rates.rating import Line, Rating
from backend.core.rates.rounding import Ratio, apportion, cents
from backend.core.tariffs.tariff import PriceBasis
from backend.core.tariffs.tariff_model import Scope
from shared.units import Wh, kwh

__all__ = [
    "CREDIT_NOTE",
    "INVOICE",
    "Account",
    "Charges",
    "Correction",
    "FeeProof",
    "Invoice",
    "InvoiceDraft",
    "InvoiceLine",
    "InvoiceTax",
    "Output",
    "Party",
    "Preceding",
    "RatedSession",
    "SessionProof",
    "TaxCase",
    "draft_documents",
    "draft_invoice",
    "shared_out",
    "with_number",
]

_ZERO = Decimal("0.00")
_TICK = timedelta(microseconds=1)
_WORDS = {
    "de": {
        "credited": "Zurückgenommen: {text}",
        "again": "Neu berechnet: {text}",
        Scope.CONTRACT: "Vertrag {target}",
        Scope.GROUP: "Gruppe {target}",
    },
    "en": {
        "credited": "Taken back: {text}",
        "again": "Charged instead: {text}",
        Scope.CONTRACT: "contract {target}",
        Scope.GROUP: "group {target}",
    },
}


def draft_documents(account: Account, charges: Charges, now: datetime) -> list[tuple[InvoiceDraft, Charges]]:
    """Draft the invoice of all that is charged; where it would be negative, corrections become a credit note.

    Args:
        account: seller, buyer and terms.
        charges: at least one.
        now: the time of issue.
    """
    draft = draft_invoice(account, charges, now)
    if draft.due >= 0 or not charges.corrections:
        return [(draft, charges)]
    back, rest = Charges(corrections=charges.corrections), replace(charges, corrections=())
    documents = [(_credit_note(draft_invoice(account, back, now)), back)]
    if rest.sessions or rest.fees:
        documents.append((draft_invoice(account, rest, now), rest))
    return documents


def draft_invoice(account: Account, charges: Charges, now: datetime) -> InvoiceDraft:
    """Draft one invoice, whose amount due may come out negative.

    Args:
        account: seller, buyer and terms.
        charges: at least one; sessions are billed in order of time, then corrections, then base fees.
        now: the time of issue.
    """
    sessions = sorted(charges.sessions, key=_time_of)
    corrections = sorted(charges.corrections, key=lambda correction: _time_of(correction.session))
    shown = [*sessions, *(correction.session for correction in corrections)]
    rating = (shown or charges.fees)[0].rating
    lines = with_vat(_all_lines(sessions, corrections, charges.fees, account), account, rating.basis)
    if rating.basis is PriceBasis.GROSS:
        lines = shared_out(lines)
    vat_sums = tuple(taxes(lines, account))
    net, vat = sum((t.base for t in vat_sums), _ZERO), sum((t.vat for t in vat_sums), _ZERO)
    due = net + vat
    if rating.basis is PriceBasis.GROSS:
        due = sum((line.gross for line in lines if line.gross is not None), _ZERO)
    issued_on = now.astimezone(account.zone).date()
    due_on = issued_on + timedelta(days=account.payment_days)
    if account.direct_debit:  # the day that it announces is the one of the collection
        due_on = next_banking_day(due_on)
    start, end = _period(sessions or ([] if charges.fees else shown), charges.fees, account)
    return InvoiceDraft(
        type_code=INVOICE,
        language=account.language,
        currency=rating.currency,
        basis=rating.basis,
        seller=account.seller,
        buyer=account.buyer,
        iban=account.iban,
        bic=account.bic,
        issued_on=issued_on,
        due_on=due_on,
        period_start=start,
        period_end=end,
        lines=tuple(lines),
        tax_lines=vat_sums,
        total_net=net,
        total_vat=vat,
        total_gross=net + vat,
        rounding=due - net - vat,
        due=due,
        sessions=(
            *(_proof(session, account) for session in sessions),
            *(_proof(one.session, account, one.preceding) for one in corrections),
        ),
        fees=tuple(_fee_proof(fee, account) for fee in charges.fees),
        preceding=tuple(sorted({one.preceding for one in corrections}, key=lambda one: (one.issued_on, one.number))),
        output=account.output,
        buyer_reference=account.buyer_reference or account.buyer.id,
        order_number=account.order_number,
        payment=account.payment,
        direct_debit=account.direct_debit,
        card=account.card,
        prepaid=max(due, _ZERO) if account.payment is Payment.CARD else _ZERO,
        cost_centre=_shared([one.cost_centre for one in shown], charges.fees) or account.cost_centre,
        contract=_shared([one.contract for one in shown], charges.fees),
        place=account.place,
        equipment=account.equipment,
        series=account.series,
    )


def _shared(values: Sequence[str], fees: Sequence[BaseFee]) -> str:
    """Give what all that is charged has in common; base fees have none of it."""
    return values[0] if values and not fees and len(set(values)) == 1 else ""


def with_number(draft: InvoiceDraft, number: str) -> Invoice:
    """Make the invoice of a draft that was checked."""
    return Invoice(number=number, **{field.name: getattr(draft, field.name) for field in fields(InvoiceDraft)})


def _credit_note(draft: InvoiceDraft) -> InvoiceDraft:
    """Turn the signs round: a credit note states what it gives back as positive amounts."""
    lines = (
        replace(o, quantity=-o.quantity, net=-o.net, gross=None if o.gross is None else -o.gross) for o in draft.lines
    )
    return replace(
        draft,
        type_code=CREDIT_NOTE,
        series="",
        lines=tuple(lines),
        tax_lines=tuple(replace(tax, base=-tax.base, vat=-tax.vat) for tax in draft.tax_lines),
        total_net=-draft.total_net,
        total_vat=-draft.total_vat,
        total_gross=-draft.total_gross,
        rounding=-draft.rounding,
        due=-draft.due,
        direct_debit=None,
        payment=Payment.TRANSFER,
        card="",
    )


def _time_of(session: RatedSession) -> tuple[datetime, int]:
    return session.started_at, session.transaction_id


def _period(sessions: Sequence[RatedSession], fees: Sequence[BaseFee], account: Account) -> tuple[date, date]:
    """Give the first and the last day of what is charged; corrections alone have the days of their sessions."""
    begins = [*(session.started_at for session in sessions), *(fee.start for fee in fees)]
    ends = [*(session.ended_at for session in sessions), *(fee.end - _TICK for fee in fees)]
    return min(begins).astimezone(account.zone).date(), max(ends).astimezone(account.zone).date()


def _all_lines(
    sessions: Sequence[RatedSession], corrections: Sequence[Correction], fees: Sequence[BaseFee], account: Account
) -> list[InvoiceLine]:
    lines = [line for i, session in enumerate(sessions) for line in _lines(i, session, account)]
    for i, correction in enumerate(corrections, len(sessions)):
        lines += _correction_lines(i, correction, account)
    lines += [_fee_line(i, fee, account) for i, fee in enumerate(fees)]
    return lines


def _correction_lines(index: int, correction: Correction, account: Account) -> Iterator[InvoiceLine]:
    """Take back what was charged, line by line, and charge what is rated now."""
    words = _WORDS[account.language]
    for line in _lines(index, replace(correction.session, rating=correction.before), account):
        yield replace(
            line,
            text=words["credited"].format(text=line.text),
            quantity=-line.quantity,
            net=-line.net,
            gross=None if line.gross is None else -line.gross,
            credited=True,
        )
    for line in _lines(index, correction.session, account):
        yield replace(line, text=words["again"].format(text=line.text))


def _fee_line(index: int, fee: BaseFee, account: Account) -> InvoiceLine:
    (line,) = fee.rating.lines
    (tax,) = fee.rating.tax_lines
    first, last = _days(fee, account)
    when = day_text(first, account.language)
    if last > first:
        when = f"{when} – {day_text(last, account.language)}"
    price = round(line.unit_price, 4)
    return InvoiceLine(
        session=None,
        item=line.item,
        text=f"{item_name(line.item, account.language)} {when}, {_target(fee, account)}",
        start=fee.start.astimezone(account.zone),
        end=fee.end.astimezone(account.zone),
        quantity=Decimal(1),
        unit="C62",
        unit_price=price,
        net_unit_price=price,
        vat=line.vat,
        net=cents(line.net),
        gross=tax.base + tax.vat if fee.rating.basis is PriceBasis.GROSS else None,
        interpolated=False,
        fee=index,
    )


def _fee_proof(fee: BaseFee, account: Account) -> FeeProof:
    (line,) = fee.rating.lines
    first, last = _days(fee, account)
    reason = line.reason_en if account.language == "en" else line.reason_de
    return FeeProof(_target(fee, account), first, last, fee.tariff_id, fee.tariff_version, reason)


def _target(fee: BaseFee, account: Account) -> str:
    return _WORDS[account.language][fee.scope].format(target=fee.target)


def _days(fee: BaseFee, account: Account) -> tuple[date, date]:
    return fee.start.astimezone(account.zone).date(), (fee.end - _TICK).astimezone(account.zone).date()


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


def shared_out(lines: Sequence[InvoiceLine]) -> list[InvoiceLine]:
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


def _proof(session: RatedSession, account: Account, preceding: Preceding | None = None) -> SessionProof:
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
        preceding=preceding,
        emi3_id=session.emi3_id,
        meter_serial=session.meter_serial,
        driver=session.driver,
        contract=session.contract,
        cost_centre=session.cost_centre,
        signature=session.signature,
    )
