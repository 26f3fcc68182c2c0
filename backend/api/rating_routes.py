"""Routes of ratings: the live price, rating again, price series, simulation, and the proof. Money is text."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, Path
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from backend.api.permissions import Who, needs, own_operator
from backend.api.problems import problem
from backend.core.people.access import Permission
from backend.core.rates.pricing import Inputs
from backend.core.rates.rating import Rating
from backend.core.record import from_json
from backend.core.report_json import proof_json, results_json
from backend.core.tariffs.assignment import Rule, rule_text
from backend.core.tariffs.tariff import TariffError, parse_tariff
from backend.core.tariffs.turns import turn_text
from backend.errors import ReportError
from backend.jobs.live_price import LivePrice, LivePrices
from backend.services.reports import SimulationRequest, import_prices, rate_again, simulate_month
from backend.store.overview import LARGEST_ID
from backend.store.price_series import Origin, list_series
from backend.store.ratings import current_rating
from backend.store.recompute_runs import last_run
from backend.store.running import running_transactions
from backend.store.scope import Owned
from backend.store.tariffs import find_rule
from backend.store.writer import Store
from shared.clock import Clock
from shared.units import Wh

_MAX_CSV = 4_000_000
"""Bytes: a year of quarter hours has about 1,200,000."""

TransactionId = Annotated[int, Path(ge=1, le=LARGEST_ID)]


@dataclass(frozen=True, slots=True)
class LineOut:
    """One amount with its reason. `quantity` is in `unit`: kWh, s, session or month; amounts have ten decimals."""

    start: datetime
    end: datetime
    item: str
    quantity: Decimal
    unit: str
    unit_price: Decimal
    vat_percent: Decimal | None
    net: Decimal
    gross: Decimal
    tariff_id: str
    element: int | None
    component: int | None
    reason_de: str
    reason_en: str


@dataclass(frozen=True, slots=True)
class TurnOut:
    """From `start` on a tariff counts, until the next one; `version` is the SHA-256 of its content."""

    start: datetime
    tariff_id: str
    version: str
    profile: str
    reason_de: str
    reason_en: str


@dataclass(frozen=True, slots=True)
class PriceOut:
    """What a transaction costs: so far while it runs (`final` is false), else as it was rated last.

    Without a price the totals are null and `reason` says why. `as_of` is the time of the last meter value. Why it has
    its tariffs say `tariff_reason_de` and `_en`; where several may take turns, `turns` tell which counts when and why.
    """

    transaction_id: int
    final: bool
    as_of: datetime | None
    energy_wh: int | None
    currency: str | None
    total_net: Decimal | None
    total_vat: Decimal | None
    total_gross: Decimal | None
    reason: str
    lines: tuple[LineOut, ...]
    tariff_reason_de: str
    tariff_reason_en: str
    turns: tuple[TurnOut, ...]


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a transaction is to be rated again; stored with the new rating."""

    reason: str


@dataclass(frozen=True, slots=True)
class SeriesOut:
    """A price series: how many intervals have a price, from the first start to the last.

    `operator` is empty if it serves all operators.
    """

    operator: str
    series: str
    prices: int
    first: datetime
    last: datetime
    received_at: datetime


@dataclass(frozen=True, slots=True)
class ImportOut:
    """What an import did."""

    prices_added: int
    transactions_released: int


@dataclass(frozen=True, slots=True)
class SimulationIn:
    """What to simulate. `tariffs` are ids of stored ones, `drafts` are not stored; empty texts mean all.

    `profiles` are stored tariffs by profile (`PROFILE_GREEN`) that take turns with the only other one.
    """

    month: str
    tariffs: list[str] = field(default_factory=list)
    drafts: list[dict[str, object]] = field(default_factory=list)
    operator: str = ""
    customer: str = ""
    charge_point: str = ""
    location: str = ""
    profiles: dict[str, str] = field(default_factory=dict)


def make_rating_routes(store: Store, clock: Clock, prices: LivePrices) -> APIRouter:
    """Build the routes under /api/v1."""
    router = APIRouter(prefix="/api/v1")
    _add_prices(router, store, prices)
    _add_series(router, store, clock)
    _add_reports(router, store)
    return router


def _add_prices(router: APIRouter, store: Store, prices: LivePrices) -> None:
    @router.get(
        "/transactions/{id}/price",
        tags=["transactions"],
        dependencies=[needs(Permission.SEE_SESSIONS, Owned.TRANSACTION)],
    )
    async def price(id: TransactionId) -> PriceOut:  # noqa: A002  the name in the address
        """Give what a transaction costs, so far or in the end, with the lines that explain it."""
        all_running, stored, rule = await store.read(
            lambda unit: (running_transactions(unit), current_rating(unit, id), find_rule(unit, id))
        )
        running = [one for one in all_running if one.id == id]
        if running:
            return _price(id, rule, (await prices.of(running))[id])
        if stored is None:
            raise HTTPException(404)
        turns = from_json(Inputs, stored.inputs).turns if stored.inputs else ()
        return _price(id, rule, LivePrice(None, Wh(0), from_json(Rating, stored.body), turns=turns), final=True)

    @router.post(
        "/transactions/{id}/rerate",
        status_code=202,
        tags=["transactions"],
        response_class=Response,
        dependencies=[needs(Permission.RATE_AGAIN, Owned.TRANSACTION)],
    )
    async def rerate(id: TransactionId, why: Reason) -> Response:  # noqa: A002  the name in the address
        """Let a rated transaction be rated again. The old rating stays; the CDR is credited and replaced."""
        try:
            await store.write(lambda unit: rate_again(unit, id, why.reason))
        except ReportError as error:
            return problem(409, str(error))
        return Response(status_code=202)


