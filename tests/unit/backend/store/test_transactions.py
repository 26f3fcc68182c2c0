import asyncio
import itertools
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from backend.core.transaction import State
from backend.services.apply import apply
from backend.services.master_data import parse_master_data
from backend.store import tables
from backend.store.overview import find_transaction
from shared.ocpp.session import Payload
from tests.unit.backend.world import MASTER, NOW, Station, open_world, start, stop, values

Story = Callable[[Station], Awaitable[None]]


def play(folder: Path, story: Story) -> None:
    async def scenario() -> None:
        async with open_world(folder) as store:
            station = Station(store)
            await station.report_connector()
            await story(station)

    asyncio.run(scenario())


async def begin(station: Station, payload: Payload | None = None) -> int:
    answer = await station.call("StartTransaction", payload or start())
    number = answer["transactionId"]
    assert isinstance(number, int)
    return number


async def count(station: Station, table: str) -> int:
    return int(
        await station.store.read(
            lambda unit: unit.execute(select(func.count()).select_from(tables.metadata.tables[table])).scalar_one()
        )
    )


def test_a_session_is_kept_with_its_tariff(tmp_path: Path) -> None:
    async def story(station: Station) -> None:
        number = await begin(station)
        await station.call("MeterValues", values(number, (10, 3000), (20, 5000)))
        assert [t.state for t in await station.transactions()] == [State.RUNNING]
        assert await station.call("StopTransaction", stop(number)) == {}
        [transaction] = await station.transactions()
        assert (transaction.state, transaction.held_reason) == (State.ENDED, "")
        assert (transaction.meter_start, transaction.meter_stop) == (1000, 12_000)
        assert "tariff flat of operator muster, version valid from 2025-12-31T23:00" in transaction.tariff_reason

    play(tmp_path, story)


def test_everything_sent_three_times_is_one_session(tmp_path: Path) -> None:
    async def story(station: Station) -> None:
        numbers = [await begin(station) for _ in range(3)]
        assert len(set(numbers)) == 1
        for _ in range(3):
            await station.call("MeterValues", values(numbers[0], (10, 3000), (20, 5000)))
        answers = [await station.call("StopTransaction", stop(numbers[0])) for _ in range(3)]
        assert answers == [{}, {}, {}]
        assert await begin(station) == numbers[0]
        [transaction] = await station.transactions()
        assert transaction.state is State.ENDED
        assert await count(station, "meter_value") == 2
        assert await count(station, "transaction_event") == 3

    play(tmp_path, story)


def test_events_in_any_order_give_the_same_session(tmp_path: Path) -> None:
    async def story(station: Station) -> None:
        results = []
        for i, order in enumerate(itertools.permutations(["early", "late", "stop"])):
            number = await begin(station, start(meter=1000 + i))
            for event in order:
                if event == "stop":
                    await station.call("StopTransaction", stop(number))
                else:
                    minute = 10 if event == "early" else 50
                    await station.call("MeterValues", values(number, (minute, 2000 + minute)))
            transaction = (await station.transactions())[-1]
            results.append((transaction.state, transaction.meter_stop, transaction.held_reason))
        assert set(results) == {(State.ENDED, 12_000, "")}
        assert await count(station, "meter_value") == 12

    play(tmp_path, story)


def test_message_ids_that_begin_again_after_a_reboot_lose_nothing(tmp_path: Path) -> None:
    async def story(station: Station) -> None:
        number = await begin(station)
        for minute in (10, 20):
            rebooted = Station(station.store)
            await rebooted.call("MeterValues", values(number, (minute, 2000 + minute)))
        assert await count(station, "meter_value") == 2
        assert await count(station, "transaction_event") == 3

    play(tmp_path, story)


def test_two_sessions_open_at_once_on_one_connector_are_kept_apart(tmp_path: Path) -> None:
    async def story(station: Station) -> None:
        first = await begin(station)
        second = await begin(station, start(meter=5000, minute=30))
        assert first != second
        await station.call("StopTransaction", stop(second, 9000, 50))
        await station.call("StopTransaction", stop(first, 5000, 29))
        assert [(t.meter_start, t.meter_stop, t.state) for t in await station.transactions()] == [
            (1000, 5000, State.ENDED),
            (5000, 9000, State.ENDED),
        ]

    play(tmp_path, story)


@pytest.mark.parametrize(
    ("tag", "status", "words"),
    [
        ("STRANGER", "Invalid", "its token ***ER is unknown"),
        ("BLOCKED1", "Blocked", "is blocked"),
        ("EXPIRED1", "Expired", "is expired"),
    ],
)
def test_a_session_with_a_bad_token_is_kept_and_held(tmp_path: Path, tag: str, status: str, words: str) -> None:
    async def story(station: Station) -> None:
        answer = await station.call("StartTransaction", start(tag=tag))
        info, number = answer["idTagInfo"], answer["transactionId"]
        assert isinstance(info, dict)
        assert isinstance(number, int)
        assert info["status"] == status
        await station.call("StopTransaction", stop(number))
        [transaction] = await station.transactions()
        assert (transaction.state, transaction.meter_stop) == (State.HELD, 12_000)
        assert words in transaction.held_reason

    play(tmp_path, story)


def test_adding_the_token_releases_what_was_held_and_chooses_the_tariff(tmp_path: Path) -> None:
    async def story(station: Station) -> None:
        number = await begin(station, start(tag="STRANGER"))
        await station.call("StopTransaction", stop(number))
        known = parse_master_data(MASTER + '\n[[id_token]]\ntoken = "stranger"\ncustomer = "K-1"\n')
        outcome = await station.store.write(lambda unit: apply(unit, known, NOW))
        assert outcome.released == 1
        [transaction] = await station.transactions()
        assert (transaction.state, transaction.held_reason) == (State.ENDED, "")
        assert "tariff flat" in transaction.tariff_reason

    play(tmp_path, story)


