import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.ids import MessageId
from shared.ocpp.session import (
    CallInFlightError,
    CallReceived,
    CallTimedOut,
    ErrorCode,
    ErrorReceived,
    ProtocolViolation,
    ResultReceived,
    Session,
    dumps,
    loads,
)

_ID = MessageId("a-1")


def test_a_call_and_its_answer_pair() -> None:
    session = Session()
    assert session.call(_ID, "Heartbeat", {}, now=0.0) == '[2,"a-1","Heartbeat",{}]'
    assert session.receive('[3,"a-1",{"currentTime":"x"}]') == ResultReceived(_ID, "Heartbeat", {"currentTime": "x"})
    assert session.may_call


def test_one_call_at_a_time() -> None:
    session = Session()
    session.call(_ID, "Heartbeat", {}, now=0.0)
    with pytest.raises(CallInFlightError, match="Heartbeat waits"):
        session.call(MessageId("a-2"), "Authorize", {}, now=0.0)


def test_a_refusal_frees_the_line() -> None:
    session = Session()
    session.call(_ID, "StartTransaction", {}, now=0.0)
    event = session.receive('[4,"a-1","InternalError","no room",{}]')
    assert event == ErrorReceived(_ID, "StartTransaction", "InternalError", "no room")
    assert session.may_call


def test_an_answer_that_cannot_be_read_counts_as_refusal() -> None:
    session = Session()
    session.call(_ID, "StartTransaction", {}, now=0.0)
    assert isinstance(session.receive('[3,"a-1",null]'), ErrorReceived)
    assert session.may_call


def test_deadlines_are_data() -> None:
    session = Session(timeout_s=30)
    before = session.next_deadline
    session.call(_ID, "Heartbeat", {}, now=100.0)
    assert (before, session.next_deadline) == (None, 130.0)
    assert session.tick(129.9) is None
    assert session.tick(130.0) == CallTimedOut(_ID, "Heartbeat")
    assert session.may_call
    late = session.receive('[3,"a-1",{}]')
    assert isinstance(late, ProtocolViolation)
    assert late.reply is None


def test_the_peer_may_call_while_ours_is_in_flight() -> None:
    session = Session()
    session.call(_ID, "Heartbeat", {}, now=0.0)
    assert session.receive('[2,"s-1","Reset",{"type":"Soft"}]') == CallReceived(
        MessageId("s-1"), "Reset", {"type": "Soft"}
    )
    assert session.result(MessageId("s-1"), {"status": "Accepted"}) == '[3,"s-1",{"status":"Accepted"}]'
    assert not session.may_call


@pytest.mark.parametrize(
    ("text", "message_id", "code"),
    [
        ("", "-1", "FormationViolation"),
        ("{", "-1", "FormationViolation"),
        ("{}", "-1", "FormationViolation"),
        ("[]", "-1", "FormationViolation"),
        ('[2,"x"', "-1", "FormationViolation"),
        ("[2]", "-1", "FormationViolation"),
        ('[2,17,"Heartbeat",{}]', "-1", "FormationViolation"),
        ('[2,"","Heartbeat",{}]', "-1", "FormationViolation"),
        (f'[2,"{"i" * 37}","Heartbeat",{{}}]', "-1", "FormationViolation"),
        ('[2,"s-1"]', "s-1", "FormationViolation"),
        ('[2,"s-1","Heartbeat"]', "s-1", "FormationViolation"),
        ('[2,"s-1","Heartbeat",[]]', "s-1", "FormationViolation"),
        ('[2,"s-1",7,{}]', "s-1", "FormationViolation"),
        ('[2,"s-1","Heartbeat",{},"more"]', "s-1", "FormationViolation"),
        ('[9,"s-1","Heartbeat",{}]', "s-1", "ProtocolError"),
        ('[true,"s-1","Heartbeat",{}]', "s-1", "ProtocolError"),
        ('[2,"s-1","Heartbeat",{"a":NaN}]', "-1", "FormationViolation"),
        ('[2,"s-1","Heartbeat",{"a":"\\ud800"}]', "-1", "FormationViolation"),
        ("[" * 100_000, "-1", "FormationViolation"),
    ],
)
def test_malformed_frames_are_answered(text: str, message_id: str, code: str) -> None:
    event = Session().receive(text)
    assert isinstance(event, ProtocolViolation)
    assert event.reply is not None
    assert json.loads(event.reply)[:3] == [4, message_id, code]


@pytest.mark.parametrize("text", ['[3,"zzz",{}]', '[4,"zzz","GenericError","",{}]', f'[3,"{"i" * 40}",{{}}]'])
def test_answers_to_nothing_are_reported_and_not_answered(text: str) -> None:
    event = Session().receive(text)
    assert isinstance(event, ProtocolViolation)
    assert event.reply is None


@given(
    st.text()
    | st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=8).map(json.dumps)
)
def test_nothing_that_arrives_raises(text: str) -> None:
    event = Session().receive(text)
    if isinstance(event, ProtocolViolation) and event.reply:
        event.reply.encode()


def test_decimals_keep_their_digits() -> None:
    assert loads('{"limit":8.1}') == {"limit": Decimal("8.1")}
    assert (
        dumps({"limit": Decimal("8.1"), "whole": Decimal("16.0"), "name": "Säule"})
        == '{"limit":8.1,"whole":16,"name":"Säule"}'
    )


def test_an_error_text_is_cut_to_what_ocpp_allows() -> None:
    assert len(json.loads(Session().error(_ID, ErrorCode.INTERNAL_ERROR, "x" * 1000))[3]) == 255
