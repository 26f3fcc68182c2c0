"""OCPP 1.6: what to send next, and what an answer means."""

from datetime import UTC, datetime

import pytest

from shared.ids import EvseId, IdToken, MessageId, TransactionKey
from shared.metering import MeterReading, MeterValue
from shared.transaction import Ended, Started, StopReason, Updated
from shared.units import Wh
from station.core.authorize import TokenInfo
from station.core.delivery import Acknowledge, Entry, Message, Park, Retry, Rules
from station.ocpp16.dialect import Ocpp16

VALUE = MeterValue(datetime(2026, 10, 31, 12, tzinfo=UTC), MeterReading(Wh(1000)))
KEY = TransactionKey("k")
START = Started(KEY, EvseId(1), IdToken("AB"), VALUE)
SAMPLE = Updated(KEY, 1, EvseId(1), (VALUE,))
STOP = Ended(KEY, 2, EvseId(1), VALUE, StopReason.LOCAL)
ID = MessageId("j-1")
SPOKEN = Ocpp16()
RULES = Rules(attempts=3, retry_interval_s=60)


def test_a_start_needs_no_number_and_the_rest_carries_the_one_it_got() -> None:
    assert SPOKEN.outgoing(Entry(1, ID, START), RULES) == Message(
        "StartTransaction",
        {"connectorId": 1, "idTag": "AB", "meterStart": 1000, "timestamp": "2026-10-31T12:00:00Z"},
    )
    for event, action in ((SAMPLE, "MeterValues"), (STOP, "StopTransaction")):
        message = SPOKEN.outgoing(Entry(1, ID, event, transaction_id=77), RULES)
        assert isinstance(message, Message)
        assert (message.action, message.payload["transactionId"]) == (action, 77)


def test_the_rest_of_a_refused_start_is_parked_with_it_unless_told_otherwise() -> None:
    assert isinstance(SPOKEN.outgoing(Entry(1, ID, STOP), RULES), Park)
    message = SPOKEN.outgoing(Entry(1, ID, STOP), Rules(send_without_start=True))
    assert isinstance(message, Message)
    assert message.payload["transactionId"] == -1


def test_three_attempts_with_growing_waits() -> None:
    assert SPOKEN.judge_refusal(Entry(1, ID, STOP, refusals=0), "no", RULES) == Retry(60, "no")
    assert SPOKEN.judge_refusal(Entry(1, ID, STOP, refusals=1), "no", RULES) == Retry(120, "no")
    assert SPOKEN.judge_refusal(Entry(1, ID, STOP, refusals=2), "no", RULES) == Park("refused 3 times, last: no", True)


def test_a_sample_is_parked_alone_so_that_the_end_goes_out() -> None:
    parked = SPOKEN.judge_refusal(Entry(1, ID, SAMPLE, refusals=2), "no", RULES)
    assert parked == Park("refused 3 times, last: no", transaction=False)


def test_a_start_refused_for_good_parks_its_whole_transaction() -> None:
    parked = SPOKEN.judge_refusal(Entry(1, ID, START, refusals=2), "no", RULES)
    assert isinstance(parked, Park)
    assert parked.transaction
    last_resort = SPOKEN.judge_refusal(Entry(1, ID, START, refusals=2), "no", Rules(3, 60, send_without_start=True))
    assert last_resort == Park("refused 3 times, last: no", False)


@pytest.mark.parametrize("event", [SAMPLE, STOP])
def test_any_result_acknowledges_what_is_no_start(event: Updated | Ended) -> None:
    assert SPOKEN.judge_result(Entry(1, ID, event), {"surprise": 1}, RULES) == Acknowledge()


def test_a_start_is_acknowledged_with_its_number() -> None:
    payload = {"transactionId": 5, "idTagInfo": {"status": "Blocked"}}
    assert SPOKEN.judge_result(Entry(1, ID, START), payload, RULES) == Acknowledge(
        5, IdToken("AB"), TokenInfo("Blocked")
    )


@pytest.mark.parametrize("payload", [{}, {"transactionId": "5"}])
def test_an_answer_to_a_start_without_a_number_is_a_refusal(payload: dict[str, object]) -> None:
    assert SPOKEN.judge_result(Entry(1, ID, START), payload, RULES) == Retry(60, "the answer has no transactionId")
