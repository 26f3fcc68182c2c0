"""Meters that sign, as their Modbus master sees them: the maps of Iskra, Bauer and Carlo Gavazzi, with real keys.

Written from the documents that the drivers name, without their code, so that both can't share a mistake. A key follows
from the serial number: it is the same after a restart. A session does not outlive the program.
"""

import hashlib
import json
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from hardware.meters.register_map import MeterTable
from shared.units import Wh
from simulators.meter import MeterSimulator
from simulators.modbus_slave import ILLEGAL_ADDRESS, READ_HOLDING, Refusal

Json = dict[str, object]


@dataclass(slots=True)
class SigningFaults:
    """Ways to misbehave; tests set them at any time.

    Args:
        busy_looks: so often a status that is asked for tells that signing goes on.
        status: what it tells then instead of success; 0 = success.
        refuses_writes: each write is answered with an exception.
        wrong_signature: what is signed is not what is told.
    """

    busy_looks: int = 0
    status: int = 0
    refuses_writes: bool = False
    wrong_signature: bool = False


class SigningMeter(MeterSimulator):
    """What the three have in common: a key, a clock that must be set, pages, and registers that can be written."""

    curve: ec.EllipticCurve = ec.SECP256R1()
    algorithm = "ECDSA-secp256r1-SHA256"
    maker = ""

    def __init__(
        self,
        serial: int,
        initial: Wh,
        file: Path | None = None,
        *,
        table: MeterTable,
        utc: Callable[[], datetime],
    ) -> None:
        """Make or wake the meter. See MeterSimulator.

        Args:
            serial: its serial number, from which its key follows.
            initial: import register when new, Wh.
            file: keeps the register.
            table: of its family.
            utc: world time, from which its own clock starts when it is set.
        """
        super().__init__(serial, initial, file, table=table)
        self.faults = SigningFaults()
        self._serial, self._model, self._utc = str(serial), table.model, utc
        seed = int.from_bytes(hashlib.sha256(self._serial.encode()).digest(), "big")
        self._key = ec.derive_private_key(seed % (2**250) + 1, self.curve)
        self._clock: timedelta | None = None
        self._zone_min = 0
        self._page = 0
        self._busy = 0
        self._held: dict[int, int] = {}

    @property
    def der_key(self) -> bytes:
        """Its public key, DER."""
        return self._key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    @property
    def point(self) -> bytes:
        """X and Y of its public key."""
        return self._key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)[1:]

    @property
    def clock(self) -> datetime | None:
        """What its clock shows; None if it is not set."""
        return None if self._clock is None else self._utc() + self._clock

    def shift_clock(self, seconds: float) -> None:
        """Let its clock be wrong by so much more."""
        if self._clock is not None:
            self._clock += timedelta(seconds=seconds)

    def lose_power(self) -> None:
        """Switch it off and on."""
        self._clock, self._busy = None, 0

    def read(self, function: int, register: int, count: int) -> list[int]:
        """See Device."""
        if function == READ_HOLDING:
            self._looked_at(register)
            words = self._words()
            if all(number in words for number in range(register, register + count)):
                return [words[number] for number in range(register, register + count)]
        return super().read(function, register, count)

    def write(self, register: int, value: int) -> None:
        """See Device."""
        if self.faults.refuses_writes:
            raise Refusal(4)
        if not self._wrote(register, value):
            raise Refusal(ILLEGAL_ADDRESS)

    def _words(self) -> Mapping[int, int]:
        return self._held

    def _looked_at(self, register: int) -> None:
        """Something is asked for: what takes its time comes nearer to its end."""

    def _wrote(self, register: int, value: int) -> bool:
        raise NotImplementedError

    def _hold(self, register: int, data: bytes, words: int) -> None:
        """Lay bytes into registers, filled up with zeros."""
        raw = data[: 2 * words].ljust(2 * words, b"\0")
        self._held |= dict(zip(range(register, register + words), struct.unpack(f">{words}H", raw), strict=True))

    def _bytes(self, register: int, words: int) -> bytes:
        return struct.pack(f">{words}H", *(self._held[number] for number in range(register, register + words)))

    def _text(self, register: int, words: int) -> str:
        return self._bytes(register, words).split(b"\0", 1)[0].decode("ascii")

    def _set_clock(self, epoch: int) -> None:
        self._clock = datetime.fromtimestamp(epoch, UTC) - self._utc()

    def _reading(self, kind: str, unit: str = "kWh") -> Json:
        zone = timezone(timedelta(minutes=self._zone_min))
        shown = (self.clock or datetime(1970, 1, 1, tzinfo=UTC)).astimezone(zone)
        moment = f"{shown:%Y-%m-%dT%H:%M:%S},{shown.microsecond // 1000:03d}{shown:%z}"
        value: object = int(self.register) if unit == "Wh" else float(self.register / 1000)
        return {
            "TM": f"{moment} {'U' if self._clock is None else 'S'}",
            "TX": kind,
            "RV": value,
            "RI": "1-0:1.8.0",
            "RU": unit,
            "RT": "AC",
            "EF": "",
            "ST": "G",
        }

    def _payload(self, more: Json, readings: list[Json]) -> str:
        self._page += 1
        fields: Json = {
            "FV": "1.0",
            "GI": self._model,
            "GS": self._serial,
            "GV": "1.0",
            "PG": f"T{self._page}",
            "MV": self.maker,
            "MM": self._model,
            "MS": self._serial,
            **more,
            "RD": readings,
        }
        # Blanks after the commas: whoever writes the record anew breaks it.
        return json.dumps(fields, separators=(", ", ":"))

    def _sign(self, payload: str) -> bytes:
        told = payload + " " if self.faults.wrong_signature else payload
        return self._key.sign(told.encode(), ec.ECDSA(SHA256()))

    def _record(self, payload: str) -> str:
        return f'OCMF|{payload}|{{"SA":"{self.algorithm}","SD":"{self._sign(payload).hex()}"}}'


