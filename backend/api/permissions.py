"""What each route needs: declared beside it, checked before it runs. A route that declares nothing stops the start."""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import Scope

from backend.core.people.access import Permission, Visitor
from backend.errors import BackendError
from backend.store.audit_log import Done, record
from backend.store.scope import Owned, could_be, sees
from backend.store.writer import Store
from shared.clock import Clock

SAFE = ("GET", "HEAD", "OPTIONS")
"""Methods that change nothing (RFC 9110 §9.2.1)."""

_RECORDED = (Permission.ANSWER_PERSONS, Permission.MANAGE_USERS, Permission.SEE_AUDIT)
"""Permissions whose pages show personal data: looking at them is recorded too."""

_NAMES = ("id", "number", "letter_id", "customer")
"""Parameters of addresses that name an object."""

Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Need:
    """What a route needs: a permission, and that the object of its address is the visitor's; without one it is open."""

    permission: Permission | None = None
    of: Owned | None = None

    async def __call__(self, request: Request) -> None:
        """Check it, and record what is about to be changed, or which person's data are looked at.

        Raises:
            HTTPException: 401, nobody is logged in; 403, the visitor may not; 404, the object is not there for them.
        """
        if self.permission is None:
            return
        visitor = visitor_of(request)
        if request.method not in SAFE or not visitor.may(self.permission):
            request.state.tried = (self.permission.value, f"{request.method} {request.url.path}")
        if not visitor.may(self.permission):
            raise HTTPException(403, f"this needs the permission {self.permission}")
        store: Store = request.app.state.store
        if kind := self.of:
            field, name = next((one, str(request.path_params[one])) for one in _NAMES if one in request.path_params)
            if not could_be(kind, name) and isinstance(request.scope.get("route"), APIRoute):
                raise RequestValidationError([{"loc": ("path", field), "msg": "is not a number", "type": "int"}])
            if not await store.read(lambda unit: sees(unit, visitor.view, kind, name)):
                raise HTTPException(404)
        if request.method not in SAFE or self.permission in _RECORDED:
            await note(request, self.permission.value, f"{request.method} {request.url.path}")


OPEN = Need()
"""For routes without login: health, the login itself, links that bear their own secret."""


class PageRoute(Route):
    """A page with what it needs."""

    def __init__(self, path: str, handler: Handler, need: Need, methods: Sequence[str] = ("GET",)) -> None:
        async def guarded(request: Request) -> Response:
            await need(request)
            return await handler(request)

        super().__init__(path, guarded, methods=list(methods), include_in_schema=False)
        self.need = need


# Any: FastAPI's own type of dependencies is not public.
def needs(permission: Permission, of: Owned | None = None) -> Any:
    """Declare what a route of the API needs: one of its `dependencies`.

    Args:
        permission: without it the answer is 403.
        of: the kind of the object that the address names; one that is not the visitor's answers 404.
    """
    return Depends(Need(permission, of))


def visitor_of(request: Request) -> Visitor:
    """Tell who asks.

    Raises:
        HTTPException: 401, nobody is logged in.
    """
    visitor: Visitor | None = getattr(request.state, "visitor", None)
    if visitor is None:
        raise HTTPException(401)
    return visitor


Who = Annotated[Visitor, Depends(visitor_of)]
"""A parameter of a route of the API: who asks."""


async def check_own(request: Request, kind: Owned, name: str) -> None:
    """Check an object that a form or body names.

    Raises:
        HTTPException: 404, it is not the visitor's.
    """
    store: Store = request.app.state.store
    view = visitor_of(request).view
    if not await store.read(lambda unit: sees(unit, view, kind, name)):
        raise HTTPException(404)


def own_operator(visitor: Visitor, named: str) -> str:
    """Give the operator that a request is about: the named one, or the visitor's own if none is named.

    Raises:
        HTTPException: 404, it is not the visitor's.
    """
    own = visitor.view.operator_id
    if own and named not in ("", own):
        raise HTTPException(404, f"there is no operator {named!r}")
    return own or named


async def note(request: Request, action: str, what: str) -> None:
    """Record an action of the visitor; nothing while the doors are open to everybody."""
    visitor = visitor_of(request)
    if not visitor.account_id:
        return
    clock: Clock = request.app.state.clock
    address = request.client.host if request.client else ""
    done = Done(clock.utc(), visitor.view.operator_id, visitor.account_id, visitor.name, action, what, address)
    store: Store = request.app.state.store
    await store.write(lambda unit: record(unit, done))


async def note_failure(scope: Scope, status: int) -> None:
    """Record that what a visitor tried was refused or failed, with the status of the answer."""
    if tried := scope.get("state", {}).get("tried"):
        action, what = tried
        await note(Request(scope), action, f"{what}: {status}")


def all_routes(routes: Iterable[BaseRoute]) -> Iterator[BaseRoute]:
    """Walk through routes and those of routers that were included."""
    for route in routes:
        included = getattr(route, "original_router", None)  # FastAPI keeps an included router as one route
        if included is None:
            yield route
        else:
            yield from all_routes(included.routes)


def need_of(route: BaseRoute) -> Need | None:
    """Tell what a route needs; None if it does not say."""
    if isinstance(route, PageRoute):
        return route.need
    if isinstance(route, APIRoute):
        return next((one.dependency for one in route.dependencies if isinstance(one.dependency, Need)), None)
    return None


def check_declared(app: FastAPI) -> None:
    """Check that each route says what it needs; mounted static files need no more than the guard asks.

    Raises:
        BackendError: one does not.
    """
    for route in all_routes(app.routes):
        if not isinstance(route, Mount) and need_of(route) is None:
            raise BackendError(f"the route {getattr(route, 'path', route)} does not declare which permission it needs")
