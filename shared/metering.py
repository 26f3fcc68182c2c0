"""What a meter says. A reading is what the device gave; a meter value is a reading with its time and its reason."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from shared.units import MilliAmp, MilliVolt, Watt, Wh


@dataclass(frozen=True, slots=True)
class SignedData:
    """Signed original of a reading, kept byte for byte: it is evidence and is never written anew.

    Args:
        text: as the meter or the station gave it, for instance `OCMF|{...}|{...}`, or that in Base64.
        public_key: as told, usually hexadecimal; empty where it is not told.
        signing_method: for instance `ECDSA-secp256r1-SHA256`; empty where it is not told.
        encoding_method: for instance `OCMF`; empty where it is not told.
    """

    text: str
    public_key: str = ""
    signing_method: str = ""
    encoding_method: str = ""


@dataclass(frozen=True, slots=True)
class MeterReading:
    """One look at a meter.

    Args:
        energy_import: total import register in Wh; this is what is billed.
        power: active power of all phases in W, None where the meter has no such register or did not answer.
        currents: mA per phase, in the order L1, L2, L3; empty where unknown.
        voltages: mV per phase to neutral, same order; empty where unknown.
        signed: the signed original, if the meter signs.
        offered: what the vehicle is offered per phase, mA; the station knows that, not the meter.
    """

    energy_import: Wh
    power: Watt | None = None
    currents: tuple[MilliAmp, ...] = ()
    voltages: tuple[MilliVolt, ...] = ()
    signed: SignedData | None = None
    offered: MilliAmp | None = None


class ReadingContext(StrEnum):
    """Why a value was taken (OCPP 1.6 §7.31, values as on the wire)."""

    BEGIN = "Transaction.Begin"
    END = "Transaction.End"
    PERIODIC = "Sample.Periodic"
    CLOCK = "Sample.Clock"
    TRIGGER = "Trigger"
    OTHER = "Other"


@dataclass(frozen=True, slots=True)
class MeterValue:
    """A reading with its time (aware, UTC) and the reason for taking it."""

    at: datetime
    reading: MeterReading
    context: ReadingContext = ReadingContext.PERIODIC


@dataclass(frozen=True, slots=True)
class SignedReading:
    """A signed original with its time (aware, UTC) and the reason for taking it, whether or not we can read it."""

    at: datetime
    context: ReadingContext
    data: SignedData
