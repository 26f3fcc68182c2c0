"""What every page is given, and how a page is made of it. The only module that knows the template engine."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import urlencode
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from backend.api.live import Live
from backend.core.people.access import Permission, Role, View, Visitor
from backend.core.people.masking import mask_mail
from backend.core.reason_texts import reason_text
from backend.csms.commands import Commands
from backend.csms.connections import Connections
from backend.store.overview import Operator, read_operator
from backend.store.writer import Store
from backend.web.formats import Formats
from backend.web.language import LANGUAGES, Texts, choose_language, load_texts
from backend.web.security import CSRF_FIELD, csrf_token, remember_csrf
from shared.clock import Clock

HERE = Path(__file__).parent
LANGUAGE_COOKIE = "emops_lang"
_YEAR_S = 365 * 86400

NOBODY = Visitor("", Role.READ_ONLY, frozenset(), View(operator_id=" ", user_id=" "))
"""Whoever is not logged in: there is no such operator, so there is nothing that they see."""


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the site: its title, and its pages as (address, title, who sees it). The first one is what it opens."""

    title: str
    pages: tuple[tuple[str, str, Permission], ...]

    def seen_by(self, visitor: Visitor) -> "Section":
        """Give what a visitor sees of it; it may have no pages then."""
        return Section(self.title, tuple(page for page in self.pages if visitor.may(page[2])))

    def has(self, path: str) -> bool:
        """Tell whether an address is in this part."""
        return any(path == start or (start != "/" and path.startswith(f"{start}/")) for start, *_ in self.pages)


SECTIONS = (
    Section(
        "overview.title",
        (
            ("/", "overview.title", Permission.SEE_STATIONS),
            ("/gaps", "gaps.title", Permission.SEE_STATIONS),
            ("/refused", "refused.title", Permission.SEE_ORDERS),
            ("/load", "load.title", Permission.SEE_STATIONS),
        ),
    ),
    Section(
        "watch.title",
        (
            ("/stations", "watch.stations", Permission.SEE_STATIONS),
            ("/alerts", "watch.alerts", Permission.SEE_STATIONS),
            ("/alerts/rules", "watch.rules", Permission.SET_ALERTS),
        ),
    ),
    Section("transactions.title", (("/transactions", "transactions.title", Permission.SEE_SESSIONS),)),
    Section(
        "orders.title",
        (
            ("/orders", "orders.title", Permission.SEE_ORDERS),
            ("/certificates", "certificates.title", Permission.SEE_ORDERS),
        ),
    ),
    Section(
        "billing.title",
        (
            ("/invoices", "invoices.title", Permission.SEE_INVOICES),
            ("/invoice-run", "invoice_run.title", Permission.ISSUE_INVOICES),
            ("/payments", "payments.title", Permission.SEE_PAYMENTS),
            ("/dunning", "dunning.title", Permission.SEE_PAYMENTS),
            ("/hosts", "hosts.title", Permission.ISSUE_INVOICES),
            ("/books", "books.title", Permission.SEE_PAYMENTS),
            ("/clarify", "clarify.title", Permission.SETTLE_HELD),
            ("/signed", "signed.title", Permission.SETTLE_HELD),
            ("/mail", "letters.title", Permission.SEE_LETTERS),
        ),
    ),
    Section("tariffs.title", (("/tariffs", "tariffs.title", Permission.SEE_TARIFFS),)),
    Section(
        "reports.title",
        (
            ("/reports", "reports.simulate", Permission.SEE_REPORTS),
            ("/reports/energy", "report.energy", Permission.SEE_REPORTS),
            ("/reports/revenue", "report.revenue", Permission.SEE_REPORTS),
        ),
    ),
    Section("persons.title", (("/persons", "persons.title", Permission.ANSWER_PERSONS),)),
    Section(
        "admin.title",
        (("/users", "people.title", Permission.MANAGE_USERS), ("/audit", "trail.title", Permission.SEE_AUDIT)),
    ),
)


