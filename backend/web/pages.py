"""The web application: pages, live events, JSON API and the guard before them, put together."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from backend.api.audit_routes import make_audit_routes
from backend.api.clarify_routes import make_clarify_routes
from backend.api.dunning_routes import make_dunning_routes
from backend.api.gap_routes import make_gap_routes
from backend.api.invoice_run_routes import make_invoice_run_routes
from backend.api.load_routes import make_load_routes
from backend.api.mail_routes import make_mail_routes
from backend.api.order_routes import make_order_routes
from backend.api.payment_routes import make_payment_routes
from backend.api.permissions import OPEN, Handler, Need, PageRoute, check_declared, need_of
from backend.api.problems import invalid_request, problem
from backend.api.profile_routes import make_profile_routes
from backend.api.rating_routes import make_rating_routes
from backend.api.refused_routes import make_refused_routes
from backend.api.report_routes import make_report_routes
from backend.api.reversal_routes import make_reversal_routes
from backend.api.routes import make_routes
from backend.api.signed_routes import make_signed_routes
from backend.api.tariff_routes import make_tariff_routes
from backend.api.watch_routes import make_watch_routes
from backend.core.people.access import Permission
from backend.core.rates.rating import Policy
from backend.core.report import Subject
from backend.csms.commands import Commands
from backend.csms.connections import Connections
from backend.csms.orders import Orders
from backend.jobs.health import JobHealth
from backend.jobs.live_price import LivePrices
from backend.people.login import Login
from backend.people.vault import Vault, key_path
from backend.settings import Settings
from backend.store.scope import Owned
from backend.store.writer import Store
from backend.web.account_pages import AccountPages
from backend.web.books_pages import BooksPages
from backend.web.certificate_pages import CertificatePages
from backend.web.clarify_pages import ClarifyPages
from backend.web.dunning_pages import DunningPages
from backend.web.energy_pages import EnergyPages
from backend.web.gap_pages import GapPages
from backend.web.host_pages import HostPages
from backend.web.invoice_run_pages import InvoiceRunPages
from backend.web.key_pages import KeyPages
from backend.web.load_pages import LoadPages
from backend.web.login_pages import LoginPages
from backend.web.machine_pages import MachinePages
from backend.web.mail_pages import MailPages
from backend.web.order_pages import OrderPages
from backend.web.payment_pages import PaymentPages
from backend.web.person_pages import PersonPages
from backend.web.refused_pages import RefusedPages
from backend.web.remote import Remote
from backend.web.report_pages import ReportPages
from backend.web.reversal_pages import ReversalPages
from backend.web.security import HEADERS, Guard
from backend.web.signed_pages import SignedPages
from backend.web.site import HERE, Site
from backend.web.tariff_pages import TariffPages
from backend.web.user_pages import UserPages
from backend.web.views import Views
from backend.web.watch_pages import WatchPages
from shared.clock import Clock


class _Assets(StaticFiles):
    """Static files: their addresses bear a fingerprint, so browsers may keep them."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response


