"""The guard in front of every page and the API: who asks, security headers, tokens against forged forms."""

import base64
import binascii
import secrets
from urllib.parse import quote

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request, cookie_parser
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.api.permissions import SAFE, note_failure
from backend.api.problems import problem
from backend.core.people.access import OPEN_VISITOR, Visitor
from backend.errors import TooManyError
from backend.people.login import Login
from shared.ids import Secret

CSRF_COOKIE = "emops_csrf"
CSRF_FIELD = "csrf"

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
"""On every answer. Pages bring all their styles and scripts from here; nothing is inline."""

SESSION_COOKIE = "emops_session"

_FAILED = 400

_ALWAYS_OPEN = ("/healthz", "/metrics", "/readyz")
_STATIC = "/static/"


class Guard:
    """ASGI middleware: finds out who asks, keeps all others out, and adds the headers.

    Until there is a user, `password` lets anybody in who knows it, and without one the doors are open (as the settings
    allow on this machine only). From the first user on everybody logs in, programs by a token.
    """

    def __init__(self, app: ASGIApp, password: Secret, login: Login) -> None:
        self._app, self._password, self._login = app, password, login

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI 3.0."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        status = 0

        async def send_guarded(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)  # a page may be stricter or different where it says so
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        app: ASGIApp = await self._refusal(scope) or self._app
        await app(scope, receive, send_guarded)
        if status >= _FAILED:
            await note_failure(scope, status)

    async def _refusal(self, scope: Scope) -> Response | None:
        path = scope["path"].removeprefix(scope.get("root_path", "").rstrip("/"))
        if path in _ALWAYS_OPEN:
            return None
        with_users = await self._login.has_users()
        try:
            visitor = await self._visitor(scope, path, with_users)
        except TooManyError as error:
            answer = problem(429, str(error))
            answer.headers["Retry-After"] = "60"
            return answer
        scope.setdefault("state", {})["visitor"] = visitor
        if visitor or _is_open(scope, path) or path.startswith(_STATIC):
            return None
        return _ask_to_log_in(scope, path) if with_users else _ask_for_password(path)

    async def _visitor(self, scope: Scope, path: str, with_users: bool) -> Visitor | None:
        headers = Headers(scope=scope)
        scheme, _, credentials = headers.get("Authorization", "").partition(" ")
        if not with_users:
            right = not self._password or (scheme.lower() == "basic" and self._is_password(credentials))
            return OPEN_VISITOR if right else None
        if scheme.lower() == "bearer":
            address = scope["client"][0] if scope.get("client") else ""
            return await self._login.by_token(credentials.strip(), address)
        if path.startswith("/api/") and scope["method"] not in SAFE:
            return None  # no form of another site can make a browser act through the API
        return await self._login.by_cookie(cookie_parser(headers.get("Cookie", "")).get(SESSION_COOKIE, ""))

    def _is_password(self, credentials: str) -> bool:
        try:
            given = base64.b64decode(credentials, validate=True).partition(b":")[2]
        except (binascii.Error, ValueError):
            return False
        return secrets.compare_digest(given, self._password.value.encode())


def _is_open(scope: Scope, path: str) -> bool:
    return any(pattern.match(path) for pattern in scope["app"].state.open_paths)


def _ask_to_log_in(scope: Scope, path: str) -> Response:
    if path.startswith("/api/"):
        answer = problem(401, "log in, or give a token: Authorization: Bearer emops_...")
        answer.headers["WWW-Authenticate"] = 'Bearer realm="emops"'
        return answer
    if path.startswith("/fragments/") or scope["method"] not in SAFE:
        return PlainTextResponse("Bitte anmelden / please log in\n", 401)
    query = scope["query_string"].decode("latin-1")
    wanted = quote(f"{path}?{query}" if query else path, safe="")
    return RedirectResponse(f"{scope.get('root_path', '').rstrip('/')}/login?next={wanted}", 303)


def csrf_token(request: Request) -> str:
    """Give the browser's token: the one of its cookie, or a new one that `remember_csrf` must set."""
    return request.cookies.get(CSRF_COOKIE) or secrets.token_urlsafe(24)


def remember_csrf(request: Request, response: Response, token: str) -> None:
    """Keep the token in a cookie that other sites' forms can't send."""
    response.set_cookie(CSRF_COOKIE, token, samesite="strict", httponly=True, secure=request.url.scheme == "https")


def is_own_form(request: Request, field: str) -> bool:
    """Tell whether a form came from one of our pages: its field equals the cookie."""
    cookie = request.cookies.get(CSRF_COOKIE, "")
    return bool(cookie) and secrets.compare_digest(cookie.encode(), field.encode())


def _ask_for_password(path: str) -> Response:
    answer: Response
    if path.startswith("/api/"):
        answer = problem(401, "the password is missing or wrong")
    else:
        answer = PlainTextResponse("Passwort nötig / password needed\n", 401)
    answer.headers["WWW-Authenticate"] = 'Basic realm="emops", charset="UTF-8"'
    return answer