def sections_for(visitor: Visitor) -> tuple[Section, ...]:
    """Give the parts of the site that a visitor sees."""
    return tuple(seen for section in SECTIONS if (seen := section.seen_by(visitor)).pages)


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads a page, and how things are written for them."""

    operator: Operator
    texts: Texts
    formats: Formats
    now: datetime
    visitor: Visitor

    @property
    def view(self) -> View:
        """Give what of all data they see."""
        return self.visitor.view


class Site:
    """What pages are made from."""

    def __init__(
        self, store: Store, connections: Connections, commands: Commands, clock: Clock, lapse_rate: float
    ) -> None:
        self.store, self.connections, self.commands, self.clock = store, connections, commands, clock
        self.live = Live((store, connections))
        self._lapse_rate = lapse_rate
        self._texts = load_texts(HERE / "texts")
        self._templates = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters["reason"] = reason_text
        self._assets = _fingerprint(HERE / "static")

    async def reader(self, request: Request) -> Reader:
        """Find out how to write for this request: language, time zone, time."""
        visitor = getattr(request.state, "visitor", None) or NOBODY
        view = visitor.view
        operator = await self.store.read(lambda unit: read_operator(unit, view)) or Operator("emops", "Europe/Berlin")
        language = choose_language(
            request.query_params.get("lang", ""),
            request.cookies.get(LANGUAGE_COOKIE, ""),
            request.headers.get("Accept-Language", ""),
        )
        return Reader(
            operator, self._texts[language], Formats(language, _zone(operator.timezone)), self.clock.utc(), visitor
        )

    def page(
        self, request: Request, reader: Reader, template: str, values: Mapping[str, object], status: int = 200
    ) -> HTMLResponse:
        """Render a template; under `/fragments/` only its live part.

        Args:
            request: who asks.
            reader: from `reader`.
            template: name without `.html`; its live part is the file of the same name under `templates/live/`.
            values: what the template shows.
            status: of the answer.
        """
        fragment = request.url.path.removeprefix(_root(request)).startswith("/fragments/")
        csrf = csrf_token(request)
        name = f"live/{template}.html" if fragment else f"{template}.html"
        text = self._templates.get_template(name).render(
            self._frame(request, reader) | {"csrf": csrf, "csrf_field": CSRF_FIELD, **values}
        )
        response = HTMLResponse(text, status, headers={"Vary": "Accept-Language, Cookie"})
        if not fragment:
            remember_csrf(request, response, csrf)
            if request.query_params.get("lang") in LANGUAGES:
                response.set_cookie(LANGUAGE_COOKIE, reader.texts.language, max_age=_YEAR_S, samesite="lax")
        return response

    def _frame(self, request: Request, reader: Reader) -> dict[str, object]:
        root, path = _root(request), request.url.path.removeprefix(_root(request))
        query = [(key, value) for key, value in request.query_params.multi_items() if key != "lang"]
        sections = sections_for(reader.visitor)
        return {
            "t": reader.texts,
            "f": reader.formats,
            "now": reader.now,
            "operator": reader.operator,
            "visitor": reader.visitor,
            "mail_of": str if reader.visitor.may(Permission.SEE_CONTACTS) else mask_mail,
            "language": reader.texts.language,
            "languages": [(one, f"{root}{path}?{urlencode([*query, ('lang', one)])}") for one in LANGUAGES],
            "root": root,
            "path": path,
            "sections": sections,
            "here": next((section for section in sections if section.has(path)), None),
            "assets": self._assets,
            "lapse_rate": None if self._lapse_rate == 1 else reader.formats.number(round(self._lapse_rate)),
        }


def _root(request: Request) -> str:
    """Give the path under which a proxy serves us; empty at the top."""
    root: str = request.scope.get("root_path", "")
    return root.rstrip("/")


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def _fingerprint(folder: Path) -> str:
    """Name the state of the static files, so that browsers may keep them for as long as they like."""
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
