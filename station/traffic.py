"""Counts what leaves and comes on the sockets to the central system, TLS included, by class of message.

One call is in flight at a time, so what passes while it is waited for is its own: question, answer, and what TLS and
WebSocket put around them. Requests of the central system that come just then are taken for a part of it.
"""

import contextlib
import socket
import struct
from collections import Counter
from collections.abc import Iterator
from typing import Any

from station.core.data_budget import Traffic

_TCP_INFO_BYTES = 232
_RETRANSMITTED_AT, _SEGMENTS_AT = 208, 136
"""In struct tcp_info of Linux (include/uapi/linux/tcp.h): tcpi_bytes_retrans; tcpi_segs_out, tcpi_segs_in."""
_HEADER = 52
"""IPv4 and TCP with time stamps."""
_MODEM_HEADER = 40
"""Without: the TCP stacks inside modems send none."""


class TrafficMeter:
    """What passed since it was taken last."""

    def __init__(self) -> None:
        self._kind = Traffic.CONNECT
        self._bytes: Counter[Traffic] = Counter()
        self._sockets: dict[_CountedSocket, int] = {}

    def watch(self, sock: socket.socket) -> socket.socket:
        """Give a socket in place of `sock` whose bytes are counted."""
        counted = _CountedSocket(sock, self)
        self._sockets[counted] = 0
        return counted

    @contextlib.contextmanager
    def of(self, kind: Traffic) -> Iterator[None]:
        """Have what passes inside the block be of one class."""
        before, self._kind = self._kind, kind
        try:
            yield
        finally:
            self._kind = before

    def be(self, kind: Traffic) -> None:
        """Have what passes outside of blocks be of one class from now on."""
        self._kind = kind

    def add(self, count: int, kind: Traffic | None = None) -> None:
        """Take in bytes."""
        self._bytes[kind or self._kind] += count

    def take(self) -> dict[Traffic, int]:
        """Give what passed since the last time, and begin anew."""
        for sock, told in list(self._sockets.items()):
            self._measure(sock, told)
        taken, self._bytes = dict(self._bytes), Counter()
        return taken

    def closing(self, sock: "_CountedSocket") -> None:
        """Hear that a socket is about to be closed."""
        if sock in self._sockets:
            self._measure(sock, self._sockets[sock])
            del self._sockets[sock]

    def _measure(self, sock: "_CountedSocket", told: int) -> None:
        headers = max(told, sock.headers())
        self._bytes[Traffic.HEADERS] += headers - told
        self._sockets[sock] = headers


class _CountedSocket(socket.socket):
    """A socket that tells what passes."""

    def __init__(self, sock: socket.socket, meter: TrafficMeter) -> None:
        timeout = sock.gettimeout()
        super().__init__(sock.family, sock.type, sock.proto, fileno=sock.detach())
        self.settimeout(timeout)
        self._meter = meter
        self._passed = 0

    def headers(self) -> int:
        """Tell what headers and repetitions took so far: as the kernel counted them, or estimated."""
        if self.family in (socket.AF_INET, socket.AF_INET6):
            with contextlib.suppress(OSError, struct.error):
                info = self.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_BYTES)
                segments = sum(struct.unpack_from("=II", info, _SEGMENTS_AT))
                repeated = struct.unpack_from("=Q", info, _RETRANSMITTED_AT)[0]
                return int(segments * _HEADER + repeated)
        # A question, an answer, and its receipt: three packets for two that are seen here.
        return self._passed * 3 // 2 * _MODEM_HEADER

    def close(self) -> None:
        if self.fileno() >= 0:
            self._meter.closing(self)
        super().close()

    # Any: buffers, as the class above has them.
    def send(self, data: Any, flags: int = 0) -> int:
        return self._counted(super().send(data, flags))

    # Any: likewise.
    def sendmsg(self, buffers: Any, *more: Any) -> int:
        return self._counted(super().sendmsg(buffers, *more))

    def recv(self, size: int, flags: int = 0) -> bytes:
        data = super().recv(size, flags)
        self._counted(len(data))
        return data

    # Any: likewise.
    def recv_into(self, buffer: Any, size: int = 0, flags: int = 0) -> int:
        return self._counted(super().recv_into(buffer, size, flags))

    def _counted(self, count: int) -> int:
        self._passed += 1
        self._meter.add(count)
        return count
