"""The service socket: what it answers, and that no client can hold up the agent or another client."""

import asyncio
import json
import logging
import socket
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from hardware.errors import LinkError
from station import service, service_operations
from station.errors import ServiceError
from station.service import CLIENTS, Operation, Service, socket_path
from station.service_client import REQUEST_BYTES, Facts, ServiceClient
from tests.unit.station.site import CARD, Site, settings, station


async def there(path: Path) -> None:
    for _ in range(200):
        if await asyncio.to_thread(path.exists):
            return
        await asyncio.sleep(0.01)
    raise AssertionError("no socket")


async def echo(arguments: Facts) -> Facts:
    return {"said": arguments}


async def refuse(_arguments: Facts) -> Facts:
    raise ServiceError("not now: a transaction runs")


async def broken(_arguments: Facts) -> Facts:
    raise LinkError("no answer from Modbus address 1")


@asynccontextmanager
async def serving(path: Path, **more: Operation) -> AsyncIterator[ServiceClient]:
    task = asyncio.create_task(Service(path, {"echo": echo, "refuse": refuse, "broken": broken, **more}).run())
    await there(path)
    try:
        yield ServiceClient(path, answer_s=2)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def ask(path: Path, data: bytes) -> Any:
    reader, writer = await asyncio.open_unix_connection(str(path))
    try:
        writer.write(data)
        async with asyncio.timeout(2):
            line = await reader.readline()
        return json.loads(line) if line else None
    finally:
        writer.close()


def test_an_operation_is_answered_with_its_number(tmp_path: Path) -> None:
    async def run() -> None:
        path = tmp_path / "service"
        async with serving(path) as client:
            assert await client.call("echo", {"a": [1, "ü"]}) == {"said": {"a": [1, "ü"]}}
            assert await ask(path, b'{"id": "x", "do": "echo"}\n') == {"id": "x", "result": {"said": {}}}
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            with pytest.raises(ServiceError, match="a transaction runs"):
                await client.call("refuse")
            with pytest.raises(ServiceError, match="no answer from Modbus"):
                await client.call("broken")
        assert not path.exists()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("data", "hint"),
    [
        (b"\n", "one line of JSON"),
        (b"{\n", "one line of JSON"),
        (b"\xff\xfe\n", "one line of JSON"),
        (b"[" * 60_000 + b"\n", "one line of JSON"),
        (b"[]\n", "write a request as"),
        (b'{"id": 1}\n', "write a request as"),
        (b'{"id": 1, "do": 5}\n', "write a request as"),
        (b'{"id": {}, "do": "echo"}\n', "write a request as"),
        (b'{"id": 1, "do": "echo", "with": []}\n', "write a request as"),
        (b'{"id": 1, "do": "nosuch"}\n', "there are: broken, echo, refuse"),
        (b'"' + b"x" * (REQUEST_BYTES + 10) + b'"\n', "at most"),
    ],
)
def test_a_bad_request_is_told_what_is_wrong(tmp_path: Path, data: bytes, hint: str) -> None:
    async def run() -> None:
        async with serving(tmp_path / "service") as client:
            assert hint in (await ask(tmp_path / "service", data))["error"]
            assert await client.call("echo") == {"said": {}}

    asyncio.run(run())


def test_clients_that_hang_harm_themselves_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "TAKE_S", 0.2)

    async def much(_arguments: Facts) -> Facts:
        return {"much": "x" * 3_000_000}

    async def run() -> None:
        path = tmp_path / "service"
        async with serving(path, much=much) as client:
            silent = [socket.socket(socket.AF_UNIX) for _ in range(CLIENTS - 2)]
            for one in silent:
                one.connect(str(path))
            greedy = socket.socket(socket.AF_UNIX)
            greedy.connect(str(path))
            greedy.send(b'{"id": 1, "do": "much"}\n' * 3)
            assert await client.call("echo") == {"said": {}}
            extra = socket.socket(socket.AF_UNIX)
            extra.connect(str(path))
            with pytest.raises(ServiceError, match="connected already"):
                await client.call("echo")
            async with asyncio.timeout(3):
                while True:  # the greedy one is left after its time
                    try:
                        assert await client.call("echo") == {"said": {}}
                        break
                    except ServiceError:
                        await asyncio.sleep(0.05)
            for one in (*silent, greedy, extra):
                one.close()

    asyncio.run(run())


def test_what_a_client_began_is_ended_without_it(tmp_path: Path) -> None:
    ended = []

    async def work(_arguments: Facts) -> Facts:
        await asyncio.sleep(0.1)
        ended.append(True)
        return {}

    async def run() -> None:
        path = tmp_path / "service"
        async with serving(path, work=work):
            _, writer = await asyncio.open_unix_connection(str(path))
            writer.write(b'{"id": 1, "do": "work"}\n')
            await writer.drain()
            writer.close()
            await asyncio.sleep(0.3)

    asyncio.run(run())
    assert ended == [True]


