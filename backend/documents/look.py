"""How an operator's papers look: logo, colour, texts of its own, or a template of its own, from files.

The folder that `billing.looks` names holds a folder for each operator that wants another look than the built-in one:

    <operator>/look.toml     accent = "#0b5563", and texts by language
    <operator>/logo.png      or .jpg, .svg
    <operator>/invoice.typ   a template of its own instead of the built-in one; so with every `.typ` file of this folder

A look changes nothing that is owed: all figures come from the frozen document.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from backend.errors import LookError

LOGO = "logo"
BUILT_IN = Path(__file__).parent
"""Folder of the built-in templates."""

_ACCENT = "#0b5563"

LANGUAGES = ("de", "en")
PLACES = ("intro", "payment", "closing")
"""Where a text of the operator's own may stand: below the greeting, below the payment, at the end."""

EXAMPLE = """\
# How this operator's invoices look. What is left out is as built in.
accent = "#0b5563"

[de]
intro = "Danke, dass Sie bei uns laden."
# payment = "..."
# closing = "..."

[en]
intro = "Thank you for charging with us."
"""

_MAX_LOGO = 2_000_000
_MAX_TEXT = 1000
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
_KINDS = {".png": b"\x89PNG\r\n\x1a\n", ".jpg": b"\xff\xd8\xff", ".svg": b""}
_ACTIVE = re.compile(rb"<script|<foreignObject|\bon\w+\s*=|(?:href|src)\s*=\s*[\"'](?!#|data:image/)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Look:
    """How papers look.

    Args:
        accent: colour of titles and lines, `#rrggbb`.
        logo: file of a picture; None = the name stands in its place.
        texts: by language and place.
        templates: its own templates, names of files.
    """

    accent: str = _ACCENT
    logo: Path | None = None
    texts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    templates: tuple[str, ...] = ()

    def view(self, language: str) -> dict[str, object]:
        """Give what the template is told."""
        own = self.texts.get(language, {})
        logo = f"{LOGO}{self.logo.suffix}" if self.logo else ""
        return {"accent": self.accent, "logo": logo, **{place: own.get(place, "") for place in PLACES}}


def read_looks(folder: Path | None) -> dict[str, Look]:
    """Read and check all looks, by operator.

    Raises:
        LookError: a file can't be used; the text names it and says what to do.
    """
    if folder is None:
        return {}
    try:
        return {path.name: read_look(path) for path in sorted(folder.iterdir()) if path.is_dir()}
    except OSError as error:
        raise LookError(f"billing.looks: can't read {folder}: {error.strerror}") from error


def read_look(folder: Path) -> Look:
    """Read and check one operator's look.

    Raises:
        LookError: see `read_looks`.
    """
    path = folder / "look.toml"
    try:
        values = tomllib.loads(path.read_text("utf-8")) if path.exists() else {}
    except (OSError, ValueError) as error:
        raise LookError(f"{path}: {error}") from error
    accent, texts = values.pop("accent", _ACCENT), {one: values.pop(one, {}) for one in LANGUAGES}
    if values:
        raise LookError(f"{path}: unknown key {next(iter(values))}; known are accent, {', '.join(LANGUAGES)}")
    if not isinstance(accent, str) or not _COLOUR.fullmatch(accent):
        raise LookError(f'{path}: accent = {accent!r} is no colour: write for instance "#0b5563"')
    for language, own in texts.items():
        _check_texts(path, language, own)
    return Look(accent, _logo(folder), texts, tuple(sorted(one.name for one in folder.glob("*.typ"))))


def _check_texts(path: Path, language: str, own: object) -> None:
    if not isinstance(own, dict):
        raise LookError(f"{path}: {language} must be a table of texts")
    for place, text in own.items():
        if place not in PLACES:
            raise LookError(f"{path}: unknown key {language}.{place}; known are {', '.join(PLACES)}")
        if not isinstance(text, str) or len(text) > _MAX_TEXT:
            raise LookError(f"{path}: {language}.{place} must be a text of at most {_MAX_TEXT} characters")


def _logo(folder: Path) -> Path | None:
    found = [path for suffix in _KINDS if (path := folder / f"{LOGO}{suffix}").exists()]
    if not found:
        return None
    path = found[0]
    content = path.read_bytes()
    if len(content) > _MAX_LOGO:
        raise LookError(f"{path} has {len(content)} bytes: at most {_MAX_LOGO}; 600 pixels of width are enough")
    if not content.startswith(_KINDS[path.suffix]):
        raise LookError(f"{path} is no {path.suffix[1:].upper()}: its name must tell what it is")
    if path.suffix == ".svg" and _ACTIVE.search(content):
        raise LookError(f"{path} has scripts or refers to other files: export it as a plain SVG")
    return path
