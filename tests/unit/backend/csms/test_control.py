import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from backend.csms.commands import Commands
from backend.csms.connections import Connection, Connections
from backend.csms.control import control_path, listen_for_commands, order, request
from backend.csms.orders import Orders
from backend.errors import CommandError, NotConnectedError
from shared.clock import ManualClock
from shared.ids import ChargePointId
from shared.ocpp.validation import Version
from tests.unit.backend.world import NOW, open_world

CP = ChargePointId("CP-1")


@asynccontextmanager
async def _listening(path: Path, connections: Connections) -> AsyncIterator[None]:
    commands = Commands(connections)
    async with open_world(path.parent) as store:
        orders = Orders(store, ManualClock(NOW), connections, commands)
        async with listen_for_commands(path, commands, orders):
            yield


def test_a_command_goes_through_the_socket_and_its_answer_comes_back(tmp_path: Path) -> None:
    async def scenario() -> None:
        connections = Connections()
        connection = Connection(CP, NOW, "test", Version.V16, lambda: None, NOW)
        connections.add(connection)
        path = control_path(tmp_path / "db")
        async with _listening(path, connections):
            assert path.stat().st_mode & 0o777 == 0o600
            asking = asyncio.create_task(request(path, CP, "Reset", {"type": "Soft"}))
            call = await connection.calls.get()
            assert (call.action, call.payload) == ("Reset", {"type": "Soft"})
            call.answer.set_result({"status": "Accepted"})
            assert await asking == {"status": "Accepted"}
            with pytest.raises(CommandError, match="CP-2 is not connected"):
                await request(path, ChargePointId("CP-2"), "ClearCache", {})
        assert not path.exists()
        with pytest.raises(NotConnectedError, match="no backend serves db"):
            await request(path, CP, "ClearCache", {})

    asyncio.run(scenario())


@pytest.mark.parametrize("line", [b"nonsense\n", b"[]\n", b'{"charge_point": 7}\n', b"\xff\n"])
def test_a_line_that_is_no_command_gets_an_error(tmp_path: Path, line: bytes) -> None:
    async def scenario() -> None:
        path = control_path(tmp_path / "db")
        async with _listening(path, Connections()):
            reader, writer = await asyncio.open_unix_connection(str(path))
            writer.write(line)
            assert "error" in json.loads(await reader.readline())
            writer.close()
            await writer.wait_closed()

    asyncio.run(scenario())


def test_the_socket_of_a_killed_program_is_replaced(tmp_path: Path) -> None:
    async def scenario() -> None:
        path = control_path(tmp_path / "db")
        path.write_text("left over")
        async with _listening(path, Connections()):
            with pytest.raises(CommandError):
                await request(path, CP, "ClearCache", {})

    asyncio.run(scenario())


def test_a_path_too_long_for_a_socket_stops_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async with _listening(tmp_path / ("x" * 150), Connections()):
            pass

    asyncio.run(scenario())
    assert "no_commands_from_the_command_line" in caplog.text


def test_an_order_is_given_through_the_socket_and_a_wrong_one_is_told(tmp_path: Path) -> None:
    async def scenario() -> None:
        path = control_path(tmp_path / "db")

        async def give(names: list[str]) -> str:
            soft = {"type": "Soft"}
            return await order(path, names, "Reset", soft, patience_s=60.5, checked=True, ordered_by="anna")

        async with _listening(path, Connections()):
            assert len(await give(["CP-1", "CP-2"])) == 32
            with pytest.raises(CommandError, match="there is no charge point CP-9"):
                await give(["CP-1", "CP-9"])

    asyncio.run(scenario())
