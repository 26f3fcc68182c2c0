"""The self-check of a draft before a number is drawn: what fails is shown to a person, never issued half."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import fields
from decimal import Decimal

from backend.core.invoices.billing_profile import Payment, Place
from backend.core.invoices.document_kind import CANCELLATION, CREDIT_NOTE
from backend.core.invoices.einvoice_check import einvoice_problems
from backend.core.invoices.invoice import InvoiceDraft, InvoiceLine, Party
from backend.core.invoices.small_invoice import small_problems
from backend.core.payments.sepa_ids import is_iban
from backend.core.rates.rounding import Ratio, cents
from backend.core.tariffs.tariff import PriceBasis
from shared.money import CENT

_UNITS = ("KWH", "MIN", "HUR", "C62")
_CARD = re.compile(r"\d{4,6}")
_MANDATE_LENGTH = 35
_TOLERANCE = Decimal("0.02")
"""Quantity times price may miss the line by so much (PEPPOL-EN16931-R120)."""

_PRINTABLE = (
    (0x20, 0x7E),
    (0xA0, 0x24F),
    (0x370, 0x4FF),
    (0x1E00, 0x1EFF),
    (0x2010, 0x2040),
    (0x20A0, 0x20BF),
    (0x2190, 0x22FF),
)
"""Code points that the paper's font shows: Latin, Greek, Cyrillic, punctuation, currencies, arrows, mathematics."""


def problems(draft: InvoiceDraft) -> tuple[str, ...]:
    """Tell why a draft must not be issued; empty if it may."""
    return (
        *_parties(draft),
        *_payment(draft),
        *_sessions(draft),
        *_fees(draft),
        *_corrections(draft),
        *_about(draft),
        *(f"line {i}: {reason}" for i, line in enumerate(draft.lines, 1) for reason in _line(line, draft)),
        *sum_problems(draft),
        *(small_problems(draft) if draft.small else einvoice_problems(draft)),
    )


def is_printable(character: str) -> bool:
    """Tell whether the paper shows a character: the font has it, and it is no control, format or unassigned one."""
    shown = any(first <= ord(character) <= last for first, last in _PRINTABLE)
    return shown and unicodedata.category(character) not in ("Cc", "Cf", "Cn", "Zl", "Zp")


def _parties(draft: InvoiceDraft) -> Iterator[str]:
    yield from _party("seller", draft.seller, () if draft.kind.self_billed else ("vat_id", "phone"))
    if not draft.small:
        yield from _party("buyer", draft.buyer, ("id",))
    for name in ("buyer_reference", "order_number"):
        yield from _unprintable(f"buyer: {name}", getattr(draft, name))
    for tax in draft.tax_lines:
        yield from _unprintable("tax_reason", tax.reason)
    if sum(c.isdigit() for c in draft.seller.phone) < 3 and (draft.seller.phone or not draft.kind.self_billed):
        yield "seller: the phone number has fewer than three digits"
    if draft.kind.self_billed and not _untaxed(draft) and not (draft.seller.vat_id or draft.seller.tax_number):
        yield "seller: neither vat_id nor tax_number is known; an entrepreneur's document must bear one (§ 14 UStG)"
    if not is_iban(draft.iban.replace(" ", "")):
        yield f"seller: the IBAN {draft.iban!r} is not valid"
    if draft.language not in ("de", "en"):
        yield f"the language {draft.language!r} is not one of de, en"
    if draft.due_on < draft.issued_on:
        yield "it is due before it is issued"


def _untaxed(draft: InvoiceDraft) -> bool:
    return all(tax.category == "O" for tax in draft.tax_lines)


