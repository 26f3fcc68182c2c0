"""The command line of hosts: preview, run, list, object, settle, payout, withdraw."""

import argparse
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from backend.commands.tariff import Command, print_json
from backend.commands.tariff_reports import with_store
from backend.errors import BackendError
from backend.settings import Settings

if TYPE_CHECKING:
    from backend.core.invoices.invoice import Invoice, InvoiceDraft
    from backend.jobs.issue_statements import StatementOutcome
    from backend.services.host_payouts import PaidOut
    from backend.store.hosts import StatementRow
    from backend.store.writer import Store

Json = dict[str, object]


def _json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="write JSON")


def _run_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", default="", metavar="ID", help="only one host")
    parser.add_argument("--no-wait", action="store_true", help="state months at once when they are over")
    _json(parser)


def _preview(options: argparse.Namespace, settings: Settings) -> int:
    return _statements(options, settings, dry=True)


def _run(options: argparse.Namespace, settings: Settings) -> int:
    """Give 1 if a statement is blocked."""
    return _statements(options, settings, dry=False)


def _statements(options: argparse.Namespace, settings: Settings, *, dry: bool) -> int:
    from backend.jobs.issue_statements import issue_statements

    async def work(store: "Store") -> "StatementOutcome":
        return await issue_statements(
            store,
            settings.clock.build().utc(),
            settings.hosts,
            settings.billing.standard_vat,
            sample=settings.clock.lapse_rate != 1.0,
            host=options.host,
            dry=dry,
            grace=timedelta() if options.no_wait else None,
        )

    done = with_store(settings, work)
    rows = [{"state": "issued", "number": one.number, **_draft(one)} for one in done.issued]
    rows += [{"state": "ready", **_draft(one.draft)} for one in done.ready]
    rows += [{"state": "blocked", "reasons": list(one.problems), **_draft(one.draft)} for one in done.blocked]
    _write(rows, as_json=options.json, nothing="nothing is owed to a host")
    return int(bool(done.blocked))


def _draft(draft: "InvoiceDraft") -> Json:
    return {
        "host": draft.seller.id,
        "name": draft.seller.name,
        "first": draft.period_start.isoformat(),
        "last": draft.period_end.isoformat(),
        "net": str(draft.total_net),
        "vat": str(draft.total_vat),
        "total": str(draft.due),
        "lines": [f"{line.text}: {line.net} ({fee.reason})" for line, fee in zip(draft.lines, draft.fees, strict=True)],
    }


def _list(options: argparse.Namespace, settings: Settings) -> int:
    from backend.store.hosts import list_statements

    async def work(store: "Store") -> "list[StatementRow]":
        return await store.read(list_statements)

    rows: list[Json] = [
        {
            "number": one.number,
            "host": one.customer_id,
            "name": one.host,
            "issued_at": one.issued_at.isoformat(),
            "total": str(one.total),
            "currency": one.currency,
            "state": one.state,
            "reason": one.reason,
        }
        for one in with_store(settings, work)
    ]
    _write(rows, as_json=options.json, nothing="no statements yet")
    return 0


def _of_number(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("number", help="number of the statement")
    parser.add_argument("--reason", required=True, help="what the host objects, or what came of it")


def _object(options: argparse.Namespace, settings: Settings) -> int:
    from backend.store.hosts import object_to

    now = settings.clock.build().utc()

    async def work(store: "Store") -> "Invoice":
        return await store.write(lambda unit: object_to(unit, options.number, options.reason, now))

    done = with_store(settings, work)
    print(f"{done.number} cancels {options.number}; settle the objection when what is wrong was corrected")
    return 0


def _settle(options: argparse.Namespace, settings: Settings) -> int:
    from backend.store.hosts import settle

    now = settings.clock.build().utc()

    async def work(store: "Store") -> None:
        await store.write(lambda unit: settle(unit, options.number, options.reason, now))

    with_store(settings, work)
    print(f"the objection to {options.number} is settled; the next run states it anew")
    return 0


def _payout_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--on", required=True, metavar="DATE", help="day on which the bank shall pay")
    parser.add_argument("--out", required=True, type=Path, metavar="FILE", help="the file (pain.001)")
    parser.add_argument("--operator", default="", metavar="ID", help="needed where there are several")


def _payout(options: argparse.Namespace, settings: Settings) -> int:
    from backend.services.host_payouts import pay_out

    try:
        day = date.fromisoformat(options.on)
    except ValueError as error:
        raise BackendError(f"--on {options.on}: write a day such as 2026-11-16") from error
    if options.out.exists():
        raise BackendError(f"{options.out} is there already: name another file")
    now = settings.clock.build().utc()

    async def work(store: "Store") -> "PaidOut | None":
        return await pay_out(store, options.operator, day, now)

    done = with_store(settings, work)
    if done is None:
        print("nothing is to be paid out")
        return 0
    try:
        options.out.write_bytes(done.xml)
    except OSError as error:
        raise BackendError(f"file {done.id} is kept, but can't be written to {options.out}: {error}") from error
    print(f"file {done.id}: {len(done.batch.payouts)} transfers, {done.batch.total} EUR on {day}: {options.out}")
    return 0


def _withdraw_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=int, help="number of a file that was not given to the bank")


def _withdraw(options: argparse.Namespace, settings: Settings) -> int:
    from backend.core.payments.open_item import BookingError
    from backend.store.payouts import withdraw_payouts

    now = settings.clock.build().utc()

    async def work(store: "Store") -> None:
        await store.write(lambda unit: withdraw_payouts(unit, options.file, now.date(), now))

    try:
        with_store(settings, work)
    except BookingError as error:
        raise BackendError(str(error)) from error
    print(f"file {options.file} is withdrawn: what it paid is open again")
    return 0


def _write(rows: list[Json], *, as_json: bool, nothing: str) -> None:
    if as_json:
        print_json([rows])
        return
    for row in rows:
        facts = " ".join(f"{key}={value}" for key, value in row.items() if isinstance(value, str) and value)
        print(facts)
        for key in ("reasons", "lines"):
            told = row.get(key)
            for text in told if isinstance(told, list) else ():
                print(f"  {text}")
    if not rows:
        print(nothing)


COMMANDS = (
    Command("preview", "show what statements would be issued now, and which are blocked", _run_arguments, _preview),
    Command("run", "issue the statements of months that are over; status 1 if one is blocked", _run_arguments, _run),
    Command("list", "list statements, the newest first", _json, _list),
    Command("object", "note a host's objection: cancels the statement", _of_number, _object),
    Command("settle", "note what came of an objection: it is stated anew", _of_number, _settle),
    Command("payout", "write the file of transfers (SEPA) that pays what is open", _payout_arguments, _payout),
    Command("withdraw", "take back a file of transfers", _withdraw_arguments, _withdraw),
)
"""Below `emops-backend host`."""
