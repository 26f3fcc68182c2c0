"""Job: render issued invoices and mail them, at least once each.

A try is claimed, then made, then told. Ending between the last two means that the same Message-ID with the same PDF is
sent again.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage
from enum import Enum

import aiosmtplib
from sqlalchemy import Connection

from backend.documents.mail_message import invoice_mail
from backend.documents.render import Renderer, RenderError, open_renderer
from backend.store import outbox
from backend.store.outbox import Mail
from backend.store.writer import Store
from shared.clock import Clock
from shared.config import setting
from shared.ids import Secret
from shared.log import Log

log = Log(__name__)

_PAUSES = (1, 5, 15, 60)
"""Pauses between tries, in multiples of the first one; the last repeats."""


@dataclass(frozen=True, slots=True)
class MailSettings:
    """The mail server (smarthost) that takes our mail."""

    host: str = setting("", help="name of the mail server; empty = no mail is sent, invoices wait in the outbox")
    port: int = setting(587, minimum=1, maximum=65535, help="TCP port of the mail server")
    security: str = setting(
        "starttls",
        choices=("starttls", "tls", "none"),
        help="how the connection is encrypted; none only on this machine",
    )
    user: str = setting("", help="user name at the mail server; empty = no login")
    password: Secret = setting(Secret(""), help="password at the mail server")
    sender: str = setting("", help="sender's address; empty = the operator's e-mail address")
    timeout_s: float = setting(30.0, unit="s", minimum=1.0, maximum=600.0, help="give up a try after so long")
    retry_s: float = setting(
        60.0,
        unit="s",
        minimum=0.1,
        help="pause after the first try that failed; the next ones are 5, 15 and then always 60 times as long",
    )
    attempts: int = setting(51, minimum=1, help="mark the mail as failed after so many tries; 51 last about two days")


class Refusal(Enum):
    """What a failed try means."""

    LATER = "later"
    NEVER = "never"


class Mailer:
    """Works off the outbox, and remembers whether the mail server is down, to tell it once."""

    def __init__(self, store: Store, clock: Clock, settings: MailSettings, lapse_rate: float) -> None:
        self._store, self._clock, self._settings = store, clock, settings
        self._lapse_rate = lapse_rate
        self._down = False

    async def run(self) -> datetime | None:
        """Render and send what is due, and tell when the next mail is. Cancelling is safe: its try comes again."""
        now = self._clock.utc()
        mails = await self._store.read(lambda connection: outbox.waiting(connection, now))
        pdfs = {mail.id: mail.pdf for mail in mails}
        async with open_renderer() as renderer:
            for mail in mails:
                pdfs[mail.id] = mail.pdf or await self._render(mail, renderer)
        for mail in mails:
            pdf = pdfs[mail.id]
            if pdf and self._settings.host:
                await self._try(mail, pdf)
        return await self._store.read(
            lambda connection: outbox.next_try(connection, rendered=bool(self._settings.host))
        )

    def _pause(self, attempts: int) -> timedelta:
        """Give the pause after so many tries, in world time: retries are paced by real time."""
        times = _PAUSES[min(attempts, len(_PAUSES) - 1)]
        return timedelta(seconds=self._settings.retry_s * times * self._lapse_rate)

    async def _render(self, mail: Mail, renderer: Renderer) -> bytes | None:
        try:
            pdf = await renderer.render(mail.invoice, mail.xml)
        except RenderError as error:
            reason = str(error)
            log.error("invoice_not_rendered", number=mail.invoice.number, reason=reason)
            await self._postpone(mail, reason)
            return None

        now = self._clock.utc()

        def keep(connection: Connection) -> bytes:
            return outbox.store_pdf(connection, mail, pdf, now)

        return await self._store.write(keep)

    async def _try(self, mail: Mail, pdf: bytes) -> None:
        now = self._clock.utc()

        def begin(connection: Connection) -> bool:
            return outbox.claim(connection, mail, now + self._pause(mail.attempts))

        if not await self._store.write(begin):
            return
        sender = self._settings.sender or mail.invoice.seller.email
        message = invoice_mail(
            mail.invoice,
            pdf,
            mail.xml,
            message_id=mail.message_id,
            sender=sender,
            recipient=mail.recipient,
            at=now,
        )
        try:
            await _send(message, sender, mail.recipient, self._settings)
        except (aiosmtplib.SMTPException, OSError) as error:
            await self._told_no(mail, error)
        else:
            await self._told_yes(mail)

    async def _told_yes(self, mail: Mail) -> None:
        now = self._clock.utc()

        def work(connection: Connection) -> None:
            outbox.mark_sent(connection, mail, now)

        await self._store.write(work)
        if self._down:
            self._down = False
            log.info("mail_server_answers", host=self._settings.host)
        log.info("mail_sent", number=mail.invoice.number)

    async def _told_no(self, mail: Mail, error: Exception) -> None:
        refusal, reason = refusal_of(error), _one_line(error)
        if refusal is Refusal.LATER and mail.attempts + 1 < self._settings.attempts:
            if not self._down:
                self._down = True
                log.warning("mail_postponed", number=mail.invoice.number, host=self._settings.host, reason=reason)
            await self._postpone(mail, reason)
            return

        def work(connection: Connection) -> None:
            outbox.mark_failed(connection, mail, reason)

        await self._store.write(work)
        log.error("mail_failed", number=mail.invoice.number, reason=reason)

    async def _postpone(self, mail: Mail, reason: str) -> None:
        until = self._clock.utc() + self._pause(mail.attempts)

        def work(connection: Connection) -> None:
            outbox.postpone(connection, mail, until, reason)

        await self._store.write(work)


def refusal_of(error: Exception) -> Refusal:
    """Tell whether trying again may help.

    Only a 5xx for this recipient or this message is final (RFC 5321 §4.2.1). A login or sender that is refused is our
    own setting: once it is put right, the mail goes out.
    """
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        return Refusal.NEVER if all(r.code >= 500 for r in error.recipients) else Refusal.LATER
    if isinstance(error, aiosmtplib.SMTPAuthenticationError | aiosmtplib.SMTPSenderRefused | aiosmtplib.SMTPHeloError):
        return Refusal.LATER
    if isinstance(error, aiosmtplib.SMTPDataError | aiosmtplib.SMTPRecipientRefused):
        return Refusal.NEVER if error.code >= 500 else Refusal.LATER
    return Refusal.LATER


async def _send(message: EmailMessage, sender: str, recipient: str, settings: MailSettings) -> None:
    await aiosmtplib.send(
        message,
        sender=sender,
        recipients=[recipient],
        hostname=settings.host,
        port=settings.port,
        username=settings.user or None,
        password=settings.password.value or None,
        use_tls=settings.security == "tls",
        start_tls=settings.security == "starttls",
        timeout=settings.timeout_s,
    )


def _one_line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]