def _payment(draft: InvoiceDraft) -> Iterator[str]:
    """Check what the way of paying needs (EN 16931 BG-16 to BG-19, BR-DE-24, BR-DE-25, BR-DE-30, BR-DE-31)."""
    debit = draft.direct_debit
    if draft.payment is Payment.DIRECT_DEBIT and debit is None:
        yield "buyer: payment is direct_debit, but there is no mandate; enter one or choose another payment"
    if not draft.small and (draft.payment is Payment.CARD) is not bool(_CARD.fullmatch(draft.card)):
        yield "buyer: payment by card needs the last 4 to 6 digits of the card, and no other payment has them"
    if debit:
        if not is_iban(debit.iban):
            yield "buyer: the IBAN of the mandate is not valid"
        if not debit.creditor_id.strip():
            yield "seller: the creditor identifier is missing; direct debits need it"
        if not 1 <= len(debit.mandate.strip()) <= _MANDATE_LENGTH:
            yield f"buyer: the mandate reference {debit.mandate!r} is not 1 to {_MANDATE_LENGTH} characters"
    if draft.prepaid not in (Decimal(0), max(draft.due, Decimal(0))):
        yield f"{draft.prepaid} was paid already, which is not all of {draft.due}"


def _about(draft: InvoiceDraft) -> Iterator[str]:
    """Check what the buyer sorts the invoice by, and where it was delivered to."""
    for name in ("cost_centre", "contract", "equipment"):
        yield from _unprintable(name, getattr(draft, name))
    if place := draft.place:
        for name in (field.name for field in fields(Place)):
            yield from _unprintable(f"place of delivery: {name}", getattr(place, name))
        for name in ("postcode", "city", "country"):
            if not getattr(place, name).strip():
                yield f"place of delivery {place.id or place.name}: {name} is missing"


def _party(role: str, party: Party, needed: tuple[str, ...]) -> Iterator[str]:
    for name in (field.name for field in fields(Party)):
        text = str(getattr(party, name))
        if name in ("name", "street", "postcode", "city", "country", "email", *needed) and not text.strip():
            yield f"{role}: {name} is missing"
        yield from _unprintable(f"{role}: {name}", text)
    if party.email.strip() and "@" not in party.email[1:-1]:
        yield f"{role}: {party.email!r} is no e-mail address"


def _unprintable(name: str, text: str) -> Iterator[str]:
    for character in dict.fromkeys(text):
        if not is_printable(character):
            yield f"{name} has a character that can't be printed: U+{ord(character):04X}"


def _sessions(draft: InvoiceDraft) -> Iterator[str]:
    if not (draft.sessions or draft.fees):
        yield "it has neither sessions nor base fees"
    if not draft.lines:
        yield "it charges nothing"
    ids = [session.transaction_id for session in draft.sessions]
    if len(set(ids)) < len(ids):
        yield "a session is on it twice"
    for session in draft.sessions:
        if session.ended_at < session.started_at:
            yield f"session {session.transaction_id} ends before it starts"
        counted = Decimal(session.meter_stop - session.meter_start).scaleb(-3)
        if session.energy_kwh != counted or counted < 0:
            yield f"session {session.transaction_id}: {session.energy_kwh} kWh, but the registers say {counted} kWh"
        inside = draft.period_start <= session.started_at.date() <= session.ended_at.date() <= draft.period_end
        if not (inside or session.preceding):
            yield f"session {session.transaction_id} lies outside the period"
        texts = (session.charge_point, session.address, session.tariff_id, session.token)
        more = (session.emi3_id, session.meter_serial, session.driver, session.contract, session.cost_centre)
        for text in (*texts, *more):
            yield from _unprintable(f"session {session.transaction_id}: {text!a}", text)


def _fees(draft: InvoiceDraft) -> Iterator[str]:
    """Check that each base fee stands on one line, and none twice."""
    keys = [(fee.target, fee.first, fee.tariff_id) for fee in draft.fees]
    if len(set(keys)) < len(keys):
        yield "a base fee is on it twice"
    if sorted(line.fee for line in draft.lines if line.fee is not None) != list(range(len(draft.fees))):
        yield "its base fees are not on one line each"
    for fee in draft.fees:
        if not draft.period_start <= fee.first <= fee.last <= draft.period_end:
            yield f"the base fee of {fee.target} from {fee.first} to {fee.last} lies outside the period"
        for text in (fee.target, fee.tariff_id, *fee.details):
            yield from _unprintable(f"base fee: {text!a}", text)


