import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from backend.core.transaction import Reading
from backend.core.transaction_messages import NO_EVSE, NO_TOKEN, assemble
from shared.ids import EvseId, IdToken, TransactionKey
from shared.metering import MeterReading, MeterValue, ReadingContext
from shared.ocpp.v201 import EventType, TransactionMessage
from shared.transaction import StopReason
from shared.units import Wh

T0 = datetime(2026, 10, 31, 18, 40, tzinfo=UTC)
TOKEN = IdToken("04A2B3C4")


def at(minute: float) -> datetime:
    return T0 + timedelta(minutes=minute)


def value(minute: float, energy: int, context: ReadingContext = ReadingContext.PERIODIC) -> MeterValue:
    return MeterValue(at(minute), MeterReading(Wh(energy)), context)


def message(kind: EventType, number: int, minute: float, *values: MeterValue) -> TransactionMessage:
    return TransactionMessage(kind, TransactionKey("t"), number, at(minute), None, None, values)


STARTED = replace(
    message(EventType.STARTED, 0, 0, value(0, 1000, ReadingContext.BEGIN)), evse_id=EvseId(1), id_token=TOKEN
)
UPDATED = message(EventType.UPDATED, 1, 10, value(10, 3000))
ENDED = replace(
    message(EventType.ENDED, 2, 60, value(60, 12_000, ReadingContext.END)), reason=StopReason.EV_DISCONNECTED
)


def test_the_order_of_messages_and_their_repetition_change_nothing() -> None:
    expected = assemble([STARTED, UPDATED, ENDED])
    assert (expected.problems, expected.notes) == ((), "")
    assert expected.start.reading == Reading(T0, Wh(1000))
    assert [(stop.reading, stop.reason) for stop in expected.stops] == [
        (Reading(at(60), Wh(12_000)), StopReason.EV_DISCONNECTED)
    ]
    for order in itertools.permutations([STARTED, UPDATED, ENDED]):
        found = assemble(order)
        assert replace(found, readings=()) == replace(expected, readings=())
        assert set(found.readings) == set(expected.readings)
    again = assemble([STARTED, replace(STARTED, offline=True), UPDATED, UPDATED, ENDED])
    assert (again.start, again.problems, again.notes) == (expected.start, (), "")


def test_token_and_evse_may_come_later_than_the_start() -> None:
    bare = replace(STARTED, evse_id=None, id_token=None)
    assert (assemble([bare]).start.id_token, assemble([bare]).start.evse_id, assemble([bare]).problems) == (
        NO_TOKEN,
        NO_EVSE,
        (),
    )
    told = assemble([bare, replace(UPDATED, evse_id=EvseId(2), id_token=TOKEN), ENDED])
    assert (told.start.id_token, told.start.evse_id, told.problems) == (TOKEN, 2, ())


def test_who_ends_it_need_not_be_who_pays() -> None:
    master = replace(ENDED, id_token=IdToken("MASTER"))
    assert assemble([STARTED, master]).start.id_token == TOKEN
    other = replace(UPDATED, id_token=IdToken("SAME-GROUP"), trigger="StopAuthorized")
    assert assemble([STARTED, other]).problems == ()
    assert assemble([replace(STARTED, id_token=None), master]).problems == ("nobody presented a token",)


@pytest.mark.parametrize(
    ("messages", "begin", "end"),
    [
        ([STARTED, UPDATED, replace(ENDED, values=())], 1000, 3000),
        ([replace(STARTED, values=()), UPDATED, ENDED], 3000, 12_000),
        (
            [replace(STARTED, values=()), replace(UPDATED, values=(value(10, 3000), value(5, 2000))), ENDED],
            2000,
            12_000,
        ),
        ([replace(STARTED, values=(value(0, 900), value(0, 1000, ReadingContext.BEGIN))), ENDED], 1000, 12_000),
        (
            [
                replace(STARTED, values=()),
                replace(ENDED, values=(value(0, 1000, ReadingContext.BEGIN), value(30, 5000), value(60, 12_000))),
            ],
            1000,
            12_000,
        ),
    ],
)
def test_registers_are_found_where_they_are(messages: list[TransactionMessage], begin: int, end: int) -> None:
    found = assemble(messages)
    assert (found.start.reading.energy, found.stops[0].reading.energy) == (begin, end)
    assert found.problems == ()


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        ([ENDED], "its start has not come; nobody presented a token; its EVSE was never told; no register was told"),
        ([UPDATED], "its start has not come"),
        ([STARTED, replace(STARTED, at=at(3))], "started more than once: 2026-10-31T18:40:00+00:00, 2026-10-31T18:43"),
        ([STARTED, replace(UPDATED, id_token=IdToken("04FFFFFF"))], "more than one token was presented: ***C4, ***FF"),
        ([STARTED, replace(UPDATED, evse_id=EvseId(2))], "name more than one EVSE: 1, 2"),
        ([replace(STARTED, values=()), ENDED], "no register was told before its end"),
    ],
)
def test_what_is_missing_or_contradicts_itself_is_told(messages: list[TransactionMessage], words: str) -> None:
    assert words in "; ".join(assemble(messages).problems)


def test_numbers_that_never_came_are_told_and_hold_nothing() -> None:
    messages = [STARTED, replace(UPDATED, seq_no=4), replace(UPDATED, seq_no=6), replace(ENDED, seq_no=10**15)]
    found = assemble(messages)
    assert found.problems == ()
    assert found.notes == "seqNo 1 to 3 never came; seqNo 5 never came; seqNo 7 to 999999999999999 never came"


def test_a_number_with_two_meanings_is_told_and_both_count() -> None:
    found = assemble([STARTED, UPDATED, replace(UPDATED, values=(value(20, 5000),)), replace(ENDED, values=())])
    assert found.notes == "seqNo 1 came with more than one meaning"
    assert found.stops[0].reading.energy == 5000
