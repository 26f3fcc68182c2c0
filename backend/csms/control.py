"""Commands from the command line: a Unix socket beside the database, which only its owner can open.

One line of JSON in, `{"charge_point": ..., "action": ..., "payload": {...}, "checked": true}`, one line out:
`{"result": {...}}` or `{"error": "..."}`. Not `checked` is sent whatever the specification says. An order has
`charge_points`, `patience_s` and `by` as well; its result is `{"batch": ...}`, at once.
"""

import asyncio
import os
import secrets
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from backend.csms.commands import Commands
from backend.csms.orders import Orders
from backend.errors import CommandError, NotConnectedError
from shared.ids import ChargePointId
from shared.log import Log
from shared.ocpp.session import Payload, dumps, loads

log = Log(__name__)


def control_path(store: Path) -> Path:
    """Tell where the socket of the program that serves this database is."""
    return store.with_name(store.name + ".control")


@asynccontextmanager
async def listen_for_commands(path: Path, commands: Commands, orders: Orders) -> AsyncIterator[None]:
    """Take commands inside the block. Where no socket can be made, that is logged and none are taken."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, ValueError):  # the caller went away, or sent a line without end
            writer.write(dumps(await _execute(commands, orders, await reader.readline())).encode() + b"\n")
            await writer.drain()
        writer.close()

    try:
        listener = _listen(path)
    except OSError as error:
        log.warning("no_commands_from_the_command_line", path=path, reason=error)
        yield
        return
    server = await asyncio.start_unix_server(serve, sock=listener)
    try:
        yield
    finally:
        server.close()
        _remove(path)


def _listen(path: Path) -> socket.socket:
    """Make the socket. One that is left of a program that was killed is replaced.

    Raises:
        OSError: the path is too long for a socket (108 bytes on Linux), or its folder can't be written.
    """
    _remove(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    os.fchmod(listener.fileno(), 0o600)  # before it has a name, so that nobody else can ever open it
    try:
        listener.bind(str(path))
    except OSError:
        listener.close()
        raise
    return listener


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)


async def request(
    path: Path, charge_point_id: ChargePointId, action: str, payload: Payload, *, checked: bool = True
) -> Payload:
    """Send a command through the program that listens at `path`, and give its answer's payload; see `Commands.send`.

    Raises:
        CommandError: it was not carried out.
    """
    return await _ask(path, {"charge_point": charge_point_id, "action": action, "payload": payload, "checked": checked})


async def order(
    path: Path,
    charge_points: Sequence[str],
    action: str,
    payload: Payload,
    *,
    patience_s: float,
    checked: bool,
    ordered_by: str,
) -> str:
    """Give an order through the program that listens at `path`, and give the name of its batch; see `Orders.give`.

    Raises:
        CommandError: it was not given.
    """
    question = {
        "charge_points": list(charge_points),
        "action": action,
        "payload": payload,
        "patience_s": patience_s,
        "checked": checked,
        "by": ordered_by,
    }
    return str((await _ask(path, question)).get("batch"))


async def _ask(path: Path, question: Payload) -> Payload:
    try:
        reader, writer = await asyncio.open_unix_connection(str(path))
    except OSError as error:
        raise NotConnectedError(f"no backend serves {path.name.removesuffix('.control')}: start it first") from error
    writer.write(dumps(question).encode() + b"\n")
    line = await reader.readline()
    writer.close()
    answer = loads(line.decode()) if line else {"error": "the backend ended"}
    match answer:
        case {"result": dict(result)}:
            return result
        case {"error": str(reason)}:
            raise CommandError(reason)
        case _:
            raise CommandError("the backend's answer can't be read; is it of another version?")


async def _execute(commands: Commands, orders: Orders, line: bytes) -> Payload:
    try:
        question = loads(line.decode())
        match question:
            case {"charge_point": str(charge_point), "action": str(action), "payload": dict(payload), **more}:
                checked = more.get("checked") is not False
                return {"result": await commands.send(ChargePointId(charge_point), action, payload, checked=checked)}
            case {"charge_points": list(names), "action": str(), "payload": dict(), "patience_s": int() | Decimal()}:
                return {"result": {"batch": await _give(orders, [str(name) for name in names], question)}}
            case _:
                return {"error": "the command lacks charge_point, action or payload"}
    except ValueError:
        return {"error": "the command is not JSON"}
    except CommandError as error:
        return {"error": str(error)}
    except LookupError as error:
        return {"error": f"there is no charge point {error}"}


# Any: JSON whose shape was matched before.
async def _give(orders: Orders, names: list[str], question: Any) -> str:
    batch = secrets.token_hex(16)
    await orders.give(
        names,
        question["action"],
        question["payload"],
        patience=timedelta(seconds=float(question["patience_s"])),
        checked=question.get("checked") is not False,
        ordered_by=str(question.get("by", "")),
        batch=batch,
    )
    return batch
