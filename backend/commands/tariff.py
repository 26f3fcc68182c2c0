"""The command line of the tariff tools: rate, lint, sign, fit, import, export."""

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from backend.errors import BackendError
from backend.settings import Settings
from shared.ocpp.session import dumps, loads

if TYPE_CHECKING:  # the command line loads only what a command needs
    from backend.core.tariffs.tariff_lint import Finding

# JSON of tariffs and scenarios.
Json = dict[str, object]


@dataclass(frozen=True, slots=True)
class Command:
    """A command below `emops-backend tariff`.

    Args:
        name: as typed.
        help: one line.
        arguments: adds its options to a parser.
        run: does it, and gives the exit status.
    """

    name: str
    help: str
    arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace, Settings], int]


def add_tariff_commands(
    parser: argparse.ArgumentParser, commands: Iterable[Command], parent: argparse.ArgumentParser
) -> None:
    """Add commands below `tariff`; the one chosen is in `options.tariff_command`."""
    below = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in commands:
        added = below.add_parser(command.name, parents=[parent], help=command.help)
        command.arguments(added)
        added.set_defaults(tariff_command=command)


def run_tariff_command(options: argparse.Namespace, settings: Settings) -> int:
    """Run the command chosen and give the exit status.

    Raises:
        BackendError: it could not be done; a tariff that can't be read is one reason.
    """
    from backend.core.tariffs.tariff_model import TariffError

    command: Command = options.tariff_command
    try:
        return command.run(options, settings)
    except TariffError as error:
        raise BackendError(f"{options.file}: {error}") from error


def read_json(source: str) -> object:
    """Read a JSON file, or standard input for `-`; numbers with a point become Decimal.

    Raises:
        BackendError: it can't be read or is not JSON.
    """
    try:
        text = sys.stdin.read() if source == "-" else Path(source).read_text("utf-8")
        return loads(text)
    except (OSError, UnicodeDecodeError) as error:
        raise BackendError(f"can't read {source}: {error}") from error
    except ValueError as error:
        name = "standard input" if source == "-" else source
        raise BackendError(f"{name} is not JSON: {error}") from error


def read_tariffs(source: str, wanted: str) -> list[Json]:
    """Read the tariffs of a JSON file (see `tariffs_in`) or of a TOML file of master data.

    Raises:
        BackendError: it can't be read.
        TariffError: there is no such tariff in it.
    """
    from backend.core.tariffs.tariff import load_body
    from backend.core.tariffs.tariff_json import tariffs_in
    from backend.services.master_data import read_master_data

    if source.endswith(".toml"):
        return tariffs_in([load_body(entry.body) for entry in read_master_data(Path(source)).tariffs], wanted)
    return tariffs_in(read_json(source), wanted)


