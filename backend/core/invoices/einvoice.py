"""The e-invoice: a frozen document as XML of EN 16931 in the syntax CII (UN/CEFACT CrossIndustryInvoice D22B).

Two flavours that differ in one identifier: the profile EN 16931 of ZUGFeRD and Factur-X, which goes into a PDF, and
XRechnung 3.0, which public bodies ask for. Equal documents give equal bytes, so that stored XML can be proved again
from the stored document. BT and BG are the standard's numbers of terms and groups.

Elements stand in the order of the schema; none is written empty.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from backend.core.invoices.billing_profile import Payment, Place
from backend.core.invoices.document_kind import CANCELLATION
from backend.core.invoices.einvoice_texts import WORDS
from backend.core.invoices.invoice_model import (
    FeeProof,
    Invoice,
    InvoiceDraft,
    InvoiceLine,
    InvoiceTax,
    Output,
    Party,
    Preceding,
    SessionProof,
)
from backend.core.rates.explain import day_text, item_name
from shared.units import Wh, kwh

WRITER = 2
"""Changes with every change of what is written; XML of another writer is not proved by writing it anew."""

GUIDELINES = {
    Output.HYBRID: "urn:cen.eu:en16931:2017",
    Output.PDF: "urn:cen.eu:en16931:2017",
    Output.XRECHNUNG: "urn:cen.eu:en16931:2017#compliant#urn:xeinkauf.de:kosit:xrechnung_3.0",
}
"""BT-24 by what the customer gets."""

_PROCESS = "urn:fdc:peppol.eu:2017:poacc:billing:01:1.0"
_NAMESPACES = {
    "xmlns:rsm": "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100",
    "xmlns:ram": "urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100",
    "xmlns:qdt": "urn:un:unece:uncefact:data:standard:QualifiedDataType:100",
    "xmlns:udt": "urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100",
}
_MEANS = {Payment.TRANSFER: "58", Payment.DIRECT_DEBIT: "59", Payment.CARD: "48", Payment.PAYROLL: "97"}
"""Means of payment (UNTDID 4461): SEPA credit transfer and direct debit, bank card, clearing between partners."""
_UNDEFINED = "1"
"""We can't know where a refund goes."""
_EQUIPMENT = "EQ"
"""Scheme of BT-18 (UNTDID 1153): equipment number."""
_REASON_CODES = {"AE": "VATEX-EU-AE", "O": "VATEX-EU-O"}
_OUTSIDE_SCOPE = "O"
_TICK = timedelta(microseconds=1)


def write_einvoice(document: Invoice) -> bytes:
    """Write a document as XML, UTF-8."""
    root = Element("rsm:CrossIndustryInvoice", _NAMESPACES)
    context = _add(root, "rsm:ExchangedDocumentContext")
    _add(context, "ram:BusinessProcessSpecifiedDocumentContextParameter/ram:ID", _PROCESS)
    _add(context, "ram:GuidelineSpecifiedDocumentContextParameter/ram:ID", GUIDELINES[document.output])
    _add_header(root, document)
    transaction = _add(root, "rsm:SupplyChainTradeTransaction")
    for i, line in enumerate(document.lines, 1):
        _add_line(transaction, i, line, document)
    _add_agreement(transaction, document)
    delivery = _add(transaction, "ram:ApplicableHeaderTradeDelivery")
    if document.place:
        _add_place(delivery, document.place)
    _add_day(delivery, "ram:ActualDeliverySupplyChainEvent/ram:OccurrenceDateTime", document.period_end)
    _add_settlement(transaction, document)
    indent(root, space=" ")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{tostring(root, encoding="unicode")}\n'.encode()


def _add_header(root: Element, document: Invoice) -> None:
    header = _add(root, "rsm:ExchangedDocument")
    _add(header, "ram:ID", document.number)
    _add(header, "ram:TypeCode", document.type_code)
    _add_day(header, "ram:IssueDateTime", document.issued_on)
    for text in _notes(document):
        _add(header, "ram:IncludedNote/ram:Content", text)


def _notes(document: Invoice) -> Iterator[str]:
    words = WORDS[document.language]
    if document.sample:
        yield words["sample"]
    key = "corrects"
    if document.kind.self_billed:
        yield words["self_billed"]
        key = "cancels_self"
    elif document.type_code == CANCELLATION:
        key = "cancels" if document.due < 0 else "cancels_credit"
    for one in document.preceding:
        yield words[key].format(number=one.number, date=day_text(one.issued_on, document.language))
    if document.reason:
        yield words["reason"].format(reason=document.reason)