def test_the_agent_ends_quietly_while_clients_are_connected(tmp_path: Path) -> None:
    complaints: list[Any] = []

    async def slow(_arguments: Facts) -> Facts:
        await asyncio.sleep(60)
        return {}

    async def run() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: complaints.append(context))
        path = tmp_path / "service"
        async with serving(path, slow=slow):
            idle, busy = [await asyncio.open_unix_connection(str(path)) for _ in range(2)]
            busy[1].write(b'{"id": 1, "do": "slow"}\n')
            idle[1].write(b'{"id": 1, "do": "echo"}\n')
            await idle[0].readline()
        for reader, writer in (idle, busy):
            async with asyncio.timeout(2):
                assert await reader.read() == b"", "the client sees the end at once"
            writer.close()

    asyncio.run(run())
    assert not complaints


def test_a_file_of_a_dead_agent_is_no_hindrance(tmp_path: Path) -> None:
    path = tmp_path / "service"
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(path))
    dead.close()

    async def run() -> None:
        with pytest.raises(ServiceError, match="does not run"):
            await ServiceClient(path).call("echo")
        task = asyncio.create_task(Service(path, {"echo": echo}).run())
        await asyncio.sleep(0.1)
        assert await ServiceClient(path).call("echo") == {"said": {}}
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())


def test_without_a_socket_the_agent_works_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        task = asyncio.create_task(Service(tmp_path / ("x" * 150), {}).run())
        await asyncio.sleep(0.05)
        assert not task.done()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    with caplog.at_level(logging.WARNING):
        asyncio.run(run())
    assert "no_service_socket" in caplog.text


@pytest.mark.parametrize("answer", [b"", b"{", b"[]\n", b'{"result": 5}\n', b"nonsense\n"])
def test_a_stranger_at_the_socket_is_recognised(tmp_path: Path, answer: bytes) -> None:
    async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        writer.close()

    async def run() -> None:
        server = await asyncio.start_unix_server(serve, tmp_path / "service")
        async with server:
            with pytest.raises(ServiceError, match="agent"):
                await ServiceClient(tmp_path / "service", answer_s=1).call("echo")

    asyncio.run(run())


def test_an_agent_that_hangs_is_told(tmp_path: Path) -> None:
    async def hang(_arguments: Facts) -> Facts:
        await asyncio.sleep(60)
        return {}

    async def run() -> None:
        async with serving(tmp_path / "service", hang=hang):
            with pytest.raises(ServiceError, match="did not answer hang"):
                await ServiceClient(tmp_path / "service", answer_s=0.1).call("hang")

    asyncio.run(run())


@asynccontextmanager
async def agent(folder: Path, site: Site) -> AsyncIterator[ServiceClient]:
    made = settings(folder, 9)
    client = ServiceClient(socket_path(made.journal.path, made.service.socket), answer_s=5)
    async with station(made, site):
        async with asyncio.timeout(5):
            while True:
                try:
                    if (await client.call("evse"))["evses"][0]["board"]:
                        break
                except ServiceError:
                    pass
                await asyncio.sleep(0.02)
        yield client


async def until_charging(client: ServiceClient, wanted: bool) -> None:
    async with asyncio.timeout(5):
        while True:
            if bool((await client.call("evse"))["evses"][0]["transaction"]) is wanted:
                return
            await asyncio.sleep(0.02)


def test_the_agent_tells_of_itself(tmp_path: Path) -> None:
    async def run() -> None:
        async with agent(tmp_path, Site()) as client:
            status = await client.call("status")
            assert status["running"]
            assert status["pending"] == 0
            assert status["evses"][0]["status"] == "Available"
            (meter,) = (await client.call("meters", {"identify": True}))["meters"]
            assert (meter["energy_wh"], meter["model"], meter["serial"]) == (1000, "fake", "1")
            assert meter["age_s"] < 2
            assert (await client.call("version"))["charge_point_id"] == "CP1"
            assert (await client.call("ledger")) == {"pending": 0, "parked": 0, "oldest_s": None}
            with pytest.raises(ServiceError, match="has no modem"):
                await client.call("modem")
            keys = {key["name"]: key["value"] for key in (await client.call("keys"))["keys"]}
            assert keys["HeartbeatInterval"] == "900"

    asyncio.run(run())


def test_the_contactor_is_tested_and_left_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_operations, "CLOSE_S", 0.3)
    site = Site()

    async def run() -> None:
        async with agent(tmp_path, site) as client:
            with pytest.raises(ServiceError, match="plug in the test adapter"):
                await client.call("test_contactor", {"evse": 1})
            site.plug()
            result = await client.call("test_contactor")
            assert result["passed"]
            assert result["energy_wh"] == 0
            assert not site.is_closed
            with pytest.raises(ServiceError, match="there is no EVSE 7"):
                await client.call("test_contactor", {"evse": 7})
            with pytest.raises(ServiceError, match="evse must be a whole number"):
                await client.call("test_contactor", {"evse": "1"})

    asyncio.run(run())