def test_a_session_on_a_connector_never_reported_is_held_until_it_is(tmp_path: Path) -> None:
    async def story(station: Station) -> None:
        number = await begin(station, start(connector=2))
        await station.call("StopTransaction", stop(number))
        [transaction] = await station.transactions()
        assert transaction.state is State.HELD
        assert "connector 2 was never reported" in transaction.held_reason
        await station.report_connector(2)
        [transaction] = await station.transactions()
        assert transaction.state is State.ENDED

    play(tmp_path, story)


def test_a_stop_that_says_something_else_is_kept_and_flagged(tmp_path: Path) -> None:
    async def story(station: Station) -> None:
        number = await begin(station)
        await station.call("StopTransaction", stop(number))
        await station.call("StopTransaction", stop(number, 13_000, 70))
        [transaction] = await station.transactions()
        assert (transaction.state, transaction.meter_stop) == (State.HELD, 12_000)
        assert "another says 13000 Wh" in transaction.held_reason
        assert await count(station, "transaction_event") == 3

    play(tmp_path, story)


def test_what_comes_after_rating_changes_no_price_and_is_told(tmp_path: Path) -> None:
    async def story(station: Station) -> None:
        number = await begin(station)
        await station.call("StopTransaction", stop(number))
        rated = update(tables.charging_transaction).values(state="rated")
        await station.store.write(lambda unit: unit.execute(rated))
        await station.call("MeterValues", values(number, (70, 12_000)))
        await station.call("StopTransaction", stop(number, 13_000, 70))
        [transaction] = await station.transactions()
        assert (transaction.state, transaction.meter_stop) == (State.RATED, 12_000)
        assert "another says 13000 Wh" in transaction.held_reason
        assert await count(station, "meter_value") == 1

    play(tmp_path, story)


def test_another_stations_session_can_not_be_stopped(tmp_path: Path) -> None:
    async def story(station: Station) -> None:
        number = await begin(station)
        await Station(station.store, "CP-2").call("StopTransaction", stop(number, 3000))
        own, foreign = await station.transactions()
        if own.state is State.HELD:
            own, foreign = foreign, own
        assert (own.state, own.charge_point_id) == (State.RUNNING, "CP-1")
        assert (foreign.state, foreign.charge_point_id, foreign.meter_stop) == (State.HELD, "CP-2", 3000)
        assert f"the station called it {number}" in foreign.held_reason

    play(tmp_path, story)


def test_messages_of_an_unknown_transaction_are_kept_together(tmp_path: Path) -> None:
    async def story(station: Station) -> None:
        for _ in range(2):
            await station.call("MeterValues", values(4711, (10, 3000)))
            await station.call("MeterValues", values(4711, (20, 5000)))
            await station.call("StopTransaction", stop(4711, 6000, 30))
        [transaction] = await station.transactions()
        assert (transaction.state, transaction.evse_id) == (State.HELD, 1)
        assert (transaction.meter_start, transaction.meter_stop) == (3000, 6000)
        assert await count(station, "meter_value") == 2

    play(tmp_path, story)


def test_transactions_without_a_number_are_told_apart_by_their_ends(tmp_path: Path) -> None:
    async def story(station: Station) -> None:
        for _ in range(2):  # all of it is sent again
            await station.call("MeterValues", values(-1, (10, 3000)))
            await station.call("StopTransaction", stop(-1, 6000, 30))
            await station.call("MeterValues", values(-1, (40, 6500)))
            await station.call("StopTransaction", stop(-1, 9000, 60))
        assert [(t.meter_start, t.meter_stop, t.state) for t in await station.transactions()] == [
            (3000, 6000, State.HELD),
            (6500, 9000, State.HELD),
        ]

    play(tmp_path, story)


def test_values_without_an_energy_register_reset_nothing(tmp_path: Path) -> None:
    async def story(station: Station) -> None:
        number = await begin(station)
        sample = {"value": "230.1", "measurand": "Voltage", "unit": "V"}
        batch = {"timestamp": "2026-10-31T18:50:00Z", "sampledValue": [sample]}
        for told in (number, 4711):
            await station.call("MeterValues", {"connectorId": 1, "transactionId": told, "meterValue": [batch]})
        await station.call("StopTransaction", stop(number))
        [transaction] = await station.transactions()
        assert (transaction.state, transaction.meter_stop) == (State.ENDED, 12_000)
        assert await count(station, "transaction_event") == 3

    play(tmp_path, story)


def test_the_original_of_every_message_stays(tmp_path: Path) -> None:
    async def story(station: Station) -> None:
        number = await begin(station)
        signed = {"value": 'OCMF|{"RV":"1.000"}|{}', "format": "SignedData", "context": "Transaction.End"}
        energy = {"value": "12.000", "unit": "kWh", "context": "Transaction.End"}
        data = [{"timestamp": "2026-10-31T19:40:00Z", "sampledValue": [energy, signed]}]
        await station.call("StopTransaction", {**stop(number), "transactionData": data})
        found = await station.store.read(lambda unit: find_transaction(unit, number))
        assert found
        [payload] = [row.payload for row in found.events if row.kind == "Ended"]
        assert r'"value":"OCMF|{\"RV\":\"1.000\"}|{}"' in payload
        assert '"value":"12.000"' in payload

    play(tmp_path, story)
