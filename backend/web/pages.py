"""The web application: pages, live events, JSON API and the guard before them, put together."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from backend.api.dunning_routes import make_dunning_routes
from backend.api.invoice_run_routes import make_invoice_run_routes
from backend.api.mail_routes import make_mail_routes
from backend.api.order_routes import make_order_routes
from backend.api.payment_routes import make_payment_routes
from backend.api.problems import invalid_request, problem
from backend.api.profile_routes import make_profile_routes
from backend.api.rating_routes import make_rating_routes
from backend.api.routes import make_routes
from backend.api.signed_routes import make_signed_routes
from backend.api.tariff_routes import make_tariff_routes
from backend.core.rating import Policy
from backend.csms.commands import Commands
from backend.csms.connections import Connections
from backend.csms.orders import Orders
from backend.jobs.live_price import LivePrices
from backend.settings import Settings
from backend.store.writer import Store
from backend.web.dunning_pages import DunningPages
from backend.web.invoice_run_pages import InvoiceRunPages
from backend.web.mail_pages import MailPages
from backend.web.order_pages import OrderPages
from backend.web.payment_pages import PaymentPages
from backend.web.remote import Remote
from backend.web.report_pages import ReportPages
from backend.web.security import HEADERS, Guard
from backend.web.signed_pages import SignedPages
from backend.web.site import HERE, Site
from backend.web.tariff_pages import TariffPages
from backend.web.views import Views
from shared.clock import Clock


class _Assets(StaticFiles):
    """Static files: their addresses bear a fingerprint, so browsers may keep them."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response


def make_web(
    store: Store, connections: Connections, clock: Clock, settings: Settings, *, commands: Commands, orders: Orders
) -> FastAPI:
    """Build the web application.

    `app.state.live.close()` must be awaited before the web server waits for its connections to end: open live streams
    would keep it waiting.
    """
    site = Site(store, connections, commands, clock, settings.clock.lapse_rate)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as group:
            following = group.create_task(site.live.run(), name="live pages")
            yield
            await site.live.close()
            following.cancel()

    app = FastAPI(title="emops", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url="/api/openapi.json")
    app.state.live = site.live
    app.add_middleware(Guard, password=settings.server.web_password)
    prices = LivePrices(store, Policy(settings.billing.flat_needs_energy))
    app.include_router(make_signed_routes(store, clock, settings.signed.link_days))
    app.include_router(make_routes(store, connections, site.live))
    app.include_router(make_rating_routes(store, clock, prices))
    app.include_router(make_tariff_routes())
    app.include_router(make_mail_routes(store, clock))
    app.include_router(make_profile_routes(store, clock))
    sample = settings.clock.lapse_rate != 1.0
    app.include_router(make_invoice_run_routes(store, clock, settings.billing, sample=sample))
    _add_invoice_run(app, InvoiceRunPages(site, settings.billing, sample=sample))
    app.include_router(make_order_routes(store, orders))
    _add_signed_pages(app, SignedPages(site, settings.signed.link_days))
    app.include_router(make_payment_routes(store, clock))
    _add_pages(app, Views(site, prices), Remote(site))
    _add_order_pages(app, OrderPages(site, orders))
    app.add_route("/reports", ReportPages(site).simulation)
    _add_tariff_pages(app, TariffPages(site))
    _add_mail_pages(app, MailPages(site, settings.mail))
    _add_payment_pages(app, PaymentPages(site))
    app.include_router(make_dunning_routes(store, clock))
    _add_dunning_pages(app, DunningPages(site))
    _add_documentation(app, site)
    app.add_route("/healthz", _health(store))
    app.mount("/static", _Assets(directory=HERE / "static"))
    _add_errors(app, site)
    return app


def _add_pages(app: FastAPI, views: Views, remote: Remote) -> None:
    live = {
        "overview": ("/", views.overview),
        "transactions": ("/transactions", views.transactions),
        "transactions/{id}": ("/transactions/{id}", views.transaction),
        "invoices": ("/invoices", views.invoices),
        "invoices/{number:path}": ("/invoices/{number:path}", views.invoice),
    }
    app.add_route("/invoices/{number:path}/pdf", views.invoice_pdf)
    app.add_route("/invoices/{number:path}/xml", views.invoice_xml)
    for name, (path, page) in live.items():
        app.add_route(path, page)
        app.add_route(f"/fragments/{name}", page)
    for path, ask, act in (
        ("/charge-points/{id}/evses/{evse}/start", remote.ask_start, remote.start),
        ("/transactions/{id}/stop", remote.ask_stop, remote.stop),
    ):
        app.add_route(path, ask)
        app.add_route(path, act, methods=["POST"])


def _add_invoice_run(app: FastAPI, pages: InvoiceRunPages) -> None:
    app.add_route("/invoice-run", pages.show)
    app.add_route("/invoice-run/issue", pages.ask)
    app.add_route("/invoice-run/issue", pages.issue, methods=["POST"])


