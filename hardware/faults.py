"""The faults of an EVSE in our own words, and what they are called in each version of OCPP. Pure.

Where OCPP 1.6 has a word, ours is the same. OCPP 2.x names a component of the device model and one of its variables,
which a NotifyEvent tells as true.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum


class Fault(StrEnum):
    """What can be wrong with an EVSE."""

    CABLE = "CableRejected"
    DIODE = "DiodeFault"
    ENCLOSURE = "EnclosureOpen"
    GROUND = "GroundFailure"
    HEAT = "HighTemperature"
    INTERNAL = "InternalError"
    KEY_SWITCH = "KeySwitch"
    LOCK = "ConnectorLockFailure"
    NOT_CLOSED = "ContactorStaysOpen"
    OTHER = "OtherError"
    OVER_CURRENT = "OverCurrentFailure"
    OVER_VOLTAGE = "OverVoltage"
    PERMANENT = "PermanentFault"
    PHASES = "PhaseSequence"
    PILOT = "PilotFault"
    POWER_SWITCH = "PowerSwitchFailure"
    RESTART = "RestartNeeded"
    TILT = "Tilt"
    UNDER_VOLTAGE = "UnderVoltage"
    UPDATING = "BoardUpdating"
    VEHICLE = "EVCommunicationError"
    VENTILATION = "VentilationNotAvailable"
    WATER = "WaterIngress"


@dataclass(frozen=True, slots=True)
class Words:
    """A fault in the words of OCPP.

    Args:
        code: ChargePointErrorCode (OCPP 1.6 §7.6).
        component: of the device model (OCPP 2.0.1 part 2, appendix 3).
        variable: of it, which is true while the fault lasts.
    """

    code: str
    component: str
    variable: str = "Problem"


WORDS: Mapping[Fault, Words] = {
    Fault.CABLE: Words("OtherError", "Connector"),
    Fault.DIODE: Words("EVCommunicationError", "ConnectedEV"),
    Fault.ENCLOSURE: Words("OtherError", "CaseAccessSensor", "Active"),
    Fault.GROUND: Words("GroundFailure", "RCD", "Tripped"),
    Fault.HEAT: Words("HighTemperature", "TemperatureSensor"),
    Fault.INTERNAL: Words("InternalError", "Controller"),
    Fault.KEY_SWITCH: Words("OtherError", "LocalAvailabilitySensor", "Active"),
    Fault.LOCK: Words("ConnectorLockFailure", "ConnectorPlugRetentionLock"),
    Fault.NOT_CLOSED: Words("PowerSwitchFailure", "PowerContactor"),
    Fault.OTHER: Words("OtherError", "EVSE"),
    Fault.OVER_CURRENT: Words("OverCurrentFailure", "OverCurrentProtection", "Tripped"),
    Fault.OVER_VOLTAGE: Words("OverVoltage", "ElectricalFeed"),
    Fault.PERMANENT: Words("InternalError", "EVSE"),
    Fault.PHASES: Words("OtherError", "ElectricalFeed"),
    Fault.PILOT: Words("EVCommunicationError", "CPPWMController"),
    Fault.POWER_SWITCH: Words("PowerSwitchFailure", "PowerContactor"),
    Fault.RESTART: Words("OtherError", "Controller"),
    Fault.TILT: Words("OtherError", "TiltSensor", "Active"),
    Fault.UNDER_VOLTAGE: Words("UnderVoltage", "ElectricalFeed"),
    Fault.UPDATING: Words("OtherError", "Controller"),
    Fault.VEHICLE: Words("EVCommunicationError", "ConnectedEV"),
    Fault.VENTILATION: Words("OtherError", "AreaVentilation"),
    Fault.WATER: Words("OtherError", "FloodSensor", "Active"),
}

_ORDER = (Fault.POWER_SWITCH, Fault.GROUND, Fault.PERMANENT, Fault.WATER, Fault.HEAT)
"""Those that people must hear of first."""


def gravest(faults: Iterable[str]) -> Fault:
    """Choose the one to report where only one can be; what is none of our words counts as OTHER.

    Raises:
        ValueError: there is none.
    """
    known = [Fault(name) if name in set(Fault) else Fault.OTHER for name in faults]
    return min(known, key=lambda fault: (_ORDER.index(fault) if fault in _ORDER else len(_ORDER), fault))
