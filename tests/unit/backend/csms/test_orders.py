"""Orders to stations: sent once, in order, when their station is there, and ended with what it said."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path

import pytest

from backend.core.order import Order, OrderState
from backend.csms.commands import Commands
from backend.csms.connections import Connection, Connections
from backend.csms.orders import Orders
from backend.errors import CommandRefusedError, CommandTimeoutError, InvalidCommandError
from backend.store import orders as rows
from backend.store.meter_keys import MeterPlace, key_events, list_meter_keys, pin_key
from backend.store.signed import findings
from backend.store.told_keys import key_at_evse
from backend.store.writer import Store
from shared.clock import ManualClock
from shared.ids import ChargePointId
from shared.ocpp.session import Payload
from shared.ocpp.validation import Version
from tests.unit.backend.signed_example import METER, Signer
from tests.unit.backend.world import NOW, open_world

MINUTE = timedelta(minutes=1)


class Scene:
    """A store with two charge points, who is connected, and the orders at work."""

    def __init__(self, store: Store) -> None:
        self.store, self.clock, self.connections = store, ManualClock(NOW), Connections()
        self.orders = Orders(store, self.clock, self.connections, Commands(self.connections))

    def connect(self, name: str = "CP-1", version: Version = Version.V16) -> Connection:
        connection = Connection(ChargePointId(name), NOW, "test", version, lambda: None, NOW)
        self.connections.add(connection)
        return connection

    async def give(
        self, *names: str, action: str = "Reset", payload: Payload | None = None, checked: bool = True, batch: str = "b"
    ) -> list[Order]:
        wanted = {"type": "Soft"} if payload is None else payload
        return await self.orders.give(
            names, action, wanted, patience=MINUTE, checked=checked, ordered_by="anna", batch=batch
        )

    async def find(self, number: int) -> Order:
        found = await self.store.read(lambda connection: rows.find_order(connection, number))
        assert found
        return found

    async def ended(self, batch: str = "b") -> list[Order]:
        async with asyncio.timeout(10):
            return await self.orders.outcome(batch)


def play(folder: Path, story: Callable[[Scene], Awaitable[None]]) -> None:
    async def run() -> None:
        async with open_world(folder) as store, _at_work(Scene(store)) as scene:
            await story(scene)

    asyncio.run(run())


@asynccontextmanager
async def _at_work(scene: Scene) -> AsyncIterator[Scene]:
    working = asyncio.create_task(scene.orders.run())
    try:
        yield scene
    finally:
        working.cancel()
        with suppress(asyncio.CancelledError):
            await working


def test_an_order_waits_for_its_station_and_ends_with_its_answer(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        (order,) = await scene.give("CP-1")
        assert (order.state, order.ordered_by, order.operator_id) == (OrderState.WAITING, "anna", "muster")
        call = await scene.connect().calls.get()
        assert (call.action, call.payload) == ("Reset", {"type": "Soft"})
        assert (await scene.find(order.id)).state is OrderState.SENT
        call.answer.set_result({"status": "Rejected"})
        (ended,) = await scene.ended()
        assert (ended.state, ended.answer, ended.sent_at) == (OrderState.ANSWERED, '{"status":"Rejected"}', NOW)

    play(tmp_path, story)


def test_orders_of_one_station_go_out_one_after_the_other_and_those_of_another_meanwhile(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        first, second = scene.connect("CP-1"), scene.connect("CP-2")
        await scene.give("CP-1", "CP-2")
        await scene.give("CP-1", action="ClearCache", payload={}, batch="c")
        call = await first.calls.get()
        (await second.calls.get()).answer.set_result({"status": "Accepted"})
        assert (call.action, first.calls.empty()) == ("Reset", True)
        call.answer.set_result({"status": "Accepted"})
        (await first.calls.get()).answer.set_result({"status": "Accepted"})
        assert [one.action for one in await scene.ended("c")] == ["ClearCache"]

    play(tmp_path, story)


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (CommandRefusedError("NotSupported: no"), OrderState.REFUSED),
        (CommandTimeoutError("no answer within 30 s"), OrderState.SILENT),
    ],
)
def test_what_the_station_makes_of_it_is_kept_in_words(tmp_path: Path, error: Exception, state: OrderState) -> None:
    async def story(scene: Scene) -> None:
        station = scene.connect()
        await scene.give("CP-1")
        (await station.calls.get()).answer.set_exception(error)
        (ended,) = await scene.ended()
        assert (ended.state, ended.reason, ended.answer) == (state, str(error), "")

    play(tmp_path, story)


def test_an_order_ends_when_its_station_does_not_come_in_time(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        await scene.give("CP-1")
        scene.clock.advance(61)
        (ended,) = await scene.ended()
        assert ended.state is OrderState.EXPIRED
        assert "was not connected before the order expired" in ended.reason
        assert scene.connect().calls.empty()

    play(tmp_path, story)


def test_a_batch_given_again_changes_nothing_and_one_with_an_unknown_station_is_not_given_at_all(
    tmp_path: Path,
) -> None:
    async def story(scene: Scene) -> None:
        first = await scene.give("CP-1", "CP-2")
        assert await scene.give("CP-1", "CP-2") == first
        with pytest.raises(LookupError, match="CP-9"):
            await scene.give("CP-1", "CP-9", batch="c")
        assert len(await scene.store.read(lambda connection: rows.list_orders(connection, 10))) == 2

    play(tmp_path, story)


def test_what_the_station_s_version_does_not_have_is_refused_at_once_or_when_it_comes(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        scene.connect("CP-2", Version.V201)
        with pytest.raises(InvalidCommandError, match="CP-2, Reset: type"):
            await scene.give("CP-2")
        await scene.give("CP-1", action="GetBaseReport", payload={"requestId": 1, "reportBase": "FullInventory"})
        scene.connect("CP-1", Version.V16)
        (ended,) = await scene.ended()
        assert (ended.state, ended.reason) == (
            OrderState.UNFIT,
            "GetBaseReport: payload: OCPP 1.6 has no GetBaseReport",
        )

    play(tmp_path, story)


def test_unchecked_anything_is_sent(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        station = scene.connect()
        await scene.give("CP-1", action="MadeUp", payload={"by": "a vendor"}, checked=False)
        call = await station.calls.get()
        assert (call.action, call.payload, call.checked) == ("MadeUp", {"by": "a vendor"}, False)

    play(tmp_path, story)


def test_an_order_can_be_taken_back_until_it_is_sent(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        (order,) = await scene.give("CP-1")
        assert await scene.orders.cancel(order.id)
        assert (await scene.ended())[0].state is OrderState.CANCELLED
        station = scene.connect()
        (other,) = await scene.give("CP-1", batch="c")
        await station.calls.get()
        assert not await scene.orders.cancel(other.id)
        assert station.calls.empty()

    play(tmp_path, story)


def test_an_order_on_its_way_when_the_program_ended_is_never_sent_twice(tmp_path: Path) -> None:
    async def first_life(scene: Scene) -> None:
        station = scene.connect()
        await scene.give("CP-1")
        await station.calls.get()

    async def run() -> Order:
        async with open_world(tmp_path) as store:
            async with _at_work(Scene(store)) as scene:
                await first_life(scene)
            async with _at_work(Scene(store)) as scene:
                station = scene.connect()
                (ended,) = await scene.ended()
                assert station.calls.empty()
                return ended

    ended = asyncio.run(run())
    assert (ended.state, ended.reason) == (
        OrderState.SILENT,
        "the backend ended before an answer came: the station may have acted",
    )


def test_a_key_in_an_answer_is_kept_as_a_proposal_and_alarms_if_another_is_pinned(tmp_path: Path) -> None:
    place = MeterPlace("CP-1", 1, METER.serial)

    async def ask(scene: Scene, key: str, batch: str) -> list[str]:
        await scene.give("CP-1", action="GetConfiguration", payload={"key": ["MeterPublicKey1"]}, batch=batch)
        call = await scene.connections.all()[0].calls.get()
        call.answer.set_result({"configurationKey": [{"key": "MeterPublicKey1", "readonly": True, "value": key}]})
        await scene.ended(batch)
        return [one.kind for _, one in await scene.store.read(lambda unit: findings(unit, 9))]

    async def story(scene: Scene) -> None:
        scene.connect()
        assert await ask(scene, METER.key, "first") == []
        known = await scene.store.read(lambda unit: key_at_evse(unit, "CP-1", 1))
        assert (known.told, known.told_at, known.pinned) == (METER.key, NOW, "")
        assert await scene.store.read(list_meter_keys) == [], "nobody knows of which meter it is"
        await scene.store.write(lambda unit: pin_key(unit, place, METER.key, "Kim", NOW))
        assert await ask(scene, METER.key.lower(), "second") == []
        other = Signer(secret=4712).key
        assert await ask(scene, other, "third") == ["key_changed"]
        assert await ask(scene, other, "fourth") == ["key_changed"], "told once"
        known = await scene.store.read(lambda unit: key_at_evse(unit, "CP-1", 1))
        assert (known.told, known.pinned) == (other, METER.key)
        assert await ask(scene, "not a key", "fifth") == ["key_changed", "key_changed"]
        told = [one.kind for one in await scene.store.read(lambda unit: key_events(unit, place))]
        assert told == ["told", "told", "told", "pinned"]

    play(tmp_path, story)
