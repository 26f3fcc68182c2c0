"""The invoice as texts in the places of a page: what the typst template lays out. Pure."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Protocol

from backend.core.invoices.billing_profile import Payment
from backend.core.invoices.document_kind import CANCELLATION, CREDIT_NOTE
from backend.core.invoices.einvoice import payment_terms
from backend.core.invoices.invoice import FeeProof, Invoice, InvoiceLine, SessionProof
from backend.core.invoices.invoice_model import Party
from backend.core.rates.explain import day_text, number_text
from backend.core.tariffs.tariff import PriceBasis
from backend.documents.girocode import girocode
from backend.documents.texts import UNITS, WORDS, moment_text, money_text
from shared.units import Wh, kwh

Json = dict[str, object]

_MANY = 6
"""Sessions from which on those of several charge points are parted: fewer are read faster as they follow each other."""


class Headed(Protocol):
    """A paper with our letterhead and a customer's address."""

    @property
    def seller(self) -> Party:
        """Who writes."""
        ...

    @property
    def buyer(self) -> Party:
        """Who reads."""
        ...

    @property
    def iban(self) -> str:
        """Account of the seller."""
        ...

    @property
    def bic(self) -> str:
        """Of the account, may be empty."""
        ...

    @property
    def language(self) -> str:
        """`de` or `en`."""
        ...


def invoice_view(invoice: Invoice) -> Json:
    """Give every text of the page, and the GiroCode."""
    words, language = WORDS[invoice.language], invoice.language
    return {
        "language": language,
        "date": invoice.issued_on.isoformat(),
        "title": f"{words[invoice.kind.title]} {invoice.number}",
        "sample": words["sample"] if invoice.sample else "",
        "sample_note": words["sample_note"] if invoice.sample else "",
        "seller": seller_view(invoice),
        "buyer": [] if invoice.small else address_view(invoice),
        "info": list(_info(invoice)),
        "greeting": words["greeting"],
        "intro": _intro(invoice),
        "columns": list(_columns(invoice)),
        "groups": [*_groups(invoice), *_fee_group(invoice)],
        "totals": list(_totals(invoice)),
        "payment": _payment(invoice),
        "closing": list(_closing(invoice)),
        "page": words["page"],
        "proof": {
            "title": words["proof" if invoice.sessions else "fee_proof"],
            "intro": words["proof_intro"] if invoice.sessions else "",
            "sessions": [
                *(_session(i, proof, invoice) for i, proof in enumerate(invoice.sessions)),
                *(_fee(proof, language) for proof in invoice.fees),
            ],
        },
    }


def _intro(invoice: Invoice) -> str:
    words = WORDS[invoice.language]
    if not invoice.reason:
        return words[_intro_key(invoice)]
    (one,) = invoice.preceding
    key = "intro_part" if invoice.type_code == CREDIT_NOTE else "intro_cancels"
    if invoice.type_code == CANCELLATION and invoice.due > 0:
        key = "intro_cancels_credit"
    day = day_text(one.issued_on, invoice.language)
    return words[key].format(number=one.number, date=day, reason=invoice.reason)


def _intro_key(invoice: Invoice) -> str:
    if any(session.preceding is None for session in invoice.sessions):
        return "intro"
    if invoice.fees:
        return "intro_fees"
    return "intro_credit" if invoice.type_code == CREDIT_NOTE else "intro_corrections"


def _closing(invoice: Invoice) -> Iterator[str]:
    words = WORDS[invoice.language]
    yield from dict.fromkeys(f"{tax.reason}." for tax in invoice.tax_lines if tax.reason)
    yield words["see_proof" if invoice.sessions else "see_reasons"]
    if invoice.payable > 0 and not invoice.refunds:
        yield words["default"]
    yield words["thanks"]


