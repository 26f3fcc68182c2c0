"""Who may do what, and whose data they see. Pure.

A role grants permissions; a view narrows all that is read or changed to what belongs to the visitor. Both are data, so
that the table below is the whole truth about it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum


class Role(StrEnum):
    """What a user is to an operator. `PLATFORM` runs the program for all operators and belongs to none."""

    PLATFORM = "platform"
    OPERATOR_ADMIN = "operator_admin"
    STAFF = "staff"
    ACCOUNTING = "accounting"
    READ_ONLY = "read_only"
    HOST = "host"
    CUSTOMER = "customer"
    DRIVER = "driver"


class Permission(StrEnum):
    """What a route needs. Tokens of programs name these as their scopes."""

    OWN_ACCOUNT = "own_account"  # password, second factor, sessions and tokens of one's own
    SEE_STATIONS = "see_stations"
    SEE_SESSIONS = "see_sessions"
    SEE_ORDERS = "see_orders"
    GIVE_ORDERS = "give_orders"
    SET_LOAD = "set_load"  # describe the sites of load management
    DIM_LOAD = "dim_load"  # for the grid operator's device, and the meter of a site
    SEE_INVOICES = "see_invoices"
    ISSUE_INVOICES = "issue_invoices"
    SEE_PAYMENTS = "see_payments"
    BOOK_PAYMENTS = "book_payments"
    SEE_LETTERS = "see_letters"
    SEND_LETTERS = "send_letters"
    SEE_TARIFFS = "see_tariffs"
    SET_TARIFFS = "set_tariffs"
    SEE_REPORTS = "see_reports"
    RATE_AGAIN = "rate_again"
    SETTLE_HELD = "settle_held"  # decide on signed values and on what waits to be clarified
    SEE_CONTACTS = "see_contacts"  # bank accounts and mail addresses unmasked
    SEE_RESTRICTED = "see_restricted"  # what is kept of an erased person because the law says so
    ANSWER_PERSONS = "answer_persons"  # export and erasure of a person's data
    MANAGE_USERS = "manage_users"
    SEE_AUDIT = "see_audit"
    SET_ALERTS = "set_alerts"  # rules of alerts, and taking note of them


_LOOK = frozenset(
    {
        Permission.OWN_ACCOUNT,
        Permission.SEE_STATIONS,
        Permission.SEE_SESSIONS,
        Permission.SEE_ORDERS,
        Permission.SEE_INVOICES,
        Permission.SEE_TARIFFS,
        Permission.SEE_REPORTS,
    }
)
_MONEY = frozenset(
    {
        Permission.ISSUE_INVOICES,
        Permission.SEE_PAYMENTS,
        Permission.BOOK_PAYMENTS,
        Permission.SEE_LETTERS,
        Permission.SEND_LETTERS,
    }
)

GRANTS: dict[Role, frozenset[Permission]] = {
    Role.PLATFORM: frozenset(Permission) - {Permission.SEE_CONTACTS, Permission.SEE_RESTRICTED},
    Role.OPERATOR_ADMIN: frozenset(Permission) - {Permission.SEE_RESTRICTED},
    Role.STAFF: _LOOK
    | {Permission.GIVE_ORDERS, Permission.SET_LOAD, Permission.DIM_LOAD}
    | {Permission.SEE_LETTERS, Permission.SETTLE_HELD, Permission.SET_ALERTS},
    Role.ACCOUNTING: _LOOK
    | _MONEY
    | {Permission.RATE_AGAIN, Permission.SETTLE_HELD, Permission.SEE_CONTACTS, Permission.SEE_RESTRICTED},
    Role.READ_ONLY: _LOOK,
    Role.HOST: frozenset({Permission.OWN_ACCOUNT, Permission.SEE_STATIONS, Permission.SEE_SESSIONS}),
    Role.CUSTOMER: frozenset({Permission.OWN_ACCOUNT, Permission.SEE_SESSIONS, Permission.SEE_INVOICES}),
    Role.DRIVER: frozenset({Permission.OWN_ACCOUNT, Permission.SEE_SESSIONS}),
}
"""The permissions of each role."""

MANAGED_BY_OPERATOR = frozenset(Role) - {Role.PLATFORM}
"""Roles that an operator's administrator may give."""


