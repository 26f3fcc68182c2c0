"""Judge the signature of an OCMF record: ECDSA over the bytes of its payload. Imports cryptography.

Source: SAFE e.V., Open Charge Metering Format 1.4, table 22 (SA); SEC 1 §2.3.4 (points), RFC 5480 (keys).
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512, Hash, HashAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from shared import secp192k1
from shared.ocmf import DER, Record
from shared.public_key import PublicKey, read_public_key

_CURVES: dict[str, Callable[[], ec.EllipticCurve]] = {
    "secp192r1": ec.SECP192R1,
    "secp256k1": ec.SECP256K1,
    "secp256r1": ec.SECP256R1,
    "secp384r1": ec.SECP384R1,
    "secp521r1": ec.SECP521R1,
    "brainpoolp256r1": ec.BrainpoolP256R1,
    "brainpoolp384r1": ec.BrainpoolP384R1,
    "brainpoolp512r1": ec.BrainpoolP512R1,
}
_HASHES: dict[str, Callable[[], HashAlgorithm]] = {"sha256": SHA256, "sha384": SHA384, "sha512": SHA512}

_OWN = "secp192k1"
"""The curve of the specification that the library lacks."""


class Judgement(StrEnum):
    """What came of it."""

    VALID = "valid"
    """This key signed these bytes."""
    INVALID = "invalid"
    """Another key, or other bytes."""
    NO_KEY = "no key"
    """The public key can't be read, or is of another curve than the signature."""
    UNREADABLE = "unreadable"
    """The signature is no DER signature."""
    NOT_CHECKABLE = "can't be checked here"
    """The algorithm is not known."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A judgement and its reason in one sentence; empty if it is valid."""

    judgement: Judgement
    reason: str = ""


def check(record: Record, public_key: str) -> Verdict:
    """Judge a record.

    Args:
        record: as `shared.ocmf.parse` gives it.
        public_key: in any of the shapes that `shared.public_key` reads.
    """
    algorithm = _algorithm(record.signature.algorithm)
    if algorithm is None:
        return Verdict(Judgement.NOT_CHECKABLE, f"the algorithm {record.signature.algorithm} is not known here")
    curve, digest = algorithm
    if record.signature.mime_type != DER:
        return Verdict(Judgement.UNREADABLE, f"the signature is written as {record.signature.mime_type}, not as DER")
    key = key_of(public_key, curve)
    if key is None:
        return Verdict(Judgement.NO_KEY, f"the public key is no point of {curve}")
    try:
        signature = minimal_der(record.signature.data)
    except ValueError as error:
        return Verdict(Judgement.UNREADABLE, str(error))
    try:
        fits = _fits(key, signature, record.payload_text.encode("utf-8", "surrogatepass"), digest)
    except UnsupportedAlgorithm:
        return Verdict(Judgement.NOT_CHECKABLE, f"the library lacks {curve}")
    if not fits:
        return Verdict(Judgement.INVALID, "the signature does not belong to these bytes and this key")
    return Verdict(Judgement.VALID)


def curve_of(algorithm: str) -> str:
    """Give the curve that SA names, in small letters; empty where the algorithm is not known."""
    found = _algorithm(algorithm)
    return found[0] if found else ""


def key_of(text: str, curve: str) -> PublicKey | None:
    """Read a public key in any of its shapes; None if it is none of this curve."""
    key = read_public_key(text)
    key = key.of_curve(curve) if key else None
    return key if key and key.curve == curve and _is_point(key) else None


def _is_point(key: PublicKey) -> bool:
    if key.curve == _OWN:
        return secp192k1.is_on_curve(*_coordinates(key))
    try:
        ec.EllipticCurvePublicKey.from_encoded_point(_CURVES[key.curve](), b"\x04" + key.point)
    except (ValueError, UnsupportedAlgorithm):
        return False
    return True


def _fits(key: PublicKey, signature: bytes, payload: bytes, digest: HashAlgorithm) -> bool:
    """Verify, and tell whether the signature fits; both numbers of a signature may be anything."""
    if key.curve == _OWN:
        hashing = Hash(digest)
        hashing.update(payload)
        return secp192k1.verify(_coordinates(key), hashing.finalize(), *decode_dss_signature(signature))
    point = ec.EllipticCurvePublicKey.from_encoded_point(_CURVES[key.curve](), b"\x04" + key.point)
    try:
        point.verify(signature, payload, ec.ECDSA(digest))
    except InvalidSignature:
        return False
    return True


def _coordinates(key: PublicKey) -> tuple[int, int]:
    half = len(key.point) // 2
    return int.from_bytes(key.point[:half], "big"), int.from_bytes(key.point[half:], "big")


def der_key(key: ec.EllipticCurvePublicKey) -> str:
    """Write a public key as DER in hexadecimal."""
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo).hex().upper()


def raw_key_as_der(point: bytes, algorithm: str) -> str:
    """Write a raw point as a DER key in hexadecimal.

    Args:
        point: X and Y, with or without the leading 04.
        algorithm: as in SA; names the curve.

    Raises:
        ValueError: it is no point of this curve, or the curve is not known.
    """
    curve = curve_of(algorithm)
    key = key_of(point.hex(), curve) if curve else None
    if key is None:
        raise ValueError(f"these {len(point)} bytes are no public key for {algorithm}")
    return key.der.hex().upper()


def minimal_der(signature: bytes) -> bytes:
    """Give a DER signature with each of its two numbers written as DER demands, without needless zeros.

    Meters are known that write them in full width (Iskra). The numbers stay the same.

    Raises:
        ValueError: it is no sequence of two whole numbers.
    """
    if len(signature) < 8 or signature[0] != 0x30:
        raise ValueError("the signature is no DER sequence")
    body, rest = _value(signature[1:])
    numbers = []
    while body:
        if body[0] != 0x02:
            raise ValueError("the signature holds something else than whole numbers")
        number, body = _value(body[1:])
        numbers.append(int.from_bytes(number, "big"))
    if len(numbers) != 2 or rest.strip(b"\0"):
        raise ValueError("the signature is no pair of whole numbers")
    return encode_dss_signature(*numbers)


def _value(data: bytes) -> tuple[bytes, bytes]:
    """Cut off a value that begins with its length."""
    length, start = (data[0], 1) if data else (1, 1)
    if length == 0x81 and len(data) > 1:
        length, start = data[1], 2
    if length > 0x81 or len(data) < start + length:
        raise ValueError("the signature is cut off")
    return data[start : start + length], data[start + length :]


def _algorithm(text: str) -> tuple[str, HashAlgorithm] | None:
    """Read `ECDSA-<curve>-<hash>`; the specification writes brainpool256r1 where others write brainpoolP256r1."""
    parts = text.lower().split("-")
    if len(parts) != 3 or parts[0] != "ecdsa":
        return None
    name = parts[1] if parts[1].startswith("brainpoolp") else parts[1].replace("brainpool", "brainpoolp")
    digest = _HASHES.get(parts[2])
    return (name, digest()) if digest and (name in _CURVES or name == _OWN) else None
