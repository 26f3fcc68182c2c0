"""The mail server that takes our mail (smarthost): its settings, and one connection to it for many letters.

The only module that imports aiosmtplib.
"""

import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email.message import EmailMessage

import aiosmtplib

from backend.core.invoices.letter import Reply
from backend.errors import MailError
from shared.config import setting
from shared.ids import Secret


@dataclass(frozen=True, slots=True)
class MailSettings:
    """The mail server (smarthost) that takes our mail, and how letters are written and paced."""

    host: str = setting("", help="name of the mail server; empty = no mail is sent, letters wait in the outbox")
    port: int = setting(587, minimum=1, maximum=65535, help="TCP port of the mail server")
    security: str = setting(
        "starttls",
        choices=("starttls", "tls", "none"),
        help="how the connection is encrypted; none only on this machine",
    )
    ca_file: str = setting("", help="PEM file of certificates to trust instead of the system's; empty = the system's")
    user: str = setting("", help="user name at the mail server; empty = no login")
    password: Secret = setting(Secret(""), help="password at the mail server")
    sender: str = setting("", help="sender's address; empty = the operator's e-mail address")
    return_path: str = setting(
        "",
        help="address for reports of failure, with {token} for the letter, for instance bounce+{token}@example.com; "
        "empty = the sender's",
    )
    timeout_s: float = setting(30.0, unit="s", minimum=1.0, maximum=600.0, help="give up a step of a try after so long")
    retry_s: float = setting(
        60.0,
        unit="s",
        minimum=0.1,
        help="pause after the first try that failed; the next ones are 5, 15 and then always 60 times as long",
    )
    attempts: int = setting(51, minimum=1, help="mark a letter as failed after so many tries; 51 last about two days")
    per_minute: float = setting(
        600.0, minimum=0.0, maximum=100_000.0, help="letters a minute that the mail server may be given; 0 = any number"
    )
    largest_mb: float = setting(
        10.0, unit="MB", minimum=0.01, maximum=100.0, help="larger attachments are replaced by a link"
    )
    templates: str = setting(
        "", help="folder with own texts of letters, see emops-backend mail preview --help; empty = none"
    )
    language: str = setting("de", choices=("de", "en"), help="language of letters to the operator")


class RelayError(MailError):
    """The mail server can't be reached or does not let us in; nothing was sent."""


class Relay:
    """A connection that was opened, see `open_relay`."""

    def __init__(self, client: aiosmtplib.SMTP) -> None:
        self._client = client

    @property
    def alive(self) -> bool:
        """Whether it can take another letter."""
        return self._client.is_connected

    async def send(self, message: EmailMessage, sender: str, recipients: Sequence[str]) -> dict[str, Reply]:
        """Send a letter and give what was said of each recipient.

        Never raises for what the server does: where it is silent, the code is 0. Cancelled or silent after the data,
        it may have been taken all the same.
        """
        try:
            refused, text = await self._client.send_message(message, sender=sender, recipients=list(recipients))
        except aiosmtplib.SMTPRecipientsRefused as error:
            return {one.recipient: _personal(one.code, one.message) for one in error.recipients}
        except aiosmtplib.SMTPNotSupported as error:  # the address has letters that this server can't pass on
            return dict.fromkeys(recipients, Reply(553, one_line(error), personal=True))
        except aiosmtplib.SMTPDataError as error:
            return dict.fromkeys(recipients, Reply(error.code, _line(error.message)))
        except (aiosmtplib.SMTPException, OSError) as error:
            # A sender or greeting that is refused is our own setting: once it is put right, the letter goes out.
            self._client.close()
            return dict.fromkeys(recipients, Reply(0, one_line(error)))
        taken = dict.fromkeys(recipients, Reply(250, _line(text)))
        return taken | {address: _personal(code, said) for address, (code, said) in refused.items()}

    async def close(self) -> None:
        """Say goodbye; a server that does not answer is left alone."""
        try:
            await self._client.quit(timeout=2.0)
        except (aiosmtplib.SMTPException, OSError):
            self._client.close()


@asynccontextmanager
async def open_relay(settings: MailSettings) -> AsyncIterator[Relay]:
    """Connect, encrypt and log in; hang up when the block ends.

    Raises:
        RelayError: it can't be reached, has no good certificate or refuses the login.
    """
    client = _client(settings)
    try:
        await client.connect()
    except (aiosmtplib.SMTPException, OSError, ValueError) as error:
        client.close()
        raise RelayError(one_line(error)) from error
    relay = Relay(client)
    try:
        yield relay
    finally:
        await relay.close()


@dataclass(frozen=True, slots=True)
class Step:
    """A step of a probe: `name` is connect, encrypt, login or send; `told` is what the server or the system said."""

    name: str
    good: bool
    told: str


async def probe(settings: MailSettings, message: EmailMessage, sender: str, recipient: str) -> AsyncIterator[Step]:
    """Go through the steps of sending one mail and tell each; the first one that fails is the last one told.

    Args:
        settings: of the mail server.
        message: to be sent.
        sender: address.
        recipient: address.
    """
    if not settings.host:
        yield Step("connect", False, "mail.host is empty")
        return
    name = "connect"
    try:
        client = _client(settings, plain=True)
        try:
            answer = await client.connect()
            yield Step(name, True, f"{settings.host}, port {settings.port}: {_line(answer.message)}")
            name = "encrypt"
            if settings.security == "starttls":
                await client.starttls()
            secure = "not encrypted: mail.security = none" if settings.security == "none" else _cipher(client)
            yield Step(name, True, secure)
            name = "login"
            if settings.user:
                answer = await client.login(settings.user, settings.password.value)
                yield Step(name, True, f"{settings.user}: {_line(answer.message)}")
            else:
                yield Step(name, True, "none: mail.user is empty")
            name = "send"
            _, text = await client.send_message(message, sender=sender, recipients=[recipient])
            yield Step(name, True, f"{recipient}: {_line(text)}")
        finally:
            client.close()
    except (aiosmtplib.SMTPException, OSError, ValueError, RelayError) as error:
        yield Step(name, False, one_line(error))


def _cipher(client: aiosmtplib.SMTP) -> str:
    found = client.get_transport_info("cipher")
    return f"{found[1]}, {found[0]}" if found else "encrypted"


def _client(settings: MailSettings, *, plain: bool = False) -> aiosmtplib.SMTP:
    """Build a client that is not connected yet; a plain one encrypts and logs in only when told.

    Raises:
        RelayError: the file of certificates can't be used.
    """
    context = None
    if settings.ca_file:
        try:
            context = ssl.create_default_context(cafile=settings.ca_file)
        except (OSError, ssl.SSLError) as error:
            raise RelayError(f"mail.ca_file = {settings.ca_file}: {error}") from error
    return aiosmtplib.SMTP(
        hostname=settings.host,
        port=settings.port,
        username=(settings.user or None) if not plain else None,
        password=(settings.password.value or None) if not plain else None,
        use_tls=settings.security == "tls",
        start_tls=settings.security == "starttls" and not plain,
        tls_context=context,
        timeout=settings.timeout_s,
    )


def one_line(error: Exception) -> str:
    """Tell an error in one line."""
    return _line(f"{type(error).__name__}: {error}")


def _personal(code: int, text: str) -> Reply:
    return Reply(code, _line(text), personal=True)


def _line(text: str) -> str:
    return " ".join(text.split())[:300]
