"""The curve that the library lacks, with keys and signatures that openssl made."""

from hashlib import sha256

import pytest

from shared.ocmf import build, parse
from shared.ocmf_signature import Judgement, check
from shared.secp192k1 import is_on_curve, verify
from tests.unit.shared.test_public_key import K1

PAYLOAD = (
    '{"FV":"1.4","GS":"G-7","PG":"T12","MS":"K1","RD":[{"TM":"2026-11-01T13:00:00,000+0100 S","TX":"B","RV":1.5,'
    '"RI":"01-00:B2.08.00*FF","RU":"kWh","ST":"G"}]}'
)
SIGNATURES = (
    "303502183dc650240d6935d696fba87794b7177a5ef04954de3ec4c4021900dc05e3d203909334ff53a83c8d1db2d0811792d777f338fb",
    "303502186c415551348880cf99b7f924290f449d7e1f2ae69fb8e13f0219009051c014639c10c34ff561c61c5e4f72d162ab98c493f157",
    "303402183267f2639de6dff75b748c50e6dd4607bdf9019ad957421a02184e9c830dec3e6971a22d906131cf0fbb1e7ab0da2c365d28",
)
ALGORITHM = "ECDSA-secp192k1-SHA256"
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFE26F2FC170F69466A74DEFD8D
KEY = (int(K1[-96:-48], 16), int(K1[-48:], 16))


@pytest.mark.parametrize("signature", SIGNATURES)
def test_what_openssl_signed_is_valid_and_nothing_else_is(signature: str) -> None:
    record = parse(build(PAYLOAD, bytes.fromhex(signature), ALGORITHM))
    assert check(record, K1).judgement is Judgement.VALID
    assert check(record, K1[-96:]).judgement is Judgement.VALID, "a bare point"
    other = parse(build(PAYLOAD.replace("1.5", "1.6"), bytes.fromhex(signature), ALGORITHM))
    assert check(other, K1).judgement is Judgement.INVALID
    last = f"{int(signature[-2:], 16) ^ 1:02x}"
    assert check(parse(build(PAYLOAD, bytes.fromhex(signature[:-2] + last), ALGORITHM)), K1).judgement is (
        Judgement.INVALID
    )


def test_a_point_beside_the_curve_is_no_key() -> None:
    record = parse(build(PAYLOAD, bytes.fromhex(SIGNATURES[0]), ALGORITHM))
    assert check(record, K1[:-2] + "62").judgement is Judgement.NO_KEY
    assert is_on_curve(*KEY)
    assert not is_on_curve(KEY[0], KEY[1] + 1)


@pytest.mark.parametrize(("r", "s"), [(0, 1), (1, 0), (ORDER, 1), (1, ORDER), (1, 1), (-1, 5)])
def test_numbers_out_of_range_are_refused(r: int, s: int) -> None:
    assert not verify(KEY, sha256(b"x").digest(), r, s)


def test_a_key_beside_the_curve_is_refused() -> None:
    assert not verify((1, 1), sha256(b"x").digest(), 1, 1)
