"""The command line of orders: give any request to stations, and see what became of it."""

import argparse
import asyncio
import getpass
import sys
from typing import TYPE_CHECKING

from backend.commands.tariff import Command
from backend.commands.tariff_reports import with_store
from backend.errors import BackendError
from backend.settings import Settings
from shared.ocpp.session import Payload, dumps, loads
from shared.ocpp.validation import Version

if TYPE_CHECKING:
    from backend.core.order import Order
    from backend.store.writer import Store

_POLL_S = 0.5


def _give_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", help="name of the request, for instance Reset")
    parser.add_argument("what", nargs="*", metavar="STATION|FIELD=VALUE", help="stations, and fields of the request")
    parser.add_argument("--all", action="store_true", help="to every station")
    parser.add_argument("--location", default="", metavar="ID", help="to the stations of a site")
    parser.add_argument("--json", default="", metavar="OBJECT", help="the payload as JSON instead of fields")
    parser.add_argument("--patience", type=float, default=60, metavar="S", help="seconds to wait for a station; 60")
    parser.add_argument("--unchecked", action="store_true", help="send it even if OCPP has no such request")
    parser.add_argument("--wait", action="store_true", help="wait for the outcomes; status 1 unless all were answered")
    parser.add_argument("--yes", action="store_true", help="do not ask before what may do harm")


def _list_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--station", default="", metavar="ID", help="only those of a station")
    parser.add_argument("--state", default="", help="only those in a state, for instance waiting")
    parser.add_argument("--limit", type=int, default=50, help="at most so many")


def _cancel_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("number", type=int, help="as list tells it")


def _actions_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", nargs="?", default="", help="name of a request, to see its fields")
    parser.add_argument("--ocpp", choices=tuple(Version), default=Version.V16, help="version; 1.6")


def _give(options: argparse.Namespace, settings: Settings) -> int:
    from backend.csms.catalogue import DESTRUCTIVE
    from backend.csms.control import control_path, order

    names = [text for text in options.what if "=" not in text]
    pairs = dict(text.split("=", 1) for text in options.what if "=" in text)
    if bool(names) + bool(options.location) + options.all != 1:
        raise BackendError("name either stations, or --location ID, or --all")
    payload = _payload(options.action, pairs, options.json)
    names = names or with_store(settings, lambda store: _stations(store, options.location))
    if options.action in DESTRUCTIVE and not options.yes:
        asked = f"{options.action} to {len(names)} stations ({', '.join(names[:5])} ...)? Type yes: "
        if input(asked).strip() != "yes":
            print("nothing was ordered")
            return 1
    path = control_path(settings.store.path)
    batch = asyncio.run(
        order(
            path,
            names,
            options.action,
            payload,
            patience_s=options.patience,
            checked=not options.unchecked,
            ordered_by=getpass.getuser(),
        )
    )
    if not options.wait:
        print(f"{len(names)} ordered; emops-backend order list tells what became of it")
        return 0
    return with_store(settings, lambda store: follow(store, batch))


def _payload(action: str, pairs: dict[str, str], text: str) -> Payload:
    """Make the payload of fields, in the first version that has them so, or of JSON."""
    from backend.csms.catalogue import ACTIONS, FieldError, payload_of
    from shared.ocpp.validation import violation

    if text:
        try:
            payload = loads(text)
        except ValueError as error:
            raise BackendError(f"--json is no JSON: {error}") from error
        if pairs or not isinstance(payload, dict):
            raise BackendError("--json must be an object such as {}, without further fields")
        return payload
    problem = f"no version of OCPP has a request {action}: emops-backend order actions lists them; --json sends any"
    for version in Version:
        if action in ACTIONS[version]:
            try:
                payload = payload_of(version, action, pairs)
            except FieldError as error:
                problem = f"{action}: {error}"
                continue
            found = violation(version, action, payload)
            if found is None:
                return payload
            problem = f"{action} of OCPP {version}: {found}; emops-backend order actions {action} lists its fields"
    raise BackendError(problem)


async def _stations(store: "Store", location: str) -> list[str]:
    from backend.store.orders import stations_of

    found = await store.read(lambda connection: stations_of(connection, location_id=location))
    if not found:
        raise BackendError(f"location {location} has no charge points" if location else "there are no charge points")
    return found


async def follow(store: "Store", batch: str) -> int:
    """Print each outcome when it is there, and give 0 if all were answered; another process writes them."""
    from backend.core.order import OrderState
    from backend.store.orders import list_orders

    told: set[int] = set()
    while True:
        rows = await store.read(lambda connection: list_orders(connection, 10_000, batch=batch))
        for one in reversed(rows):
            if not one.is_open and one.id not in told:
                told.add(one.id)
                _print(one)
        if rows and len(told) == len(rows):
            return int(any(one.state is not OrderState.ANSWERED for one in rows))
        await asyncio.sleep(_POLL_S)


def _list(options: argparse.Namespace, settings: Settings) -> int:
    from backend.store.orders import list_orders

    async def read(store: "Store") -> "list[Order]":
        return await store.read(
            lambda connection: list_orders(
                connection, options.limit, charge_point_id=options.station, state=options.state
            )
        )

    for one in with_store(settings, read):
        _print(one)
    return 0


def _print(one: "Order") -> None:
    from backend.core.order import masked

    outcome, payload = one.answer or one.reason, dumps(masked(loads(one.payload)))
    print(f"{one.id}  {one.charge_point_id}  {one.action} {payload}  {one.state}  {outcome}".rstrip(), flush=True)


def _cancel(options: argparse.Namespace, settings: Settings) -> int:
    from backend.store.orders import cancel

    async def take_back(store: "Store") -> bool:
        now = settings.clock.build().utc()
        return await store.write(lambda connection: cancel(connection, options.number, now))

    if with_store(settings, take_back):
        print(f"order {options.number} is taken back")
        return 0
    print(f"order {options.number} was sent already, has ended, or does not exist", file=sys.stderr)
    return 1


def _actions(options: argparse.Namespace, _settings: Settings) -> int:
    from backend.csms.catalogue import ACTIONS, fields

    version = Version(options.ocpp)
    if not options.action:
        print("\n".join(ACTIONS[version]))
        return 0
    if options.action not in ACTIONS[version]:
        raise BackendError(f"OCPP {version} has no request {options.action} of a central system")
    for field in fields(version, options.action):
        values = "|".join(field.choices) or field.example or field.kind
        print(f"{field.name}{'' if field.required else ' (may be left out)'}: {values}")
    return 0


COMMANDS = (
    Command("give", "give an order; it is kept until its station is connected", _give_arguments, _give),
    Command("list", "list orders, the newest first", _list_arguments, _list),
    Command("cancel", "take back an order that was not sent yet", _cancel_arguments, _cancel),
    Command("actions", "list the requests of a version of OCPP, or the fields of one", _actions_arguments, _actions),
)
