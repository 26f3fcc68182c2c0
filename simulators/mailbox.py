"""The mailbox of a customer: a mail server that keeps each mail as a file. The only module that imports aiosmtpd."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session

MAX_SIZE = 30_000_000
"""Bytes of the largest mail."""


class Mailbox:
    """An SMTP server. It can be down, and it can greylist: refuse each recipient's first delivery for now."""

    def __init__(self, host: str, port: int, folder: Path, *, greylist: bool = False) -> None:
        """Describe the server.

        Args:
            host: address to listen on.
            port: 0 = any free one; see `port`.
            folder: of the mails, `0001.eml` and so on; made if it doesn't exist.
            greylist: whether the first delivery to each recipient is refused with 451.
        """
        self._host, self._folder, self._greylist = host, folder, greylist
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
        return SMTP(self, hostname="mailbox.example.com", data_size_limit=MAX_SIZE, enable_SMTPUTF8=True, loop=loop)

    # The names and signatures of the handlers are aiosmtpd's.
    async def handle_RCPT(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Accept a recipient, or not yet."""
        if not self.accepting:
            return "421 4.3.2 closing down"
        if self._greylist and address not in self._known:
            self._known.add(address)
            return "451 4.7.1 greylisted, try again"
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Store a mail; the answer is given only when it has been written."""
        content = envelope.content
        if not self.accepting or not isinstance(content, bytes):
            return "421 4.3.2 closing down"
        mails = self.mails()
        number = int(mails[-1].stem) + 1 if mails else 1
        new = self._folder / f"{number:04}.new"
        new.write_bytes(content)
        new.replace(new.with_suffix(".eml"))
        return f"250 OK {number:04}"
