"""Users, their sessions and tokens, and failures to log in. Changes run inside one unit of work of `Store.write`."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from backend.core.people.access import Account, Role, View
from backend.core.people.login_limit import Failures
from backend.store.people_tables import account, api_token, login_failure, login_session
from backend.store.scope import of_operator

_A, _S, _T, _F = account.c, login_session.c, api_token.c, login_failure.c


@dataclass(frozen=True, slots=True)
class Keys:
    """What an account proves itself with."""

    password_hash: str
    totp_secret: str = ""
    totp_step: int = 0
    recovery: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Session:
    """A browser of a user; `complete` once the second factor was given where there is one."""

    key: str
    account_id: str
    complete: bool
    created_at: datetime
    seen_at: datetime
    address: str
    agent: str


@dataclass(frozen=True, slots=True)
class Token:
    """What lets a program in as a user."""

    id: int
    account_id: str
    name: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None


def any_account(connection: Connection) -> bool:
    """Tell whether there is a user, disabled or not."""
    return connection.execute(select(_A.id).limit(1)).first() is not None


def list_accounts(connection: Connection, view: View) -> list[Account]:
    """List users by login name."""
    rows = connection.execute(select(account).where(of_operator(view, _A.operator_id)).order_by(_A.login))
    return [_account(row) for row in rows]


def find_account(connection: Connection, account_id: str) -> Account | None:
    """Give a user."""
    row = connection.execute(select(account).where(_A.id == account_id)).one_or_none()
    return _account(row) if row else None


def find_login(connection: Connection, login: str) -> Account | None:
    """Give the user of that login name, in any case of letters."""
    row = connection.execute(select(account).where(_A.login == login.strip().lower())).one_or_none()
    return _account(row) if row else None


def add_account(connection: Connection, one: Account, password_hash: str, now: datetime) -> None:
    """Store a new user."""
    values = _values(one) | {"password_hash": password_hash, "created_at": now}
    connection.execute(insert(account).values(values | {"totp_secret": "", "totp_step": 0, "recovery": "[]"}))


def change_account(connection: Connection, one: Account) -> None:
    """Store what was changed of a user, and end their sessions: they come in again as what they are now."""
    connection.execute(update(account).where(_A.id == one.id).values(_values(one)))
    end_sessions(connection, one.id)


def read_keys(connection: Connection, account_id: str) -> Keys:
    """Read what an account proves itself with."""
    columns = (_A.password_hash, _A.totp_secret, _A.totp_step, _A.recovery)
    row = connection.execute(select(*columns).where(_A.id == account_id)).one()
    return Keys(row.password_hash, row.totp_secret, row.totp_step, tuple(json.loads(row.recovery)))


def set_password(connection: Connection, account_id: str, password_hash: str, keep: str = "") -> None:
    """Store a password, and end all sessions but `keep`."""
    connection.execute(update(account).where(_A.id == account_id).values(password_hash=password_hash))
    end_sessions(connection, account_id, keep)


def set_second_factor(connection: Connection, account_id: str, keys: Keys) -> None:
    """Store the second factor of `keys`, or that there is none."""
    values = {"totp_secret": keys.totp_secret, "totp_step": keys.totp_step, "recovery": json.dumps(keys.recovery)}
    connection.execute(update(account).where(_A.id == account_id).values(values))


def with_second_factor(connection: Connection) -> frozenset[str]:
    """Tell which users have a second factor, by their ids."""
    return frozenset(connection.scalars(select(_A.id).where(_A.totp_secret != "")))


def use_step(connection: Connection, account_id: str, step: int) -> bool:
    """Note that the code of a time step was used; False if it, or a later one, was used before."""
    done = connection.execute(update(account).where(_A.id == account_id, _A.totp_step < step).values(totp_step=step))
    return done.rowcount == 1


def use_recovery(connection: Connection, account_id: str, hashed: str) -> bool:
    """Use up a recovery code; False if it is none of those that are left."""
    left = list(read_keys(connection, account_id).recovery)
    if hashed not in left:
        return False
    left.remove(hashed)
    connection.execute(update(account).where(_A.id == account_id).values(recovery=json.dumps(left)))
    return True


def add_session(connection: Connection, one: Session) -> None:
    """Store a session."""
    values = {name: getattr(one, name) for name in login_session.columns.keys()}  # noqa: SIM118  the columns themselves are not names
    connection.execute(insert(login_session).values(values))


def find_session(connection: Connection, key: str) -> tuple[Session, Account] | None:
    """Give a session with its user."""
    row = connection.execute(select(login_session).where(_S.key == key)).one_or_none()
    if row is None:
        return None
    owner = find_account(connection, row.account_id)
    return (Session(*row), owner) if owner else None


def list_sessions(connection: Connection, account_id: str) -> list[Session]:
    """List a user's sessions, the one seen last first."""
    rows = connection.execute(select(login_session).where(_S.account_id == account_id).order_by(_S.seen_at.desc()))
    return [Session(*row) for row in rows]


