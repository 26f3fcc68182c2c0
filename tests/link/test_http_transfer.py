"""Transfers over TLS, and over a bearer that carries one connection at a time."""

import asyncio
import io
import socket
import ssl
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from simulators.authority import Authority, Life
from station.bearer_turns import BearerTurns
from station.errors import TransferFailed
from station.http_transfer import HttpTransfer, MakeContext, Piece, is_supported
from station.security.lifetime import Moment
from station.security.tls import make_context
from station.uplink import HostBearer
from tests.link.files import FileServer

NOW = datetime(2026, 10, 31, 12, 0, tzinfo=UTC)
NOTHING = Piece(0, None, "")


def run(work: Callable[[], Awaitable[None]]) -> None:
    async def within() -> None:
        async with asyncio.timeout(20):
            await work()

    asyncio.run(within())


def trusting(root: Authority) -> MakeContext:
    def make() -> tuple[ssl.SSLContext, Callable[[ssl.SSLSocket], None]]:
        context = make_context([root.pem], None)
        return context, lambda tls: context.check(tls, Moment(NOW, is_certain=True))

    return make


def server_of(root: Authority, folder: Path, host: str, life: Life) -> FileServer:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*root.server(host, life=life).write(folder, "server"))
    return FileServer({"/x": b"hello"}, tls=context)


@pytest.mark.parametrize(
    ("host", "life", "reason"),
    [
        ("127.0.0.1", Life(), ""),
        ("files.example.com", Life(), "IP address mismatch"),
        ("127.0.0.1", Life(datetime(2020, 1, 1, tzinfo=UTC), datetime(2021, 1, 1, tzinfo=UTC)), "expired on 2021"),
    ],
)
def test_a_server_is_known_by_its_certificate(tmp_path: Path, host: str, life: Life, reason: str) -> None:
    async def work() -> None:
        root = Authority("Root")
        transfer = HttpTransfer(BearerTurns(HostBearer()), trusting(root), 0)
        async with server_of(root, tmp_path, host, life).serve() as server:
            if reason:
                with pytest.raises(TransferFailed, match=reason):
                    await transfer.send(server.url("/up"), "x", b"secret")
                assert not server.asked, "nothing is said to a server that is not known"
            else:
                await transfer.send(server.url("/up"), "x", b"secret")
                assert server.taken == {"/up": b"secret"}

    run(work)


class OneSocket:
    """A modem with one socket: a new connection ends the last."""

    carries_two = False

    def __init__(self) -> None:
        self._last: socket.socket | None = None
        self.proofs = 0

    async def connect(self, host: str, port: int) -> socket.socket:
        if self._last is not None:
            self._last.close()
        self._last = await HostBearer().connect(host, port)
        return self._last

    def tried(self) -> None:
        """See WatchedBearer."""

    def proven(self) -> None:
        self.proofs += 1


def test_on_a_single_socket_the_link_waits_for_the_end_of_a_piece(tmp_path: Path) -> None:
    async def work() -> None:
        bearer = OneSocket()
        turns = BearerTurns(bearer)
        transfer = HttpTransfer(turns, trusting(Authority("Root")), 0)
        async with FileServer({"/x": bytes(20_000)}, pause_s=0.02).serve() as server:
            with (tmp_path / "part").open("w+b") as file:
                fetching = asyncio.create_task(
                    transfer.fetch(server.url("/x"), file, NOTHING, most=10**6, length=16_384)
                )
                while not server.sent:  # noqa: ASYNC110  nobody sets an event
                    await asyncio.sleep(0.005)
                (await turns.connect("127.0.0.1", server.port)).close()
                assert fetching.done(), "the link has waited"
                piece = await fetching
                assert (piece.have, piece.total, piece.is_last) == (16_384, 20_000, False)
                assert bearer.proofs == 1

    run(work)


def test_a_silent_server_can_be_left_at_once() -> None:
    async def work() -> None:
        transfer = HttpTransfer(BearerTurns(HostBearer()), trusting(Authority("Root")), 0)
        with socket.create_server(("127.0.0.1", 0)) as server, pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await transfer.send(f"http://127.0.0.1:{server.getsockname()[1]}/up", "x", b"y")

    run(work)


def test_a_limit_of_speed_is_kept(tmp_path: Path) -> None:
    async def work() -> None:
        transfer = HttpTransfer(BearerTurns(HostBearer()), trusting(Authority("Root")), rate_kb_s=200)
        async with FileServer({"/x": bytes(100_000)}).serve() as server:
            began = asyncio.get_running_loop().time()
            with (tmp_path / "part").open("w+b") as file:
                await transfer.fetch(server.url("/x"), file, NOTHING, most=10**6)
            assert asyncio.get_running_loop().time() - began > 0.4
            assert (tmp_path / "part").stat().st_size == 100_000

    run(work)


def test_a_server_that_sends_more_than_it_said_is_cut_off() -> None:
    async def work() -> None:
        transfer = HttpTransfer(BearerTurns(HostBearer()), trusting(Authority("Root")), 0)
        server = FileServer()
        server.behave = lambda asked: (206, {"Content-Range": "bytes 0-9/10"}, bytes(50_000))
        async with server.serve():
            with pytest.raises(TransferFailed, match="more than it said"):
                await transfer.fetch(server.url("/x"), io.BytesIO(), NOTHING, most=10**6, length=10)

    run(work)


@pytest.mark.parametrize(
    ("location", "works"),
    [
        ("https://files.example.com/x?y=1", True),
        ("http://user:pw@10.0.0.1:8080/", True),
        ("ftp://files.example.com/x", False),
        ("sftp://files.example.com/x", False),
        ("files.example.com/x", False),
        ("http://", False),
        ("http://files.example.com:99999/", False),
        ("http://[::1", False),
    ],
)
def test_locations(location: str, works: bool) -> None:
    assert is_supported(location) is works
