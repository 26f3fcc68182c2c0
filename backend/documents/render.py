"""Render papers to PDF/A-3b, invoices with their e-invoices inside, in a worker process that ends with the batch."""

import asyncio
import json
import sys
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from backend.documents.invoice_view import Json
from backend.errors import BackendError

_TIMEOUT_S = 600.0
"""An invoice of some 600 lines takes about 1.5 s on a small server, and much longer where stations leave it no time."""


class RenderError(BackendError):
    """The PDF could not be made. Trying again helps only if the machine was short of memory or time."""


class Renderer:
    """Renders one paper after the other; its worker starts with the first and is replaced when it fails."""

    def __init__(self, looks: Path | None = None) -> None:
        self._looks = looks
        self._worker: asyncio.subprocess.Process | None = None

    async def render(
        self, number: str, body: str, xml: bytes | None, signed: bytes | None = None, *, operator: str = ""
    ) -> bytes:
        """Render an invoice; equal invoices give equal files. Cancelling ends the worker.

        Args:
            number: of the invoice, for errors.
            operator: whose look it has; empty = what is built in.
            body: the frozen document as it is stored. The worker reads it: that takes longer than a station may wait.
            xml: its e-invoice, which goes into the PDF if the customer gets one; None if there is none.
            signed: the signed values of its sessions, see `backend.core.proofs.transparency`; None if there are none.

        Raises:
            RenderError: the worker failed or took too long.
        """
        job: Json = {
            "operator": operator,
            "invoice": body,
            "xml": b64encode(xml or b"").decode(),
            "signed": b64encode(signed or b"").decode(),
        }
        return await self._render(job, f"invoice {number}")

    async def render_view(self, template: str, view: Json, name: str, *, operator: str = "") -> bytes:
        """Render a paper without files inside; equal views give equal files. Cancelling ends the worker.

        Args:
            template: name of the layout.
            view: its texts; `date` is that of the file.
            name: of the paper, for errors.
            operator: whose look it has; empty = what is built in.

        Raises:
            RenderError: the worker failed or took too long.
        """
        return await self._render({"operator": operator, "template": template, "view": view}, name)

    async def _render(self, job: Json, name: str) -> bytes:
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                answer, pdf = await self._ask(json.dumps(job).encode() + b"\n")
        except TimeoutError as error:
            await self.close()
            raise RenderError(f"{name}: no PDF within {_TIMEOUT_S:.0f} s") from error
        except (EOFError, OSError, ValueError) as error:  # it ended, or said what is no answer
            status = await self.close()
            raise RenderError(f"{name}: no PDF, exit status {status}") from error
        except BaseException:
            await self.close()
            raise
        if not pdf.startswith(b"%PDF"):
            raise RenderError(f"{name}: no PDF: {answer.get('error')}")
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
            await worker.wait()  # or the process would outlive the loop that reaps it
            raise

    async def _ask(self, job: bytes) -> tuple[dict[str, object], bytes]:
        if self._worker is None:
            pipe, looks = asyncio.subprocess.PIPE, [str(self._looks)] if self._looks else []
            self._worker = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "backend.documents.worker", *looks, stdin=pipe, stdout=pipe
            )
        stdin, stdout = self._worker.stdin, self._worker.stdout
        assert stdin is not None and stdout is not None  # noqa: S101, PT018  both are pipes
        stdin.write(job)
        await stdin.drain()
        answer: dict[str, object] = json.loads(await stdout.readuntil())
        size = answer.get("size", 0)
        return answer, await stdout.readexactly(size) if isinstance(size, int) else b""


@asynccontextmanager
async def open_renderer(looks: Path | None = None) -> AsyncIterator[Renderer]:
    """Give a renderer whose worker ends with the block.

    Args:
        looks: folder of the operators' own looks, see `backend.documents.look`.
    """
    renderer = Renderer(looks)
    try:
        yield renderer
    finally:
        await renderer.close()