def _corrections(draft: InvoiceDraft) -> Iterator[str]:
    """Check that what is taken back tells the invoice that charged it (EN 16931 BG-3)."""
    named = {session.preceding for session in draft.sessions if session.preceding}
    if named != set(draft.preceding) and not (draft.reason and named < set(draft.preceding)):
        yield "the invoices that it corrects are not those that its sessions name"
    if draft.type_code == CREDIT_NOTE and not all(session.preceding for session in draft.sessions):
        yield "a credit note charges a session for the first time"
    if draft.type_code == CREDIT_NOTE and ((draft.fees and not draft.reason) or not draft.preceding):
        yield "a credit note gives back what an invoice charged, and nothing else"
    if draft.type_code == CANCELLATION and not (draft.reason.strip() and len(draft.preceding) == 1):
        yield "a cancellation names one document and the reason"
    yield from _unprintable("the reason", draft.reason)
    charged = {i for i, session in enumerate(draft.sessions) if session.preceding}
    for i, line in enumerate(draft.lines, 1):
        if line.credited and line.session not in charged:
            yield f"line {i}: it takes back what no invoice charged"
    for preceding in draft.preceding:
        if not preceding.number.strip() or preceding.issued_on > draft.issued_on:
            yield f"it corrects the invoice {preceding.number!r} of {preceding.issued_on}, which is none before it"


def _line(line: InvoiceLine, draft: InvoiceDraft) -> Iterator[str]:
    if not line.text.strip():
        yield "it has no text"
    if (line.session is None) is (line.fee is None):
        yield "it is neither of a session nor of a base fee"
    if line.unit not in _UNITS:
        yield f"the unit {line.unit!r} is not one of {', '.join(_UNITS)}"
    if line.vat is None:
        yield "the tariff names no VAT rate for it; give the price component a vat"
    if line.net != round(line.net, 2):
        yield f"{line.net} is no amount in cents"
    if line.unit_price < 0 or line.net_unit_price < 0:
        yield "its price is negative"
    if abs(line.quantity * line.net_unit_price - line.net) > _TOLERANCE:
        yield f"{line.quantity} × {line.net_unit_price} is not {line.net}"
    if (line.gross is None) is (draft.basis is PriceBasis.GROSS):
        yield "its gross amount does not fit the price basis"


def sum_problems(draft: InvoiceDraft) -> Iterator[str]:
    """Tell which sums don't follow from the lines. What was once issued is held to these, too."""
    for tax in draft.tax_lines:
        base = sum((line.net for line in draft.lines if line.vat == tax.rate), Decimal(0))
        if tax.base != base:
            yield f"VAT {tax.rate} %: the base is {tax.base}, the lines sum to {base}"
        if tax.vat != cents(Ratio(tax.base * (tax.rate or 0), Decimal(100))):
            yield f"VAT {tax.rate} %: {tax.vat} is not the tax on {tax.base}"
    for name, told, parts in (
        ("net total", draft.total_net, [line.net for line in draft.lines]),
        ("VAT total", draft.total_vat, [tax.vat for tax in draft.tax_lines]),
        ("gross total", draft.total_gross, [draft.total_net, draft.total_vat]),
        ("amount due", draft.due, [draft.total_gross, draft.rounding]),
    ):
        if told != sum(parts, Decimal(0)):
            yield f"the {name} is {told}, its parts sum to {sum(parts, Decimal(0))}"
    allowed = CENT * len(draft.tax_lines) if draft.basis is PriceBasis.GROSS else Decimal(0)
    if abs(draft.rounding) > allowed:
        yield f"the rounding of {draft.rounding} is more than {allowed}"
    if draft.due < 0 and draft.type_code != CANCELLATION:
        yield f"the amount due is negative: {draft.due}"
