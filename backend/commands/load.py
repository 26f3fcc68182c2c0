"""The command line of load management."""

import argparse
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from backend.commands.tariff import Command, read_json
from backend.commands.tariff_reports import with_store
from backend.errors import BackendError
from backend.settings import Settings

if TYPE_CHECKING:
    from backend.store.load import DimmingEvent
    from backend.store.writer import Store


def _set_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", help="of the site")
    parser.add_argument("file", help="JSON as POST /api/v1/load-sites takes it, or - for stdin")
    parser.add_argument("--operator", required=True, metavar="ID", help="whose site it is")


def _set(options: argparse.Namespace, settings: Settings) -> int:
    from backend.core.load.site import SiteError
    from backend.store.load import put_site

    body = read_json(options.file)
    if not isinstance(body, dict):
        raise BackendError(f"{options.file} must hold one JSON object")

    async def work(store: "Store") -> None:
        now = settings.clock.build().utc()
        await store.write(lambda unit: put_site(unit, options.operator, options.id, body, now))

    try:
        with_store(settings, work)
    except SiteError as error:
        raise BackendError(f"{options.file}: {error}") from error
    print(f"site {options.id} is set")
    return 0


def _list(_options: argparse.Namespace, settings: Settings) -> int:
    from backend.store.load import list_sites

    async def work(store: "Store") -> list[str]:
        found = await store.read(list_sites)
        return [f"{site.id}  {operator}  {site.name}  {len(site.evses)} EVSEs" for operator, site in found]

    for line in with_store(settings, work):
        print(line)
    return 0


def _dim_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", help="of the site")
    parser.add_argument("limit", metavar="W|off", help="limit of all EVSEs together, or off")
    parser.add_argument("--until", default="", metavar="TIME", help="for instance 2026-01-31T12:00:00+01:00")


def _dim(options: argparse.Namespace, settings: Settings) -> int:
    from backend.store.load import dim

    if options.limit != "off" and not options.limit.isdigit():
        raise BackendError(f"{options.limit!r} is no limit: give W, or off")
    limit = None if options.limit == "off" else int(options.limit)
    until = datetime.fromisoformat(options.until) if options.until else None
    if until is not None and until.tzinfo is None:
        raise BackendError(f"{options.until} needs an offset, for instance +01:00")

    async def work(store: "Store") -> "DimmingEvent":
        now = settings.clock.build().utc()
        return await store.write(lambda unit: dim(unit, options.id, limit, until, "command line", now))

    try:
        event = with_store(settings, work)
    except LookupError as error:
        raise BackendError(f"there is no site {error}: emops-backend load list") from error
    print("it is not dimmed" if event.effective_w is None else f"dimmed to {event.effective_w} W")
    return 0


def _log_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", help="of the site")
    parser.add_argument("file", type=Path, help="CSV to write")
    parser.add_argument("--lang", choices=("en", "de"), default="en", help="how numbers are written")


def _log(options: argparse.Namespace, settings: Settings) -> int:
    from backend.services.load import dimming_csv
    from backend.store.load import dimmings

    async def work(store: "Store") -> bytes:
        return dimming_csv(await store.read(lambda unit: dimmings(unit, options.id)), options.lang)

    options.file.write_bytes(with_store(settings, work))
    return 0


def _none(_parser: argparse.ArgumentParser) -> None:
    pass


COMMANDS = (
    Command("set", "describe a site: its grid connection, circuits and EVSEs", _set_arguments, _set),
    Command("list", "list the sites", _none, _list),
    Command("dim", "dim a site as its grid operator asks, or end it", _dim_arguments, _dim),
    Command("log", "write the log of dimming, the proof for the grid operator", _log_arguments, _log),
)
