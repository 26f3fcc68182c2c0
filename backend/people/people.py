"""What administrators do to users, by page and by command: one unit of work each, checked and recorded."""

import re
import secrets
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Connection, select

from backend.core.people.access import EVERYTHING, GRANTS, Account, AccountError, Permission, Role, view_of
from backend.errors import AccessError
from backend.people.login import key_of, new_token
from backend.people.passwords import LONGEST, SHORTEST
from backend.people.second_factor import new_secret, recovery_codes, recovery_hash
from backend.people.vault import Vault
from backend.store import accounts
from backend.store.accounts import Keys, Token
from backend.store.tables import customer, operator
from shared.ids import Secret

_LOGIN = re.compile(r"[a-z0-9][a-z0-9._@+-]{1,99}")
LONGEST_TOKEN_DAYS = 730


def check_password(password: Secret) -> None:
    """Check that a password can be taken.

    Raises:
        AccessError: it is too short or too long.
    """
    if not SHORTEST <= len(password.value) <= LONGEST:
        raise AccessError(f"a password has {SHORTEST} to {LONGEST} characters")


def add_user(connection: Connection, wanted: Account, password_hash: str, now: datetime) -> Account:
    """Store a new user; its id is chosen here.

    Raises:
        AccessError: the login name is taken or can't be used, or the role lacks what it is narrowed by.
    """
    one = replace(wanted, id=secrets.token_hex(16), login=wanted.login.strip().lower())
    if not _LOGIN.fullmatch(one.login):
        raise AccessError("a login name has 2 to 100 letters, digits or . _ @ + - and begins with a letter or digit")
    if accounts.find_login(connection, one.login):
        raise AccessError(f"the login name {one.login} is taken")
    _check(connection, one)
    accounts.add_account(connection, one, password_hash, now)
    return one


def change_user(connection: Connection, one: Account) -> None:
    """Store what was changed of a user; their browsers are logged out.

    Raises:
        AccessError: as `add_user`, or nobody would be left who may manage users.
    """
    _check(connection, one)
    before = accounts.find_account(connection, one.id)
    if before and _is_administrator(before) and not (_is_administrator(one) and one.role is before.role):
        _check_others(connection, before)
    accounts.change_account(connection, one)


def known(connection: Connection, login: str) -> Account:
    """Give the user of a login name.

    Raises:
        AccessError: there is none.
    """
    found = accounts.find_login(connection, login)
    if found is None:
        raise AccessError(f"there is no user {login!r}; emops-backend user list tells them")
    return found


def set_up_second_factor(connection: Connection, account_id: str, vault: Vault) -> tuple[Secret, list[str]]:
    """Give a user a second factor, and what they must keep: the app's secret and codes for the day it is lost."""
    secret = new_secret()
    return secret, take_second_factor(connection, account_id, vault.seal(secret))


def take_second_factor(
    connection: Connection, account_id: str, sealed: str, *, step: int = 0, keep: str = ""
) -> list[str]:
    """Store a second factor whose secret the user's app has; give codes for the day it is lost.

    Args:
        connection: of the unit of work.
        account_id: whose.
        sealed: the secret as `Vault.seal` gave it.
        step: of the code that proved it, which works no more.
        keep: the session that goes on.
    """
    codes = recovery_codes()
    hashes = tuple(recovery_hash(code) for code in codes)
    accounts.set_second_factor(connection, account_id, Keys("", sealed, step, hashes))
    accounts.end_sessions(connection, account_id, keep)
    return codes


def reset_second_factor(connection: Connection, account_id: str, keep: str = "") -> None:
    """Take the second factor away, for one who lost phone and codes; their browsers but `keep` are logged out."""
    accounts.set_second_factor(connection, account_id, Keys(""))
    accounts.end_sessions(connection, account_id, keep)


def add_token(  # noqa: PLR0917  one argument for each part of the token
    connection: Connection, owner: Account, name: str, scopes: tuple[str, ...], days: int, now: datetime
) -> tuple[int, Secret]:
    """Make a token, and give its number and its text, which is kept nowhere.

    Raises:
        AccessError: it would be allowed more than its owner, or be valid too long.
    """
    own = GRANTS[owner.role]
    if wrong := [one for one in scopes if one not in tuple(Permission) or Permission(one) not in own]:
        raise AccessError(f"a token of {owner.login} can't have {', '.join(wrong)}; choose of {', '.join(sorted(own))}")
    if not scopes or not 1 <= days <= LONGEST_TOKEN_DAYS:
        raise AccessError(f"a token has at least one scope and is valid for 1 to {LONGEST_TOKEN_DAYS} days")
    text = new_token()
    one = Token(0, owner.id, name[:100], scopes, now, now + timedelta(days=days), None)
    return accounts.add_token(connection, one, key_of(text.value)), text


def _is_administrator(one: Account) -> bool:
    return not one.disabled and Permission.MANAGE_USERS in GRANTS[one.role]


def _check_others(connection: Connection, one: Account) -> None:
    every = accounts.list_accounts(connection, EVERYTHING)
    over = (Role.PLATFORM,) if one.role is Role.PLATFORM else (Role.PLATFORM, one.role)
    if not any(
        other.id != one.id
        and _is_administrator(other)
        and other.role in over
        and other.operator_id in ("", one.operator_id)
        for other in every
    ):
        raise AccessError(f"{one.login} is the last administrator: make somebody else one first")


def _check(connection: Connection, one: Account) -> None:
    try:
        view_of(one)
    except AccountError as error:
        raise AccessError(str(error)) from error
    if one.operator_id and connection.scalar(select(operator.c.id).where(operator.c.id == one.operator_id)) is None:
        raise AccessError(f"there is no operator {one.operator_id!r}")
    if one.customer_id:
        c = customer.c
        query = select(c.id).where(c.id == one.customer_id, c.operator_id == one.operator_id)
        if connection.scalar(query) is None:
            raise AccessError(f"the operator {one.operator_id} has no customer {one.customer_id!r}")
