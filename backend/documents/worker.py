"""Render invoices until standard input ends: a process of its own, so that its memory is not the server's.

Each line of standard input is a job, JSON: `view` is what the template lays out, `files` are embedded: the fields of
`hybrid.Embedded`, their `content` in Base64; `level` is the profile of the first, empty if it is no e-invoice. Each
answer on standard output is a line of JSON: `size`, with so many bytes of PDF after it, or `error`.

    python -m backend.documents.worker
"""

import json
import os
import sys
from base64 import b64decode
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import typst

from backend.documents.hybrid import Embedded, XmpError, embed

TEMPLATE = Path(__file__).parent / "invoice.typ"
_NICE = 10
"""Stations are answered first: an invoice may take its time."""


def main() -> int:
    """Answer every job. One that can't be done is told, and the next one is done all the same."""
    os.nice(_NICE)
    compiler = typst.Compiler(TEMPLATE, ignore_system_fonts=True)  # the same page on every machine
    for line in sys.stdin.buffer:
        try:
            pdf = _render(compiler, json.loads(line))
        except (typst.TypstError, XmpError) as error:
            _answer({"error": str(error).splitlines()[0]}, b"")
        else:
            _answer({"size": len(pdf)}, pdf)
    return 0


# Any: typst has no types, and a job is JSON that render.py wrote.
def _render(compiler: Any, job: dict[str, Any]) -> bytes:
    view = job["view"]
    at = datetime.fromisoformat(view["date"]).replace(tzinfo=UTC)
    pdf = compiler.compile(sys_inputs={"view": json.dumps(view)}, pdf_standards=["a-3b"], timestamp=at)
    assert isinstance(pdf, bytes)  # noqa: S101  one PDF, not a list of pictures
    files = [Embedded(**{**file, "content": b64decode(file["content"])}) for file in job["files"]]
    return embed(pdf, files, job["level"], at) if files else pdf


def _answer(head: dict[str, object], pdf: bytes) -> None:
    sys.stdout.buffer.write(json.dumps(head).encode() + b"\n" + pdf)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    sys.exit(main())
