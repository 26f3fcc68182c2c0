"""Render one invoice and end: a process of its own, so that the memory it takes (about 120 MB) is not the server's.

Reads JSON (the view) from standard input and writes the PDF to standard output: `python -m backend.documents.worker`.
"""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import typst

TEMPLATE = Path(__file__).parent / "invoice.typ"


def main() -> int:
    """Render; exit status 1 with one line on standard error if the template can't be filled."""
    view = sys.stdin.buffer.read().decode()
    day = datetime.fromisoformat(json.loads(view)["date"]).replace(tzinfo=UTC)
    try:
        pdf = typst.compile(
            TEMPLATE,
            sys_inputs={"view": view},
            ignore_system_fonts=True,  # the same page on every machine
            pdf_standards=["a-3b"],
            timestamp=day,
        )
    except typst.TypstError as error:
        sys.stderr.write(f"{error.message}\n")
        return 1
    assert isinstance(pdf, bytes)  # noqa: S101  one PDF, not a list of pictures
    sys.stdout.buffer.write(pdf)
    return 0


if __name__ == "__main__":
    sys.exit(main())
