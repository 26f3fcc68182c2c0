"""The command line of Storno and credit notes by hand."""

import argparse
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from backend.commands.tariff import Command
from backend.commands.tariff_reports import with_store
from backend.errors import BackendError
from backend.settings import Settings

if TYPE_CHECKING:
    from backend.core.invoices.invoice import Invoice
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


def _payer_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("session", type=int, help="number of the session")
    for name, about in (
        ("name", "name of the person or company"),
        ("street", "street and number"),
        ("postcode", "postcode"),
        ("city", "city"),
        ("email", "where the invoice is sent"),
        ("card", "last 4 to 6 digits of the card that has paid"),
    ):
        parser.add_argument(f"--{name}", required=True, help=about)
    parser.add_argument("--country", default="DE", help="ISO 3166 code of two letters")
    parser.add_argument("--vat-id", default="", help="VAT identification number of a business")


def _payer(options: argparse.Namespace, settings: Settings) -> int:
    from dataclasses import fields

    from backend.core.invoices.small_invoice import Payer
    from backend.store.ad_hoc import keep_payer

    payer = Payer(**{field.name: getattr(options, field.name) for field in fields(Payer)})

    async def work(store: "Store") -> str:
        return await store.write(lambda unit: keep_payer(unit, options.session, payer))

    issued = with_store(settings, work)
    told = f"cancel {issued}, which has been issued without a buyer" if issued else "it is issued by the next run"
    print(f"session {options.session} is invoiced to {payer.name}: {told}")
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
    Command("payer", "tell who paid a session at the charge point: it is invoiced to them", _payer_arguments, _payer),
)
"""Below `emops-backend invoice`."""
