"""The command line of users: the first administrator, passwords, second factors, tokens of programs."""

import argparse
import getpass
import os
import sys
from typing import TYPE_CHECKING

from backend.commands.tariff import Command
from backend.commands.tariff_reports import with_store
from backend.core.people.access import Account, Permission, Role
from backend.errors import AccessError
from backend.settings import Settings
from shared.ids import Secret

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    from sqlalchemy import Connection

    T = TypeVar("T")

_PASSWORD = "EMOPS_PASSWORD"  # noqa: S105  name of the environment variable
_FROM = "command line"


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("login", help="name to log in by, for instance a mail address")
    parser.add_argument("--role", choices=tuple(Role), default=Role.OPERATOR_ADMIN, help="operator_admin")
    parser.add_argument("--operator", default="", metavar="ID", help="whose user; none for the role platform")
    parser.add_argument("--name", default="", help="of the person")
    parser.add_argument("--customer", default="", metavar="ID", help="for the role customer: which one")
    parser.add_argument("--person", default="", metavar="ID", help="for the role driver: user id of their tokens")
    parser.add_argument("--location", action="append", default=[], metavar="ID", help="for the role host: which site")


def _login_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("login", help="as list tells it")


def _disable_arguments(parser: argparse.ArgumentParser) -> None:
    _login_argument(parser)
    parser.add_argument("--enable", action="store_true", help="let them in again")


def _token_arguments(parser: argparse.ArgumentParser) -> None:
    _login_argument(parser)
    parser.add_argument("scope", nargs="+", choices=tuple(Permission), metavar="SCOPE", help="what the program may do")
    parser.add_argument("--name", default="", help="what it is for")
    parser.add_argument("--days", type=int, default=365, help="how long it is valid; 365")


def _revoke_arguments(parser: argparse.ArgumentParser) -> None:
    _login_argument(parser)
    parser.add_argument("number", type=int, help="as tokens tells it")


def _add(options: argparse.Namespace, settings: Settings) -> int:
    from backend.people.passwords import hash_password
    from backend.people.people import add_user

    wanted = Account(
        "",
        options.login,
        options.name,
        Role(options.role),
        options.operator,
        options.customer,
        options.person,
        tuple(options.location),
    )
    hashed = hash_password(_ask_password())
    now = settings.clock.build().utc()
    made = _change(settings, "user_added", options, lambda unit: add_user(unit, wanted, hashed, now))
    print(f"{made.login} ({made.role}) may log in now; from the first user on everybody has to")
    return 0


def _list(options: argparse.Namespace, settings: Settings) -> int:  # noqa: ARG001  each command gets them
    from backend.core.people.access import EVERYTHING
    from backend.store.accounts import list_accounts

    for one in with_store(settings, lambda store: store.read(lambda unit: list_accounts(unit, EVERYTHING))):
        whose = one.operator_id or "all operators"
        print(f"{one.login}\t{one.role}\t{whose}\t{one.name}{chr(9) + 'disabled' if one.disabled else ''}")
    return 0


def _set_password(options: argparse.Namespace, settings: Settings) -> int:
    from backend.people.passwords import hash_password
    from backend.people.people import known
    from backend.store.accounts import set_password

    hashed = hash_password(_ask_password())
    _change(settings, "password_set", options, lambda unit: set_password(unit, known(unit, options.login).id, hashed))
    print(f"{options.login} has a new password; their browsers were logged out")
    return 0


def _set_up(options: argparse.Namespace, settings: Settings) -> int:
    from backend.people.people import known, set_up_second_factor
    from backend.people.second_factor import address
    from backend.people.vault import Vault, key_path

    vault = Vault(key_path(settings.store.path))
    secret, codes = _change(
        settings, "totp_set_up", options, lambda unit: set_up_second_factor(unit, known(unit, options.login).id, vault)
    )
    print(f"for the app, shown only now: {address(secret, options.login, 'emops')}")
    print("recovery codes, each works once:")
    print("\n".join(codes))
    return 0


