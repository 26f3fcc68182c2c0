"""The command line of payments: open items, debits, files of banks."""

import argparse
import sys
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING

from backend.commands.tariff import Command, print_json
from backend.commands.tariff_reports import with_store
from backend.core.people.masking import mask_iban
from backend.errors import BackendError, PaymentError
from backend.settings import Settings

if TYPE_CHECKING:  # the command line loads only what a command needs
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from backend.services.payments import Collected, Imported, Waiting
    from backend.store.writer import Store


def add_payment_commands(parser: argparse.ArgumentParser, parent: argparse.ArgumentParser) -> None:
    """Add the commands below `payments`; the one chosen is in `options.payment_command`."""
    below = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        added = below.add_parser(command.name, parents=[parent], help=command.help)
        command.arguments(added)
        added.set_defaults(payment_command=command)


def run_payment_command(options: argparse.Namespace, settings: Settings) -> int:
    """Run the command chosen and give the exit status.

    Raises:
        BackendError: it could not be done; the text says why.
    """
    from backend.core.payments.open_item import BookingError

    command: Command = options.payment_command
    try:
        return command.run(options, settings)
    except BookingError as error:
        raise PaymentError(str(error)) from error


def _list_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--customer", default="", metavar="ID", help="only of this customer")
    parser.add_argument("--all", action="store_true", help="those that are settled too")
    parser.add_argument("--json", action="store_true", help="write JSON")


def _list(options: argparse.Namespace, settings: Settings) -> int:
    from backend.store.open_items import credits_by_customer, list_items

    today = settings.clock.build().utc().date()

    def query(connection: "Connection") -> list[dict[str, object]]:
        items = list_items(connection, customer_id=options.customer, only_open=not options.all)
        rows: list[dict[str, object]] = [
            {
                "number": item.number,
                "customer": item.customer_id,
                "due_on": item.due_on.isoformat(),
                "amount": str(item.amount),
                "open": str(item.open),
                "currency": item.currency,
                "state": item.state(today).value,
                "days_overdue": item.days_overdue(today),
                "debited": item.debited,
                "disputed": item.disputed,
            }
            for item in items
        ]
        credit = {k: v for k, v in credits_by_customer(connection).items() if options.customer in ("", k)}
        return rows + [{"customer": customer, "credit": str(amount)} for customer, amount in credit.items()]

    async def work(store: "Store") -> list[dict[str, object]]:
        return await store.read(query)

    _print(with_store(settings, work), as_json=options.json)
    return 0


def _collect_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--on", required=True, metavar="DATE", help="day of collection, a TARGET banking day")
    parser.add_argument(
        "--out", required=True, type=Path, metavar="FILE", help="the file; B2B debits get one beside it"
    )
    parser.add_argument("--operator", default="", metavar="ID", help="needed where there are several")
    again = "number of a document whose debit came back and may be tried again; may be repeated"
    parser.add_argument("--again", action="append", default=[], metavar="NUMBER", help=again)


def _collect(options: argparse.Namespace, settings: Settings) -> int:
    from backend.services.payments import collect
    from backend.store.debits import batch_xml

    now, day = settings.clock.build().utc(), _day(options.on, "--on")
    _check_free(options.out)

    async def work(store: "Store") -> "tuple[Collected, list[bytes]]":
        done = await collect(store, options.operator, day, now, options.again)
        files = await store.read(lambda connection: [batch_xml(connection, one.id) for one in done.batches])
        return done, files

    done, files = with_store(settings, work)
    for skipped in done.skipped:
        print(f"not collected: {skipped.number} of {skipped.customer}: {skipped.reason} {skipped.detail}".rstrip())
    path: Path = options.out
    for i, (batch, content) in enumerate(zip(done.batches, files, strict=True)):
        file = path if i == 0 else path.with_name(f"{path.stem}-{batch.scheme}{path.suffix}")
        _write(file, content)
        print(f"batch {batch.id}: {batch.count} {batch.scheme} debits, {batch.total} EUR on {batch.collect_on}: {file}")
    if not done.batches:
        print("nothing is due to be collected")
    return 0


def _batches_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="write JSON")


def _batches(options: argparse.Namespace, settings: Settings) -> int:
    from backend.store.debits import list_batches

    async def work(store: "Store") -> list[dict[str, object]]:
        batches = await store.read(list_batches)
        names = ("id", "scheme", "state", "count", "open", "returned", "message_id")
        return [
            {name: getattr(one, name) for name in names} | {"total": str(one.total), "on": one.collect_on.isoformat()}
            for one in batches
        ]

    _print(with_store(settings, work), as_json=options.json)
    return 0


_BATCH_VERBS = ("export", "uploaded", "withdraw", "booked")


def _batch_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("verb", choices=_BATCH_VERBS, help="what is done with it, or was")
    parser.add_argument("id", type=int, help="number of the batch")
    parser.add_argument("--out", type=Path, metavar="FILE", help="export: the file")
    parser.add_argument("--on", default="", metavar="DATE", help="booked: the day of the money")
    parser.add_argument("--yes", action="store_true", help="withdraw: it was not given to the bank, I am sure")


