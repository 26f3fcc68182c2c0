"""Files over HTTP and HTTPS, through the bearer that OCPP uses. The only module that speaks HTTP as a client.

A file comes in pieces (range requests, RFC 9110 §14), so that a lost link costs one piece and others get their turn in
between; a server that knows no ranges sends it whole. http.client blocks, so its calls run in threads; leaving an
exchange for any reason shuts the socket, which ends them.
"""

import asyncio
import base64
import contextlib
import http.client
import os
import re
import secrets
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import BinaryIO
from urllib.parse import unquote, urljoin, urlsplit

from station.bearer_turns import BearerTurns
from station.errors import LinkLost, StationError, TransferFailed

SCHEMES = ("http", "https")
QUIET_S = 30.0
"""A server that says nothing for so long, link time, is given up."""

_BLOCK = 16 * 1024
_REDIRECTS = 5
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")

MakeContext = Callable[[], tuple[ssl.SSLContext, Callable[[ssl.SSLSocket], None]]]
"""Gives what TLS is spoken with, and what judges the server's certificate after the handshake."""


@dataclass(frozen=True, slots=True)
class Piece:
    """What a request brought: the file has `have` bytes now, of `total` if anybody knows."""

    have: int
    total: int | None
    tag: str

    @property
    def is_last(self) -> bool:
        """Tell whether the file is complete."""
        return self.have == self.total


def is_supported(location: str) -> bool:
    """Tell whether a URL can be fetched from or sent to."""
    try:
        url = urlsplit(location)
        return url.scheme in SCHEMES and bool(url.hostname) and url.port != 0
    except ValueError:
        return False


