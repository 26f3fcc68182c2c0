"""Letters by e-mail: what an order is, what the answers of mail servers mean, and when to try again. Pure."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from hashlib import sha256

from backend.core.invoices.document_kind import CANCELLATION
from backend.core.invoices.invoice_model import Invoice, Output

Value = str | int | bool | None | list["Value"] | dict[str, "Value"]
"""What a template may be given: JSON. Amounts and days are texts (`12.56`, `2026-10-31`); templates write them out."""


class Purpose(StrEnum):
    """Why a letter is sent. Its template bears the same name unless the letter names another."""

    INVOICE = "invoice"
    DUNNING = "dunning"
    PRENOTIFICATION = "prenotification"
    STATEMENT = "statement"
    ANCHOR = "anchor"
    ALERT = "alert"
    PROBE = "probe"


class State(StrEnum):
    """Where a letter is.

    queued (never tried) -> sending (leased by who sends it) -> sent | retry (later) | bounced (refused for good, by the
    mail server at once or by a report afterwards) | failed (not to be sent as it is; a person must act).
    """

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    RETRY = "retry"
    BOUNCED = "bounced"
    FAILED = "failed"


SIGNED = "sig"
"""Kind of an invoice's file: the signed values of its sessions, see `backend.core.proofs.transparency`."""


@dataclass(frozen=True, slots=True)
class InvoiceFile:
    """An attachment: `kind` is `pdf`, `xml` or `SIGNED` of the invoice with that id."""

    invoice_id: int
    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class Blob:
    """An attachment that is stored with the letter."""

    name: str
    media_type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """An order to send a letter. The same order twice is one letter, see `key`.

    Args:
        operator_id: who sends.
        purpose: why.
        document: what it is about, for instance an invoice's number; with operator and purpose it names the letter.
        to: addresses.
        addressee: name written before the first address.
        cc: addresses.
        language: `de` or `en`.
        template: empty = that of the purpose.
        values: what the template is filled with, see `backend.documents.letter_templates`.
        files: attached in this order; with an `InvoiceFile` of kind pdf the letter waits for the rendering.
        generation: 1; counted up by who sends again on purpose.
    """

    operator_id: str
    purpose: Purpose
    document: str
    to: tuple[str, ...]
    addressee: str = ""
    cc: tuple[str, ...] = ()
    language: str = "de"
    template: str = ""
    values: Mapping[str, Value] = field(default_factory=dict)
    files: tuple[InvoiceFile | Blob, ...] = ()
    generation: int = 1


def letter_key(letter: Letter) -> str:
    """Name a letter: equal orders have equal keys."""
    recipients = [*letter.to, "cc", *letter.cc]
    parts = [letter.operator_id, letter.purpose.value, letter.document, recipients, letter.generation]
    return json.dumps(parts, ensure_ascii=False, separators=(",", ":"))


def forgotten_key(key: str) -> str:
    """Give what is kept of a key when its addresses must go: the same letter is still known, and not sent again."""
    return key if key.startswith(_FORGOTTEN) else _FORGOTTEN + sha256(key.encode()).hexdigest()


_FORGOTTEN = "sha256 "
_TAGS = {Purpose.INVOICE: "inv"}
_NOT_PLAIN = re.compile(r"[^A-Za-z0-9_-]+")


def message_id(letter: Letter, domain: str) -> str:
    """Give the Message-ID, the same at every try: `<inv.RE-2026-000001.1.9f86d081@example.com>`.

    The last part is of the key: two operators of one domain may have the same numbers, and a mailbox that took their
    letters for one would lose the second.
    """
    digest = sha256(letter_key(letter).encode()).hexdigest()[:8]
    tag = _TAGS.get(letter.purpose, letter.purpose.value)
    document = _NOT_PLAIN.sub("-", letter.document).strip("-")[:60] or "0"
    return f"<{tag}.{document}.{letter.generation}.{digest}@{domain or 'localhost'}>"


def invoice_letter(
    operator_id: str, invoice_id: int, invoice: Invoice, to: tuple[str, ...], cc: tuple[str, ...] = ()
) -> Letter:
    """Order the letter that brings an invoice, a credit note or a Storno, which has a text of its own.

    Args:
        operator_id: who issued it.
        invoice_id: of its row.
        invoice: the frozen document.
        to: who gets it.
        cc: who gets a copy.
    """
    kind = "xml" if invoice.output is Output.XRECHNUNG else "pdf"
    values: dict[str, Value] = {
        "number": invoice.number,
        "customer": invoice.buyer.name,
        "credit": invoice.refunds,
        "paid": bool(invoice.prepaid),
        "sessions": bool(invoice.sessions),
        "preceding": [one.number for one in invoice.preceding],
        "amount": str(abs(invoice.due)),
        "currency": invoice.currency,
        "start": invoice.period_start.isoformat(),
        "end": invoice.period_end.isoformat(),
        "due": invoice.due_on.isoformat(),
        "sample": invoice.sample,
        "reason": invoice.reason,
    }
    return Letter(
        operator_id=operator_id,
        purpose=Purpose.INVOICE,
        document=invoice.number,
        to=to,
        addressee=invoice.buyer.name,
        cc=cc,
        language=invoice.language,
        template="cancellation" if invoice.type_code == CANCELLATION else "",
        values=values,
        files=(InvoiceFile(invoice_id, kind, f"{invoice.number}.{kind}"), *_signed_values(invoice, invoice_id)),
    )