def test_nothing_dangerous_is_done_while_somebody_charges(tmp_path: Path) -> None:
    site = Site()

    async def run() -> None:
        async with agent(tmp_path, site) as client:
            site.plug()
            site.tap()
            await until_charging(client, True)
            for operation in ("test_contactor", "test_rcd", "self_test", "restart"):
                with pytest.raises(ServiceError, match=r"in use|is charging"):
                    await client.call(operation)
            assert site.is_closed
            site.tap()
            await until_charging(client, False)

    asyncio.run(run())


def test_a_card_is_enrolled_charges_and_is_forgotten(tmp_path: Path) -> None:
    site = Site()
    with_card = "04DEADBEEF"

    async def run() -> None:
        async with agent(tmp_path, site) as client:
            await client.call("enrol", {"token": with_card.lower()})
        async with agent(tmp_path, site) as client:  # it outlives a restart
            site.plug()
            site.tap(type(CARD)(with_card))
            await until_charging(client, True)
            (shown,) = (await client.call("cards"))["shown"]
            assert shown["token"] == with_card
            assert shown["known"]
            site.tap(type(CARD)(with_card))
            await until_charging(client, False)
            assert await client.call("forget", {"token": with_card}) == {"returns": False}
            with pytest.raises(ServiceError, match="not in the local list"):
                await client.call("forget", {"token": with_card})
            assert await client.call("forget", {"token": CARD.value}) == {"returns": True}
            for bad in ("", "x" * 21, 5):
                with pytest.raises(ServiceError, match="token"):
                    await client.call("enrol", {"token": bad})

    asyncio.run(run())


def test_keys_are_changed_as_the_central_system_would(tmp_path: Path) -> None:
    async def run() -> None:
        async with agent(tmp_path, Site()) as client:
            assert await client.call("set_key", {"name": "HeartbeatInterval", "value": "60"}) == {
                "needs_restart": False
            }
            assert not (await client.call("set_key", {"name": "WebSocketPingInterval", "value": "60"}))["needs_restart"]
            for name, value, hint in (("NoSuch", "1", "no key NoSuch"), ("HeartbeatInterval", "-1", "out of range")):
                with pytest.raises(ServiceError, match=hint):
                    await client.call("set_key", {"name": name, "value": value})
        async with agent(tmp_path, Site()) as client:
            keys = {key["name"]: key["value"] for key in (await client.call("keys"))["keys"]}
            assert keys["HeartbeatInterval"] == "60"

    asyncio.run(run())


def test_restart_ends_the_agent_in_order(tmp_path: Path) -> None:
    site = Site()
    made = settings(tmp_path, 9)

    async def run() -> None:
        async with station(made, site) as task:
            client = ServiceClient(socket_path(made.journal.path, ""), answer_s=5)
            await there(client._path)
            assert await client.call("restart") == {}
            async with asyncio.timeout(5):
                await task

    asyncio.run(run())
    assert site.stops


def test_a_loan_ends_when_its_client_is_silent_gives_it_back_or_leaves(tmp_path: Path) -> None:
    out: list[str] = []

    @asynccontextmanager
    async def lend(arguments: Facts) -> AsyncIterator[Facts]:
        out.append(arguments["what"])
        try:
            yield {"lent": arguments["what"]}
        finally:
            out.remove(arguments["what"])

    async def until_back() -> None:
        async with asyncio.timeout(2):
            while out:  # noqa: ASYNC110  nobody sets an event
                await asyncio.sleep(0.01)

    async def fail(client: ServiceClient) -> None:
        async with client.borrow("lend", {"what": "bus"}):
            await asyncio.sleep(0.5)
            assert out == ["bus"]
            raise RuntimeError("of the tool")

    async def run() -> None:
        path = tmp_path / "service"
        task = asyncio.create_task(Service(path, {"echo": echo}, {"lend": lend}, loan_s=0.3).run())
        await there(path)
        for end in (b'{"id": 2, "do": "give_back"}\n', b""):
            reader, writer = await asyncio.open_unix_connection(str(path))
            for _ in range(3):
                writer.write(b'{"id": 1, "do": "lend", "with": {"what": "bus"}}\n')
                assert json.loads(await reader.readline()) == {"id": 1, "result": {"lent": "bus"}}
            writer.write(b'{"id": 1, "do": "lend", "with": {"what": "else"}}\n')
            assert "one loan at a time" in json.loads(await reader.readline())["error"]
            assert out == ["bus"]
            writer.write(end)
            if not end:
                assert not await reader.read()  # the service has lost its patience
            await until_back()
            writer.close()
        client = ServiceClient(path, keep_loan_s=0.05)
        with pytest.raises(RuntimeError, match="of the tool"):
            await fail(client)
        await until_back()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())
