"""The command line of invoices: preview, run, list, show, held, blocked."""

import argparse
from collections.abc import Iterable
from typing import TYPE_CHECKING

from backend.commands.tariff import Command, print_json
from backend.commands.tariff_reports import with_store
from backend.errors import BackendError
from backend.settings import Settings

if TYPE_CHECKING:
    from backend.jobs.issue_invoices import Outcome
    from backend.services.invoice_runs import DraftRow, Preview
    from backend.store.invoice_drafts import Waiting
    from backend.store.overview import InvoiceDetail, InvoiceSummary
    from backend.store.transactions import Transaction
    from backend.store.writer import Store


def _json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="write JSON")


def _of_customer(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--customer", default="", metavar="ID", help="only one customer")
    _json(parser)


def _preview(options: argparse.Namespace, settings: Settings) -> int:
    from backend.services.invoice_runs import preview

    async def work(store: "Store") -> "Preview":
        return await preview(store, settings.clock.build().utc(), settings.billing, options.customer)

    found = with_store(settings, work)
    _write([_draft(row) for row in found.rows], as_json=options.json, nothing="nothing is to be billed")
    if not options.json:
        for one in found.reminders:
            print(f"customer {one.customer_id}: {one.what} ({one.reference}) ends on {one.last}; ask for a new one")
    return 0


def _draft(row: "DraftRow") -> dict[str, object]:
    return {
        "state": row.state,
        "customer": row.customer_id,
        "name": row.customer,
        "of": row.value,
        "first": row.first.isoformat(),
        "last": row.last.isoformat(),
        "kind": row.type_code,
        "count": row.count,
        "net": None if row.net is None else str(row.net),
        "total": None if row.total is None else str(row.total),
        "currency": row.currency,
        "due_at": row.due_at.isoformat() if row.due_at else None,
        "reasons": list(row.reasons),
        "notes": list(row.notes),
        "key": row.key,
    }


def _run_arguments(parser: argparse.ArgumentParser) -> None:
    _of_customer(parser)
    parser.add_argument(
        "--no-wait", action="store_true", help="bill periods that are over whatever stations still hold"
    )


def _run(options: argparse.Namespace, settings: Settings) -> int:
    """Give 1 if a draft is blocked."""
    from backend.services.invoice_runs import run_by_hand

    async def work(store: "Store") -> "Outcome":
        return await run_by_hand(
            store,
            settings.clock.build().utc(),
            settings.billing,
            sample=settings.clock.lapse_rate != 1.0,
            customer_id=options.customer,
            wait=not options.no_wait,
        )

    outcome = with_store(settings, work)
    rows: list[dict[str, object]] = [
        {"state": "issued", "customer": customer, "number": one.number, "total": str(one.owed)}
        for customer, one in outcome.issued
    ]
    rows += [_waiting(one) for one in outcome.waiting]
    _write(rows, as_json=options.json, nothing="nothing was due")
    return int(bool(outcome.blocked))


def _list_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--limit", type=int, default=100, help="at most so many")
    _json(parser)


def _list(options: argparse.Namespace, settings: Settings) -> int:
    from backend.store.overview import invoices

    async def work(store: "Store") -> "tuple[InvoiceSummary, ...]":
        return await store.read(lambda connection: invoices(connection, options.limit))

    rows = [_issued(one) for one in with_store(settings, work)]
    _write(rows, as_json=options.json, nothing="no invoices yet")
    return 0


def _issued(one: "InvoiceSummary") -> dict[str, object]:
    return {
        "number": one.number,
        "kind": one.type_code,
        "customer": one.customer,
        "issued_at": one.issued_at.isoformat(),
        "total": str(one.total_gross),
        "currency": one.currency,
        "mail": one.mail_state,
    }


def _show_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("number", help="number of the invoice")
    parser.add_argument("--json", action="store_true", help="write the frozen document")


def _show(options: argparse.Namespace, settings: Settings) -> int:
    from backend.core.invoices.invoice import Invoice
    from backend.core.record import from_json
    from backend.store.overview import find_invoice

    async def work(store: "Store") -> "InvoiceDetail | None":
        return await store.read(lambda connection: find_invoice(connection, options.number))

    found = with_store(settings, work)
    if found is None:
        raise BackendError(f"there is no invoice {options.number!r}; emops-backend invoice list tells the numbers")
    if options.json:
        print(found.body)
        return 0
    document = from_json(Invoice, found.body)
    print(f"{document.number} of {document.issued_on}, {document.period_start} to {document.period_end}")
    print(f"to {document.buyer.name} ({document.buyer.id}), payment {document.payment}, due {document.due_on}")
    for line in document.lines:
        print(f"  {line.text}: {line.quantity:f} {line.unit} x {line.unit_price:f} = {line.net} net")
    for tax in document.tax_lines:
        print(f"  VAT {tax.category} {tax.rate or 0:f} % of {tax.base}: {tax.vat} {tax.reason}".rstrip())
    print(f"  total {document.owed} {document.currency}")
    return 0


def _held(options: argparse.Namespace, settings: Settings) -> int:
    from backend.core.transaction import State
    from backend.store.transactions import list_transactions

    async def work(store: "Store") -> "list[Transaction]":
        return list(await store.read(lambda connection: list_transactions(connection, State.HELD, options.limit)))

    rows: list[dict[str, object]] = [
        {
            "transaction": one.id,
            "charge_point": one.charge_point_id,
            "token": str(one.id_token),
            "started_at": one.started_at.isoformat(),
            "reason": one.held_reason,
        }
        for one in with_store(settings, work)
    ]
    _write(rows, as_json=options.json, nothing="no session is held")
    return 0


def _blocked(options: argparse.Namespace, settings: Settings) -> int:
    from backend.store.invoice_drafts import read_waiting

    async def work(store: "Store") -> "list[Waiting]":
        return await store.read(read_waiting)

    _write([_waiting(one) for one in with_store(settings, work)], as_json=options.json, nothing="no draft is blocked")
    return 0


def _waiting(one: "Waiting") -> dict[str, object]:
    return {
        "state": one.state,
        "customer": one.customer_id,
        "name": one.customer,
        "first": one.first.isoformat(),
        "last": one.last.isoformat(),
        "total": str(one.total),
        "currency": one.currency,
        "since": one.since.isoformat(),
        "reasons": list(one.reasons),
        "key": one.key,
    }


def _write(rows: list[dict[str, object]], *, as_json: bool, nothing: str) -> None:
    if as_json:
        print_json([rows])
    elif not rows:
        print(nothing)
    else:
        for row in rows:
            print(" ".join(f"{key}={_text(value)}" for key, value in row.items() if value not in ("", None, [])))


def _text(value: object) -> str:
    return (
        "; ".join(str(one) for one in value)
        if isinstance(value, Iterable) and not isinstance(value, str)
        else str(value)
    )


COMMANDS = (
    Command(
        "preview", "show what would be issued now, what would not and why, and what is open", _of_customer, _preview
    ),
    Command("run", "issue what is due now; status 1 if a draft is blocked", _run_arguments, _run),
    Command("list", "list invoices, the newest first", _list_arguments, _list),
    Command("show", "show an invoice", _show_arguments, _show),
    Command("held", "list sessions that can't be billed, with the reasons", _list_arguments, _held),
    Command("blocked", "list drafts that the last run kept back, with the reasons", _json, _blocked),
)
"""Below `emops-backend invoice`."""
