import random
from pathlib import Path

import pytest

from backend.core.invoices.dsn import Action, Fate, Report, parse_report
from backend.core.invoices.letter import Reply, is_bad_address

CASES = Path(__file__).parents[4] / "cases" / "dsn"
RETURN_PATH = "bounce+{token}@example.com"
TOKEN = "00112233aabbccdd"


def fate(recipient: str, action: Action, code: int, text: str) -> Fate:
    return Fate(recipient, action, Reply(code, text, personal=True))


@pytest.mark.parametrize(
    ("name", "report"),
    [
        (
            "unknown_user",
            Report(
                TOKEN,
                "<inv.RE-2026-000001.1.66333966@example.com>",
                (
                    fate(
                        "gone@example.com",
                        Action.FAILED,
                        550,
                        "550 5.1.1 <gone@example.com>: no such user here",
                    ),
                ),
            ),
        ),
        (
            "two_recipients_headers_only",
            Report(
                "",
                "<inv.RE-2026-000002.1.0badcafe@example.com>",
                (
                    fate("full@example.com", Action.FAILED, 552, "552 5.2.2 mailbox full"),
                    fate("slow@example.com", Action.DELAYED, 0, "4.4.1"),
                ),
            ),
        ),
        ("expired", Report(TOKEN, "", (fate("late@example.com", Action.FAILED, 554, "4.4.7"),))),
        ("no_report", None),
        ("broken", None),
    ],
)
def test_reports_are_read(name: str, report: Report | None) -> None:
    assert parse_report((CASES / f"{name}.eml").read_bytes(), RETURN_PATH) == report


def test_only_an_unknown_user_makes_an_address_bad() -> None:
    found: dict[str, bool] = {}
    for name in ("unknown_user", "two_recipients_headers_only", "expired"):
        report = parse_report((CASES / f"{name}.eml").read_bytes(), RETURN_PATH)
        assert report is not None
        found |= {one.recipient: is_bad_address(one.reply) for one in report.fates}
    assert [address for address, bad in found.items() if bad] == ["gone@example.com"]


def test_without_a_return_path_there_is_no_token() -> None:
    report = parse_report((CASES / "unknown_user.eml").read_bytes(), "")
    assert report is not None
    assert report.token == ""


def test_damaged_reports_are_read_or_refused_but_never_raise() -> None:
    dice, raw = random.Random(7), (CASES / "unknown_user.eml").read_bytes()
    for _ in range(300):
        damaged = bytearray(raw)
        for _ in range(dice.randrange(1, 30)):
            damaged[dice.randrange(len(damaged))] = dice.randrange(256)
        report = parse_report(bytes(damaged[: dice.randrange(len(damaged))]), RETURN_PATH)
        assert report is None or report.fates
