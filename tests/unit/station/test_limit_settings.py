"""What the settings of limits and of the broker refuse."""

import re

import pytest

from shared.config import ConfigError, parse
from station.limit_register import decode_register
from station.settings import StationSettings, check
from tests.unit.station.site import SETTINGS


def settings(tables: str) -> StationSettings:
    text = SETTINGS.format(folder="/tmp", port=1, sample_s=0).replace("[[bus]]", tables + "\n[[bus]]", 1)
    return parse(text, StationSettings)


@pytest.mark.parametrize(
    ("tables", "words"),
    [
        ("[limits]\nfail_safe_a = 3", "limits.fail_safe_a"),
        ("[limits]\ncsms_away_a = 5", "limits.csms_away_a"),
        ('[limits]\nsource = "mqtt"\n[mqtt]\nhost = "h"', "limits.topic"),
        ('[limits]\nsource = "mqtt"\ntopic = "a/#"\n[mqtt]\nhost = "h"', "limits.topic"),
        ('[limits]\nsource = "mqtt"\ntopic = "a"', "mqtt.host"),
        ('[limits]\nsource = "modbus"\nbus = "other"', "no [[bus]]; there is: bus"),
        ('[limits]\nsource = "modbus"\nbus = "bus"\nsilent_after_s = 5', "twice poll_s"),
        ("[telemetry]\nenabled = true", "mqtt.host"),
        ('[telemetry]\nenabled = true\ntopic = ""\n[mqtt]\nhost = "h"', "telemetry.topic"),
        ('[mqtt]\nhost = "h"\nroots = "ca.pem"', "mqtt.tls"),
    ],
)
def test_what_does_not_go_together_is_named(tables: str, words: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(words)):
        check(settings(tables))


def test_nothing_is_needed() -> None:
    made = settings("")
    check(made)
    assert (made.limits.source, made.telemetry.enabled, made.mqtt.host) == ("none", False, "")


@pytest.mark.parametrize(
    ("words", "kind", "scale", "value"),
    [
        ((16,), "u16", 1, 16),
        ((0xFFFF,), "s16", 1, -1),
        ((160,), "u16", 0.1, 16),
        ((0, 11000), "u32", 1, 11000),
        ((0xFFFF, 0xFFFF), "s32", 1, -1),
        ((0x4180, 0), "f32", 1, 16),
    ],
)
def test_registers_are_read_with_the_high_word_first(
    words: tuple[int, ...], kind: str, scale: float, value: float
) -> None:
    assert decode_register(words, kind, scale) == pytest.approx(value)
