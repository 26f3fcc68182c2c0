"""The sessions of OCPP 2.x that central systems lose: sent twice, backwards, late, in part, by strangers."""

import asyncio
import itertools
from base64 import b64decode, b64encode
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import TypeVar, cast

import pytest
from sqlalchemy import func, select

from backend.core.rates.rating import Policy
from backend.core.transaction import State
from backend.jobs.rate_ended import rate_ended
from backend.jobs.verify_signed import verify_signed
from backend.services.apply import apply
from backend.services.master_data import parse_master_data
from backend.store import tables
from backend.store.event_log import LATE_VALUES, signed_values
from backend.store.overview import find_transaction
from backend.store.ratings import current_cdr
from backend.store.transactions import LATE_MESSAGES, Transaction
from backend.store.writer import Store, Work
from shared.clock import ManualClock
from shared.metering import ReadingContext, SignedData
from shared.ocpp.session import Payload, loads
from shared.ocpp.validation import Version, violation
from tests.unit.backend.events_v201 import KEY, SESSION, TOKEN, ended, message, meter, started, updated
from tests.unit.backend.world import MASTER, NOW, Station, at, open_world
from tests.unit.backend.world import start as start_v16
from tests.unit.backend.world import stop as stop_v16

OTHER_KEY = "4711"

T = TypeVar("T")


class ModernStation(Station):
    """A station of OCPP 2.x; every payload that goes or comes is checked against its schema."""

    async def report_evse(self, number: int = 1) -> None:
        status = {"timestamp": "2026-10-31T18:00:00Z", "connectorStatus": "Available", "evseId": number}
        await self.call("StatusNotification", {**status, "connectorId": 1})

    async def tell(self, *events: Payload) -> list[Payload]:
        answers = []
        for event in events:
            assert violation(self.version, "TransactionEvent", event) is None
            answer = await self.call("TransactionEvent", event)
            assert violation(self.version, "TransactionEvent", answer, answer=True) is None
            answers.append(answer)
        return answers

    async def the_transaction(self) -> Transaction:
        [transaction] = await self.transactions()
        return transaction

    async def notes(self, number: int = 1) -> str:
        detail = await self.store.read(lambda unit: find_transaction(unit, number))
        assert detail
        return detail.summary.notes

    async def count(self, table: str) -> int:
        return int(
            await self.store.read(
                lambda unit: unit.execute(select(func.count()).select_from(tables.metadata.tables[table])).scalar_one()
            )
        )

    async def rate(self) -> None:
        await verify_signed(self.store, ManualClock(NOW))
        await rate_ended(self.store, ManualClock(NOW), Policy())


Story = Callable[[ModernStation], Awaitable[None]]


def play(folder: Path, story: Story, version: Version = Version.V201) -> None:
    async def scenario() -> None:
        async with open_world(folder) as store:
            station = ModernStation(store, version=version)
            await station.report_evse()
            await story(station)

    asyncio.run(scenario())


def is_right(transaction: Transaction) -> bool:
    registers = (transaction.meter_start, transaction.meter_stop)
    return (transaction.state, transaction.held_reason, registers) == (State.ENDED, "", (1000, 12_000))


@pytest.mark.parametrize("version", [Version.V201, Version.V21])
def test_a_session_is_kept_with_its_tariff(tmp_path: Path, version: Version) -> None:
    async def story(station: ModernStation) -> None:
        assert await station.tell(started()) == [{"idTokenInfo": {"status": "Accepted"}}]
        assert await station.tell(updated(1, 10, 3000), updated(2, 20, 5000)) == [{}, {}]
        assert (await station.the_transaction()).state is State.RUNNING
        assert await station.tell(ended()) == [{}]
        transaction = await station.the_transaction()
        assert is_right(transaction)
        assert "tariff flat of operator muster" in transaction.tariff_reason
        assert await station.notes() == ""

    play(tmp_path, story, version)


