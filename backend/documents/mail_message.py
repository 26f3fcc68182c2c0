"""The mail that brings an invoice: short text, and attached what the customer gets. Pure."""

from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime, formataddr

from backend.core.explain import day_text
from backend.core.invoice import CREDIT_NOTE, Invoice, Output
from backend.documents.texts import WORDS, money_text


def invoice_mail(
    invoice: Invoice, pdf: bytes, xml: bytes | None, *, message_id: str, sender: str, recipient: str, at: datetime
) -> EmailMessage:
    """Compose the mail.

    Args:
        invoice: the frozen document.
        pdf: its rendering, attached as `<number>.pdf`,
        xml: unless the customer gets an XRechnung: then this one is attached as `<number>.xml`.
        message_id: with angle brackets; the same for every try.
        sender: address only; the seller's name is put before it.
        recipient: address only.
        at: for the Date header, aware.
    """
    words, seller, language = WORDS[invoice.language], invoice.seller, invoice.language
    mail = EmailMessage()
    mark = f"[{words['sample']}] " if invoice.sample else ""
    credit = invoice.type_code == CREDIT_NOTE
    subject = words["mail_subject_credit" if credit else "mail_subject"]
    mail["Subject"] = mark + subject.format(number=invoice.number, seller=seller.name)
    mail["From"] = formataddr((seller.name, sender))
    mail["To"] = formataddr((invoice.buyer.name, recipient))
    mail["Date"] = format_datetime(at)
    mail["Message-ID"] = message_id
    mail["Auto-Submitted"] = "auto-generated"
    text = words["mail_credit" if credit else "mail"].format(
        buyer=invoice.buyer.name,
        what=words["mail_sessions" if invoice.sessions else "mail_fees"],
        preceding=", ".join(one.number for one in invoice.preceding),
        number=invoice.number,
        amount=money_text(invoice.due, invoice.currency, language),
        start=day_text(invoice.period_start, language),
        end=day_text(invoice.period_end, language),
        due=day_text(invoice.due_on, language),
        seller=seller.name,
        street=seller.street,
        postcode=seller.postcode,
        city=seller.city,
        phone=seller.phone,
        email=seller.email,
    )
    mail.set_content(f"{words['sample_note']}\n\n{text}" if invoice.sample else text)
    if invoice.output is Output.XRECHNUNG and xml:
        mail.add_attachment(xml, maintype="application", subtype="xml", filename=f"{invoice.number}.xml")
    else:
        mail.add_attachment(pdf, maintype="application", subtype="pdf", filename=f"{invoice.number}.pdf")
    return mail