def _batch(options: argparse.Namespace, settings: Settings) -> int:
    from backend.store.debits import batch_xml, book_batch, report_uploaded, withdraw_batch

    now, number = settings.clock.build().utc(), options.id
    if options.verb == "export" and not options.out:
        raise PaymentError("--out is missing: the file to write")
    if options.verb == "withdraw" and not options.yes:
        raise PaymentError(f"batch {number} must not have been given to the bank: say --yes if that is sure")

    def change(unit: "Connection") -> str:
        match options.verb:
            case "export":
                return ""
            case "uploaded":
                report_uploaded(unit, number, now)
                return f"batch {number} is with the bank"
            case "withdraw":
                withdraw_batch(unit, number, now)
                return f"batch {number} was withdrawn: its items can be collected again"
        return f"{book_batch(unit, number, _day(options.on, '--on'), now)} debits booked"

    async def work(store: "Store") -> str:
        if options.verb == "export":
            _check_free(options.out)
            _write(options.out, await store.read(lambda connection: batch_xml(connection, number)))
            return f"batch {number}: {options.out}"
        return await store.write(change)

    print(with_store(settings, work))
    return 0


def _import_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="camt.053 or camt.054, or CSV; again is the same as once")
    parser.add_argument("--operator", default="", metavar="ID", help="needed where the file does not tell the account")
    parser.add_argument("--mapping", type=Path, metavar="FILE", help="TOML: the columns of a CSV that is not known")


def _import(options: argparse.Namespace, settings: Settings) -> int:
    from backend.services.payments import import_file, read_mapping

    now = settings.clock.build().utc()
    content = _read(options.file)
    mapping = None
    if options.mapping:
        mapping = read_mapping(_read(options.mapping).decode("utf-8", "replace"), str(options.mapping))

    async def work(store: "Store") -> "Imported":
        return await import_file(store, options.operator, options.file.name, content, now=now, mapping=mapping)

    done = with_store(settings, work)
    m = done.matched
    print(f"{options.file}: {done.entries} entries, {done.new} new")
    print(f"{m.booked} payments, {m.returned} returns, {m.refunded} refunds booked; {m.waiting} wait for a person")
    return 0


def _match_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="write JSON")


def _match(options: argparse.Namespace, settings: Settings) -> int:
    from backend.services.payments import match_entries, waiting

    now = settings.clock.build().utc()

    async def work(store: "Store") -> "list[Waiting]":
        await match_entries(store, now)
        return await store.read(lambda connection: waiting(connection, now))

    _print([_waiting_row(one) for one in with_store(settings, work)], as_json=options.json)
    return 0


def _waiting_row(one: "Waiting") -> dict[str, object]:
    entry = one.stored.entry
    return {
        "entry": one.stored.id,
        "on": entry.booked_on.isoformat(),
        "left": str(one.stored.left),
        "name": entry.name,
        "iban": mask_iban(entry.iban),
        "purpose": entry.purpose,
        "hint": one.hint,
        "proposals": [
            {
                "score": proposal.score,
                "reason": proposal.reason,
                "parts": [f"{part.number or part.customer_id}={part.amount}" for part in proposal.parts],
            }
            for proposal in one.proposals
        ],
    }


def _book_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("entry", type=int, help="number of the bank entry, see match")
    parts = "a document or a customer and its share, for instance RE-2026-000123=77.29"
    parser.add_argument("parts", nargs="*", metavar="NUMBER=AMOUNT", help=parts)
    parser.add_argument("--ignore", default="", metavar="REASON", help="it is no customer's payment")


def _book(options: argparse.Namespace, settings: Settings) -> int:
    from backend.services.payment_desk import assign, ignore

    now = settings.clock.build().utc()
    if bool(options.parts) is bool(options.ignore):
        raise PaymentError("give either parts or --ignore with a reason")
    parts = [_part(text) for text in options.parts]

    async def work(store: "Store") -> None:
        if options.ignore:
            await ignore(store, options.entry, options.ignore, now)
        else:
            await assign(store, options.entry, parts, now)

    with_store(settings, work)
    print("ignored" if options.ignore else "booked")
    return 0


def _settle_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("number", help="of the document")
    parser.add_argument("--write-off", default="", metavar="AMOUNT", help="give up a claim")
    parser.add_argument("--use-credit", default="", metavar="AMOUNT", help="use what the customer has on account")
    parser.add_argument("--dispute", default=None, metavar="REASON", help="the customer objects; empty: no more")
    parser.add_argument("--note", default="by hand", help="why")


