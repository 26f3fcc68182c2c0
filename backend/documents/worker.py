"""Render papers until standard input ends: a process of its own, whose memory and work are not the server's.

Each line of standard input is a job, JSON, whose `operator` names the look. For an invoice: `invoice` is the frozen
document as it is stored, `xml` its e-invoice and `signed` the signed values of its sessions, both in Base64 and empty
if there are none. For another paper: `template` names the layout, `view` is what it lays out. Each answer on standard
output is a line of JSON: `size`, with so many bytes of PDF after it, or `error`.

    python -m backend.documents.worker [FOLDER_OF_LOOKS]
"""

import json
import os
import shutil
import sys
from base64 import b64decode
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import typst

from backend.core.invoices.invoice import Invoice, Output
from backend.core.proofs.transparency import FILE_NAME, MEDIA_TYPE
from backend.core.record import RecordError, from_json
from backend.documents.hybrid import Embedded, XmpError, einvoice_file, embed
from backend.documents.invoice_view import Json, invoice_view
from backend.documents.look import BUILT_IN, Look, read_look
from backend.documents.statement_view import statement_view
from backend.errors import LookError

_EMBEDDED = {Output.HYBRID: ("factur-x.xml", "EN 16931"), Output.XRECHNUNG: ("xrechnung.xml", "XRECHNUNG")}
"""Name of the e-invoice inside the PDF, and its profile as the PDF tells it."""

_SIGNED = "signed meter values, to be checked by the transparency software"


def main() -> int:
    """Answer every job. One that can't be done is told, and the next one is done all the same."""
    # Stations are answered first: an invoice takes the time that nobody else wants.
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    with TemporaryDirectory(prefix="emops-papers-") as room:
        press = _Press(Path(sys.argv[1]) if sys.argv[1:] else None, Path(room))
        for line in sys.stdin.buffer:
            try:
                job = json.loads(line)
                pdf = _render_invoice(press, job) if "invoice" in job else press.print(**job)
            except (typst.TypstError, XmpError, RecordError, LookError, OSError) as error:
                _answer({"error": str(error).splitlines()[0]}, b"")
            else:
                _answer({"size": len(pdf)}, pdf)
    return 0


class _Press:
    """Lays out papers, each with its operator's look. A template reads what lies in its own folder and nothing else."""

    def __init__(self, looks: Path | None, room: Path) -> None:
        self._looks, self._room = looks, room
        self._own: dict[str, tuple[Look, Path]] = {}
        self._compilers: dict[Path, Any] = {}  # Any: typst has no types

    def print(self, operator: str, template: str, view: Json) -> bytes:
        """Make a PDF.

        Raises:
            LookError: the operator's look can't be used.
            typst.TypstError: the template can't.
        """
        if operator not in self._own:
            self._own[operator] = self._make(operator)
        look, folder = self._own[operator]
        path = folder / f"{template}.typ"
        if path not in self._compilers:  # no fonts of the system: the same page on every machine
            self._compilers[path] = typst.Compiler(path, root=folder, ignore_system_fonts=True)
        inputs = {"view": json.dumps(view | {"look": look.view(str(view["language"]))})}
        pdf = self._compilers[path].compile(sys_inputs=inputs, pdf_standards=["a-3b"], timestamp=_date(view))
        assert isinstance(pdf, bytes)  # noqa: S101  one PDF, not a list of pictures
        return pdf

    def _make(self, operator: str) -> tuple[Look, Path]:
        own = self._looks / operator if self._looks and operator else None
        if own is None or not own.is_dir():
            return Look(), BUILT_IN
        look, folder = read_look(own), self._room / str(len(self._own))
        shutil.copytree(own, folder)
        for template in BUILT_IN.glob("*.typ"):
            if not (folder / template.name).exists():
                shutil.copy(template, folder)
        return look, folder


def _render_invoice(press: _Press, job: dict[str, str]) -> bytes:
    document = from_json(Invoice, job["invoice"])
    view = statement_view(document) if document.kind.self_billed else invoice_view(document)
    pdf = press.print(job["operator"], "invoice", view)
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
