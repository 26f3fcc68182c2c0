"""The command line of sessions that wait for a person: list, assign, undo."""

import argparse
import getpass
import json
from typing import TYPE_CHECKING

from backend.commands.tariff import Command
from backend.commands.tariff_reports import with_store
from backend.errors import BackendError
from backend.settings import Settings

if TYPE_CHECKING:
    from backend.store.writer import Store


def _list_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="one JSON object a line")


def _list(options: argparse.Namespace, settings: Settings) -> int:
    from backend.services.clarify import waiting

    async def work(store: "Store") -> int:
        for row in await store.read(waiting):
            fields = {
                "id": row.id,
                "charge_point": row.charge_point_id,
                "evse": row.evse_id,
                "token": str(row.id_token),
                "started_at": row.started_at.isoformat(),
                "told_wh": row.told_wh,
                "offers": ",".join(row.offers),
                "reason": row.reason,
            }
            text = " ".join(f"{name}={value}" for name, value in fields.items() if value is not None)
            print(json.dumps(fields, ensure_ascii=False) if options.json else text)
        return 0

    return with_store(settings, work)


def _assign_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("transaction", type=int, help="the session to decide on")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--customer", metavar="ID", help="the card is this customer's; all its sessions follow")
    what.add_argument("--tariff", metavar="ID", help="price it by this tariff")
    what.add_argument("--accept", action="store_true", help="take what the station told as it is")
    what.add_argument("--waive", action="store_true", help="it costs nothing; needs --reason")
    parser.add_argument("--reason", default="", help="why; kept for ever")
    parser.add_argument("--by", default=getpass.getuser(), metavar="NAME", help="who decides; you")


def _assign(options: argparse.Namespace, settings: Settings) -> int:
    from backend.core.clarification.inbox import Kind
    from backend.services.clarify import assign

    if options.customer is not None:
        kind, value = Kind.TOKEN, options.customer
    elif options.tariff is not None:
        kind, value = Kind.TARIFF, options.tariff
    else:
        kind, value = Kind.ACCEPT if options.accept else Kind.WAIVE, ""
    if kind is Kind.WAIVE and not options.reason.strip():
        raise BackendError("to charge nothing give a --reason")
    number, now = options.transaction, settings.clock.build().utc()

    async def work(store: "Store") -> int:
        await store.write(
            lambda unit: assign(unit, number, kind, value=value, reason=options.reason, by=options.by, now=now)
        )
        print(f"transaction {number}: {kind} {value}".rstrip())
        return 0

    return with_store(settings, work)


def _undo_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("transaction", type=int, help="the session whose last decision is taken back")
    parser.add_argument("--by", default=getpass.getuser(), metavar="NAME", help="who takes it back; you")


def _undo(options: argparse.Namespace, settings: Settings) -> int:
    from backend.services.clarify import undo

    number, now = options.transaction, settings.clock.build().utc()

    async def work(store: "Store") -> int:
        await store.write(lambda unit: undo(unit, number, by=options.by, now=now))
        print(f"transaction {number}: taken back")
        return 0

    return with_store(settings, work)


COMMANDS = (
    Command("list", "list the sessions that can't be billed, with their reasons", _list_arguments, _list),
    Command("assign", "decide on a session", _assign_arguments, _assign),
    Command("undo", "take the last decision on a session back, unless it is billed", _undo_arguments, _undo),
)
