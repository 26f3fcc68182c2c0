"""One point of the self-test, and how it is shown. Pure."""

from dataclasses import dataclass

from station.field.text import NOTHING, Text


@dataclass(frozen=True, slots=True)
class Finding:
    """What one test found.

    Args:
        name: what was tested.
        passed: None where it could not be tried, or nothing can be said.
        seen: what was seen.
        advice: what to do about it.
    """

    name: Text
    passed: bool | None
    seen: Text
    advice: Text = NOTHING

    def facts(self) -> dict[str, object]:
        """Give the finding for scripts, in English."""
        return {"test": self.name.en, "passed": self.passed, "seen": self.seen.en, "advice": self.advice.en}

    def lines(self, number: int, language: str) -> list[str]:
        """Give the finding for people."""
        word = _WORDS[self.passed].of(language)
        lines = [f"{number:>2}  {word:8} {self.name.of(language)}: {self.seen.of(language)}".rstrip(": ")]
        if self.advice != NOTHING and self.passed is not True:
            lines.append(f"             -> {self.advice.of(language)}")
        return lines


_WORDS = {True: Text("ok", "ok"), False: Text("FAILED", "FEHLER"), None: Text("-", "-")}


def tally(findings: list[Finding]) -> Text:
    """Sum up."""
    failed = sum(finding.passed is False for finding in findings)
    if not failed:
        return Text(f"All {len(findings)} tests are good.", f"Alle {len(findings)} Tests sind gut.")
    return Text(f"{failed} of {len(findings)} tests failed.", f"{failed} von {len(findings)} Tests mit Fehler.")
