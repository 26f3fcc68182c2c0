"""Routes of letters: the outbox as programs see it, and sending again."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from backend.api.permissions import Who, needs
from backend.api.problems import problem
from backend.core.invoices.letter import State
from backend.core.people.access import Permission, Visitor
from backend.core.people.masking import mask_mail
from backend.errors import MailError
from backend.store import outbox
from backend.store.outbox import Posted
from backend.store.scope import Owned
from backend.store.writer import Store
from shared.clock import Clock


@dataclass(frozen=True, slots=True)
class LetterOut:
    """A letter. `last_code` is what SMTP said last, 0 if nothing was said; `next_at` counts while it waits."""

    id: int
    state: State
    operator: str
    purpose: str
    document: str
    generation: int
    to: tuple[str, ...]
    cc: tuple[str, ...]
    tries: int
    last_code: int
    last_text: str
    message_id: str
    created_at: datetime
    next_at: datetime | None
    sent_at: datetime | None


@dataclass(frozen=True, slots=True)
class ResendIn:
    """Addresses instead of those the letter had; left out, it goes to the same ones."""

    to: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ResentOut:
    """The letter that was ordered."""

    id: int


def make_mail_routes(store: Store, clock: Clock) -> APIRouter:
    """Build the routes under /api/v1/letters."""
    router = APIRouter(prefix="/api/v1/letters", tags=["mail"])

    @router.get("", dependencies=[needs(Permission.SEE_LETTERS)])
    async def letters(
        who: Who,
        state: Annotated[list[State] | None, Query(description="only those of these states")] = None,
        limit: Annotated[int, Query(ge=1, le=1000, description="at most so many")] = 100,
        before: Annotated[int | None, Query(description="only letters with a lower id")] = None,
    ) -> list[LetterOut]:
        """List letters, the newest first."""
        rows = await store.read(
            lambda unit: outbox.list_letters(unit, state or (), limit=limit, before=before, view=who.view)
        )
        return [_out(row, who) for row in rows]

    @router.get("/{id}", response_model=LetterOut, dependencies=[needs(Permission.SEE_LETTERS, Owned.LETTER)])
    async def letter(id: int, who: Who) -> LetterOut | Response:  # noqa: A002  the name in the address
        """Tell one letter."""
        row = await store.read(lambda unit: outbox.find(unit, id))
        return _out(row, who) if row else problem(404)

    @router.post(
        "/{id}/resend",
        response_model=ResentOut,
        status_code=202,
        dependencies=[needs(Permission.SEND_LETTERS, Owned.LETTER)],
    )
    async def resend(id: int, wanted: ResendIn) -> ResentOut | Response:  # noqa: A002
        """Send a letter once more, as its next generation. It goes out by itself."""
        now = clock.utc()
        try:
            return ResentOut(await store.write(lambda unit: outbox.resend(unit, id, now, wanted.to)))
        except MailError as error:
            return problem(409, str(error))

    return router


def _out(row: Posted, who: Visitor) -> LetterOut:
    order = row.letter
    mail_of = str if who.may(Permission.SEE_CONTACTS) else mask_mail
    return LetterOut(
        id=row.id,
        state=row.state,
        operator=order.operator_id,
        purpose=order.purpose.value,
        document=order.document,
        generation=order.generation,
        to=tuple(mail_of(one) for one in order.to),
        cc=tuple(mail_of(one) for one in order.cc),
        tries=row.tries,
        last_code=row.last.code,
        last_text=row.last.text,
        message_id=row.message_id,
        created_at=row.created_at,
        next_at=row.next_at if row.state in (State.QUEUED, State.RETRY) else None,
        sent_at=row.sent_at,
    )
