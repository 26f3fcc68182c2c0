"""The settings of what limits the current, and of the local MQTT broker."""

from collections.abc import Collection
from dataclasses import dataclass

from shared.config import ConfigError, setting
from shared.ids import Secret

WORDS = {"u16": 1, "s16": 1, "u32": 2, "s32": 2, "f32": 2}
"""Kinds of registers and their words, the high one first."""


@dataclass(frozen=True, slots=True)
class LimitSettings:
    """What limits the current beside charging profiles."""

    source: str = setting(
        "none", choices=("none", "mqtt", "modbus"), help="who tells the limit of the site for the whole station"
    )
    unit: str = setting("A", choices=("A", "W"), help="unit of its numbers: A per phase, or W of all phases")
    maximum: float = setting(
        125.0, minimum=1, maximum=1_000_000, help="a number above it is not believed; in `limits.unit`"
    )
    fail_safe_a: int = setting(
        6,
        unit="A",
        minimum=0,
        maximum=80,
        help="what the whole station may take per phase while the source is silent; 0 = nothing",
    )
    silent_after_s: float = setting(
        120.0, unit="s", minimum=1, maximum=86400, help="a limit holds so long; then its source is silent. World time"
    )
    topic: str = setting("", help="MQTT topic with the limit: a number, or JSON with limit, unit and at")
    bus: str = setting("", help="name of the [[bus]] of an energy manager or meter that has the limit in a register")
    address: int = setting(1, minimum=0, maximum=255, help="its Modbus address")
    register: int = setting(0, minimum=0, maximum=65535, help="the register, 0-based as on the wire")
    table: str = setting("holding", choices=("holding", "input"), help="which registers")
    kind: str = setting("u16", choices=tuple(WORDS), help="what the register holds; two words: the high one first")
    scale: float = setting(1.0, minimum=0.000001, maximum=1_000_000, help="the number is multiplied by it")
    poll_s: float = setting(5.0, unit="s", minimum=0.5, maximum=3600, help="how often it is read, world time")
    csms_away_min: float = setting(
        0.0,
        unit="min",
        minimum=0,
        maximum=100_000,
        help="with the central system away for so long csms_away_a holds; 0 = never. World time",
    )
    csms_away_a: int = setting(
        6, unit="A", minimum=0, maximum=80, help="what each EVSE may take per phase then; 0 = nothing"
    )
    pause_s: float = setting(
        30.0, unit="s", minimum=0, maximum=3600, help="a pause by a limit lasts at least so long: it spares contactors"
    )
    charge_s: float = setting(
        0.0,
        unit="s",
        minimum=0,
        maximum=3600,
        help="a charge goes on so long with the smallest current before a low limit pauses it; one of 0 does at once",
    )
    switch_every_s: float = setting(
        600.0, unit="s", minimum=10, maximum=86400, help="time between two switches between one and three phases"
    )


@dataclass(frozen=True, slots=True)
class MqttSettings:
    """The local MQTT broker."""

    host: str = setting("", help="name or address; empty = none")
    port: int = setting(1883, minimum=1, maximum=65535, help="8883 is usual with TLS")
    tls: bool = setting(False, help="true: encrypted, and the broker's certificate is checked")
    roots: str = setting("", help="PEM file with the root certificates of the broker; empty = the system's")
    user: str = setting("", help="empty = none")
    password: Secret = setting(Secret(""), help="of the user")


@dataclass(frozen=True, slots=True)
class TelemetrySettings:
    """What the station tells the local MQTT broker."""

    enabled: bool = setting(False, help="true: it tells")
    topic: str = setting("emops", help="topics begin with it and the charge point's identity")
    every_s: float = setting(
        10.0, unit="s", minimum=1, maximum=3600, help="a topic is told at most so often, world time; states at once"
    )
    discovery: str = setting("homeassistant", help="where Home Assistant looks for devices; empty = it is not told")


def check_limits(
    limits: LimitSettings, mqtt: MqttSettings, telemetry: TelemetrySettings, buses: Collection[str]
) -> None:
    """Check what no single setting can tell.

    Raises:
        ConfigError: two settings don't go together, or one of them makes no sense.
    """
    for name, current_a in (("fail_safe_a", limits.fail_safe_a), ("csms_away_a", limits.csms_away_a)):
        if 0 < current_a < 6:
            raise ConfigError(f"limits.{name} can be 0 or 6 and more: less can't be offered")
    if limits.source == "mqtt":
        _check_topic("limits.topic", limits.topic)
    if limits.source == "modbus" and limits.bus not in buses:
        known = ", ".join(sorted(buses)) or "none"
        raise ConfigError(f"limits.bus = {limits.bus!r} is no [[bus]]; there is: {known}")
    if limits.source == "modbus" and limits.silent_after_s < 2 * limits.poll_s:
        raise ConfigError("limits.silent_after_s must be at least twice poll_s, or one lost answer is a silence")
    if telemetry.enabled:
        _check_topic("telemetry.topic", telemetry.topic)
    if (limits.source == "mqtt" or telemetry.enabled) and not mqtt.host:
        raise ConfigError("mqtt.host is missing: name the broker")
    if mqtt.roots and not mqtt.tls:
        raise ConfigError("mqtt.roots is for TLS: set mqtt.tls = true")


def _check_topic(name: str, topic: str) -> None:
    if not topic or any(letter in topic for letter in "+#\0"):
        raise ConfigError(f"{name} = {topic!r}: name a topic without + and #")