def read_zone(name: str) -> ZoneInfo:
    """Find a time zone.

    Raises:
        BackendError: there is none of that name.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise BackendError(f"{name!r} is no time zone: write for instance Europe/Berlin") from error


def _number(text: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from error
    if not value.is_finite() or value < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of 0 or more")
    return value


def _source(parser: argparse.ArgumentParser, languages: Sequence[str] = ("en", "de")) -> None:
    parser.add_argument("file", help="JSON file (tariff, list, scenario), TOML file of master data, or - for stdin")
    parser.add_argument("--id", default="", help="only the tariff or scenario of this id")
    parser.add_argument("--json", action="store_true", help="write JSON")
    parser.add_argument("--lang", choices=languages, default=languages[0], help="language of texts")


def _power(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--power", type=_number, metavar="KW", help="power of the charging point")


def _rate_arguments(parser: argparse.ArgumentParser) -> None:
    _source(parser)
    parser.add_argument("--explain", action="store_true", help="say of each line why it is there")
    parser.add_argument(
        "--flat-requires-energy", action="store_true", help="a session of 0 kWh pays no start fee; else it does"
    )
    parser.add_argument(
        "--version-switch",
        default="lock_at_start",
        choices=("lock_at_start", "switch_mode"),
        help="a new version of the tariff: not for sessions that run (default), or from its begin on",
    )
    parser.add_argument(
        "--between",
        default="hold",
        choices=("hold", "interpolate", "start_price"),
        help="a period over which the price changes: refuse (default), divide evenly, or use the price at its start",
    )
    parser.add_argument("--relationship", default="", metavar="NAME", help="with whom, as in the tariff's x_tax")


def _rate(options: argparse.Namespace, _settings: Settings) -> int:
    """Print what the sessions of scenarios cost; the status is 1 if one of them can't be priced."""
    from backend.core.rates.charging_period import Between
    from backend.core.rates.rating_model import VersionSwitch
    from backend.core.rates.scenario import ScenarioOptions, rate_scenario
    from backend.core.tariffs.tariff_json import scenarios_in
    from backend.core.tariffs.tariff_table import rating_table

    choices = ScenarioOptions(
        options.flat_requires_energy,
        VersionSwitch(options.version_switch),
        Between(options.between),
        options.relationship,
    )
    results = [rate_scenario(one, choices) for one in scenarios_in(read_json(options.file), options.id)]
    if options.json:
        print_json(results)
    else:
        print("\n\n".join(rating_table(result, options.lang, explain=options.explain) for result in results))
    return 1 if any(result["held"] for result in results) else 0


def _lint_arguments(parser: argparse.ArgumentParser) -> None:
    _source(parser)
    _power(parser)
    parser.add_argument("--timezone", default="Europe/Berlin", help="of the charging points")


def _lint(options: argparse.Namespace, _settings: Settings) -> int:
    """Print findings; the status is 1 if one of them is an error."""
    from backend.core.tariffs.lint_texts import Severity
    from backend.core.tariffs.tariff_json import findings_json
    from backend.core.tariffs.tariff_lint import is_profile_set, lint, lint_profiles, lint_versions

    zone = read_zone(options.timezone)
    bodies = read_tariffs(options.file, options.id)
    found = [(str(body.get("id")), lint(body, options.power, zone)) for body in bodies]
    together = lint_versions(bodies) if _are_versions(bodies) else ()
    found += [("versions", together)] if together else []
    taking_turns = lint_profiles(bodies) if is_profile_set(bodies) else ()
    found += [("profiles", taking_turns)] if taking_turns else []
    if options.json:
        print_json([{"id": name} | findings_json(findings) for name, findings in found])
    else:
        for name, findings in found:
            _print_findings(name, findings, options.lang)
    return 1 if any(one.severity is Severity.ERROR for _, findings in found for one in findings) else 0


def _are_versions(bodies: Sequence[Json]) -> bool:
    """Tell whether tariffs replace each other: all have one id, or each has a validity that another one can follow."""
    ids = {body.get("id") for body in bodies}
    bounded = all(body.get("start_date_time") or body.get("end_date_time") for body in bodies)
    return len(bodies) > 1 and (len(ids) == 1 or (bounded and any(body.get("end_date_time") for body in bodies)))


def _print_findings(name: str, findings: Sequence["Finding"], language: str) -> None:
    print(f"{name}: {len(findings) or 'no'} finding{'' if len(findings) == 1 else 's'}")
    for one in findings:
        text, advice = (one.text_de, one.advice_de) if language == "de" else (one.text_en, one.advice_en)
        print(f"  {one.severity:7} {one.path} ({one.code})\n          {text}\n          -> {advice}")


def _sign_arguments(parser: argparse.ArgumentParser) -> None:
    _source(parser, ("both", "de", "en"))
    _power(parser)


def _sign(options: argparse.Namespace, _settings: Settings) -> int:
    from backend.core.tariffs.price_sign import price_sign
    from backend.core.tariffs.tariff import parse_tariff
    from backend.core.tariffs.tariff_json import sign_json

    signs = [price_sign(parse_tariff(body), options.power) for body in read_tariffs(options.file, options.id)]
    if options.json:
        print_json([sign_json(sign) for sign in signs])
        return 0
    for sign in signs:
        texts = {"de": [sign.text_de], "en": [sign.text_en]}.get(options.lang, [sign.text_de, sign.text_en])
        print("\n\n".join(texts) + "\n")
    return 0


