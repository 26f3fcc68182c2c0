"""Identifiers of bank accounts, creditors and mandates, and the characters that banks take (SEPA rulebooks). Pure."""

import re

_IBAN = re.compile(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}")
_CREDITOR_ID = re.compile(r"[A-Z]{2}\d{2}[A-Z0-9]{3}[A-Z0-9]{1,28}")
_MANDATE = re.compile(r"(?!/)(?!.*//)[A-Za-z0-9+?/:().,'-]{1,35}(?<!/)")

_SPELLED = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss", "ẞ": "SS", "&": "+", "_": "-"}
)
"""How German writes letters that banks don't take: a program that drops the dots would make another name of it."""


def is_iban(text: str) -> bool:
    """Check shape and check digits of an IBAN without blanks (ISO 13616, ISO 7064 MOD 97-10)."""
    return bool(_IBAN.fullmatch(text)) and _remainder(text[4:] + text[:4]) == 1


def is_creditor_id(text: str) -> bool:
    """Check shape and check digits of a creditor identifier without blanks (EPC262-08).

    The three characters of the business code, ZZZ by default, are the creditor's own and not covered.
    """
    if not _CREDITOR_ID.fullmatch(text):
        return False
    if text.startswith("DE") and len(text) != 18:
        return False
    return _remainder(text[7:] + text[:4]) == 1


def is_mandate_reference(text: str) -> bool:
    """Check that a mandate's reference has 1 to 35 characters that banks take: no blank, no slash at its ends."""
    return bool(_MANDATE.fullmatch(text))


def spell(text: str) -> str:
    """Write the German letters that banks don't take as German spells them out; other letters stay."""
    return text.translate(_SPELLED)


def plain(text: str) -> str:
    """Give the digits and capital letters of a text alone, to compare what people and banks have wrapped."""
    return "".join(character for character in spell(text).upper() if character.isascii() and character.isalnum())


def _remainder(text: str) -> int:
    return int("".join(str(int(character, 36)) for character in text)) % 97