def test_each_event_sent_twice_or_the_whole_session_again_is_one_session(tmp_path: Path) -> None:
    async def story(station: ModernStation) -> None:
        for event in SESSION:
            await station.tell(event, event)
        await station.tell(*({**event, "offline": True} for event in SESSION))
        assert is_right(await station.the_transaction())
        assert await station.count("transaction_event") == len(SESSION)
        assert await station.count("meter_value") == len(SESSION)
        assert await station.notes() == ""

    play(tmp_path, story)


def test_events_in_any_order_give_the_same_session(tmp_path: Path) -> None:
    async def story(station: ModernStation) -> None:
        orders = list(itertools.permutations(range(len(SESSION))))
        for i, order in enumerate(orders):
            shift = 100 * i
            key = f"t{i}"
            events = (
                started(1000, shift, key=key),
                updated(1, shift + 10, 3000, key=key),
                updated(2, shift + 20, 5000, key=key),
                ended(3, 12_000, shift + 60, key=key),
            )
            await station.tell(*(events[number] for number in order))
        transactions = await station.transactions()
        assert len(transactions) == len(orders)
        assert all(is_right(transaction) for transaction in transactions)
        assert {"tariff flat of operator muster" in one.tariff_reason for one in transactions} == {True}

    play(tmp_path, story)


def test_a_long_offline_session_replayed_loses_no_wh(tmp_path: Path) -> None:
    async def story(station: ModernStation) -> None:
        values = [updated(i, i, 1000 + 100 * i, offline=True) for i in range(1, 110)]
        await station.tell(started(offline=True), *values, ended(110, 12_000, 110, offline=True))
        assert is_right(await station.the_transaction())
        assert await station.count("meter_value") == 111

    play(tmp_path, story)


def test_what_is_held_by_its_missing_start_is_released_when_that_comes(tmp_path: Path) -> None:
    async def story(station: ModernStation) -> None:
        await station.tell(ended(), updated(1, 10, 3000))
        held = await station.the_transaction()
        assert (held.state, held.meter_stop) == (State.HELD, 12_000)
        assert "its start has not come" in held.held_reason
        await station.tell(started())
        assert is_right(await station.the_transaction())
        assert await station.notes() == "seqNo 2 never came"
        await station.tell(updated(2, 20, 5000))
        assert await station.notes() == ""

    play(tmp_path, story)


def test_the_token_may_come_when_the_vehicle_is_connected_already(tmp_path: Path) -> None:
    async def story(station: ModernStation) -> None:
        bare = {key: value for key, value in started().items() if key not in ("idToken", "evse")}
        await station.tell(bare)
        before = await station.the_transaction()
        assert (before.state, before.held_reason, before.tariff_reason) == (State.RUNNING, "", "")
        told = updated(1, 1, 1000, idToken=TOKEN, evse={"id": 1}, triggerReason="Authorized")
        assert await station.tell(told) == [{"idTokenInfo": {"status": "Accepted"}}]
        assert "tariff flat" in (await station.the_transaction()).tariff_reason
        await station.tell(ended())
        assert is_right(await station.the_transaction())

    play(tmp_path, story)


@pytest.mark.parametrize(
    ("token", "status", "words"),
    [
        ("STRANGER", "Unknown", "its token ***ER is unknown"),
        ("BLOCKED1", "Blocked", "is blocked"),
        ("EXPIRED1", "Expired", "is expired"),
    ],
)
def test_a_session_with_a_bad_token_is_kept_and_held(tmp_path: Path, token: str, status: str, words: str) -> None:
    async def story(station: ModernStation) -> None:
        [answer] = await station.tell(started(idToken={"idToken": token, "type": "Central"}))
        info = answer["idTokenInfo"]
        assert isinstance(info, dict)
        assert info["status"] == status
        await station.tell(ended(1))
        held = await station.the_transaction()
        assert (held.state, held.meter_start, held.meter_stop) == (State.HELD, 1000, 12_000)
        assert words in held.held_reason

    play(tmp_path, story)


