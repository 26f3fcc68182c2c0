"""Bauer BSM-WS36A: how it signs snapshots. Pure; SunSpec, unit 42, 19200 baud 8E1, holding registers.

A snapshot is made by writing 2 to its status and waiting until that changes. Each has a twin with its OCMF text, which
is read as it is. The pair start and end leaves the contactor to our board; the pair turn-on and turn-off would switch
one at the meter. There is no state of a session in the meter: the end snapshot can be made at any time.

After power-up the clock is not set. Set, it must be told the time again each 24 to 48 h, and not oftener: it wears the
meter's memory.

Source: [1] chargeITmobility/bsm-python, doc/modbus (models and registers), doc/examples (snapshots, time, ocmf), models
64900, 64901, 64903. Not seen on a meter by us: whether a snapshot can be made while the clock is not set, and how long
the metadata last without power (they are compared and written again before each snapshot).
"""

from hardware.api import MeterTime, SignedSession
from hardware.errors import DeviceError, LinkError
from hardware.meters.procedure import (
    Procedure,
    Write,
    ascii_text,
    read_bytes,
    read_word,
    signed_word,
    until,
    write_bytes,
)
from hardware.meters.signed_record import id_text, is_of, read_record
from shared import ocmf
from shared.metering import SignedData

NAME = "BSM-WS36A"
VERIFIED = False
"""No row was tried on a real meter."""

EPOCH, ZONE_MIN = 40260, 40262
META1, META2 = 40279, 40349
META1_BYTES, META2_BYTES = 140, 100
KEY_WORDS, KEY_BYTES, KEY = 40457, 40458, 40459
KEY_MOST = 96
START_STATUS, END_STATUS = 41286, 41540
START_TEXT_STATUS, END_TEXT_STATUS = 43294, 43794
"""The text begins in the next register."""
TEXT_BYTES = 992

VALID, INVALID, UPDATING = 0, 1, 2
_FAILURES = {
    INVALID: "it holds no valid snapshot",
    3: "making the snapshot failed",
    4: "the signal that enables it is missing",
    5: "the contactor's feedback is missing or wrong",
}
_NOT_SET = 0xFFFFFFFF

REFRESH_S = 30 * 3600
"""Between 24 and 48 h."""

_SIGN_S, _LOOK_S = 15.0, 0.2


class BauerSigning:
    """Fulfils `hardware.meters.signing_meter.Procedures`. Remembers when it told the time and which page was last."""

    name = NAME
    verified = VERIFIED

    def __init__(self) -> None:
        self._told_at: float | None = None
        self._page = ""

    def public_key(self) -> Procedure[str]:
        """Read the key, DER."""
        count = yield from read_word(KEY_BYTES)
        if not 0 < count <= KEY_MOST:
            raise DeviceError(f"the meter {NAME} tells no public key")
        key = yield from read_bytes(KEY, count)
        return key.hex().upper()

    def begin(self, session: SignedSession, now: MeterTime) -> Procedure[SignedData | None]:
        """Make the start snapshot."""
        return (yield from self._snapshot(session, now, START_STATUS, START_TEXT_STATUS))

    def recover(self, session: SignedSession, now: MeterTime) -> Procedure[bool]:
        """Set clock and metadata again. Nothing of a session is lost with the power: the register counts on."""
        yield from self.keep_time(now)
        yield from _set_metadata(session)
        return True

    def end(self, session: SignedSession, now: MeterTime) -> Procedure[SignedData]:
        """Make the end snapshot. A repeat makes another one: the contactor is open, so it tells the same energy."""
        return (yield from self._snapshot(session, now, END_STATUS, END_TEXT_STATUS))

    def release(self) -> Procedure[None]:
        """Nothing to do: the next snapshot overwrites this one."""
        yield from ()

    def keep_time(self, now: MeterTime) -> Procedure[None]:
        """Set the clock if it is not set, and tell it the time again after REFRESH_S.

        A program that was started anew does not know when the meter was told last. It waits REFRESH_S; should the clock
        become invalid before, it is set then.
        """
        raw = yield from read_bytes(EPOCH, 4)
        is_set = int.from_bytes(raw, "big") not in (0, _NOT_SET)
        if self._told_at is None and is_set:
            self._told_at = now.uptime
        if not now.is_known or (is_set and self._told_at is not None and now.uptime < self._told_at + REFRESH_S):
            return
        epoch, offset = int(now.at.timestamp()), now.at.utcoffset()
        zone = signed_word(int(offset.total_seconds()) // 60 if offset else 0)
        # Both in one write, or the first setting is refused.
        yield Write(EPOCH, (epoch >> 16 & 0xFFFF, epoch & 0xFFFF, zone))
        self._told_at = now.uptime

    def _snapshot(
        self, session: SignedSession, now: MeterTime, status_at: int, text_status_at: int
    ) -> Procedure[SignedData]:
        yield from self.keep_time(now)
        yield from _set_metadata(session)
        yield Write(status_at, (UPDATING,))
        yield from _finished(status_at)
        yield from _finished(text_status_at)
        text = yield from _text(text_status_at)
        record = read_record(text, NAME)
        if not is_of(record, session):
            raise DeviceError(f"the meter {NAME} signed another id than that of this session")
        if record.pagination == self._page:
            raise LinkError(f"the meter {NAME} still shows the snapshot before")
        self._page = record.pagination
        key = yield from self.public_key()
        return SignedData(text, key, record.signature.algorithm, ocmf.METHOD)


def _finished(status_at: int) -> Procedure[None]:
    status = yield from until(
        status_at,
        lambda status: status != UPDATING,
        within_s=_SIGN_S,
        every_s=_LOOK_S,
        otherwise=f"the meter {NAME} did not sign within {_SIGN_S:g} s",
    )
    if status != VALID:
        raise DeviceError(f"the meter {NAME} does not sign: {_FAILURES.get(status, f'status {status}')}")


def _set_metadata(session: SignedSession) -> Procedure[None]:
    """Write who charges and where, if the meter does not hold it already. Texts are written whole, filled with zeros.

    Only the first is part of the OCMF text, as ID.
    """
    texts = ((META1, META1_BYTES, id_text(session)), (META2, META2_BYTES, f"evse-id: {session.evse}"))
    for register, size, text in texts:
        wanted = ascii_text(text)[:size].ljust(size, b"\0")
        held = yield from read_bytes(register, size)
        if held != wanted:
            yield from write_bytes(register, wanted)


def _text(status_at: int) -> Procedure[str]:
    raw = yield from read_bytes(status_at + 1, TEXT_BYTES)
    return raw.split(b"\0", 1)[0].decode("utf-8", "replace")