def _fit(options: argparse.Namespace, _settings: Settings) -> int:
    from backend.core.tariffs.tariff_fit import fit
    from backend.core.tariffs.tariff_json import fit_json

    bodies = read_tariffs(options.file, options.id)
    reports = [(body.get("id"), fit(body)) for body in bodies]
    if options.json:
        print_json([{"id": name} | fit_json(fits) for name, fits in reports])
        return 0
    for name, fits in reports:
        print(f"{name}")
        for one in fits:
            print(f"  OCPI {one.version}: {one.verdict.lower().replace('_', ' ')}")
            for loss in one.losses:
                print(f"    {loss.path}: {loss.text_de if options.lang == 'de' else loss.text_en}")
    return 0


def _export_arguments(parser: argparse.ArgumentParser) -> None:
    _source(parser)
    parser.add_argument("--to", default="2.2.1", choices=("2.1.1", "2.2.1", "2.3.0"), help="version of OCPI")


def _export(options: argparse.Namespace, _settings: Settings) -> int:
    """Print the tariff as OCPI JSON; what could not be said goes to standard error, with --json into the JSON."""
    from backend.core.tariffs.tariff_fit import export
    from backend.core.tariffs.tariff_json import export_json
    from shared.clock import SystemClock

    now = SystemClock().utc().replace(microsecond=0)
    exported = [export(body, options.to, now) for body in read_tariffs(options.file, options.id)]
    print_json([export_json(one) if options.json else one.body for one in exported])
    for one in exported:
        for loss in one.losses:
            text = loss.text_de if options.lang == "de" else loss.text_en
            print(f"{one.body['id']}: {loss.level.lower()}: {loss.path}: {text}", file=sys.stderr)
    return 0


def _import_arguments(parser: argparse.ArgumentParser) -> None:
    _source(parser)
    versions = ("2.1.1", "2.2.1", "2.3.0")
    parser.add_argument("--from", dest="version", default="", choices=versions, help="left out: told from the fields")
    parser.add_argument("--vat", type=_number, metavar="PERCENT", help="VAT of prices of 2.1.1, which tells none")


def _import(options: argparse.Namespace, _settings: Settings) -> int:
    """Print tariffs of a partner in our own shape; what was left out goes to standard error, as with export."""
    from backend.core.tariffs.tariff_import import import_tariff
    from backend.core.tariffs.tariff_json import export_json

    bodies = read_tariffs(options.file, options.id)
    imported = [import_tariff(body, options.version, options.vat) for body in bodies]
    print_json([export_json(one) if options.json else one.body for one in imported])
    for one in imported:
        for loss in one.losses:
            text = loss.text_de if options.lang == "de" else loss.text_en
            print(f"{one.body['id']}: {loss.level.lower()}: {loss.path}: {text}", file=sys.stderr)
    return 0


def print_json(values: Sequence[object]) -> None:
    """Print one value as it is and several as a list, for people too."""
    value = loads(dumps(values[0] if len(values) == 1 else list(values)))
    print(json.dumps(value, ensure_ascii=False, indent=2, default=float))


COMMANDS = (
    Command("rate", "price the sessions of a scenario and explain each line", _rate_arguments, _rate),
    Command("lint", "find what is wrong, unlawful or not meant in a tariff", _lint_arguments, _lint),
    Command("sign", "print the price sign, gross, in the order that the law asks for", _sign_arguments, _sign),
    Command("fit", "tell how well a tariff fits each version of OCPI", _source, _fit),
    Command("export", "write a tariff as OCPI JSON", _export_arguments, _export),
    Command("import", "read a partner's tariff in OCPI JSON of any version", _import_arguments, _import),
)
"""Without those that need the store, which their own module has."""
