"""Render an invoice to PDF/A-3b in a short-lived worker process."""

import asyncio
import json
import sys

from backend.core.invoice import Invoice
from backend.documents.invoice_view import invoice_view
from backend.errors import BackendError

_TIMEOUT_S = 120.0
"""An invoice of some 600 lines takes about 1.5 s on a small server."""


class RenderError(BackendError):
    """The PDF could not be made. Trying again helps only if the machine was short of memory or time."""


async def render_pdf(invoice: Invoice, *, sample: bool) -> bytes:
    """Render an invoice; equal invoices give equal pages. Cancelling ends the worker.

    Args:
        invoice: the frozen document.
        sample: mark it as a sample that nobody has to pay.

    Raises:
        RenderError: the worker failed or took too long.
    """
    view = json.dumps(invoice_view(invoice, sample=sample), ensure_ascii=False).encode()
    pipe = asyncio.subprocess.PIPE
    worker = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "backend.documents.worker", stdin=pipe, stdout=pipe, stderr=pipe
    )
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            pdf, complaint = await worker.communicate(view)
    except TimeoutError as error:
        raise RenderError(f"invoice {invoice.number}: no PDF within {_TIMEOUT_S:.0f} s") from error
    finally:
        if worker.returncode is None:
            worker.kill()
            await worker.wait()
    if worker.returncode != 0 or not pdf.startswith(b"%PDF"):
        last = complaint.decode(errors="replace").strip().splitlines()[-1:] or ["the worker said nothing"]
        raise RenderError(f"invoice {invoice.number}: no PDF, exit status {worker.returncode}: {last[0]}")
    return pdf