def test_adding_the_token_releases_the_session(tmp_path: Path) -> None:
    async def story(station: ModernStation) -> None:
        await station.tell(started(idToken={"idToken": "STRANGER", "type": "Central"}), ended(1))
        added = MASTER + '\n[[id_token]]\ntoken = "STRANGER"\ncustomer = "K-1"\n'
        await station.store.write(lambda unit: apply(unit, parse_master_data(added), NOW))
        assert is_right(await station.the_transaction())

    play(tmp_path, story)


def test_an_evse_never_reported_holds_until_it_is(tmp_path: Path) -> None:
    async def story(station: ModernStation) -> None:
        await station.tell(started(evse={"id": 7}), ended(1))
        assert "connector 7 was never reported" in (await station.the_transaction()).held_reason
        await station.report_evse(7)
        assert is_right(await station.the_transaction())

    play(tmp_path, story)


def test_a_charge_without_authorization_is_kept_for_a_person(tmp_path: Path) -> None:
    async def story(station: ModernStation) -> None:
        nobody = {"idToken": "", "type": "NoAuthorization"}
        assert await station.tell(started(idToken=nobody)) == [{"idTokenInfo": {"status": "Accepted"}}]
        await station.tell(ended(1))
        held = await station.the_transaction()
        assert (held.state, held.held_reason) == (State.HELD, "nobody presented a token")

    play(tmp_path, story)


def test_two_sessions_at_once_on_one_evse_are_kept_apart(tmp_path: Path) -> None:
    async def story(station: ModernStation) -> None:
        await station.tell(started(), started(key=OTHER_KEY))
        await station.tell(updated(1, 10, 3000), updated(1, 30, 5000, key=OTHER_KEY))
        await station.tell(ended(2, 9000, 50, key=OTHER_KEY), ended(2, 4000, 29))
        assert [(t.meter_start, t.meter_stop, t.state) for t in await station.transactions()] == [
            (1000, 4000, State.ENDED),
            (1000, 9000, State.ENDED),
        ]

    play(tmp_path, story)


def test_another_station_with_the_same_transaction_id_is_another_transaction(tmp_path: Path) -> None:
    async def story(station: ModernStation) -> None:
        other = ModernStation(station.store, "CP-2", Version.V21)
        await other.report_evse()
        await station.tell(*SESSION)
        await other.tell(*SESSION)
        assert [is_right(transaction) for transaction in await station.transactions()] == [True, True]

    play(tmp_path, story)


def test_the_versions_live_side_by_side_also_in_one_station(tmp_path: Path) -> None:
    async def story(station: ModernStation) -> None:
        old = Station(station.store)
        answer = await old.call("StartTransaction", start_v16())
        number = answer["transactionId"]
        assert isinstance(number, int)
        await station.tell(*({**event, "transactionInfo": {"transactionId": str(number)}} for event in SESSION))
        await old.call("StopTransaction", stop_v16(number))
        assert [is_right(transaction) for transaction in await station.transactions()] == [True, True]

    play(tmp_path, story)


def test_a_second_end_that_says_something_else_is_kept_and_told(tmp_path: Path) -> None:
    async def story(station: ModernStation) -> None:
        await station.tell(*SESSION, ended(4, 13_000, 70))
        held = await station.the_transaction()
        assert (held.state, held.meter_stop) == (State.HELD, 12_000)
        assert "another says 13000 Wh" in held.held_reason

    play(tmp_path, story)


def test_the_lifetime_of_a_meter_is_not_billed_because_the_first_reading_was_zero(tmp_path: Path) -> None:
    async def story(station: ModernStation) -> None:
        await station.tell(started(0), updated(1, 1, 910_000), ended(2, 910_083))
        held = await station.the_transaction()
        assert held.state is State.HELD
        assert "the register jumps from 0 to 910000 Wh" in held.held_reason

    play(tmp_path, story)


