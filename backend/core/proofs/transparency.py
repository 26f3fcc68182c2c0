"""Signed values as the transparency software reads them: `messdaten.xml`. Pure.

The signed text stands in it character by character. A text that XML would not give back as it was (blanks at its ends,
line ends, control characters) is written in Base64, which that program reads as well. It reads `transactionId` as a
whole number and pairs begin and end by it, so that is our own number of the transaction.

Source: SAFE e.V., transparency software 1.4.1 (container of values; the key before the data, as its schema has it).
"""

import re
from base64 import b64decode, b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from backend.core.proofs.signed_proof import SignedOriginal

FILE_NAME = "messdaten.xml"
MEDIA_TYPE = "application/xml"

_SAFE = re.compile("[\x20-\x7e\u00a0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]*")
"""Characters that every reader of XML gives back as they are."""


@dataclass(frozen=True, slots=True)
class TransparencyValue:
    """A value of the file, as it is read back."""

    transaction_id: int
    context: str
    format: str
    text: str
    key: str


def transparency_xml(values: Iterable[SignedOriginal]) -> bytes:
    """Write the file; equal values give equal bytes."""
    parts = ['<?xml version="1.0" encoding="UTF-8"?>', "<values>"]
    for one in values:
        parts.append(f'  <value transactionId="{one.transaction_id}" context="{one.context}">')
        if one.key:
            parts.append(f'    <publicKey encoding="hex">{escape(one.key)}</publicKey>')
        parts.append(f"    {_signed(one)}")
        parts.append("  </value>")
    return "\n".join([*parts, "</values>", ""]).encode()


def read_transparency_xml(data: bytes) -> list[TransparencyValue]:
    """Read a file of ours back, to prove that it holds what was signed.

    Raises:
        ValueError: it is no such file.
    """
    try:
        root = ElementTree.fromstring(data.decode())  # noqa: S314  our own files
    except ElementTree.ParseError as error:
        raise ValueError(f"no XML: {error}") from error
    found = []
    for value in root.findall("value"):
        signed = value.find("signedData")
        if signed is None:
            raise ValueError("a value has no signedData")
        text = signed.text or ""
        if signed.get("encoding") == "base64":
            text = b64decode(text).decode("utf-8", "surrogatepass")
        number, context = int(value.get("transactionId", "")), value.get("context", "")
        key = value.findtext("publicKey") or ""
        found.append(TransparencyValue(number, context, signed.get("format", ""), text, key))
    return found


def _signed(one: SignedOriginal) -> str:
    text, encoding = one.original.text, one.original.encoding
    if encoding == "plain" and (text != text.strip() or not _SAFE.fullmatch(text)):
        text, encoding = b64encode(text.encode("utf-8", "surrogatepass")).decode(), "base64"
    named = escape(one.original.format, {'"': "&quot;"})
    return f'<signedData format="{named}" encoding="{escape(encoding)}">{escape(text)}</signedData>'
