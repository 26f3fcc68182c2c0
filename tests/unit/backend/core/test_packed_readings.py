import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.core.packed_readings import MAX_SHAPE, deflate, inflate, pack, unpack
from shared.ocpp.session import dumps, loads
from tests.bench.stations import at, samples

WORDS = {
    "measurand": ("Energy.Active.Import.Register", "Voltage", "Current.Import", "SoC"),
    "unit": ("Wh", "kWh", "A", "V", "Percent", "KWh "),
    "phase": ("L1", "L2-N", "L1-L2"),
    "context": ("Sample.Periodic", "Transaction.Begin"),
    "format": ("Raw", "SignedData"),
    "location": ("Outlet", "Inlet"),
}
NUMBERS = st.one_of(
    st.integers(-(10**18), 10**18).map(str),
    st.decimals(-(10**9), 10**9, places=3).map(str),
    st.text("0123456789.-+e", max_size=8),
)
TIMES = st.one_of(
    st.datetimes().map(lambda moment: moment.isoformat(timespec="seconds") + "Z"),
    st.datetimes().map(lambda moment: moment.isoformat(timespec="milliseconds") + "Z"),
    st.datetimes().map(lambda moment: moment.isoformat() + "+02:00"),
    st.sampled_from(("2024-02-30T00:00:00Z", "2026-06-15T24:00:00Z", "2026-06-15T23:59:60Z", "")),
)
SAMPLE = st.fixed_dictionaries(
    {"value": NUMBERS | st.text(max_size=30) | st.integers() | st.floats(-1e9, 1e9)},
    optional={name: st.sampled_from(words) | st.text(max_size=5) for name, words in WORDS.items()},
)
ROW = st.fixed_dictionaries({"timestamp": TIMES, "sampledValue": st.lists(SAMPLE, max_size=4)})
MESSAGE = st.fixed_dictionaries(
    {"meterValue": st.lists(ROW, max_size=3)},
    optional={"connectorId": st.integers(), "transactionId": st.integers() | st.uuids().map(str) | st.text()},
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


def meter_values(step: int) -> str:
    told = [
        {"value": value, "measurand": name, "unit": unit, **({"phase": phase} if phase else {})}
        for name, phase, value, unit in samples(step)
    ]
    return dumps({"connectorId": 1, "transactionId": 7, "meterValue": [{"timestamp": at(step), "sampledValue": told}]})


@given(MESSAGE)
def test_a_message_comes_back_to_the_byte(message: object) -> None:
    text = dumps(message)
    packed = pack(text)
    assert packed is None or unpack(*packed) == text


@given(st.dictionaries(st.text(), ANYTHING))
def test_whatever_a_station_makes_up_comes_back(message: object) -> None:
    text = dumps(message)
    packed = pack(text)
    assert packed is None or unpack(*packed) == text


@pytest.mark.parametrize("value", ["0", "-0", "007", "0.50", ".5", "5.", "1e5", "99999999999999999999", "9.1660000001"])
def test_digits_stay_as_they_were(value: str) -> None:
    for text in (f'{{"value":"{value}"}}', f'{{"value":{value}}}'):
        packed = pack(text)
        assert packed
        assert unpack(*packed) == text


def test_readings_of_one_station_share_a_shape_and_take_few_bytes() -> None:
    packed = [pack(meter_values(step)) for step in range(1, 61)]
    assert len({one[0] for one in packed if one}) == 1
    assert sum(len(one[1]) for one in packed if one) < 60 * 35


def test_no_token_gets_into_a_shape() -> None:
    text = dumps({"idTag": "04A2B3C4", "idToken": {"idToken": "04A2B3C4", "type": "ISO14443"}, "meterStart": 5})
    packed = pack(text)
    assert packed
    assert "04A2" not in packed[0]
    assert pack('{"customData":{"seen":["04A2B3C4"]}}') is None


def test_signed_data_comes_back() -> None:
    signed = 'OCMF|{"FV":"1.0","RD":[{"TM":"2026-06-15T10:00:00,000+0200 S"}]}|{"SD":"3045"}'
    text = dumps({"meterValue": [{"timestamp": at(1), "sampledValue": [{"value": signed, "format": "SignedData"}]}]})
    packed = pack(text)
    assert packed
    assert unpack(*packed) == text
    assert loads(unpack(*packed)) == loads(text)


def test_many_readings_at_once_have_no_shape() -> None:
    told = {"timestamp": at(1), "sampledValue": [{"value": "1", "unit": "Wh"}]}
    text = dumps({"meterValue": [told] * MAX_SHAPE})
    assert pack(text) is None
    assert inflate(deflate(text)) == text