class HttpTransfer:
    """See the module.

    Args:
        bearer: the way there.
        tls: for https; called in a thread.
        rate_kb_s: no faster than this, kB/s; 0 = as fast as it goes.
        count: hears of the bytes of files that passed.
    """

    def __init__(
        self,
        bearer: BearerTurns,
        tls: MakeContext,
        rate_kb_s: int,
        *,
        count: Callable[[int], None] = lambda _size: None,
    ) -> None:
        self._count = count
        self._bearer = bearer
        self._tls = tls
        self._rate = rate_kb_s * 1000

    async def fetch(
        self, location: str, file: BinaryIO, before: Piece, *, most: int, length: int = 0, room: int | None = None
    ) -> Piece:
        """Fetch the next piece of a file and write it there, through to the disk. Cancelling is safe.

        Args:
            location: URL.
            file: what is there of it; what is not the server's image any more is thrown away.
            before: how much of it is safe.
            most: a larger file is refused, bytes.
            length: of the piece, 0 = all.
            room: bytes that may still be written, None = enough.

        Raises:
            TransferFailed: the server refuses, answers nonsense, or the connection broke and brought nothing. With
                status 416 what is there can't be continued: begin anew.
            OSError: the file can't be written.
        """
        headers = {"Range": f"bytes={before.have}-{before.have + length - 1}"} if length else {}
        if before.have and before.tag:
            headers["If-Range"] = before.tag
        async with self._ask("GET", location, headers) as response:
            start, end, total = _extent(response, before)
            if total is not None and total > most:
                raise TransferFailed(f"the file has {total} bytes, at most {most} are taken", for_good=True)
            if total is not None and room is not None and total - before.have > room:
                raise TransferFailed(f"the disk has no room for {total - before.have} bytes more", for_good=True)
            file.truncate(start)
            file.seek(start)
            have = start
            try:
                async for block in self._blocks(response):
                    have += len(block)
                    if have > (most if end is None else end):
                        raise TransferFailed("the server sends more than it said, or than is taken", for_good=True)
                    await asyncio.to_thread(file.write, block)
            except (TransferFailed, LinkLost) as error:
                if have == start or (isinstance(error, TransferFailed) and error.for_good):
                    raise
            await asyncio.to_thread(_sync, file)
            if response.status == http.client.OK and total is None and response.isclosed():
                total = have
            # Without a tag a part can't be told from a part of another file: then only its length speaks for it.
            return Piece(have, total, response.headers.get("ETag", ""))

    async def _blocks(self, response: http.client.HTTPResponse) -> AsyncIterator[bytes]:
        expected, got = response.length, 0
        while True:
            try:
                block = await asyncio.to_thread(response.read, _BLOCK)
            except (OSError, http.client.HTTPException) as error:
                raise TransferFailed(f"the connection broke after {got} bytes: {_reason(error)}") from error
            if not block:
                break
            got += len(block)
            self._count(len(block))
            yield block
            if self._rate:
                await asyncio.sleep(len(block) / self._rate)
        if expected is not None and got < expected:
            raise TransferFailed(f"the server ended after {got} of {expected} bytes")

    async def send(self, location: str, name: str, data: bytes) -> None:
        """Send a file: PUT, and POST as a form where the server takes no PUT. Cancelling is safe.

        A server that tells by HEAD how much of an earlier try it has (`Upload-Offset`) gets the rest by PATCH.

        Args:
            location: URL; with `/` at its end the name is added.
            name: of the file.
            data: all of it.

        Raises:
            TransferFailed: it did not arrive.
        """
        target = location + name if urlsplit(location).path.endswith("/") else location
        try:
            await self._give("PUT", target, data, {"Content-Type": "application/gzip"})
        except TransferFailed as error:
            if error.status not in (http.client.METHOD_NOT_ALLOWED, http.client.NOT_IMPLEMENTED):
                raise
            form, kind = _form(name, data)
            await self._give("POST", location, form, {"Content-Type": kind})

    async def resume(self, location: str, name: str, data: bytes) -> bool:
        """Send the rest of a file that broke off; False if the server can't tell how much it has.

        Raises:
            TransferFailed: it did not arrive.
        """
        target = location + name if urlsplit(location).path.endswith("/") else location
        try:
            async with self._ask("HEAD", target, {}) as response:
                text = response.headers.get("Upload-Offset", "")
        except TransferFailed:
            return False
        if not text.isascii() or not text.isdecimal() or int(text) > len(data):
            return False
        headers = {"Content-Type": "application/offset+octet-stream", "Upload-Offset": text}
        await self._give("PATCH", target, data[int(text) :], headers)
        return True

    async def _give(self, method: str, location: str, data: bytes, headers: dict[str, str]) -> None:
        async with self._ask(method, location, {"Content-Length": str(len(data)), **headers}, data):
            pass

    @asynccontextmanager
    async def _ask(
        self, method: str, location: str, headers: dict[str, str], data: bytes = b""
    ) -> AsyncIterator[http.client.HTTPResponse]:
        """Ask, following redirects, and give an answer that is a success."""
        for _ in range(_REDIRECTS):
            async with self._exchange(location) as line:
                try:
                    await self._write(line.connection, method, location, headers, data)
                    response = await asyncio.to_thread(line.answer)
                except (OSError, http.client.HTTPException) as error:
                    host = urlsplit(location).hostname
                    raise TransferFailed(f"the file server {host} does not answer: {_reason(error)}") from error
                self._bearer.proven()
                if response.status // 100 != 3 or not response.headers.get("Location"):
                    if response.status // 100 != 2:
                        raise TransferFailed(
                            f"the server answers {response.status} {response.reason}", status=response.status
                        )
                    yield response
                    return
                location = urljoin(location, response.headers["Location"])
                if not is_supported(location):
                    raise TransferFailed("the server redirects to something that is neither http nor https")
        raise TransferFailed("the server redirects too often")

    async def _write(
        self, connection: http.client.HTTPConnection, method: str, location: str, headers: dict[str, str], data: bytes
    ) -> None:
        url = urlsplit(location)
        connection.putrequest(
            method,
            (url.path or "/") + (f"?{url.query}" if url.query else ""),
            skip_host=True,
            skip_accept_encoding=True,
        )
        told = {"Host": url.netloc.rpartition("@")[2], "Connection": "close", "Accept-Encoding": "identity", **headers}
        if url.username is not None:
            pair = f"{unquote(url.username)}:{unquote(url.password or '')}".encode()
            told["Authorization"] = "Basic " + base64.b64encode(pair).decode("ascii")
        for header, text in told.items():
            connection.putheader(header, text)
        await asyncio.to_thread(connection.endheaders)
        for at in range(0, len(data), _BLOCK):
            block = data[at : at + _BLOCK]
            await asyncio.to_thread(connection.send, block)
            self._count(len(block))
            if self._rate:
                await asyncio.sleep(len(block) / self._rate)

    @asynccontextmanager
    async def _exchange(self, location: str) -> AsyncIterator["_Line"]:
        url = urlsplit(location)
        port = url.port or (443 if url.scheme == "https" else 80)
        async with self._bearer.piece() as bearer:
            try:
                sock = await bearer.connect(url.hostname or "", port)
            except OSError as error:
                raise TransferFailed(f"the file server {url.hostname} can't be reached: {_reason(error)}") from error
            line = _Line(http.client.HTTPConnection(url.hostname or "", port), sock.dup())
            try:
                sock.setblocking(True)
                sock.settimeout(QUIET_S)
                line.connection.auto_open = 0
                if url.scheme == "https":
                    sock = await asyncio.to_thread(self._wrap, sock, url.hostname or "")
                line.connection.sock = sock
                yield line
            finally:
                line.end()
                sock.close()

    def _wrap(self, sock: socket.socket, host: str) -> ssl.SSLSocket:
        wrapped = None
        try:
            context, judge = self._tls()
            wrapped = context.wrap_socket(sock, server_hostname=host)
            judge(wrapped)
        except (OSError, StationError) as error:
            if wrapped:
                wrapped.close()
            raise TransferFailed(f"no TLS with {host}: {_reason(error)}") from error
        return wrapped