def _add_line(transaction: Element, number: int, line: InvoiceLine, document: Invoice) -> None:
    """Write a line (BG-25). `about` is what proves it: the session, or the base fee's span."""
    about: SessionProof | FeeProof
    about = document.fees[line.fee or 0] if line.session is None else document.sessions[line.session]
    item = _add(transaction, "ram:IncludedSupplyChainTradeLineItem")
    head = _add(item, "ram:AssociatedDocumentLineDocument")
    _add(head, "ram:LineID", str(number))
    if isinstance(about, SessionProof):
        note = WORDS[document.language]["session"].format(id=about.transaction_id)
        _add(head, "ram:IncludedNote/ram:Content", note)
    product = _add(item, "ram:SpecifiedTradeProduct")
    _add(product, "ram:SellerAssignedID", f"{about.tariff_id}@{about.tariff_version[:12]}")
    _add(product, "ram:Name", item_name(line.item, document.language))
    _add(product, "ram:Description", line.text)
    for name, value in _attributes(about, document):
        attribute = _add(product, "ram:ApplicableProductCharacteristic")
        _add(attribute, "ram:Description", name)
        _add(attribute, "ram:Value", value)
    price = _add(item, "ram:SpecifiedLineTradeAgreement/ram:NetPriceProductTradePrice")
    _add(price, "ram:ChargeAmount", _plain(line.net_unit_price))
    _add(price, "ram:BasisQuantity", "1", unitCode=line.unit)
    _add(item, "ram:SpecifiedLineTradeDelivery/ram:BilledQuantity", _plain(line.quantity), unitCode=line.unit)
    _add_line_settlement(item, line, about, document)


def _add_line_settlement(item: Element, line: InvoiceLine, about: SessionProof | FeeProof, document: Invoice) -> None:
    settlement = _add(item, "ram:SpecifiedLineTradeSettlement")
    tax = _add(settlement, "ram:ApplicableTradeTax")
    _add(tax, "ram:TypeCode", "VAT")
    category = next(one.category for one in document.tax_lines if one.rate == line.vat)
    _add(tax, "ram:CategoryCode", category)
    if category != _OUTSIDE_SCOPE:  # a line outside the scope of VAT has no rate (BR-O-05), its sum has (BR-DE-14)
        _add_rate(tax, line.vat)
    first, last = line.start.date(), max(line.start, line.end - _TICK).date()
    if document.period_start <= first <= last <= document.period_end:  # what a correction is about was before
        _add_period(settlement, first, last)
    sums = _add(settlement, "ram:SpecifiedTradeSettlementLineMonetarySummation")
    _add(sums, "ram:LineTotalAmount", _money(line.net))
    if isinstance(about, SessionProof):
        reference = _add(settlement, "ram:AdditionalReferencedDocument")
        _add(reference, "ram:IssuerAssignedID", str(about.transaction_id))
        _add(reference, "ram:TypeCode", "130")
        _add(reference, "ram:ReferenceTypeCode", "TN")
        if about.cost_centre:
            _add(settlement, "ram:ReceivableSpecifiedTradeAccountingAccount/ram:ID", about.cost_centre)


def _attributes(about: SessionProof | FeeProof, document: Invoice) -> Iterator[tuple[str, str]]:
    """Give what is known of what was charged (BG-32), each with its name."""
    words = WORDS[document.language]
    if isinstance(about, FeeProof):
        yield words["basis" if document.kind.self_billed else "fee_of"], about.target
        if document.kind.self_billed:
            yield words["reckoning"], about.reason
        return
    facts = (
        ("charge_point", about.charge_point),
        ("evse", about.emi3_id or str(about.evse_id)),
        ("place", about.address),
        ("token", about.token),
        ("driver", about.driver),
        ("contract", about.contract),
        ("meter", about.meter_serial),
        ("start", about.started_at.isoformat()),
        ("end", about.ended_at.isoformat()),
        ("register_start", f"{_plain(kwh(Wh(about.meter_start)))} kWh"),
        ("register_end", f"{_plain(kwh(Wh(about.meter_stop)))} kWh"),
        ("preceding", about.preceding.number if about.preceding else ""),
    )
    for name, value in facts:
        if value.strip():
            yield words[name], value


