"""The status page: a small HTTP server for the service network or this machine alone. Off by default.

It answers GET with one page and nothing else. A request is short, a client has little time, and there are few of them
at once: a phone that misbehaves must not cost the agent anything.
"""

import asyncio
import ipaddress
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from typing import NoReturn
from urllib.parse import urlsplit

from shared.clock import Clock
from shared.log import Log
from station.errors import StationError
from station.report import Status, alarms, reasons
from station.status_view import page

REQUEST_BYTES = 8192
CLIENTS = 8
"""Clients at a time; more are turned away."""
CLIENT_S = 5.0
RETRY_S = 30.0
"""The service network may come up after the agent."""

_HEAD = (
    "Content-Type: text/html; charset=utf-8\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
    "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'\r\n"
    "Referrer-Policy: no-referrer\r\nConnection: close\r\n"
)

_LOG = Log("station.status_page")


class StatusPage:
    """Serves the page."""

    def __init__(
        self,
        name: str,
        address: tuple[str, int],
        clock: Clock,
        status: Callable[[], Status],
        *,
        client_s: float = CLIENT_S,
    ) -> None:
        """Prepare the server.

        Args:
            name: of the charge point.
            address: as `listen_address` gives it.
            clock: for the time on the page.
            status: gives the state; it may take a moment and is called in a thread. It may raise StationError.
            client_s: a client has so long for its request, and to take the answer, s.
        """
        self._name, self._address, self._clock, self._status = name, address, clock, status
        self._client_s = client_s
        self._clients: set[asyncio.StreamWriter] = set()

    async def run(self) -> NoReturn:
        """Serve for ever. Where the address can't be had it is tried again: the page is never worth a charge."""
        complained = False
        while True:
            try:
                server = await asyncio.start_server(self._serve, *self._address, limit=REQUEST_BYTES)
            except OSError as error:
                if not complained:
                    _LOG.warning("no_status_page", address=self._address[0], port=self._address[1], reason=error)
                complained = True
                await asyncio.sleep(RETRY_S)
                continue
            _LOG.info("status_page", address=self._address[0], port=self._address[1])
            try:
                async with server:
                    await server.serve_forever()
            finally:
                # Not by cancelling their tasks: asyncio of Python 3.11 takes that for a mistake and logs it.
                for client in self._clients:
                    client.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._clients.add(writer)
        try:
            async with asyncio.timeout(self._client_s):
                writer.write(await self._answer(reader))
                await writer.drain()
                writer.close()
                await writer.wait_closed()
        except (OSError, TimeoutError):
            pass  # it left or dawdles: nobody is there to be told
        finally:
            self._clients.discard(writer)
            writer.transport.abort()

    async def _answer(self, reader: asyncio.StreamReader) -> bytes:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return _response(HTTPStatus.BAD_REQUEST)
        if len(self._clients) > CLIENTS:
            return _response(HTTPStatus.SERVICE_UNAVAILABLE)
        method, _, rest = head.partition(" ")
        path, _, query = rest.partition(" ")[0].partition("?")
        headers = _headers(head)
        if method not in ("GET", "HEAD"):
            return _response(HTTPStatus.METHOD_NOT_ALLOWED)
        if not _is_ours(headers.get("host", "")):
            return _response(HTTPStatus.MISDIRECTED_REQUEST)
        if path != "/":
            return _response(HTTPStatus.NOT_FOUND)
        wanted = query.removeprefix("lang=") or headers.get("accept-language", "")
        language = "de" if wanted.lower().startswith("de") else "en"
        try:
            status = await asyncio.to_thread(self._status)
        except StationError as error:
            return _response(HTTPStatus.SERVICE_UNAVAILABLE, str(error))
        body = page(
            self._name, status, reasons(status, language), self._clock.utc(), language, alarms=alarms(status, language)
        )
        return _response(HTTPStatus.OK, body, with_body=method == "GET")


def _headers(head: str) -> dict[str, str]:
    pairs = (line.partition(":") for line in head.split("\r\n")[1:])
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def _is_ours(host: str) -> bool:
    """Tell whether a Host header names a machine by its address: a foreign page that resolves its own name to ours may
    not read what we show."""
    with suppress(ValueError):
        name = urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or bool(ipaddress.ip_address(name))
    return False


def _response(status: HTTPStatus, body: str = "", *, with_body: bool = True) -> bytes:
    text = (body or status.phrase).encode("utf-8")
    head = f"HTTP/1.1 {status.value} {status.phrase}\r\n{_HEAD}Content-Length: {len(text)}\r\n\r\n"
    return head.encode("ascii") + (text if with_body else b"")
