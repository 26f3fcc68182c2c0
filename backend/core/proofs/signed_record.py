"""Find the signed original in what a station sent, whatever it was wrapped in, and change nothing of it. Pure.

A value is looked at in this order: a JSON object (OCPP 2.x writes one, and the application note puts one into the texts
of OCPP 1.6), Base64, an OCMF record as it is, hexadecimal, and the XML of the transparency software. What is none of it
is kept as it came, and called unsupported.

Source: Open Charge Alliance, Signed Meter Values in OCPP 1.0; SAFE e.V., transparency software 1.4, container format.
"""

import base64
import binascii
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree import ElementTree

from shared.metering import SignedData
from shared.ocmf import HEADER

OCMF = "OCMF"
UNKNOWN = ""
"""The format of what nobody here can read."""

_MAX_CHARACTERS = 100_000
"""Longest value that is looked into; OCPP 2.1 allows 32,768 characters of data."""
_MAX_VALUES = 100
"""Of an XML document; a charge has a few."""
_LAYERS = 4
_HEX = re.compile(r"[0-9A-Fa-f\s]+")
_MARKS = {"AP;": "ALFEN", "PCDF": "PCDF"}
"""How other formats begin."""


@dataclass(frozen=True, slots=True)
class Original:
    """A signed original.

    Args:
        format: `OCMF`, the name of another format, or empty.
        text: the original, character by character; as it came where nobody here can read it.
        encoding: how `text` is written: `plain`, or what a document told.
        public_key: as told beside it; empty where it was not.
    """

    format: str
    text: str
    encoding: str = "plain"
    public_key: str = ""


def originals(data: SignedData) -> tuple[Original, ...]:
    """Give the signed originals in a value: one, or those of an XML document; never none."""
    found = tuple(_look(data.text, data.public_key, data.encoding_method, _LAYERS))
    return found or (Original(_named(data.encoding_method), data.text, public_key=data.public_key),)


def _look(text: str, key: str, named: str, layers: int) -> Iterator[Original]:
    if not layers or len(text) > _MAX_CHARACTERS:
        return
    bare = text.strip()
    if bare.startswith("{"):
        told = _object(bare)
        if told:
            inner, inner_key, inner_named = (told.get(name, "") for name in _FIELDS)
            yield from _look(inner, inner_key or key, inner_named or named, layers - 1)
    elif inside := _base64(bare):
        yield from _look(inside, key, named, layers - 1)
    elif bare.startswith(f"{HEADER}|"):
        yield Original(OCMF, bare, public_key=key)
    elif inside := _hex(bare):
        yield from _look(inside, key, named, layers - 1)
    elif bare.startswith("<"):
        yield from _values(bare, key)
    elif mark := next((name for start, name in _MARKS.items() if bare.startswith(start)), ""):
        yield Original(mark, bare, public_key=key)


_FIELDS = ("signedMeterData", "publicKey", "encodingMethod")


def _object(text: str) -> dict[str, str] | None:
    """Read a SignedMeterValueType; None if it is none."""
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(told, dict) or not isinstance(told.get("signedMeterData"), str):
        return None
    return {name: str(told.get(name) or "") for name in _FIELDS}


def _base64(text: str) -> str | None:
    """Decode Base64 of a text that is one of ours; None if it is not. Digits alone are hexadecimal first."""
    bare = "".join(text.split())
    if len(bare) < 8 or _HEX.fullmatch(bare):
        return None
    try:
        return _text(base64.b64decode(bare, validate=True))
    except (binascii.Error, ValueError):
        return None


def _hex(text: str) -> str | None:
    try:
        return _text(bytes.fromhex(text)) if len(text) >= 8 and _HEX.fullmatch(text) else None
    except ValueError:
        return None


def _text(data: bytes) -> str | None:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return text if text.isprintable() or text[:5] in ("OCMF|", "<?xml", "<valu") or "{" in text else None


def _values(text: str, key: str) -> Iterator[Original]:
    """Read the container of the transparency software. One that declares entities is not read at all."""
    if "<!" in text:
        return
    try:
        root = ElementTree.fromstring(text)  # noqa: S314  no entities, see above
    except ElementTree.ParseError:
        return
    for value in list(root.iter("value"))[:_MAX_VALUES]:
        signed = value.find("signedData")
        if signed is None or not (signed.text or "").strip():
            continue
        told_key = (value.findtext("publicKey") or "").strip() or key
        named, encoding = signed.get("format", ""), signed.get("encoding", "plain")
        inside = tuple(_look(signed.text or "", told_key, named, 2))
        yield from inside or (Original(_named(named), (signed.text or "").strip(), encoding, told_key),)


def _named(name: str) -> str:
    """Give the name of a format that can't be read here; a text that claims to be OCMF and is not has none."""
    return UNKNOWN if name.upper().startswith(OCMF) else name[:50]
