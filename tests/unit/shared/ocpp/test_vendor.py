from datetime import UTC, datetime
from decimal import Decimal

import pytest

from shared.money import Money
from shared.ocpp.v16 import PayloadError
from shared.ocpp.validation import Version, violation
from shared.ocpp.vendor import RunningCost, decode_running_cost, encode_running_cost
from shared.units import Wh

TOLD = RunningCost(12, Money(Decimal("3.40"), "EUR"), Wh(7_083), datetime(2026, 10, 31, 18, 40, 30, tzinfo=UTC))


def test_the_cost_so_far_goes_over_the_wire_with_its_own_digits() -> None:
    payload = encode_running_cost(TOLD)
    assert payload == {
        "vendorId": "emops",
        "messageId": "RunningCost",
        "data": '{"transactionId":12,"cost":"3.40","currency":"EUR","energyWh":7083,'
        '"timestamp":"2026-10-31T18:40:30Z"}',
    }
    assert violation(Version.V16, "DataTransfer", payload) is None
    assert decode_running_cost(payload) == TOLD


@pytest.mark.parametrize("old", ['"3.40"', "7083", '"EUR"', "12"])
@pytest.mark.parametrize("new", ["null", "[]", "1.5"])
def test_what_makes_no_sense_is_refused_by_name(old: str, new: str) -> None:
    payload = encode_running_cost(TOLD)
    broken = str(payload["data"]).replace(old, new, 1)

    with pytest.raises(PayloadError, match="data"):
        decode_running_cost({**payload, "data": broken})


@pytest.mark.parametrize("data", ["", "[]", "not json", '{"transactionId":1}'])
def test_data_of_another_shape_is_refused(data: str) -> None:
    with pytest.raises(PayloadError):
        decode_running_cost({"vendorId": "emops", "data": data})
