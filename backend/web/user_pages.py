"""Pages of an administrator: the users, and what was done by whom."""

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from functools import partial
from typing import Any

from sqlalchemy import Connection
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from backend.api.permissions import visitor_of
from backend.core.people.access import MANAGED_BY_OPERATOR, Account, Role, View
from backend.errors import AccessError, ApplyError
from backend.people import managing
from backend.people.passwords import hash_password
from backend.services.entry_checks import day_of
from backend.store import accounts
from backend.store.audit_log import Wanted, list_actions, list_entries
from backend.store.scope import of_operator
from backend.store.tables import operator
from backend.web.formats import Formats
from backend.web.remote import read_form
from backend.web.security import CSRF_FIELD, is_own_form
from backend.web.site import Site
from backend.web.views import parse_id
from shared.ids import Secret

_ENTRIES = 100
"""On one page."""


class UserPages:
    """The users, one user, and the audit log."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def users(self, request: Request) -> Response:
        """List the users, with a form to add one."""
        return await self._list(request)

    async def add(self, request: Request) -> Response:
        """Add a user, and show the first password once."""
        form = await read_form(request)
        if not is_own_form(request, form.get(CSRF_FIELD, "")):
            return await self._list(request, "stale_form", 403)
        manager, password = visitor_of(request), _new_password()
        hashed = await asyncio.to_thread(hash_password, password)
        try:
            wanted = _account(form, form.get("operator", "") or manager.view.operator_id)
            wanted = replace(wanted, login=form.get("login", ""), name=form.get("name", "")[:100])
            work = partial(managing.add, manager=manager, wanted=wanted, password_hash=hashed, **self._when(request))
            made = await self._site.store.write(work)
        except AccessError as error:
            return await self._list(request, str(error), 409)
        return await self._one(request, made.id, password=password)

    async def one(self, request: Request) -> Response:
        """Show a user and what can be done to them."""
        return await self._one(request, request.path_params["id"])

    async def act(self, request: Request) -> Response:
        """Change a user."""
        form, account_id = await read_form(request), request.path_params["id"]
        if not is_own_form(request, form.get(CSRF_FIELD, "")):
            return await self._one(request, account_id, "stale_form", 403)
        if form.get("verb") != "role" and not form.get("sure"):
            return await self._one(request, account_id, "not_sure", 409)
        password: Secret | None = None
        try:
            if form.get("verb") == "password":
                password = _new_password()
            await self._site.store.write(await self._work(request, form, account_id, password))
        except AccessError as error:
            return await self._one(request, account_id, str(error), 409)
        if password:
            return await self._one(request, account_id, password=password)
        return RedirectResponse(request.url.path, 303)

    async def _work(
        self, request: Request, form: dict[str, str], account_id: str, password: Secret | None
    ) -> Callable[[Connection], None]:
        who, when, found = visitor_of(request), self._when(request), await self._find(account_id)
        match form.get("verb"):
            case "role":
                wanted = replace(_account(form, found.operator_id), id=found.id, login=found.login, name=found.name)
                wanted = replace(wanted, disabled=found.disabled)
                return partial(managing.change, manager=who, wanted=wanted, action="role_changed", **when)
            case "disable" | "enable" as verb:
                wanted = replace(found, disabled=verb == "disable")
                return partial(managing.change, manager=who, wanted=wanted, action=f"user_{verb}d", **when)
            case "factor":
                return partial(managing.take_factor, manager=who, account_id=account_id, **when)
            case "password" if password:
                hashed = await asyncio.to_thread(hash_password, password)
                work = managing.give_password
                return partial(work, manager=who, account_id=account_id, password_hash=hashed, **when)
        raise HTTPException(400)

    async def audit(self, request: Request) -> Response:
        """Show who did what, filtered by what the address says."""
        reader, query, problem = await self._site.reader(request), request.query_params, ""
        before = parse_id(query["before"]) if query.get("before") else None
        wanted = Wanted(query.get("actor", ""), query.get("action", ""), query.get("object", ""))
        try:
            since, until = (_day(query.get(name, ""), reader.formats) for name in ("since", "until"))
            wanted = replace(wanted, since=since, until=until + timedelta(days=1) if until else None)
        except ApplyError:
            problem = "wrong_day"
        entries, actions = await self._site.store.read(
            lambda unit: (
                list_entries(unit, reader.view, _ENTRIES + 1, before, wanted),
                list_actions(unit, reader.view),
            )
        )
        values = {
            "entries": entries[:_ENTRIES],
            "more": entries[_ENTRIES - 1].id if len(entries) > _ENTRIES else None,
            "before": before,
            "actions": actions,
            "filled": {name: query.get(name, "") for name in ("actor", "action", "object", "since", "until")},
            "problem": problem,
        }
        return self._site.page(request, reader, "audit", values, 422 if problem else 200)

    def _when(self, request: Request) -> "dict[str, Any]":
        return {"now": self._site.clock.utc(), "address": request.client.host if request.client else ""}

    async def _find(self, account_id: str) -> Account:
        found = await self._site.store.read(lambda unit: accounts.find_account(unit, account_id))
        if found is None:
            raise HTTPException(404)
        return found

    async def _operators(self, view: View) -> "list[tuple[str, str]]":
        query = operator.select().with_only_columns(operator.c.id, operator.c.name).order_by(operator.c.name)
        query = query.where(of_operator(view, operator.c.id))
        return await self._site.store.read(lambda unit: [(row.id, row.name) for row in unit.execute(query)])

    async def _list(self, request: Request, problem: str = "", status: int = 200) -> Response:
        reader = await self._site.reader(request)
        users, factors = await self._site.store.read(
            lambda unit: (accounts.list_accounts(unit, reader.view), accounts.with_second_factor(unit))
        )
        values = {
            "users": users,
            "factors": factors,
            "operators": await self._operators(reader.view),
            "roles": _roles(reader.view),
            "problem": problem,
        }
        return self._site.page(request, reader, "users", values, status)

    async def _one(
        self, request: Request, account_id: str, problem: str = "", status: int = 200, password: Secret | None = None
    ) -> Response:
        reader, found = await self._site.reader(request), await self._find(account_id)
        factors = await self._site.store.read(accounts.with_second_factor)
        values = {
            "one": found,
            "has_factor": found.id in factors,
            "itself": found.id == reader.visitor.account_id,
            "roles": [role for role in _roles(reader.view) if (role is Role.PLATFORM) == (not found.operator_id)],
            "password": password.value if password else "",
            "problem": problem,
        }
        return self._site.page(request, reader, "user", values, status)


def _roles(view: View) -> list[Role]:
    return [role for role in Role if not view.operator_id or role in MANAGED_BY_OPERATOR]


def _account(form: dict[str, str], operator_id: str) -> Account:
    """Read the role and what it is narrowed by; what does not belong to the role is left out."""
    try:
        role = Role(form.get("role", ""))
    except ValueError as error:
        raise AccessError("no_role") from error
    return Account(
        "",
        "",
        "",
        role,
        "" if role is Role.PLATFORM else operator_id,
        form.get("customer", "") if role is Role.CUSTOMER else "",
        form.get("person", "") if role is Role.DRIVER else "",
        tuple(form.get("locations", "").split()) if role is Role.HOST else (),
    )


def _new_password() -> Secret:
    return Secret(secrets.token_urlsafe(12))


def _day(text: str, formats: Formats) -> datetime | None:
    if not text:
        return None
    return datetime.combine(day_of(text, "day"), time(), formats.zone).astimezone(UTC)
