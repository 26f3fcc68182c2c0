"""What is known of a customer as one archive (Art. 15, 20 GDPR): JSON, sessions as CSV, invoices as they went out."""

import csv
import io
import json
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

from sqlalchemy import Connection, Select, or_, select

from backend.errors import AccessError
from backend.store.invoice_files import read_content
from backend.store.invoice_tables import invoice
from backend.store.letter_tables import letter
from backend.store.payment_tables import mandate, open_item
from backend.store.people_tables import account, audit_entry
from backend.store.personal import Whom, accounts_of, is_known, letters_of, sessions_of
from backend.store.tables import charging_transaction, contract, customer, id_token, person

_SESSION = ("id", "charge_point_id", "evse_id", "id_token", "started_at", "ended_at", "meter_start", "meter_stop")
_LETTER = ("id", "purpose", "document", "recipients", "language", "state", "created_at", "sent_at")


def write_archive(connection: Connection, operator_id: str, customer_id: str, out: ZipFile, user_id: str = "") -> int:
    """Write all that is known of a customer or one of their users, piece by piece, and tell how many files there are.

    Args:
        connection: to read from.
        operator_id: whose customer; another operator's is not found.
        customer_id: of whom.
        out: open for writing.
        user_id: only of this user: the customer's documents are the customer's.

    Raises:
        AccessError: the operator has no such customer.
    """
    c = customer.c
    own = list(_rows(connection, select(customer).where(c.id == customer_id, c.operator_id == operator_id)))
    if not own:
        raise AccessError(f"the operator {operator_id} has no customer {customer_id!r}")
    whom = Whom(operator_id, customer_id, user_id)
    if user_id:
        return _write_user(connection, whom, out)
    invoices = connection.execute(
        select(invoice.c.id, invoice.c.number, invoice.c.issued_at, invoice.c.total_gross, invoice.c.currency)
        .where(invoice.c.customer_id == customer_id)
        .order_by(invoice.c.id)
    ).all()
    about = {
        "customer": own[0],
        "contracts": list(_rows(connection, select(contract).where(contract.c.customer_id == customer_id))),
        "persons": list(_rows(connection, select(person).where(person.c.customer_id == customer_id))),
        "tokens": list(_rows(connection, select(id_token).where(id_token.c.customer_id == customer_id))),
        "mandates": list(_rows(connection, select(mandate).where(mandate.c.customer_id == customer_id))),
        "open_items": list(_rows(connection, select(open_item).where(open_item.c.customer_id == customer_id))),
        "letters": _known_letters(connection, whom),
        "invoices": [dict(row._mapping) for row in invoices],
        **_accounts(connection, whom),
    }
    _write_about(connection, whom, about, out)
    for row in invoices:
        for kind in ("pdf", "xml"):
            if content := read_content(connection, row.id, kind):
                out.writestr(f"invoices/{row.number.replace('/', '_')}.{kind}", content, ZIP_DEFLATED)
    return len(out.namelist())


def _write_user(connection: Connection, whom: Whom, out: ZipFile) -> int:
    if not is_known(connection, whom):
        raise AccessError(f"the customer {whom.customer_id} has no user {whom.user_id!r}")
    k, p = id_token.c, person.c
    tokens = select(id_token).where(k.customer_id == whom.customer_id, k.user_id == whom.user_id)
    users = select(person).where(p.customer_id == whom.customer_id, p.id == whom.user_id)
    about = {
        "persons": list(_rows(connection, users)),
        "tokens": list(_rows(connection, tokens)),
        "letters": _known_letters(connection, whom),
        **_accounts(connection, whom),
    }
    _write_about(connection, whom, about, out)
    return len(out.namelist())


# Any: rows of several tables.
def _write_about(connection: Connection, whom: Whom, about: dict[str, Any], out: ZipFile) -> None:
    out.writestr("person.json", json.dumps(about, ensure_ascii=False, indent=1, default=_text), ZIP_DEFLATED)
    out.writestr("sessions.csv", _sessions(connection, whom), ZIP_DEFLATED)


def _known_letters(connection: Connection, whom: Whom) -> list[dict[str, Any]]:
    columns = (letter.c[name] for name in _LETTER)
    return list(_rows(connection, select(*columns).where(letters_of(connection, whom)).order_by(letter.c.id)))


def _accounts(connection: Connection, whom: Whom) -> dict[str, Any]:
    """Give the accounts without their secrets, and what was recorded of them and about the person."""
    ids, a, e = accounts_of(connection, whom), account.c, audit_entry.c
    about = e.object == f"{whom.customer_id} {whom.user_id}".strip()
    entries = select(audit_entry).where(e.operator_id == whom.operator_id, or_(e.account_id.in_(ids), about))
    columns = (a.id, a.login, a.name, a.role, a.disabled, a.created_at)
    return {
        "accounts": list(_rows(connection, select(*columns).where(a.id.in_(ids)))),
        "actions": list(_rows(connection, entries.order_by(e.id))),
    }


def _sessions(connection: Connection, whom: Whom) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(_SESSION)
    columns = (charging_transaction.c[name] for name in _SESSION)
    query = select(*columns).where(sessions_of(whom)).order_by(charging_transaction.c.id)
    writer.writerows([_text(value) for value in row] for row in connection.execute(query))
    return text.getvalue()


# Any, below: rows of several tables.
def _rows(connection: Connection, query: "Select[Any]") -> Iterator[dict[str, Any]]:
    return (dict(row._mapping) for row in connection.execute(query))


def _text(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) or hasattr(value, "isoformat") else value