def test_a_message_without_a_register_does_not_reset_the_session(tmp_path: Path) -> None:
    async def story(station: ModernStation) -> None:
        soc = {"timestamp": "2026-10-31T18:55:00Z", "sampledValue": [{"value": 55, "measurand": "SoC"}]}
        await station.tell(started(), updated(1, 10, 12_000), message("Updated", 2, 15, soc))
        await station.tell({**message("Ended", 3, 60), "transactionInfo": {"transactionId": KEY}})
        assert is_right(await station.the_transaction())

    play(tmp_path, story)


def test_odd_names_of_transactions_are_taken_as_they_are(tmp_path: Path) -> None:
    async def story(station: ModernStation) -> None:
        for key in ("", " ", "ü" * 36, "'; --", "0"):
            events = (started(key=key), ended(1, key=key))
            await station.tell(*events)
            await station.tell(*events)
        assert [is_right(transaction) for transaction in await station.transactions()] == [True] * 5

    play(tmp_path, story)


def test_values_after_the_rating_let_it_be_rated_again(tmp_path: Path) -> None:
    async def story(station: ModernStation) -> None:
        await station.tell(SESSION[0], SESSION[-1])
        await station.rate()
        await station.tell(SESSION[1])
        rated = await station.the_transaction()
        assert (rated.state, rated.meter_stop) == (State.RATED, 12_000)
        query = select(tables.charging_transaction.c.rerate_reason)
        assert await station.store.read(lambda unit: unit.scalar(query)) == LATE_VALUES

    play(tmp_path, story)


def test_a_late_register_beyond_an_end_that_had_none_is_billed_after_all(tmp_path: Path) -> None:
    async def story(station: ModernStation) -> None:
        bare_end = {key: value for key, value in ended().items() if key != "meterValue"}
        await station.tell(started(), updated(1, 10, 3000), bare_end)
        await station.rate()
        assert (await station.the_transaction()).meter_stop == 3000
        await station.tell(updated(2, 50, 11_000))
        query = select(tables.charging_transaction.c.rerate_reason)
        assert await station.store.read(lambda unit: unit.scalar(query)) == LATE_MESSAGES
        await station.rate()
        assert (await station.the_transaction()).meter_stop == 11_000
        cdr = await station.store.read(lambda unit: current_cdr(unit, 1))
        assert cdr is not None
        body = loads(cdr.body)
        assert isinstance(body, dict)
        assert (cdr.number, body["total_energy"]) == (1, 10)
        [answer] = await station.tell(bare_end)
        assert answer["totalCost"] == Decimal("5.83")

    play(tmp_path, story)


def test_what_contradicts_a_rated_session_is_told_beside_its_price(tmp_path: Path) -> None:
    async def story(station: ModernStation) -> None:
        await station.tell(*SESSION)
        await station.rate()
        await station.tell(ended(9, 99_000, 70))
        rated = await station.the_transaction()
        assert (rated.state, rated.meter_stop) == (State.RATED, 12_000)
        assert "another says 99000 Wh" in rated.held_reason

    play(tmp_path, story)


def test_a_station_that_counts_nothing_loses_nothing(tmp_path: Path) -> None:
    async def story(station: ModernStation) -> None:
        await station.tell(*({**event, "seqNo": 0} for event in SESSION))
        assert is_right(await station.the_transaction())
        assert await station.count("transaction_event") == len(SESSION)
        assert await station.notes() == "seqNo 0 came with more than one meaning"

    play(tmp_path, story)


def test_fractions_of_a_millisecond_do_not_move_a_rated_session(tmp_path: Path) -> None:
    async def story(station: ModernStation) -> None:
        begin = {**started(), "timestamp": "2026-10-31T18:40:00.1234567Z"}
        await station.tell(begin, ended(1))
        await station.rate()
        await station.tell({**message("Updated", 2, 61), "triggerReason": "EVDeparted"})
        query = select(tables.charging_transaction.c.rerate_reason)
        assert await station.store.read(lambda unit: unit.scalar(query)) == ""

    play(tmp_path, story)


