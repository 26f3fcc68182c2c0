"""Documents that take back what another one charged, by hand: the Storno (384) and the credit note of a part (381).

A document is never edited. A Storno is the whole of it with quantities and amounts negative; what it charged may then
be charged again. A credit note of a part states positive amounts for lines of the invoice, never more than these
charged in sum. Both name number and date of the invoice (§ 31 (5) UStDV, EN 16931 BG-3) and the reason.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, replace
from datetime import date
from decimal import Decimal

from backend.core.invoices.document_kind import CANCELLATION, CREDIT_NOTE
from backend.core.invoices.invoice import shared_out
from backend.core.invoices.invoice_model import Invoice, InvoiceDraft, InvoiceLine, InvoiceTax, Preceding
from backend.core.rates.rounding import Ratio, cents
from backend.core.tariffs.tariff import PriceBasis

_ZERO = Decimal("0.00")
_WORDS = {"de": "Minderung: {text}", "en": "Reduction: {text}"}


def draft_cancellation(original: Invoice, reason: str, issued_on: date) -> InvoiceDraft:
    """Draft the Storno of a document.

    Args:
        original: as it was issued. What a credit note gave back is owed again.
        reason: in words.
        issued_on: local date.
    """
    turn = _turn(original)
    preceding = Preceding(original.number, original.issued_on)
    return replace(
        _draft_of(original),
        type_code=CANCELLATION,
        series="self_void" if original.kind.self_billed else "",
        issued_on=issued_on,
        due_on=issued_on + (original.due_on - original.issued_on),
        lines=tuple(_times(line, turn) for line in original.lines),
        tax_lines=tuple(replace(tax, base=turn * tax.base, vat=turn * tax.vat) for tax in original.tax_lines),
        total_net=turn * original.total_net,
        total_vat=turn * original.total_vat,
        total_gross=turn * original.total_gross,
        rounding=turn * original.rounding,
        due=turn * original.due,
        prepaid=_ZERO,
        sessions=tuple(replace(session, preceding=preceding) for session in original.sessions),
        preceding=(preceding,),
        reason=reason,
    )


def draft_credit(original: Invoice, amounts: Mapping[int, Decimal], reason: str, issued_on: date) -> InvoiceDraft:
    """Draft a credit note of a part of an invoice.

    Args:
        original: as it was issued.
        amounts: by line, counted from 1: what is given back, in the invoice's price basis; see `credit_problems`.
        reason: in words.
        issued_on: local date.
    """
    preceding = Preceding(original.number, original.issued_on)
    credited = [(original.lines[i - 1], amount) for i, amount in sorted(amounts.items())]
    sessions = sorted({line.session for line, _ in credited if line.session is not None})
    fees = sorted({line.fee for line, _ in credited if line.fee is not None})
    lines = [
        replace(
            line,
            session=None if line.session is None else sessions.index(line.session),
            fee=None if line.fee is None else fees.index(line.fee),
            text=_WORDS[original.language].format(text=line.text),
            quantity=Decimal(1),
            unit="C62",
            unit_price=amount,
            net_unit_price=amount,
            net=amount,
            gross=amount if original.basis is PriceBasis.GROSS else None,
            interpolated=False,
        )
        for line, amount in credited
    ]
    if original.basis is PriceBasis.GROSS:
        lines = shared_out(lines)
    taxes = tuple(_taxes(lines, original.tax_lines))
    net, vat = sum((tax.base for tax in taxes), _ZERO), sum((tax.vat for tax in taxes), _ZERO)
    due = sum(amounts.values(), _ZERO) if original.basis is PriceBasis.GROSS else net + vat
    return replace(
        _draft_of(original),
        type_code=CREDIT_NOTE,
        series="",
        issued_on=issued_on,
        due_on=issued_on + (original.due_on - original.issued_on),
        lines=tuple(lines),
        tax_lines=taxes,
        total_net=net,
        total_vat=vat,
        total_gross=net + vat,
        rounding=due - net - vat,
        due=due,
        prepaid=_ZERO,
        sessions=tuple(replace(original.sessions[i], preceding=preceding) for i in sessions),
        fees=tuple(original.fees[i] for i in fees),
        preceding=(preceding,),
        reason=reason,
    )


def credit_problems(original: Invoice, amounts: Mapping[int, Decimal], given: Mapping[int, Decimal]) -> list[str]:
    """Tell why amounts can't be given back.

    Args:
        original: the invoice.
        amounts: by line, counted from 1.
        given: what was given back before, by line.
    """
    if not amounts:
        return ["name the lines and amounts that are given back"]
    found = []
    for i, amount in sorted(amounts.items()):
        if not 1 <= i <= len(original.lines):
            found.append(f"line {i}: there are lines 1 to {len(original.lines)}")
            continue
        line = original.lines[i - 1]
        charged = line.net if line.gross is None else line.gross
        left = charged - given.get(i, _ZERO)
        if amount <= 0 or amount != round(amount, 2):
            found.append(f"line {i}: {amount} is no amount in cents above 0")
        elif line.credited or charged <= 0:
            found.append(f"line {i}: it charges nothing")
        elif amount > left:
            found.append(f"line {i}: {amount} is more than the {left} that are left of the {charged} it charged")
    return found


def cancellation_problems(original: Invoice, storno: Invoice) -> Iterator[str]:
    """Tell in what a Storno is not the whole of its document with the opposite sign, as both were issued."""
    if storno.type_code != CANCELLATION:
        yield f"it cancels {original.number}, but is no Storno"
    if storno.preceding != (Preceding(original.number, original.issued_on),):
        yield f"it cancels {original.number}, but names another document"
    turn = _turn(original)
    for name in ("total_net", "total_vat", "total_gross", "rounding", "due"):
        told, wanted = getattr(storno, name), turn * getattr(original, name)
        if told != wanted:
            yield f"{name} is {told}, that of {original.number} taken back would be {wanted}"
    if [_amounts(line, 1) for line in storno.lines] != [_amounts(line, turn) for line in original.lines]:
        yield f"its lines are not those of {original.number} taken back"


def _amounts(line: InvoiceLine, turn: int) -> tuple[Decimal | None, ...]:
    return turn * line.quantity, turn * line.net, None if line.gross is None else turn * line.gross, line.vat


def _turn(original: Invoice) -> int:
    """Give the sign of a Storno: a credit note is stated without signs, a document in another's name is not."""
    return -1 if original.kind.self_billed else -original.kind.sign


def _draft_of(original: Invoice) -> InvoiceDraft:
    return InvoiceDraft(**{field.name: getattr(original, field.name) for field in fields(InvoiceDraft)})


def _times(line: InvoiceLine, turn: int) -> InvoiceLine:
    gross = None if line.gross is None else turn * line.gross
    return replace(line, quantity=turn * line.quantity, net=turn * line.net, gross=gross)


def _taxes(lines: Sequence[InvoiceLine], before: Sequence[InvoiceTax]) -> list[InvoiceTax]:
    found = []
    for tax in before:
        nets = [line.net for line in lines if line.vat == tax.rate]
        if nets:
            base = sum(nets, _ZERO)
            found.append(replace(tax, base=base, vat=cents(Ratio(base * (tax.rate or 0), Decimal(100)))))
    return found
