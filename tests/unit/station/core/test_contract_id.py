"""One contract, many spellings."""

import pytest

from station.core.contract_id import contract_of, same_driver, spellings

WAYS = (
    "DE-8AX-C12345678-X",
    "DE*8AX*C12345678*X",
    "DE-8AX-C12345678",
    "DE8AXC12345678X",
    "de8axc12345678",
    " DE8AXC12345678 ",
)


@pytest.mark.parametrize("way", WAYS)
def test_each_way_names_the_same_contract(way: str) -> None:
    assert contract_of(way) == "DE8AXC12345678"
    assert all(same_driver(way, other) for other in WAYS)


@pytest.mark.parametrize(
    ("token", "contract"), [("DE-8AC-123456-7", "DE8AC123456"), ("DE*8AC*123456*X", "DE8AC123456")]
)
def test_the_older_form_is_known_by_its_separators(token: str, contract: str) -> None:
    assert contract_of(token) == contract


@pytest.mark.parametrize(
    "token",
    [
        "04A1B2C3D4",
        "DEADBEEFC12345",
        "DE8AC1234567",
        "DE-8AC*C12345678-X",
        "DE-8AC-C1234567-XY",
        "",
        "FREEVEND",
        "DE-8AC-123456",
    ],
)
def test_what_is_no_contract_is_compared_as_text(token: str) -> None:
    assert contract_of(token) is None
    assert spellings(token) == (token,)
    assert same_driver(token, token.lower())
    assert not same_driver(token, "X" + token)


def test_other_contracts_are_other_drivers() -> None:
    assert not same_driver("DE-8AC-C12345678-X", "DE-8AC-C12345679-X")
    assert not same_driver("DE-8AC-C12345678-X", "DE-8AD-C12345678-X")
    assert not same_driver("DE-8AC-C12345678-X", "04A1B2C3D4")


def test_the_spellings_begin_with_the_token_and_are_all_the_same_driver() -> None:
    ways = spellings("DE-8AC-C12345678-X")
    assert ways[0] == "DE-8AC-C12345678-X"
    assert len(set(ways)) == len(ways)
    assert {"DE8ACC12345678X", "DE*8AC*C12345678", "DE-8AC-C12345678-7"} <= set(ways)
    assert [way for way in ways if not same_driver(ways[0], way)] == [
        f"DE8ACC12345678{digit}" for digit in ("", *"0123456789ABCDEF")
    ]  # they could be numbers of cards
