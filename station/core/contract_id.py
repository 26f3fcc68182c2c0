"""Contract ids of drivers (eMAID): one contract has several ways to be written. Pure.

`DE-8AX-C12345678-X`, `DE*8AX*C12345678*X`, `de8axc12345678` name the same contract: country, provider, `C` and eight
characters (ISO 15118-2 annex H), with or without separators and check digit. The older form of DIN SPEC 91286 has six
characters and no `C`: `DE-8AC-123456-7`. Its contract is another text, so the two forms are not compared.
"""

import re
import string

_DIGITS = string.digits + string.ascii_uppercase
_SEPARATORS = re.compile(r"[-*]")
_ISO = re.compile(r"([A-Z]{2}[A-Z0-9]{3}C[A-Z0-9]{8})[A-Z0-9]?")
_DIN = re.compile(r"([A-Z]{2}[A-Z0-9]{3}[A-Z0-9]{6})[0-9X]")
_WITH_SEPARATORS = re.compile(r"[A-Z]{2}([-*])[A-Z0-9]{3}\1(C?[A-Z0-9]{6,8})(\1[A-Z0-9])?")


def contract_of(token: str) -> str | None:
    """Give the contract that a token names: upper case, no separators, no check digit; None if it names none.

    Without separators only the form of ISO 15118 is recognised: the older one looks like any other number. What could
    be the UID of a card (hexadecimal digits, nothing else) is none.
    """
    text = token.strip().upper()
    if found := _WITH_SEPARATORS.fullmatch(text):
        bare = _SEPARATORS.sub("", text)
        whole = _ISO.fullmatch(bare) or (_DIN.fullmatch(bare) if found[3] else None)
        return whole[1] if whole else None
    if re.fullmatch("[0-9A-F]+", text):
        return None
    whole = _ISO.fullmatch(text)
    return whole[1] if whole else None


def same_driver(one: str, other: str) -> bool:
    """Tell whether two tokens name the same driver: the same text, or two ways to write one contract."""
    if one.upper() == other.upper():
        return True
    contract = contract_of(one)
    return contract is not None and contract == contract_of(other)


def spellings(token: str) -> tuple[str, ...]:
    """Give the usual ways to write the contract of a token, itself first: for a look into a table of texts.

    A check digit that is not told may be any; which one is right is not judged here.
    """
    contract = contract_of(token)
    if contract is None:
        return (token,)
    parts = (contract[:2], contract[2:5], contract[5:])
    ways = [mark.join((*parts, *digit)) for mark in ("", "-", "*") for digit in ("", *_DIGITS)]
    return tuple(dict.fromkeys((token, *ways)))
