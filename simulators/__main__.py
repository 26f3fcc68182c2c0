"""The command `emops-sim`."""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from shared.config import ConfigError, load, settings_text
from shared.log import start_logging
from simulators.settings import Settings

_EXAMPLES = """examples:
  emops-sim config > sim.toml          write a file with every setting and its default
  emops-sim check-config --config sim.toml
  emops-sim serve --config sim.toml    simulate until Ctrl-C
  emops-sim demo                       play the whole story, then stay up for a look at the pages
  curl http://127.0.0.1:8190/state     look at the simulated world
  curl http://127.0.0.1:8190/          everything that can be done to it, with examples; some of them:
  curl -d '{"token": "04A1B2C3D4", "reader": 1}' http://127.0.0.1:8190/tag
  curl -d '{"evse": 2, "max_power_w": 7400}' http://127.0.0.1:8190/plug
  curl -d '{"evse": 1, "fault": "rcd"}' http://127.0.0.1:8190/board
  curl -d '{"link": "relay", "state": "half_open"}' http://127.0.0.1:8190/link
  curl -d '{"on": false}' http://127.0.0.1:8190/power
"""


def make_parser() -> argparse.ArgumentParser:
    """Make the command line."""
    parser = argparse.ArgumentParser(
        prog="emops-sim",
        description="Simulates a charging station's hardware: modem, meter, EVSE board, vehicle, card reader, mailbox.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"emops-sim {version('emops')}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, run, text in (
        ("serve", serve, "simulate until SIGTERM or Ctrl-C"),
        ("check-config", check_config, "check a configuration file"),
    ):
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument("--config", type=Path, default=Path("sim.toml"), help="configuration file (%(default)s)")
        command.set_defaults(run=run)
    text = "start all programs with simulated hardware, tell the story of one evening and check its claims"
    command = commands.add_parser("demo", help=text, description=text)
    command.add_argument("--dir", type=Path, default=Path(".demo"), help="folder for its files; emptied (%(default)s)")
    command.add_argument("--speed", type=float, help="how many times faster than real time (400)")
    command.add_argument("--once", action="store_true", help="end after the story; exit status 0 if all claims held")
    command.set_defaults(run=demo)
    command = commands.add_parser("config", help="print every setting with its default and help")
    command.set_defaults(run=print_config)
    return parser


def serve(arguments: argparse.Namespace) -> int:
    """Run the simulators."""
    settings = load(arguments.config, Settings)
    start_logging(settings.log_level)
    from simulators import app
    from simulators.supply import CommandFailed

    try:
        asyncio.run(app.run(settings, lambda line: print(line, flush=True)))
    except (OSError, ValueError, CommandFailed) as error:
        print(f"emops-sim: {error}", file=sys.stderr)
        return 1
    return 0


def demo(arguments: argparse.Namespace) -> int:
    """Play the demonstration."""
    from simulators.demo import app

    return asyncio.run(app.run(arguments.dir, speed=arguments.speed or app.SPEED, once=arguments.once))


def check_config(arguments: argparse.Namespace) -> int:
    """Load the configuration and say that it is good."""
    settings = load(arguments.config, Settings)
    settings.check()
    settings.clock.build()
    print(f"{arguments.config} is good")
    return 0


def print_config(_: argparse.Namespace) -> int:
    """Print the table of settings."""
    print(settings_text(Settings))
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; gives the exit status."""
    arguments = make_parser().parse_args(argv)
    try:
        status: int = arguments.run(arguments)
    except ConfigError as error:
        print(f"emops-sim: {error}", file=sys.stderr)
        return 2
    return status


if __name__ == "__main__":
    sys.exit(main())
