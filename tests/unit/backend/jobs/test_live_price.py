"""The cost of running transactions: shown by the engine that rates in the end, told to stations that understand it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from backend.core.rates.rating import Policy
from backend.errors import CommandRefusedError, CommandTimeoutError
from backend.jobs.live_price import CostTeller, LivePrices, LivePriceSettings
from backend.jobs.rate_ended import rate_ended
from backend.store.ratings import current_rating
from backend.store.writer import Store
from shared.clock import ManualClock
from shared.ids import ChargePointId
from shared.money import Money
from shared.ocpp.session import Payload
from shared.ocpp.validation import Version, violation
from shared.ocpp.vendor import RunningCost, decode_running_cost
from shared.units import Wh
from tests.unit.backend.events_v201 import KEY, started, updated
from tests.unit.backend.world import MASTER, NOW, Station, open_world, start, stop, values

BOOT = {"chargePointVendor": "emops", "chargePointModel": "M1"}


@dataclass
class Line:
    """The way to the stations: what was sent, and what they answer."""

    answer: Payload | Exception = field(default_factory=lambda: {"status": "Accepted"})
    free: bool = True
    sent: list[tuple[ChargePointId, RunningCost]] = field(default_factory=list)

    updates: list[Payload] = field(default_factory=list)

    async def send(self, charge_point_id: ChargePointId, action: str, payload: Payload) -> Payload:
        if action == "CostUpdated":
            assert violation(Version.V201, action, payload) is None
            self.updates.append(payload)
        else:
            assert action == "DataTransfer"
            self.sent.append((charge_point_id, decode_running_cost(payload)))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def is_free(self, _charge_point_id: ChargePointId) -> bool:
        return self.free


@dataclass
class World:
    store: Store
    station: Station
    clock: ManualClock
    line: Line

    def teller(self, tell: str = "emops") -> CostTeller:
        prices = LivePrices(self.store, Policy())
        settings = LivePriceSettings(tell=tell, every_s=60.0)
        return CostTeller(
            self.store, self.clock, settings, prices=prices, send=self.line.send, is_free=self.line.is_free
        )


def with_world(tmp_path: Path, test: Callable[[World], Awaitable[None]], vendor: str = "emops") -> None:
    async def run() -> None:
        async with open_world(tmp_path) as store:
            station = Station(store)
            await station.call("BootNotification", {**BOOT, "chargePointVendor": vendor})
            await station.report_connector()
            await station.call("StartTransaction", start())
            await test(World(store, station, ManualClock(NOW), Line()))

    asyncio.run(run())


def test_the_price_so_far_is_that_of_the_last_meter_value_and_ends_as_the_rating(tmp_path: Path) -> None:
    async def check(world: World) -> None:
        prices = LivePrices(world.store, Policy())
        (before,) = (await prices.all()).values()
        assert (before.total, before.reason) == (None, "no meter value has come yet")
        await world.station.call("MeterValues", values(1, (10, 3000), (20, 6000)))
        (live,) = (await prices.all()).values()
        assert (live.total, live.energy, live.at) == (
            Money(Decimal("2.92"), "EUR"),  # 5 kWh at 0.49 net
            5000,
            NOW + timedelta(minutes=20),
        )
        await world.station.call("MeterValues", values(1, (60, 12_000)))
        (last,) = (await prices.all()).values()
        await world.station.call("StopTransaction", stop(1))
        await rate_ended(world.store, world.clock, Policy())
        assert await prices.all() == {}
        rated = await world.store.read(lambda unit: current_rating(unit, 1))
        assert rated is not None
        assert last.total == Money(rated.total_gross, "EUR")

    with_world(tmp_path, check)


def test_what_has_no_price_says_why(tmp_path: Path) -> None:
    async def run() -> None:
        async with open_world(tmp_path, MASTER[: MASTER.index("[[assignment]]")]) as store:
            station = Station(store)
            await station.report_connector()
            await station.call("StartTransaction", start())
            await station.call("MeterValues", values(1, (10, 3000)))
            (live,) = (await LivePrices(store, Policy()).all()).values()
            assert live.total is None
            assert "no tariff is assigned" in live.reason

    asyncio.run(run())


def test_a_station_is_told_when_the_cost_changes_and_not_too_often(tmp_path: Path) -> None:
    async def check(world: World) -> None:
        teller = world.teller()
        assert await teller.run() is None
        await world.station.call("MeterValues", values(1, (10, 3000)))
        assert await teller.run() == NOW + timedelta(seconds=60)
        told = RunningCost(1, Money(Decimal("1.17"), "EUR"), Wh(2000), NOW + timedelta(minutes=10))
        assert world.line.sent == [("CP-1", told)]
        await world.station.call("MeterValues", values(1, (11, 4000)))
        await teller.run()
        assert len(world.line.sent) == 1
        world.clock.advance(60)
        await teller.run()
        assert [cost.energy for _, cost in world.line.sent] == [2000, 3000]
        world.clock.advance(3600)
        assert await teller.run() is None
        assert len(world.line.sent) == 2

    with_world(tmp_path, check)


@pytest.mark.parametrize(
    ("vendor", "tell", "told"),
    [("emops", "emops", 1), ("Other", "emops", 0), ("Other", "all", 1), ("emops", "none", 0)],
)
def test_only_stations_that_are_meant_are_told(tmp_path: Path, vendor: str, tell: str, told: int) -> None:
    async def check(world: World) -> None:
        await world.station.call("MeterValues", values(1, (10, 3000)))
        await world.teller(tell).run()
        assert len(world.line.sent) == told

    with_world(tmp_path, check, vendor)


def test_a_station_that_does_not_know_the_message_is_asked_once(tmp_path: Path) -> None:
    async def check(world: World) -> None:
        teller = world.teller("all")
        world.line.answer = {"status": "UnknownVendorId"}
        for minute in range(10, 14):
            await world.station.call("MeterValues", values(1, (minute, 300 * minute)))
            await teller.run()
            world.clock.advance(61)
        assert len(world.line.sent) == 1

    with_world(tmp_path, check, "Other")


def test_a_station_that_does_not_answer_is_told_later_and_only_when_it_is_free(tmp_path: Path) -> None:
    async def check(world: World) -> None:
        teller = world.teller()
        world.line.answer = CommandTimeoutError("CP-1 did not answer")
        await world.station.call("MeterValues", values(1, (10, 3000)))
        await teller.run()
        await teller.run()
        assert len(world.line.sent) == 1
        world.clock.advance(61)
        await world.station.call("MeterValues", values(1, (12, 3600)))
        world.line.free = False
        await teller.run()
        assert len(world.line.sent) == 1
        world.line.free = True
        await teller.run()
        assert len(world.line.sent) == 2

    with_world(tmp_path, check)


@pytest.mark.parametrize("refused", [False, True])
def test_a_station_of_a_later_version_is_told_in_its_words_unless_it_refuses(tmp_path: Path, refused: bool) -> None:
    async def check(world: World) -> None:
        await world.station.call("StopTransaction", stop(1))
        modern = Station(world.store, "CP-2", Version.V201)
        evse = {"timestamp": "2026-10-31T18:00:00Z", "connectorStatus": "Occupied", "evseId": 1, "connectorId": 1}
        await modern.call("StatusNotification", evse)
        await modern.call("TransactionEvent", started())
        world.line.answer = CommandRefusedError("no display") if refused else {}
        teller = world.teller()
        for number in (1, 2):
            await modern.call("TransactionEvent", updated(number, 10 * number, 1000 + 2000 * number))
            await teller.run()
            world.clock.advance(61)
        told = [{"totalCost": Decimal(cost), "transactionId": KEY} for cost in ("1.17", "2.33")]
        assert world.line.updates == told[: 1 if refused else 2]
        assert world.line.sent == []

    with_world(tmp_path, check)