def make_web(
    store: Store,
    connections: Connections,
    clock: Clock,
    settings: Settings,
    *,
    commands: Commands,
    orders: Orders,
    health: JobHealth | None = None,
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

    app = FastAPI(title="emops", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.live = site.live
    app.state.store, app.state.clock = store, clock
    vault = Vault(key_path(store.path))
    login = Login(store, clock, settings.login, vault)
    app.add_middleware(Guard, password=settings.server.web_password, login=login)
    prices = LivePrices(store, Policy(settings.billing.flat_needs_energy))
    _add_review(app, site, settings.signed.link_days)
    app.include_router(make_routes(store, connections, site.live))
    app.include_router(make_rating_routes(store, clock, prices))
    app.include_router(make_tariff_routes())
    app.include_router(make_mail_routes(store, clock))
    app.include_router(make_profile_routes(store, clock))
    sample = settings.clock.lapse_rate != 1.0
    app.include_router(make_invoice_run_routes(store, clock, settings.billing, sample=sample))
    _add_invoice_run(app, InvoiceRunPages(site, settings.billing, sample=sample))
    app.include_router(make_order_routes(store, orders))
    _add_load(app, LoadPages(site), make_load_routes(store, clock, connections))
    app.include_router(make_audit_routes(store))
    _add_signed_pages(app, SignedPages(site, settings.signed.link_days), KeyPages(site, orders))
    app.include_router(make_payment_routes(store, clock))
    app.include_router(make_reversal_routes(store, clock))
    _add_reversal_pages(app, ReversalPages(site))  # before the page of any number
    _add_pages(app, Views(site, prices), Remote(site))
    _add_order_pages(app, OrderPages(site, orders), CertificatePages(site, settings.tls.renew_days))
    _add_energy_reports(app, EnergyPages(site), ReportPages(site))
    hosts = HostPages(site, settings.hosts, settings.billing.standard_vat, sample=sample)
    _page(app, "/hosts", hosts.show, Need(Permission.ISSUE_INVOICES), post=hosts.act)
    app.include_router(make_report_routes(store))
    _add_tariff_pages(app, TariffPages(site))
    _add_mail_pages(app, MailPages(site, settings.mail))
    _add_payment_pages(app, PaymentPages(site))
    app.include_router(make_dunning_routes(store, clock, settings.billing.looks_folder))
    _add_dunning_pages(app, DunningPages(site, settings.billing.looks_folder))
    _add_books_pages(app, BooksPages(site), PersonPages(site, settings.retention.periods))
    _add_people(app, AccountPages(site, login, vault), UserPages(site), LoginPages(site, login))
    _add_documentation(app, site, store)
    _add_watching(app, site, vault, MachinePages(site, health or JobHealth(), settings.server.metrics_token))
    app.mount("/static", _Assets(directory=HERE / "static"))
    _add_errors(app, site)
    check_declared(app)
    app.state.open_paths = [
        route.path_regex for route in app.routes if isinstance(route, Route) and need_of(route) == OPEN
    ]
    return app


def _page(app: FastAPI, path: str, handler: Handler, need: Need, *, post: Handler | None = None) -> None:
    """Add a page, and what its form does if it has one."""
    app.router.routes.append(PageRoute(path, handler, need))
    if post:
        _form(app, path, post, need)


def _form(app: FastAPI, path: str, handler: Handler, need: Need) -> None:
    app.router.routes.append(PageRoute(path, handler, need, ("POST",)))


def _live_page(app: FastAPI, path: str, handler: Handler, need: Need) -> None:
    """Add a page whose live part can be fetched alone."""
    _page(app, path, handler, need)
    _page(app, f"/fragments{'/overview' if path == '/' else path}", handler, need)


def _add_pages(app: FastAPI, views: Views, remote: Remote) -> None:
    sessions, invoice = Need(Permission.SEE_SESSIONS, Owned.TRANSACTION), Need(Permission.SEE_INVOICES, Owned.INVOICE)
    _page(app, "/invoices/{number:path}/pdf", views.invoice_pdf, invoice)
    _page(app, "/invoices/{number:path}/xml", views.invoice_xml, invoice)
    _live_page(app, "/", views.overview, Need(Permission.SEE_STATIONS))
    _live_page(app, "/transactions", views.transactions, Need(Permission.SEE_SESSIONS))
    _live_page(app, "/transactions/{id}", views.transaction, sessions)
    _live_page(app, "/invoices", views.invoices, Need(Permission.SEE_INVOICES))
    _live_page(app, "/invoices/{number:path}", views.invoice, invoice)
    start, stop = Need(Permission.GIVE_ORDERS, Owned.CHARGE_POINT), Need(Permission.GIVE_ORDERS, Owned.TRANSACTION)
    _page(app, "/charge-points/{id}/evses/{evse}/start", remote.ask_start, start, post=remote.start)
    _page(app, "/transactions/{id}/stop", remote.ask_stop, stop, post=remote.stop)


def _add_reversal_pages(app: FastAPI, pages: ReversalPages) -> None:
    need = Need(Permission.ISSUE_INVOICES, Owned.INVOICE)
    _page(app, "/invoices/{number:path}/cancel", pages.ask_cancel, need, post=pages.cancel)
    _page(app, "/invoices/{number:path}/credit", pages.ask_credit, need, post=pages.credit)


def _add_invoice_run(app: FastAPI, pages: InvoiceRunPages) -> None:
    need = Need(Permission.ISSUE_INVOICES)
    _page(app, "/invoice-run", pages.show, need)
    _page(app, "/invoice-run/issue", pages.ask, need, post=pages.issue)


def _add_books_pages(app: FastAPI, pages: BooksPages, persons: PersonPages) -> None:
    see = Need(Permission.SEE_PAYMENTS)
    _page(app, "/books", pages.show, see)
    _form(app, "/books", pages.export, Need(Permission.BOOK_PAYMENTS))
    _page(app, "/books/journal", pages.journal, see)
    _page(app, "/books/datev/{id}/{file}", pages.file, Need(Permission.SEE_PAYMENTS, Owned.EXPORT))
    one = Need(Permission.ANSWER_PERSONS, Owned.CUSTOMER)
    _page(app, "/persons", persons.list, Need(Permission.ANSWER_PERSONS))
    _page(app, "/persons/{id:path}/archive", persons.archive, one)
    _page(app, "/persons/{id:path}", persons.show, one, post=persons.erase)


def _add_dunning_pages(app: FastAPI, pages: DunningPages) -> None:
    _page(app, "/dunning", pages.show, Need(Permission.SEE_PAYMENTS))
    _form(app, "/dunning", pages.act, Need(Permission.BOOK_PAYMENTS))
    _page(app, "/dunning/letters/{id}", pages.pdf, Need(Permission.SEE_PAYMENTS, Owned.DUNNING))
    _page(app, "/dunning/preview/{id:path}", pages.preview, Need(Permission.SEE_PAYMENTS, Owned.CUSTOMER))


def _add_payment_pages(app: FastAPI, pages: PaymentPages) -> None:
    _page(app, "/payments", pages.open_items, Need(Permission.SEE_PAYMENTS))
    _page(app, "/payments/batches/{id}/file", pages.batch_file, Need(Permission.SEE_PAYMENTS, Owned.DEBIT_BATCH))
    for path, show, act, of in (
        ("/payments/customers/{id:path}", pages.account, pages.act_on_account, Owned.CUSTOMER),
        ("/payments/bank", pages.bank, pages.upload, None),
        ("/payments/bank/{id}", pages.bank, pages.decide, Owned.BANK_ENTRY),
        ("/payments/batches", pages.batches, pages.collect, None),
        ("/payments/batches/{id}", pages.batch, pages.act_on_batch, Owned.DEBIT_BATCH),
    ):
        _page(app, path, show, Need(Permission.SEE_PAYMENTS, of))
        _form(app, path, act, Need(Permission.BOOK_PAYMENTS, of))


def _add_energy_reports(app: FastAPI, pages: EnergyPages, simulations: ReportPages) -> None:
    _page(app, "/reports", simulations.simulation, Need(Permission.SEE_REPORTS))
    for subject in Subject:
        _page(app, f"/reports/{subject}", pages.show, Need(Permission.SEE_REPORTS))
        _page(app, f"/reports/{subject}.csv", pages.csv, Need(Permission.SEE_REPORTS))
        _page(app, f"/reports/{subject}.xlsx", pages.xlsx, Need(Permission.SEE_REPORTS))


def _add_signed_pages(app: FastAPI, pages: SignedPages, keys: KeyPages) -> None:
    settle, session = Need(Permission.SETTLE_HELD), Need(Permission.SETTLE_HELD, Owned.TRANSACTION)
    _page(app, "/signed", pages.review, settle)
    _form(app, "/signed/review/{id}", pages.decide, session)
    _page(app, "/signed/key", keys.show, settle, post=keys.compare)
    _form(app, "/signed/keys", keys.pin, settle)
    _form(app, "/signed/key/read", keys.read, Need(Permission.GIVE_ORDERS))
    _form(app, "/transactions/{id}/link", pages.link, session)
    proof, of_invoice = Need(Permission.SEE_SESSIONS, Owned.TRANSACTION), Need(Permission.SEE_INVOICES, Owned.INVOICE)
    _page(app, "/transactions/{id}/messdaten.xml", pages.messdaten, proof)
    _page(app, "/invoices/{number:path}/messdaten.xml", pages.invoice_messdaten, of_invoice)
    _page(app, "/p/{token}", pages.receipt, OPEN)
    _page(app, "/p/{token}/messdaten.xml", pages.receipt_messdaten, OPEN)
    _page(app, "/p/{token}/receipt.pdf", pages.receipt_pdf, OPEN)


def _add_review(app: FastAPI, site: Site, link_days: int) -> None:
    app.include_router(make_signed_routes(site.store, site.clock, link_days))
    app.include_router(make_clarify_routes(site.store, site.clock))
    app.include_router(make_gap_routes(site.store, site.clock))
    _page(app, "/gaps", GapPages(site).show, Need(Permission.SEE_STATIONS))
    app.include_router(make_refused_routes(site.store, site.connections))
    _page(app, "/refused", RefusedPages(site).show, Need(Permission.SEE_ORDERS))
    pages = ClarifyPages(site)
    _page(app, "/clarify", pages.show, Need(Permission.SETTLE_HELD))
    _form(app, "/clarify/{id}", pages.decide, Need(Permission.SETTLE_HELD, Owned.TRANSACTION))


def _add_tariff_pages(app: FastAPI, pages: TariffPages) -> None:
    need, one = Need(Permission.SEE_TARIFFS), Need(Permission.SEE_TARIFFS, Owned.TARIFF)
    _page(app, "/tariffs", pages.list, need)
    _page(app, "/tariffs/check", pages.ask_check, need, post=pages.check)
    _page(app, "/tariffs/{id:path}/ocpi/{version}.json", pages.ocpi, one)
    _page(app, "/tariffs/{id:path}", pages.tariff, one)


def _add_load(app: FastAPI, pages: LoadPages, routes: APIRouter) -> None:
    app.include_router(routes)
    one = Need(Permission.SEE_STATIONS, Owned.LOAD_SITE)
    _page(app, "/load", pages.list, Need(Permission.SEE_STATIONS))
    _page(app, "/load/{id}/dimming.csv", pages.csv, one)
    _live_page(app, "/load/{id}", pages.show, one)


def _add_order_pages(app: FastAPI, pages: OrderPages, certificates: CertificatePages) -> None:
    _page(app, "/certificates", certificates.show, Need(Permission.SEE_ORDERS))
    _form(app, "/certificates", certificates.revoke, Need(Permission.GIVE_ORDERS))
    _live_page(app, "/orders", pages.list, Need(Permission.SEE_ORDERS))
    _page(app, "/orders/new", pages.ask, Need(Permission.GIVE_ORDERS), post=pages.give)
    _form(app, "/orders/{id}/cancel", pages.cancel, Need(Permission.GIVE_ORDERS, Owned.ORDER))


def _add_watching(app: FastAPI, site: Site, vault: Vault, machines: MachinePages) -> None:
    _page(app, "/metrics", machines.metrics, OPEN)
    _page(app, "/readyz", machines.ready, OPEN)
    pages = WatchPages(site, vault)
    app.include_router(make_watch_routes(site.store, site.clock, site.connections, vault))
    _live_page(app, "/stations", pages.stations, Need(Permission.SEE_STATIONS))
    _live_page(app, "/stations/{id}", pages.station, Need(Permission.SEE_STATIONS, Owned.CHARGE_POINT))
    _live_page(app, "/alerts", pages.alerts, Need(Permission.SEE_STATIONS))
    _page(app, "/alerts/rules", pages.rules, Need(Permission.SET_ALERTS), post=pages.set_rules)
    _form(app, "/alerts/{id}/acknowledge", pages.acknowledge, Need(Permission.SET_ALERTS, Owned.ALERT))


def _add_mail_pages(app: FastAPI, pages: MailPages) -> None:
    see, one, send = (
        Need(Permission.SEE_LETTERS),
        Need(Permission.SEE_LETTERS, Owned.LETTER),
        Need(Permission.SEND_LETTERS),
    )
    _page(app, "/mail", pages.letters, see)
    _page(app, "/mail/texts", pages.preview, see)
    _page(app, "/mail/texts/{name}/html", pages.preview_html, see)
    _page(app, "/mail/probe", pages.ask_probe, send, post=pages.probe)
    _page(app, "/mail/{id}", pages.letter, one)
    _page(app, "/mail/{id}/html", pages.html, one)
    _form(app, "/mail/{id}/resend", pages.resend, Need(Permission.SEND_LETTERS, Owned.LETTER))


def _add_login(app: FastAPI, pages: LoginPages) -> None:
    own = Need(Permission.OWN_ACCOUNT)
    _page(app, "/login", pages.ask, OPEN, post=pages.log_in)
    _page(app, "/login/code", pages.ask_code, OPEN, post=pages.check_code)
    _page(app, "/home", pages.home, own)
    _form(app, "/logout", pages.log_out, own)


def _add_people(app: FastAPI, own: AccountPages, users: UserPages, door: LoginPages) -> None:
    _add_login(app, door)
    _page(app, "/account", own.show, Need(Permission.OWN_ACCOUNT), post=own.act)
    _page(app, "/users", users.users, Need(Permission.MANAGE_USERS), post=users.add)
    _page(app, "/users/{id}", users.one, Need(Permission.MANAGE_USERS, Owned.ACCOUNT), post=users.act)
    _page(app, "/audit", users.audit, Need(Permission.SEE_AUDIT))


def _add_documentation(app: FastAPI, site: Site, store: Store) -> None:
    async def documentation(request: Request) -> Response:
        reader = await site.reader(request)
        return site.page(request, reader, "api", {"openapi": app.openapi()})

    async def openapi(request: Request) -> Response:
        root = request.scope.get("root_path", "").rstrip("/")
        return JSONResponse(app.openapi() | ({"servers": [{"url": root}]} if root else {}))

    _page(app, "/api/docs", documentation, Need(Permission.OWN_ACCOUNT))
    _page(app, "/api/openapi.json", openapi, Need(Permission.OWN_ACCOUNT))
    _page(app, "/healthz", _health(store), OPEN)


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
