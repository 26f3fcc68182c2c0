import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from hardware.modem import profiles
from hardware.modem.at_link import value_of
from hardware.modem.at_session import Action, Answer, AtSession, Done, Received, Request, Send, Unsolicited
from hardware.modem.profiles import GENERIC, QUECTEL_EC25, Command
from tests.unit.hardware.modem.sessions import ec25_session

CASES = tomllib.loads((Path(__file__).parents[3] / "cases/at_transcripts.toml").read_text("utf-8"))["routing"]
COMMANDS = {
    command.text: command
    for command in (
        *profiles.REGISTRATIONS,
        profiles.SIGNAL,
        profiles.SIM_STATE,
        profiles.MODEL,
        profiles.EMPTY_VERIFY,
        profiles.OPERATOR,
        profiles.NETWORK_TIME,
        profiles.IMEI,
        QUECTEL_EC25.pin_counter,
        QUECTEL_EC25.iccid,
        GENERIC.pin_counter,
    )
}
SIGNAL = profiles.SIGNAL.request()
assert QUECTEL_EC25.sockets
READ = QUECTEL_EC25.sockets.read.request(size=1500)
SEND = QUECTEL_EC25.sockets.send.request(b"hello", size=5)


def answers(actions: Iterable[Action]) -> list[Answer]:
    return [action.answer for action in actions if isinstance(action, Done)]


def unsolicited(actions: Iterable[Action]) -> list[str]:
    return [action.text for action in actions if isinstance(action, Unsolicited)]


# Any: TOML.
@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_transcripts(case: dict[str, Any]) -> None:
    command, session = COMMANDS[case["command"]], ec25_session()
    assert session.submit(1, command.request(), now=0.0) == [Send(f"{case['command']}\r".encode())]
    actions = session.receive(case["received"].encode("latin-1"), now=0.1)
    if case.get("times_out"):
        assert answers(actions) == []
        actions += session.tick(now=command.timeout_s + 1)
    [answer] = answers(actions)
    assert answer.ok == case["ok"]
    assert value_of(command, answer) == case.get("value")
    assert answer.error_code == case.get("error_code")
    assert unsolicited(actions) == case.get("unsolicited", [])


ANSWERED: list[tuple[Command, bytes, object]] = [
    (profiles.SIGNAL, b"\r\n+CSQ: 17,99\r\n\r\nOK\r\n", "17"),
    (profiles.REGISTRATIONS[0], b"\r\n+CEREG: 1,5\r\n\r\nOK\r\n", "5"),
    (profiles.OPERATOR, b'\r\n+COPS: 0,0,"Example Mobil",7\r\n\r\nOK\r\n', "Example Mobil"),
    (profiles.MODEL, b"\r\nEC25\r\n\r\nOK\r\n", "EC25"),
    (profiles.IMEI, b"\r\n866758041234567\r\n\r\nOK\r\n", "866758041234567"),
    (QUECTEL_EC25.pin_counter, b'\r\n+QPINC: "SC",3,10\r\n\r\n+QPINC: "P2",3,10\r\n\r\nOK\r\n', "3"),
    (QUECTEL_EC25.iccid, b"\r\n+QCCID: 89490200001234567894\r\n\r\nOK\r\n", "89490200001234567894"),
]
UNCHECKED = (profiles.MODEL, QUECTEL_EC25.iccid)
"""Texts of any length: a torn one can't be told from a whole one."""
URCS = ["+CREG: 5", "+CEREG: 2", '+QIURC: "recv",0', "+QIND: SMS DONE", "RING", '+CTZV: "+04"']


@pytest.mark.parametrize("urc", URCS)
@pytest.mark.parametrize(("command", "received", "value"), ANSWERED, ids=lambda value: getattr(value, "text", None))
def test_unsolicited_line_at_every_byte(command: Command, received: bytes, value: object, urc: str) -> None:
    for position in range(len(received) + 1):
        spliced = received[:position] + f"\r\n{urc}\r\n".encode() + received[position:]
        session = ec25_session()
        session.submit(1, command.request(), now=0.0)
        actions = session.receive(spliced, now=0.1)
        is_between_lines = received[:position].endswith(b"\r\n") or received[position:].startswith(b"\r\n")
        if is_between_lines or not position:
            [answer] = answers(actions)
            assert (answer.ok, value_of(command, answer)) == (True, value), f"at {position}"
            assert unsolicited(actions) == [urc]
        else:
            # The line itself is torn: no wrong value may come of it, and the dialogue goes on.
            actions += session.tick(now=20.0)
            [answer] = answers(actions)
            got = value_of(command, answer)
            assert got in (None, value) or command in UNCHECKED, f"at {position}: {got}"
        assert session.tick(now=30.0) == []
        session.submit(2, SIGNAL, now=30.0)
        [answer] = answers(session.receive(b"\r\n+CSQ: 20,99\r\n\r\nOK\r\n", now=30.1))
        assert value_of(profiles.SIGNAL, answer) == "20"


def test_unsolicited_line_at_every_byte_of_a_read() -> None:
    received, payload = b"\r\n+QIRD: 9\r\nOK\r\nhello\r\n\r\nOK\r\n", b"OK\r\nhello"
    for position in range(len(received) + 1):
        session = ec25_session()
        session.submit(1, READ, now=0.0)
        actions = session.receive(received[:position] + b"\r\n+CREG: 5\r\n" + received[position:], now=0.1)
        actions += session.tick(now=20.0)
        [answer] = answers(actions)
        is_whole = bool(answer.ok and answer.lines and answer.payload is not None)
        assert not is_whole or answer.payload == payload, f"at {position}: {answer}"


