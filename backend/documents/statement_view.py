"""The statement of a site's owner as texts in the places of a page. Pure.

The e-invoice has the owner as seller and us as buyer; on paper it is our letter to the owner.
"""

from collections.abc import Iterator

from backend.core.invoices.invoice import FeeProof, Invoice
from backend.core.rates.explain import day_text
from backend.documents.invoice_view import Json, in_fours, invoice_view
from backend.documents.texts import WORDS, money_text


def statement_view(document: Invoice) -> Json:
    """Give every text of the page; see `invoice_view`."""
    words, void = WORDS[document.language], document.due < 0
    view = invoice_view(document)
    private = _is_private(document)
    if private:
        view["title"] = f"{words['statement']} {document.number}"
    intro = words["intro_self"]
    if document.preceding:
        (one,) = document.preceding
        day = day_text(one.issued_on, document.language)
        intro = words["intro_self_void"].format(number=one.number, date=day, reason=document.reason)
    amount, due = (
        money_text(abs(document.due), document.currency, document.language),
        day_text(document.due_on, document.language),
    )
    payment = words["payout_back" if void else "payout"].format(amount=amount, due=due, iban=in_fours(document.iban))
    return view | {
        "seller": _sender(document),
        "buyer": _addressee(document),
        "info": list(_info(document)),
        "intro": intro,
        "groups": [_group(group, words["self_lines"], private=private) for group in _groups(view)],
        "totals": [*([] if private else _totals(view)[:-1]), _sum(document)],
        "payment": {"text": payment, "rows": [], "code": ""},
        "closing": list(_closing(document)),
        "proof": {
            "title": words["self_proof"],
            "intro": "",
            "sessions": [_proof(fee, document.language) for fee in document.fees],
        },
    }


def _is_private(document: Invoice) -> bool:
    return all(tax.category == "O" for tax in document.tax_lines)


def _groups(view: Json) -> list[Json]:
    groups = view["groups"]
    assert isinstance(groups, list)  # noqa: S101  as invoice_view writes it
    return groups


def _sum(document: Invoice) -> Json:
    label = WORDS[document.language]["voided" if document.due < 0 else "paid_out"]
    amount = money_text(document.due, document.currency, document.language)
    return {"label": label, "amount": amount, "strong": True}


def _group(group: Json, title: str, *, private: bool) -> Json:
    """Give the lines under their title; who is no entrepreneur has no rate of VAT on them."""
    rows = group["rows"]
    assert isinstance(rows, list)  # noqa: S101  as invoice_view writes it
    shown = [[*row[:3], "–", *row[4:]] for row in rows] if private else rows
    return group | {"title": title, "rows": shown}


def _totals(view: Json) -> list[Json]:
    totals = view["totals"]
    assert isinstance(totals, list)  # noqa: S101  as invoice_view writes it
    return totals


def _sender(document: Invoice) -> Json:
    """Give the letterhead: who issues it is the buyer."""
    us = document.buyer
    place = f"{us.postcode} {us.city}"
    return {
        "name": us.name,
        "sender": " · ".join((us.name, us.street, place)),
        "footer": [
            [us.name, us.street, place],
            [text for text in (us.phone, us.email) if text],
            [f"{WORDS[document.language]['vat_id']} {us.vat_id}"],
        ],
        "legal": " · ".join(text for text in (us.register_id, us.legal_note) if text),
    }


def _addressee(document: Invoice) -> list[str]:
    host = document.seller
    country = [] if host.country == document.buyer.country else [host.country]
    return [host.name, host.street, f"{host.postcode} {host.city}", *country]


def _info(document: Invoice) -> Iterator[list[str]]:
    words, language, host = WORDS[document.language], document.language, document.seller
    yield [words["self_number"], document.number]
    yield [words["credit_issued"], day_text(document.issued_on, language)]
    yield [words["supplier"], host.id]
    if host.vat_id:
        yield [words["your_vat_id"], host.vat_id]
    if host.tax_number:
        yield [words["your_tax_number"], host.tax_number]
    start, end = day_text(document.period_start, language), day_text(document.period_end, language)
    yield [words["period"], f"{start} – {end}"]
    if document.due > 0:
        yield [words["paid_by"], day_text(document.due_on, language)]


def _closing(document: Invoice) -> Iterator[str]:
    words = WORDS[document.language]
    yield from dict.fromkeys(f"{tax.reason}." for tax in document.tax_lines if tax.reason)
    yield words["see_reasons"]
    if not document.preceding:
        yield words["statement_objection" if _is_private(document) else "objection"]


def _proof(fee: FeeProof, language: str) -> Json:
    words = WORDS[language]
    first, last = day_text(fee.first, language), day_text(fee.last, language)
    return {
        "title": fee.target,
        "facts": [[words["period"], f"{first} – {last}"]],
        "reasons": [fee.reason, *fee.details],
        "notes": [],
    }
