"""A Quectel EC25 on a pseudo terminal: AT commands, SIM, registration, and TCP through its own socket commands."""

from simulators.modem.bearer import Counters
from simulators.modem.modem import ModemSimulator
from simulators.modem.serial_side import Faults

__all__ = ["Counters", "Faults", "ModemSimulator"]