def touch_session(connection: Connection, key: str, now: datetime) -> None:
    """Note that a session was seen."""
    connection.execute(update(login_session).where(_S.key == key).values(seen_at=now))


def end_session(connection: Connection, key: str) -> None:
    """End a session."""
    connection.execute(delete(login_session).where(_S.key == key))


def end_sessions(connection: Connection, account_id: str, keep: str = "") -> None:
    """End a user's sessions but one."""
    connection.execute(delete(login_session).where(_S.account_id == account_id, _S.key != keep))


def forget_sessions(connection: Connection, created: datetime, seen: datetime) -> int:
    """Delete the sessions that were begun, or seen last, before that; tell how many."""
    return connection.execute(delete(login_session).where((_S.created_at < created) | (_S.seen_at < seen))).rowcount


def read_failures(connection: Connection, key: str) -> Failures:
    """Read how often a login name or an address failed."""
    row = connection.execute(select(login_failure).where(_F.key == key)).one_or_none()
    return Failures(row._mapping["count"], row.last) if row else Failures()


def write_failures(connection: Connection, key: str, failures: Failures) -> None:
    """Store how often a login name or an address failed; none is deleted."""
    if failures.last is None:
        connection.execute(delete(login_failure).where(_F.key == key))
        return
    values = {"count": failures.count, "last": failures.last}
    query = upsert(login_failure).values(key=key, **values)
    connection.execute(query.on_conflict_do_update(index_elements=[_F.key], set_=values))


def forget_failures(connection: Connection, before: datetime) -> int:
    """Delete the failures of long ago; tell how many."""
    return connection.execute(delete(login_failure).where(_F.last < before)).rowcount


def add_token(connection: Connection, one: Token, key: str) -> int:
    """Store a token by the hash of its text, and give its number."""
    values = {"account_id": one.account_id, "name": one.name, "key": key, "scopes": json.dumps(one.scopes)}
    done = connection.execute(insert(api_token).values(**values, created_at=one.created_at, expires_at=one.expires_at))
    number = done.inserted_primary_key
    assert number is not None  # noqa: S101  one row was inserted
    return int(number[0])


def list_tokens(connection: Connection, account_id: str) -> list[Token]:
    """List a user's tokens, the newest first."""
    rows = connection.execute(select(api_token).where(_T.account_id == account_id).order_by(_T.id.desc()))
    return [_token(row) for row in rows]


def find_token(connection: Connection, key: str, now: datetime) -> tuple[Token, Account] | None:
    """Give a token that is valid, with its user."""
    query = select(api_token).where(_T.key == key, _T.revoked_at.is_(None), _T.expires_at > now)
    row = connection.execute(query).one_or_none()
    owner = find_account(connection, row.account_id) if row else None
    return (_token(row), owner) if row and owner else None


def revoke_token(connection: Connection, account_id: str, number: int, now: datetime) -> bool:
    """Revoke a user's token; False if there is none that counts."""
    query = update(api_token).where(_T.id == number, _T.account_id == account_id, _T.revoked_at.is_(None))
    return connection.execute(query.values(revoked_at=now)).rowcount == 1


def _values(one: Account) -> dict[str, object]:
    return {
        "id": one.id,
        "operator_id": one.operator_id or None,
        "login": one.login,
        "name": one.name,
        "role": one.role.value,
        "customer_id": one.customer_id,
        "user_id": one.user_id,
        "locations": json.dumps(one.locations),
        "disabled": one.disabled,
    }


# Any: rows have the columns of their table.
def _account(row: Row[Any]) -> Account:
    return Account(
        id=row.id,
        login=row.login,
        name=row.name,
        role=Role(row.role),
        operator_id=row.operator_id or "",
        customer_id=row.customer_id,
        user_id=row.user_id,
        locations=tuple(json.loads(row.locations)),
        disabled=row.disabled,
    )


def _token(row: Row[Any]) -> Token:
    scopes = tuple(json.loads(row.scopes))
    return Token(row.id, row.account_id, row.name, scopes, row.created_at, row.expires_at, row.revoked_at)
