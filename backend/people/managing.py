"""What an administrator may do to other users, checked and recorded: one unit of work each."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from backend.core.people.access import Account, Visitor, may_manage
from backend.errors import AccessError
from backend.people.people import add_user, change_user, reset_second_factor
from backend.store import accounts
from backend.store.audit_log import Done, record


def add(  # noqa: PLR0917  who, whom, and what is recorded
    connection: Connection, manager: Visitor, wanted: Account, password_hash: str, now: datetime, address: str
) -> Account:
    """Add a user.

    Raises:
        AccessError: the manager may not make such a user, or see `add_user`.
    """
    _check(manager, wanted)
    made = add_user(connection, wanted, password_hash, now)
    _record(connection, manager, made, "user_added", now, address)
    return made


def change(  # noqa: PLR0917  as `add`
    connection: Connection, manager: Visitor, wanted: Account, action: str, now: datetime, address: str
) -> None:
    """Change the role of a user or what they are narrowed by, or keep them out.

    Raises:
        AccessError: the manager may not make the user what they were or shall be, or nobody would be left to manage.
    """
    found = _manageable(connection, manager, wanted.id)
    _check(manager, wanted)
    if manager.account_id == found.id:
        raise AccessError("not_yourself")
    change_user(connection, replace(wanted, login=found.login))
    _record(connection, manager, wanted, action, now, address)


def give_password(  # noqa: PLR0917  as `add`
    connection: Connection, manager: Visitor, account_id: str, password_hash: str, now: datetime, address: str
) -> None:
    """Give a user another password.

    Raises:
        AccessError: the manager may not.
    """
    found = _manageable(connection, manager, account_id)
    accounts.set_password(connection, account_id, password_hash)
    _record(connection, manager, found, "password_set", now, address)


def take_factor(connection: Connection, manager: Visitor, account_id: str, now: datetime, address: str) -> None:
    """Take a lost second factor away.

    Raises:
        AccessError: the manager may not.
    """
    found = _manageable(connection, manager, account_id)
    reset_second_factor(connection, account_id)
    _record(connection, manager, found, "totp_reset", now, address)


def _manageable(connection: Connection, manager: Visitor, account_id: str) -> Account:
    found = accounts.find_account(connection, account_id)
    if found is None:
        raise AccessError("not_yours")
    _check(manager, found)
    return found


def _check(manager: Visitor, account: Account) -> None:
    if not may_manage(manager, account):
        raise AccessError("not_yours")


def _record(  # noqa: PLR0917  as `add`
    connection: Connection, manager: Visitor, account: Account, action: str, now: datetime, address: str
) -> None:
    what = f"{account.login}: {account.role}"
    record(connection, Done(now, account.operator_id, manager.account_id, manager.name, action, what, address))
