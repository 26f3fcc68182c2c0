"""The guard in front of every page and the API: password, security headers, tokens against forged forms."""

import base64
import binascii
import secrets

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.api.problems import problem
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

_OPEN_PATHS = ("/healthz",)
_OPEN_FOLDERS = ("/p/", "/static/")
"""Receipts, whose address is the secret, and what they look like."""


class Guard:
    """ASGI middleware: asks for the password, if one is set, and adds the headers. The user name does not matter."""

    def __init__(self, app: ASGIApp, password: Secret) -> None:
        self._app, self._password = app, password

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI 3.0."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)  # a page may be stricter or different where it says so
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        app: ASGIApp = self._app if self._may_enter(scope) else _ask_for_password(scope)
        await app(scope, receive, send_guarded)

    def _may_enter(self, scope: Scope) -> bool:
        if not self._password or scope["path"] in _OPEN_PATHS or scope["path"].startswith(_OPEN_FOLDERS):
            return True
        scheme, _, credentials = Headers(scope=scope).get("Authorization", "").partition(" ")
        try:
            given = base64.b64decode(credentials, validate=True).partition(b":")[2]
        except (binascii.Error, ValueError):
            return False
        return scheme.lower() == "basic" and secrets.compare_digest(given, self._password.value.encode())


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


def _ask_for_password(scope: Scope) -> Response:
    answer: Response
    if scope["path"].startswith("/api/"):
        answer = problem(401, "the password is missing or wrong")
    else:
        answer = PlainTextResponse("Passwort nötig / password needed\n", 401)
    answer.headers["WWW-Authenticate"] = 'Basic realm="emops", charset="UTF-8"'
    return answer
