"""Public keys in every shape in which they come."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.public_key import PublicKey, groups, read_public_key
from tests.unit.backend.signed_example import CURVES, Signer

K1 = (
    "3046301006072a8648ce3d020106052b8104001f03320004c5f5c93a53b38aa569ba7500a9f83b60235cb6799d3819d69130042cb7969e96"
    "5c97c88326378488905c15b4c79bdf63"
)
"""Made by openssl, of the curve secp192k1."""


@pytest.mark.parametrize("key", [K1, *(Signer(curve=curve).key for curve in CURVES)])
def test_every_shape_gives_the_same_key(key: str) -> None:
    der = bytes.fromhex(key)
    base = base64.b64encode(der).decode()
    shapes = [key, key.lower(), der.hex(":"), der.hex(" ").upper(), base]
    shapes += [f"oca:base16:asn1:{key}", f"oca:base64:asn1:{base}", f"OCA:BASE16:ASN1:{key}"]
    shapes += [base64.b64encode(shape.encode()).decode() for shape in shapes]
    assert {read_public_key(shape) for shape in shapes} == {read_public_key(key)}
    found = read_public_key(key)
    assert found
    assert found.der == der
    assert found.hex == key.upper()


def test_a_bare_point_is_that_key_of_its_curve() -> None:
    found = read_public_key(Signer().key)
    assert found
    bare = read_public_key(found.point.hex())
    assert bare == PublicKey("", found.point) == read_public_key("04" + found.point.hex())
    assert bare.is_same(found)
    assert bare.hex == "04" + found.point.hex().upper()
    assert bare.of_curve("secp256r1") == found
    assert bare.of_curve("secp384r1") == bare, "of another size"
    assert not found.is_same(PublicKey("brainpoolp256r1", found.point))


@pytest.mark.parametrize(
    "text", ["", " ", "zz", "00" * 10, "oca:base16:asn1:", "oca:base16:asn1:zz", "30" * 40, K1[:-2]]
)
def test_what_is_no_key(text: str) -> None:
    assert read_public_key(text) is None


@given(st.text(max_size=100) | st.binary(max_size=120).map(bytes.hex))
def test_no_text_makes_it_fail(text: str) -> None:
    read_public_key(text)


def test_people_compare_groups() -> None:
    assert groups("0123456789") == "0123 4567 89"
