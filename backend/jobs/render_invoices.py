"""Job: render issued invoices, once each; their letters wait for it."""

from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection

from backend.core.invoices.letter import pause
from backend.documents.render import Renderer, RenderError, open_renderer
from backend.store import invoice_files
from backend.store.invoice_files import Rendering
from backend.store.writer import Store
from shared.clock import Clock
from shared.log import Log

log = Log(__name__)

_FIRST_PAUSE_S = 60.0
"""After a rendering that failed: the machine may be short of memory or time for a while."""


class InvoiceRenderer:
    """Renders what is issued. A rendering that fails is told once and tried again, with growing pauses."""

    def __init__(self, store: Store, clock: Clock, lapse_rate: float, looks: Path | None = None) -> None:
        self._store, self._clock, self._lapse_rate, self._looks = store, clock, lapse_rate, looks

    async def run(self) -> datetime | None:
        """Render what is due, and tell when the next one is. Cancelling is safe: it is rendered again."""
        while True:
            waiting = await self._store.read(self._due)
            if not waiting:
                return await self._store.read(invoice_files.next_rendering)
            async with open_renderer(self._looks) as renderer:
                for one in waiting:
                    await self._render(one, renderer)

    def _due(self, connection: Connection) -> list[Rendering]:
        return invoice_files.unrendered(connection, self._clock.utc())

    async def _render(self, one: Rendering, renderer: Renderer) -> None:
        try:
            pdf = await renderer.render(one.number, one.body, one.xml, one.signed, operator=one.operator_id)
        except RenderError as error:
            reason = str(error)
            if one.tries == 0:
                log.error("invoice_not_rendered", number=one.number, reason=reason)
            until = self._clock.utc() + self._pause(one.tries)

            def postpone(connection: Connection) -> None:
                invoice_files.postpone_pdf(connection, one.invoice_id, until, reason)

            await self._store.write(postpone)
        else:
            if one.tries:
                log.info("invoice_rendered_after_all", number=one.number)
            now = self._clock.utc()
            await self._store.write(lambda unit: invoice_files.keep_pdf(unit, one.invoice_id, pdf, now))

    def _pause(self, tries: int) -> timedelta:
        return pause(tries, _FIRST_PAUSE_S * self._lapse_rate, 0.0)
