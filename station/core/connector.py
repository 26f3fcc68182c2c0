"""The state of a connector, as a table.

The states are those of OCPP 1.6 (§4.9). A row names where a connector may go from a state; a move
that is not in the table is a mistake of ours and is refused. Which state is the right one follows from the facts that
station.core.charging knows; the table only says which moves exist.
"""

from enum import StrEnum
from typing import Any

from transitions import Machine, MachineError


class Status(StrEnum):
    """ChargePointStatus (OCPP 1.6 §7.7, values as on the wire)."""

    AVAILABLE = "Available"
    PREPARING = "Preparing"
    CHARGING = "Charging"
    SUSPENDED_EV = "SuspendedEV"
    SUSPENDED_EVSE = "SuspendedEVSE"
    FINISHING = "Finishing"
    RESERVED = "Reserved"
    FAULTED = "Faulted"
    UNAVAILABLE = "Unavailable"


_A, _P, _C, _F = Status.AVAILABLE, Status.PREPARING, Status.CHARGING, Status.FINISHING
_SEV, _SEVSE, _X, _U = Status.SUSPENDED_EV, Status.SUSPENDED_EVSE, Status.FAULTED, Status.UNAVAILABLE
_R = Status.RESERVED

MOVES: dict[Status, tuple[Status, ...]] = {
    # from: where to (the letter is the row of the matrix in §4.9)
    _A: (_P, _C, _SEV, _SEVSE, _R, _U, _X),  # A: plugged or tapped; put out of service; fault
    _P: (
        _A,
        _C,
        _SEV,
        _SEVSE,
        _F,
        _R,
        _U,
        _X,
    ),  # B: given up; started. To Unavailable is ours: nobody charges, so at once
    _C: (_A, _SEV, _SEVSE, _F, _U, _X),  # C
    _SEV: (_A, _C, _SEVSE, _F, _U, _X),  # D
    _SEVSE: (_A, _C, _SEV, _F, _U, _X),  # E
    _F: (_A, _P, _R, _U, _X),  # F: unplugged; the driver starts anew; kept for the next one
    _R: (_A, _P, _U, _X),  # G: over; the driver has come
    _U: (_A, _P, _C, _SEV, _SEVSE, _R, _X),  # H: also the state before the board has spoken for the first time
    _X: (_A, _P, _C, _SEV, _SEVSE, _F, _R, _U),  # I: the fault is gone, back to what is true now
}


class IllegalMoveError(Exception):
    """The table has no such move."""


class Connector:
    """One connector. Begins as Unavailable: nobody has seen the board yet."""

    def __init__(self, status: Status = Status.UNAVAILABLE) -> None:
        # Any: the package puts its triggers on the model at run time; they don't leave this class.
        self._model: Any = type("Model", (), {})()
        Machine(
            model=self._model,
            states=[str(state) for state in Status],
            initial=str(status),
            transitions=[
                {"trigger": f"become{to}", "source": str(source), "dest": str(to)}
                for source, targets in MOVES.items()
                for to in targets
            ],
            auto_transitions=False,
        )

    @property
    def status(self) -> Status:
        """The present state."""
        return Status(self._model.state)

    def become(self, status: Status) -> bool:
        """Move, and tell whether that changed anything.

        Raises:
            IllegalMoveError: the table has no such move.
        """
        before = self.status
        if status is before:
            return False
        try:
            self._model.trigger(f"become{status}")
        except MachineError as error:
            raise IllegalMoveError(f"a connector does not go from {before} to {status}") from error
        return True
