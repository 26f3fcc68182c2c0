"""The command line of dunning: preview, send, letters, suspensions, and customers whose dunning rests."""

import argparse
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from backend.commands.tariff import Command, print_json
from backend.commands.tariff_reports import with_store
from backend.core.record import to_json
from backend.services.entry_checks import day_of
from backend.settings import Settings
from backend.store.suspensions import STOPS

if TYPE_CHECKING:  # the command line loads only what a command needs
    from collections.abc import Sequence

    from backend.jobs.dun import Dunned, Prepared
    from backend.store.dunning import StoredDunning
    from backend.store.suspensions import Stop, Suspension
    from backend.store.writer import Store


def add_dunning_commands(parser: argparse.ArgumentParser, parent: argparse.ArgumentParser) -> None:
    """Add the commands below `dunning`; the one chosen is in `options.run_command`."""
    below = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        added = below.add_parser(command.name, parents=[parent], help=command.help)
        command.arguments(added)
        added.set_defaults(run_command=command)


def _who(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--operator", default="", metavar="ID", help="needed where there are several")
    parser.add_argument("--customer", default="", metavar="ID", help="only this customer")
    parser.add_argument("--json", action="store_true", help="write JSON")


def _preview(options: argparse.Namespace, settings: Settings) -> int:
    from backend.jobs.dun import prepare
    from backend.services.payments import the_operator

    now = settings.clock.build().utc()

    async def work(store: "Store") -> "list[Prepared]":
        operator_id, _, _ = await store.read(lambda unit: the_operator(unit, options.operator))
        return await store.read(lambda unit: prepare(unit, operator_id, now, options.customer))

    found = with_store(settings, work)
    if options.json:
        print_json([prepared_json(one) for one in found])
        return 0
    for one in found:
        for line in _lines(one):
            print(line)
    if not found:
        print("nothing is overdue")
    return 0


def _lines(one: "Prepared") -> Iterator[str]:
    name = f"{one.case.customer_id} {one.case.customer}"
    if one.letter:
        demand = one.letter.demand
        costs = ", ".join(f"{kind.value} {amount}" for kind, amount in demand.costs)
        yield f"{name}: level {demand.level}, {demand.total} {one.case.currency}{f' ({costs})' if costs else ''}"
        for item in demand.items:
            raised = "raised to" if item.raised else "stays at"
            yield f"  {item.number} due {item.due_on} open {item.open}, {raised} level {item.level}"
        if demand.suspend_on:
            yield f"  cards are suspended from {demand.suspend_on} if it is not paid"
        if demand.missing_rate:
            yield f"  no base rate is known from {demand.missing_rate} on: apply a [[base_rate]]"
    for held in one.held:
        detail = f" {held.detail}" if held.detail else ""
        yield f"{name}: {held.number or 'all'} is left out: {held.reason}{detail}"


def prepared_json(one: "Prepared") -> dict[str, object]:
    """Give what dunning would do about a customer; amounts are text."""
    demand = one.letter.demand if one.letter else None
    return {
        "customer_id": one.case.customer_id,
        "customer": one.case.customer,
        "currency": one.case.currency,
        "level": demand.level if demand else 0,
        "total": str(demand.total) if demand else None,
        "pay_by": demand.pay_by.isoformat() if demand else None,
        "suspend_on": demand.suspend_on.isoformat() if demand and demand.suspend_on else None,
        "costs": {kind.value: str(amount) for kind, amount in demand.costs} if demand else {},
        "documents": [item.number for item in demand.items] if demand else [],
        "held": [{"number": held.number, "reason": held.reason, "detail": held.detail} for held in one.held],
    }


def _send(options: argparse.Namespace, settings: Settings) -> int:
    from backend.jobs.dun import dun, open_paper
    from backend.services.payments import the_operator

    now = settings.clock.build().utc()

    async def work(store: "Store") -> "Dunned":
        operator_id, _, _ = await store.read(lambda unit: the_operator(unit, options.operator))
        only = (options.customer,) if options.customer else ()
        async with open_paper(settings.billing.looks_folder) as paper:
            return await dun(store, operator_id, now, paper=paper, customer_ids=only)

    done = with_store(settings, work)
    if options.json:
        print_json([{"number": one.number, "total": str(one.demand.total)} for one in done.letters])
        return 0
    for one in done.letters:
        print(f"{one.number}: level {one.demand.level}, {one.demand.total} {one.currency}")
    for number in done.handed_over:
        print(f"{number} is to be handed over")
    for customer in done.changed:
        print(f"{customer}: the books changed meanwhile, no letter was sent")
    print(f"{len(done.letters)} letters were ordered; the server mails them")
    return 0


def _list_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--customer", default="", metavar="ID", help="only of this customer")
    parser.add_argument("--json", action="store_true", help="write JSON")


def _letters(options: argparse.Namespace, settings: Settings) -> int:
    from backend.store.dunning import list_letters

    async def work(store: "Store") -> "list[StoredDunning]":
        return await store.read(lambda unit: list_letters(unit, customer_id=options.customer))

    for one in with_store(settings, work):
        suspend = f", suspends from {one.suspend_on}" if one.suspend_on else ""
        text = f"{one.day} {one.number} level {one.level}: {one.total} {one.currency}{suspend}"
        print(to_json(one) if options.json else text)
    return 0


def _suspended(options: argparse.Namespace, settings: Settings) -> int:
    from backend.store.suspensions import list_stops, list_suspensions

    async def work(store: "Store") -> "tuple[Sequence[Suspension], Sequence[Stop]]":
        return await store.read(lambda unit: (list_suspensions(unit), list_stops(unit)))

    suspended, stops = with_store(settings, work)
    for one in suspended:
        state = f"suspended since {one.since.isoformat()}" if one.since else f"announced for {one.suspend_on}"
        print(to_json(one) if options.json else f"{one.customer_id} {one.customer}: {state} by {one.number}")
    for stop in stops:
        until = f" until {stop.until}" if stop.until else ""
        text = f"{stop.customer_id} {stop.customer}: dunning rests{until}: {stop.reason} {stop.note}".rstrip()
        print(to_json(stop) if options.json else text)
    return 0


def _one_customer(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("customer", help="id of the customer")


def _stop_arguments(parser: argparse.ArgumentParser) -> None:
    _one_customer(parser)
    parser.add_argument("--reason", required=True, choices=STOPS, help="why")
    parser.add_argument("--note", default="", help="in words")
    parser.add_argument("--until", default="", metavar="DAY", help="the last day; left out = until it is resumed")


def _stop(options: argparse.Namespace, settings: Settings) -> int:
    from backend.store.suspensions import stop_dunning

    now, until = settings.clock.build().utc(), day_of(options.until, "--until") if options.until else None
    work = partial(
        stop_dunning, customer_id=options.customer, reason=options.reason, note=options.note, until=until, now=now
    )
    with_store(settings, lambda store: store.write(work))
    print(f"the dunning of {options.customer} rests{f' until {until}' if until else ''}")
    return 0


def _resume(options: argparse.Namespace, settings: Settings) -> int:
    from backend.store.suspensions import resume_dunning

    with_store(settings, lambda store: store.write(partial(resume_dunning, customer_id=options.customer)))
    print(f"{options.customer} is dunned again")
    return 0


def _lift_arguments(parser: argparse.ArgumentParser) -> None:
    _one_customer(parser)
    parser.add_argument("--reason", required=True, help="in words")


def _lift(options: argparse.Namespace, settings: Settings) -> int:
    from backend.store.suspensions import lift

    now = settings.clock.build().utc()
    work = partial(lift, customer_id=options.customer, why=options.reason, now=now)
    with_store(settings, lambda store: store.write(work))
    print(f"the cards of {options.customer} are free")
    return 0


COMMANDS = (
    Command("preview", "tell what would be asked for now, and what is left out and why", _who, _preview),
    Command("send", "send the letters that are due now", _who, _send),
    Command("letters", "list the letters sent", _list_arguments, _letters),
    Command("suspended", "list suspended customers, and those whose dunning rests", _list_arguments, _suspended),
    Command("stop", "let a customer's dunning rest", _stop_arguments, _stop),
    Command("resume", "dun a customer again", _one_customer, _resume),
    Command("lift", "free a customer's cards by hand, or call an announced suspension off", _lift_arguments, _lift),
)
