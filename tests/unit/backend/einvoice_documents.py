"""One frozen document of every kind that we issue."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from backend.core.invoices.billing_profile import DirectDebit, Payment, Place
from backend.core.invoices.host import (
    TAX_CASES,
    Change,
    HostTax,
    Model,
    Month,
    Reckoning,
    Sums,
    Term,
    amount_of,
    draft_statement,
    tax_reason,
)
from backend.core.invoices.invoice import (
    Charges,
    Correction,
    Invoice,
    Output,
    Preceding,
    RatedSession,
    TaxCase,
    draft_documents,
    draft_invoice,
    with_number,
)
from backend.core.invoices.invoice_check import problems
from backend.core.invoices.reversal import credit_problems, draft_cancellation, draft_credit
from backend.core.invoices.small_invoice import ad_hoc_account
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

ISSUED = EVENING + timedelta(days=20)
PARTS: dict[str, Any] = {
    "id": "parts",
    "currency": "EUR",
    "tax_included": "NO",
    "min_price": {"excl_vat": 30},
    "elements": [
        {
            "price_components": [
                {"type": "FLAT", "price": 1.5, "vat": 7},
                {"type": "ENERGY", "price": 0.4321, "vat": 19},
                {"type": "TIME", "price": 1.37, "vat": 19},
                {"type": "PARKING_TIME", "price": 6, "vat": 0},
            ]
        }
    ],
}
MANDATE = DirectDebit("DE98ZZZ09999999999", "M-2026-0001", "DE02120300000000202051")
KNOWN: dict[str, Any] = {
    "emi3_id": "DE*ACM*E0001",
    "meter_serial": "1EMH0012345678",
    "driver": "Erika Mustermann",
    "contract": "V-2026-7",
}
BUSINESS = replace(BUYER, vat_id="ATU12345678", country="AT")


def free(vat: int | None) -> dict[str, Any]:
    """A tariff with 0 % or without VAT."""
    price = {"type": "ENERGY", "price": 0.45} | ({} if vat is None else {"vat": vat})
    return {"id": "free", "currency": "EUR", "tax_included": "NO", "elements": [{"price_components": [price]}]}


def sessions(count: int, tariff: dict[str, Any] = DAY_NIGHT) -> tuple[RatedSession, ...]:
    """Sessions of different energy, one after the other."""
    return tuple(
        session(
            i + 1,
            ((0, 1_000_000), (50 + i, 1_009_167 + 13 * i), (150 + i, 1_027_500 + 97 * i)),
            tariff,
            EVENING + timedelta(hours=4 * i % 96, minutes=i),
        )
        for i in range(count)
    )


def make(charges: Charges, number: str = "RE-2026-000042", **changes: Any) -> Invoice:
    draft, _ = draft_documents(account(**({"output": Output.HYBRID} | changes)), charges, ISSUED)[0]
    document = with_number(draft, number)
    assert problems(document) == ()
    return document


def correction(number: int = 1, preceding: str = "RE-2026-000001") -> Correction:
    """A session that turned out smaller than it was billed."""
    smaller = session(number, ((0, 1_000_000), (50, 1_009_167), (150, 1_020_000)))
    return Correction(smaller, session(number).rating, Preceding(preceding, date(2026, 10, 17)))


def rounded() -> Invoice:
    """Gross prices whose VAT misses the promised total by a cent."""
    for count in range(1, 40):
        draft = draft_invoice(account(output=Output.HYBRID), Charges(sessions(count)), ISSUED)
        if draft.rounding:
            return with_number(draft, "RE-2026-000042")
    raise AssertionError("no such invoice")


def reversed_by(original: Invoice) -> Invoice:
    """The Storno of a document."""
    draft = draft_cancellation(original, "falscher Empfänger", ISSUED.date())
    assert problems(draft) == ()
    return with_number(draft, "ST-2026-000001")


def self_billed(tax: HostTax = HostTax.UST, language: str = "de", **changes: Any) -> Invoice:
    """The statement of a host: share, refund and base of October, and a session of September that counts otherwise."""
    terms = (
        Term(Model.SHARE, Decimal("12.5"), maximum=Decimal("250.00")),
        Term(Model.REFUND, Decimal("0.3175")),
        Term(Model.BASE, Decimal("25.00")),
    )
    ours = account()
    host = replace(BUYER, id="H-1", name="Rathausgarage Potsdam GmbH", tax_number="046/123/45678", phone="+49 331 2890")
    who = account(
        seller=replace(host, **changes),
        buyer=ours.seller,
        language=language,
        output=Output.PDF if tax is HostTax.PRIVATE else Output.HYBRID,
        tax_case=TAX_CASES[tax],
        tax_reason=tax_reason(tax, language),
    )
    new = [
        Change(i, i, EVENING + timedelta(hours=9 * i), "Parkhaus Mitte/1", Sums(27_500 + 97 * i, Decimal("12.557")))
        for i in range(1, 24)
    ]
    again = Change(
        99, 7, EVENING - timedelta(days=25), "Parkhaus Mitte/2", Sums(9_000, Decimal(4)), Sums(9_500, Decimal(5))
    )
    before = tuple(amount_of(term, Sums(105_000, Decimal(60))) for term in terms)
    reckonings = (
        Reckoning("SV-2026-7", terms, Month(2026, 10), 0, Sums(), (Decimal("0.00"),) * 3, tuple(new)),
        Reckoning("SV-2026-7", terms, Month(2026, 9), 4, Sums(105_000, Decimal(60)), before, (again,)),
    )
    draft = draft_statement(who, tax, reckonings, Decimal(19), ISSUED)
    assert draft is not None
    assert problems(draft) == ()
    return with_number(draft, "GS-2026-000001")


def credited(original: Invoice) -> Invoice:
    """A credit note of half of each line."""
    amounts = {
        i: round((line.net if line.gross is None else line.gross) / 2, 2) for i, line in enumerate(original.lines, 1)
    }
    amounts = {i: amount for i, amount in amounts.items() if amount}
    assert credit_problems(original, amounts, {}) == []
    draft = draft_credit(original, amounts, "Ladesäule gestört", ISSUED.date())
    assert problems(draft) == ()
    return with_number(draft, "RE-K-2026-000002")


def small(**changes: Any) -> Invoice:
    """What somebody gets who has paid at the charge point."""
    terms = ad_hoc_account(account(**changes), None)
    ((draft, _),) = draft_documents(terms, Charges(sessions(1)), ISSUED)
    assert problems(draft) == ()
    return with_number(draft, "AH-2026-000001")


KINDS: dict[str, Callable[[Output], Invoice]] = {
    "gross prices": lambda output: make(Charges(sessions(3)), output=output),
    "gross prices with rounding": lambda output: replace(rounded(), output=output),
    "net prices": lambda output: make(Charges(sessions(3, DAY_NIGHT_NET)), output=output),
    "several rates, units and a minimum": lambda output: make(Charges(sessions(3, PARTS)), output=output),
    "zero rate": lambda output: make(Charges(sessions(2, free(0))), output=output),
    "base fee alone": lambda output: make(Charges(fees=(base_fee(),)), output=output),
    "sessions and base fee": lambda output: make(
        Charges(sessions(2), fees=(base_fee({"tax_included": "YES"}),)), output=output
    ),
    "corrections beside sessions": lambda output: make(
        Charges((session(3, start=EVENING + timedelta(days=9)),), (correction(), correction(2, "RE-2026-000002"))),
        output=output,
    ),
    "credit note": lambda output: make(
        Charges(corrections=(correction(), correction(2, "RE-2026-000002"))), "RE-K-2026-000001", output=output
    ),
    "Storno": lambda output: reversed_by(KINDS["sessions and base fee"](output)),
    "Storno of base fees": lambda output: reversed_by(KINDS["base fee alone"](output)),
    "Storno of a credit note": lambda output: reversed_by(KINDS["credit note"](output)),
    "Storno with rounding": lambda output: reversed_by(KINDS["gross prices with rounding"](output)),
    "Storno in English": lambda output: reversed_by(KINDS["English"](output)),
    "credit of a part": lambda output: credited(KINDS["gross prices"](output)),
    "credit of a part, net": lambda output: credited(KINDS["several rates, units and a minimum"](output)),
    "credit of a base fee": lambda output: credited(KINDS["base fee alone"](output)),
    "self-billed": lambda output: replace(self_billed(), output=output),
    "self-billed, small business": lambda output: replace(self_billed(HostTax.KLEIN), output=output),
    "self-billed, in English": lambda output: replace(self_billed(language="en", vat_id="DE987654321"), output=output),
    "Storno, self-billed": lambda output: replace(reversed_by(self_billed()), output=output),
    "private host": lambda output: replace(
        self_billed(HostTax.PRIVATE, tax_number="", name="Erika Mustermann"), output=output
    ),
    "English": lambda output: make(Charges(sessions(2), (correction(9),)), output=output, language="en"),
    "one session": lambda output: make(Charges(sessions(1)), output=output),
    "300 sessions": lambda output: make(Charges(sessions(300)), output=output),
    "reverse charge": lambda output: make(
        Charges(sessions(2, free(0))), output=output, tax_case=TaxCase.REVERSE_CHARGE, buyer=BUSINESS
    ),
    "exempt": lambda output: make(
        Charges(sessions(2, free(None))),
        output=output,
        tax_case=TaxCase.EXEMPT,
        tax_reason="Kleinunternehmer, § 19 UStG",
    ),
    "outside the scope of VAT": lambda output: make(
        Charges(sessions(2, free(None))),
        output=output,
        tax_case=TaxCase.OUTSIDE_SCOPE,
        seller=replace(SELLER, register_id="HRB 12345 B"),
        buyer=replace(BUSINESS, country="CH", vat_id=""),
    ),
    "every optional field": lambda output: make(
        Charges(sessions(2)),
        output=output,
        buyer_reference="04011000-12345-03",
        order_number="4711/2026",
        seller=replace(
            SELLER,
            tax_number="27/123/45678",
            register_id="HRB 12345 B",
            contact="Buchhaltung",
            legal_note="Amtsgericht Charlottenburg, Geschäftsführung: Jutta Licht",
        ),
        buyer=replace(BUYER, vat_id="DE987654321"),
    ),
    "direct debit": lambda output: make(
        Charges(sessions(2)), output=output, payment=Payment.DIRECT_DEBIT, direct_debit=MANDATE
    ),
    "paid by card": lambda output: make(Charges(sessions(2)), output=output, payment=Payment.CARD, card="4711"),
    "payroll": lambda output: make(Charges(sessions(1)), output=output, payment=Payment.PAYROLL),
    "one place with cost centres": lambda output: make(
        Charges(tuple(replace(one, **KNOWN, cost_centre=f"47{i}") for i, one in enumerate(sessions(3)))),
        output=output,
        cost_centre="100",
        equipment="CP-1",
        place=Place("L-1", "Parkhaus Mitte", "Marktplatz 1", "14467", "Potsdam", "DE"),
    ),
    "net prices without the VAT of their tariff": lambda output: make(
        Charges(sessions(2, DAY_NIGHT_NET)), output=output, tax_case=TaxCase.REVERSE_CHARGE, buyer=BUSINESS
    ),
    "VAT on net prices without": lambda output: make(
        Charges(sessions(2, free(0))), output=output, standard_vat=Decimal(19)
    ),
    "a demonstration": lambda output: replace(make(Charges(sessions(1)), output=output), sample=True),
}
