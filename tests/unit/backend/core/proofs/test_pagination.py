from datetime import timedelta

import pytest

from backend.core.proofs.pagination import Page, follow
from tests.unit.backend.billing_example import EVENING


def page(number: int, digest: str = "", minutes: int | None = None) -> Page:
    at = None if minutes is None else EVENING + timedelta(minutes=minutes)
    return Page(number, digest or str(number), at)


@pytest.mark.parametrize(
    ("known", "new", "told"),
    [
        ([], page(7), []),
        ([page(6)], page(7), []),
        ([page(7)], page(7), []),
        ([page(6)], page(8), ["page_gap m: pages 7 are missing"]),
        ([page(6)], page(12), ["page_gap m: pages 7 to 11 are missing"]),
        ([page(7)], page(7, "other"), ["page_repeat m: page 7 came with more than one content"]),
        ([page(9)], page(7), ["page_back m: page 7 came after page 9"]),
        (
            [page(6, minutes=0), page(9, minutes=9)],
            page(7, minutes=3),
            ["page_filled m: page 7, which was missing, has come"],
        ),
        ([page(6, minutes=0), page(9, minutes=9)], page(7, minutes=20), ["page_back m: page 7 came after page 9"]),
    ],
)
def test_pages_follow_each_other(known: list[Page], new: Page, told: list[str]) -> None:
    assert [f"{one.kind} {one.text}" for one in follow(known, new, "m")] == told
