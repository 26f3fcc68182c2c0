"""Routes of the JSON API on signed values: what waits for a decision, and the files for the transparency software."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path
from sqlalchemy import Connection
from starlette.exceptions import HTTPException
from starlette.responses import Response

from backend.api.permissions import Who, needs
from backend.api.problems import problem
from backend.core.invoices.letter import SIGNED
from backend.core.people.access import Permission
from backend.core.proofs.signed_gate import Decision
from backend.core.proofs.transparency import FILE_NAME, MEDIA_TYPE, transparency_xml
from backend.errors import ApplyError
from backend.services.signed_review import decide, waiting
from backend.store.invoice_files import invoice_file
from backend.store.overview import LARGEST_ID
from backend.store.proof_links import make_link
from backend.store.scope import Owned
from backend.store.signed import last_verdict, read_originals
from backend.store.writer import Store
from shared.clock import Clock

Number = Annotated[int, Path(ge=1, le=LARGEST_ID)]


@dataclass(frozen=True, slots=True)
class WaitingOut:
    """A session that is held for the lack of proof; `told_wh` is what its station told and may not be billed."""

    id: int
    charge_point_id: str
    evse_id: int
    started_at: datetime
    told_wh: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class DecisionIn:
    """What a person decided: it costs nothing, its fixed fee, or it is judged by its evidence again."""

    kind: Decision
    reason: str
    by: str


@dataclass(frozen=True, slots=True)
class DecidedOut:
    """The session that was decided on."""

    id: int


@dataclass(frozen=True, slots=True)
class VerdictOut:
    """What was proved of a session; registers in Wh as text with their own digits, null where there is none."""

    status: str
    reason: str
    begin_wh: str | None
    end_wh: str | None
    meter: str
    public_key: str
    findings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LinkOut:
    """The path of a link for the driver; it is told this once."""

    path: str


def make_signed_routes(store: Store, clock: Clock, link_days: int) -> APIRouter:
    """Build the routes under /api/v1."""
    router = APIRouter(prefix="/api/v1", tags=["signed values"])
    _add_review(router, store, clock)
    _add_files(router, store)

    @router.post(
        "/transactions/{id}/proof-links",
        response_model=LinkOut,
        dependencies=[needs(Permission.SETTLE_HELD, Owned.TRANSACTION)],
    )
    async def link(id: Number) -> LinkOut:  # noqa: A002  the name in the address
        """Make a link to the proof of a session, for a driver without login."""
        token = await store.write(lambda unit: make_link(unit, id, clock.utc(), link_days))
        if token is None:
            raise HTTPException(404)
        return LinkOut(f"/p/{token}")

    return router


def _add_review(router: APIRouter, store: Store, clock: Clock) -> None:
    @router.get("/signed/review", dependencies=[needs(Permission.SETTLE_HELD)])
    async def review(who: Who) -> list[WaitingOut]:
        """List the sessions that are held for the lack of proof, the oldest first."""
        rows = await store.read(lambda unit: waiting(unit, who.view))
        return [
            WaitingOut(row.id, row.charge_point_id, row.evse_id, row.started_at, row.told_wh, row.reason)
            for row in rows
        ]

    @router.post(
        "/signed/review/{id}",
        response_model=DecidedOut,
        dependencies=[needs(Permission.SETTLE_HELD, Owned.TRANSACTION)],
    )
    async def add_decision(id: Number, wanted: DecisionIn, who: Who) -> DecidedOut | Response:  # noqa: A002
        """Decide on a session that is held for the lack of proof."""
        now, by = clock.utc(), who.name if who.account_id else wanted.by
        try:
            await store.write(lambda unit: decide(unit, id, wanted.kind, reason=wanted.reason, by=by, now=now))
        except ApplyError as error:
            return problem(422, str(error))
        return DecidedOut(id)


def _add_files(router: APIRouter, store: Store) -> None:
    @router.get("/transactions/{id}/verdict", dependencies=[needs(Permission.SEE_SESSIONS, Owned.TRANSACTION)])
    async def verdict(id: Number) -> VerdictOut:  # noqa: A002
        """Tell what was proved of a session's signed values."""
        found = await store.read(lambda unit: last_verdict(unit, id))
        if found is None:
            raise HTTPException(404)
        one = found.judged
        begin, end = (str(part.wh) if part else None for part in (one.begin, one.end))
        return VerdictOut(one.status, one.reason, begin, end, one.serial, one.key, one.findings)

    @router.get(
        "/transactions/{id}/messdaten.xml",
        response_class=Response,
        dependencies=[needs(Permission.SEE_SESSIONS, Owned.TRANSACTION)],
    )
    async def messdaten(id: Number) -> Response:  # noqa: A002
        """Give the signed values of a session for the transparency software."""

        def read(unit: Connection) -> bytes | None:
            found = last_verdict(unit, id)
            return transparency_xml(read_originals(unit, [found.id])) if found else None

        content = await store.read(read)
        if content is None:
            raise HTTPException(404)
        headers = {"Content-Disposition": f'attachment; filename="{id}-{FILE_NAME}"'}
        return Response(content, 200, headers, MEDIA_TYPE)

    @router.get(
        "/invoices/{number:path}/messdaten.xml",
        response_class=Response,
        dependencies=[needs(Permission.SEE_INVOICES, Owned.INVOICE)],
    )
    async def invoice_messdaten(number: str, who: Who) -> Response:
        """Give the signed values of an invoice for the transparency software."""
        file = await store.read(lambda unit: invoice_file(unit, number, SIGNED, who.view))
        if file is None:
            raise HTTPException(404)
        return Response(file.content, 200, {"Content-Disposition": file.disposition}, file.media_type)
