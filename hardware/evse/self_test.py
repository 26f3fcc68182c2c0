"""Let a board show that it is fit: done at its first answer, and again whenever a technician asks."""

from dataclasses import dataclass

from hardware.api import EvseBoard, EvseStatus, PilotState
from hardware.errors import DeviceError, HardwareError


@dataclass(frozen=True, slots=True)
class Check:
    """One point of a self-test. `passed` is None where it could not be tried; `text` says what was seen or why."""

    name: str
    passed: bool | None
    text: str = ""


@dataclass(frozen=True, slots=True)
class SelfTest:
    """What a self-test found. `faults` are those that the board doesn't report itself (OCPP 1.6 §7.6)."""

    checks: tuple[Check, ...]
    faults: frozenset[str] = frozenset()

    @property
    def passed(self) -> bool:
        """Tell whether nothing failed."""
        return all(check.passed is not False for check in self.checks)


async def self_test(board: EvseBoard, *, rcd: bool) -> SelfTest:
    """Test what can be tested now: with a vehicle at the cable its lock stays as it is.

    Args:
        board: that answers requests; nothing may be offered meanwhile by others.
        rcd: whether its residual current device is to be tested, if it can.
    """
    try:
        status = await board.status()
    except HardwareError as error:
        return SelfTest((Check("answers", False, str(error)),))
    checks = [Check("answers", True), _faults(status), _contactor(status), await _settings(board)]
    faults = set()
    if board.capabilities.rcd_test:
        checks.append(await _rcd(board, status) if rcd else Check("rcd", None, "not tested: the setting says never"))
        if checks[-1].passed is False:
            faults.add("GroundFailure")
    if board.capabilities.lock:
        checks.append(await _lock(board, status))
        if checks[-1].passed is False:
            faults.add("ConnectorLockFailure")
    return SelfTest(tuple(checks), frozenset(faults))


def _faults(status: EvseStatus) -> Check:
    if status.faults or status.pilot in (PilotState.E, PilotState.F):
        return Check("faults", False, ", ".join(sorted(status.faults)) or f"control pilot in state {status.pilot}")
    return Check("faults", True)


def _contactor(status: EvseStatus) -> Check:
    if not status.contactor_closed:
        return Check("contactor", True, "open")
    if status.offered_current_a and status.pilot in (PilotState.C, PilotState.D):
        return Check("contactor", None, "a vehicle charges")
    return Check("contactor", False, "closed though nothing is offered")


async def _settings(board: EvseBoard) -> Check:
    """Ask the board for its own settings; what is unwise about them is for a person to judge."""
    try:
        identity = await board.describe()
    except HardwareError as error:
        return Check("settings", None, str(error))
    return Check("settings", True, "; ".join((f"{identity.model} {identity.firmware}".strip(), *identity.notes)))


async def _rcd(board: EvseBoard, status: EvseStatus) -> Check:
    if status.contactor_closed or status.faults:
        # A test may clear a trip that the board keeps for good reason.
        return Check("rcd", None, "not tested: the contactor is closed or the board reports a fault")
    try:
        await board.test_rcd()
    except DeviceError as error:
        return Check("rcd", False, str(error))
    except HardwareError as error:
        return Check("rcd", None, str(error))
    return Check("rcd", True)


async def _lock(board: EvseBoard, status: EvseStatus) -> Check:
    if status.pilot is not PilotState.A or status.contactor_closed:
        return Check("lock", None, "not tested: a vehicle is connected")
    try:
        await board.lock()
        await board.unlock()
    except DeviceError as error:
        return Check("lock", False, str(error))
    except HardwareError as error:
        return Check("lock", None, str(error))
    return Check("lock", True)