def test_what_was_signed_comes_out_byte_for_byte_also_of_the_cdr(tmp_path: Path) -> None:
    plain = 'OCMF|{"FV":"1.0","RD":[{"RV":"12.000"}],"GI":"é ü"}|{"SD":"3045"}'
    data = b64encode(plain.encode()).decode()
    signed = {"signedMeterData": data, "signingMethod": "ECDSA", "encodingMethod": "OCMF", "publicKey": "3059"}

    async def story(station: ModernStation) -> None:
        begin = meter(0, 1000, "Transaction.Begin", signedMeterValue={**signed, "signedMeterData": "T0NNRnx7"})
        end = meter(60, 12_000, "Transaction.End", signedMeterValue=signed)
        events = ({**started(), "meterValue": [begin]}, {**ended(1), "meterValue": [end]})
        await station.tell(*events, *({**event, "offline": True} for event in events))
        await station.rate()
        kept = await station.store.read(lambda unit: signed_values(unit, 1))
        cdr = await station.store.read(lambda unit: current_cdr(unit, 1))
        assert [(one.reading.data.text, one.reading.context) for one in kept] == [
            ("T0NNRnx7", ReadingContext.BEGIN),
            (data, ReadingContext.END),
        ]
        assert kept[1].reading.data == SignedData(data, "3059", "ECDSA", "OCMF")
        assert cdr is not None
        body = loads(cdr.body)
        assert isinstance(body, dict)
        assert body["signed_data"] == {
            "encoding_method": "OCMF",
            "signed_values": [
                {"nature": "Start", "plain_data": "OCMF|{", "signed_data": "T0NNRnx7"},
                {"nature": "End", "plain_data": plain, "signed_data": data},
            ],
            "public_key": "3059",
        }

    play(tmp_path, story)


def test_what_a_station_of_old_signed_comes_out_byte_for_byte_also_of_the_cdr(tmp_path: Path) -> None:
    text = 'OCMF|{"FV":"1.0", "RD":[{"RV":"12.000"}],\t"GI":"é"}|{"SD":"3045"}\n'

    async def story(station: ModernStation) -> None:
        old = Station(station.store)
        await old.call("StartTransaction", start_v16())
        sample = {"value": text, "format": "SignedData", "context": "Transaction.End"}
        data = [{"timestamp": at(60), "sampledValue": [sample]}]
        for _ in range(2):
            await old.call("StopTransaction", {**stop_v16(1), "transactionData": data})
        await station.rate()
        [kept] = await station.store.read(lambda unit: signed_values(unit, 1))
        cdr = await station.store.read(lambda unit: current_cdr(unit, 1))
        assert kept.reading.data == SignedData(text)
        assert cdr is not None
        body = loads(cdr.body)
        assert isinstance(body, dict)
        [value] = body["signed_data"]["signed_values"]
        assert (value["nature"], value["plain_data"], b64decode(value["signed_data"])) == ("End", text, text.encode())

    play(tmp_path, story)


class Meanwhile:
    """A store where a message comes in just before the next change."""

    def __init__(self, station: ModernStation, late: Payload) -> None:
        self.read = station.store.read
        self._station, self._late = station, [late]

    async def write(self, work: Work[T]) -> T:
        while self._late:
            await self._station.tell(self._late.pop())
        return await self._station.store.write(work)


def test_a_message_that_comes_while_a_session_is_priced_is_in_its_price(tmp_path: Path) -> None:
    async def story(station: ModernStation) -> None:
        bare_end = {key: value for key, value in ended().items() if key != "meterValue"}
        await station.tell(started(), updated(1, 10, 3000), bare_end)
        meanwhile = cast(Store, Meanwhile(station, updated(2, 50, 11_000)))
        await rate_ended(meanwhile, ManualClock(NOW), Policy())
        assert (await station.the_transaction()).state is State.ENDED
        await station.rate()
        cdr = await station.store.read(lambda unit: current_cdr(unit, 1))
        assert cdr is not None
        body = loads(cdr.body)
        assert isinstance(body, dict)
        assert (cdr.number, body["total_energy"]) == (0, 10)

    play(tmp_path, story)