@dataclass(frozen=True, slots=True)
class View:
    """Whose rows a visitor sees; each field that is filled narrows it further.

    Args:
        operator_id: empty is all operators.
        customer_id: only what this customer pays.
        user_id: only what this person charged, see `id_token.user_id`.
        locations: only what happened at these sites; None is all.
        shows_restricted: also documents of persons who were erased, which are kept because the law says so.
    """

    operator_id: str = ""
    customer_id: str = ""
    user_id: str = ""
    locations: tuple[str, ...] | None = None
    shows_restricted: bool = True

    @property
    def is_whole(self) -> bool:
        """Tell whether it takes in all that an operator has."""
        return not self.customer_id and not self.user_id and self.locations is None


EVERYTHING = View()
"""For programs, jobs and the platform."""


@dataclass(frozen=True, slots=True)
class Account:
    """A user of the backend as the store keeps it, without its secrets."""

    id: str
    login: str
    name: str
    role: Role
    operator_id: str = ""
    customer_id: str = ""
    user_id: str = ""
    locations: tuple[str, ...] = ()
    disabled: bool = False


class AccountError(Exception):
    """An account lacks what its role needs."""


def view_of(account: Account) -> View:
    """Give what an account sees.

    Raises:
        AccountError: it lacks what its role is narrowed by; nothing may be shown to it.
    """
    match account.role:
        case Role.PLATFORM:
            needed, view = True, EVERYTHING
        case Role.CUSTOMER:
            needed, view = bool(account.customer_id), View(account.operator_id, customer_id=account.customer_id)
        case Role.DRIVER:
            needed, view = bool(account.user_id), View(account.operator_id, user_id=account.user_id)
        case Role.HOST:
            needed, view = bool(account.locations), View(account.operator_id, locations=account.locations)
        case _:
            needed, view = True, View(account.operator_id)
    if not needed:
        raise AccountError(f"an account with the role {account.role} must say which {_NARROWED_BY[account.role]} it is")
    if account.role is not Role.PLATFORM and not account.operator_id:
        raise AccountError(f"an account with the role {account.role} must belong to an operator")
    return view


_NARROWED_BY = {Role.CUSTOMER: "customer", Role.DRIVER: "person (user id)", Role.HOST: "location"}


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who asks: by what name actions are recorded, what they may do, and what they see."""

    name: str
    role: Role
    granted: frozenset[Permission]
    view: View = EVERYTHING
    account_id: str = ""

    def may(self, permission: Permission) -> bool:
        """Tell whether they may do that."""
        return permission in self.granted

    def limited(self, scopes: Iterable[str]) -> "Visitor":
        """Give the same visitor with no more than these permissions, as a token of theirs has them."""
        return replace(self, granted=self.granted & frozenset(scopes))


def visitor_of(account: Account) -> Visitor:
    """Give the visitor that an account is.

    Raises:
        AccountError: see `view_of`.
    """
    granted = GRANTS[account.role]
    view = replace(view_of(account), shows_restricted=Permission.SEE_RESTRICTED in granted)
    return Visitor(account.name or account.login, account.role, granted, view, account.id)


OPEN_VISITOR = Visitor("web", Role.PLATFORM, frozenset(Permission))
"""Whoever comes while there is no user yet: all doors are open, as on a machine of one's own."""


def may_manage(manager: Visitor, account: Account) -> bool:
    """Tell whether an administrator may make or change this account."""
    if not manager.may(Permission.MANAGE_USERS):
        return False
    if not manager.view.operator_id:
        return True
    return account.role in MANAGED_BY_OPERATOR and account.operator_id == manager.view.operator_id