def _add_series(router: APIRouter, store: Store, clock: Clock) -> None:
    @router.get("/price-series", tags=["tariffs"], dependencies=[needs(Permission.SEE_TARIFFS)])
    async def series(who: Who) -> list[SeriesOut]:
        """List all price series."""
        rows = await store.read(lambda connection: list_series(connection, who.view))
        return [
            SeriesOut(row.operator_id, row.series, row.prices, row.first, row.last, row.received_at) for row in rows
        ]

    body = {"requestBody": {"required": True, "content": {"text/csv": {"schema": {"type": "string"}}}}}

    @router.post(
        "/price-series/{series}",
        tags=["tariffs"],
        response_model=ImportOut,
        openapi_extra=body,
        dependencies=[needs(Permission.SET_TARIFFS)],
    )
    async def add_prices(
        series: str, request: Request, who: Who, source: str = "API", operator: str = ""
    ) -> ImportOut | Response:
        """Add prices per MWh without VAT as CSV, `start,price` a line. Held transactions that waited are released.

        They serve all operators (a market's), or one if it is named, in place of a market's series of that name.
        """
        if request.headers.get("Content-Type", "").partition(";")[0].strip() != "text/csv":
            return problem(415, "send the prices as text/csv")
        text = await _text(request)
        if isinstance(text, Response):
            return text
        origin = Origin(own_operator(who, operator), source)
        try:
            done = await store.write(lambda unit: import_prices(unit, series, text, origin, clock.utc()))
        except ReportError as error:
            return problem(422, str(error))
        return ImportOut(*done)


def _add_reports(router: APIRouter, store: Store) -> None:
    @router.post(
        "/simulations", tags=["tariffs"], response_class=JSONResponse, dependencies=[needs(Permission.SEE_REPORTS)]
    )
    async def simulate(wanted: SimulationIn, who: Who) -> Response:
        """Price a past month by other tariffs: totals, winners and losers. Nothing is stored."""
        try:
            drafts = [parse_tariff(draft) for draft in wanted.drafts]
            request = SimulationRequest(
                month=wanted.month,
                tariffs=wanted.tariffs,
                drafts=drafts,
                operator=own_operator(who, wanted.operator),
                customer=wanted.customer,
                charge_point=wanted.charge_point,
                location=wanted.location,
                profiles=wanted.profiles,
            )
            report = await store.read(lambda connection: simulate_month(connection, request))
        except (ReportError, TariffError) as error:
            return problem(422, str(error))
        results = results_json(report.results)
        return JSONResponse({"month": wanted.month, "sessions": report.sessions, "results": results})

    @router.get(
        "/recompute", tags=["tariffs"], response_class=JSONResponse, dependencies=[needs(Permission.SEE_REPORTS)]
    )
    async def recompute() -> Response:
        """Give what the last nightly proof found; 404 before the first night."""
        run = await store.read(last_run)
        if run is None:
            raise HTTPException(404)
        return JSONResponse({"at": run.at.isoformat(), **proof_json(run.proof)})


async def _text(request: Request) -> str | Response:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_CSV:
            return problem(413, f"the body has more than {_MAX_CSV} bytes")
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        return problem(400, "the body is not UTF-8")


def _price(transaction_id: int, rule: Rule | None, price: LivePrice, *, final: bool = False) -> PriceOut:
    rating = price.rating
    return PriceOut(
        transaction_id=transaction_id,
        final=final,
        as_of=price.at,
        energy_wh=None if final else price.energy,
        currency=rating.currency if rating else None,
        total_net=rating.total_net if rating else None,
        total_vat=rating.total_vat if rating else None,
        total_gross=rating.total_gross if rating else None,
        reason=price.reason,
        tariff_reason_de=rule_text(rule, "de") if rule else "",
        tariff_reason_en=rule_text(rule, "en") if rule else "",
        turns=tuple(
            TurnOut(
                turn.start,
                turn.tariff_id,
                turn.version,
                turn.profile.value,
                turn_text(turn, "de"),
                turn_text(turn, "en"),
            )
            for turn in price.turns
        ),
        lines=tuple(
            LineOut(
                line.start,
                line.end,
                line.item.value,
                line.quantity,
                line.unit,
                line.unit_price,
                line.vat,
                line.net,
                line.gross,
                line.tariff_id,
                line.element,
                line.component,
                line.reason_de,
                line.reason_en,
            )
            for line in (rating.lines if rating else ())
        ),
    )