def seller_view(paper: Headed) -> Json:
    """Give letterhead and foot."""
    seller, words = paper.seller, WORDS[paper.language]
    place = f"{seller.postcode} {seller.city}"
    return {
        "name": seller.name,
        "sender": " · ".join((seller.name, seller.street, place)),
        "footer": [
            [seller.name, seller.street, place],
            [
                seller.phone,
                seller.email,
                f"{words['vat_id']} {seller.vat_id}",
                *([f"{words['tax_number']} {seller.tax_number}"] if seller.tax_number else []),
            ],
            [f"IBAN {in_fours(paper.iban)}", *([f"BIC {paper.bic}"] if paper.bic else [])],
        ],
        "legal": " · ".join(text for text in (seller.register_id, seller.legal_note) if text),
    }


def address_view(paper: Headed) -> list[str]:
    """Give the lines of the address window."""
    buyer = paper.buyer
    country = [] if buyer.country == paper.seller.country else [buyer.country]
    return [buyer.name, buyer.street, f"{buyer.postcode} {buyer.city}", *country]


def _info(invoice: Invoice) -> Iterator[list[str]]:
    words, language = WORDS[invoice.language], invoice.language
    credit = invoice.type_code in (CREDIT_NOTE, CANCELLATION)
    yield [words["credit_number" if credit else "number"], invoice.number]
    yield [words["credit_issued" if credit else "issued"], day_text(invoice.issued_on, language)]
    if not invoice.small:
        yield [words["customer"], invoice.buyer.id]
    if invoice.buyer_reference not in ("", invoice.buyer.id):
        yield [words["buyer_reference"], invoice.buyer_reference]
    if invoice.order_number:
        yield [words["order_number"], invoice.order_number]
    if invoice.contract:
        yield [words["contract"], invoice.contract]
    if invoice.cost_centre:
        yield [words["cost_centre"], invoice.cost_centre]
    if invoice.place:
        yield [words["delivered_to"], invoice.place.name or invoice.place.id]
    if invoice.buyer.vat_id:
        yield [words["buyer_vat"], invoice.buyer.vat_id]
    start, end = day_text(invoice.period_start, language), day_text(invoice.period_end, language)
    yield [words["period"], start if start == end else f"{start} – {end}"]
    if invoice.due and not invoice.prepaid:
        yield [words["refund_by" if invoice.refunds else "due"], day_text(invoice.due_on, language)]


def _columns(invoice: Invoice) -> Iterator[str]:
    words = WORDS[invoice.language]
    kind = invoice.basis.value.lower()
    yield from (words["service"], words["quantity"], words[f"price_{kind}"], words["vat"], words[f"amount_{kind}"])


def _groups(invoice: Invoice) -> Iterator[Json]:
    """Give the lines of each session; those of several cost centres, drivers or places in bands with their sums."""
    words = WORDS[invoice.language]
    for title, indices in bands(invoice):
        if title:
            yield {"kind": "band", "title": title}
        yield from (_group(i, invoice) for i in indices)
        if title:
            amounts = (_amount(line, invoice) for line in invoice.lines if line.session in indices)
            amount = money_text(sum(amounts, Decimal(0)), invoice.currency, invoice.language)
            yield {"kind": "sum", "title": words["band_sum"].format(title=title), "amount": amount}


def bands(invoice: Invoice) -> list[tuple[str, list[int]]]:
    """Part the sessions as their reader pays for them: by cost centre, else by driver, else, if many, by charge point.

    Gives titles with indices of sessions; one band without title where there is nothing to be parted.
    """
    sessions = invoice.sessions
    whole = [("", list(range(len(sessions))))]
    words = WORDS[invoice.language]
    ways: tuple[tuple[str, Callable[[SessionProof], str], int], ...] = (
        ("band_cost_centre", lambda proof: proof.cost_centre, 0),
        ("band_driver", lambda proof: proof.driver, 0),
        ("band_charge_point", lambda proof: proof.charge_point, _MANY),
    )
    for key, value_of, least in ways:
        values = {value_of(proof) for proof in sessions}
        if len(values) > 1 and len(sessions) >= least:
            return [
                (
                    words[key].format(value=value) if value else words["band_other"],
                    [i for i, proof in enumerate(sessions) if value_of(proof) == value],
                )
                for value in sorted(values, key=lambda value: (not value, value))
            ]
    return whole


