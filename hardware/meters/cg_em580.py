"""Carlo Gavazzi EM580: how it measures a session and signs it. Pure; holding registers.

Begin: who charges and where, command B. End: command E; the meter then holds one OCMF file with begin and end until it
is told that the file was read. So that is told only once the file is stored: a power cut before leaves it there to be
read again. A session outlives a loss of power.

The clock is set only while no session runs: setting it hourly has stopped charges (EVerest issue 2500).

Source: [1] EVerest, modules/HardwareDrivers/PowerMeters/CarloGavazzi_EM580, which follows the vendor's protocol (tables
4.18 to 4.39). Not seen on a meter by us: that function 3 reads this map as function 4 does; that the tariff text, which
holds the transaction's key here, comes back as TT; that the file's size counts words.
"""

from hardware.api import MeterTime, SignedSession
from hardware.errors import DeviceError
from hardware.meters.procedure import (
    Procedure,
    Write,
    ascii_text,
    low_word_first,
    read_bytes,
    read_word,
    signed_word,
    until,
    write_bytes,
)
from hardware.meters.signed_record import id_text, identification_type, is_of, read_record
from shared import ocmf
from shared.metering import SignedData
from shared.ocmf import Record

NAME = "EM580"
VERIFIED = False
"""No row was tried on a real meter."""

SIGNATURE_TYPE, DER_KEY = 0x24FF, 0x2600
DER_KEY_BYTES = {0: 92, 1: 124}
"""By the type of signature: 256 and 384 bits. The block must be read whole; the key's own length stands in it."""

TARIFF_TEXT, TARIFF_TEXT_BYTES = 0x6900, 252
ID_STATUS, ID_LEVEL, ID_FLAGS, ID_TYPE, ID_DATA = 0x7000, 0x7001, 0x7002, 0x7006, 0x7007
PLACE_TYPE, PLACE, TEXT_BYTES = 0x701B, 0x701C, 40
ZONE_MIN, EPOCH, MODALITY, COMMAND = 0x7031, 0x7032, 0x7036, 0x7040
STATE, SIZE, FILE = 0x7100, 0x7101, 0x7110
FILE_BYTES = 4062

BEGIN, END = ord("B"), ord("E")
EMPTY, RUNNING, READY, CORRUPTED = 0, 1, 2, 3

ASSIGNED, HEARSAY, IMPORT_ONLY, EVSE_ID = 1, 1, 0, 0
_TYPES = {"UNDEFINED": 2, "ISO14443": 10}

CLOCK_S = 24 * 3600
"""How often the clock is set between sessions."""

_SWITCH_S, _SIGN_S, _LOOK_S = 2.0, 15.0, 0.2


