"""The Modbus lines of a configuration: what can't work is refused, what may be wrong is said."""

from collections.abc import Mapping

import pytest

from shared.clock import SystemClock
from shared.config import ConfigError, parse
from station.devices import advice, build_hardware
from station.settings import StationSettings, check

_HEAD = """
[identity]
charge_point_id = "CP1"
[csms]
url = "ws://csms.example.com/ocpp"
[uplink]
bearer = "host"
"""


def _settings(*tables: tuple[str, Mapping[str, object]]) -> StationSettings:
    lines = [_HEAD]
    for name, values in tables:
        lines += [f"[[{name}]]", *(f"{key} = {_toml(value)}" for key, value in values.items())]
    return parse("\n".join(lines), StationSettings)


def _toml(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


def _bus(**more: object) -> tuple[str, dict[str, object]]:
    return "bus", {"name": "a", "port": "/dev/ttyS1"} | more


def _evse(**more: object) -> tuple[str, dict[str, object]]:
    return "evse", {"board_bus": "a", "meter_bus": "a"} | more


@pytest.mark.parametrize(
    ("tables", "told"),
    [
        ([_bus(port="udp://gateway.example.com"), _evse()], "names no Modbus line"),
        ([_bus(port="tcp://gateway.example.com", direction="rts"), _evse()], "a gateway has none"),
        ([_bus(), _bus(name="b"), _evse()], "two .*bus.* use /dev/ttyS1"),
        ([_bus(), _bus(port="/dev/ttyS2"), _evse()], "two .*bus.* have one name"),
        ([_bus(), _evse(meter_bus="b")], "meter_bus = 'b' is no"),
        ([_bus(), _evse(meter_address=255)], "a serial line has 1 to 247"),
        ([_bus(), _evse(meter_address=1)], "board and meter have the same address 1"),
        ([_bus(), _evse(), _evse(id=2, board_address=3)], "each kWh would be billed twice"),
    ],
)
def test_lines_that_cannot_work_are_refused(tables: list[tuple[str, dict[str, object]]], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        check(_settings(*tables))


@pytest.mark.parametrize("port", ["tcp://gateway.example.com:502", "rtu+tcp://gateway.example.com:4001"])
def test_a_gateway_makes_a_line(port: str) -> None:
    settings = _settings(_bus(port=port), _evse(meter="em24-e1", meter_address=255))
    check(settings)
    assert build_hardware(settings, SystemClock()).lines["a"].port == port


def test_every_setting_of_a_line_reaches_it() -> None:
    settings = _settings(
        _bus(baud=19200, parity="E", stop_bits=2),
        _evse(meter="PRO380", meter_baud=9600, meter_serial="18230001", board_parity="N"),
    )
    check(settings)
    line = build_hardware(settings, SystemClock()).lines["a"]
    assert str(line.framing) == "19200 baud 8E2"


@pytest.mark.parametrize(
    ("evse", "bus", "told"),
    [
        ({"meter": "SDM630"}, {}, ["was not checked on a real one"]),
        ({"meter": "UEM"}, {}, ["is not fit for billing: The registers of energy"]),
        ({"meter": "PRO380"}, {}, ["not checked", "usually has 9600 baud 8E1, this line has 9600 baud 8N1"]),
        ({"meter": "PRO380", "meter_parity": "E"}, {}, ["not checked"]),
        ({"meter": "DVH4013"}, {"port": "rtu+tcp://gateway.example.com:4001"}, ["not checked"]),
    ],
)
def test_what_a_technician_should_look_at_is_said(
    evse: dict[str, object], bus: dict[str, object], told: list[str]
) -> None:
    sentences = advice(_settings(_bus(**bus), _evse(**evse)))
    assert len(sentences) == len(told)
    for sentence, part in zip(sentences, told, strict=True):
        assert part in sentence


def test_an_unknown_model_is_told_the_nearest() -> None:
    settings = _settings(_bus(), _evse(meter="EM341X"))
    for use in (lambda: advice(settings), lambda: build_hardware(settings, SystemClock())):
        with pytest.raises(ConfigError, match="no meter called 'EM341X'; the nearest is 'EM341'"):
            use()
