"""Signing meters step by step: begin, end, loss of power, kills at each step, and what can go wrong."""

import base64
import binascii

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from hardware.errors import DeviceError, LinkError
from hardware.meters.procedure import Write
from shared import ocmf
from shared.ids import IdToken
from shared.metering import SignedData
from shared.ocmf_signature import Judgement, check
from tests.unit.hardware.meters.signing import CARD, FAMILIES, LOCAL, NOON, Bench, Killed

every_meter = pytest.mark.parametrize("model", FAMILIES)


def independent(signed: SignedData) -> None:
    """Verify without our own reader: cut at the pipes, take the hex out by hand, let the library judge."""
    _, payload, section = signed.text.split("|")
    signature = binascii.unhexlify(section.split('"SD":"')[1].split('"')[0])
    decode_dss_signature(signature)
    key = load_der_public_key(bytes.fromhex(signed.public_key))
    assert isinstance(key, ec.EllipticCurvePublicKey)
    key.verify(signature, payload.encode(), ec.ECDSA(SHA256()))


def charge(bench: Bench, key: str = "k1", energy_wh: int = 7_000) -> tuple[SignedData | None, SignedData]:
    session = bench.session(key)
    first = bench.run(bench.procedures.begin(session, bench.now()))
    session = bench.begun(session)
    bench.draw(energy_wh)
    last = bench.run(bench.procedures.end(session, bench.now()))
    bench.run(bench.procedures.release())
    return first, last


def energy_wh(first: SignedData | None, last: SignedData) -> int:
    record = ocmf.parse(last.text)
    begin = (ocmf.parse(first.text) if first else record).reading(ocmf.BEGIN)
    end = record.reading(*ocmf.ENDS)
    assert begin
    assert end
    assert begin.wh is not None
    assert end.wh is not None
    return int(end.wh - begin.wh)


@every_meter
def test_a_session(model: str) -> None:
    bench = Bench(model)
    first, last = charge(bench)
    for signed in filter(None, (first, last)):
        independent(signed)
        assert signed.encoding_method == "OCMF"
        assert bytes.fromhex(signed.public_key) == bench.meter.der_key
        record = ocmf.parse(signed.text)
        assert check(record, signed.public_key).judgement is Judgement.VALID
        assert record.id_token == CARD.value
        assert record.serial == "22411873"
    assert (first is not None) == (model == "BSM-WS36A")
    assert energy_wh(first, last) == 7_000
    begin = ocmf.parse((first or last).text).reading(ocmf.BEGIN)
    assert begin
    assert begin.at
    assert abs((begin.at - NOON).total_seconds()) < 5
    assert begin.at.utcoffset() == LOCAL.utcoffset(None)
    assert begin.time_status == "S"


@every_meter
def test_two_sessions_of_one_driver_are_told_apart(model: str) -> None:
    bench = Bench(model)
    assert energy_wh(*charge(bench, "k1", 1_000)) == 1_000
    assert energy_wh(*charge(bench, "k2", 2_000)) == 2_000


@every_meter
def test_killed_at_each_step_of_the_begin(model: str) -> None:
    bench = Bench(model)
    bench.run(bench.procedures.begin(bench.session(), bench.now()))
    for number in range(len(bench.steps)):
        bench = Bench(model)
        with pytest.raises(Killed):
            bench.run(bench.procedures.begin(bench.session("lost"), bench.now()), stop_before=number)
        bench.restart()
        first, last = charge(bench, "next", 3_000)
        assert energy_wh(first, last) == 3_000, f"killed before step {number}"
        independent(last)


@every_meter
def test_killed_at_each_step_of_the_end(model: str) -> None:
    bench = Bench(model)
    session = bench.session()
    bench.run(bench.procedures.begin(session, bench.now()))
    bench.run(bench.procedures.end(bench.begun(session), bench.now()))
    for number in range(len(bench.steps)):
        bench = Bench(model)
        first = bench.run(bench.procedures.begin(session, bench.now()))
        begun = bench.begun(session)
        bench.draw(5_000)
        with pytest.raises(Killed):
            bench.run(bench.procedures.end(begun, bench.now()), stop_before=number)
        bench.restart()
        bench.run(bench.procedures.recover(begun, bench.now()))
        last = bench.run(bench.procedures.end(begun, bench.now()))
        assert energy_wh(first, last) == 5_000, f"killed before step {number}"
        independent(last)
        again = bench.run(bench.procedures.end(begun, bench.now()))
        assert energy_wh(first, again) == 5_000
        if model != "BSM-WS36A":
            assert again == last, "what the meter holds is read again, byte for byte"


