"""Small invoices (§ 33 UStDV): drafted, checked, taken back, and made full ones for who tells their name."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from backend.core.invoices.billing_profile import Payment
from backend.core.invoices.einvoice import write_einvoice
from backend.core.invoices.invoice import Charges, Correction, Output, TaxCase, draft_documents, with_number
from backend.core.invoices.invoice_check import problems
from backend.core.invoices.letter import invoice_letter
from backend.core.invoices.reversal import draft_cancellation, draft_credit
from backend.core.invoices.small_invoice import Payer, ad_hoc_account
from backend.documents.invoice_view import invoice_view
from tests.unit.backend.billing_example import BUYER, account, session
from tests.unit.backend.einvoice_documents import ISSUED, correction, free, reversed_by, sessions, small
from tests.unit.backend.einvoice_rules import official_findings

PAYER = Payer(
    "Hans Muster", "Ring 5", "80331", "München", "DE", email="hans@example.com", vat_id="DE987654321", card="4711"
)


def found(charges: Charges, payer: Payer | None = None, **changes: Any) -> tuple[str, ...]:
    again = bool(charges.corrections)
    ((draft, _),) = draft_documents(ad_hoc_account(account(**changes), payer, again=again), charges, ISSUED)
    return problems(draft)


def test_it_has_gross_amount_and_rate_and_no_buyer() -> None:
    document = small()
    assert (document.type_code, document.kind.name, document.number) == ("380", "ad_hoc", "AH-2026-000001")
    assert BUYER.name not in repr(document)
    assert BUYER.email not in repr(document)
    assert (document.prepaid, document.payable) == (document.due, Decimal(0))
    view: dict[str, Any] = invoice_view(document)
    assert view["title"] == "Beleg (Kleinbetragsrechnung) AH-2026-000001"
    assert view["buyer"] == []
    assert view["payment"] == {"text": "Mit Karte bezahlt.", "rows": [], "code": ""}
    assert ["Umsatzsteuer 19 %", "2,00 €"] in [[row["label"], row["amount"]] for row in view["totals"]]
    assert ["Gesamtbetrag", "12,56 €"] in [[row["label"], row["amount"]] for row in view["totals"]]
    assert not any("Zahlbar" in label for label, _ in view["info"])


@pytest.mark.parametrize(("wh", "blocked"), [(423_728, False), (423_729, False), (423_747, True)])
def test_above_250_eur_a_name_is_needed(wh: int, blocked: bool) -> None:
    tariff = {
        "id": "one",
        "currency": "EUR",
        "tax_included": "YES",
        "elements": [{"price_components": [{"type": "ENERGY", "price": 0.59, "vat": 19}]}],
    }
    one = Charges((session(1, ((0, 0), (150, wh)), tariff),))
    told = found(one)
    assert bool(told) is blocked
    if blocked:
        assert "more than the 250 EUR" in told[0]
        assert "invoice payer" in told[0]
        assert found(one, PAYER) == ()


def test_no_exemption_without_a_buyer_and_no_other_currency() -> None:
    exempt = found(Charges(sessions(1, free(0))), tax_case=TaxCase.EXEMPT, tax_reason="§ 19 UStG")
    assert any("no exemption" in text for text in exempt)
    swiss = found(Charges((session(1, tariff={**free(19), "currency": "CHF"}),)))
    assert any("CHF needs a buyer" in text for text in swiss)


def test_who_tells_their_name_gets_a_full_invoice() -> None:
    ((draft, _),) = draft_documents(ad_hoc_account(account(), PAYER), Charges(sessions(1)), ISSUED)
    assert problems(draft) == ()
    document = with_number(draft, "RE-2026-000001")
    assert (document.kind.name, document.buyer.name, document.output) == ("invoice", "Hans Muster", Output.HYBRID)
    assert document.prepaid == document.due
    assert official_findings(write_einvoice(document)) == []
    assert invoice_letter("acme", 1, document, ("hans@example.com",)).values["paid"] is True


def test_what_turned_out_less_is_credited_and_more_is_asked_of_nobody() -> None:
    less = Charges(corrections=(correction(),))
    ((draft, _),) = draft_documents(ad_hoc_account(account(), None, again=True), less, ISSUED)
    assert problems(draft) == ()
    assert (draft.kind.name, draft.small) == ("credit", True)
    one = correction()
    more = Charges(
        corrections=(Correction(replace(one.session, rating=one.before), one.session.rating, one.preceding),)
    )
    assert any("more can't be taken" in text for text in found(more))
    ((draft, _),) = draft_documents(ad_hoc_account(account(), PAYER, again=True), more, ISSUED)
    assert problems(draft) == ()
    assert (draft.payment, draft.prepaid) == (Payment.TRANSFER, Decimal(0))


def test_it_can_be_cancelled_and_credited() -> None:
    document = small()
    storno = reversed_by(document)
    assert (storno.kind.name, storno.small, storno.due) == ("cancel", True, -document.due)
    view: dict[str, Any] = invoice_view(storno)
    assert view["title"] == "Stornorechnung ST-2026-000001"
    assert [row for row in view["totals"] if row["strong"]] == [
        {"label": "Guthaben zu Ihren Gunsten", "amount": "12,56 €", "strong": True}
    ]
    credit = draft_credit(document, {1: Decimal("1.00")}, "gestört", ISSUED.date())
    assert problems(credit) == ()
    assert problems(draft_cancellation(document, " ", ISSUED.date())) != ()