class IskraMeter(SigningMeter):
    """WM3M4: value block and signature apart; a measurement outlives the power, clock and metadata do not."""

    maker = "Iskra"

    def __init__(self, serial: int, initial: Wh, file: Path | None = None, **more: object) -> None:
        super().__init__(serial, initial, file, **more)  # type: ignore[arg-type]  # as SigningMeter has them
        self._held = dict.fromkeys([7000, *range(7051, 7060), 7071], 0)
        self._hold(7100, b"", 512)
        self._hold(7612, b"", 512)
        self._hold(8124, self.point, 64)
        self._hold(8188, b"", 80)
        self._begin: Json = {}
        self._outcome = 1

    @property
    def state(self) -> int:
        """0 idle, 1 active, 2 active after a loss of power."""
        return self._held[7000]

    def lose_power(self) -> None:
        """See SigningMeter."""
        super().lose_power()
        self._held |= {7000: 2 if self.state else 0, 7052: 1, 7056: 0, 7071: 0}
        self._hold(7100, b"", 512)
        self._outcome = 1

    def _looked_at(self, register: int) -> None:
        if register == 7052:
            self._held[7052] = 2 if self._busy > 0 else self._outcome
            self._busy -= 1

    def _wrote(self, register: int, value: int) -> bool:
        writable = register in (7051, 7053, 7054, 7055, 7056, 7059, 7071) or 7100 <= register < 7612
        if not writable:
            return False
        self._held[register] = value
        match register:
            case 7051:
                self._busy = self.faults.busy_looks
                self._outcome = self._command(value) if not self.faults.status else self.faults.status
            case 7053:
                self._zone_min = value - 0x10000 if value & 0x8000 else value
            case 7055:
                self._set_clock(self._held[7054] << 16 | value)
        return True

    def _command(self, command: int) -> int:
        is_begin = command == 0x4200
        if command not in (0x4200, 0x7200):
            return 130
        if is_begin == bool(self.state):
            return 131
        if self._clock is None or self._held[7071] != 2:
            return 128
        try:
            told = json.loads(self._bytes(7100, 512)[: self._held[7056]])
        except ValueError:
            return 252
        if is_begin:
            self._begin = self._reading("B")
            self._held[7000] = 1
            return 15
        kept = {name: told[name] for name in ("IS", "IF", "IT", "ID", "CT", "CI")}
        values = self._payload(kept, [self._begin, self._reading("E")])
        # The firmware writes both numbers in full width, which is no DER.
        r, s = decode_dss_signature(self._sign(values))
        signature = b"\x30\x44\x02\x20" + r.to_bytes(32, "big") + b"\x02\x20" + s.to_bytes(32, "big")
        self._hold(7612, values.encode(), 512)
        self._hold(8188, signature, 80)
        self._held |= {7000: 0, 7057: len(values), 7058: len(signature)}
        return 15


