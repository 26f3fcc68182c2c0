"""The signed originals of a session as they are handed out: each once, with the key that it was checked by. Pure."""

from dataclasses import dataclass

from backend.core.proofs.signed_record import OCMF, Original, originals
from shared import ocmf
from shared.metering import ReadingContext, SignedData
from shared.ocmf import OcmfError


@dataclass(frozen=True, slots=True)
class SignedOriginal:
    """An original that was checked. `key` is hexadecimal, empty where none was known."""

    transaction_id: int
    original: Original
    key: str

    @property
    def context(self) -> str:
        """Why it was taken, by what is signed; that of one with begin and end is the end (OCA, Signed Meter Values)."""
        kinds = _kinds(self.original)
        if kinds & ocmf.ENDS:
            return ReadingContext.END
        return ReadingContext.BEGIN if ocmf.BEGIN in kinds else ReadingContext.PERIODIC


def original_of(transaction_id: int, data: SignedData, part: int, key: str) -> SignedOriginal:
    """Find an original again in the record that it came in; see `signed_check.Checked.part`."""
    return SignedOriginal(transaction_id, originals(data)[part], key)


def _kinds(original: Original) -> frozenset[str]:
    if original.format != OCMF:
        return frozenset()
    try:
        return frozenset(reading.kind for reading in ocmf.parse(original.text).readings)
    except OcmfError:
        return frozenset()
