"""The command line of Storno and credit notes by hand."""

import argparse
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from backend.errors import BackendError
from backend.settings import Settings
from backend.tariff_commands import Command
from backend.tariff_reports import with_store

if TYPE_CHECKING:
    from backend.core.invoice import Invoice
    from backend.store.writer import Store


def _by_hand(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("number", help="number of the document")
    parser.add_argument("--reason", required=True, help="stands on the new document, which its customer gets")
    parser.add_argument("--operator", default="", metavar="ID", help="needed where several have such a number")


def _cancel(options: argparse.Namespace, settings: Settings) -> int:
    from backend.store.reversals import ByHand, cancel

    wanted, now = ByHand(options.number, options.reason, options.operator), settings.clock.build().utc()

    async def work(store: "Store") -> "Invoice":
        return await store.write(lambda unit: cancel(unit, wanted, now))

    done = with_store(settings, work)
    print(f"{done.number} cancels {options.number}; what that charged is billed again by the next run")
    return 0


def _credit_arguments(parser: argparse.ArgumentParser) -> None:
    _by_hand(parser)
    line_help = "line of the invoice and what of it is given back, in its prices, for instance 1=4.99; may be repeated"
    parser.add_argument("--line", action="append", required=True, metavar="LINE=AMOUNT", help=line_help)


def _credit(options: argparse.Namespace, settings: Settings) -> int:
    from backend.store.reversals import ByHand, credit

    wanted, now = ByHand(options.number, options.reason, options.operator), settings.clock.build().utc()
    amounts = dict(_amount(text) for text in options.line)
    if len(amounts) < len(options.line):
        raise BackendError("--line: name each line once")

    async def work(store: "Store") -> "Invoice":
        return await store.write(lambda unit: credit(unit, wanted, amounts, now))

    done = with_store(settings, work)
    print(f"{done.number} gives back {done.due} {done.currency} of {options.number}")
    return 0


def _amount(text: str) -> tuple[int, Decimal]:
    line, _, amount = text.partition("=")
    try:
        return int(line), Decimal(amount)
    except (ValueError, InvalidOperation) as error:
        raise BackendError(f"--line {text}: write the number of a line and an amount such as 1=4.99") from error


COMMANDS = (
    Command("cancel", "issue the Storno of a document; what it charged is billed again", _by_hand, _cancel),
    Command("credit", "issue a credit note of a part of an invoice", _credit_arguments, _credit),
)
"""Below `emops-backend invoice`."""