class BauerMeter(SigningMeter):
    """BSM-WS36A: snapshots with OCMF texts; the clock is not set after power-up."""

    maker = "BAUER Electronic"
    _TEXTS: Mapping[int, tuple[int, str]] = {41286: (43294, "B"), 41540: (43794, "E")}

    def __init__(self, serial: int, initial: Wh, file: Path | None = None, **more: object) -> None:
        super().__init__(serial, initial, file, **more)  # type: ignore[arg-type]  # as SigningMeter has them
        self._key_block = struct.pack(">HH", 48, len(self.der_key)) + self.der_key
        self.times_set = 0
        self._start()

    def lose_power(self) -> None:
        """See SigningMeter."""
        super().lose_power()
        self._start()

    def _start(self) -> None:
        self._held |= {40260: 0xFFFF, 40261: 0xFFFF, 40262: 0x8000}
        self._hold(40279, b"", 70)
        self._hold(40349, b"", 50)
        self._hold(40457, self._key_block, 50)
        for status_at, (text_at, _) in self._TEXTS.items():
            self._held |= {status_at: 1, text_at: 1}
            self._hold(text_at + 1, b"", 496)

    def _words(self) -> Mapping[int, int]:
        if (clock := self.clock) is not None:
            self._hold(40260, struct.pack(">I", int(clock.timestamp())), 2)
        return self._held

    def _looked_at(self, register: int) -> None:
        if register in self._TEXTS and self._held[register] == 2:
            self._busy -= 1
            if self._busy < 0:
                self._finish(register)

    def _finish(self, status_at: int) -> None:
        text_at, kind = self._TEXTS[status_at]
        self._held[status_at] = self._held[text_at] = self.faults.status
        if not self.faults.status:
            told: Json = {"IS": True, "IT": "UNDEFINED", "ID": self._text(40279, 70)}
            payload = self._payload(told, [self._reading(kind, "Wh")])
            self._hold(text_at + 1, self._record(payload).encode(), 496)

    def _wrote(self, register: int, value: int) -> bool:
        if register in self._TEXTS:
            self._held[register] = self._held[self._TEXTS[register][0]] = 2
            self._busy = self.faults.busy_looks
            return value == 2
        if not (40260 <= register <= 40262 or 40279 <= register < 40399):
            return False
        self._held[register] = value
        if register == 40262:
            self._zone_min = value - 0x10000 if value & 0x8000 else value
            self._set_clock(self._held[40260] << 16 | self._held[40261])
            self.times_set += 1
        return True


class Em580Meter(SigningMeter):
    """EM580: one file with begin and end, kept until it is confirmed; a session outlives the power."""

    curve = ec.BrainpoolP256R1()
    algorithm = "ECDSA-brainpoolP256r1-SHA256"
    maker = "Carlo Gavazzi"

    def __init__(self, serial: int, initial: Wh, file: Path | None = None, **more: object) -> None:
        super().__init__(serial, initial, file, **more)  # type: ignore[arg-type]  # as SigningMeter has them
        self._held = {0x24FF: 0, **dict.fromkeys(range(0x7000, 0x7041), 0), 0x7100: 0, 0x7101: 0}
        self._hold(0x2600, self.der_key, 46)
        self._hold(0x6900, b"", 126)
        self._hold(0x7110, b"", 2031)
        self._begin: Json = {}
        self._ends = False
        self.set_in_session = 0

    @property
    def state(self) -> int:
        """0 empty, 1 running, 2 ready, 3 corrupted."""
        return self._held[0x7100]

    def _looked_at(self, register: int) -> None:
        if register == 0x7100 and self._ends:
            self._busy -= 1
            if self._busy < 0:
                self._finish()

    def _finish(self) -> None:
        self._ends = False
        self._held[0x7100] = self.faults.status or 2
        types = {2: "UNDEFINED", 10: "ISO14443"}
        told: Json = {
            "IS": bool(self._held[0x7000]),
            "IL": "HEARSAY",
            "IF": [],
            "IT": types[self._held[0x7006]],
            "ID": self._text(0x7007, 20),
            "TT": self._text(0x6900, 126),
            "CT": "EVSEID",
            "CI": self._text(0x701C, 20),
        }
        record = self._record(self._payload(told, [self._begin, self._reading("E")])).encode()
        self._held[0x7101] = -(-len(record) // 2)
        self._hold(0x7110, record, 2031)

    def _wrote(self, register: int, value: int) -> bool:
        match register:
            case 0x7040:
                self._command(value)
            case 0x7100:
                self._held[register] = 0 if value == 0 and self.state >= 2 else self.state
            case 0x7035:
                self._held[register] = value
                self.set_in_session += self.state == 1
                self._set_clock(sum(self._held[0x7032 + place] << (16 * place) for place in range(4)))
            case 0x7031:
                self._zone_min = value - 0x10000 if value & 0x8000 else value
            case _ if 0x6900 <= register < 0x697E or 0x7000 <= register < 0x7040:
                self._held[register] = value
            case _:
                return False
        return True

    def _command(self, command: int) -> None:
        if command == ord("B") and self.state == 0:
            self._begin = self._reading("B")
            self._held[0x7100] = 1
        elif command == ord("E") and self.state == 1:
            self._ends, self._busy = True, self.faults.busy_looks
        elif command not in b"BE":
            raise Refusal(3)


SIGNING: Mapping[str, type[SigningMeter]] = {"WM3M4": IskraMeter, "BSM-WS36A": BauerMeter, "EM580": Em580Meter}
"""By the model of their register table."""
