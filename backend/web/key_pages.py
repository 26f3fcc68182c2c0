"""Pages of commissioning: read the key of a meter from its station, compare it with the one on the meter, pin it."""

import secrets
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode

from sqlalchemy import Connection
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from backend.api.permissions import visitor_of
from backend.core.order import Order
from backend.core.people.access import Permission, View
from backend.core.proofs.meter_key_order import key_question
from backend.csms.orders import Orders
from backend.errors import ApplyError, InvalidCommandError
from backend.store.meter_keys import MeterPlace, pin_key
from backend.store.orders import list_orders
from backend.store.scope import Owned, sees
from backend.store.told_keys import KeyAtEvse, key_at_evse
from backend.web.remote import read_form
from backend.web.security import CSRF_FIELD, is_own_form
from backend.web.site import Site
from backend.web.views import parse_id
from shared.ids import ChargePointId
from shared.public_key import PublicKey, fingerprint, groups, read_public_key

_PATIENCE = timedelta(minutes=1)
_SERIAL_CHARACTERS = 60


@dataclass(frozen=True, slots=True)
class _Shown:
    """A key as people compare it."""

    key: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class _Compared:
    """What was typed or scanned, and what came of comparing it; `equal` is None where there is nothing to compare."""

    serial: str = ""
    text: str = ""
    equal: bool | None = None
    problem: str = ""


class KeyPages:
    """The pages of commissioning."""

    def __init__(self, site: Site, orders: Orders) -> None:
        self._site, self._orders = site, orders

    async def show(self, request: Request) -> Response:
        """Show the key at an EVSE, and ask for the one on the meter."""
        query = request.query_params
        charge_point_id, evse_id = query.get("charge_point", ""), parse_id(query.get("evse", ""))
        return await self._show(request, charge_point_id, evse_id, query.get("order", ""))

    async def compare(self, request: Request) -> Response:
        """Tell whether the key that was typed or scanned is the station's; nothing changes."""
        place, typed, known = await self._typed(request)
        told = _compare(place.serial, typed, known)
        return await self._show(request, place.charge_point_id, place.evse_id, compared=told)

    async def pin(self, request: Request) -> Response:
        """Pin the key that a person read from the meter, unless the station told another one."""
        place, typed, known = await self._typed(request)
        compared = _compare(place.serial, typed, known)
        if compared.equal is False and not compared.problem:
            problem = f"meter {place.serial}: the key on the meter is another one than came"
            compared = _Compared(place.serial, typed, False, problem)
        if not compared.problem:
            now, by = self._site.clock.utc(), visitor_of(request).name
            try:
                await self._site.store.write(lambda unit: pin_key(unit, place, typed, by, now))
            except ApplyError as error:
                compared = _Compared(place.serial, typed, None, str(error))
        if compared.problem:
            return await self._show(request, place.charge_point_id, place.evse_id, compared=compared)
        return RedirectResponse(f"{request.scope.get('root_path', '')}/signed", 303)

    async def read(self, request: Request) -> Response:
        """Order the key of a meter from its station, and show what becomes of it."""
        form = await _form(request)
        charge_point_id, evse_id = form.get("charge_point", ""), parse_id(form.get("evse", ""))
        await self._known(charge_point_id, evse_id, visitor_of(request).view)
        connection = self._site.connections.find(ChargePointId(charge_point_id))
        if connection is None:
            problem = f"charge point {charge_point_id} is not connected: its key can't be read now"
            return await self._show(request, charge_point_id, evse_id, compared=_Compared(problem=problem))
        action, payload = key_question(connection.version, evse_id)
        batch, by = secrets.token_hex(16), visitor_of(request).name
        try:
            await self._orders.give(
                [charge_point_id], action, payload, patience=_PATIENCE, checked=True, ordered_by=by, batch=batch
            )
        except InvalidCommandError as error:
            return await self._show(request, charge_point_id, evse_id, compared=_Compared(problem=str(error)))
        query = urlencode({"charge_point": charge_point_id, "evse": evse_id, "order": batch})
        return RedirectResponse(f"{request.scope.get('root_path', '')}/signed/key?{query}", 303)

    async def _typed(self, request: Request) -> tuple[MeterPlace, str, KeyAtEvse]:
        form = await _form(request)
        serial = form.get("serial", "").strip()
        place = MeterPlace(form.get("charge_point", ""), parse_id(form.get("evse", "")), serial)
        known = await self._known(place.charge_point_id, place.evse_id, visitor_of(request).view)
        return place, form.get("key", ""), known

    async def _known(self, charge_point_id: str, evse_id: int, view: View) -> KeyAtEvse:
        def read(unit: Connection) -> KeyAtEvse | None:
            if not sees(unit, view, Owned.CHARGE_POINT, charge_point_id):
                return None
            return key_at_evse(unit, charge_point_id, evse_id)

        found = await self._site.store.read(read)
        if found is None or evse_id < 1:
            raise HTTPException(404)
        return found

    async def _show(
        self,
        request: Request,
        charge_point_id: str,
        evse_id: int,
        batch: str = "",
        compared: _Compared | None = None,
    ) -> Response:
        visitor = visitor_of(request)
        known = await self._known(charge_point_id, evse_id, visitor.view)
        orders: list[Order] = []
        if batch:
            orders = await self._site.store.read(lambda unit: list_orders(unit, 1, batch=batch, view=visitor.view))
        told, pinned, typed = (
            _shown(read_public_key(text)) for text in (known.told, known.pinned, compared.text if compared else "")
        )
        values = {
            "charge_point": charge_point_id,
            "evse": evse_id,
            "known": known,
            "told": told,
            "pinned": pinned,
            "typed": typed,
            "compared": compared,
            "order": orders[0] if orders else None,
            "may_read": visitor.may(Permission.GIVE_ORDERS),
        }
        status = 422 if compared and compared.problem else 200
        return self._site.page(request, await self._site.reader(request), "meter_key", values, status)


async def _form(request: Request) -> dict[str, str]:
    form = await read_form(request)
    if not is_own_form(request, form.get(CSRF_FIELD, "")):
        raise HTTPException(403)
    return form


def _compare(serial: str, text: str, known: KeyAtEvse) -> _Compared:
    """Compare what was typed with what the station told, else with what is pinned."""
    if not serial or len(serial) > _SERIAL_CHARACTERS or not serial.isprintable():
        return _Compared(serial, text, problem="give the number of the meter as it is printed on it")
    typed, came = read_public_key(text), read_public_key(known.told or known.pinned)
    if typed is None:
        problem = (
            f"meter {serial}: this is no public key; type it as it is printed on the meter or its QR code holds it"
        )
        return _Compared(serial, text, problem=problem)
    return _Compared(serial, text, came.is_same(typed) if came else None)


def _shown(key: PublicKey | None) -> _Shown | None:
    return _Shown(groups(key.hex), groups(fingerprint(key))) if key else None
