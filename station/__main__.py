"""Command line of the agent."""

import argparse
import asyncio
import dataclasses
import json
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from shared.config import ConfigError, load, settings_text
from station.errors import StationError
from station.settings import StationSettings, check

DEFAULT_CONFIG = Path("/etc/emops/station.toml")

_EXAMPLES = """examples:
  emops-station config > station.toml               every setting with its default and help
  emops-station check-config --config station.toml  is the file right?
  emops-station run --config station.toml           run the agent
  emops-station why --config station.toml           why does it not charge, why is nothing delivered?
  emops-station ledger show --config station.toml   what became of every transaction message

SIGTERM opens the contactors and ends the agent within 5 s. A running transaction stays open in the journal; the next
start goes on with it if the vehicle is still there.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and give the exit status: 0 good, 1 it failed, 2 the configuration or the command is wrong."""
    options = _parser().parse_args(arguments)
    if options.command == "config":
        print(settings_text(StationSettings))
        return 0
    try:
        settings = load(options.config, StationSettings)
        check(settings)
        return _run(options, settings)
    except ConfigError as error:
        print(f"emops-station: {error}", file=sys.stderr)
        return 2
    except StationError as error:
        print(f"emops-station: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="emops-station", description="Agent of a charge point.", epilog=_EXAMPLES, formatter_class=raw
    )
    parser.add_argument("--version", action="version", version=f"emops-station {version('emops')}")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--config", type=Path, default=DEFAULT_CONFIG, help="configuration file (%(default)s)")
    json_too = argparse.ArgumentParser(add_help=False)
    json_too.add_argument("--json", action="store_true", help="for scripts")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("run", parents=[common], help="run the agent until SIGTERM")
    commands.add_parser("check-config", parents=[common], help="check the configuration file and end")
    commands.add_parser("config", help="print every setting with its default, unit and help")
    commands.add_parser("status", parents=[common, json_too], help="how the agent stands")
    commands.add_parser("why", parents=[common], help="what keeps it from charging or delivering, in plain words")
    ledger = commands.add_parser("ledger", help="the transaction messages and what became of them")
    ledger_commands = ledger.add_subparsers(dest="ledger_command", required=True, metavar="COMMAND")
    show = ledger_commands.add_parser("show", parents=[common, json_too], help="the newest lines")
    show.add_argument("--transaction", default="", metavar="KEY", help="only this transaction")
    show.add_argument("--limit", type=int, default=50, help="how many lines (%(default)s)")
    retry = ledger_commands.add_parser("retry", parents=[common], help="send a parked transaction again")
    retry.add_argument("transaction", metavar="KEY", help="as `ledger show` tells it")
    return parser


def _run(options: argparse.Namespace, settings: StationSettings) -> int:
    match options.command:
        case "run":
            from station import app

            asyncio.run(app.main(settings))
        case "check-config":
            from station.devices import build_hardware

            build_hardware(settings)
            settings.clock.build()
            print(f"{options.config} is good: {len(settings.evse)} EVSE, {settings.csms.url}, {settings.journal.path}")
        case "ledger":
            _ledger(options, settings)
        case _:
            _status(options, settings)
    return 0


def _ledger(options: argparse.Namespace, settings: StationSettings) -> None:
    from station.ledger_view import read_ledger, release

    path = settings.journal.path
    if options.ledger_command == "retry":
        print(f"{release(path, options.transaction)} messages of {options.transaction} will be sent again")
        return
    rows = read_ledger(path, options.transaction, options.limit)
    if options.json:
        print(json.dumps([{**dataclasses.asdict(row), "at": row.at.isoformat()} for row in rows], indent=1))
        return
    for row in rows:
        trip = f"{row.round_trip_ms} ms" if row.round_trip_ms is not None else ""
        print(
            f"{row.row_id:>6} {row.at:%Y-%m-%dT%H:%M:%SZ}{' ' if row.certain else '?'} {row.transaction} {row.kind:7} "
            f"{row.register_wh:>10} Wh  {row.state:12} tries {row.tries} {trip} {row.reason}".rstrip()
        )


def _status(options: argparse.Namespace, settings: StationSettings) -> None:
    from station.report import reasons, status_of

    status = status_of(settings)
    if options.command == "why":
        print("\n".join(reasons(status)))
    elif options.json:
        print(json.dumps(status, indent=1))
    else:
        print("\n".join(f"{name:16} {value}" for name, value in status.items() if name != "evses"))
        for evse in status["evses"]:
            print(" ".join(f"{name}={value}" for name, value in evse.items() if value != ""))


if __name__ == "__main__":
    sys.exit(main())
