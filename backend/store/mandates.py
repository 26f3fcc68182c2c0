"""Mandates of direct debits."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, func, select, update

from backend.core.payments.direct_debit import Mandate, Scheme
from backend.store.payment_tables import debit, debit_batch, mandate

_M = mandate.c


def _query() -> "Select[Any]":
    """Select mandates with the last day that one was collected on."""
    last = (
        select(func.max(debit_batch.c.collect_on))
        .join(debit, debit.c.batch_id == debit_batch.c.id)
        .where(debit.c.mandate_id == _M.id, debit.c.state != "withdrawn")
        .correlate(mandate)
        .scalar_subquery()
    )
    return select(mandate, last.label("used_on")).order_by(_M.customer_id, _M.id)


def _read(connection: Connection, condition: "ColumnElement[bool]") -> list[Mandate]:
    return [_mandate(row) for row in connection.execute(_query().where(condition))]


def customer_mandates(connection: Connection, customer_id: str) -> list[Mandate]:
    """List a customer's mandates."""
    return _read(connection, _M.customer_id == customer_id)


def mandates_by_reference(connection: Connection, operator_id: str) -> Mapping[str, Mandate]:
    """Give an operator's mandates by their reference."""
    return {one.reference: one for one in _read(connection, _M.operator_id == operator_id)}


def list_mandates(connection: Connection, operator_id: str = "") -> Sequence[Mandate]:
    """List the mandates of an operator or all, by customer."""
    return _read(connection, _M.operator_id == operator_id if operator_id else _M.id > 0)


def find_mandate(connection: Connection, mandate_id: int) -> Mandate | None:
    """Give one mandate."""
    return next(iter(_read(connection, _M.id == mandate_id)), None)


def pause_mandate(connection: Connection, mandate_id: int, reason: str) -> None:
    """Let a mandate rest for a reason (a reason code or words); with an empty reason it may be used again."""
    connection.execute(update(mandate).where(_M.id == mandate_id).values(paused=reason))


# Any: rows have the columns of their query.
def _mandate(row: "Row[Any]") -> Mandate:
    return Mandate(
        id=row.id,
        customer_id=row.customer_id,
        reference=row.reference,
        scheme=Scheme(row.scheme),
        recurrent=row.recurrent,
        signed_on=row.signed_on,
        iban=row.iban,
        bic=row.bic,
        holder=row.holder,
        evidence=row.evidence,
        last_used_on=max(filter(None, (row.used_before, row.used_on)), default=None),
        paused=row.paused,
        revoked_on=row.revoked_on,
    )
