"""The mailbox of a customer: a mail server that keeps each mail as a file. The only module that imports aiosmtpd."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

MAX_SIZE = 30_000_000
"""Bytes of the largest mail."""


@dataclass(slots=True)
class Temper:
    """How a mail server behaves badly, all of which real ones do. May be changed while it runs.

    Args:
        greylist: refuse the first delivery to each recipient with 451; names may be limited by `greylisted`.
        greylisted: only recipients that begin with this.
        gone: recipients that begin with this don't exist: 550 5.1.1.
        drops: break off after so many of the next mails were taken, before they are confirmed.
        delay_s: wait before each answer to RCPT and DATA.
        login: user name and password that must be given, None = nobody needs to log in.
        tls: context that encrypts on STARTTLS; login is possible only then.
    """

    greylist: bool = False
    greylisted: str = ""
    gone: str = "gone"
    drops: int = 0
    delay_s: float = 0.0
    login: tuple[str, str] | None = None
    tls: ssl.SSLContext | None = None


class Mailbox:
    """An SMTP server. It can be down, and it can be of bad temper."""

    def __init__(
        self, host: str, port: int, folder: Path, *, greylist: bool = False, temper: Temper | None = None
    ) -> None:
        """Describe the server.

        Args:
            host: address to listen on.
            port: 0 = any free one; see `port`.
            folder: of the mails, `0001.eml` and so on; made if it doesn't exist.
            greylist: whether the first delivery to each recipient is refused with 451.
            temper: of the server, a good one if left out.
        """
        self._host, self._folder = host, folder
        self.temper = temper or Temper(greylist=greylist)
        self.count = 0
        self._known: set[str] = set()
        self._server: asyncio.Server | None = None
        self.port = port

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[None]:
        """Listen until the block ends.

        Raises:
            OSError: the port is taken, or the folder can't be made.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        await self.set_accepting(True)
        try:
            yield
        finally:
            await self.set_accepting(False)

    @property
    def accepting(self) -> bool:
        """Whether the server is up."""
        return self._server is not None

    async def set_accepting(self, accepting: bool) -> None:
        """Bring the server up or down; down means that connections are refused."""
        if accepting and not self._server:
            loop = asyncio.get_running_loop()
            self._server = await loop.create_server(self._protocol, self._host, self.port)
            self.port = self._server.sockets[0].getsockname()[1]
        elif not accepting and self._server:
            self._server.close()
            self._server = None

    def mails(self) -> list[Path]:
        """List the mails, oldest first."""
        return sorted(self._folder.glob("*.eml"))

    def _protocol(self) -> SMTP:
        loop = asyncio.get_running_loop()
        tls, login = self.temper.tls, self.temper.login
        return SMTP(
            self,
            hostname="mailbox.example.com",
            data_size_limit=MAX_SIZE,
            enable_SMTPUTF8=True,
            loop=loop,
            tls_context=tls,
            require_starttls=tls is not None,
            auth_required=login is not None,
            authenticator=self._authenticate,
        )

    def _authenticate(self, _server: SMTP, _session: Session, _envelope: Envelope, mechanism: str, data: Any) -> Any:
        # Any: the types of aiosmtpd's callbacks differ by mechanism.
        given = (data.login.decode(), data.password.decode()) if mechanism in ("LOGIN", "PLAIN") else None
        return AuthResult(success=given == self.temper.login, handled=False)

    # The names and signatures of the handlers are aiosmtpd's.
    async def handle_RCPT(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Accept a recipient, or not yet."""
        if not self.accepting:
            return "421 4.3.2 closing down"
        temper = self.temper
        await asyncio.sleep(temper.delay_s)
        if address.startswith(temper.gone):
            return "550 5.1.1 no such user"
        if temper.greylist and address.startswith(temper.greylisted) and address not in self._known:
            self._known.add(address)
            return "451 4.7.1 greylisted, try again"
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Store a mail; the answer is given only when it has been written."""
        content = envelope.content
        if not self.accepting or not isinstance(content, bytes):
            return "421 4.3.2 closing down"
        await asyncio.sleep(self.temper.delay_s)
        if not self.count:
            self.count = int(mails[-1].stem) if (mails := self.mails()) else 0
        self.count += 1
        number = self.count
        new = self._folder / f"{number:04}.new"
        new.write_bytes(content)
        new.replace(new.with_suffix(".eml"))
        if self.temper.drops:
            self.temper.drops -= 1
            if isinstance(server.transport, asyncio.Transport):
                server.transport.abort()
        return f"250 OK {number:04}"
