"""E-invoices of every kind under the official rules, and what these rules find when one thing is wrong."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.core.invoices.einvoice import write_einvoice
from backend.core.invoices.invoice import Charges, Invoice, Output, TaxCase, draft_invoice, with_number
from backend.core.invoices.invoice_check import problems
from tests.unit.backend.billing_example import (
    BUYER,
    DAY_NIGHT,
    DAY_NIGHT_NET,
    EVENING,
    SELLER,
    account,
    base_fee,
    session,
)
from tests.unit.backend.einvoice_documents import BUSINESS, ISSUED, KINDS, PARTS, free, make, rounded, sessions
from tests.unit.backend.einvoice_rules import XRECHNUNG, Reader, german_findings, official_findings

_SUM = ".//ram:SpecifiedTradeSettlementHeaderMonetarySummation/ram:"


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_valid_by_the_official_rules(kind: str) -> None:
    assert official_findings(write_einvoice(KINDS[kind](Output.HYBRID))) == []


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_valid_as_xrechnung(kind: str) -> None:
    xml = write_einvoice(KINDS[kind](Output.XRECHNUNG))
    assert official_findings(xml) == []
    assert german_findings(xml) == []


def test_the_profiles_differ_in_their_identifier_alone() -> None:
    hybrid, german = (write_einvoice(KINDS["gross prices"](output)) for output in (Output.HYBRID, Output.XRECHNUNG))
    assert german.replace(XRECHNUNG.encode(), b"urn:cen.eu:en16931:2017") == hybrid
    assert german_findings(hybrid) == ["BR-DE-21"]


@pytest.mark.parametrize("kind", KINDS)
def test_equal_documents_give_equal_bytes_and_the_document_s_sums(kind: str) -> None:
    make_document = KINDS[kind]
    xml, document = write_einvoice(make_document(Output.HYBRID)), make_document(Output.HYBRID)
    assert xml == write_einvoice(document)
    _compare(xml, document)


def _compare(xml: bytes, document: Invoice) -> None:
    """Recompute all sums from the e-invoice alone, and compare with the document."""
    read = Reader(xml)
    lines = [Decimal(text) for text in read.texts(".//ram:SpecifiedLineTradeSettlement//ram:LineTotalAmount")]
    assert len(lines) == len(document.lines)
    net = Decimal(read.text(f"{_SUM}TaxBasisTotalAmount"))
    vat = sum(map(Decimal, read.texts(".//ram:ApplicableHeaderTradeSettlement//ram:CalculatedAmount")), Decimal(0))
    rounding = Decimal(read.text(f"{_SUM}RoundingAmount") or 0)
    assert net == sum(lines, Decimal(0)) == document.total_net
    assert vat == Decimal(read.text(f"{_SUM}TaxTotalAmount")) == document.total_vat
    prepaid = Decimal(read.text(f"{_SUM}TotalPrepaidAmount") or 0)
    assert Decimal(read.text(f"{_SUM}DuePayableAmount")) + prepaid == net + vat + rounding == document.due


def test_a_consumer_pays_what_was_promised_to_the_cent() -> None:
    document = rounded()
    read = Reader(write_einvoice(document))
    promised = sum((line.gross for line in document.lines if line.gross is not None), Decimal(0))
    assert abs(Decimal(read.text(f"{_SUM}RoundingAmount"))) == Decimal("0.01")
    assert Decimal(read.text(f"{_SUM}DuePayableAmount")) == promised


def test_what_a_reader_of_the_invoice_finds() -> None:
    document = KINDS["every optional field"](Output.XRECHNUNG)
    read = Reader(write_einvoice(document))
    for path, text in {
        ".//ram:BuyerReference": "04011000-12345-03",
        ".//ram:BuyerOrderReferencedDocument/ram:IssuerAssignedID": "4711/2026",
        ".//ram:DefinedTradeContact/ram:PersonName": "Buchhaltung",
        ".//ram:SpecifiedLegalOrganization/ram:ID": "HRB 12345 B",
        ".//ram:BuyerTradeParty/ram:URIUniversalCommunication/ram:URIID": BUYER.email,
        ".//ram:PayeePartyCreditorFinancialAccount/ram:IBANID": "DE02120300000000202051",
        ".//ram:PayeeSpecifiedCreditorFinancialInstitution/ram:BICID": "BYLADEM1001",
        ".//ram:PaymentReference": "RE-2026-000042",
        ".//ram:SpecifiedTradePaymentTerms/ram:Description": "Zahlbar bis 18.11.2026 ohne Abzug.",
        ".//ram:SpecifiedTradePaymentTerms/ram:DueDateDateTime/udt:DateTimeString": "20261118",
        ".//ram:IncludedSupplyChainTradeLineItem//ram:BilledQuantity": "9.167",
        ".//ram:IncludedSupplyChainTradeLineItem//ram:AdditionalReferencedDocument/ram:IssuerAssignedID": "1",
    }.items():
        assert read.text(path) == text, path
    facts = dict(
        zip(
            read.texts(".//ram:ApplicableProductCharacteristic/ram:Description"),
            read.texts(".//ram:ApplicableProductCharacteristic/ram:Value"),
            strict=True,
        )
    )
    assert facts["Ladekarte"] == "***F6"
    assert facts["Zählerstand zu Beginn"] == "1000 kWh"


def test_a_correction_names_every_invoice_that_it_corrects() -> None:
    hybrid, german = (
        Reader(write_einvoice(KINDS["corrections beside sessions"](output)))
        for output in (Output.HYBRID, Output.XRECHNUNG)
    )
    named = ".//ram:InvoiceReferencedDocument/ram:IssuerAssignedID"
    assert hybrid.texts(named) == ["RE-2026-000001", "RE-2026-000002"]
    assert german.texts(named) == ["RE-2026-000001"]  # the schema behind XRechnung has room for one
    for read in (hybrid, german):
        assert read.texts(".//rsm:ExchangedDocument/ram:IncludedNote/ram:Content") == [
            "Berichtigung der Rechnung RE-2026-000001 vom 17.10.2026",
            "Berichtigung der Rechnung RE-2026-000002 vom 17.10.2026",
        ]
        assert any(text.startswith("-") for text in read.texts(".//ram:BilledQuantity"))


def test_a_credit_note_asks_for_no_transfer() -> None:
    read = Reader(write_einvoice(KINDS["credit note"](Output.HYBRID)))
    assert read.text(".//rsm:ExchangedDocument/ram:TypeCode") == "381"
    assert read.texts(".//ram:SpecifiedTradeSettlementPaymentMeans/ram:TypeCode") == ["1"]
    assert read.find(".//ram:IBANID") == []
    assert Decimal(read.text(f"{_SUM}DuePayableAmount")) > 0


def test_a_demonstration_says_so_in_words() -> None:
    read = Reader(write_einvoice(KINDS["a demonstration"](Output.HYBRID)))
    assert "keine Rechnung" in read.text(".//rsm:ExchangedDocument/ram:IncludedNote/ram:Content")


@pytest.mark.parametrize(
    ("was", "becomes", "rule"),
    [
        ('<ram:BilledQuantity unitCode="KWH">', '<ram:BilledQuantity unitCode="kWh">', "FX-SCH-A-000613"),
        ("<ram:LineTotalAmount>4.54<", "<ram:LineTotalAmount>4.65<", "BR-CO-10"),
        ("<ram:GrandTotalAmount>", "<ram:GrandTotalAmount>1", "BR-CO-15"),
        ("<ram:DuePayableAmount>", "<ram:DuePayableAmount>1", "BR-CO-16"),
        ("<ram:CalculatedAmount>", "<ram:CalculatedAmount>1", "BR-CO-14"),
        ("<ram:BasisAmount>", "<ram:BasisAmount>9", "BR-S-08"),
        ("<ram:CategoryCode>S<", "<ram:CategoryCode>Z<", "BR-Z-"),
        ("<ram:CountryID>DE<", "<ram:CountryID>DX<", "FX-SCH-A-000568"),
        ("<ram:InvoiceCurrencyCode>EUR<", "<ram:InvoiceCurrencyCode>EUX<", "FX-SCH"),
        ("<ram:TypeCode>380<", "<ram:TypeCode>999<", "FX-SCH-A-000555"),
        ("<ram:ChargeAmount>", "<ram:ChargeAmount>-", "BR-27"),
        ("<ram:ID>RE-2026-000042</ram:ID>", "", "XSD"),
        ("<ram:Name>Erika Mustermann</ram:Name>", "", "BR-07"),
        ('schemeID="VA">DE123456789', 'schemeID="VA">QQ123456789', "BR-CO-09"),
        ('schemeID="EM"', 'schemeID="mail"', "FX-SCH-A-000571"),
        ("<ram:PayeePartyCreditorFinancialAccount>", "<ram:PayerPartyDebtorFinancialAccount>", "XSD"),
        (
            "20261015</udt:DateTimeString>\n     </ram:EndDateTime>",
            "20261001</udt:DateTimeString>\n     </ram:EndDateTime>",
            "BR-30",
        ),
    ],
)
def test_the_official_rules_find_what_is_wrong(was: str, becomes: str, rule: str) -> None:
    text = write_einvoice(make(Charges(sessions(1)))).decode()
    assert was in text
    wrong = text.replace(was, becomes)
    if was.startswith("<ram:Payee"):
        wrong = wrong.replace("</ram:PayeeParty", "</ram:PayerParty").replace(
            "CreditorFinancialAccount", "DebtorFinancialAccount", 2
        )
    assert any(found.startswith(rule) for found in official_findings(wrong.encode())), official_findings(wrong.encode())


@pytest.mark.parametrize(
    ("was", "becomes", "rule"),
    [
        ("<ram:BuyerReference>C-1001</ram:BuyerReference>", "", "BR-DE-15"),
        ("<ram:CompleteNumber>+49 30 1234567<", "<ram:CompleteNumber>+4 a<", "BR-DE-27"),
        ("<ram:PersonName>Stadtlicht Laden GmbH</ram:PersonName>", "", "BR-DE-5"),
        ("DE02120300000000202051", "DE02120300000000202052", "BR-DE-19"),
        ("<ram:Description>Zahlbar", "<ram:Description>#SKONTO", "BR-DE-18"),
        ("xrechnung_3.0", "xrechnung_1.0", "BR-DE-21"),
        ("<ram:CityName>Berlin</ram:CityName>", "", "BR-DE-3"),
        ("<ram:URIID>rechnung@example.com<", "<ram:URIID>rechnung<", "BR-DE-28"),
        ("<ram:ChargeAmount>", "<ram:ChargeAmount>1", "PEPPOL-R120"),
        (">1</ram:BasisQuantity>", "></ram:BasisQuantity>", "PEPPOL-R008"),
    ],
)
def test_the_german_rules_find_what_is_wrong(was: str, becomes: str, rule: str) -> None:
    text = write_einvoice(make(Charges(sessions(1)), output=Output.XRECHNUNG)).decode()
    assert was in text
    assert rule in german_findings(text.replace(was, becomes).encode())


@pytest.mark.parametrize(
    ("kind", "was", "becomes", "rule"),
    [
        ("Storno", "<ram:TypeCode>384<", "<ram:TypeCode>666<", "FX-SCH-A-000555"),
        ("Storno", "<ram:ChargeAmount>", "<ram:ChargeAmount>-", "BR-27"),
        ("Storno", "<ram:GrandTotalAmount>-", "<ram:GrandTotalAmount>", "BR-CO-15"),
        ("Storno", "<ram:DuePayableAmount>-", "<ram:DuePayableAmount>", "BR-CO-16"),
        ("Storno", "<ram:BasisAmount>-", "<ram:BasisAmount>", "BR-S-08"),
        ("Storno", "<ram:ID>ST-2026-000001</ram:ID>", "", "XSD"),
        ("credit of a part", "<ram:TypeCode>381<", "<ram:TypeCode>000<", "FX-SCH-A-000555"),
        ("credit of a part", "<ram:TaxBasisTotalAmount>", "<ram:TaxBasisTotalAmount>-", "BR-CO-13"),
        ("credit of a part", "<ram:CalculatedAmount>", "<ram:CalculatedAmount>-", "BR-CO-14"),
        ("credit of a part", 'unitCode="C62"', 'unitCode="Stück"', "FX-SCH-A-000613"),
        ("credit of a part", "<ram:IssuerAssignedID>RE-2026-000042</ram:IssuerAssignedID>", "", "BR-55"),
    ],
)
def test_the_official_rules_find_what_is_wrong_with_what_is_taken_back(
    kind: str, was: str, becomes: str, rule: str
) -> None:
    text = write_einvoice(KINDS[kind](Output.HYBRID)).decode()
    assert was in text
    found = official_findings(text.replace(was, becomes).encode())
    assert any(one.startswith(rule) for one in found), found


def test_a_storno_that_names_no_invoice_breaks_the_german_rule() -> None:
    text = write_einvoice(KINDS["Storno"](Output.XRECHNUNG)).decode()
    begin, end = text.index("<ram:InvoiceReferencedDocument>"), text.index("</ram:InvoiceReferencedDocument>")
    wrong = text[:begin] + text[end + len("</ram:InvoiceReferencedDocument>") :]
    assert german_findings(wrong.encode()) == ["BR-DE-26"]


@pytest.mark.parametrize(
    ("changes", "tariff", "why"),
    [
        ({"tax_case": TaxCase.REVERSE_CHARGE, "buyer": BUSINESS}, DAY_NIGHT, "allows no VAT, but 19 % is charged"),
        ({"tax_case": TaxCase.REVERSE_CHARGE}, free(0), "customer's vat_id"),
        ({"tax_case": TaxCase.EXEMPT}, free(None), "see tax_reason"),
        ({"tax_case": TaxCase.OUTSIDE_SCOPE}, free(None), "operator's register_id"),
        ({}, free(None), "names no VAT rate"),
        ({"buyer": replace(BUYER, country="XX")}, DAY_NIGHT, "ISO 3166"),
        ({"buyer": replace(BUYER, vat_id="QQ123")}, DAY_NIGHT, "BR-CO-09"),
        ({"buyer": replace(BUYER, email="erika@example")}, DAY_NIGHT, "no address of an electronic mailbox"),
        ({"seller": replace(SELLER, phone="-")}, DAY_NIGHT, "fewer than three digits"),
        ({"order_number": "47\x0011"}, DAY_NIGHT, "U+0000"),
    ],
)
def test_a_draft_that_would_be_invalid_is_blocked_with_its_reason(
    changes: dict[str, object], tariff: dict[str, object], why: str
) -> None:
    draft = draft_invoice(account(output=Output.XRECHNUNG, **changes), Charges(sessions(1, tariff)), ISSUED)
    assert any(why in problem for problem in problems(draft)), problems(draft)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    taken=st.lists(st.tuples(st.integers(0, 90_000), st.integers(1, 600)), min_size=1, max_size=6),
    tariff=st.sampled_from([DAY_NIGHT, DAY_NIGHT_NET, PARTS, free(0)]),
    language=st.sampled_from(["de", "en"]),
    output=st.sampled_from([one for one in Output if one is not Output.RECEIPT]),
    fee=st.booleans(),
)
def test_whatever_was_charged_the_einvoice_is_valid(
    taken: list[tuple[int, int]], tariff: dict[str, object], language: str, output: Output, fee: bool
) -> None:
    rated = tuple(
        session(i, ((0, 5_000), (minutes, 5_000 + energy)), tariff, EVENING + timedelta(days=i))
        for i, (energy, minutes) in enumerate(taken, 1)
    )
    fees = (base_fee({"tax_included": tariff["tax_included"]}),) if fee else ()
    draft = draft_invoice(account(language=language, output=output), Charges(rated, fees=fees), ISSUED)
    if problems(draft):
        assert problems(draft) == ("it charges nothing",)
        return
    document = with_number(draft, "RE-2026-000001")
    xml = write_einvoice(document)
    assert official_findings(xml) == []
    assert german_findings(xml) == ([] if output is Output.XRECHNUNG else ["BR-DE-21"])
    _compare(xml, document)