class _Line:
    """A connection for one request, whose calls block in threads until it is ended.

    Args:
        connection: without a socket yet.
        lever: a second handle on the socket: the first one may be in a thread, inside TLS.
    """

    def __init__(self, connection: http.client.HTTPConnection, lever: socket.socket) -> None:
        self.connection = connection
        self._lever = lever
        self._response: http.client.HTTPResponse | None = None

    def answer(self) -> http.client.HTTPResponse:
        """Wait for the answer, which is closed with the line."""
        self._response = response = self.connection.getresponse()
        if self._lever.fileno() < 0:  # ended meanwhile: nobody takes it any more
            response.close()
        return response

    def end(self) -> None:
        """Wake the thread that waits, if one does, and close."""
        with contextlib.suppress(OSError):
            self._lever.shutdown(socket.SHUT_RDWR)
        self._lever.close()
        if self._response:
            self._response.close()


def _extent(response: http.client.HTTPResponse, before: Piece) -> tuple[int, int | None, int | None]:
    """Tell where what comes begins, where it must end, and how long the whole is."""
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise TransferFailed("the server packs the file although it was asked not to")
    if response.status != http.client.PARTIAL_CONTENT:
        return 0, response.length, response.length
    told = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
    first, last, total = (int(number) for number in told.groups()) if told else (-1, -1, -1)
    if first != before.have or not first <= last < total or before.total not in (None, total):
        status = http.client.REQUESTED_RANGE_NOT_SATISFIABLE
        raise TransferFailed("the server sends another range than it was asked for", status=status)
    return first, last + 1, total


def _form(name: str, data: bytes) -> tuple[bytes, str]:
    boundary = secrets.token_hex(16)
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
    head += "Content-Type: application/gzip\r\n\r\n"
    return head.encode() + data + f"\r\n--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _reason(error: BaseException) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
