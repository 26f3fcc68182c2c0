"""Render papers until standard input ends: a process of its own, whose memory and work are not the server's.

Each line of standard input is a job, JSON. For an invoice: `invoice` is the frozen document as it is stored, `xml` its
e-invoice and `signed` the signed values of its sessions, both in Base64 and empty if there are none. For another paper:
`template` names the layout, `view` is what it lays out. Each answer on standard output is a line of JSON: `size`, with
so many bytes of PDF after it, or `error`.

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

from backend.core.invoice import Invoice, Output
from backend.core.record import RecordError, from_json
from backend.core.transparency import FILE_NAME, MEDIA_TYPE
from backend.documents.hybrid import Embedded, XmpError, einvoice_file, embed
from backend.documents.invoice_view import Json, invoice_view

_TEMPLATES = Path(__file__).parent
_NICE = 10
"""Stations are answered first: an invoice may take its time."""

_EMBEDDED = {Output.HYBRID: ("factur-x.xml", "EN 16931"), Output.XRECHNUNG: ("xrechnung.xml", "XRECHNUNG")}
"""Name of the e-invoice inside the PDF, and its profile as the PDF tells it."""

_SIGNED = "signed meter values, to be checked by the transparency software"


def main() -> int:
    """Answer every job. One that can't be done is told, and the next one is done all the same."""
    os.nice(_NICE)
    compilers: dict[str, Any] = {}  # Any: typst has no types
    for line in sys.stdin.buffer:
        try:
            job = json.loads(line)
            pdf = _render_invoice(compilers, job) if "invoice" in job else _compile(compilers, **job)
        except (typst.TypstError, XmpError, RecordError) as error:
            _answer({"error": str(error).splitlines()[0]}, b"")
        else:
            _answer({"size": len(pdf)}, pdf)
    return 0


# Any: typst has no types.
def _compile(compilers: dict[str, Any], template: str, view: Json) -> bytes:
    if template not in compilers:  # no fonts of the system: the same page on every machine
        compilers[template] = typst.Compiler(_TEMPLATES / f"{template}.typ", ignore_system_fonts=True)
    at, inputs = _date(view), {"view": json.dumps(view)}
    pdf = compilers[template].compile(sys_inputs=inputs, pdf_standards=["a-3b"], timestamp=at)
    assert isinstance(pdf, bytes)  # noqa: S101  one PDF, not a list of pictures
    return pdf


def _render_invoice(compilers: dict[str, Any], job: dict[str, str]) -> bytes:
    document = from_json(Invoice, job["invoice"])
    view = invoice_view(document)
    pdf = _compile(compilers, "invoice", view)
    name, level = _EMBEDDED.get(document.output, ("", "")) if job["xml"] else ("", "")
    files = [einvoice_file(name, b64decode(job["xml"]))] if name else []
    if job["signed"]:
        files.append(Embedded(FILE_NAME, MEDIA_TYPE, "Supplement", _SIGNED, b64decode(job["signed"])))
    return embed(pdf, files, level, _date(view)) if files else pdf


def _date(view: Json) -> datetime:
    return datetime.fromisoformat(str(view["date"])).replace(tzinfo=UTC)


def _answer(head: dict[str, object], pdf: bytes) -> None:
    sys.stdout.buffer.write(json.dumps(head).encode() + b"\n" + pdf)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    sys.exit(main())
