"""What is known of a customer as one archive (Art. 15, 20 GDPR): JSON, sessions as CSV, invoices as they went out."""

import csv
import io
import json
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

from sqlalchemy import Connection, Select, select

from backend.core.access import View
from backend.errors import AccessError
from backend.store.invoice_files import read_content
from backend.store.payment_tables import mandate, open_item
from backend.store.scope import transactions_in
from backend.store.tables import charging_transaction, contract, customer, id_token, invoice, letter, person

_SESSION = ("id", "charge_point_id", "evse_id", "id_token", "started_at", "ended_at", "meter_start", "meter_stop")
_LETTER = ("id", "purpose", "document", "recipients", "language", "state", "created_at", "sent_at")


def write_archive(connection: Connection, operator_id: str, customer_id: str, out: ZipFile) -> int:
    """Write all that is known of a customer, piece by piece, and tell how many files there are.

    Args:
        connection: to read from.
        operator_id: whose customer; another operator's is not found.
        customer_id: of whom.
        out: open for writing.

    Raises:
        AccessError: the operator has no such customer.
    """
    c = customer.c
    own = list(_rows(connection, select(customer).where(c.id == customer_id, c.operator_id == operator_id)))
    if not own:
        raise AccessError(f"the operator {operator_id} has no customer {customer_id!r}")
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
        "letters": list(_rows(connection, _letters([row.number for row in invoices], operator_id))),
        "invoices": [dict(row._mapping) for row in invoices],
    }
    out.writestr("person.json", json.dumps(about, ensure_ascii=False, indent=1, default=_text), ZIP_DEFLATED)
    out.writestr("sessions.csv", _sessions(connection, View(operator_id, customer_id=customer_id)), ZIP_DEFLATED)
    for row in invoices:
        for kind in ("pdf", "xml"):
            if content := read_content(connection, row.id, kind):
                out.writestr(f"invoices/{row.number.replace('/', '_')}.{kind}", content, ZIP_DEFLATED)
    return len(out.namelist())


def _letters(numbers: list[str], operator_id: str) -> "Select[Any]":  # Any: the columns named above
    columns = (letter.c[name] for name in _LETTER)
    return select(*columns).where(letter.c.operator_id == operator_id, letter.c.document.in_(numbers))


def _sessions(connection: Connection, view: View) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(_SESSION)
    columns = (charging_transaction.c[name] for name in _SESSION)
    query = select(*columns).where(transactions_in(view)).order_by(charging_transaction.c.id)
    writer.writerows([_text(value) for value in row] for row in connection.execute(query))
    return text.getvalue()


# Any, below: rows of several tables.
def _rows(connection: Connection, query: "Select[Any]") -> Iterator[dict[str, Any]]:
    return (dict(row._mapping) for row in connection.execute(query))


def _text(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) or hasattr(value, "isoformat") else value
