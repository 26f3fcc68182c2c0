"""Whether the signed records of a session prove its energy; every deliberate fake must fail."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from backend.core.proofs.signed_check import CHANGED_KEY, NEW_KEY, OTHER_METER, Came, MeterKey, Outcome, check_records
from backend.core.proofs.signed_pair import Judged, Session, Status, judge
from shared.metering import SignedData
from tests.unit.backend.billing_example import EVENING
from tests.unit.backend.signed_example import CURVES, METER, Charge, Signer, flipped, reading

CHARGE = Charge(EVENING)
END = EVENING + timedelta(minutes=150)
SESSION = Session(EVENING, END, 1_000_000, 1_027_500, "04A1B2C3D4E5F6")
PINNED = [MeterKey(METER.serial, METER.key)]
OTHER = Signer("1EMH0099999999", 815)


def check(texts: Sequence[str], keys: Sequence[MeterKey] = PINNED, told: str = "", used: int = 0) -> Outcome:
    came = [Came(i, SignedData(text, told)) for i, text in enumerate(texts, 1)]
    return check_records(came, keys, lambda _digest, _record: used)


def judged(texts: Sequence[str], keys: Sequence[MeterKey] = PINNED, told: str = "", used: int = 0) -> Judged:
    return judge([one.record for one in check(texts, keys, told, used).checked], SESSION)


@pytest.mark.parametrize("curve", CURVES)
def test_a_pair_of_each_curve_is_verified(curve: str) -> None:
    meter = Signer(curve=curve)
    charge = CHARGE.other(meter=meter)
    found = judged([charge.begin, charge.end], [MeterKey(meter.serial, meter.key)])
    assert (found.status, found.reason, found.energy_wh) == (Status.VERIFIED, "", 27_500)
    assert (found.serial, found.key) == (meter.serial, meter.key)
    assert judged([charge.both], [MeterKey(meter.serial, meter.key)]).status is Status.VERIFIED


def test_the_order_of_arrival_does_not_matter_and_what_comes_twice_counts_once() -> None:
    texts = [CHARGE.end, CHARGE.begin, CHARGE.end, CHARGE.begin]
    assert judged(texts).status is Status.VERIFIED
    assert len(check(texts).checked) == 2
    assert judged([CHARGE.begin, CHARGE.both]).status is Status.VERIFIED, "the end tells the begin once more"


@pytest.mark.parametrize("place", ["2.08", "27.5", "T8", "2026-10-15", "Z", "04A1", '"SD":"30', "1EMH"])
def test_one_bit_anywhere_breaks_it(place: str) -> None:
    at = CHARGE.both.index(place) + len(place) - 1
    assert judged([flipped(CHARGE.both, at)]).status is not Status.VERIFIED


@pytest.mark.parametrize("step", range(7))
def test_one_bit_of_the_key_breaks_it(step: int) -> None:
    place = len(METER.key) - 1 - 9 * step
    digit = f"{int(METER.key[place], 16) ^ 1:X}"
    key = METER.key[:place] + digit + METER.key[place + 1 :]
    assert judged([CHARGE.both], [MeterKey(METER.serial, key)]).status is Status.FAILED


def replaced(**changes: Any) -> list[str]:
    """Give a begin and an end that tells something else than it should."""
    end = {name: changes.pop(name) for name in list(changes) if name in ("TM", "TX", "RV", "RI", "RU", "ST", "EF")}
    told = reading("E", END, 27.5) | end
    return [CHARGE.begin, METER.record(9, {name: v for name, v in told.items() if v is not None}, **changes)]


@pytest.mark.parametrize(
    ("texts", "reason"),
    [
        (replaced(RV=-1), "is below the begin"),
        (replaced(TM="2026-10-15T21:00:00,000+0200 I"), "is before the begin"),
        (replaced(ST="T"), "its register at the end is not good: T"),
        (replaced(EF="Et"), "its energy at the end can't be billed"),
        (replaced(RU="Wh"), "in different units"),
        (replaced(MS="X", GS="X"), "it is of the meter X"),
        (replaced(IL="MISMATCH"), "the driver was not identified"),
        (replaced(FV="1.5"), "is of version 1.5"),
        (replaced(FV="2"), "is of version 2"),
        (replaced(PG="T7"), "was signed before the begin"),
        (replaced(TM="2026-10-15T23:00:00,000+0200 S"), "another time"),
        ([CHARGE.begin, CHARGE.end, METER.record(10, reading("E", END, 99))], "more than one signed end"),
        ([CHARGE.begin, METER.record(8, reading("B", EVENING, 1)), CHARGE.end], "more than one signed begin"),
        ([METER.record(8, reading("B", EVENING, 0, ST=None)), CHARGE.end], "at the begin is not good: no status"),
        ([METER.record(8, reading("B", EVENING, 0, TM="2026-10-15T21:10:00,000+0200 R")), CHARGE.end], "is relative"),
        ([METER.record(8, reading("E", END, 0)), METER.record(9, reading("B", EVENING, 27.5))], "below the begin"),
        ([CHARGE.other(start=EVENING - timedelta(days=1)).both], "another time"),
        ([CHARGE.other(meter=OTHER).both], f"it is of the meter {OTHER.serial}, here is the meter {METER.serial}"),
        ([Charge(EVENING, meter=Signer(secret=5)).both], "does not belong to these bytes and this key"),
        (["OCMF|{}|{}"], "it is no good OCMF record"),
    ],
)
def test_fakes_and_faults_fail_with_their_reason(texts: list[str], reason: str) -> None:
    found = judged(texts)
    unsigned = ("it is of the meter", "does not belong", "no good OCMF")
    assert found.status is (Status.FAILED if any(part in reason for part in unsigned) else Status.BROKEN)
    assert reason in found.reason


def test_the_record_of_another_session_fails() -> None:
    found = judged([CHARGE.both], used=7)
    assert (found.status, found.reason) == (Status.BROKEN, "the same signed record came for transaction 7 before")


@pytest.mark.parametrize(
    ("texts", "status", "reason"),
    [
        ([], Status.MISSING, "no signed record came"),
        ([CHARGE.begin], Status.MISSING, "there is no signed end"),
        ([CHARGE.end], Status.MISSING, "there is no signed begin"),
        ([METER.record(3, reading("C", EVENING, 5))], Status.MISSING, "no signed record tells the energy"),
        ([METER.record(3, reading("B", EVENING, 5, RI="01-00:C2.08.00*FF"))], Status.MISSING, "no signed begin"),
        (["AP;0;3;X"], Status.UNSUPPORTED, "it can't be checked here: ALFEN"),
        (["?"], Status.UNSUPPORTED, "it can't be checked here: unknown format"),
        ([CHARGE.begin, "?"], Status.UNSUPPORTED, "unknown format"),
    ],
)
def test_what_is_missing_is_not_called_a_fake(texts: list[str], status: Status, reason: str) -> None:
    found = judged(texts)
    assert found.status is status
    assert reason in found.reason


def test_version_1_4_and_none_are_good() -> None:
    for version in ("1.4", "1.0", None):
        charge = METER.record(8, reading("B", EVENING, 0), reading("E", END, 27.5), FV=version)
        assert judged([charge]).status is Status.VERIFIED


def test_registers_behind_the_cable_win_and_export_never_counts() -> None:
    def at(kind: str, moment: Any, *kwh: float) -> list[dict[str, Any]]:
        codes = ("01-00:B2.08.00*FF", "01-00:B3.08.00*FF", "01-00:C2.08.00*FF", "1-0:1.8.0")
        return [reading(kind, moment, value, RI=code) for code, value in zip(codes, kwh, strict=True)]

    text = METER.record(8, *at("B", EVENING, 0, 0, 5, 100), *at("E", END, 27.5, 27.312, 9, 127.5))
    assert judged([text]).energy_wh == 27_312


def test_parts_of_a_wh_are_cut_off() -> None:
    assert judged([CHARGE.other(begin_kwh=0.0004, end_kwh=1.0003).both]).energy_wh == 999


def test_without_a_pinned_key_it_is_only_unconfirmed() -> None:
    found = check([CHARGE.begin, CHARGE.end], [], METER.key)
    verdict = judge([one.record for one in found.checked], SESSION)
    assert verdict.status is Status.UNCONFIRMED
    assert "was never compared" in verdict.reason
    assert {one.kind for one in found.findings} == {NEW_KEY}
    assert judged([CHARGE.both], []).status is Status.UNSUPPORTED, "no key at all"
    seen = [MeterKey(METER.serial, seen=METER.key)]
    assert judged([CHARGE.both], seen, METER.key).status is Status.UNCONFIRMED


def test_another_key_on_the_line_is_an_alarm_and_never_accepted() -> None:
    fake = Signer(secret=5)
    genuine = check([CHARGE.both], told=fake.key)
    assert {one.kind for one in genuine.findings} == {CHANGED_KEY}
    assert judge([genuine.checked[0].record], SESSION).status is Status.VERIFIED, "the pinned key signed it"
    assert judged([CHARGE.other(meter=fake).both], told=fake.key).status is Status.FAILED
    assert {one.kind for one in check([CHARGE.other(meter=OTHER).both], told=OTHER.key).findings} >= {OTHER_METER}


def test_what_the_station_told_otherwise_is_a_finding() -> None:
    found = judged([CHARGE.other(end_kwh=27.2).both])
    assert found.status is Status.VERIFIED
    assert found.findings == ("the station told 27500 Wh, 27200 Wh were signed",)
    other = METER.record(8, reading("B", EVENING, 0), reading("E", END, 27.5), ID="SOMEBODY")
    assert judged([other]).findings == ("the record names another driver than the session",)
