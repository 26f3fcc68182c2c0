"""The page for a phone: what it shows, whom it answers, and what a bad client costs."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from shared.clock import ManualClock
from shared.config import ConfigError
from station.console.views import status_lines
from station.errors import JournalError
from station.report import alarms, reasons
from station.settings import listen_address
from station.status_page import StatusPage
from station.status_view import page

NOW = datetime(2026, 11, 1, 12, 30, tzinfo=UTC)
WEAR = {
    "hours": 48.0,
    "bytes_per_day": {"journal": 800 * 10**6, "status": 90 * 10**6, "logs": 10 * 10**6},
    "writes_per_day": {"journal": 100},
    "years_left": 0.4,
    "ends_soon": True,
}


# Any: as the status file holds it.
def status(**more: Any) -> dict[str, Any]:
    evse = {"id": 1, "status": "Charging", "blocked_by": "", "transaction": "a1b2c3d4e5f6", "cost": "4.20 EUR"}
    facts = {"running": True, "time": "csms", "csms": "connected", "modem": "home", "operator": "<b>Net</b>"}
    return {**facts, "pending": 3, "parked": 0, "evses": [evse], **more}


def test_the_page_says_the_facts_in_both_languages() -> None:
    german = page("CP <1>", status(), ["Es ist gut."], NOW, "de")
    english = page("CP <1>", status(running=False), ["The agent does not run."], NOW, "en")
    assert "LÄDT" in german
    assert "Ladevorgang läuft" in german
    assert "4.20 EUR" in german
    assert "&lt;b&gt;Net" in german
    assert "CP &lt;1&gt;" in german
    assert "a1b2c3d4" not in german
    assert "The agent does not run" in english
    assert "2026-11-01 12:30:00 UTC" in english


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("127.0.0.1:8088", ("127.0.0.1", 8088)),
        ("localhost:8088", ("127.0.0.1", 8088)),
        ("192.168.7.1:80", ("192.168.7.1", 80)),
        ("[fe80::1]:80", ("fe80::1", 80)),
    ],
)
def test_addresses_of_the_service_network_are_taken(text: str, found: tuple[str, int]) -> None:
    assert listen_address(text) == found


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("0.0.0.0:80", "reached from outside"),
        ("[::]:80", "reached from outside"),
        ("8.8.8.8:80", "reached from outside"),
        ("127.0.0.1", "lacks its port"),
        ("station:80", "write for instance"),
        ("127.0.0.1:x", "write for instance"),
    ],
)
def test_others_are_refused(text: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        listen_address(text)
    if "outside" in why:
        assert listen_address(text, allow_public=True)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def served(ask: Callable[[int], Awaitable[None]], facts: Callable[[], dict[str, Any]] = status) -> None:
    async def scene() -> None:
        port = free_port()
        page = StatusPage("CP1", ("127.0.0.1", port), ManualClock(NOW), facts, client_s=0.5)
        task = asyncio.create_task(page.run())
        async with asyncio.timeout(10):
            while True:
                try:
                    await ask(port)
                    break
                except ConnectionRefusedError:
                    await asyncio.sleep(0.01)
        task.cancel()

    asyncio.run(scene())


async def answer(port: int, request: bytes) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    data = await reader.read()
    writer.close()
    return data.decode()


GET = b"GET /%s HTTP/1.1\r\nHost: 127.0.0.1\r\n%s\r\n"


def test_a_phone_gets_the_page_in_its_language() -> None:
    async def ask(port: int) -> None:
        german = await answer(port, GET % (b"", b"Accept-Language: de-DE,de;q=0.9\r\n"))
        assert german.startswith("HTTP/1.1 200 OK")
        assert 'lang="de"' in german
        assert "default-src 'none'" in german
        english = await answer(port, GET % (b"?lang=en", b"Accept-Language: de\r\n"))
        assert "CHARGING" in english

    served(ask)


@pytest.mark.parametrize(
    ("request_bytes", "code"),
    [
        (b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", "405"),
        (GET % (b"etc/passwd", b""), "404"),
        (b"GET / HTTP/1.1\r\nHost: evil.example.com\r\n\r\n", "421"),
        (b"GET / HTTP/1.1\r\n\r\n", "421"),
        (b"GET /%ff%00 HTTP/1.1\r\nHost: localhost\r\n\r\n", "404"),
        (b"GET [ HTTP/1.1\r\nHost: [\r\n\r\n", "4"),
        (b"\x00\xff\x16\x03\r\n\r\n", "405"),
        (b"A" * 20_000, "400"),
    ],
)
def test_a_bad_request_is_refused(request_bytes: bytes, code: str) -> None:
    async def ask(port: int) -> None:
        assert (await answer(port, request_bytes)).startswith(f"HTTP/1.1 {code}")
        assert "200 OK" in await answer(port, GET % (b"", b""))

    served(ask)


def test_too_many_clients_are_turned_away_and_a_silent_one_is_left() -> None:
    async def ask(port: int) -> None:
        silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(8)]
        assert "503" in await answer(port, GET % (b"", b""))
        for reader, writer in silent:
            assert await reader.read() == b""
            writer.close()
        assert "200 OK" in await answer(port, GET % (b"", b""))

    served(ask)


def test_without_a_journal_the_page_says_so() -> None:
    def fail() -> dict[str, Any]:
        raise JournalError("there is no journal yet")

    async def ask(port: int) -> None:
        assert "there is no journal yet" in await answer(port, GET % (b"", b""))

    served(ask, fail)


def test_alarms_stand_first_and_are_not_said_twice() -> None:
    facts = status(parked=2, parked_charges=1, wear=WEAR, alarm="")
    heard = alarms(facts, "de")
    assert [line[:9] for line in heard] == ["Alarm: 2 ", "Alarm: be"]
    drawn = page("CP1", facts, reasons(facts, "de"), NOW, "de", alarms=heard)
    assert drawn.count("endgültig abgelehnt (Ladevorgänge: 1)") == 1
    assert drawn.index("Alarm: 2") < drawn.index("Ladepunkt 1")
    assert "Speicherkarte" in drawn
    assert "900.0 MB am Tag" in drawn
    english = "\n".join(status_lines(facts, "en"))
    assert "!  Alarm: 2 messages" in english
    assert "journal 800.0, status 90.0, logs 10.0, updates 0.0" in english
    assert 'class="alarm"' not in page("CP1", status(), reasons(status(), "de"), NOW, "de")
