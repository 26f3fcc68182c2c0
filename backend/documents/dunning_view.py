"""The dunning letter as texts in the places of a page: what the typst template lays out. Pure."""

from collections.abc import Iterator

from backend.core.payments.dunning import ClaimKind, LetterItem, Level
from backend.core.payments.dunning_letter import DunningLetter
from backend.core.rates.explain import day_text
from backend.documents.girocode import transfer_code
from backend.documents.invoice_view import Json, address_view, in_fours, seller_view
from backend.documents.texts import WORDS as COMMON
from backend.documents.texts import money_text

_WORDS: dict[str, dict[str, str]] = {
    "de": {
        "title_1": "Zahlungserinnerung",
        "title_2": "1. Mahnung",
        "title_3": "2. Mahnung",
        "number": "Nummer",
        "date": "Datum",
        "customer": "Kundennummer",
        "pay_by": "Zahlbar bis",
        "intro_1": "vermutlich haben Sie es übersehen: Diese Rechnungen sind noch offen.",
        "intro_2": "trotz unserer Erinnerung sind diese Rechnungen noch offen. Sie sind mit der Zahlung im Verzug oder "
        "kommen durch dieses Schreiben in Verzug (§ 286 BGB).",
        "intro_3": "auch nach unserer Mahnung sind diese Rechnungen noch offen. Bitte zahlen Sie jetzt.",
        "invoice": "Rechnung",
        "issued": "vom",
        "due": "fällig am",
        "stage": "Stand",
        "open": "offen",
        "returned": "Lastschrift kam zurück",
        "stage_1": "erinnert",
        "stage_2": "1. Mahnung",
        "stage_3": "2. Mahnung",
        "stage_4": "2. Mahnung",
        "sum": "Offene Rechnungen",
        "earlier": "Kosten und Zinsen früherer Schreiben",
        ClaimKind.FEE: "Mahnkosten",
        ClaimKind.LUMP_SUM: "Verzugspauschale (§ 288 Abs. 5 BGB)",
        ClaimKind.INTEREST: "Verzugszinsen (§ 288 BGB)",
        "total": "Zu zahlen",
        "payment": "Bitte überweisen Sie {amount} bis zum {day} auf dieses Konto:",
        "suspension": "Geht bis dahin nichts ein, sperren wir Ihre Ladekarten ab dem {day}. Sobald bezahlt ist, sind "
        "sie von selbst wieder frei.",
        "no_vat": "Zinsen, Kosten und Pauschale sind Schadensersatz: auf sie fällt keine Umsatzsteuer an.",
        "paid": "Haben Sie schon bezahlt, so betrachten Sie dieses Schreiben bitte als gegenstandslos. Stimmt etwas "
        "nicht, so sagen Sie es uns bitte.",
    },
    "en": {
        "title_1": "Payment reminder",
        "title_2": "First dunning notice",
        "title_3": "Second dunning notice",
        "number": "Number",
        "date": "Date",
        "customer": "Customer number",
        "pay_by": "Payable by",
        "intro_1": "you may have overlooked it: these invoices are still open.",
        "intro_2": "in spite of our reminder these invoices are still open. You are in default of payment, or will be "
        "by this letter (s. 286 BGB).",
        "intro_3": "these invoices are still open after our dunning notice. Please pay now.",
        "invoice": "Invoice",
        "issued": "of",
        "due": "due on",
        "stage": "stage",
        "open": "open",
        "returned": "direct debit was returned",
        "stage_1": "reminded",
        "stage_2": "first notice",
        "stage_3": "second notice",
        "stage_4": "second notice",
        "sum": "Open invoices",
        "earlier": "Costs and interest of earlier letters",
        ClaimKind.FEE: "Dunning costs",
        ClaimKind.LUMP_SUM: "Lump sum for late payment (s. 288 (5) BGB)",
        ClaimKind.INTEREST: "Interest (s. 288 BGB)",
        "total": "To be paid",
        "payment": "Please transfer {amount} by {day} to this account:",
        "suspension": "If nothing arrives by then, we will suspend your charging cards from {day}. They work again by "
        "themselves as soon as it is paid.",
        "no_vat": "Interest, costs and lump sum are damages: no VAT is due on them.",
        "paid": "If you have paid already, please disregard this letter. If something is wrong, please tell us.",
    },
}


def dunning_view(letter: DunningLetter) -> Json:
    """Give every text of the page, and the GiroCode."""
    words, demand = _WORDS[letter.language], letter.demand
    info = (
        ("number", letter.number),
        ("date", day_text(demand.day, letter.language)),
        ("customer", letter.customer_id),
        ("pay_by", day_text(demand.pay_by, letter.language)),
    )
    return {
        "language": letter.language,
        "date": demand.day.isoformat(),
        "title": words[f"title_{demand.level}"],
        "sample": "",
        "sample_note": "",
        "seller": seller_view(letter),
        "buyer": address_view(letter),
        "info": [[words[key], text] for key, text in info],
        "greeting": COMMON[letter.language]["greeting"],
        "intro": words[f"intro_{demand.level}"],
        "columns": [words[key] for key in ("invoice", "issued", "due", "stage", "open")],
        "rows": [_row(item, letter) for item in demand.items],
        "totals": list(_totals(letter)),
        "payment": _payment(letter),
        "warning": _warning(letter),
        "closing": [*([words["no_vat"]] if demand.costs or demand.earlier else []), words["paid"]],
        "page": COMMON[letter.language]["page"],
    }


def _row(item: LetterItem, letter: DunningLetter) -> list[str]:
    words, language = _WORDS[letter.language], letter.language
    return [
        item.number,
        day_text(item.issued_on, language),
        day_text(item.due_on, language),
        words["returned"] if item.returned and item.level == Level.REMINDER else words[f"stage_{item.level}"],
        money_text(item.open, letter.currency, language),
    ]


def _totals(letter: DunningLetter) -> Iterator[Json]:
    words, demand = _WORDS[letter.language], letter.demand
    rows = [(words["sum"], sum((item.open for item in demand.items), demand.earlier * 0))]
    rows += [(words["earlier"], demand.earlier)] if demand.earlier else []
    rows += [(words[kind], amount) for kind, amount in demand.costs]
    rows = [*(rows if len(rows) > 1 else []), (words["total"], demand.total)]
    for i, (label, amount) in enumerate(rows, 1):
        text = money_text(amount, letter.currency, letter.language)
        yield {"label": label, "amount": text, "strong": i == len(rows)}


def _payment(letter: DunningLetter) -> Json:
    words, common, demand = _WORDS[letter.language], COMMON[letter.language], letter.demand
    reference = " ".join([letter.customer_id, *(item.number for item in demand.items)])
    amount = money_text(demand.total, letter.currency, letter.language)
    code = ""
    if letter.currency == "EUR":
        code = transfer_code(letter.seller.name, letter.iban, letter.bic, demand.total, reference)
    return {
        "text": words["payment"].format(amount=amount, day=day_text(demand.pay_by, letter.language)),
        "rows": [
            [common["account_of"], letter.seller.name],
            ["IBAN", in_fours(letter.iban)],
            *([["BIC", letter.bic]] if letter.bic else []),
            [common["reference"], reference],
        ],
        "code": code,
    }


def _warning(letter: DunningLetter) -> str:
    day = letter.demand.suspend_on
    return _WORDS[letter.language]["suspension"].format(day=day_text(day, letter.language)) if day else ""
