import re

from hardware.modem.at_session import AtSession
from hardware.modem.profiles import QUECTEL_EC25


def ec25_session() -> AtSession:
    """A session as AtLink makes it for an EC25."""
    return AtSession(
        QUECTEL_EC25.gap_s,
        0.3,
        [re.compile(header) for header in QUECTEL_EC25.payload_headers],
        [re.compile(QUECTEL_EC25.never_answers)],
    )
