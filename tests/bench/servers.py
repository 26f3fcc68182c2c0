# mypy: disable-error-code="import-untyped, misc, untyped-decorator"
# The ocpp package tells no types.
"""Servers that the benches compare with, each a process of its own; writes its port when it listens.

    python -m tests.bench.servers echo|lean|package FOLDER

`echo` gives back the text of every frame. `lean` is our own server whose store stores nothing. `package` is the `ocpp`
package as shipped, with SQLAlchemy's asynchronous ORM on SQLite: one commit for each message.
"""

import asyncio
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from ocpp.routing import on
from ocpp.v16 import ChargePoint as ChargePoint16
from ocpp.v16 import call_result as result16
from ocpp.v201 import ChargePoint as ChargePoint201
from ocpp.v201 import call_result as result201
from sqlalchemy import ForeignKey, event, select
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from backend.csms.connections import Connections
from backend.csms.server import OcppServer, OcppSettings
from backend.store.charge_points import ChargePoint
from backend.store.writer import Store, set_up
from shared.clock import SystemClock
from shared.ids import ChargePointId

ACCEPTED = {"status": "Accepted"}
PROTOCOLS = [Subprotocol("ocpp1.6"), Subprotocol("ocpp2.0.1")]


async def _listen(handle: Callable[[ServerConnection], Any]) -> None:
    async with serve(handle, "127.0.0.1", 0, subprotocols=PROTOCOLS, compression=None) as server:
        print(next(iter(server.sockets)).getsockname()[1], flush=True)
        await asyncio.Event().wait()


async def echo(_folder: Path) -> None:
    """Give back every frame."""

    async def handle(socket: ServerConnection) -> None:
        with suppress(ConnectionClosed):
            async for message in socket:
                await socket.send(message)

    await _listen(handle)


class _NoStore:
    """Takes units of work and runs none of them."""

    async def read(self, _query: object) -> ChargePoint:
        return ChargePoint(ChargePointId("S"), "muster", "", "", None, None)

    async def write(self, _work: object) -> object:
        return {}


async def lean(_folder: Path) -> None:
    """Run our server without a store."""
    store = cast(Store, _NoStore())
    server = OcppServer(store, Connections(), SystemClock(), OcppSettings())
    async with server.listen("127.0.0.1", 0) as port:
        print(port, flush=True)
        await asyncio.Event().wait()


class Base(DeclarativeBase):
    """The tables of a plain central system."""


class Transaction(Base):
    __tablename__ = "transactions"
    id: Mapped[int] = mapped_column(primary_key=True)
    station: Mapped[str]
    key: Mapped[str] = mapped_column(index=True)
    tag: Mapped[str]
    meter_start: Mapped[int]
    meter_stop: Mapped[int | None]


class Value(Base):
    __tablename__ = "meter_values"
    id: Mapped[int] = mapped_column(primary_key=True)
    transaction_id: Mapped[int] = mapped_column(ForeignKey("transactions.id"), index=True)
    at: Mapped[str]
    measurand: Mapped[str]
    phase: Mapped[str | None]
    value: Mapped[str]
    unit: Mapped[str | None]


def _rows(number: int, meter_value: Any) -> list[Value]:
    return [
        Value(
            transaction_id=number,
            at=row["timestamp"],
            measurand=sample.get("measurand", ""),
            phase=sample.get("phase"),
            value=str(sample["value"]),
            unit=sample.get("unit"),
        )
        for row in meter_value or ()
        for sample in row["sampled_value"]
    ]


async def package(folder: Path) -> None:
    """Run the package's charge points, with handlers as its examples have them."""
    engine = create_async_engine(f"sqlite+aiosqlite:///{folder}/package")
    event.listen(engine.sync_engine, "connect", set_up)
    event.listen(engine.sync_engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)

    class Station16(ChargePoint16):
        @on("Authorize")
        def on_authorize(self, **_: Any) -> Any:
            return result16.Authorize(id_tag_info=ACCEPTED)

        @on("StatusNotification")
        def on_status(self, **_: Any) -> Any:
            return result16.StatusNotification()

        @on("StartTransaction")
        async def on_start(self, id_tag: str, meter_start: int, **_: Any) -> Any:
            async with AsyncSession(engine) as session, session.begin():
                row = Transaction(station=self.id, key="", tag=id_tag, meter_start=meter_start)
                session.add(row)
                await session.flush()
                return result16.StartTransaction(transaction_id=row.id, id_tag_info=ACCEPTED)

        @on("MeterValues")
        async def on_values(self, transaction_id: int, meter_value: Any, **_: Any) -> Any:
            async with AsyncSession(engine) as session, session.begin():
                session.add_all(_rows(transaction_id, meter_value))
            return result16.MeterValues()

        @on("StopTransaction")
        async def on_stop(self, transaction_id: int, meter_stop: int, **_: Any) -> Any:
            async with AsyncSession(engine) as session, session.begin():
                row = await session.get(Transaction, transaction_id)
                assert row
                row.meter_stop = meter_stop
            return result16.StopTransaction(id_tag_info=ACCEPTED)

    class Station201(ChargePoint201):
        @on("Authorize")
        def on_authorize(self, **_: Any) -> Any:
            return result201.Authorize(id_token_info=ACCEPTED)

        @on("StatusNotification")
        def on_status(self, **_: Any) -> Any:
            return result201.StatusNotification()

        @on("TransactionEvent")
        async def on_event(self, event_type: str, transaction_info: Any, meter_value: Any = (), **_: Any) -> Any:
            key = transaction_info["transaction_id"]
            async with AsyncSession(engine) as session, session.begin():
                query = select(Transaction).filter_by(station=self.id, key=key)
                row = (await session.execute(query)).scalar_one_or_none()
                if row is None:
                    row = Transaction(station=self.id, key=key, tag="", meter_start=0)
                    session.add(row)
                    await session.flush()
                session.add_all(_rows(row.id, meter_value))
                if event_type == "Ended":
                    row.meter_stop = 0
            return result201.TransactionEvent()

    async def handle(socket: ServerConnection) -> None:
        assert socket.request
        kind = Station16 if socket.subprotocol == "ocpp1.6" else Station201
        with suppress(ConnectionClosed):
            await kind(socket.request.path.rpartition("/")[2], socket).start()

    await _listen(handle)


OCPP_RPC = """
const { RPCServer } = require('ocpp-rpc');
const server = new RPCServer({ protocols: ['ocpp1.6', 'ocpp2.0.1'], strictMode: true });
server.auth((accept) => accept({}));
server.on('client', (client) => {
  let number = 0;
  const old = client.protocol === 'ocpp1.6', accepted = { status: 'Accepted' };
  client.handle('Authorize', () => (old ? { idTagInfo: accepted } : { idTokenInfo: accepted }));
  client.handle('StatusNotification', () => ({}));
  client.handle('StartTransaction', () => ({ transactionId: ++number, idTagInfo: accepted }));
  client.handle('MeterValues', () => ({}));
  client.handle('StopTransaction', () => ({ idTagInfo: accepted }));
  client.handle('TransactionEvent', () => ({}));
});
server.listen(0, '127.0.0.1').then((http) => console.log(http.address().port));
"""
"""The same for Node's `ocpp-rpc` in strict mode; it stores nothing."""


if __name__ == "__main__":
    asyncio.run({"echo": echo, "lean": lean, "package": package}[sys.argv[1]](Path(sys.argv[2])))
