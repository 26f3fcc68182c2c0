"""A server for files that breaks off, lies, forgets and takes what is sent, as a test wishes. HTTP/1.1 by hand."""

import asyncio
import contextlib
import re
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

_RANGE = re.compile(r"bytes=(\d+)-(\d+)")


@dataclass
class Asked:
    """A request."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes = b""

    @property
    def range(self) -> tuple[int, int] | None:
        found = _RANGE.fullmatch(self.headers.get("range", ""))
        return (int(found[1]), int(found[2])) if found else None


@dataclass
class FileServer:
    """Gives `files` by path; keeps what is sent in `taken`.

    Args:
        knows_ranges: whether a part can be asked for.
        breaks_after: so many bytes of a body, then the connection is cut; None = never. It may be changed at any time.
        behave: gives another answer (status, headers, body) to a request, None = the usual one.
        tag: ETag of what it gives.
        pause_s: after each block of a body.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    knows_ranges: bool = True
    breaks_after: int | None = None
    behave: Callable[[Asked], tuple[int, dict[str, str], bytes] | None] = lambda asked: None
    tag: str = '"v1"'
    pause_s: float = 0.0
    asked: list[Asked] = field(default_factory=list)
    taken: dict[str, bytes] = field(default_factory=dict)
    sent: int = 0
    port: int = 0
    tls: ssl.SSLContext | None = None
    handlers: "set[asyncio.Task[None]]" = field(default_factory=set)

    def url(self, path: str) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}{path}"

    @asynccontextmanager
    async def serve(self) -> AsyncIterator["FileServer"]:
        server = await asyncio.start_server(self._handle, "127.0.0.1", self.port, ssl=self.tls)
        self.port = server.sockets[0].getsockname()[1]
        try:
            async with server:
                yield self
        finally:
            for handler in self.handlers:
                handler.cancel()
            if self.handlers:
                await asyncio.wait(self.handlers)
            await asyncio.sleep(0)  # for the transports to close

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self.handlers.add(task)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            method, path, _ = head[0].split(" ")
            pairs = [line.split(": ", 1) for line in head[1:] if ": " in line]
            asked = Asked(method, path, {name.lower(): text for name, text in pairs})
            self.asked.append(asked)
            asked.body = await self._take(reader, int(asked.headers.get("content-length", "0")))
            status, headers, body = self.behave(asked) or self._usual(asked)
            headers.setdefault("Content-Length", str(len(body)))
            lines = "".join(f"{name}: {text}\r\n" for name, text in headers.items())
            writer.write(f"HTTP/1.1 {status} Said\r\n{lines}\r\n".encode())
            await self._give(writer, b"" if method == "HEAD" else body)
            writer.close()
            await writer.wait_closed()
        writer.transport.abort()
        self.handlers.discard(task)

    async def _take(self, reader: asyncio.StreamReader, length: int) -> bytes:
        taken = b""
        while len(taken) < length:
            if self.breaks_after is not None and len(taken) >= self.breaks_after:
                raise asyncio.IncompleteReadError(taken, length)
            block = await reader.read(min(4096, length - len(taken)))
            if not block:
                break
            taken += block
        return taken

    async def _give(self, writer: asyncio.StreamWriter, body: bytes) -> None:
        for at in range(0, len(body), 4096):
            block = body[at : at + 4096]
            if self.breaks_after is not None and at + len(block) > self.breaks_after:
                writer.write(block[: self.breaks_after - at])
                await writer.drain()
                self.sent += max(self.breaks_after - at, 0)
                return
            writer.write(block)
            await writer.drain()
            self.sent += len(block)
            await asyncio.sleep(self.pause_s)

    def _usual(self, asked: Asked) -> tuple[int, dict[str, str], bytes]:
        if asked.method in ("PUT", "POST"):
            self.taken[asked.path] = asked.body
            return 201, {}, b""
        data = self.files.get(asked.path)
        if data is None:
            return 404, {}, b"there is nothing"
        headers = {"ETag": self.tag} if self.tag else {}
        matches = asked.headers.get("if-range", self.tag) == self.tag
        if asked.range is None or not self.knows_ranges or not matches:
            return 200, headers, data
        first, last = asked.range
        if first >= len(data):
            return 416, headers, b""
        part = data[first : last + 1]
        return 206, {**headers, "Content-Range": f"bytes {first}-{first + len(part) - 1}/{len(data)}"}, part
