"""Judge the signature of an OCMF record: ECDSA over the bytes of its payload. Imports cryptography.

Source: SAFE e.V., Open Charge Metering Format 1.4, table 22 (SA); SEC 1 §2.3.4 (points), RFC 5480 (keys).
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512, HashAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from shared.ocmf import DER, Record, decode_bytes

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

_KNOWN_ONLY = frozenset({"secp192k1"})
"""Curves of the specification that the library lacks."""


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
    """The algorithm is not known, or the library lacks its curve."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A judgement and its reason in one sentence; empty if it is valid."""

    judgement: Judgement
    reason: str = ""


def check(record: Record, public_key: str) -> Verdict:
    """Judge a record.

    Args:
        record: as `shared.ocmf.parse` gives it.
        public_key: hexadecimal or base64 of a DER key (SubjectPublicKeyInfo), or of a raw point with or without the
            leading 04.
    """
    algorithm = _algorithm(record.signature.algorithm)
    if algorithm is None:
        what = record.signature.algorithm
        return Verdict(Judgement.NOT_CHECKABLE, f"the algorithm {what} is not known, or its curve is missing here")
    curve, digest = algorithm
    if record.signature.mime_type != DER:
        return Verdict(Judgement.UNREADABLE, f"the signature is written as {record.signature.mime_type}, not as DER")
    key = read_key(public_key, curve)
    if key is None:
        return Verdict(Judgement.NO_KEY, f"the public key is no point of {curve.name}")
    try:
        signature = minimal_der(record.signature.data)
    except ValueError as error:
        return Verdict(Judgement.UNREADABLE, str(error))
    try:
        key.verify(signature, record.payload_text.encode(), ec.ECDSA(digest))
    except InvalidSignature:
        return Verdict(Judgement.INVALID, "the signature does not belong to these bytes and this key")
    except UnsupportedAlgorithm:
        return Verdict(Judgement.NOT_CHECKABLE, f"the library lacks {curve.name}")
    return Verdict(Judgement.VALID)


def read_key(text: str, curve: ec.EllipticCurve) -> ec.EllipticCurvePublicKey | None:
    """Read a public key in any of the forms that meters print; None if it is none of this curve."""
    data = decode_bytes(text)
    if not data:
        return None
    try:
        key = load_der_public_key(data)
    except (ValueError, UnsupportedAlgorithm):
        return _point(data, curve)
    return key if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name == curve.name else None


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
    found = _algorithm(algorithm)
    key = _point(point, found[0]) if found else None
    if key is None:
        raise ValueError(f"these {len(point)} bytes are no public key for {algorithm}")
    return der_key(key)


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


def _point(data: bytes, curve: ec.EllipticCurve) -> ec.EllipticCurvePublicKey | None:
    size = -(-curve.key_size // 8)
    point = data if len(data) == 2 * size + 1 else b"\x04" + data
    if len(point) != 2 * size + 1:
        return None
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(curve, point)
    except (ValueError, UnsupportedAlgorithm):
        return None


def _algorithm(text: str) -> tuple[ec.EllipticCurve, HashAlgorithm] | None:
    """Read `ECDSA-<curve>-<hash>`; the specification writes brainpool256r1 where others write brainpoolP256r1."""
    parts = text.lower().split("-")
    if len(parts) != 3 or parts[0] != "ecdsa" or parts[1] in _KNOWN_ONLY:
        return None
    name = parts[1] if parts[1].startswith("brainpoolp") else parts[1].replace("brainpool", "brainpoolp")
    curve, digest = _CURVES.get(name), _HASHES.get(parts[2])
    return (curve(), digest()) if curve and digest else None
