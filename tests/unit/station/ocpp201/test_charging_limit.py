"""What OCPP 2.0.1 says of the limit of the site."""

import pytest

from shared.ocpp.validation import Version, violation
from station.core.charging_schedule import Limit
from station.ocpp201.dialect import Ocpp201


@pytest.mark.parametrize("limit", [Limit(current_ma=10500), Limit(power_w=4140), Limit(current_ma=0), None])
def test_the_limit_of_the_site_is_told_and_that_it_is_gone(limit: Limit | None) -> None:
    message = Ocpp201().charging_limit(limit)
    assert violation(Version.V201, message.action, message.payload) is None
    assert message.action == ("NotifyChargingLimit" if limit else "ClearedChargingLimit")
    assert ("10.5" in str(message.payload)) == (limit == Limit(current_ma=10500))
