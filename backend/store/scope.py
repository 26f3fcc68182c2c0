"""What a view takes in, as conditions of queries, and whether one object is in it."""

from enum import Enum, auto

from sqlalchemy import ColumnElement, Connection, and_, case, false, select, true

from backend.core.people.access import View
from backend.store.datev_tables import ledger_export
from backend.store.dunning_tables import dunning_letter
from backend.store.invoice_tables import invoice
from backend.store.letter_tables import letter
from backend.store.load_tables import load_site
from backend.store.order_tables import station_order
from backend.store.payment_tables import bank_entry, booking, debit_batch
from backend.store.people_tables import account, restriction
from backend.store.rating_tables import cdr, tariff_version
from backend.store.tables import charge_point, charging_transaction, customer, id_token
from backend.store.watch_tables import alert


class Owned(Enum):
    """Kinds of objects that belong to somebody, named by the parameter of an address."""

    CHARGE_POINT = auto()
    TRANSACTION = auto()
    INVOICE = auto()
    LETTER = auto()
    ORDER = auto()
    TARIFF = auto()
    CUSTOMER = auto()
    DEBIT_BATCH = auto()
    BANK_ENTRY = auto()
    BOOKING = auto()
    DUNNING = auto()
    EXPORT = auto()
    ALERT = auto()
    ACCOUNT = auto()
    LOAD_SITE = auto()


def of_operator(view: View, column: ColumnElement[str]) -> ColumnElement[bool]:
    """Take in what an operator has as a whole: nothing for those who see only a part of it."""
    if not view.is_whole:
        return false()
    return column == view.operator_id if view.operator_id else true()


def charge_points_in(view: View) -> ColumnElement[bool]:
    """Take in charge points: of the operator, at the host's sites."""
    p = charge_point.c
    if view.customer_id or view.user_id:
        return false()
    wanted = [p.operator_id == view.operator_id] if view.operator_id else []
    if view.locations is not None:
        wanted += [p.location_id.in_(view.locations), p.location_id != ""]
    return and_(true(), *wanted)


def transactions_in(view: View) -> ColumnElement[bool]:
    """Take in transactions: of the operator, at the host's sites, that the customer pays, that the person charged."""
    t = charging_transaction.c
    # Names of their own: queries that these conditions go into have the same tables for other purposes.
    k, p, r = id_token.alias(), charge_point.alias(), cdr.alias()
    wanted = [t.operator_id == view.operator_id] if view.operator_id else []
    if view.locations is not None:
        places = select(p.c.id).where(p.c.operator_id == view.operator_id, p.c.location_id.in_(view.locations))
        wanted += [t.charge_point_id.in_(places.where(p.c.location_id != ""))]
    if view.customer_id:
        payer = select(r.c.customer_id).where(r.c.transaction_id == t.id).correlate(charging_transaction)
        theirs = t.id_token.in_(select(k.c.token).where(k.c.customer_id == view.customer_id))
        # A card that went to another customer took along nothing that was priced.
        wanted.append(case((payer.exists(), payer.scalar_subquery() == view.customer_id), else_=theirs))
    if view.user_id:
        own = and_(k.c.user_id == view.user_id, k.c.operator_id == view.operator_id)
        wanted.append(t.id_token.in_(select(k.c.token).where(own)))
    return and_(true(), *wanted)


def invoices_in(view: View) -> ColumnElement[bool]:
    """Take in invoices: of the operator, to the customer."""
    if view.user_id or view.locations is not None:
        return false()
    wanted = [invoice.c.operator_id == view.operator_id] if view.operator_id else []
    if view.customer_id:
        wanted.append(invoice.c.customer_id == view.customer_id)
    if not view.shows_restricted:
        r = restriction.c
        wanted.append(invoice.c.customer_id.not_in(select(r.customer_id).where(r.user_id == "")))
    return and_(true(), *wanted)


def customers_of(connection: Connection, view: View) -> frozenset[str] | None:
    """List the customers that a view takes in; None is all of them."""
    if not view.operator_id and not view.customer_id:
        return None
    c = customer.c
    wanted = [c.operator_id == view.operator_id] if view.operator_id else []
    if view.customer_id:
        wanted.append(c.id == view.customer_id)
    return frozenset(connection.scalars(select(c.id).where(*wanted)))


def could_be(kind: Owned, name: str) -> bool:
    """Tell whether an object could have that name: some are numbers, and plain digits are the only way to write one."""
    return kind not in _NUMBERED or (name.isascii() and name.isdigit() and len(name) < _DIGITS)


def sees(connection: Connection, view: View, kind: Owned, name: str) -> bool:
    """Tell whether an object is there and in the view; `name` is as in its address."""
    if not could_be(kind, name):
        return False
    key: object = int(name) if kind in _NUMBERED else name
    column, within = {
        Owned.CHARGE_POINT: (charge_point.c.id, charge_points_in(view)),
        Owned.TRANSACTION: (charging_transaction.c.id, transactions_in(view)),
        Owned.INVOICE: (invoice.c.number, invoices_in(view)),
        Owned.LETTER: (letter.c.id, of_operator(view, letter.c.operator_id)),
        Owned.ORDER: (station_order.c.id, of_operator(view, station_order.c.operator_id)),
        Owned.TARIFF: (tariff_version.c.tariff_id, of_operator(view, tariff_version.c.operator_id)),
        Owned.CUSTOMER: (customer.c.id, of_operator(view, customer.c.operator_id)),
        Owned.DEBIT_BATCH: (debit_batch.c.id, of_operator(view, debit_batch.c.operator_id)),
        Owned.BANK_ENTRY: (bank_entry.c.id, of_operator(view, bank_entry.c.operator_id)),
        Owned.BOOKING: (booking.c.id, of_operator(view, booking.c.operator_id)),
        Owned.DUNNING: (dunning_letter.c.id, of_operator(view, dunning_letter.c.operator_id)),
        Owned.EXPORT: (ledger_export.c.id, of_operator(view, ledger_export.c.operator_id)),
        Owned.ALERT: (alert.c.id, alert.c.charge_point_id.in_(select(charge_point.c.id).where(charge_points_in(view)))),
        Owned.ACCOUNT: (account.c.id, of_operator(view, account.c.operator_id)),
        Owned.LOAD_SITE: (load_site.c.id, of_operator(view, load_site.c.operator_id)),
    }[kind]
    return connection.execute(select(column).where(column == key, within).limit(1)).first() is not None


_NUMBERED = (
    Owned.TRANSACTION,
    Owned.LETTER,
    Owned.ORDER,
    Owned.DEBIT_BATCH,
    Owned.BANK_ENTRY,
    Owned.BOOKING,
    Owned.DUNNING,
    Owned.EXPORT,
    Owned.ALERT,
)
_DIGITS = 19
"""A number of so many digits may be more than an integer key can hold."""