def _group(index: int, invoice: Invoice) -> Json:
    proof, language = invoice.sessions[index], invoice.language
    start, end = proof.started_at, proof.ended_at
    until = f"{end:%H:%M}" if start.date() == end.date() else f"{day_text(end.date(), language)} {end:%H:%M}"
    words = WORDS[language]
    return {
        "kind": "session",
        "title": words["session"].format(id=proof.transaction_id),
        "note": _corrects(proof, language) if proof.preceding and not invoice.reason else "",
        "when": f"{day_text(start.date(), language)} {start:%H:%M} – {until}{words['clock']}",
        "where": proof.charge_point,
        "rows": [_row(line, invoice) for line in invoice.lines if line.session == index],
    }


def _corrects(proof: SessionProof, language: str) -> str:
    assert proof.preceding is not None  # noqa: S101  asked for corrections only
    day = day_text(proof.preceding.issued_on, language)
    return WORDS[language]["corrects"].format(number=proof.preceding.number, date=day)


def _fee_group(invoice: Invoice) -> Iterator[Json]:
    rows = [_row(line, invoice) for line in invoice.lines if line.fee is not None]
    if rows:
        title = WORDS[invoice.language]["fees"]
        yield {"kind": "session", "title": title, "note": "", "when": "", "where": "", "rows": rows}


def _row(line: InvoiceLine, invoice: Invoice) -> list[str]:
    language = invoice.language
    unit = UNITS[line.unit]
    quantity = number_text(line.quantity, language, 3 if line.unit == "KWH" else 0).replace("-", "−")
    price = number_text(line.unit_price, language, 2)
    per = f"{price} €" if invoice.currency == "EUR" else f"{price} {invoice.currency}"
    return [
        line.text,
        f"{quantity} {unit}".strip(),
        f"{per}/{unit}" if unit else per,
        "–" if line.vat is None else f"{number_text(line.vat, language)} %",
        money_text(_amount(line, invoice), invoice.currency, language),
    ]


def _amount(line: InvoiceLine, invoice: Invoice) -> Decimal:
    return line.gross if invoice.basis is PriceBasis.GROSS and line.gross is not None else line.net


def _totals(invoice: Invoice) -> Iterator[Json]:
    words, language = WORDS[invoice.language], invoice.language
    rows = []
    for tax in invoice.tax_lines:
        rate = number_text(tax.rate or Decimal(0), language)
        rows += [(words["net_of"].format(rate=rate), tax.base), (words["vat_of"].format(rate=rate), tax.vat)]
    if invoice.rounding:
        rows.append((words["rounding"], invoice.rounding))
    for label, amount in rows:
        yield {"label": label, "amount": money_text(amount, invoice.currency, language), "strong": False}
    label = "refunded" if invoice.refunds else "total" if invoice.prepaid else "payable"
    yield {"label": words[label], "amount": money_text(abs(invoice.due), invoice.currency, language), "strong": True}


def _payment(invoice: Invoice) -> Json:
    words, language = WORDS[invoice.language], invoice.language
    if not invoice.due:
        return {"text": words["nothing_due"], "rows": [], "code": ""}
    amount, due = money_text(abs(invoice.due), invoice.currency, language), day_text(invoice.due_on, language)
    if invoice.refunds:
        return {"text": words["refund"].format(amount=amount, due=due), "rows": [], "code": ""}
    if invoice.payment is not Payment.TRANSFER:
        return {"text": payment_terms(invoice), "rows": [], "code": ""}
    return {
        "text": words["payment"].format(amount=amount, due=due),
        "rows": [
            [words["account_of"], invoice.seller.name],
            ["IBAN", in_fours(invoice.iban)],
            *([["BIC", invoice.bic]] if invoice.bic else []),
            [words["reference"], invoice.number],
        ],
        "code": girocode(invoice),
    }


