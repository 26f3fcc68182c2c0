"""The words on invoices and in their mails, German and English."""

from datetime import datetime
from decimal import Decimal

from backend.core.explain import day_text, number_text

WORDS: dict[str, dict[str, str]] = {
    "de": {
        "invoice": "Rechnung",
        "credit_note": "Rechnungskorrektur",
        "cancellation": "Stornorechnung",
        "self_billed": "Gutschrift",
        "receipt": "Beleg (Kleinbetragsrechnung)",
        "number": "Rechnungsnummer",
        "credit_number": "Nummer",
        "issued": "Rechnungsdatum",
        "credit_issued": "Datum",
        "customer": "Kundennummer",
        "period": "Leistungszeitraum",
        "due": "Zahlbar bis",
        "refund_by": "Ausgleich bis",
        "buyer_vat": "Ihre USt-IdNr.",
        "buyer_reference": "Ihre Referenz",
        "order_number": "Ihre Bestellnummer",
        "intro": "für Ladevorgänge an unseren Ladepunkten berechnen wir Ihnen:",
        "intro_fees": "für Ihren Tarif berechnen wir Ihnen:",
        "intro_corrections": "wir berichtigen, was wir Ihnen berechnet haben:",
        "intro_credit": "wir haben Ihnen zu viel berechnet. Was Sie zurückbekommen, steht ohne Vorzeichen, was "
        "stattdessen gilt, mit Minus:",
        "intro_cancels": "wir stornieren die Rechnung {number} vom {date} im Ganzen. Grund: {reason}",
        "intro_cancels_credit": "wir stornieren die Rechnungskorrektur {number} vom {date}. Grund: {reason}",
        "intro_part": "wir mindern den Betrag der Rechnung {number} vom {date}. Was Sie zurückbekommen, steht ohne "
        "Vorzeichen. Grund: {reason}",
        "greeting": "Guten Tag,",
        "service": "Leistung",
        "quantity": "Menge",
        "price_net": "Preis netto",
        "price_gross": "Preis brutto",
        "amount_net": "Netto",
        "amount_gross": "Brutto",
        "vat": "USt",
        "session": "Ladevorgang {id}",
        "corrects": "Berichtigung der Rechnung {number} vom {date}",
        "fees": "Grundgebühren",
        "clock": " Uhr",
        "net_of": "Netto zu {rate} %",
        "vat_of": "Umsatzsteuer {rate} %",
        "rounding": "Rundung der Umsatzsteuer",
        "payable": "Zahlbetrag",
        "total": "Gesamtbetrag",
        "refunded": "Guthaben zu Ihren Gunsten",
        "refund": "{amount} zu Ihren Gunsten verrechnen wir mit dem, was offen ist. Was Sie schon bezahlt haben, "
        "erstatten wir bis zum {due}.",
        "payment": "Bitte überweisen Sie {amount} bis zum {due} auf dieses Konto:",
        "nothing_due": "Es ist nichts zu zahlen.",
        "account_of": "Kontoinhaber",
        "reference": "Verwendungszweck",
        "default": "Verbraucher kommen spätestens 30 Tage nach Fälligkeit und Zugang dieser Rechnung in Verzug "
        "(§ 286 Abs. 3 BGB).",
        "see_reasons": "Die Herleitung jedes Betrags steht auf den folgenden Seiten.",
        "see_proof": "Zeiten, Zählerstände und die Herleitung jedes Betrags stehen auf den folgenden Seiten.",
        "thanks": "Vielen Dank, dass Sie bei uns laden.",
        "proof": "Nachweis der Ladevorgänge",
        "fee_proof": "Herleitung der Grundgebühren",
        "fee_of": "Grundgebühr, {target}",
        "corrected": "Berichtigt die Rechnung {number} vom {date}: berechnet waren {before}, richtig sind {now}.",
        "proof_intro": "Alle Zeiten sind Ortszeiten mit ihrem Abstand zu UTC. Die Zählerstände sind die des Zählers im "
        "Ladepunkt.",
        "start": "Beginn",
        "end": "Ende",
        "register_start": "Zählerstand zu Beginn",
        "register_end": "Zählerstand am Ende",
        "signed_registers": "Signierte Zählerstände",
        "meter": "Zähler",
        "signature": "Signatur",
        "signature_verified": "geprüft, gültig",
        "signature_unconfirmed": "gültig, Schlüssel des Zählers nicht bestätigt",
        "signature_failed": "ungültig",
        "signature_missing": "fehlt oder unvollständig",
        "signature_unsupported": "hier nicht prüfbar",
        "check_yourself": "Die signierten Messwerte liegen als messdaten.xml bei. Sie können sie mit der "
        "Transparenzsoftware (www.transparenz.software) selbst prüfen; vergleichen Sie dabei den öffentlichen "
        "Schlüssel mit dem am Zähler.",
        "place": "Ort",
        "energy": "Energie",
        "charge_point": "Ladepunkt",
        "evse": "{name}, Anschluss {id}",
        "token": "Ladekarte",
        "tariff": "Tarif",
        "version": "Fassung",
        "interpolated": "Der Zählerstand zum Zeitpunkt des Preiswechsels ist zwischen zwei gemessenen Werten linear "
        "ermittelt; die Summe entspricht genau den Zählerständen.",
        "page": "Seite {page} von {pages}",
        "vat_id": "USt-IdNr.",
        "tax_number": "Steuernr.",
        "sample": "MUSTER / SAMPLE",
        "sample_note": "Vorführung mit beschleunigter Zeit – keine Rechnung im Sinne des Umsatzsteuergesetzes",
    },
    "en": {
        "invoice": "Invoice",
        "credit_note": "Credit note",
        "cancellation": "Cancellation invoice",
        "self_billed": "Self-billed invoice (Gutschrift)",
        "receipt": "Receipt (small invoice)",
        "number": "Invoice number",
        "credit_number": "Number",
        "issued": "Date of issue",
        "credit_issued": "Date of issue",
        "customer": "Customer number",
        "period": "Period of supply",
        "due": "Payable by",
        "refund_by": "Settled by",
        "buyer_vat": "Your VAT ID",
        "buyer_reference": "Your reference",
        "order_number": "Your order number",
        "intro": "for charging at our charge points we invoice:",
        "intro_fees": "for your tariff we invoice:",
        "intro_corrections": "we correct what we invoiced:",
        "intro_credit": "we invoiced too much. What you get back stands without a sign, what is right instead with a "
        "minus:",
        "intro_cancels": "we cancel invoice {number} of {date} as a whole. Reason: {reason}",
        "intro_cancels_credit": "we cancel credit note {number} of {date}. Reason: {reason}",
        "intro_part": "we reduce the amount of invoice {number} of {date}. What you get back stands without a sign. "
        "Reason: {reason}",
        "greeting": "Hello,",
        "service": "Service",
        "quantity": "Quantity",
        "price_net": "Net price",
        "price_gross": "Gross price",
        "amount_net": "Net",
        "amount_gross": "Gross",
        "vat": "VAT",
        "session": "Session {id}",
        "corrects": "Correction of invoice {number} of {date}",
        "fees": "Base fees",
        "clock": "",
        "net_of": "Net at {rate} %",
        "vat_of": "VAT {rate} %",
        "rounding": "Rounding of VAT",
        "payable": "Amount due",
        "total": "Total",
        "refunded": "Credit in your favour",
        "refund": "{amount} in your favour are set off against what is open. What you have paid already is "
        "refunded by {due}.",
        "payment": "Please transfer {amount} by {due} to this account:",
        "nothing_due": "There is nothing to pay.",
        "account_of": "Account holder",
        "reference": "Reference",
        "default": "Consumers are in default at the latest 30 days after this invoice is due and received "
        "(s. 286 (3) BGB).",
        "see_reasons": "How each amount came about is on the following pages.",
        "see_proof": "Times, meter registers and how each amount came about are on the following pages.",
        "thanks": "Thank you for charging with us.",
        "proof": "Proof of sessions",
        "fee_proof": "How the base fees came about",
        "fee_of": "Base fee, {target}",
        "corrected": "Corrects invoice {number} of {date}: {before} was invoiced, {now} is right.",
        "proof_intro": "All times are local, with their offset from UTC. The registers are those of the meter in the "
        "charge point.",
        "start": "Start",
        "end": "End",
        "register_start": "Register at start",
        "register_end": "Register at end",
        "signed_registers": "Signed registers",
        "meter": "meter",
        "signature": "Signature",
        "signature_verified": "checked, valid",
        "signature_unconfirmed": "valid, key of the meter not confirmed",
        "signature_failed": "not valid",
        "signature_missing": "missing or incomplete",
        "signature_unsupported": "can't be checked here",
        "check_yourself": "The signed values are attached as messdaten.xml. You can check them yourself with the "
        "transparency software (www.transparenz.software); compare the public key with the one on the meter.",
        "place": "Place",
        "energy": "Energy",
        "charge_point": "Charge point",
        "evse": "{name}, EVSE {id}",
        "token": "Charging card",
        "tariff": "Tariff",
        "version": "version",
        "interpolated": "The register at the change of price was interpolated between two measured values; the sum is "
        "exactly that of the registers.",
        "page": "Page {page} of {pages}",
        "vat_id": "VAT ID",
        "tax_number": "Tax no.",
        "sample": "MUSTER / SAMPLE",
        "sample_note": "Demonstration in accelerated time – not an invoice for tax purposes",
    },
}

UNITS = {"KWH": "kWh", "MIN": "min", "HUR": "h", "C62": ""}
"""Codes of UN/ECE Rec. 20 as people write them."""


def moment_text(moment: datetime, language: str) -> str:
    """Write a local time to the second with its offset: `31.10.2026 22:00:00 +01:00`."""
    return f"{day_text(moment.date(), language)} {moment:%H:%M:%S} {moment.isoformat()[-6:]}"


def money_text(amount: Decimal, currency: str, language: str) -> str:
    """Write an amount: `1.234,50 €`, `−€1,234.50`, `CHF 1,234.50`."""
    number, minus = number_text(abs(amount), language, 2), "−" if amount < 0 else ""
    sign = "€" if currency == "EUR" else currency
    return minus + (f"{number} {sign}" if language == "de" else f"{sign}{'' if sign == '€' else ' '}{number}")
