"""The books: how they are kept (master data), and the files of a month for DATEV."""

from dataclasses import dataclass, fields
from datetime import datetime
from functools import partial

from sqlalchemy import Connection, insert, select, update

from backend.core.payments.datev_accounts import CHARTS, Ledger, Role
from backend.core.record import to_json
from backend.errors import ApplyError, ReportError
from backend.store.datev import Export, assign_accounts, keep_export, make_export
from backend.store.datev_tables import ledger
from backend.store.tables import operator
from backend.store.writer import Store
from shared.config import setting
from shared.log import Log

log = Log(__name__)


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """How an operator's books are kept; the tax adviser knows. Accounts of the chart are a proposal."""

    operator: str = setting(help="id of the operator")
    consultant: int = setting(minimum=1001, maximum=9999999, help="number of the tax adviser (Beraternummer)")
    client: int = setting(minimum=1, maximum=99999, help="number of the client (Mandantennummer)")
    chart: str = setting("SKR03", choices=tuple(CHARTS), help="chart of accounts")
    account_length: int = setting(4, minimum=4, maximum=8, help="digits of general ledger accounts")
    fiscal_month: int = setting(1, minimum=1, maximum=12, help="month in which the fiscal year begins")
    first_debtor: int = setting(10000, minimum=10000, maximum=699999999, help="lowest account of customers")
    first_creditor: int = setting(70000, minimum=70000, maximum=999999999, help="lowest account of hosts")
    locked: bool = setting(False, help="bookings can't be changed after the import (Festschreibung)")
    cost_centres: bool = setting(True, help="write cost centres: the site and the charge point, or their own")
    own: tuple[str, ...] = setting((), help='accounts that differ from the chart, for instance "revenue_s=8401"')


def check_ledger(entry: LedgerEntry, name: str) -> None:
    """Check an entry by itself.

    Raises:
        ApplyError: a field is wrong; the text begins with `name`.
    """
    for i, text in enumerate(entry.own):
        role, _, number = text.partition("=")
        if role not in set(Role) or not (number.isdecimal() and len(number) == entry.account_length):
            shape = f"role=number of {entry.account_length} digits, the role one of {', '.join(Role)}"
            raise ApplyError(f"{name}.own[{i}] = {text!r} must be {shape}")
    for key, highest in (("first_debtor", 7), ("first_creditor", 10)):
        number, unit = getattr(entry, key), 10**entry.account_length
        if not unit <= number < highest * unit:
            raise ApplyError(f"{name}.{key} = {number} must have {entry.account_length + 1} digits")


def apply_ledger(connection: Connection, entry: LedgerEntry) -> bool | None:
    """Write how books are kept. True: it is new, False: it was changed, None: it was so before.

    Raises:
        ApplyError: there is no such operator.
    """
    if connection.scalar(select(operator.c.id).where(operator.c.id == entry.operator)) is None:
        raise ApplyError(f"ledger: there is no operator {entry.operator!r}")
    body = to_json(Ledger(**{field.name: getattr(entry, field.name) for field in fields(Ledger)}))
    mine = ledger.c.operator_id == entry.operator
    known = connection.scalar(select(ledger.c.body).where(mine))
    if known is None:
        connection.execute(insert(ledger).values(operator_id=entry.operator, body=body))
        return True
    if known == body:
        return None
    connection.execute(update(ledger).where(mine).values(body=body))
    return False


async def export_month(store: Store, operator_id: str, month: str, now: datetime, *, renew: bool = False) -> Export:
    """Make and keep the files of a month; again, the same bytes are given.

    Args:
        store: the database.
        operator_id: whose books.
        month: `2026-10`.
        now: world time.
        renew: hand out another generation if anything was booked into the month since.

    Raises:
        ReportError: the month is not over, there are no books, a document can't be booked, or the month has changed.
    """
    await store.write(partial(assign_accounts, operator_id=operator_id, month=month, now=now))
    made = await store.read(partial(make_export, operator_id=operator_id, month=month, now=now))
    if made.again:
        return made
    if made.generation > 1 and not renew:
        raise ReportError(f"{month} was handed out and has changed since: renew it as generation {made.generation}")
    await store.write(partial(keep_export, export=made))
    log.info("datev_exported", month=month, generation=made.generation, bookings=made.count, replaced=made.replaced)
    return made
