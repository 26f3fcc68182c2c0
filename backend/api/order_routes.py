"""Routes to give orders to stations, and to see what became of them."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Annotated, Any

from fastapi import APIRouter, Body, Header, Path, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from backend.api.permissions import Who, needs
from backend.api.routes import Before, Limit
from backend.core.order import Order, OrderState, masked
from backend.core.people.access import Permission, Visitor
from backend.csms.catalogue import ACTIONS, fields
from backend.csms.orders import Orders
from backend.errors import InvalidCommandError
from backend.store import orders as rows
from backend.store.overview import LARGEST_ID
from backend.store.scope import Owned
from backend.store.writer import Store
from shared.ocpp.session import Payload, loads
from shared.ocpp.validation import Version

LONGEST_PATIENCE_S = 30 * 86400
_BY = "API"

Patience = Annotated[float, Query(ge=0, le=LONGEST_PATIENCE_S, description="seconds to wait for a station to connect")]
Checked = Annotated[bool, Query(description="false sends also what the station's version of OCPP does not have")]
Key = Annotated[str, Header(max_length=64, description="the same key again gives the same orders, and no new ones")]
Number = Annotated[int, Path(ge=1, le=LARGEST_ID)]


class OrderIn(BaseModel):
    """A request for one station or several: name them, their site, or all of them."""

    model_config = ConfigDict(extra="forbid")

    action: str = Field(min_length=1, max_length=50)
    payload: dict[str, Any] = Field(default_factory=dict)  # Any: the fields of any request
    charge_points: list[str] = Field(default_factory=list, max_length=5000)
    location: str = ""
    every_station: bool = False
    patience_s: float = Field(60, ge=0, le=LONGEST_PATIENCE_S)
    checked: bool = True


@dataclass(frozen=True, slots=True)
class OrderOut:
    """An order and what became of it.

    Tokens in `payload` are masked, secrets left out. `answer` is the station's, null until and unless it answered.
    """

    id: int
    batch: str
    charge_point_id: str
    action: str
    payload: Payload
    state: OrderState
    ordered_by: str
    created_at: datetime
    expires_at: datetime
    sent_at: datetime | None
    ended_at: datetime | None
    answer: Payload | None
    reason: str


@dataclass(frozen=True, slots=True)
class FieldOut:
    """A field of a request; `example` is one of a list or group."""

    name: str
    kind: str
    required: bool
    choices: tuple[str, ...]
    longest: int
    example: str


@dataclass(frozen=True, slots=True)
class ActionOut:
    """A request that a central system may send."""

    action: str
    fields: tuple[FieldOut, ...]


def make_order_routes(store: Store, orders: Orders) -> APIRouter:
    """Build the routes under /api/v1."""
    router = APIRouter(prefix="/api/v1", tags=["orders"])
    _add_giving(router, store, orders)
    _add_looking(router, store, orders)

    @router.get("/actions/{version}", dependencies=[needs(Permission.SEE_ORDERS)])
    async def actions(version: Version) -> list[ActionOut]:
        """List what may be asked of a station of a version of OCPP, with the fields of each request."""
        return [
            ActionOut(
                name,
                tuple(
                    FieldOut(f.name, f.kind, f.required, f.choices, f.longest, f.example) for f in fields(version, name)
                ),
            )
            for name in ACTIONS[version]
        ]

    return router


def _add_giving(router: APIRouter, store: Store, orders: Orders) -> None:
    @router.post("/orders", status_code=202, dependencies=[needs(Permission.GIVE_ORDERS)])
    async def give(order: OrderIn, who: Who, idempotency_key: Key = "") -> list[OrderOut]:
        """Give an order to stations. It is kept, and sent as soon as each of them is connected."""
        ways = (bool(order.charge_points), bool(order.location), order.every_station)
        if sum(ways) != 1:
            raise HTTPException(422, "name either charge_points, or a location, or every_station")
        names = order.charge_points or await store.read(
            lambda connection: rows.stations_of(connection, location_id=order.location, view=who.view)
        )
        if not names:
            raise HTTPException(404, f"location {order.location!r} has no charge points")
        own = set(await store.read(lambda connection: rows.stations_of(connection, view=who.view)))
        if foreign := [name for name in names if name not in own]:
            raise HTTPException(404, f"there is no charge point {foreign[0]}")
        return await _give(orders, names, order, idempotency_key, who)

    @router.post(
        "/charge-points/{id}/calls/{action}",
        status_code=202,
        dependencies=[needs(Permission.GIVE_ORDERS, Owned.CHARGE_POINT)],
    )
    async def call(  # noqa: PLR0917  one argument for each part of the request
        id: str,  # noqa: A002  the name in the address
        action: Annotated[str, Path(max_length=50)],
        payload: Annotated[dict[str, Any], Body()],  # Any: the fields of any request
        who: Who,
        patience_s: Patience = 60,
        checked: Checked = True,
        idempotency_key: Key = "",
    ) -> OrderOut:
        """Send any request to a station; the body is its payload. It returns before the station has answered."""
        order = OrderIn(action=action, payload=payload, patience_s=patience_s, checked=checked)
        return (await _give(orders, [id], order, idempotency_key, who))[0]


async def _give(orders: Orders, names: list[str], order: OrderIn, key: str, who: Visitor) -> list[OrderOut]:
    try:
        given = await orders.give(
            list(dict.fromkeys(names)),
            order.action,
            order.payload,
            patience=timedelta(seconds=order.patience_s),
            checked=order.checked,
            ordered_by=who.name if who.account_id else _BY,
            batch=_batch(key, who),
        )
    except InvalidCommandError as error:
        raise HTTPException(422, str(error)) from error
    except LookupError as error:
        raise HTTPException(404, f"there is no charge point {error}") from error
    return [_out(one) for one in given]


def _batch(key: str, who: Visitor) -> str:
    """Name the orders of a request; what one user's key names, another's never does."""
    if not key:
        return secrets.token_hex(16)
    return sha256(f"{who.account_id} {key}".encode()).hexdigest() if who.account_id else key


def _add_looking(router: APIRouter, store: Store, orders: Orders) -> None:
    @router.get("/orders", dependencies=[needs(Permission.SEE_ORDERS)])
    async def list_orders(  # noqa: PLR0917  one argument for each part of the request
        who: Who,
        charge_point: str = "",
        batch: str = "",
        state: OrderState | None = None,
        limit: Limit = 50,
        before: Before = None,
    ) -> list[OrderOut]:
        """List orders, the newest first."""
        found = await store.read(
            lambda connection: rows.list_orders(
                connection, limit, before, charge_point_id=charge_point, batch=batch, state=state or "", view=who.view
            )
        )
        return [_out(one) for one in found]

    @router.get("/orders/{id}", dependencies=[needs(Permission.SEE_ORDERS, Owned.ORDER)])
    async def order(id: Number) -> OrderOut:  # noqa: A002
        """Give one order."""
        found = await store.read(lambda connection: rows.find_order(connection, id))
        if found is None:
            raise HTTPException(404)
        return _out(found)

    @router.delete("/orders/{id}", status_code=204, dependencies=[needs(Permission.GIVE_ORDERS, Owned.ORDER)])
    async def cancel(id: Number) -> None:  # noqa: A002
        """Take back an order that was not sent yet."""
        found = await store.read(lambda connection: rows.find_order(connection, id))
        if found is None:
            raise HTTPException(404)
        if not await orders.cancel(id):
            raise HTTPException(409, "it was sent already, or has ended")


def _out(order: Order) -> OrderOut:
    return OrderOut(
        id=order.id,
        batch=order.batch,
        charge_point_id=order.charge_point_id,
        action=order.action,
        payload=_payload(order.payload),
        state=order.state,
        ordered_by=order.ordered_by,
        created_at=order.created_at,
        expires_at=order.expires_at,
        sent_at=order.sent_at,
        ended_at=order.ended_at,
        answer=_payload(order.answer) if order.answer else None,
        reason=order.reason,
    )


def _payload(text: str) -> Payload:
    value = masked(loads(text))
    assert isinstance(value, dict)  # noqa: S101  `Orders` stored one
    return value