def _settle(options: argparse.Namespace, settings: Settings) -> int:
    from backend.services.payment_desk import dispute, use_credit, write_off

    now = settings.clock.build().utc()

    async def work(store: "Store") -> None:
        if options.write_off:
            amount = _amount(options.write_off, "--write-off")
            await store.write(lambda unit: write_off(unit, options.number, amount, now, options.note))
        if options.use_credit:
            amount = _amount(options.use_credit, "--use-credit")
            await store.write(lambda unit: use_credit(unit, options.number, amount, now, options.note))
        if options.dispute is not None:
            await store.write(lambda unit: dispute(unit, options.number, options.dispute))

    with_store(settings, work)
    print("done")
    return 0


def _undo_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("booking", type=int, help="number of the booking, see statement")
    parser.add_argument("--note", required=True, help="why")


def _undo(options: argparse.Namespace, settings: Settings) -> int:
    from backend.store.open_items import undo

    now = settings.clock.build().utc()

    async def work(store: "Store") -> list[int]:
        return await store.write(lambda unit: undo(unit, options.booking, now.date(), now, options.note))

    print(f"booked the opposite: {', '.join(map(str, with_store(settings, work)))}")
    return 0


def _statement_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("customer", help="id of the customer")
    parser.add_argument("--json", action="store_true", help="write JSON")


def _statement(options: argparse.Namespace, settings: Settings) -> int:
    from backend.services.payment_desk import statement

    async def work(store: "Store") -> list[dict[str, object]]:
        lines = await store.read(lambda connection: statement(connection, options.customer))
        return [
            {
                "on": line.day.isoformat(),
                "booking": line.booking_id or "",
                "kind": line.kind,
                "number": line.number,
                "amount": str(line.amount),
                "balance": str(line.balance),
                "note": line.note,
            }
            for line in lines
        ]

    _print(with_store(settings, work), as_json=options.json)
    return 0


def _mandates_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--pause", default="", metavar="REFERENCE", help="let a mandate rest")
    parser.add_argument("--resume", default="", metavar="REFERENCE", help="let a mandate be used again")
    parser.add_argument("--reason", default="", help="why it rests")
    parser.add_argument("--json", action="store_true", help="write JSON")


def _mandates(options: argparse.Namespace, settings: Settings) -> int:
    from backend.services.payment_desk import rest_mandate
    from backend.store.mandates import list_mandates

    if options.pause and not options.reason:
        raise PaymentError("--reason is missing: why the mandate rests")

    async def work(store: "Store") -> list[dict[str, object]]:
        if reference := options.pause or options.resume:
            reason = options.reason if options.pause else ""
            await store.write(lambda unit: rest_mandate(unit, reference, reason))
        return [
            {
                "reference": one.reference,
                "customer": one.customer_id,
                "iban": mask_iban(one.iban),
                "scheme": one.scheme.value,
                "signed_on": one.signed_on.isoformat(),
                "last_used_on": one.last_used_on.isoformat() if one.last_used_on else "",
                "expires_on": one.expires_on.isoformat(),
                "paused": one.paused,
            }
            for one in await store.read(list_mandates)
        ]

    _print(with_store(settings, work), as_json=options.json)
    return 0


def _print(rows: "Sequence[dict[str, object]]", *, as_json: bool) -> None:
    if as_json:
        print_json([list(rows)])
        return
    for row in rows:
        print(" ".join(f"{key}={value}" for key, value in row.items() if value not in ("", None, [], False)))


def _part(text: str) -> tuple[str, Decimal]:
    name, sign, amount = text.rpartition("=")
    if not (name and sign):
        raise PaymentError(f"{text}: write NUMBER=AMOUNT, for instance RE-2026-000123=77.29")
    return name, _amount(amount, text)


def _amount(text: str, name: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or amount <= 0:
        raise PaymentError(f"{name}: {text!r} is no amount such as 77.29")
    return amount


def _day(text: str, name: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise PaymentError(f"{name} {text!r} is no date such as 2026-11-12") from None


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BackendError(f"can't read {path}: {error.strerror}") from error


def _check_free(path: Path) -> None:
    if path.exists():
        raise PaymentError(f"{path} is there already: name another file")


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        print(f"the batch is stored: export it again with `payments batch export`, {path} failed", file=sys.stderr)
        raise BackendError(f"can't write {path}: {error.strerror}") from error


COMMANDS = (
    Command("list", "list open items and credits", _list_arguments, _list),
    Command("statement", "tell all that was booked for a customer", _statement_arguments, _statement),
    Command("collect", "make the files of direct debits that are due", _collect_arguments, _collect),
    Command("batches", "list batches of direct debits", _batches_arguments, _batches),
    Command("batch", "export, withdraw or report one batch", _batch_arguments, _batch),
    Command("import", "take in a file of the bank and book what is sure", _import_arguments, _import),
    Command("match", "book what is sure now, and list the rest with proposals", _match_arguments, _match),
    Command("book", "say what a bank entry is for", _book_arguments, _book),
    Command("settle", "write off, use credit, or note a dispute", _settle_arguments, _settle),
    Command("undo", "book the opposite of a booking", _undo_arguments, _undo),
    Command("mandates", "list mandates, let one rest or be used again", _mandates_arguments, _mandates),
)
"""Below `emops-backend payments`."""
