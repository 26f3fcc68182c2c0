"""Routes of the tariff tools: a tariff or scenario in, JSON out. Nothing is stored."""

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from backend.api.permissions import needs
from backend.api.problems import problem
from backend.core.people.access import Permission
from backend.core.rates.charging_period import Between
from backend.core.rates.rating_model import VersionSwitch
from backend.core.rates.scenario import ScenarioOptions, rate_scenario
from backend.core.tariffs.price_sign import price_sign
from backend.core.tariffs.tariff import parse_tariff
from backend.core.tariffs.tariff_fit import export, fit
from backend.core.tariffs.tariff_import import import_tariff
from backend.core.tariffs.tariff_json import export_json, findings_json, fit_json, sign_json, tariffs_in
from backend.core.tariffs.tariff_lint import lint
from backend.core.tariffs.tariff_model import TariffError
from shared.ocpp.session import dumps, loads

_MAX_BODY = 1_000_000
"""Bytes: a year of hourly prices as elements has about 600,000."""


# Any: the form in which OpenAPI is written.
def _body(title: str) -> dict[str, Any]:
    content = {"application/json": {"schema": {"type": "object", "title": title}}}
    return {"requestBody": {"required": True, "content": content}}


_JSON_BODY = _body("OCPI tariff with x_ fields")
_SCENARIO_BODY = _body("scenario: tariff, extensions, timezone, currency, sessions")

Power = Annotated[Decimal | None, Query(ge=0, le=10_000, description="of the charging point, in kW")]
OcpiVersion = Literal["2.1.1", "2.2.1", "2.3.0"]


def make_tariff_routes() -> APIRouter:
    """Build the routes under /api/v1/tariffs."""
    router = APIRouter(prefix="/api/v1/tariffs", tags=["tariffs"], default_response_class=Response)

    @router.post("/lint", openapi_extra=_JSON_BODY, dependencies=[needs(Permission.SEE_TARIFFS)])
    async def lint_tariff(request: Request, power_kw: Power = None, timezone: str = "Europe/Berlin") -> Response:
        """Find what is wrong, unlawful or not meant in a tariff."""
        try:
            zone = ZoneInfo(timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            return _invalid("timezone", "is no time zone such as Europe/Berlin")
        return await _answer(request, lambda body: findings_json(lint(body, power_kw, zone)))

    @router.post("/sign", openapi_extra=_JSON_BODY, dependencies=[needs(Permission.SEE_TARIFFS)])
    async def sign_tariff(request: Request, power_kw: Power = None) -> Response:
        """Give the price sign: gross, in the order that the law asks for, in German and English."""
        return await _answer(request, lambda body: sign_json(price_sign(parse_tariff(body), power_kw)))

    @router.post("/fit", openapi_extra=_JSON_BODY, dependencies=[needs(Permission.SEE_TARIFFS)])
    async def fit_tariff(request: Request) -> Response:
        """Tell how well a tariff fits each version of OCPI, with its JSON in each."""
        return await _answer(request, lambda body: fit_json(fit(body)))

    @router.post("/export", openapi_extra=_JSON_BODY, dependencies=[needs(Permission.SEE_TARIFFS)])
    async def export_tariff(request: Request, version: OcpiVersion = "2.2.1") -> Response:
        """Write a tariff as OCPI JSON, with a list of what could not be said."""
        return await _answer(request, lambda body: export_json(export(body, version)))

    @router.post("/import", openapi_extra=_JSON_BODY, dependencies=[needs(Permission.SEE_TARIFFS)])
    async def import_ocpi_tariff(
        request: Request,
        version: OcpiVersion | None = None,
        vat: Annotated[Decimal | None, Query(ge=0, le=100, description="per cent, for 2.1.1")] = None,
    ) -> Response:
        """Read a partner's tariff into our own shape, with a list of what was left out. Nothing is stored."""
        return await _answer(request, lambda body: export_json(import_tariff(body, version or "", vat)))

    @router.post("/rate", openapi_extra=_SCENARIO_BODY, dependencies=[needs(Permission.SEE_TARIFFS)])
    async def rate_sessions(
        request: Request,
        flat_requires_energy: bool = False,
        version_switch: VersionSwitch = VersionSwitch.LOCK_AT_START,
        between: Between = Between.HOLD,
        relationship: str = "",
    ) -> Response:
        """Price the sessions of a scenario by its tariff and explain each line. A session without price is `held`."""
        options = ScenarioOptions(flat_requires_energy, version_switch, between, relationship)
        data = await _read(request)
        if isinstance(data, Response):
            return data
        result: dict[str, Any] = await asyncio.to_thread(rate_scenario, data, options)
        if result["held"] and "per_session" not in result and "comparison" not in result:
            return _invalid(result["reason"]["path"], result["reason"]["text"])
        return Response(dumps(result), media_type="application/json")

    return router


async def _answer(request: Request, work: Callable[[object], object]) -> Response:
    """Read the one tariff of the body and answer with what becomes of it, or with a problem that names the element."""
    data = await _read(request)
    if isinstance(data, Response):
        return data
    try:
        tariffs = tariffs_in(data)
        if len(tariffs) > 1:
            return _invalid("tariff", f"must be one, not {len(tariffs)}")
        # In a thread: a large tariff takes a second, and stations must not wait for it.
        result = await asyncio.to_thread(work, tariffs[0])
    except TariffError as error:
        return _invalid(error.path, error.reason)
    return Response(dumps(result), media_type="application/json")


async def _read(request: Request) -> object:
    """Read JSON; what is none gives the answer that says so."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_BODY:
            return problem(413, f"the body has more than {_MAX_BODY} bytes")
    try:
        return loads(body.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        return problem(400, f"the body is not JSON: {error}")


def _invalid(path: str, reason: str) -> Response:
    return problem(422, f"{path}: {reason}", [{"field": path, "detail": reason}])