def _add_agreement(transaction: Element, document: Invoice) -> None:
    agreement = _add(transaction, "ram:ApplicableHeaderTradeAgreement")
    _add(agreement, "ram:BuyerReference", document.buyer_reference or document.buyer.id)
    untaxed = any(tax.category == _OUTSIDE_SCOPE for tax in document.tax_lines)
    _add_seller(agreement, document.seller, untaxed=untaxed, numbered=document.kind.self_billed)
    _add_buyer(agreement, document.buyer, untaxed=untaxed)
    if document.order_number:
        _add(agreement, "ram:BuyerOrderReferencedDocument/ram:IssuerAssignedID", document.order_number)
    if document.contract:
        _add(agreement, "ram:ContractReferencedDocument/ram:IssuerAssignedID", document.contract)
    if document.equipment:
        reference = _add(agreement, "ram:AdditionalReferencedDocument")
        _add(reference, "ram:IssuerAssignedID", document.equipment)
        _add(reference, "ram:TypeCode", "130")
        _add(reference, "ram:ReferenceTypeCode", _EQUIPMENT)


def _add_place(delivery: Element, place: Place) -> None:
    """Write where it was delivered to (BG-13)."""
    party = _add(delivery, "ram:ShipToTradeParty")
    if place.id:
        _add(party, "ram:ID", place.id)
    if place.name:
        _add(party, "ram:Name", place.name)
    _add_address(party, place.postcode, place.street, place.city, place.country)


def _add_seller(agreement: Element, seller: Party, *, untaxed: bool, numbered: bool) -> None:
    """Write the seller, if `numbered` with our number of it (BT-29): not each has another identifier (BR-CO-26)."""
    party = _add(agreement, "ram:SellerTradeParty")
    if numbered:
        _add(party, "ram:ID", seller.id)
    _add(party, "ram:Name", seller.name)
    if seller.legal_note:
        _add(party, "ram:Description", seller.legal_note)
    if seller.register_id:
        _add(party, "ram:SpecifiedLegalOrganization/ram:ID", seller.register_id)
    contact = _add(party, "ram:DefinedTradeContact")
    _add(contact, "ram:PersonName", seller.contact or seller.name)
    if seller.phone:
        _add(contact, "ram:TelephoneUniversalCommunication/ram:CompleteNumber", seller.phone)
    _add(contact, "ram:EmailURIUniversalCommunication/ram:URIID", seller.email)
    _add_addresses(party, seller)
    if seller.vat_id and not untaxed:
        _add(party, "ram:SpecifiedTaxRegistration/ram:ID", seller.vat_id, schemeID="VA")
    if seller.tax_number:
        _add(party, "ram:SpecifiedTaxRegistration/ram:ID", seller.tax_number, schemeID="FC")


def _add_buyer(agreement: Element, buyer: Party, *, untaxed: bool) -> None:
    party = _add(agreement, "ram:BuyerTradeParty")
    _add(party, "ram:ID", buyer.id)
    _add(party, "ram:Name", buyer.name)
    _add_addresses(party, buyer)
    if buyer.vat_id and not untaxed:
        _add(party, "ram:SpecifiedTaxRegistration/ram:ID", buyer.vat_id, schemeID="VA")


def _add_addresses(party: Element, one: Party) -> None:
    """Write where letters (BG-5, BG-8) and e-invoices (BT-34, BT-49) reach a party."""
    _add_address(party, one.postcode, one.street, one.city, one.country)
    _add(party, "ram:URIUniversalCommunication/ram:URIID", one.email, schemeID="EM")


def _add_address(party: Element, postcode: str, street: str, city: str, country: str) -> None:
    address = _add(party, "ram:PostalTradeAddress")
    _add(address, "ram:PostcodeCode", postcode)
    _add(address, "ram:LineOne", street)
    _add(address, "ram:CityName", city)
    _add(address, "ram:CountryID", country)


def _add_settlement(transaction: Element, document: Invoice) -> None:
    settlement = _add(transaction, "ram:ApplicableHeaderTradeSettlement")
    if document.direct_debit:
        _add(settlement, "ram:CreditorReferenceID", document.direct_debit.creditor_id)
    _add(settlement, "ram:PaymentReference", document.number)
    _add(settlement, "ram:InvoiceCurrencyCode", document.currency)
    _add_payment(settlement, document)
    for tax in document.tax_lines:
        _add_tax(settlement, tax)
    _add_period(settlement, document.period_start, document.period_end)
    terms = _add(settlement, "ram:SpecifiedTradePaymentTerms")
    _add(terms, "ram:Description", payment_terms(document))
    _add_day(terms, "ram:DueDateDateTime", document.due_on)
    if document.direct_debit:
        _add(terms, "ram:DirectDebitMandateID", document.direct_debit.mandate)
    _add_sums(settlement, document)
    for preceding in _referred(document):
        reference = _add(settlement, "ram:InvoiceReferencedDocument")
        _add(reference, "ram:IssuerAssignedID", preceding.number)
        _add_day(reference, "ram:FormattedIssueDateTime", preceding.issued_on, prefix="qdt")
    if document.cost_centre:
        _add(settlement, "ram:ReceivableSpecifiedTradeAccountingAccount/ram:ID", document.cost_centre)


