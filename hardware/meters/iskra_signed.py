"""Iskra WM3M4 and WM3M4C: how they measure a session and sign it. Pure; unit 33, holding registers.

Begin: time, metadata, command B. End: command r; the meter then holds one value block with the readings of begin and
end, and its signature, from which the record is put together. A measurement outlives a loss of power, but the time and
the metadata do not: both are written again before r, or the meter refuses.

Source: [1] EVerest, modules/HardwareDrivers/PowerMeters/RsIskraMeter, which follows the vendor's manual 1.14 (tables 5,
6 and 11, sections 6.5 and 6.6). Not seen on a meter by us: that the value block stays until the next B (a repeated
`end` needs it); that 7071 = 2 means a synchronised clock and nothing else does; which texts beyond those written here
the metadata may hold.
"""

import json

from hardware.api import MeterTime, SignedSession
from hardware.errors import DeviceError, LinkError
from hardware.meters.procedure import (
    Pause,
    Procedure,
    ascii_text,
    read_bytes,
    read_word,
    signed_word,
    until,
    write_bytes,
    write_word,
)
from hardware.meters.signed_record import id_text, identification_type, is_of, read_record
from shared import ocmf
from shared.metering import SignedData
from shared.ocmf import OcmfError
from shared.ocmf_signature import minimal_der, raw_key_as_der

NAME = "WM3M4"
VERIFIED = False
"""No row was tried on a real meter."""

STATE, COMMAND, STATUS = 7000, 7051, 7052
ZONE_MIN, EPOCH_HIGH, EPOCH_LOW, TIME_STATUS = 7053, 7054, 7055, 7071
METADATA_LENGTH, VALUE_LENGTH, SIGNATURE_LENGTH, ALGORITHM = 7056, 7057, 7058, 7059
METADATA, VALUES, PUBLIC_KEY, SIGNATURE = 7100, 7612, 8124, 8188

BEGIN, END = 0x4200, 0x7200
"""The letters B and r in the high byte."""

IDLE, ACTIVE, AFTER_POWER_LOSS, AFTER_RESET = 0, 1, 2, 3
SYNCHRONISED = 2
SIGNED, INVALID_STATE = 15, 131

METADATA_BYTES = 2 * (VALUES - METADATA)
SIGNATURE_BYTES = 160
"""More than any signature of this curve; what is longer is a broken length."""
KEY_BYTES = 64

_IN_PROGRESS = frozenset({2})
_PENDING = frozenset({0, 1}) | _IN_PROGRESS
"""Not initialised, idle, in progress."""
_FAILURES = {
    128: "its date and time are not set",
    129: "a checksum is wrong",
    130: "it does not know the command",
    INVALID_STATE: "the command does not fit its state",
    132: "its measurement is not valid",
    133: "it is in test mode",
    243: "verifying failed",
    244: "its state of signing is wrong",
    245: "it could not make its keys",
    246: "its hash failed",
    247: "its signing did not start",
    248: "its data are not locked",
    249: "its configuration is not locked",
    250: "verifying failed",
    251: "its public key is wrong",
    252: "the metadata have a wrong format",
    253: "the metadata have a wrong length",
    254: "signing failed",
    255: "an error without a name",
}

_SWITCH_LOOKS, _SIGN_S, _LOOK_S = 10, 15.0, 0.1


