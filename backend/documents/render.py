"""Render invoices to PDF/A-3b, with their e-invoices inside, in a worker process that ends with the batch."""

import asyncio
import json
import sys
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict

from backend.core.invoice import Invoice, Output
from backend.core.transparency import FILE_NAME, MEDIA_TYPE
from backend.documents.hybrid import Embedded, einvoice_file
from backend.documents.invoice_view import invoice_view
from backend.errors import BackendError

_TIMEOUT_S = 120.0
"""An invoice of some 600 lines takes about 1.5 s on a small server."""
_EMBEDDED = {Output.HYBRID: ("factur-x.xml", "EN 16931"), Output.XRECHNUNG: ("xrechnung.xml", "XRECHNUNG")}
"""Name of the file inside the PDF, and its profile as the PDF tells it."""


_SIGNED = "signed meter values, to be checked by the transparency software"


class RenderError(BackendError):
    """The PDF could not be made. Trying again helps only if the machine was short of memory or time."""


class Renderer:
    """Renders one invoice after the other; its worker starts with the first and is replaced when it fails."""

    def __init__(self) -> None:
        self._worker: asyncio.subprocess.Process | None = None

    async def render(self, invoice: Invoice, xml: bytes | None, signed: bytes | None = None) -> bytes:
        """Render an invoice; equal invoices give equal files. Cancelling ends the worker.

        Args:
            invoice: the frozen document.
            xml: its e-invoice, which goes into the PDF if the customer gets one; None if there is none.
            signed: the signed values of its sessions, see `backend.core.transparency`; None if there are none.

        Raises:
            RenderError: the worker failed or took too long.
        """
        name, level = _EMBEDDED.get(invoice.output, ("", ""))
        files = [einvoice_file(name, xml)] if xml and name else []
        inside = [{**asdict(one), "content": b64encode(one.content).decode()} for one in files + _supplement(signed)]
        job = {"view": invoice_view(invoice), "files": inside, "level": level if files else ""}
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                answer, pdf = await self._ask(json.dumps(job).encode() + b"\n")
        except TimeoutError as error:
            await self.close()
            raise RenderError(f"invoice {invoice.number}: no PDF within {_TIMEOUT_S:.0f} s") from error
        except (EOFError, OSError, ValueError) as error:  # it ended, or said what is no answer
            status = await self.close()
            raise RenderError(f"invoice {invoice.number}: no PDF, exit status {status}") from error
        except BaseException:
            await self.close()
            raise
        if not pdf.startswith(b"%PDF"):
            raise RenderError(f"invoice {invoice.number}: no PDF: {answer.get('error')}")
        return pdf

    async def close(self) -> int | None:
        """End the worker and give its exit status, None if there was none."""
        worker, self._worker = self._worker, None
        if worker is None:
            return None
        if worker.returncode is None and worker.stdin is not None:
            worker.stdin.close()  # it ends by itself when its work is done
        try:
            async with asyncio.timeout(1.0):
                return await worker.wait()
        except TimeoutError:
            worker.kill()
            return await worker.wait()
        except asyncio.CancelledError:
            worker.kill()
            raise

    async def _ask(self, job: bytes) -> tuple[dict[str, object], bytes]:
        if self._worker is None:
            pipe = asyncio.subprocess.PIPE
            self._worker = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "backend.documents.worker", stdin=pipe, stdout=pipe
            )
        stdin, stdout = self._worker.stdin, self._worker.stdout
        assert stdin is not None and stdout is not None  # noqa: S101, PT018  both are pipes
        stdin.write(job)
        await stdin.drain()
        answer: dict[str, object] = json.loads(await stdout.readuntil())
        size = answer.get("size", 0)
        return answer, await stdout.readexactly(size) if isinstance(size, int) else b""


def _supplement(signed: bytes | None) -> list[Embedded]:
    return [Embedded(FILE_NAME, MEDIA_TYPE, "Supplement", _SIGNED, signed)] if signed else []


@asynccontextmanager
async def open_renderer() -> AsyncIterator[Renderer]:
    """Give a renderer whose worker ends with the block."""
    renderer = Renderer()
    try:
        yield renderer
    finally:
        await renderer.close()