def statement_letter(operator_id: str, invoice_id: int, document: Invoice, to: tuple[str, ...]) -> Letter:
    """Order the letter that brings an owner of a site a statement, or its Storno. For the arguments see above."""
    title = {
        "de": {"self": "Gutschrift {}", "self_void": "Storno {} einer Gutschrift"},
        "en": {"self": "Self-billed invoice (Gutschrift) {}", "self_void": "Cancellation {} of a self-billed invoice"},
    }[document.language][document.kind.name]
    return Letter(
        operator_id=operator_id,
        purpose=Purpose.STATEMENT,
        document=document.number,
        to=to,
        addressee=document.recipient.name,
        language=document.language,
        values={
            "customer": document.recipient.name,
            "title": title.format(document.number),
            "start": document.period_start.isoformat(),
            "end": document.period_end.isoformat(),
        },
        files=(InvoiceFile(invoice_id, "pdf", f"{document.number}.pdf"),),
    )


def _signed_values(invoice: Invoice, invoice_id: int) -> Iterator[InvoiceFile]:
    if any(session.signature for session in invoice.sessions):
        yield InvoiceFile(invoice_id, SIGNED, f"{invoice.number}.messdaten.xml")


@dataclass(frozen=True, slots=True)
class Reply:
    """What a mail server said of one recipient; code 0 = it said nothing, `text` tells why.

    `personal`: it is about the recipient, not about the message.
    """

    code: int
    text: str
    personal: bool = False

    @property
    def taken(self) -> bool:
        """Whether it answers for the mail now (RFC 5321 §4.2.1)."""
        return 200 <= self.code < 300

    @property
    def final(self) -> bool:
        """Whether trying again can't help."""
        return self.code >= 500


@dataclass(frozen=True, slots=True)
class Outcome:
    """What becomes of a letter after a try: its state, what is told of it, and who refused it for good this time."""

    state: State
    reply: Reply
    refused: Mapping[str, Reply]


def judge(before: Mapping[str, Reply], now: Mapping[str, Reply]) -> Outcome:
    """Tell what becomes of a letter.

    It stays to be tried for those who may take it later. It is sent if somebody took it and nobody may take it later,
    bounced if all refused it for good.

    Args:
        before: what earlier tries settled, by address.
        now: answers of this try, by address, one at least.
    """
    refused = {address: reply for address, reply in now.items() if reply.final}
    later = [reply for reply in now.values() if not (reply.taken or reply.final)]
    if later:
        return Outcome(State.RETRY, later[0], refused)
    if refused:
        taken = any(reply.taken for reply in (*before.values(), *now.values()))
        address, reply = next(iter(refused.items()))
        told = Reply(reply.code, f"{address}: {reply.text}") if taken else reply
        return Outcome(State.SENT if taken else State.BOUNCED, told, refused)
    earlier = [Reply(reply.code, f"{address}: {reply.text}") for address, reply in before.items() if reply.final]
    return Outcome(State.SENT, earlier[0] if earlier else next(iter(now.values())), {})


_ENHANCED = re.compile(r"\b[245]\.\d{1,3}\.\d{1,3}\b")
_BAD_STATUS = ("5.1.0", "5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1")


def is_bad_address(reply: Reply) -> bool:
    """Tell whether a refusal means that nobody is there, so that later letters need not be tried.

    A full mailbox or a policy is no fault of the address. Enhanced status codes of RFC 3463 decide where there are any.
    """
    if not (reply.personal and reply.final):
        return False
    status = _ENHANCED.search(reply.text)
    return status[0] in _BAD_STATUS if status else reply.code in (550, 551, 553)


_PAUSES_MIN = (1, 5, 15, 60)


def pause(tries: int, first_s: float, jitter: float) -> timedelta:
    """Give the pause after so many tries: 1, 5, 15, 60 and then always 60 times the first one.

    Args:
        tries: made before this one that failed, from 0.
        first_s: seconds, 60 of old.
        jitter: from 0 to 1, makes the pause up to a tenth longer: those who were refused together come apart.
    """
    times = _PAUSES_MIN[min(tries, len(_PAUSES_MIN) - 1)]
    return timedelta(seconds=first_s * times * (1 + jitter / 10))


class Pace:
    """Keeps sending below a rate. Times are seconds of one clock, whichever."""

    def __init__(self, per_minute: float) -> None:
        """Set the rate; 0 = as fast as it goes."""
        self._interval = 60 / per_minute if per_minute else 0.0
        self._next = 0.0

    def delay(self, now: float) -> float:
        """Take the next turn and give how many seconds to wait for it."""
        turn = max(now, self._next)
        self._next = turn + self._interval
        return turn - now
