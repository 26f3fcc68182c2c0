"""How users and programs come in: passwords, second factors, sessions, tokens, and how often one may try."""

import asyncio
import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256

from sqlalchemy import Connection

from backend.core.people.access import Account, AccountError, Visitor, visitor_of
from backend.core.people.login_limit import Failures, Limit, after_failure, locked_until
from backend.core.people.request_rate import Bucket, Rate, take
from backend.errors import AccessError, TooManyError
from backend.people.passwords import is_password
from backend.people.second_factor import recovery_hash, step_of
from backend.people.vault import Vault
from backend.store import accounts
from backend.store.accounts import Session
from backend.store.audit_log import Done, came_in_from, record
from backend.store.writer import Store
from shared.clock import Clock
from shared.config import setting
from shared.ids import Secret
from shared.log import Log

log = Log(__name__)

TOKEN_PREFIX = "emops_"  # noqa: S105  how all tokens begin, so that scanners of code find them

_SEEN_S = 60
"""How exactly it is kept when a session was seen last."""

_MOST_BUCKETS = 5000
"""Tokens and addresses whose requests are counted; beyond, the one known longest begins anew."""

_SECOND_FACTOR = timedelta(minutes=10)
"""For the second factor after the password."""


@dataclass(frozen=True, slots=True)
class LoginSettings:
    """How users log in."""

    idle_s: float = setting(3600.0, unit="s", minimum=60, help="a browser that asks for nothing is logged out after it")
    longest_s: float = setting(43200.0, unit="s", minimum=60, help="a browser is logged out after it in any case")
    tries: int = setting(
        5, minimum=1, help="wrong passwords or codes of one user from one network address, then a pause"
    )
    tries_of_address: int = setting(30, minimum=1, help="the same for one network address, whoever is tried")
    tries_of_user: int = setting(
        100, minimum=1, help="the same for one user from everywhere; who came in from their address before may go on"
    )
    pause_s: float = setting(900.0, unit="s", minimum=1, help="length of that pause")
    requests_of_token: int = setting(600, unit="1/min", minimum=1, help="requests of one token")
    unknown_tokens: int = setting(30, unit="1/min", minimum=1, help="wrong tokens from one network address")


@dataclass(frozen=True, slots=True)
class Entry:
    """What came of a login: the cookie, and whether the second factor is still asked for."""

    cookie: Secret
    complete: bool


