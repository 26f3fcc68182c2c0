"""Check ECDSA signatures over secp192k1, which the library of all other curves lacks. Pure.

Meters of some makers sign with this curve, and the specification of their records names it. Only public data are
handled here (a key, a signature, a hash), so how long it takes tells nobody anything.

Source: SEC 2 version 2 §2.3.1 (curve), SEC 1 version 2 §4.1.4 (verifying).
"""

_P = 2**192 - 2**32 - 4553
_B = 3
_N = 0xFFFFFFFFFFFFFFFFFFFFFFFE26F2FC170F69466A74DEFD8D
_G = (0xDB4FF10EC057E9AE26B07D0280B7F4341DA5D1B1EAE06C7D, 0x9B2F2F6D9C5628A7844163D015BE86344082AA88D95E2F9D)

SIZE = 24
"""Bytes of a coordinate."""

Point = tuple[int, int] | None
"""X and Y; None is the point at infinity."""


def is_on_curve(x: int, y: int) -> bool:
    """Tell whether these coordinates are a public key: the order is a prime, so every point will do."""
    return 0 <= x < _P and 0 <= y < _P and (y * y - x * x * x - _B) % _P == 0


def verify(key: tuple[int, int], digest: bytes, r: int, s: int) -> bool:
    """Tell whether a signature belongs to a hash and a key.

    Args:
        key: X and Y.
        digest: of at least 24 bytes; more than the first 192 bits don't count.
        r: first number of the signature.
        s: second number.
    """
    if not (is_on_curve(*key) and 0 < r < _N and 0 < s < _N):
        return False
    inverse = pow(s, -1, _N)
    first = _times(int.from_bytes(digest[:SIZE], "big") * inverse % _N, _G)
    found = _plus(first, _times(r * inverse % _N, key))
    return found is not None and found[0] % _N == r


def _plus(one: Point, other: Point) -> Point:
    if one is None or other is None:
        return one or other
    if one[0] == other[0] and (one[1] + other[1]) % _P == 0:
        return None
    rise, run = (3 * one[0] * one[0], 2 * one[1]) if one == other else (other[1] - one[1], other[0] - one[0])
    slope = rise * pow(run, -1, _P) % _P
    x = (slope * slope - one[0] - other[0]) % _P
    return x, (slope * (one[0] - x) - one[1]) % _P


def _times(number: int, point: Point) -> Point:
    total: Point = None
    while number:
        if number & 1:
            total = _plus(total, point)
        point, number = _plus(point, point), number >> 1
    return total