def _reset(options: argparse.Namespace, settings: Settings) -> int:
    from backend.people.people import known, reset_second_factor

    _change(settings, "totp_reset", options, lambda unit: reset_second_factor(unit, known(unit, options.login).id))
    print(f"{options.login} logs in without second factor until they set one up again")
    return 0


def _disable(options: argparse.Namespace, settings: Settings) -> int:
    from dataclasses import replace

    from backend.people.people import change_user, known

    _change(
        settings,
        "user_enabled" if options.enable else "user_disabled",
        options,
        lambda unit: change_user(unit, replace(known(unit, options.login), disabled=not options.enable)),
    )
    print(f"{options.login} {'may log in again' if options.enable else 'is out; their tokens are worth nothing'}")
    return 0


def _token(options: argparse.Namespace, settings: Settings) -> int:
    from backend.people.people import add_token, known

    now = settings.clock.build().utc()
    number, text = _change(
        settings,
        "token_added",
        options,
        lambda unit: add_token(unit, known(unit, options.login), options.name, tuple(options.scope), options.days, now),
    )
    print(f"token {number}, shown only now:\n{text.value}")
    return 0


def _tokens(options: argparse.Namespace, settings: Settings) -> int:
    from backend.people.people import known
    from backend.store.accounts import list_tokens

    for one in with_store(
        settings, lambda store: store.read(lambda unit: list_tokens(unit, known(unit, options.login).id))
    ):
        state = "revoked" if one.revoked_at else f"until {one.expires_at:%Y-%m-%d}"
        print(f"{one.id}\t{state}\t{' '.join(one.scopes)}\t{one.name}")
    return 0


def _revoke(options: argparse.Namespace, settings: Settings) -> int:
    from backend.people.people import known
    from backend.store.accounts import revoke_token

    now = settings.clock.build().utc()
    if not _change(
        settings,
        "token_revoked",
        options,
        lambda unit: revoke_token(unit, known(unit, options.login).id, options.number, now),
    ):
        raise AccessError(f"{options.login} has no valid token {options.number}")
    print(f"token {options.number} is worth nothing any more")
    return 0


def _change(settings: Settings, action: str, options: argparse.Namespace, work: "Callable[[Connection], T]") -> "T":
    """Do it, and record to whom, and who did it as the machine knows them; their operator may see it."""
    from backend.people.people import known
    from backend.store.audit_log import Done, record

    now, who = settings.clock.build().utc(), getpass.getuser()

    def unit(connection: "Connection") -> "T":
        result = work(connection)
        one = known(connection, options.login)
        record(connection, Done(now, one.operator_id, "", who, action, one.login, _FROM))
        return result

    return with_store(settings, lambda store: store.write(unit))


def _ask_password() -> Secret:
    from backend.people.people import check_password

    given = os.environ.get(_PASSWORD, "")
    if not given:
        given = getpass.getpass("password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
        if sys.stdin.isatty() and getpass.getpass("again: ") != given:
            raise AccessError("the two passwords differ; nothing was changed")
    password = Secret(given)
    check_password(password)
    return password


COMMANDS = (
    Command("add", f"add a user; the password is asked for, or comes in {_PASSWORD}", _add_arguments, _add),
    Command("list", "list users", lambda _parser: None, _list),
    Command("password", "give a user a new password", _login_argument, _set_password),
    Command("totp", "give a user a second factor: the app's address and recovery codes", _login_argument, _set_up),
    Command("totp-reset", "take a lost second factor away", _login_argument, _reset),
    Command("disable", "keep a user out, or let them in again", _disable_arguments, _disable),
    Command("token", "make a token for a program", _token_arguments, _token),
    Command("tokens", "list a user's tokens", _login_argument, _tokens),
    Command("revoke", "revoke a token", _revoke_arguments, _revoke),
)
"""The commands below `emops-backend user`."""