class IskraSigning:
    """Fulfils `hardware.meters.signing_meter.Procedures`."""

    name = NAME
    verified = VERIFIED

    def public_key(self) -> Procedure[str]:
        """Read the key: X and Y of a point of secp256r1, given as DER."""
        point = yield from read_bytes(PUBLIC_KEY, KEY_BYTES)
        try:
            return raw_key_as_der(point, ocmf.DEFAULT_ALGORITHM)
        except ValueError as error:
            raise DeviceError(f"the public key of the meter {NAME} can't be used: {error}") from error

    def begin(self, session: SignedSession, now: MeterTime) -> Procedure[SignedData | None]:
        """Begin; the signed begin comes with the end."""
        state = yield from read_word(STATE)
        if state != IDLE:
            yield from self._prepare(session, now)
            yield from self._command(END, IDLE)
        yield from self._prepare(session, now)
        yield from self._command(BEGIN, ACTIVE)
        return None

    def recover(self, session: SignedSession, now: MeterTime) -> Procedure[bool]:
        """Set time and metadata again, so that the end will be accepted."""
        state = yield from read_word(STATE)
        if state == AFTER_POWER_LOSS:
            yield from self._prepare(session, now)
        return state != IDLE

    def end(self, session: SignedSession, now: MeterTime) -> Procedure[SignedData]:
        """End the measurement if it still runs, and read the record."""
        state = yield from read_word(STATE)
        if state == AFTER_POWER_LOSS:
            yield from self._prepare(session, now)
        if state == IDLE:
            # An earlier try gave the command; it may still be signing.
            yield from self._signed(_IN_PROGRESS)
        else:
            yield from self._command(END, IDLE)
        text = yield from self._record()
        record = read_record(text, NAME)
        if not is_of(record, session) or record.reading(*ocmf.ENDS) is None:
            raise DeviceError(f"the meter {NAME} does not measure this session: it holds the record of another one")
        key = yield from self.public_key()
        return SignedData(text, key, record.signature.algorithm, ocmf.METHOD)

    def release(self) -> Procedure[None]:
        """Nothing to do: the next begin overwrites the record."""
        yield from ()

    def keep_time(self, now: MeterTime) -> Procedure[None]:
        """Set the clock after a loss of power; each begin sets it, too."""
        status = yield from read_word(TIME_STATUS)
        if status != SYNCHRONISED:
            yield from _set_time(now)

    def _prepare(self, session: SignedSession, now: MeterTime) -> Procedure[None]:
        yield from _set_time(now)
        yield from write_word(ALGORITHM, 0)
        data = metadata(session)
        if len(data) > METADATA_BYTES:
            raise DeviceError(f"the metadata for the meter {NAME} are too long: shorten evse.signed_name")
        yield from write_bytes(METADATA, data)
        yield from write_word(METADATA_LENGTH, len(data))

    def _command(self, command: int, wanted: int) -> Procedure[None]:
        """Give a command and wait until it is done and signed.

        The line repeats a command whose answer was lost, and the meter then finds that it does not fit its state: that
        is no failure if the state is the wanted one.
        """
        yield from write_word(COMMAND, command)
        # The status of the command before may stand for a moment.
        yield Pause(_LOOK_S)
        for _ in range(_SWITCH_LOOKS):
            state = yield from read_word(STATE)
            if state == wanted:
                break
            yield Pause(_LOOK_S)
        else:
            # Its status tells why, if it tells anything.
            yield from self._signed(frozenset())
            what = "begin" if wanted == ACTIVE else "end"
            raise LinkError(f"the meter {NAME} did not take the command to {what}")
        yield from self._signed(_PENDING)

    def _signed(self, pending: frozenset[int]) -> Procedure[None]:
        """Wait while the status is one of these; a failure is raised."""
        status = yield from until(
            STATUS,
            lambda status: status not in pending,
            within_s=_SIGN_S,
            every_s=_LOOK_S,
            otherwise=f"the meter {NAME} did not sign within {_SIGN_S:g} s",
        )
        if status not in (SIGNED, INVALID_STATE) and status not in _PENDING:
            what = _FAILURES.get(status, f"status {status}")
            raise DeviceError(f"the meter {NAME} does not sign: {what}")

    def _record(self) -> Procedure[str]:
        value_length = yield from read_word(VALUE_LENGTH)
        signature_length = yield from read_word(SIGNATURE_LENGTH)
        if not (0 < value_length <= 2 * (PUBLIC_KEY - VALUES) and 0 < signature_length <= SIGNATURE_BYTES):
            raise DeviceError(f"the meter {NAME} holds no signed record")
        values = yield from read_bytes(VALUES, value_length)
        signature = yield from read_bytes(SIGNATURE, signature_length)
        try:
            # Its firmware writes the two numbers in full width; verifiers demand DER.
            return ocmf.build(values.decode("utf-8"), minimal_der(signature))
        except (OcmfError, ValueError) as error:
            raise DeviceError(f"the signed record of the meter {NAME} can't be used: {error}") from error


def metadata(session: SignedSession) -> bytes:
    """Write what the meter signs along: the fields of OCMF that it takes from outside [1]."""
    token = id_text(session)
    fields = {
        "FV": "1.0",
        "GI": "emops",
        "GS": "",
        "GV": "",
        "PG": "",
        "MV": "",
        "MM": "",
        "MS": "",
        "MF": "",
        "IS": True,
        "IF": [],
        "IT": identification_type(token),
        "ID": token,
        "CT": "EVSEID",
        "CI": ascii_text(session.evse).decode("ascii"),
        "RD": [],
    }
    return json.dumps(fields, separators=(",", ":")).encode("ascii")


def _set_time(now: MeterTime) -> Procedure[None]:
    """Set the clock, if anybody knows the time; else the meter says that its own is not to be relied on."""
    if not now.is_known:
        return
    epoch, offset = int(now.at.timestamp()), now.at.utcoffset()
    yield from write_word(EPOCH_HIGH, epoch >> 16)
    yield from write_word(EPOCH_LOW, epoch)
    yield from write_word(ZONE_MIN, signed_word(int(offset.total_seconds()) // 60 if offset else 0))
    yield from write_word(TIME_STATUS, SYNCHRONISED)
