"""All simulated devices of one station, as the control port and the demonstration see them."""

from collections.abc import Mapping
from dataclasses import dataclass

from simulators.board import Board
from simulators.mailbox import Mailbox
from simulators.modbus_slave import ModbusSlave
from simulators.modem import ModemSimulator
from simulators.relay import Relay
from simulators.rfid import CardReader
from simulators.signing_meter import SigningMeter
from simulators.site import Site
from simulators.supply import Supply


@dataclass(frozen=True, slots=True)
class Evse:
    """One EVSE: its place, and where its devices are on the bus."""

    site: Site
    meter_address: int
    board_address: int

    @property
    def board(self) -> Board:
        """Its board."""
        return self.site.board

    def switch(self, on: bool) -> None:
        """Give power to board and meter, or take it away."""
        self.site.advance()
        if on:
            self.board.get_power()
        else:
            self.board.lose_power()
            if isinstance(self.site.meter, SigningMeter):
                self.site.meter.lose_power()
        self.site.advance()


@dataclass(frozen=True, slots=True)
class World:
    """The devices; EVSEs and readers are numbered from 1. `relay` is the link without the modem, where there is one."""

    evses: Mapping[int, Evse]
    bus: ModbusSlave
    modem: ModemSimulator
    readers: Mapping[int, CardReader]
    mailbox: Mailbox
    relay: Relay | None
    supply: Supply
