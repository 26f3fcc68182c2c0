"""Users of two operators on the example database, for tests."""

from datetime import timedelta

from sqlalchemy import Connection, String, select

from backend.core.people.access import GRANTS, Account, Permission, Role
from backend.people.login import key_of
from backend.people.passwords import hash_password
from backend.people.people import add_user
from backend.store import accounts
from backend.store import tables as t
from backend.store.accounts import Token
from backend.store.payment_tables import Day, booking, debit_batch
from shared.ids import Secret
from tests.unit.backend.web.seed import NOW

PASSWORD = Secret("richtig pferd batterie")
HASH = hash_password(PASSWORD)
OTHER = "other"
SITE = "site-1"
DRIVER = "person-1"


def add_second_operator(connection: Connection) -> None:
    """Add an operator that has nothing but a name, a customer and a station."""
    own = dict(connection.execute(select(t.operator)).one()._mapping)
    connection.execute(t.operator.insert(), own | {"id": OTHER, "name": "Netz Andernorts", "email": "x@example.com"})
    customer = dict(connection.execute(select(t.customer)).one()._mapping)
    connection.execute(t.customer.insert(), customer | {"id": "c2", "operator_id": OTHER, "name": "Andere KG"})
    station = dict(connection.execute(select(t.charge_point).limit(1)).one()._mapping)
    station |= {"id": "CP-ANDERS", "operator_id": OTHER, "name": "Andernorts 1", "city": "Andernorts", "street": ""}
    connection.execute(t.charge_point.insert(), station | {"postcode": "", "location_id": SITE})


def account(role: Role, operator_id: str = "op") -> Account:
    """Make a user of a role, narrowed as it must be."""
    own = operator_id == "op"
    return Account(
        "",
        f"{role}@{operator_id or 'platform'}",
        f"{role} of {operator_id}",
        role,
        "" if role is Role.PLATFORM else operator_id,
        ("c1" if own else "c2") if role is Role.CUSTOMER else "",
        DRIVER if role is Role.DRIVER else "",
        (SITE,) if role is Role.HOST else (),
    )


def add_people(connection: Connection) -> dict[str, str]:
    """Add a user of each role for both operators, and give a token with all their permissions for each login name."""
    tokens = {}
    for operator_id in ("op", OTHER):
        for role in Role:
            if role is Role.PLATFORM and operator_id == OTHER:
                continue
            made = add_user(connection, account(role, operator_id if role is not Role.PLATFORM else ""), HASH, NOW)
            text = f"emops_{made.login}"
            token = Token(0, made.id, "", tuple(GRANTS[role]), NOW, NOW + timedelta(days=1), None)
            accounts.add_token(connection, token, key_of(text))
            tokens[made.login] = text
    return tokens


def token_with(connection: Connection, login: str, *scopes: Permission) -> str:
    """Make a token of a user with some permissions only."""
    owner = accounts.find_login(connection, login)
    assert owner
    text = f"emops_{login}_{'_'.join(scopes)}"
    accounts.add_token(connection, Token(0, owner.id, "", scopes, NOW, NOW + timedelta(days=1), None), key_of(text))
    return text


def add_payments(connection: Connection) -> None:
    """Add a batch of debits and a booking of the first operator."""
    for table in (debit_batch, booking):
        values = {column.name: _any(column.type) for column in table.columns if not column.nullable}
        owner = {"operator_id": "op", "customer_id": "c1"}
        values |= {name: value for name, value in owner.items() if name in values}
        connection.exec_driver_sql(
            f"INSERT INTO {table.name} ({', '.join(values)}) VALUES ({', '.join('?' * len(values))})",
            tuple(values.values()),
        )


def _any(kind: object) -> object:
    return "2026-10-01" if isinstance(kind, Day) else "EUR" if isinstance(kind, String) else 1