@pytest.mark.parametrize("lost", range(1, 10))
def test_bytes_lost_from_payload_are_noticed(lost: int) -> None:
    payload = bytes(range(65, 91))
    for position in range(len(payload) - lost + 1):
        damaged = payload[:position] + payload[position + lost :]
        session = ec25_session()
        session.submit(1, READ, now=0.0)
        actions = session.receive(b"\r\n+QIRD: 26\r\n" + damaged + b"\r\nOK\r\n", now=0.1)
        [answer] = answers(actions + session.tick(now=20.0))
        assert not answer.ok or answer.payload is None


def test_one_command_at_a_time_in_order() -> None:
    session = ec25_session()
    assert session.submit(1, Request("AT+A"), now=0.0) == [Send(b"AT+A\r")]
    assert session.submit(2, Request("AT+B"), now=0.0) == []
    assert session.submit(3, Request("AT+C"), now=0.0) == []
    session.withdraw(2)
    assert session.receive(b"\r\nOK\r\n", now=0.1) == [Done(1, Answer(True, "OK")), Send(b"AT+C\r")]


def test_least_gap_between_commands() -> None:
    session = AtSession(gap_s=0.1, settle_s=0.3)
    session.submit(1, Request("AT+A"), now=0.0)
    session.submit(2, Request("AT+B"), now=0.0)
    assert session.receive(b"\r\nOK\r\n", now=1.0) == [Done(1, Answer(True, "OK"))]
    assert session.next_deadline() == 1.1
    assert session.tick(now=1.05) == []
    assert session.tick(now=1.1) == [Send(b"AT+B\r")]


def test_time_out_then_silence_then_the_next() -> None:
    session = ec25_session()
    session.submit(1, Request("AT+A", timeout_s=2.0), now=0.0)
    session.submit(2, Request("AT+B"), now=0.0)
    assert session.next_deadline() == 2.0
    [answer] = answers(session.tick(now=2.0))
    assert answer.is_timeout
    assert session.receive(b"\r\nOK\r\n", now=2.1) == []
    assert session.next_deadline() == 2.3
    assert session.tick(now=2.3) == [Send(b"AT+B\r")]


def test_late_ok_does_not_end_the_next_query() -> None:
    session = ec25_session()
    session.submit(1, Request("AT+A", timeout_s=2.0), now=0.0)
    session.tick(now=2.0)
    session.submit(2, SIGNAL, now=2.4)
    assert answers(session.receive(b"\r\nOK\r\n", now=2.5)) == []
    [answer] = answers(session.receive(b"\r\n+CSQ: 17,99\r\n\r\nOK\r\n", now=2.6))
    assert answer.lines == ("+CSQ: 17,99",)


def test_payload_goes_out_after_the_prompt_only() -> None:
    session = ec25_session()
    assert session.submit(1, SEND, now=0.0) == [Send(b"AT+QISEND=0,5\r")]
    assert session.receive(b"\r\n>", now=0.1) == []
    assert session.receive(b" ", now=0.2) == [Send(b"hello")]
    assert session.receive(b"\r\nSEND OK\r\n", now=0.3) == [Done(1, Answer(True, "SEND OK"))]


def test_echoed_payload_is_no_result() -> None:
    request = Request("AT+QISEND=0,6", payload=b"\r\nOK\r\n", finals=SEND.finals)
    session = ec25_session()
    session.submit(1, request, now=0.0)
    session.receive(b"\r\n> ", now=0.1)
    assert session.receive(b"\r\nOK\r\n", now=0.2) == []
    assert session.receive(b"\r\nSEND FAIL\r\n", now=0.3) == [Done(1, Answer(False, "SEND FAIL"))]


def test_refused_before_the_prompt() -> None:
    session = ec25_session()
    session.submit(1, SEND, now=0.0)
    assert session.receive(b"\r\nERROR\r\n", now=0.1) == [Done(1, Answer(False, "ERROR"))]


def test_prompt_too_late_or_unasked_is_escaped() -> None:
    session = ec25_session()
    session.submit(1, SEND, now=0.0)
    [escape, done] = session.tick(now=SEND.timeout_s)
    assert escape == Send(b"\x1b")
    assert isinstance(done, Done)
    assert session.receive(b"\r\n> ", now=11.0) == [Send(b"\x1b")]


def test_numeric_result_of_a_modem_left_in_atv0() -> None:
    session = ec25_session()
    session.submit(1, profiles.AT.request(), now=0.0)
    assert session.receive(b"0\r", now=0.1) == [Done(1, Answer(True, "0"))]


def test_dialling_ends_with_no_carrier_or_data() -> None:
    session = ec25_session()
    session.submit(1, Request("ATD*99#"), now=0.0)
    assert answers(session.receive(b"\r\nNO CARRIER\r\n", now=0.1)) == [Answer(False, "NO CARRIER")]
    session.submit(2, Request("ATD*99#"), now=1.0)
    actions = session.receive(b"\r\nCONNECT 115200\r\n~~", now=1.1)
    assert actions == [Done(2, Answer(True, "CONNECT 115200")), Received(b"~~")]
    session.leave_data_mode()
    assert session.receive(b"\r\nNO CARRIER\r\n", now=2.0) == [Unsolicited("NO CARRIER")]


def test_ready_without_line_end_is_taken_when_the_line_stays_quiet() -> None:
    session = ec25_session()
    assert session.receive(b"\r\nRDY", now=1.0) == []
    assert session.next_deadline() == 1.2
    assert session.tick(now=1.2) == [Unsolicited("RDY")]
    assert session.next_deadline() is None


def test_the_pin_is_not_shown() -> None:
    request = profiles.ENTER_PIN.request(pin="4711")
    assert request.command == 'AT+CPIN="4711"'
    assert str(request) == "AT+CPIN=***"