class Em580Signing:
    """Fulfils `hardware.meters.signing_meter.Procedures`. Remembers when it told the meter the time."""

    name = NAME
    verified = VERIFIED

    def __init__(self) -> None:
        self._told_at: float | None = None

    def public_key(self) -> Procedure[str]:
        """Read the key, DER."""
        kind = yield from read_word(SIGNATURE_TYPE)
        if kind not in DER_KEY_BYTES:
            raise DeviceError(f"the meter {NAME} has no keys: this one was not made for signing")
        block = yield from read_bytes(DER_KEY, DER_KEY_BYTES[kind])
        if block[0] != 0x30:
            raise DeviceError(f"the public key of the meter {NAME} is not DER")
        return block[: 2 + block[1]].hex().upper()

    def begin(self, session: SignedSession, now: MeterTime) -> Procedure[SignedData | None]:
        """Begin; the signed begin comes with the end."""
        state = yield from read_word(STATE)
        if state == RUNNING:
            yield from _close()
        if state != EMPTY:
            yield from self.release()
        yield from self._set_time(now)
        yield from _set_metadata(session)
        yield Write(COMMAND, (BEGIN,))
        yield from _state(RUNNING, "begin", _SWITCH_S)
        return None

    def recover(self, session: SignedSession, now: MeterTime) -> Procedure[bool]:  # noqa: ARG002  it needs neither
        """Tell whether the session is there; its metadata and its clock outlive a loss of power."""
        state = yield from read_word(STATE)
        return state in (RUNNING, READY)

    def end(self, session: SignedSession, now: MeterTime) -> Procedure[SignedData]:  # noqa: ARG002  no time is set here
        """End the session if it still runs, and read its file."""
        state = yield from read_word(STATE)
        if state == EMPTY:
            raise DeviceError(f"the meter {NAME} does not measure this session")
        if state == RUNNING:
            yield from _close()
        elif state != READY:
            raise DeviceError(f"the meter {NAME} says that its record is corrupted")
        size = yield from read_word(SIZE)
        if not 0 < 2 * size <= FILE_BYTES:
            raise DeviceError(f"the meter {NAME} holds a record of {2 * size} bytes, which can't be")
        raw = yield from read_bytes(FILE, 2 * size)
        text = raw.rstrip(b"\0").decode("utf-8", "replace")
        record = read_record(text, NAME)
        if not _is_of(record, session):
            raise DeviceError(f"the meter {NAME} does not measure this session: it holds the record of another one")
        key = yield from self.public_key()
        return SignedData(text, key, record.signature.algorithm, ocmf.METHOD)

    def release(self) -> Procedure[None]:
        """Confirm that the file was read, which empties it."""
        yield Write(STATE, (EMPTY,))
        yield from _state(EMPTY, "forget its record", _SWITCH_S)

    def keep_time(self, now: MeterTime) -> Procedure[None]:
        """Set the clock once in CLOCK_S, while no session runs."""
        if self._told_at is not None and now.uptime < self._told_at + CLOCK_S:
            return
        state = yield from read_word(STATE)
        if state == EMPTY:
            yield from self._set_time(now)

    def _set_time(self, now: MeterTime) -> Procedure[None]:
        if not now.is_known:
            return
        offset = now.at.utcoffset()
        yield Write(EPOCH, tuple(low_word_first(int(now.at.timestamp()), 4)))
        yield Write(ZONE_MIN, (signed_word(int(offset.total_seconds()) // 60 if offset else 0),))
        self._told_at = now.uptime


def _close() -> Procedure[None]:
    yield Write(COMMAND, (END,))
    yield from _state(READY, "end", _SIGN_S)


def _state(wanted: int, what: str, within_s: float) -> Procedure[None]:
    state = yield from until(
        STATE,
        lambda state: state in (wanted, CORRUPTED),
        within_s=within_s,
        every_s=_LOOK_S,
        otherwise=f"the meter {NAME} did not {what} within {within_s:g} s",
    )
    if state != wanted:
        raise DeviceError(f"the meter {NAME} says that its record is corrupted")


def _set_metadata(session: SignedSession) -> Procedure[None]:
    token = id_text(session).encode("ascii")
    if len(token) >= TEXT_BYTES:
        raise DeviceError(f"the id has more than the {TEXT_BYTES - 1} characters that the meter {NAME} takes")
    kind = _TYPES[identification_type(token.decode("ascii"))]
    yield Write(ID_STATUS, (ASSIGNED,))
    yield Write(ID_LEVEL, (HEARSAY,))
    yield Write(ID_FLAGS, (0, 0, 0, 0))
    yield Write(ID_TYPE, (kind,))
    yield from write_bytes(ID_DATA, token + b"\0")
    yield Write(PLACE_TYPE, (EVSE_ID,))
    yield from write_bytes(PLACE, ascii_text(session.evse)[: TEXT_BYTES - 1] + b"\0")
    yield from write_bytes(TARIFF_TEXT, ascii_text(session.key)[: TARIFF_TEXT_BYTES - 1] + b"\0")
    yield Write(MODALITY, (IMPORT_ONLY,))


def _is_of(record: Record, session: SignedSession) -> bool:
    """Tell whether a record is this session's: by the key in its tariff text, where there is one."""
    told = record.payload.get("TT")
    return told == session.key if told else is_of(record, session)