def payment_terms(document: InvoiceDraft) -> str:
    """Tell in words how and when it is paid (BT-20)."""
    words, date_text = WORDS[document.language], day_text(document.due_on, document.language)
    if document.refunds:
        return words["refund_by"].format(date=date_text)
    if document.small:
        return words["by_some_card"]
    if document.kind.self_billed:
        return words["by_us"].format(date=date_text)
    debit = document.direct_debit
    return words[f"by_{document.payment}"].format(
        date=date_text,
        card=document.card,
        mandate=debit.mandate if debit else "",
        creditor=debit.creditor_id if debit else "",
    )


def _referred(document: Invoice) -> tuple[Preceding, ...]:
    """Give the invoices for BG-3. The schema behind XRechnung (D16B) has room for one; the notes name them all."""
    return document.preceding[:1] if document.output is Output.XRECHNUNG else document.preceding


def _add_payment(settlement: Element, document: Invoice) -> None:
    means = _add(settlement, "ram:SpecifiedTradeSettlementPaymentMeans")
    if document.refunds:
        _add(means, "ram:TypeCode", _UNDEFINED)
        return
    _add(means, "ram:TypeCode", _MEANS[document.payment])
    if document.payment is Payment.CARD:
        _add(means, "ram:ApplicableTradeSettlementFinancialCard/ram:ID", document.card)
    if document.direct_debit:
        payer = _add(means, "ram:PayerPartyDebtorFinancialAccount")
        _add(payer, "ram:IBANID", document.direct_debit.iban.replace(" ", ""))
    if document.payment is not Payment.TRANSFER:
        return
    account = _add(means, "ram:PayeePartyCreditorFinancialAccount")
    _add(account, "ram:IBANID", document.iban.replace(" ", ""))
    _add(account, "ram:AccountName", document.seller.name)
    if document.bic:
        _add(means, "ram:PayeeSpecifiedCreditorFinancialInstitution/ram:BICID", document.bic)


def _add_tax(settlement: Element, one: InvoiceTax) -> None:
    tax = _add(settlement, "ram:ApplicableTradeTax")
    _add(tax, "ram:CalculatedAmount", _money(one.vat))
    _add(tax, "ram:TypeCode", "VAT")
    if one.reason:
        _add(tax, "ram:ExemptionReason", one.reason)
    _add(tax, "ram:BasisAmount", _money(one.base))
    _add(tax, "ram:CategoryCode", one.category)
    if code := _REASON_CODES.get(one.category):
        _add(tax, "ram:ExemptionReasonCode", code)
    _add_rate(tax, one.rate)


def _add_rate(tax: Element, rate: Decimal | None) -> None:
    _add(tax, "ram:RateApplicablePercent", _plain(rate or Decimal(0)))


def _add_sums(settlement: Element, document: Invoice) -> None:
    sums = _add(settlement, "ram:SpecifiedTradeSettlementHeaderMonetarySummation")
    _add(sums, "ram:LineTotalAmount", _money(document.total_net))
    _add(sums, "ram:TaxBasisTotalAmount", _money(document.total_net))
    _add(sums, "ram:TaxTotalAmount", _money(document.total_vat), currencyID=document.currency)
    if document.rounding:
        _add(sums, "ram:RoundingAmount", _money(document.rounding))
    _add(sums, "ram:GrandTotalAmount", _money(document.total_gross))
    if document.prepaid:
        _add(sums, "ram:TotalPrepaidAmount", _money(document.prepaid))
    _add(sums, "ram:DuePayableAmount", _money(document.due - document.prepaid))


def _add_period(parent: Element, first: date, last: date) -> None:
    period = _add(parent, "ram:BillingSpecifiedPeriod")
    _add_day(period, "ram:StartDateTime", first)
    _add_day(period, "ram:EndDateTime", last)


def _add_day(parent: Element, path: str, day: date, prefix: str = "udt") -> None:
    _add(parent, f"{path}/{prefix}:DateTimeString", f"{day:%Y%m%d}", format="102")


def _add(parent: Element, path: str, text: str | None = None, **attributes: str) -> Element:
    """Add an element under new elements of the names before it, and give it."""
    *outer, name = path.split("/")
    for one in outer:
        parent = SubElement(parent, one)
    element = SubElement(parent, name, attributes)
    element.text = text
    return element


def _money(amount: Decimal) -> str:
    return f"{amount:.2f}"


def _plain(number: Decimal) -> str:
    """Write a number without zeros that say nothing: `18.333`, `10`."""
    return f"{number.normalize() + 0:f}"
