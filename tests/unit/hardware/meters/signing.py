"""Procedures of signing meters carried out on simulated meters, without a line, and stopped where a test wants."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import TypeVar

from hardware.api import MeterTime, SignedSession
from hardware.errors import DeviceError
from hardware.meters.bauer_signed import BauerSigning
from hardware.meters.catalogue import table
from hardware.meters.cg_em580 import Em580Signing
from hardware.meters.iskra_signed import IskraSigning
from hardware.meters.procedure import Pause, Procedure, Read, Step, Write
from hardware.meters.signing_meter import Procedures
from shared.ids import IdToken, TransactionKey
from shared.units import Watt, Wh
from simulators.modbus_slave import Refusal
from simulators.signing_meter import SIGNING, BauerMeter, Em580Meter, IskraMeter, SigningMeter

T = TypeVar("T")

NOON = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
LOCAL = timezone(timedelta(hours=1))
CARD = IdToken("04A1B2C3")
FAMILIES: dict[str, Callable[[], Procedures]] = {
    "WM3M4": IskraSigning,
    "BSM-WS36A": BauerSigning,
    "EM580": Em580Signing,
}


class Killed(Exception):  # noqa: N818  nothing went wrong
    """The program ends here."""


@dataclass
class Bench:
    """A simulated meter, its family's procedures, and a world time that only moves by their pauses."""

    model: str
    seconds: float = 0.0
    steps: list[Step] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.meter: SigningMeter = SIGNING[self.model](22411873, Wh(4_711_000), table=table(self.model), utc=self.utc)
        self.procedures = FAMILIES[self.model]()

    def utc(self) -> datetime:
        return NOON + timedelta(seconds=self.seconds)

    def now(self, *, is_known: bool = True) -> MeterTime:
        return MeterTime(self.utc().astimezone(LOCAL), is_known, self.seconds)

    def session(self, key: str = "k1", card: IdToken = CARD) -> SignedSession:
        return SignedSession(TransactionKey(key), card, "DE*ABC*E1")

    def begun(self, session: SignedSession) -> SignedSession:
        return SignedSession(session.key, session.id_token, session.evse, self.meter.register)

    def restart(self) -> None:
        """The program is started anew: what it remembered is gone."""
        self.procedures = FAMILIES[self.model]()

    def draw(self, energy_wh: int) -> None:
        self.seconds += 3600
        self.meter.count(Watt(energy_wh), 3_600_000_000)

    def run(self, procedure: Procedure[T], *, stop_before: int | None = None) -> T:
        """Carry a procedure out; `stop_before` kills the program before that step, counted from 0."""
        self.steps = []
        try:
            step = next(procedure)
            while True:
                if len(self.steps) == stop_before:
                    procedure.close()
                    raise Killed
                self.steps.append(step)
                try:
                    words = self._do(step)
                except Refusal as refusal:
                    step = procedure.throw(DeviceError(f"exception {refusal.code}"))
                else:
                    step = procedure.send(words)
        except StopIteration as finished:
            result: T = finished.value
            return result

    def _do(self, step: Step) -> tuple[int, ...]:
        match step:
            case Read(register, count):
                return tuple(self.meter.read(3, register, count))
            case Write(register, words):
                for place, word in enumerate(words):
                    self.meter.write(register + place, word)
            case Pause(seconds):
                self.seconds += seconds
        return ()

    @property
    def iskra(self) -> IskraMeter:
        assert isinstance(self.meter, IskraMeter)
        return self.meter

    @property
    def bauer(self) -> BauerMeter:
        assert isinstance(self.meter, BauerMeter)
        return self.meter

    @property
    def em580(self) -> Em580Meter:
        assert isinstance(self.meter, Em580Meter)
        return self.meter
