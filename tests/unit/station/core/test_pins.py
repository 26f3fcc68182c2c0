"""PINs are kept as hashes only, and found by them."""

import pytest

from station.core.pins import check_hash, hash_pin, is_plausible, owner

SALT = bytes(range(16))


def test_a_pin_is_found_by_its_hash() -> None:
    hashes = [hash_pin("246810", SALT), hash_pin("135797", SALT[::-1])]
    assert owner("135797", hashes) == 1
    assert owner("246810", hashes) == 0
    assert owner("000000", hashes) is None
    assert owner("246810", []) is None
    assert "246810" not in hashes[0]
    check_hash(hashes[0])


def test_salt_makes_equal_pins_unlike() -> None:
    assert hash_pin("246810", SALT) != hash_pin("246810", SALT[::-1])


@pytest.mark.parametrize("pin", ["", "12345", "x" * 33, "12 456", "pässword", "111111", "123456", "987654", "ababab"])
def test_bad_pins_are_refused(pin: str) -> None:
    with pytest.raises(ValueError, match="PIN"):
        hash_pin(pin, SALT)


@pytest.mark.parametrize("text", ["", "246810", "scrypt:", "scrypt:AAAA:AAAA", "scrypt:!:!", "md5:a:b"])
def test_an_entry_that_is_no_hash_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="hash-pin"):
        check_hash(text)


def test_noise_is_no_try() -> None:
    assert not any(map(is_plausible, ["", "\x00" * 8, "1234", "~~~~~~~~", "a b c d e", "x" * 40]))
    assert is_plausible("246810")