@every_meter
def test_power_is_lost_in_the_middle_of_a_session(model: str) -> None:
    bench = Bench(model)
    session = bench.session()
    first = bench.run(bench.procedures.begin(session, bench.now()))
    begun = bench.begun(session)
    bench.draw(4_000)
    bench.meter.lose_power()
    bench.restart()
    assert bench.run(bench.procedures.recover(begun, bench.now()))
    bench.draw(1_000)
    last = bench.run(bench.procedures.end(begun, bench.now()))
    independent(last)
    assert energy_wh(first, last) == 5_000
    assert ocmf.parse(last.text).id_token == CARD.value


@every_meter
def test_only_the_meter_loses_its_power_and_nobody_notices(model: str) -> None:
    bench = Bench(model)
    session = bench.session()
    first = bench.run(bench.procedures.begin(session, bench.now()))
    begun = bench.begun(session)
    bench.draw(4_000)
    bench.meter.lose_power()
    last = bench.run(bench.procedures.end(begun, bench.now()))
    independent(last)
    assert energy_wh(first, last) == 4_000


@every_meter
def test_a_slow_signature_is_waited_for_and_a_missing_one_is_not(model: str) -> None:
    bench = Bench(model)
    bench.meter.faults.busy_looks = 9
    first, last = charge(bench)
    assert energy_wh(first, last) == 7_000
    session = bench.session("k2")
    bench.run(bench.procedures.begin(session, bench.now()))
    begun = bench.begun(session)
    bench.meter.faults.busy_looks = 10_000
    before = bench.seconds
    with pytest.raises(LinkError, match="within 15 s"):
        bench.run(bench.procedures.end(begun, bench.now()))
    assert bench.seconds - before < 17


@every_meter
@pytest.mark.parametrize(
    ("status", "says"),
    [
        pytest.param({"WM3M4": 132, "BSM-WS36A": 3, "EM580": 3}, "sign|corrupted", id="named"),
        pytest.param({"WM3M4": 99, "BSM-WS36A": 99, "EM580": 3}, "status 99|corrupted", id="nameless"),
    ],
)
def test_a_wrong_status_is_named(model: str, status: dict[str, int], says: str) -> None:
    bench = Bench(model)
    session = bench.session()
    bench.run(bench.procedures.begin(session, bench.now()))
    bench.meter.faults.status = status[model]
    with pytest.raises(DeviceError, match=says) as caught:
        bench.run(bench.procedures.end(bench.begun(session), bench.now()))
    assert model in str(caught.value)


@every_meter
def test_a_meter_that_refuses_writes_does_not_begin(model: str) -> None:
    bench = Bench(model)
    bench.meter.faults.refuses_writes = True
    with pytest.raises(DeviceError):
        bench.run(bench.procedures.begin(bench.session(), bench.now()))


@pytest.mark.parametrize("model", ["WM3M4", "EM580"])
def test_the_record_of_another_session_is_not_given_for_this_one(model: str) -> None:
    bench = Bench(model)
    session = bench.session("k1")
    bench.run(bench.procedures.begin(session, bench.now()))
    bench.run(bench.procedures.end(bench.begun(session), bench.now()))
    other = bench.begun(bench.session("k2", IdToken("FFFF0000")))
    with pytest.raises(DeviceError, match="another"):
        bench.run(bench.procedures.end(other, bench.now()))
    bench.draw(50)
    later = bench.begun(bench.session("k3"))
    with pytest.raises(DeviceError, match="another"):
        bench.run(bench.procedures.end(later, bench.now()))


