"""What an invoice is: the frozen document, and what it is drafted from."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from zoneinfo import ZoneInfo

from backend.core.invoices.billing_profile import DirectDebit, Payment, Place
from backend.core.invoices.document_kind import CREDIT_NOTE, DocumentKind, kind_of
from backend.core.rates.base_fee import BaseFee
from backend.core.rates.rating import Item, Rating
from backend.core.tariffs.tariff import PriceBasis
from shared.ids import IdToken
from shared.units import Wh


class Output(StrEnum):
    """What a customer gets: a PDF with the e-invoice inside, the e-invoice of public bodies alone, or paper alone.

    `RECEIPT` is paper without a buyer, see `backend.core.invoices.small_invoice`.
    """

    HYBRID = "hybrid"
    XRECHNUNG = "xrechnung"
    PDF = "pdf"
    RECEIPT = "receipt"


class TaxCase(StrEnum):
    """Why a customer pays VAT or not. All but `STANDARD` make every line free of VAT."""

    STANDARD = "standard"
    REVERSE_CHARGE = "reverse_charge"
    EXEMPT = "exempt"
    OUTSIDE_SCOPE = "outside_scope"


@dataclass(frozen=True, slots=True)
class Party:
    """Seller or buyer. `id` is the customer number of a buyer; `vat_id` and `phone` may be empty for one.

    Of a seller only: `tax_number` (BT-32), `register_id` (BT-30), `contact` (BT-41), and `legal_note`, which names the
    court of registration and the managing directors (BT-33).
    """

    id: str
    name: str
    street: str
    postcode: str
    city: str
    country: str
    vat_id: str
    email: str
    phone: str
    tax_number: str = ""
    register_id: str = ""
    contact: str = ""
    legal_note: str = ""


@dataclass(frozen=True, slots=True)
class SignatureProof:
    """What was proved of a session's signed values, and which verdict says so.

    Args:
        verdict_id: of the verdict that the price rests on.
        status: see `signed_pair.Status`.
        begin_kwh: signed register, exact; None where there is none.
        end_kwh: signed register.
        serial: of the meter.
        key: that it was checked by, hexadecimal.
    """

    verdict_id: int
    status: str
    begin_kwh: Decimal | None = None
    end_kwh: Decimal | None = None
    serial: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class RatedSession:
    """A session that is to be billed. Times aware, registers in Wh.

    What is empty is not known: `emi3_id` of the EVSE, `meter_serial`, `driver` (the name of who charged), `contract`,
    and the `cost_centre` that bears it.
    """

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
    emi3_id: str = ""
    meter_serial: str = ""
    driver: str = ""
    contract: str = ""
    cost_centre: str = ""
    signature: SignatureProof | None = None


@dataclass(frozen=True, slots=True)
class Preceding:
    """An invoice that is referred to: its number (EN 16931 BT-25) and its local date (BT-26)."""

    number: str
    issued_on: date


@dataclass(frozen=True, slots=True)
class Correction:
    """A session that was rated again after an invoice had charged it.

    Args:
        session: as it is rated now.
        before: as `preceding` charged it.
        preceding: the invoice that charged it last.
    """

    session: RatedSession
    before: Rating
    preceding: Preceding


@dataclass(frozen=True, slots=True)
class Charges:
    """What one document charges for, all in one currency and one price basis."""

    sessions: tuple[RatedSession, ...] = ()
    corrections: tuple[Correction, ...] = ()
    fees: tuple[BaseFee, ...] = ()


@dataclass(frozen=True, slots=True)
class Account:
    """What the billing of one customer needs besides sessions: who sells, who buys, and on what terms.

    `tax_reason` tells on the invoice why it bears no VAT; left empty, the case has its usual words. `buyer_reference`
    is the Leitweg-ID of a public body (BT-10), `order_number` the customer's order (BT-13).

    Args:
        direct_debit: what the payment `direct_debit` is collected by.
        card: last 4 to 6 digits of the card that has paid, of the payment `card`.
        cost_centre: the buyer's, for all of the invoice (BT-19).
        place: where all of it was delivered to.
        equipment: the charge point that all of it is about (BT-18).
        standard_vat: per cent, charged on lines without VAT; None: they stay as they are.
        series: see `InvoiceDraft`.
    """

    seller: Party
    buyer: Party
    iban: str
    bic: str
    zone: ZoneInfo
    language: str
    payment_days: int
    output: Output = Output.HYBRID
    tax_case: TaxCase = TaxCase.STANDARD
    tax_reason: str = ""
    buyer_reference: str = ""
    order_number: str = ""
    payment: Payment = Payment.TRANSFER
    direct_debit: DirectDebit | None = None
    card: str = ""
    cost_centre: str = ""
    place: Place | None = None
    equipment: str = ""
    standard_vat: Decimal | None = None
    series: str = ""


@dataclass(frozen=True, slots=True)
class InvoiceLine:
    """One line: a session and one of its prices, or a base fee.

    Args:
        session: index in `sessions`, None of a base fee.
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
        credited: it takes back what the session's preceding invoice charged.
        fee: index in `fees`, None of a session.
    """

    session: int | None
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
    credited: bool = False
    fee: int | None = None


@dataclass(frozen=True, slots=True)
class InvoiceTax:
    """VAT of one rate, base and tax in cents.

    `category` is of UNTDID 5305: S standard, Z zero rate, AE reverse charge, E exempt, O outside the scope of VAT; the
    last three have a `reason` in words (BT-120).
    """

    rate: Decimal | None
    category: str
    base: Decimal
    vat: Decimal
    reason: str = ""


@dataclass(frozen=True, slots=True)
class SessionProof:
    """What lets the buyer check a session: times, registers, place, masked token, and the reason of each amount.

    `preceding` is the invoice that charged the session before, None where this one is the first. For what may be empty
    see `RatedSession`.
    """

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
    preceding: Preceding | None = None
    emi3_id: str = ""
    meter_serial: str = ""
    driver: str = ""
    contract: str = ""
    cost_centre: str = ""
    signature: SignatureProof | None = None


@dataclass(frozen=True, slots=True)
class FeeProof:
    """What lets the reader check a base fee, or what an owner of a site is paid: local first and last day, the reason.

    Args:
        target: contract, group or agreement.
        first: local day.
        last: local day.
        tariff_id: of the tariff or the agreement.
        tariff_version: of the tariff; the model of an agreement.
        reason: in words.
        details: sessions that it rests on, a line each.
    """

    target: str
    first: date
    last: date
    tariff_id: str
    tariff_version: str
    reason: str
    details: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceDraft:
    """An invoice without its number. Times and dates are the seller's local ones.

    A credit note (381) has the signs of one: what the buyer gets back is positive. `preceding` names the invoices that
    lines take something back of (BG-3). A `sample` is none that anyone has to pay. `prepaid` is the part of `due` that
    has been paid already (BT-113). For what may be empty see `Account`; `contract` is that of all sessions (BT-12).
    `series` names the kind of document where it is not the usual one of its type, `reason` why something is taken back
    by hand.
    """

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
    fees: tuple[FeeProof, ...] = ()
    preceding: tuple[Preceding, ...] = ()
    output: Output = Output.PDF
    buyer_reference: str = ""
    order_number: str = ""
    sample: bool = False
    payment: Payment = Payment.TRANSFER
    direct_debit: DirectDebit | None = None
    card: str = ""
    prepaid: Decimal = Decimal("0.00")
    cost_centre: str = ""
    contract: str = ""
    place: Place | None = None
    equipment: str = ""
    series: str = ""
    reason: str = ""

    @property
    def kind(self) -> DocumentKind:
        """The kind of document, which has its own series of numbers."""
        kind = kind_of(self.series, self.type_code)
        if kind is None:
            raise ValueError(f"there is no document of kind {self.series!r} and type {self.type_code!r}")
        return kind

    @property
    def recipient(self) -> Party:
        """Who gets it: the buyer, or the seller in whose name we bill ourselves."""
        return self.seller if self.kind.self_billed else self.buyer

    @property
    def owed(self) -> Decimal:
        """What the buyer owes by this document, paid or not: negative where it gets something back."""
        return self.kind.sign * self.due

    @property
    def small(self) -> bool:
        """Whether it has no buyer, and so no e-invoice: see `backend.core.invoices.small_invoice`."""
        return self.output is Output.RECEIPT

    @property
    def refunds(self) -> bool:
        """Whether the buyer gets something by it."""
        return self.type_code == CREDIT_NOTE or self.due < 0

    @property
    def payable(self) -> Decimal:
        """What is still to be paid when it is issued (BT-115)."""
        return self.due - self.prepaid


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoice(InvoiceDraft):
    """The frozen document. It is never edited; paper, mail and e-invoice are made from it alone."""

    number: str
