"""What EN 16931 and the German rules for XRechnung (BR-DE) ask for beyond what every invoice needs.

Looked at before a number is drawn; each text names what to put right, in words of the master data.
"""

import re
from collections.abc import Iterator

from backend.core.invoices.invoice_model import InvoiceDraft, Party

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_EMAIL = re.compile(rf"{_ATOM}(\.{_ATOM})*@([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z0-9-]*[A-Za-z0-9]")
_REASONED = ("AE", "E", "O")
_COUNTRIES = (
    "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA "
    "CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA "
    "GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP "
    "KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS "
    "MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS "
    "RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW "
    "TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XI YE YT ZA ZM ZW"
)
"""ISO 3166-1, and XI for Northern Ireland, as EN 16931 lists them."""
_VAT_STATES = (*_COUNTRIES.split(), "EL")


def einvoice_problems(draft: InvoiceDraft) -> Iterator[str]:
    """Tell what would make the e-invoice invalid."""
    for role, party in (("seller", draft.seller), ("buyer", draft.buyer)):
        yield from _party(role, party)
    yield from _taxes(draft)
    if not (draft.buyer_reference or draft.buyer.id).strip():
        yield "buyer: buyer_reference is missing (BR-DE-15)"


def _party(role: str, party: Party) -> Iterator[str]:
    if party.country not in _COUNTRIES.split():
        yield f"{role}: the country {party.country!r} is not one of ISO 3166 (BR-CL-14)"
    if party.vat_id and party.vat_id[:2] not in _VAT_STATES:
        yield f"{role}: the VAT id {party.vat_id!r} does not begin with a country (BR-CO-09)"
    if party.email and not _EMAIL.fullmatch(party.email):
        yield f"{role}: {party.email!r} is no address of an electronic mailbox (BR-DE-28)"


def _taxes(draft: InvoiceDraft) -> Iterator[str]:
    categories = {tax.category for tax in draft.tax_lines}
    for tax in draft.tax_lines:
        free = tax.category in _REASONED
        if free and tax.rate:
            yield f"the customer's tax_case allows no VAT, but {tax.rate} % is charged: name it in the tariff's x_tax"
        if free is not bool(tax.reason.strip()):
            yield f"VAT category {tax.category}: {'a' if free else 'no'} reason must be given; see tax_reason"
    if len(categories) > 1 and categories & set(_REASONED):
        yield f"VAT categories {', '.join(sorted(categories))} can't stand on one invoice"
    if "AE" in categories and not draft.buyer.vat_id:
        yield "buyer: reverse charge needs the customer's vat_id (BR-AE-02)"
    if "O" in categories and not (draft.seller.register_id or draft.kind.self_billed):
        yield "seller: an invoice outside the scope of VAT bears no VAT id; give the operator's register_id (BR-CO-26)"
