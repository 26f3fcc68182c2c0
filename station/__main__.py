"""Command line of the agent: a table of commands, each a name, a help text and what it runs."""

import argparse
import asyncio
import dataclasses
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from hardware.errors import HardwareError
from shared.config import ConfigError, load, settings_text
from station.errors import StationError
from station.field import commands as field
from station.settings import StationSettings, check

DEFAULT_CONFIG = Path("/etc/emops/station.toml")

_EXAMPLES = """examples:
  emops-station config > station.toml               every setting with its default and help
  emops-station check-config --config station.toml  is the file right?
  emops-station run --config station.toml           run the agent
  emops-station why --config station.toml           why does it not charge, why is nothing delivered?
  emops-station console                             menu for technicians, beside the running agent
  emops-station ledger show --config station.toml   what became of every transaction message

SIGTERM opens the contactors and ends the agent within 5 s. A running transaction stays open in the journal; the next
start goes on with it if the vehicle is still there.
"""

Arguments = Callable[[argparse.ArgumentParser], object]
Run = Callable[[argparse.Namespace, StationSettings], int | None]
"""What a command does. It gives the exit status, None for 0."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command. `name` has two words if it belongs to a group: "ledger show". A run imports what it needs itself."""

    name: str
    help: str
    run: Run | Callable[[argparse.Namespace], int | None]
    arguments: Arguments = lambda _parser: None
    needs_config: bool = True
    """Whether `run` is given the settings; a command that does not need them works without a good file."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and give the exit status: 0 good, 1 it failed, 2 the configuration or the command is wrong."""
    options = _parser().parse_args(arguments)
    try:
        if not options.needs_config:
            return options.run(options) or 0
        settings = load(options.config, StationSettings)
        check(settings)
        return options.run(options, settings) or 0
    except ConfigError as error:
        print(f"emops-station: {error}", file=sys.stderr)
        return 2
    except (StationError, HardwareError) as error:
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
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    groups = {}
    for command in COMMANDS:
        *group, name = command.name.split()
        if group and group[0] not in groups:
            help_text = GROUPS[group[0]]
            of_group = commands.add_parser(group[0], help=help_text, description=help_text)
            groups[group[0]] = of_group.add_subparsers(dest="subcommand", required=True, metavar="COMMAND")
        place = groups[group[0]] if group else commands
        one = place.add_parser(name, parents=[common], help=command.help, description=command.help)
        command.arguments(one)
        one.set_defaults(run=command.run, needs_config=command.needs_config)
    return parser


def _json_too(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="for scripts")


def _run_agent(options: argparse.Namespace, settings: StationSettings) -> None:
    from station import app

    asyncio.run(app.main(settings, options.config))


def _check_config(options: argparse.Namespace, settings: StationSettings) -> None:
    from station.devices import advice, build_hardware

    build_hardware(settings, settings.clock.build())
    for sentence in advice(settings):
        print(f"note: {sentence}")
    print(f"{options.config} is good: {len(settings.evse)} EVSE, {settings.csms.url}, {settings.journal.path}")


def _status(options: argparse.Namespace, settings: StationSettings) -> None:
    from station.report import alarms, status_of
    from station.wear_words import wear_line

    status = status_of(settings)
    if options.json:
        print(json.dumps(status, indent=1))
        return
    shown = {**status, "wear": wear_line(status.get("wear", {}), "en")}
    print("\n".join(f"{name:16} {value}" for name, value in shown.items() if name not in ("evses", "data", "uplink")))
    for evse in status["evses"]:
        print(" ".join(f"{name}={value}" for name, value in evse.items() if value != ""))
    print("\n".join(alarms(status)), end="\n" if alarms(status) else "")


def _data(options: argparse.Namespace, settings: StationSettings) -> None:
    from station.data_view import data_lines, thrift_line
    from station.report import status_of

    data = status_of(settings).get("data", {})
    if options.json:
        print(json.dumps(data, indent=1))
        return
    language = "de" if os.environ.get("LANG", "").startswith("de") else "en"
    print("\n".join(f"{name:24} {text}" for name, text in data_lines(data, language)))
    if line := thrift_line(data, language):
        print(line)


def _link_arguments(parser: argparse.ArgumentParser) -> None:
    _json_too(parser)
    parser.add_argument("--language", choices=("en", "de"), default="en", help="language (%(default)s)")


def _link(options: argparse.Namespace, settings: StationSettings) -> None:
    from station.link_view import NO_FACTS, link_lines
    from station.report import status_of

    facts = status_of(settings).get("uplink") or NO_FACTS
    print(json.dumps(facts, indent=1) if options.json else "\n".join(link_lines(facts, options.language)))


def _why(_options: argparse.Namespace, settings: StationSettings) -> None:
    from station.report import reasons, status_of

    print("\n".join(reasons(status_of(settings))))


def _show_arguments(parser: argparse.ArgumentParser) -> None:
    _json_too(parser)
    parser.add_argument("--transaction", default="", metavar="KEY", help="only this transaction")
    parser.add_argument("--limit", type=int, default=50, help="how many lines (%(default)s)")