def _add_dunning_pages(app: FastAPI, pages: DunningPages) -> None:
    app.add_route("/dunning", pages.show)
    app.add_route("/dunning", pages.act, methods=["POST"])
    app.add_route("/dunning/letters/{id}", pages.pdf)
    app.add_route("/dunning/preview/{id:path}", pages.preview)


def _add_payment_pages(app: FastAPI, pages: PaymentPages) -> None:
    app.add_route("/payments", pages.open_items)
    app.add_route("/payments/batches/{id}/file", pages.batch_file)
    for path, show, act in (
        ("/payments/customers/{id:path}", pages.account, pages.act_on_account),
        ("/payments/bank", pages.bank, pages.upload),
        ("/payments/bank/{id}", pages.bank, pages.decide),
        ("/payments/batches", pages.batches, pages.collect),
        ("/payments/batches/{id}", pages.batch, pages.act_on_batch),
    ):
        app.add_route(path, show)
        app.add_route(path, act, methods=["POST"])


def _add_signed_pages(app: FastAPI, pages: SignedPages) -> None:
    app.add_route("/signed", pages.review)
    app.add_route("/signed/review/{id}", pages.decide, methods=["POST"])
    app.add_route("/signed/keys", pages.pin, methods=["POST"])
    app.add_route("/transactions/{id}/link", pages.link, methods=["POST"])
    app.add_route("/transactions/{id}/messdaten.xml", pages.messdaten)
    app.add_route("/invoices/{number:path}/messdaten.xml", pages.invoice_messdaten)
    app.add_route("/p/{token}", pages.receipt)
    app.add_route("/p/{token}/messdaten.xml", pages.receipt_messdaten)


def _add_tariff_pages(app: FastAPI, pages: TariffPages) -> None:
    app.add_route("/tariffs", pages.list)
    app.add_route("/tariffs/check", pages.ask_check)
    app.add_route("/tariffs/check", pages.check, methods=["POST"])
    app.add_route("/tariffs/{id:path}/ocpi/{version}.json", pages.ocpi)
    app.add_route("/tariffs/{id:path}", pages.tariff)


def _add_order_pages(app: FastAPI, pages: OrderPages) -> None:
    app.add_route("/orders", pages.list)
    app.add_route("/fragments/orders", pages.list)
    app.add_route("/orders/new", pages.ask)
    app.add_route("/orders/new", pages.give, methods=["POST"])
    app.add_route("/orders/{id}/cancel", pages.cancel, methods=["POST"])


def _add_mail_pages(app: FastAPI, pages: MailPages) -> None:
    app.add_route("/mail", pages.letters)
    app.add_route("/mail/texts", pages.preview)
    app.add_route("/mail/texts/{name}/html", pages.preview_html)
    app.add_route("/mail/probe", pages.ask_probe)
    app.add_route("/mail/probe", pages.probe, methods=["POST"])
    app.add_route("/mail/{id}", pages.letter)
    app.add_route("/mail/{id}/html", pages.html)
    app.add_route("/mail/{id}/resend", pages.resend, methods=["POST"])


def _add_documentation(app: FastAPI, site: Site) -> None:
    async def documentation(request: Request) -> Response:
        reader = await site.reader(request)
        return site.page(request, reader, "api", {"openapi": app.openapi()})

    app.add_route("/api/docs", documentation)


def _health(store: Store) -> Callable[[Request], Awaitable[Response]]:
    async def health(_request: Request) -> Response:
        try:
            async with asyncio.timeout(5):
                await store.read(lambda connection: connection.scalar(select(1)))
        except (SQLAlchemyError, TimeoutError):
            return JSONResponse({"status": "failing", "reason": "the database can't be read"}, 503)
        return JSONResponse({"status": "ok"})

    return health


def _add_errors(app: FastAPI, site: Site) -> None:
    async def show(request: Request, status: int, detail: str) -> Response:
        path = request.url.path.removeprefix(request.scope.get("root_path", ""))
        if path.startswith("/api/"):
            return problem(status, "" if detail == HTTPStatus(status).phrase else detail)
        if path.startswith("/static/"):
            return PlainTextResponse(HTTPStatus(status).phrase, status)
        reader = await site.reader(request)
        return site.page(request, reader, "error", {"status": status}, status)

    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101  it is registered for no other
        response = await show(request, error.status_code, str(error.detail))
        response.headers.update(error.headers or {})
        return response

    async def invalid(_request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101  it is registered for no other
        return invalid_request(error)

    async def failed(_request: Request, _error: Exception) -> Response:
        # Beyond the guard, and the database may be what failed: plain text, and the error goes on to the log.
        return PlainTextResponse("Interner Fehler / internal error\n", 500, HEADERS)

    app.add_exception_handler(HTTPException, refused)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(Exception, failed)
