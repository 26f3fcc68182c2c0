"""All simulated devices of one station, as the control port and the demonstration see them."""

from dataclasses import dataclass

from simulators.mailbox import Mailbox
from simulators.modbus_slave import ModbusSlave
from simulators.modem import ModemSimulator
from simulators.rfid import CardReader
from simulators.site import Site


@dataclass(frozen=True, slots=True)
class World:
    """The devices. `meter_address` is the meter's on the bus."""

    site: Site
    bus: ModbusSlave
    meter_address: int
    modem: ModemSimulator
    rfid: CardReader
    mailbox: Mailbox
