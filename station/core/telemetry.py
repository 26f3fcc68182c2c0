"""What the station tells a local MQTT broker, and how Home Assistant learns of it. Pure.

One retained topic for each EVSE and one for the station, JSON, so that who comes later knows all at once. Home
Assistant's MQTT discovery gets one device for the station; a register in Wh that only rises (`total_increasing`) is
what its energy dashboard takes.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from shared.ids import EvseId

PREFIX_LENGTH = 64


@dataclass(frozen=True, slots=True)
class EvseFacts:
    """What is told of an EVSE; None = not known now.

    Args:
        evse: its number.
        state: as OCPP 1.6 names it.
        energy_wh: register of its meter.
        power_w: now.
        currents_a: per phase.
        offered_a: to the vehicle, per phase.
        limit: why it is not more; empty if only cable and installation limit it.
        faults: in the words of OCPP 1.6.
    """

    evse: EvseId
    state: str
    energy_wh: int | None
    power_w: int | None
    currents_a: tuple[float | None, ...]
    offered_a: int
    limit: str
    faults: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StationFacts:
    """What is told of the station.

    Args:
        evses: its EVSEs.
        signal_dbm: of the mobile network, None without a modem.
        backlog: messages that wait for delivery.
        online: whether the central system is there.
    """

    evses: tuple[EvseFacts, ...]
    signal_dbm: int | None
    backlog: int
    online: bool


@dataclass(frozen=True, slots=True)
class Names:
    """How the station is called at the broker.

    Args:
        base: with which its topics begin.
        discovery: where Home Assistant looks; empty = nowhere.
        identity: of the charge point.
        vendor: who made it.
        model: what it is.
        version: of the program.
    """

    base: str
    discovery: str
    identity: str
    vendor: str
    model: str
    version: str

    @property
    def availability(self) -> str:
        """Topic that says online or offline."""
        return f"{self.base}/availability"

    @property
    def node(self) -> str:
        """Name of the station in discovery topics, which take few characters only."""
        letters = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in self.identity)
        return f"emops_{letters}"


def topic_name(base: str, identity: str) -> str:
    """Give the begin of a station's topics; what MQTT reserves becomes a dash."""
    return f"{base}/{''.join('-' if letter in '+#/' else letter for letter in identity)}"


def states(facts: StationFacts, names: Names) -> dict[str, str]:
    """Give what each topic says."""
    found = {f"{names.base}/evse/{evse.evse}": _text(_flat(evse)) for evse in facts.evses}
    station = {
        "signal_dbm": facts.signal_dbm,
        "backlog": facts.backlog,
        "csms": "online" if facts.online else "offline",
    }
    return {**found, f"{names.base}/station": _text(station)}


def _flat(evse: EvseFacts) -> dict[str, object]:
    row = asdict(evse)
    currents = row.pop("currents_a")
    row.pop("evse")
    row["faults"] = ", ".join(evse.faults)
    return {**row, **{f"current_l{phase}_a": value for phase, value in enumerate(currents, 1)}}


@dataclass(frozen=True, slots=True)
class _Sensor:
    key: str
    name: str
    unit: str = ""
    device_class: str = ""
    state_class: str = ""
    diagnostic: bool = False


_EVSE_SENSORS = (
    _Sensor("energy_wh", "Energy", "Wh", "energy", "total_increasing"),
    _Sensor("power_w", "Power", "W", "power", "measurement"),
    _Sensor("current_l1_a", "Current L1", "A", "current", "measurement"),
    _Sensor("current_l2_a", "Current L2", "A", "current", "measurement"),
    _Sensor("current_l3_a", "Current L3", "A", "current", "measurement"),
    _Sensor("offered_a", "Current offered", "A", "current", "measurement"),
    _Sensor("state", "State"),
    _Sensor("limit", "Limit"),
    _Sensor("faults", "Faults", diagnostic=True),
)
_STATION_SENSORS = (
    _Sensor("signal_dbm", "Signal", "dBm", "signal_strength", "measurement", diagnostic=True),
    _Sensor("backlog", "Waiting messages", state_class="measurement", diagnostic=True),
    _Sensor("csms", "Central system", diagnostic=True),
)


def discovery(evses: Mapping[EvseId, int], names: Names) -> dict[str, str]:
    """Give the messages by which Home Assistant finds the station (its MQTT integration, section discovery).

    Args:
        evses: the EVSEs and how many phases each has.
        names: of the station.
    """
    if not names.discovery:
        return {}
    found: dict[str, str] = {}
    for number, phases in evses.items():
        for sensor in _EVSE_SENSORS:
            if sensor.key.startswith("current_l") and sensor.key[9:10] > str(phases):
                continue
            prefix = f"EVSE {number} " if len(evses) > 1 else ""
            found |= _config(sensor, names, f"{names.base}/evse/{number}", f"evse{number}_{sensor.key}", prefix)
    for sensor in _STATION_SENSORS:
        found |= _config(sensor, names, f"{names.base}/station", sensor.key, "")
    return found


def _config(sensor: _Sensor, names: Names, state_topic: str, object_id: str, prefix: str) -> dict[str, str]:
    entity: dict[str, object] = {
        "name": prefix + sensor.name,
        "unique_id": f"{names.node}_{object_id}",
        "object_id": f"{names.node}_{object_id}",
        "state_topic": state_topic,
        "value_template": "{{ value_json." + sensor.key + " }}",
        "availability_topic": names.availability,
        "device": {
            "identifiers": [names.node],
            "name": names.identity,
            "manufacturer": names.vendor,
            "model": names.model,
            "sw_version": names.version,
        },
    }
    more = {
        "unit_of_measurement": sensor.unit,
        "device_class": sensor.device_class,
        "state_class": sensor.state_class,
        "entity_category": "diagnostic" if sensor.diagnostic else "",
    }
    entity |= {name: text for name, text in more.items() if text}
    return {f"{names.discovery}/sensor/{names.node}/{object_id}/config": _text(entity)}


class Pace:
    """Lets a topic speak when what it says has changed, but numbers at most every `every_s`. Times are uptime, s."""

    def __init__(self, every_s: float) -> None:
        self._every_s = every_s
        self._said: dict[str, tuple[str, float]] = {}

    def forget(self) -> None:
        """Begin anew: the broker may have forgotten all."""
        self._said.clear()

    def due(self, states: Mapping[str, str], uptime: float) -> dict[str, str]:
        """Give what is to be said now."""
        found = {topic: text for topic, text in states.items() if self._is_due(topic, text, uptime)}
        self._said |= {topic: (text, uptime) for topic, text in found.items()}
        return found

    def _is_due(self, topic: str, text: str, uptime: float) -> bool:
        if topic not in self._said:
            return True
        said, at = self._said[topic]
        return said != text and (uptime >= at + self._every_s or _words(said) != _words(text))


def _words(text: str) -> dict[str, object]:
    """Give what of a state is no number: that is told at once."""
    return {name: value for name, value in json.loads(text).items() if isinstance(value, str) and name != "limit"}


def _text(row: Mapping[str, object]) -> str:
    return json.dumps(row, separators=(",", ":"))
