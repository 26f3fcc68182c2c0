"""Pages of orders: what was asked of stations and what came of it, and a form for every request of OCPP."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from backend.api.permissions import visitor_of
from backend.core.order import OrderState, masked
from backend.csms.catalogue import ACTIONS, DESTRUCTIVE, FieldError, fields, payload_of
from backend.csms.orders import Orders
from backend.errors import InvalidCommandError
from backend.store import orders as rows
from backend.store import overview as queries
from backend.web.remote import read_fields, read_form
from backend.web.security import CSRF_FIELD, is_own_form
from backend.web.site import Site
from backend.web.views import parse_id
from shared.ids import ChargePointId
from shared.ocpp.session import dumps, loads
from shared.ocpp.validation import Version, violation

_ON_A_PAGE = 50
_MAX_FORM = 200_000
_MOST_FIELDS = 6000
"""Stations that may be chosen one by one, and the fields of the request."""

_PATIENCE = {"0": timedelta(0), "60": timedelta(minutes=1), "3600": timedelta(hours=1), "604800": timedelta(days=7)}
"""How long an order may wait for its station: seconds as the form names them."""

_PREFIX = "field."


@dataclass(frozen=True, slots=True)
class OrderForm:
    """What was entered. `wrong` names the field that does not fit, `problem` says why in the words of the check."""

    version: Version = Version.V16
    action: str = ""
    chosen: Sequence[str] = ()
    texts: Mapping[str, str] = field(default_factory=dict)
    patience: str = "60"
    wrong: str = ""
    problem: str = ""


class OrderPages:
    """The pages of orders."""

    def __init__(self, site: Site, orders: Orders) -> None:
        self._site, self._orders = site, orders

    async def list(self, request: Request) -> Response:
        """List orders, the newest first."""
        query, view = request.query_params, visitor_of(request).view
        state = query.get("state", "")
        if state and state not in tuple(OrderState):
            raise HTTPException(404)
        before = parse_id(query["before"]) if query.get("before") else None
        batch, charge_point = query.get("batch", ""), query.get("charge_point", "")
        found = await self._site.store.read(
            lambda connection: rows.list_orders(
                connection, _ON_A_PAGE + 1, before, charge_point_id=charge_point, batch=batch, state=state, view=view
            )
        )
        values = {
            "rows": [(one, dumps(masked(loads(one.payload)))) for one in found[:_ON_A_PAGE]],
            "more": len(found) > _ON_A_PAGE,
            "before": before,
            "state": state,
            "states": tuple(OrderState),
            "batch": batch,
            "charge_point": charge_point,
        }
        return self._site.page(request, await self._site.reader(request), "orders", values)

    async def ask(self, request: Request) -> Response:
        """Ask what is to be ordered: first the request, then its fields."""
        query = request.query_params
        chosen = query.getlist("charge_point")
        connection = self._site.connections.find(ChargePointId(chosen[0])) if chosen else None
        version = connection.version if connection else Version.V16
        if query.get("version") in tuple(Version):
            version = Version(query["version"])
        action = query.get("action", "")
        return await self._form(request, OrderForm(version, action if action in ACTIONS[version] else "", chosen))

    async def give(self, request: Request) -> Response:
        """Give the order, and show what becomes of it."""
        entered = await read_fields(request, _MAX_FORM, _MOST_FIELDS)
        first = {name: values[0] for name, values in entered.items()}
        version, action = first.get("version", ""), first.get("action", "")
        if version not in tuple(Version) or action not in ACTIONS[Version(version)]:
            raise HTTPException(422)
        texts = {name.removeprefix(_PREFIX): text for name, text in first.items() if name.startswith(_PREFIX)}
        chosen = entered.get("charge_point", [])
        form = OrderForm(Version(version), action, chosen, texts, first.get("patience", ""))
        problem, status = "", 422
        if not is_own_form(request, first.get(CSRF_FIELD, "")):
            problem, status = "stale_form", 403
        elif not chosen:
            problem = "no_station"
        elif form.patience not in _PATIENCE:
            problem = "no_patience"
        elif action in DESTRUCTIVE and first.get("sure") != "yes":
            problem = "not_sure"
        if problem:
            return await self._form(request, form, problem, status)
        return await self._give(request, form)

    async def _give(self, request: Request, form: OrderForm) -> Response:
        batch, visitor = secrets.token_hex(16), visitor_of(request)
        own = await self._site.store.read(lambda connection: rows.stations_of(connection, view=visitor.view))
        if not set(form.chosen) <= set(own):
            raise HTTPException(404)
        try:
            payload = payload_of(form.version, form.action, form.texts)
            if wrong := violation(form.version, form.action, payload):
                raise FieldError(wrong.path.partition("/")[0] or form.action, str(wrong))
            await self._orders.give(
                form.chosen,
                form.action,
                payload,
                patience=_PATIENCE[form.patience],
                checked=True,
                ordered_by=visitor.name,
                batch=batch,
            )
        except FieldError as error:
            told = OrderForm(form.version, form.action, form.chosen, form.texts, form.patience, error.field, str(error))
            return await self._form(request, told, "", 422)
        except InvalidCommandError as error:
            told = OrderForm(form.version, form.action, form.chosen, form.texts, form.patience, "", str(error))
            return await self._form(request, told, "", 422)
        except LookupError as error:
            raise HTTPException(404) from error
        return RedirectResponse(f"{request.scope.get('root_path', '')}/orders?batch={quote(batch)}", 303)

    async def cancel(self, request: Request) -> Response:
        """Take an order back."""
        form = await read_form(request)
        if not is_own_form(request, form.get(CSRF_FIELD, "")):
            raise HTTPException(403)
        number = parse_id(request.path_params["id"])
        if not await self._orders.cancel(number):
            raise HTTPException(409)
        return RedirectResponse(f"{request.scope.get('root_path', '')}/orders", 303)

    async def _form(self, request: Request, form: OrderForm, problem: str = "", status: int = 200) -> Response:
        view = visitor_of(request).view
        stations = await self._site.store.read(lambda connection: queries.charge_points(connection, view))
        connections = {row.id: self._site.connections.find(ChargePointId(row.id)) for row in stations}
        values = {
            "form": form,
            "versions": tuple(Version),
            "actions": ACTIONS[form.version],
            "fields": fields(form.version, form.action),
            "stations": [
                (row, link) for row in stations if (link := connections[row.id]) is None or link.version == form.version
            ],
            "patiences": tuple(_PATIENCE),
            "destructive": form.action in DESTRUCTIVE,
            "problem": problem,
            "prefix": _PREFIX,
        }
        return self._site.page(request, await self._site.reader(request), "order", values, status)