@every_meter
def test_a_session_that_never_began_in_the_meter(model: str) -> None:
    bench = Bench(model)
    begun = bench.begun(bench.session())
    if model == "BSM-WS36A":
        independent(bench.run(bench.procedures.end(begun, bench.now())))
        return
    with pytest.raises(DeviceError, match=r"does not measure|no signed record"):
        bench.run(bench.procedures.end(begun, bench.now()))


@every_meter
def test_a_clock_that_nobody_knows_is_not_set(model: str) -> None:
    bench = Bench(model)
    bench.run(bench.procedures.keep_time(bench.now(is_known=False)))
    assert bench.meter.clock is None
    if model == "WM3M4":
        with pytest.raises(DeviceError, match="date and time are not set"):
            bench.run(bench.procedures.begin(bench.session(), bench.now(is_known=False)))
    else:
        bench.run(bench.procedures.begin(bench.session(), bench.now(is_known=False)))
        assert bench.meter.clock is None


def test_bauer_is_told_the_time_at_power_up_and_then_once_in_30_hours() -> None:
    bench = Bench("BSM-WS36A")
    for _ in range(4 * 24):
        bench.run(bench.procedures.keep_time(bench.now()))
        bench.seconds += 3600
    assert bench.bauer.times_set == 4
    bench.restart()
    bench.run(bench.procedures.keep_time(bench.now()))
    assert bench.bauer.times_set == 4, "a program that was just started does not wear the meter"
    bench.meter.lose_power()
    bench.run(bench.procedures.keep_time(bench.now()))
    assert bench.bauer.times_set == 5


def test_em580_gets_no_time_while_a_session_runs() -> None:
    bench = Bench("EM580")
    session = bench.session()
    bench.run(bench.procedures.begin(session, bench.now()))
    begun = bench.begun(session)
    for _ in range(60):
        bench.run(bench.procedures.keep_time(bench.now()))
        bench.seconds += 3600
    bench.run(bench.procedures.end(begun, bench.now()))
    bench.run(bench.procedures.release())
    assert bench.em580.set_in_session == 0
    bench.run(bench.procedures.keep_time(bench.now()))
    assert bench.meter.clock is not None
    assert Write(0x7031, (60,)) in bench.steps


def test_em580_keeps_the_file_until_it_is_released() -> None:
    bench = Bench("EM580")
    session = bench.session()
    bench.run(bench.procedures.begin(session, bench.now()))
    bench.run(bench.procedures.end(bench.begun(session), bench.now()))
    assert bench.em580.state == 2
    bench.run(bench.procedures.release())
    assert bench.em580.state == 0


def test_iskra_a_command_that_was_repeated_by_the_line_is_no_failure() -> None:
    bench = Bench("WM3M4")
    session = bench.session()
    begin = bench.procedures.begin(session, bench.now())
    bench.run(begin)
    command = next(step for step in bench.steps if isinstance(step, Write) and step.register == 7051)
    bench = Bench("WM3M4")
    original = bench.iskra.write

    def twice(register: int, value: int) -> None:
        original(register, value)
        if register == command.register:
            original(register, value)

    bench.iskra.write = twice  # type: ignore[method-assign]  # the line sends it again
    first, last = charge(bench, energy_wh=2_000)
    assert energy_wh(first, last) == 2_000


def test_a_wrong_signature_is_found() -> None:
    bench = Bench("EM580")
    bench.meter.faults.wrong_signature = True
    _, last = charge(bench)
    assert check(ocmf.parse(last.text), last.public_key).judgement is Judgement.INVALID


@every_meter
@pytest.mark.parametrize("token", ["A|B", "KÄRTCHEN"])
def test_an_id_that_would_break_the_record_is_refused_at_the_begin(model: str, token: str) -> None:
    bench = Bench(model)
    with pytest.raises(DeviceError, match="can't sign"):
        bench.run(bench.procedures.begin(bench.session(card=IdToken(token)), bench.now()))


def test_the_key_of_the_meter_in_base64_judges_as_well() -> None:
    _, last = charge(Bench("WM3M4"))
    key = base64.b64encode(bytes.fromhex(last.public_key)).decode()
    assert check(ocmf.parse(last.text), key).judgement is Judgement.VALID
