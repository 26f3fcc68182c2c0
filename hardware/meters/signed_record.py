"""Whether a signed record that a meter holds is that of a session, and how an id is named in it. Pure."""

import re

from hardware.api import SignedSession
from hardware.errors import DeviceError
from shared import ocmf
from shared.ocmf import OcmfError, Record

SAME_WH = 10
"""The begin in the record and ours were read one after the other with the contactor open; meters write kWh with two or
more decimals."""

_UID = re.compile(r"([0-9A-F]{2}){4}|([0-9A-F]{2}){7}|([0-9A-F]{2}){10}")


def identification_type(id_token: str) -> str:
    """Name the kind of an id (OCMF table 17): what looks like the UID of a card is taken for one."""
    return "ISO14443" if _UID.fullmatch(id_token) else "UNDEFINED"


def id_text(session: SignedSession) -> str:
    """Give the id as the meter shall sign it.

    Raises:
        DeviceError: it holds what a signed record can't hold.
    """
    text = session.id_token.value
    if not text.isascii() or "|" in text:
        raise DeviceError("the id holds a character that the meter can't sign: give this driver another id")
    return text


def read_record(text: str, meter: str) -> Record:
    """Cut the record that a meter gave.

    Raises:
        DeviceError: it is none.
    """
    try:
        record = ocmf.parse(text)
        if not record.readings:
            raise OcmfError("it has no readings")
    except OcmfError as error:
        raise DeviceError(f"the signed record of the meter {meter} can't be used: {error}") from error
    return record


def is_of(record: Record, session: SignedSession) -> bool:
    """Tell whether a record belongs to a session: by the id in it and, where it tells a begin, by the register of that.

    Not by its time: our clock may have been corrected since.
    """
    if session.id_token.value != record.id_token.upper():
        return False
    begin = record.reading(ocmf.BEGIN)
    if begin is None or begin.wh is None or session.register is None:
        return True
    return abs(begin.wh - session.register) <= SAME_WH