def _ledger_show(options: argparse.Namespace, settings: StationSettings) -> None:
    from station.ledger_view import read_ledger

    rows = read_ledger(settings.journal.path, options.transaction, options.limit)
    if options.json:
        print(json.dumps([{**dataclasses.asdict(row), "at": row.at.isoformat()} for row in rows], indent=1))
        return
    for row in rows:
        register = "-" if row.register_wh is None else row.register_wh
        trip = f"{row.round_trip_ms} ms" if row.round_trip_ms is not None else ""
        print(
            f"{row.row_id:>6} {row.at:%Y-%m-%dT%H:%M:%SZ}{' ' if row.certain else '?'} {row.transaction} {row.kind:7} "
            f"{register:>10} Wh  {row.state:12} tries {row.tries} {trip} {row.reason}".rstrip()
        )


def _replay_arguments(parser: argparse.ArgumentParser) -> None:
    what = parser.add_mutually_exclusive_group()
    what.add_argument("transaction", metavar="KEY", nargs="?", default="", help="as the list without it tells")
    what.add_argument("--all", action="store_true", help="all that can be sent again")


def _ledger_replay(options: argparse.Namespace, settings: StationSettings) -> int:
    from station.ledger_view import parked, release

    path = settings.journal.path
    rows = parked(path)
    if not options.all and not options.transaction:
        print("\n".join(f"{key} {count} messages: {reason}" for key, count, reason in rows) or "nothing is parked")
        return 0
    failed = 0
    for key in [key for key, _, _ in rows] if options.all else [options.transaction]:
        try:
            print(f"{release(path, key)} messages of {key} will be sent again")
        except StationError as error:
            print(f"emops-station: {error}", file=sys.stderr)
            failed = 1
    return failed


def _security(_options: argparse.Namespace, settings: StationSettings) -> None:
    from station.security.view import security_lines
    from station.settings import initial_access, security_folder

    print("\n".join(security_lines(settings.journal.path, security_folder(settings), initial_access(settings))))


def _ledger_clear_alarm(_options: argparse.Namespace, settings: StationSettings) -> None:
    from station.ledger_view import clear_alarm

    print(clear_alarm(settings.journal.path) or "there is no alarm")


def _config(_options: argparse.Namespace) -> None:
    print(settings_text(StationSettings))


def _console_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "action", nargs="?", choices=("hash-pin",), help="ask for a PIN and print its line for the file"
    )
    parser.add_argument("--port", default="", help="serial port to serve, for instance /dev/ttyS0 (this terminal)")
    parser.add_argument("--baud", type=int, default=115200, help="speed of the port (%(default)s)")
    parser.epilog = "deploy/emops-console@.service serves a port from the boot on; over SSH make it the user's command."
    parser.add_argument("--plain", action="store_true", help="only ASCII, nothing that a terminal must understand")


def _console(options: argparse.Namespace) -> int | None:
    from station.console import app

    if options.action:
        return app.make_pin()
    asyncio.run(app.run(options.config, port=options.port, baud=options.baud, plain=options.plain))
    return None


GROUPS = {
    "ledger": "the transaction messages and what became of them",
    "meter": "the energy meters on the Modbus lines",
}
COMMANDS: tuple[Command, ...] = (
    Command("run", "run the agent until SIGTERM", _run_agent),
    Command("config", "print every setting with its default, unit and help", _config, needs_config=False),
    Command("check-config", "check the configuration file and end", _check_config),
    Command("status", "how the agent stands", _status, _json_too),
    Command("data", "what the mobile link costs, by kind of message", _data, _json_too),
    Command("link", "what was done about the link, signal by the hour, dead hours", _link, _link_arguments),
    Command("why", "what keeps it from charging or delivering, in plain words", _why),
    Command("security", "profile, certificates and the security log", _security),
    Command("console", "menu for technicians, here or on a serial port", _console, _console_arguments, False),
    Command("meter scan", "find the meters on a line and tell their settings", field.scan, field.scan_arguments),
    Command("meter read", "what the meters say now", field.read, field.read_arguments),
    Command("meter registers", "every register of a meter as it is read", field.registers, field.evse_arguments),
    Command("meter verify", "compare a meter with its display", field.verify, field.evse_arguments),
    Command("selftest", "test every part, with what to do", field.self_test, field.self_test_arguments),
    Command("commission", "guided first start, ends in a signed report", field.commission, field.commission_arguments),
    Command("pack", "support bundle for a USB stick, a file, YMODEM or QR codes", field.pack, field.pack_arguments),
    Command("update", "install a signed release, or go back", field.update, field.update_arguments),
    Command("ledger show", "the newest lines", _ledger_show, _show_arguments),
    Command("ledger export", "signed file of what was not delivered", field.export, field.export_arguments),
    Command("ledger clear-alarm", "forget that the journal was damaged, and say what it was", _ledger_clear_alarm),
    Command("ledger replay", "list what was refused for good, or send it again", _ledger_replay, _replay_arguments),
)

if __name__ == "__main__":
    sys.exit(main())
