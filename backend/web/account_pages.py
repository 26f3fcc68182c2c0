"""The page of one's own account: password, second factor, browsers that are logged in, tokens of programs."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from sqlalchemy import Connection
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from backend.api.permissions import visitor_of
from backend.core.people.access import Account, Permission
from backend.documents.qr import draw_text
from backend.errors import AccessError
from backend.people.login import Login, done_by, key_of
from backend.people.passwords import hash_password
from backend.people.people import (
    LONGEST_TOKEN_DAYS,
    add_token,
    check_password,
    reset_second_factor,
    take_second_factor,
)
from backend.people.second_factor import address as app_address
from backend.people.second_factor import new_secret, step_of
from backend.people.vault import Vault
from backend.store import accounts
from backend.store.audit_log import record
from backend.web.remote import read_fields
from backend.web.security import CSRF_FIELD, SESSION_COOKIE, is_own_form
from backend.web.site import Site
from backend.web.views import parse_id
from shared.ids import Secret

_MAX_FORM = 8192
_MAX_FIELDS = 60
_DIGITS = 5
_PATH = "/account"

T = TypeVar("T")
Fields = dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class Shown:
    """What is shown once: the code for the app with its sealed secret, codes to keep, or the text of a token."""

    drawing: str = ""
    secret: str = ""
    sealed: str = ""
    codes: tuple[str, ...] = ()
    token: str = ""


class AccountPages:
    """The page of one's own account. A POST does something and shows the page again."""

    def __init__(self, site: Site, login: Login, vault: Vault) -> None:
        self._site, self._login, self._vault = site, login, vault

    async def show(self, request: Request) -> Response:
        """Show what the visitor has."""
        return await self._show(request)

    async def act(self, request: Request) -> Response:
        """Do what the form says."""
        fields = await read_fields(request, _MAX_FORM, _MAX_FIELDS)
        if not is_own_form(request, _one(fields, CSRF_FIELD)):
            return await self._show(request, "stale_form", 403)
        acts = {
            "password": self._change_password,
            "enrol": self._enrol,
            "confirm": self._confirm,
            "no_factor": self._remove_factor,
            "end": self._end_session,
            "token": self._add_token,
            "revoke": self._revoke,
        }
        act = acts.get(_one(fields, "verb"))
        if act is None:
            raise HTTPException(400)
        try:
            shown = await act(request, await self._owner(request), fields)
        except AccessError as error:
            return await self._show(request, str(error), 409)
        return await self._show(request, shown=shown) if shown else _back(request)

    async def _change_password(self, request: Request, owner: Account, fields: Fields) -> None:
        new = Secret(_one(fields, "new"))
        check_password(new)
        if new.value != _one(fields, "again"):
            raise AccessError("passwords_differ")
        await self._prove(request, owner, fields)
        hashed = await asyncio.to_thread(hash_password, new)
        keep = _session(request)
        await self._do(request, owner, "password_set", partial(_set_password, owner.id, hashed, keep))

    async def _enrol(self, request: Request, owner: Account, fields: Fields) -> Shown:
        await self._prove(request, owner, fields)
        return self._offer(owner, new_secret())

    async def _confirm(self, request: Request, owner: Account, fields: Fields) -> Shown:
        """Take the second factor once the app has shown that it knows the secret."""
        whose, _, text = self._vault.open(_one(fields, "sealed")).value.partition(" ")
        if whose != owner.id:
            raise AccessError("stale_form")
        secret = Secret(text)
        step = step_of(secret, _one(fields, "code"), self._site.clock.utc(), 0)
        if step is None:
            raise AccessError("wrong_code_enrol")
        sealed, keep = self._vault.seal(secret), _session(request)
        work = partial(take_second_factor, account_id=owner.id, sealed=sealed, step=step, keep=keep)
        codes = await self._do(request, owner, "totp_set_up", work)
        return Shown(codes=tuple(codes))

    async def _remove_factor(self, request: Request, owner: Account, fields: Fields) -> None:
        if not _one(fields, "sure"):
            raise AccessError("not_sure")
        await self._prove(request, owner, fields)
        work = partial(reset_second_factor, account_id=owner.id, keep=_session(request))
        await self._do(request, owner, "totp_reset", work)

    async def _end_session(self, request: Request, owner: Account, fields: Fields) -> None:
        wanted = _one(fields, "session")

        def end(connection: Connection) -> None:
            for one in accounts.list_sessions(connection, owner.id):
                if wanted == one.key or (wanted == "others" and one.key != _session(request)):
                    accounts.end_session(connection, one.key)

        await self._do(request, owner, "sessions_ended", end)

    async def _add_token(self, request: Request, owner: Account, fields: Fields) -> Shown:
        scopes, days = tuple(fields.get("scope", ())), _one(fields, "days")
        granted = visitor_of(request).granted
        if not scopes or not all(one in tuple(Permission) and Permission(one) in granted for one in scopes):
            raise AccessError("token_scopes")
        if not (days.isdecimal() and len(days) < _DIGITS and 1 <= int(days) <= LONGEST_TOKEN_DAYS):
            raise AccessError("token_days")
        now, name = self._site.clock.utc(), _one(fields, "name")
        work = partial(add_token, owner=owner, name=name, scopes=scopes, days=int(days), now=now)
        _, text = await self._do(request, owner, "token_added", work, name)
        return Shown(token=text.value)

    async def _revoke(self, request: Request, owner: Account, fields: Fields) -> None:
        number, now = parse_id(_one(fields, "number")), self._site.clock.utc()
        work = partial(accounts.revoke_token, account_id=owner.id, number=number, now=now)
        await self._do(request, owner, "token_revoked", work, str(number))

    def _offer(self, owner: Account, secret: Secret) -> Shown:
        sealed = self._vault.seal(Secret(f"{owner.id} {secret.value}"))
        return Shown(draw_text(app_address(secret, owner.login, "emops")), secret.value, sealed)

    async def _prove(self, request: Request, owner: Account, fields: Fields) -> None:
        """Ask for the password again: a browser left alone must not be enough to keep its owner out."""
        if not await self._login.confirm(owner.id, Secret(_one(fields, "old")), _address(request)):
            raise AccessError("wrong_password")

    async def _do(
        self, request: Request, owner: Account, action: str, work: Callable[[Connection], T], what: str = ""
    ) -> T:
        now, address = self._site.clock.utc(), _address(request)

        def unit(connection: Connection) -> T:
            result = work(connection)
            record(connection, done_by(owner, now, action, what, address))
            return result

        return await self._site.store.write(unit)

    async def _owner(self, request: Request) -> Account:
        account_id = visitor_of(request).account_id
        found = await self._site.store.read(lambda unit: accounts.find_account(unit, account_id))
        if found is None:
            raise AccessError("no_users_yet")
        return found

    async def _show(
        self, request: Request, problem: str = "", status: int = 200, shown: Shown | None = None
    ) -> Response:
        reader = await self._site.reader(request)
        who = reader.visitor.account_id
        owner = await self._site.store.read(lambda unit: accounts.find_account(unit, who))
        keys, sessions, tokens = await self._site.store.read(
            lambda unit: (
                accounts.read_keys(unit, who) if owner else None,
                accounts.list_sessions(unit, who),
                accounts.list_tokens(unit, who),
            )
        )
        values = {
            "owner": owner,
            "has_factor": bool(keys and keys.totp_secret),
            "codes_left": len(keys.recovery) if keys else 0,
            "sessions": [one for one in sessions if one.complete],
            "own_session": _session(request),
            "tokens": tokens,
            "scopes": [one for one in Permission if reader.visitor.may(one)],
            "most_days": LONGEST_TOKEN_DAYS,
            "problem": problem,
            "shown": shown,
        }
        return self._site.page(request, reader, "account", values, status)


def _set_password(account_id: str, hashed: str, keep: str, connection: Connection) -> None:
    accounts.set_password(connection, account_id, hashed, keep)


def _one(fields: Fields, name: str) -> str:
    return fields.get(name, [""])[0]


def _session(request: Request) -> str:
    return key_of(request.cookies.get(SESSION_COOKIE, ""))


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


def _back(request: Request) -> Response:
    return RedirectResponse(f"{request.scope.get('root_path', '').rstrip('/')}{_PATH}", 303)
