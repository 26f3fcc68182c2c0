"""Pages of the door: name and password, second factor, logging out."""

from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from backend.core.people.access import Visitor
from backend.people.login import Entry, Login
from backend.web.remote import read_form
from backend.web.security import CSRF_FIELD, SESSION_COOKIE, is_own_form
from backend.web.site import Site, sections_for
from shared.ids import Secret

_WAITING_COOKIE = "emops_waiting"
"""Of those who have given their password and not yet their second factor."""


class LoginPages:
    """The pages of the door."""

    def __init__(self, site: Site, login: Login) -> None:
        self._site, self._login = site, login

    async def ask(self, request: Request) -> Response:
        """Ask for name and password."""
        if not await self._login.has_users() or getattr(request.state, "visitor", None):
            return _go(request, "/home")
        return await self._page(request, "login")

    async def log_in(self, request: Request) -> Response:
        """Check name and password."""
        form = await read_form(request)
        if not is_own_form(request, form.get(CSRF_FIELD, "")):
            return await self._page(request, "login", "stale_form", 403)
        address, agent = who_asks(request)
        password = Secret(form.get("password", ""))
        entry = await self._login.log_in(form.get("login", ""), password, address, agent)
        if entry is None:
            return await self._page(request, "login", "wrong_login", 403)
        wanted = local_path(request.query_params.get("next", ""))
        if entry.complete:
            return _let_in(request, entry, wanted)
        answer = _go(request, f"/login/code?next={quote(wanted, safe='')}")
        _set(request, answer, _WAITING_COOKIE, entry.cookie)
        return answer

    async def ask_code(self, request: Request) -> Response:
        """Ask for the second factor."""
        return await self._page(request, "login_code")

    async def check_code(self, request: Request) -> Response:
        """Check the second factor."""
        form = await read_form(request)
        if not is_own_form(request, form.get(CSRF_FIELD, "")):
            return await self._page(request, "login_code", "stale_form", 403)
        waiting = request.cookies.get(_WAITING_COOKIE, "")
        entry = await self._login.second_factor(waiting, form.get("code", ""), *who_asks(request))
        if entry is None:
            return await self._page(request, "login_code", "wrong_code", 403)
        answer = _let_in(request, entry, local_path(request.query_params.get("next", "")))
        answer.delete_cookie(_WAITING_COOKIE)
        return answer

    async def log_out(self, request: Request) -> Response:
        """End this browser's session."""
        form = await read_form(request)
        if is_own_form(request, form.get(CSRF_FIELD, "")):
            await self._login.log_out(request.cookies.get(SESSION_COOKIE, ""))
        answer = _go(request, "/login")
        answer.delete_cookie(SESSION_COOKIE)
        return answer

    async def home(self, request: Request) -> Response:
        """Go to the first section that the visitor may see."""
        reader = await self._site.reader(request)
        return _go(request, first_section(reader.visitor))

    async def _page(self, request: Request, template: str, problem: str = "", status: int = 200) -> Response:
        reader = await self._site.reader(request)
        wanted = local_path(request.query_params.get("next", ""))
        return self._site.page(request, reader, template, {"problem": problem, "wanted": wanted}, status)


def first_section(visitor: Visitor) -> str:
    """Give the address of the first section that a visitor may see."""
    return next((section.pages[0][0] for section in sections_for(visitor)), "/account")


def local_path(text: str) -> str:
    """Give where to go after the login: an address of ours, never another site's (CWE-601)."""
    good = text.startswith("/") and not text.startswith(("//", "/\\")) and text.isprintable()
    return text if good else "/home"


def who_asks(request: Request) -> tuple[str, str]:
    """Give the network address and the program of whoever asks."""
    return request.client.host if request.client else "", request.headers.get("User-Agent", "")


def _let_in(request: Request, entry: Entry, wanted: str) -> Response:
    answer = _go(request, wanted)
    _set(request, answer, SESSION_COOKIE, entry.cookie)
    return answer


def _set(request: Request, answer: Response, name: str, value: Secret) -> None:
    """Set a cookie that scripts can't read and forms of other sites don't bring; it ends with the browser."""
    secure = request.url.scheme == "https"
    answer.set_cookie(name, value.value, httponly=True, samesite="lax", secure=secure, path="/")


def _go(request: Request, path: str) -> Response:
    return RedirectResponse(f"{request.scope.get('root_path', '').rstrip('/')}{path}", 303)
