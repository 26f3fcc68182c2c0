"""Pages to act: start and stop a charge from afar. A GET asks for confirmation, a POST does it and tells what came."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from urllib.parse import parse_qs

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from backend.csms.operations import LARGEST_START_ID, longest_token, start_charge, stop_charge
from backend.errors import CommandError, CommandTimeoutError, NotConnectedError
from backend.store import overview as queries
from backend.store.overview import ChargePointSummary, EvseSummary, TokenChoice, TransactionSummary
from backend.web.security import CSRF_FIELD, is_own_form
from backend.web.site import Site
from backend.web.views import parse_id
from shared.ids import ChargePointId, IdToken
from shared.log import Log
from shared.ocpp.session import Payload
from shared.ocpp.validation import Version

log = Log(__name__)

_MAX_FORM = 4096
"""Bytes of a form; ours have a few hundred."""

_STATUS = {"accepted": 200, "rejected": 409, "not_connected": 503, "no_answer": 504, "failed": 502}


@dataclass(frozen=True, slots=True)
class Place:
    """An EVSE of a charge point."""

    charge_point: ChargePointSummary
    evse: EvseSummary


class Remote:
    """The pages to act."""

    def __init__(self, site: Site) -> None:
        self._site = site
        # Tokens never stand in a page: a form names one by its keyed hash, whose key lives as long as this process.
        self._key = secrets.token_bytes(32)

    async def ask_start(self, request: Request) -> Response:
        """Ask who charges."""
        place, tokens = await self._place(request)
        return await self._start_page(request, place, tokens)

    async def start(self, request: Request) -> Response:
        """Ask the station to start a charge."""
        form = await read_form(request)
        place, tokens = await self._place(request)
        if not is_own_form(request, form.get(CSRF_FIELD, "")):
            return await self._start_page(request, place, tokens, "stale_form", 403)
        given = form.get("token", "").encode()
        chosen = next((one for one in tokens if hmac.compare_digest(self._name(one.token).encode(), given)), None)
        if chosen is None:
            return await self._start_page(request, place, tokens, "unknown_token", 422)
        charge_point, evse = place.charge_point.id, place.evse.evse_id
        start_id = secrets.randbelow(LARGEST_START_ID)
        action, payload = start_charge(self._version(charge_point), evse, chosen.token, start_id)
        result, reason = await self._send(charge_point, action, payload)
        log.info("remote_start", charge_point=charge_point, evse=evse, id_token=chosen.token, result=result)
        return await self._result_page(request, f"start.{result}", reason, f"/#{charge_point}", _STATUS[result])

    async def ask_stop(self, request: Request) -> Response:
        """Ask whether to stop."""
        return await self._stop_page(request, await self._running(request))

    async def stop(self, request: Request) -> Response:
        """Ask the station to stop a charge."""
        form = await read_form(request)
        row = await self._running(request)
        if not is_own_form(request, form.get(CSRF_FIELD, "")):
            return await self._stop_page(request, row, "stale_form", 403)
        if row.state != "running":
            return await self._stop_page(request, row, "", 409)
        action, payload = stop_charge(row.id, row.station_key)
        result, reason = await self._send(row.charge_point_id, action, payload)
        log.info("remote_stop", charge_point=row.charge_point_id, transaction=row.id, result=result)
        return await self._result_page(request, f"stop.{result}", reason, f"/transactions/{row.id}", _STATUS[result])

    def _version(self, charge_point: str) -> Version:
        connection = self._site.connections.find(ChargePointId(charge_point))
        return connection.version if connection else Version.V16

    async def _send(self, charge_point: ChargePointId, action: str, payload: Payload) -> tuple[str, str]:
        try:
            answer = await self._site.commands.send(charge_point, action, payload)
        except NotConnectedError:
            return "not_connected", ""
        except CommandTimeoutError:
            return "no_answer", ""
        except CommandError as error:
            return "failed", str(error)
        return ("accepted" if answer.get("status") == "Accepted" else "rejected"), ""

    async def _place(self, request: Request) -> tuple[Place, tuple[TokenChoice, ...]]:
        name, number = request.path_params["id"], parse_id(request.path_params["evse"])
        now, longest = self._site.clock.utc(), longest_token(self._version(name))
        charge_point, tokens = await self._site.store.read(
            lambda unit: (queries.find_charge_point(unit, name), queries.usable_tokens(unit, name, now, longest))
        )
        evse = next((one for one in charge_point.evses if one.evse_id == number), None) if charge_point else None
        if charge_point is None or evse is None:
            raise HTTPException(404)
        return Place(charge_point, evse), tokens

    async def _running(self, request: Request) -> TransactionSummary:
        number = parse_id(request.path_params["id"])
        found = await self._site.store.read(lambda connection: queries.find_transaction(connection, number))
        if found is None:
            raise HTTPException(404)
        return found.summary

    async def _start_page(
        self, request: Request, place: Place, tokens: tuple[TokenChoice, ...], problem: str = "", status: int = 200
    ) -> Response:
        reader = await self._site.reader(request)
        values = {
            "charge_point": place.charge_point,
            "evse": place.evse,
            "tokens": [(self._name(one.token), one) for one in tokens],
            "connected": self._site.connections.find(place.charge_point.id) is not None,
            "problem": problem,
        }
        return self._site.page(request, reader, "start", values, status)

    async def _stop_page(
        self, request: Request, row: TransactionSummary, problem: str = "", status: int = 200
    ) -> Response:
        reader = await self._site.reader(request)
        values = {
            "row": row,
            "connected": self._site.connections.find(row.charge_point_id) is not None,
            "problem": problem,
        }
        return self._site.page(request, reader, "stop", values, status)

    async def _result_page(self, request: Request, result: str, reason: str, back: str, status: int) -> Response:
        reader = await self._site.reader(request)
        values = {"result": result, "good": status == 200, "reason": reason, "back": back}
        return self._site.page(request, reader, "result", values, status)

    def _name(self, token: IdToken) -> str:
        return hmac.new(self._key, token.value.encode(), hashlib.sha256).hexdigest()[:32]


async def read_form(request: Request) -> dict[str, str]:
    """Read an urlencoded form; of a field that repeats, the first.

    Raises:
        HTTPException: 413, it is longer than any of ours; 400, it is no form.
    """
    return {name: values[0] for name, values in (await read_fields(request, _MAX_FORM, 20)).items()}


async def read_fields(request: Request, longest: int, most: int) -> dict[str, list[str]]:
    """Read an urlencoded form of at most so many bytes and fields, with all values of each field.

    Raises:
        HTTPException: 413, it is longer; 400, it is no form or has more fields.
    """
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > longest:
            raise HTTPException(413)
    try:
        return parse_qs(body.decode("latin-1"), max_num_fields=most)
    except ValueError as error:
        raise HTTPException(400) from error
