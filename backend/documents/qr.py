"""QR codes as SVG drawings. The backend's only module that knows the library. Pure."""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import groupby

import segno
from segno.helpers import make_epc_qr

_QUIET = 4
"""Width of the white border in modules (ISO/IEC 18004)."""


def draw_text(text: str) -> str:
    """Draw the code of a text."""
    return _draw(segno.make_qr(text, error="m").matrix)


def draw_transfer(name: str, iban: str, bic: str, amount: Decimal, text: str) -> str:
    """Draw the code of a bank transfer in EUR (EPC069-12, version 002)."""
    code = make_epc_qr(name=name, iban=iban, bic=bic or None, amount=amount, text=text, encoding="utf-8")
    return _draw(code.matrix)


def _draw(matrix: Iterable[Iterable[int]]) -> str:
    rows = [bytes(row) for row in matrix]
    size = len(rows) + 2 * _QUIET
    path = "".join(f"M{x} {y}h{width}v1h-{width}z" for x, y, width in _bars(rows))
    # One filled path: bars of their own would show hairlines between them.
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}"><path d="{path}"/></svg>'


def _bars(rows: list[bytes]) -> Iterator[tuple[int, int, int]]:
    """Give the dark modules of each row joined to bars: place and width."""
    for y, row in enumerate(rows, _QUIET):
        x = _QUIET
        for dark, run in groupby(row):
            width = len(list(run))
            if dark:
                yield x, y, width
            x += width
