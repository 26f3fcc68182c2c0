"""Orders to stations: kept, sent as soon as their station is there, and concluded with what it answered.

One order a station is on its way at a time, in the order of their giving. What an order means to a station is between
the two: here only its way is known.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NoReturn

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from backend.core.order import NewOrder, Order, OrderState
from backend.core.proofs.meter_key_order import told_keys
from backend.csms.commands import Commands
from backend.csms.connections import Connections
from backend.errors import (
    CommandError,
    CommandRefusedError,
    CommandTimeoutError,
    InvalidCommandError,
    NotConnectedError,
    StoreError,
)
from backend.store import orders as rows
from backend.store.told_keys import take_told_key
from backend.store.writer import Store, short_reason
from shared.clock import Clock
from shared.ids import ChargePointId
from shared.log import Log
from shared.ocpp.session import Payload, dumps, loads
from shared.ocpp.validation import violation

log = Log(__name__)

_REST_S = 0.05
"""Link time between two looks for orders: bounds the load while stations commit many times a second."""

_LONGEST_S = 60.0
"""Link time after which orders are looked for even if nothing woke us: clocks are set."""


class Orders:
    """See the module. `run` must be running for anything to be sent."""

    def __init__(self, store: Store, clock: Clock, connections: Connections, commands: Commands) -> None:
        self._store, self._clock = store, clock
        self._connections, self._commands = connections, commands
        self._busy: set[str] = set()
        self._freed = asyncio.Event()
        self._stuck = False

    async def give(
        self,
        charge_points: Sequence[str],
        action: str,
        payload: Payload,
        *,
        patience: timedelta,
        checked: bool,
        ordered_by: str,
        batch: str,
    ) -> list[Order]:
        """Keep an order for each station, and give them as they are; it is durable when this returns.

        Args:
            charge_points: to whom.
            action: name of the request.
            payload: of the request.
            patience: how long to wait for a station that is not connected.
            checked: False sends what the station's version does not have, too.
            ordered_by: who gives it, for the history.
            batch: names the orders together; given again it changes nothing and gives the orders of before.

        Raises:
            InvalidCommandError: a station that is connected could never take it; nothing was kept.
            LookupError: a charge point does not exist; nothing was kept.
        """
        for name in charge_points if checked else ():
            connection = self._connections.find(ChargePointId(name))
            if connection and (wrong := violation(connection.version, action, payload)):
                raise InvalidCommandError(f"{name}, {action}: {wrong}")
        now = self._clock.utc()
        new = [
            NewOrder(name, action, dumps(payload), now + patience, checked, ordered_by, batch) for name in charge_points
        ]
        log.info("ordered", action=action, stations=len(new), batch=batch, by=ordered_by)
        return await self._store.write(lambda connection: rows.give(connection, new, now))

    async def outcome(self, batch: str) -> list[Order]:
        """Wait until all orders of a batch have ended, and give them. Cancelling is safe."""
        while True:
            seen = self._store.version
            found = await self._store.read(lambda connection: rows.list_orders(connection, 1000, batch=batch))
            if not any(order.is_open for order in found):
                return found[::-1]
            await self._store.changed(seen)

    async def cancel(self, number: int) -> bool:
        """Take back an order; False if it was sent already."""
        now = self._clock.utc()
        return await self._store.write(lambda connection: rows.cancel(connection, number, now))

    async def run(self) -> NoReturn:
        """Send what waits until cancelled."""
        async with asyncio.TaskGroup() as group:
            started = False
            while True:
                seen, present, due = self._store.version, self._connections.version, None
                self._freed.clear()
                try:
                    if not started:
                        await self._store.write(lambda connection: rows.forget_sent(connection, self._clock.utc()))
                        started = True
                    due = await self._look(group)
                    self._stuck = False
                except (StoreError, SQLAlchemyError) as error:
                    if not self._stuck:
                        log.error("orders_stuck", reason=short_reason(error))
                    self._stuck = True
                await asyncio.sleep(_REST_S)
                await self._wait(seen, present, due)

    async def _look(self, group: asyncio.TaskGroup) -> datetime | None:
        """Begin to send what can be sent, and tell when the next order expires."""
        now = self._clock.utc()
        due = await self._store.read(rows.next_expiry)
        if due is not None and due <= now:
            await self._store.write(lambda connection: rows.expire(connection, now))
            due = await self._store.read(rows.next_expiry)
        if due is None:
            return None
        free = [one.charge_point_id for one in self._connections.all() if one.charge_point_id not in self._busy]
        for order in await self._store.read(lambda connection: rows.next_orders(connection, free, now)):
            self._busy.add(order.charge_point_id)
            group.create_task(self._send(order), name=f"order {order.id}")
        return due

    async def _send(self, order: Order) -> None:
        try:
            if await self._claim(order):
                await self._conclude(order, *await self._try(order))
        except (StoreError, SQLAlchemyError) as error:
            log.error("order_not_concluded", order=order.id, reason=short_reason(error))
        finally:
            self._busy.discard(order.charge_point_id)
            self._freed.set()

    async def _claim(self, order: Order) -> bool:
        now = self._clock.utc()
        return await self._store.write(lambda connection: rows.claim(connection, order.id, now))

    async def _try(self, order: Order) -> tuple[OrderState, str, str]:
        payload = loads(order.payload)
        assert isinstance(payload, dict)  # noqa: S101  `give` stored one
        to = ChargePointId(order.charge_point_id)
        try:
            answer = await self._commands.send(to, order.action, payload, checked=order.checked)
        except InvalidCommandError as error:
            return OrderState.UNFIT, "", str(error)
        except (CommandTimeoutError, NotConnectedError) as error:
            # The connection may have broken after the station had read it.
            return OrderState.SILENT, "", str(error)
        except CommandRefusedError as error:
            return OrderState.REFUSED, "", str(error)
        except CommandError as error:
            return OrderState.SILENT, "", str(error)
        return OrderState.ANSWERED, dumps(answer), ""

    async def _conclude(self, order: Order, state: OrderState, answer: str, reason: str) -> None:
        now = self._clock.utc()

        def work(connection: Connection) -> None:
            done = rows.conclude(connection, order.id, state, now, answer=answer, reason=reason)
            for told in told_keys(order.action, loads(answer)) if done and answer else ():  # type: ignore[arg-type]
                take_told_key(connection, order.charge_point_id, told, now)

        await self._store.write(work)
        log.info("order_ended", order=order.id, charge_point=order.charge_point_id, action=order.action, state=state)

    async def _wait(self, seen: int, present: int, due: datetime | None) -> None:
        """Wait for a commit, a station that comes or is free again, the next expiry or the longest pause."""
        wakers = [
            asyncio.create_task(self._store.changed(seen)),
            asyncio.create_task(self._connections.changed(present)),
            asyncio.create_task(self._freed.wait()),
            asyncio.create_task(asyncio.sleep(_LONGEST_S)),
        ]
        if due is not None:
            wakers.append(asyncio.create_task(self._clock.sleep((due - self._clock.utc()).total_seconds())))
        try:
            await asyncio.wait(wakers, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for waker in wakers:
                waker.cancel()
            await asyncio.gather(*wakers, return_exceptions=True)
