"""A letter as a MIME message: plain text and HTML, and what is attached. Pure."""

from collections.abc import Sequence
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime, formataddr

from backend.core.invoices.letter import Blob, Letter
from backend.documents.letter_templates import Written


def compose(
    letter: Letter, written: Written, files: Sequence[Blob], *, message_id: str, sender: tuple[str, str], at: datetime
) -> EmailMessage:
    """Compose the message (RFC 5322). Everybody who gets it stands in To or Cc.

    Args:
        letter: the order.
        written: its text.
        files: attached.
        message_id: with angle brackets; the same for every try.
        sender: name and address.
        at: for the Date header, aware.
    """
    mail = EmailMessage()
    mail["Subject"] = written.subject
    mail["From"] = formataddr(sender)
    first, *others = letter.to
    mail["To"] = ", ".join([formataddr((letter.addressee, first)), *others])
    if letter.cc:
        mail["Cc"] = ", ".join(letter.cc)
    mail["Date"] = format_datetime(at)
    mail["Message-ID"] = message_id
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(written.text)
    mail.add_alternative(written.html, subtype="html")
    for file in files:
        kind, _, subtype = file.media_type.partition("/")
        mail.add_attachment(file.content, maintype=kind, subtype=subtype or "octet-stream", filename=file.name)
    return mail
