"""Follow the pages of a meter's signed records: each bears the number after the one before. Pure.

Records arrive late and out of order (two EVSEs behind one gateway, a station that was offline), so a hole is told when
it is seen and told to be closed when it is filled. Nobody may fill a hole with anything else.

Source: SAFE e.V., OCMF 1.4, table 4 (PG).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Break(StrEnum):
    """How pages may fail to follow each other."""

    GAP = "page_gap"
    REPEAT = "page_repeat"
    BACK = "page_back"
    FILLED = "page_filled"


@dataclass(frozen=True, slots=True)
class Page:
    """A page of one counter of one gateway: its number, the SHA-256 of the record, and the meter's time where told."""

    number: int
    digest: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class PageFinding:
    """What is odd about a page; `text` is one sentence."""

    kind: Break
    text: str


def follow(known: Sequence[Page], new: Page, name: str) -> Iterator[PageFinding]:
    """Tell what is odd about a page.

    Args:
        known: the pages around it that are stored: with its own number, and the nearest below and above.
        new: the page that came.
        name: of the gateway and its counter, for the sentence.
    """
    same = [page for page in known if page.number == new.number]
    below = max((page.number for page in known if page.number < new.number), default=None)
    above = [page for page in known if page.number > new.number]
    if any(page.digest != new.digest for page in same):
        yield PageFinding(Break.REPEAT, f"{name}: page {new.number} came with more than one content")
    elif not same and above:
        later = [page for page in above if new.at and page.at and page.at < new.at]
        if below is None or later:
            last = max(page.number for page in above)
            yield PageFinding(Break.BACK, f"{name}: page {new.number} came after page {last}")
        else:
            yield PageFinding(Break.FILLED, f"{name}: page {new.number}, which was missing, has come")
    elif not same and below is not None and new.number > below + 1:
        yield PageFinding(Break.GAP, f"{name}: pages {_span(below + 1, new.number - 1)} are missing")


def _span(first: int, last: int) -> str:
    return str(first) if first == last else f"{first} to {last}"