def _session(index: int, proof: SessionProof, invoice: Invoice) -> Json:
    words, language = WORDS[invoice.language], invoice.language

    def register(energy: int) -> str:
        return f"{number_text(kwh(Wh(energy)), language, 3)} kWh"

    return {
        "title": words["session"].format(id=proof.transaction_id),
        "facts": [
            [words["start"], moment_text(proof.started_at, language)],
            [words["end"], moment_text(proof.ended_at, language)],
            [words["register_start"], register(proof.meter_start)],
            [words["register_end"], register(proof.meter_stop)],
            [words["energy"], f"{number_text(proof.energy_kwh, language, 3)} kWh"],
            *_signature(proof, invoice.language),
            [words["charge_point"], words["evse"].format(name=proof.charge_point, id=proof.emi3_id or proof.evse_id)],
            [words["place"], proof.address],
            *([[words["meter_serial"], proof.meter_serial]] if proof.meter_serial else []),
            *([[words["driver"], proof.driver]] if proof.driver else []),
            [words["token"], proof.token],
            *([[words["contract"], proof.contract]] if proof.contract else []),
            *([[words["cost_centre"], proof.cost_centre]] if proof.cost_centre else []),
            [words["tariff"], f"{proof.tariff_id} ({words['version']} {proof.tariff_version[:12]})"],
        ],
        "reasons": list(proof.reasons),
        "notes": [
            *([_corrected(index, invoice)] if proof.preceding and not invoice.reason else []),
            *([words["interpolated"]] if proof.interpolated else []),
            *([words["check_yourself"]] if proof.signature else []),
        ],
    }


def _signature(proof: SessionProof, language: str) -> Iterator[list[str]]:
    """Tell what the meter signed and whether that was proved."""
    words, signature = WORDS[language], proof.signature
    if signature is None:
        return
    if signature.begin_kwh is not None and signature.end_kwh is not None:
        registers = [number_text(kwh, language, 3) for kwh in (signature.begin_kwh, signature.end_kwh)]
        yield [words["signed_registers"], f"{registers[0]} kWh – {registers[1]} kWh"]
    serial = f" ({words['meter']} {signature.serial})" if signature.serial else ""
    yield [words["signature"], words[f"signature_{signature.status}"] + serial]


def _corrected(index: int, invoice: Invoice) -> str:
    """Tell what a session cost by the invoice before and what it costs now."""
    words, language, preceding = WORDS[invoice.language], invoice.language, invoice.sessions[index].preceding
    assert preceding is not None  # noqa: S101  asked for corrections only
    lines = [line for line in invoice.lines if line.session == index]
    sums = (
        abs(sum((_amount(o, invoice) for o in lines if o.credited is which), Decimal(0))) for which in (True, False)
    )
    before, now = (money_text(amount, invoice.currency, language) for amount in sums)
    day = day_text(preceding.issued_on, language)
    return words["corrected"].format(number=preceding.number, date=day, before=before, now=now)


def _fee(proof: FeeProof, language: str) -> Json:
    words = WORDS[language]
    first, last = day_text(proof.first, language), day_text(proof.last, language)
    return {
        "title": words["fee_of"].format(target=proof.target),
        "facts": [
            [words["period"], first if proof.first == proof.last else f"{first} – {last}"],
            [words["tariff"], f"{proof.tariff_id} ({words['version']} {proof.tariff_version[:12]})"],
        ],
        "reasons": [proof.reason],
        "notes": [],
    }


def in_fours(iban: str) -> str:
    """Write an IBAN as people read it."""
    plain = iban.replace(" ", "")
    return " ".join(plain[i : i + 4] for i in range(0, len(plain), 4))
