"""Whether a signed record that a meter holds is that of a session, and how an id is named in it. Pure."""

import re
from datetime import timedelta

from hardware.api import SignedSession
from hardware.errors import DeviceError
from shared import ocmf
from shared.ocmf import OcmfError, Record

SAME_SESSION = timedelta(minutes=10)
"""The begin in the record and ours are stamped by two clocks, one of which was set by the other."""

_UID = re.compile(r"([0-9A-F]{2}){4}|([0-9A-F]{2}){7}|([0-9A-F]{2}){10}")


def identification_type(id_token: str) -> str:
    """Name the kind of an id (OCMF table 17): what looks like the UID of a card is taken for one."""
    return "ISO14443" if _UID.fullmatch(id_token) else "UNDEFINED"


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
    """Tell whether a record belongs to a session: by the id in it and, where it tells a begin, by the time of that."""
    if session.id_token.value not in record.id_token.upper():
        return False
    begin = record.reading(ocmf.BEGIN)
    if begin is None or begin.at is None or session.begun is None:
        return True
    return abs(begin.at - session.begun) <= SAME_SESSION
