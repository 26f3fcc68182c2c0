import pytest

from hardware.errors import DeviceError
from hardware.modem.profiles import ENTER_PIN, FAMILIES, GENERIC, QUECTEL_EC25, profile_of


@pytest.mark.parametrize("model", ["EC25", "EC25-E", "EG25", "EG91", "EC21"])
def test_family_by_model(model: str) -> None:
    assert profile_of(model) is QUECTEL_EC25


@pytest.mark.parametrize("model", ["", "SIM7600G-H", "M95", "XEC25"])
def test_unknown_models_are_generic(model: str) -> None:
    assert profile_of(model) is GENERIC


@pytest.mark.parametrize("value", ['in"ternet', "a b", "a\rATZ", "ä"])
def test_values_can_not_break_out_of_a_command(value: str) -> None:
    assert QUECTEL_EC25.context
    with pytest.raises(DeviceError, match="apn"):
        QUECTEL_EC25.context.define[0].request(apn=value, user="", password="", auth=0)


def test_a_refused_value_is_not_shown() -> None:
    with pytest.raises(DeviceError) as raised:
        ENTER_PIN.request(pin="47 11")
    assert "47" not in str(raised.value)


def test_families_have_all_that_data_needs() -> None:
    for family in FAMILIES:
        assert family.context
        assert family.sockets
        assert family.payload_headers