class Login:
    """The doors of the backend."""

    def __init__(self, store: Store, clock: Clock, settings: LoginSettings, vault: Vault) -> None:
        self._store, self._clock, self._settings, self._vault = store, clock, settings, vault
        self._buckets: dict[str, Bucket] = {}
        self._has_users = False
        self._one_at_a_time = asyncio.Lock()  # hashing takes memory and a core

    async def has_users(self) -> bool:
        """Tell whether there is a user: from the first one on everybody must log in."""
        self._has_users = self._has_users or await self._store.read(accounts.any_account)
        return self._has_users

    async def by_cookie(self, cookie: str) -> Visitor | None:
        """Find out whose browser this is; None if it is not, or no longer, logged in."""
        found = await self._session(cookie)
        return _visitor(found[1]) if found and found[0].complete else None

    async def by_token(self, text: str, address: str) -> Visitor | None:
        """Find out whose program this is.

        Raises:
            TooManyError: it asks too often, or too many wrong tokens came from there.
        """
        key, now = key_of(text), self._clock.utc()
        found = await self._store.read(lambda unit: accounts.find_token(unit, key, now))
        visitor = _visitor(found[1]) if found else None
        self._count(*((key, self._settings.requests_of_token) if visitor else (address, self._settings.unknown_tokens)))
        return visitor.limited(found[0].scopes) if visitor and found else None

    async def log_in(self, login: str, password: Secret, address: str, agent: str) -> Entry | None:
        """Check a password and open a session; None if it is wrong, or was tried too often.

        Which of these it was, and whether there is such a user, can't be told from the answer or its time.
        """
        name = login.strip().lower()
        found = await self._store.read(lambda unit: _with_keys(unit, accounts.find_login(unit, name)))
        right = await self._matches(found[1].password_hash if found and not found[0].disabled else "", password)

        def enter(connection: Connection) -> Entry | None:
            if not self._may_try(connection, name, address):
                return None
            if not right or not found:
                self._failed(connection, name, address, "login_failed", found[0] if found else None)
                return None
            complete = not found[1].totp_secret
            if complete:
                self._succeeded(connection, found[0], address)
                record(connection, done_by(found[0], self._clock.utc(), "login", "", address))
                log.info("logged_in", account=found[0].id, address=address)
            return self._open(connection, found[0], complete, address, agent)

        return await self._store.write(enter)

    async def second_factor(self, cookie: str, code: str, address: str, agent: str) -> Entry | None:
        """Check the code of the app, or a recovery code, and open the session in place of the one that waited."""
        found = await self._session(cookie)
        if found is None or found[0].complete:
            return None
        owner, now = found[1], self._clock.utc()

        def enter(connection: Connection) -> Entry | None:
            keys = accounts.read_keys(connection, owner.id)
            if not self._may_try(connection, owner.login, address):
                return None
            step = self._step(keys, code)
            good = step is not None and accounts.use_step(connection, owner.id, step)
            if not good and not accounts.use_recovery(connection, owner.id, recovery_hash(code)):
                self._failed(connection, owner.login, address, "second_factor_failed", owner)
                return None
            accounts.end_session(connection, key_of(cookie))
            self._succeeded(connection, owner, address)
            record(connection, done_by(owner, now, "login", "", address))
            log.info("logged_in", account=owner.id, address=address)
            return self._open(connection, owner, True, address, agent)

        return await self._store.write(enter)

    async def confirm(self, account_id: str, password: Secret, address: str) -> bool:
        """Ask a user who is logged in for their password once more; as often as at the login and no more."""
        owner = await self._store.read(lambda unit: accounts.find_account(unit, account_id))
        if owner is None:
            return False
        keys = await self._store.read(lambda unit: accounts.read_keys(unit, account_id))
        right = await self._matches(keys.password_hash, password)

        def judge(connection: Connection) -> bool:
            if not self._may_try(connection, owner.login, address):
                return False
            if right:
                self._succeeded(connection, owner, address)
            else:
                self._failed(connection, owner.login, address, "password_failed", owner)
            return right

        return await self._store.write(judge)

    async def log_out(self, cookie: str) -> None:
        """End a session."""
        await self._store.write(lambda unit: accounts.end_session(unit, key_of(cookie)))

    async def _session(self, cookie: str) -> tuple[Session, Account] | None:
        if not cookie:
            return None
        key, now = key_of(cookie), self._clock.utc()
        found = await self._store.read(lambda unit: accounts.find_session(unit, key))
        if found is None or found[1].disabled:
            return None
        session = found[0]
        longest = timedelta(seconds=self._settings.longest_s) if session.complete else _SECOND_FACTOR
        if session.created_at + longest <= now or session.seen_at + timedelta(seconds=self._settings.idle_s) <= now:
            return None
        if session.seen_at + timedelta(seconds=_SEEN_S) <= now:
            await self._store.write(lambda unit: accounts.touch_session(unit, key, now))
        return found

    def _open(self, connection: Connection, owner: Account, complete: bool, address: str, agent: str) -> Entry:
        cookie, now, settings = secrets.token_urlsafe(32), self._clock.utc(), self._settings
        begun, seen = now - timedelta(seconds=settings.longest_s), now - timedelta(seconds=settings.idle_s)
        accounts.forget_sessions(connection, begun, seen)
        accounts.forget_failures(connection, now - timedelta(seconds=settings.pause_s))
        accounts.add_session(connection, Session(key_of(cookie), owner.id, complete, now, now, address, agent[:200]))
        return Entry(Secret(cookie), complete)

    async def _matches(self, stored: str, password: Secret) -> bool:
        async with self._one_at_a_time:
            return await asyncio.to_thread(is_password, password, stored)

    def _step(self, keys: accounts.Keys, code: str) -> int | None:
        try:
            return step_of(self._vault.open(keys.totp_secret), code, self._clock.utc(), keys.totp_step)
        except AccessError as error:
            log.error("second_factor_unreadable", reason=error)
            return None  # recovery codes still work

    def _count(self, key: str, per_minute: int) -> None:
        bucket, wait_s = take(self._buckets.get(key), Rate(per_minute), self._clock.uptime())
        if key not in self._buckets and len(self._buckets) >= _MOST_BUCKETS:
            del self._buckets[next(iter(self._buckets))]
        self._buckets[key] = bucket
        if wait_s:
            raise TooManyError(f"too many requests: wait {wait_s:.0f} s")

    def _limits(self, name: str, address: str) -> tuple[tuple[str, Limit], ...]:
        """Give what counts failures: of both together, of the address, and of the user from everywhere.

        The first keeps a stranger from locking a user out, the last keeps many addresses from trying one user.
        """
        pause = timedelta(seconds=self._settings.pause_s)
        return (
            (key_of(f"login {name} from {address}"), Limit(self._settings.tries, pause)),
            (key_of(f"address {address}"), Limit(self._settings.tries_of_address, pause)),
            (key_of(f"login {name}"), Limit(self._settings.tries_of_user, pause)),
        )

    def _may_try(self, connection: Connection, name: str, address: str) -> bool:
        now = self._clock.utc()
        here, there, everywhere = (
            locked_until(accounts.read_failures(connection, key), limit, now) is not None
            for key, limit in self._limits(name, address)
        )
        if here or there or not everywhere:
            return not here and not there
        owner = accounts.find_login(connection, name)
        return owner is not None and came_in_from(connection, owner.id, address)

    def _failed(self, connection: Connection, name: str, address: str, action: str, owner: Account | None) -> None:
        now = self._clock.utc()
        for key, limit in self._limits(name, address):
            failures = after_failure(accounts.read_failures(connection, key), limit, now)
            accounts.write_failures(connection, key, failures)
            if failures.count == limit.tries:
                log.warning("login_paused", account=owner.id if owner else "unknown", address=address)
        if owner:  # what was typed where there is no such user may be a password
            record(connection, done_by(owner, now, action, "", address))

    def _succeeded(self, connection: Connection, owner: Account, address: str) -> None:
        for key, _ in self._limits(owner.login, address)[:2]:
            accounts.write_failures(connection, key, Failures())


def done_by(owner: Account, now: datetime, action: str, what: str, address: str) -> Done:
    """Make the entry of what a user did."""
    return Done(now, owner.operator_id, owner.id, owner.login, action, what, address)


def key_of(text: str) -> str:
    """Give what is kept of a cookie or token: it has so many bits that a plain hash is enough."""
    return sha256(text.encode()).hexdigest()


def new_token() -> Secret:
    """Make the text of a token."""
    return Secret(TOKEN_PREFIX + secrets.token_urlsafe(32))


def _visitor(owner: Account) -> Visitor | None:
    if owner.disabled:
        return None
    try:
        return replace(visitor_of(owner), name=owner.login)
    except AccountError as error:
        log.warning("account_unusable", account=owner.id, reason=error)
        return None


def _with_keys(connection: Connection, owner: Account | None) -> tuple[Account, accounts.Keys] | None:
    return (owner, accounts.read_keys(connection, owner.id)) if owner else None
