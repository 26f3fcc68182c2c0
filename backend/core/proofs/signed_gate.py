"""What a session may be billed by: the registers that its station told, what its meter signed, or nothing. Pure.

Where calibration law demands proof, energy is billed by a verified pair of signed values and by nothing else, and
nothing is ever estimated in its place: without the pair the session is held until somebody decides. A verified pair
counts everywhere, because it is what the driver can check.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import ROUND_FLOOR, Decimal
from enum import StrEnum

from backend.core.proofs.signed_pair import SignedRegister, Status, whole_wh
from backend.core.rates.charging_period import MeterPoint
from backend.core.rates.pricing import UnratableError
from backend.core.rates.rating_model import Item, Rating
from shared.units import Wh

HELD = "no energy is billed without a verified pair of signed values"
"""How the reason begins for which such a session is held."""


class Decision(StrEnum):
    """What a person may decide on a session that is held for the lack of proof."""

    WAIVE = "waive"
    """It costs nothing."""
    FIXED_FEE = "fixed_fee"
    """It costs the fixed fee of its tariff, if that has nothing else."""
    JUDGE = "judge"
    """Take back what was decided: the evidence counts again."""


class Way(StrEnum):
    """How a session is billed."""

    REGISTERS = "registers"
    SIGNED = "signed"
    FIXED_FEE = "fixed_fee"
    WAIVED = "waived"
    WAIT = "wait"
    """What was signed is not checked yet."""
    NO_ENERGY = "no_energy"
    """Proof of the energy is demanded and missing, so nothing may be billed by energy."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of a session's signed values.

    Args:
        required: energy may not be billed without them.
        is_waiting: something came and is not checked yet, or the session changed since it was judged.
        is_asked: it stands on the list of what is to be checked.
        verdict: number of the last verdict, None where nothing was signed.
        status: of it.
        reason: of it.
        begin_wh: signed register, None where there is none.
        end_wh: signed register.
        decision: the last one, None where nobody decided.
        changes: registers that were signed at changes of the tariff, in the order of time.
    """

    required: bool = False
    is_waiting: bool = False
    is_asked: bool = False
    verdict: int | None = None
    status: Status = Status.MISSING
    reason: str = "no signed record came"
    begin_wh: Decimal | None = None
    end_wh: Decimal | None = None
    decision: Decision | None = None
    changes: tuple[SignedRegister, ...] = ()


NO_EVIDENCE = Evidence()


@dataclass(frozen=True, slots=True)
class Registers:
    """What a price is worked out from: the register at begin and end in Wh, and the values in between."""

    started_at: datetime
    ended_at: datetime
    meter_start: Wh
    meter_stop: Wh
    points: tuple[MeterPoint, ...]


def way_of(evidence: Evidence) -> Way:
    """Tell how a session is billed."""
    if evidence.decision is Decision.WAIVE:
        return Way.WAIVED
    if evidence.decision is Decision.FIXED_FEE:
        return Way.FIXED_FEE
    if evidence.is_waiting:
        return Way.WAIT
    if evidence.status is Status.VERIFIED and evidence.begin_wh is not None and evidence.end_wh is not None:
        return Way.SIGNED
    return Way.NO_ENERGY if evidence.required else Way.REGISTERS


def check_proof(way: Way, evidence: Evidence, *, sells_energy: bool) -> None:
    """Check that energy is not billed without the proof that is demanded.

    Args:
        way: as `way_of` gives it.
        evidence: of the same session.
        sells_energy: its tariffs have a price of energy.

    Raises:
        UnratableError: its energy may not be billed, and nobody decided what else.
    """
    if way is Way.NO_ENERGY and sells_energy:
        raise UnratableError(f"no energy is billed without a verified pair of signed values: {evidence.reason}")


def billed(told: Registers, evidence: Evidence, way: Way) -> Registers:
    """Give what the price is worked out from.

    Args:
        told: by the station.
        evidence: of the same session.
        way: as `way_of` gives it.
    """
    if way is Way.FIXED_FEE:
        return replace(told, meter_stop=told.meter_start, points=(_point(told.started_at, told.meter_start),) * 2)
    if way is not Way.SIGNED or evidence.begin_wh is None or evidence.end_wh is None:
        return told
    start = Wh(int(evidence.begin_wh.to_integral_value(ROUND_FLOOR)))
    stop = Wh(start + whole_wh(evidence.begin_wh, evidence.end_wh))
    return replace(told, meter_start=start, meter_stop=stop, points=tuple(_moved(told, start, stop)))


def check_fixed_fee(rating: Rating) -> None:
    """Check that a price is a fixed fee and nothing else.

    Raises:
        UnratableError: the tariff has no fixed fee, or more than that is due without any energy.
    """
    items = {line.item for line in rating.lines}
    if Item.FLAT not in items:
        raise UnratableError("its tariff has no fixed fee that could be billed: waive it")
    if items != {Item.FLAT}:
        more = ", ".join(sorted(item.value for item in items - {Item.FLAT}))
        raise UnratableError(f"its tariff asks for more than a fixed fee even without energy ({more}): waive it")


def _moved(told: Registers, start: Wh, stop: Wh) -> Iterator[MeterPoint]:
    """Move the values in between to the signed register; none may leave what was signed."""
    yield _point(told.started_at, start)
    for point in _inside(told.points):
        yield replace(point, energy=Wh(min(max(start + point.energy - told.meter_start, start), stop)))
    last = told.points[-1] if told.points else _point(told.ended_at, stop)
    yield replace(last, at=told.ended_at, energy=stop)


def _inside(points: Sequence[MeterPoint]) -> Sequence[MeterPoint]:
    return points[1:-1]


def _point(at: datetime, energy: Wh) -> MeterPoint:
    return MeterPoint(at, energy)
