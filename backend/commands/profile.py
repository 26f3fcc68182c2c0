"""The command line of profiles: assign sets of tariffs, tell and list which profile is in force where."""

import argparse
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from backend.commands.tariff import Command, print_json
from backend.commands.tariff_reports import with_store
from backend.core.rates.rating_model import VersionSwitch
from backend.core.tariffs.assignment import Scope
from backend.core.tariffs.profiles import PLACES, PROFILES
from backend.errors import BackendError
from backend.settings import Settings

if TYPE_CHECKING:
    from backend.core.tariffs.assignment import Assignment
    from backend.services.apply import Outcome
    from backend.services.profiles import Switched
    from backend.store.profile_switches import StoredSwitch
    from backend.store.writer import Store


def _assign_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("tariff", help="id of the regular tariff")
    parser.add_argument("scope", choices=tuple(Scope), help="to what it applies")
    parser.add_argument("target", nargs="?", default="", help="its id; an evse is CP-1/1; none for operator")
    parser.add_argument("--operator", required=True, metavar="ID", help="whose tariff it is")
    profile_help = "a further tariff, for instance PROFILE_GREEN=solar; may be repeated"
    parser.add_argument("--profile", action="append", default=[], metavar="PROFILE=ID", help=profile_help)
    parser.add_argument("--from", dest="begin", default="", metavar="TIME", help="begin; left out = always")
    parser.add_argument("--to", dest="end", default="", metavar="TIME", help="end, exclusive; left out = for ever")
    parser.add_argument(
        "--version-switch",
        choices=tuple(VersionSwitch),
        default=VersionSwitch.LOCK_AT_START,
        help="what a version that becomes valid during a session means to it",
    )


def _assign(options: argparse.Namespace, settings: Settings) -> int:
    from backend.services.master_data import AssignmentEntry, ProfileEntry
    from backend.services.profiles import assign

    pairs = [text.partition("=") for text in options.profile]
    for profile, sign, tariff in pairs:
        if not (sign and tariff and profile in PROFILES[1:]):
            known = ", ".join(PROFILES[1:])
            raise BackendError(f"--profile {profile}{sign}{tariff}: write PROFILE=ID with one of {known}")
    entry = AssignmentEntry(
        operator=options.operator,
        tariff=options.tariff,
        scope=options.scope,
        target=options.target,
        valid_from=options.begin,
        valid_to=options.end,
        profile=tuple(ProfileEntry(profile, tariff) for profile, _, tariff in pairs),
        version_switch=options.version_switch,
    )

    async def work(store: "Store") -> "Outcome":
        return await store.write(lambda unit: assign(unit, entry))

    done = with_store(settings, work)
    print("created" if done.created else "changed" if done.changed else "as it was")
    if done.released:
        print(f"{done.released} held transactions were released")
    return 0


def _assignments_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="write JSON")


def _assignments(options: argparse.Namespace, settings: Settings) -> int:
    from backend.store.tariffs import list_assignments

    async def work(store: "Store") -> "list[tuple[str, Assignment]]":
        return await store.read(list_assignments)

    rows = [_assignment_row(operator, one) for operator, one in with_store(settings, work)]
    _print_rows(rows, as_json=options.json)
    return 0


def _assignment_row(operator_id: str, one: "Assignment") -> dict[str, object]:
    return {
        "operator": operator_id,
        "scope": one.scope.value,
        "target": one.target,
        "tariff": one.tariff_id,
        "valid_from": one.valid_from.isoformat(),
        "valid_to": one.valid_to.isoformat() if one.valid_to else None,
        "profiles": {each.profile.value: each.tariff_id for each in one.profiles},
        "version_switch": one.version_switch.value,
    }


def _profile_arguments(parser: argparse.ArgumentParser) -> None:
    below = parser.add_subparsers(dest="profile_command", required=True, metavar="COMMAND")
    tell = below.add_parser("set", help="tell from when on a profile is in force; the same again changes nothing")
    tell.add_argument("scope", choices=tuple(PLACES), help="where")
    tell.add_argument("target", help="id of the location or charge point; an evse is CP-1/1")
    tell.add_argument("profile", choices=PROFILES, help="what is in force from then on")
    tell.add_argument("--at", default="", metavar="TIME", help="for instance 2026-06-25T11:40:00+02:00; left out = now")
    tell.add_argument("--source", default="command line", help="who tells it; shown with the price")
    tell.add_argument("--reason", default="", help="why; shown with the price")
    tell.add_argument("--operator", default="", metavar="ID", help="needed where several have such a place")
    show = below.add_parser("list", help="list what was told, the latest first")
    show.add_argument("--target", default="", metavar="ID", help="only one place")
    show.add_argument("--limit", type=int, default=100, help="at most so many")
    show.add_argument("--json", action="store_true", help="write JSON")
    for each in (tell, show):  # where one looks for it; left out, that of `tariff profile` stays
        settings_help = "TOML file of settings; without it the defaults"
        each.add_argument("--config", type=Path, metavar="FILE", default=argparse.SUPPRESS, help=settings_help)


def _profile(options: argparse.Namespace, settings: Settings) -> int:
    return _tell(options, settings) if options.profile_command == "set" else _list(options, settings)


def _tell(options: argparse.Namespace, settings: Settings) -> int:
    from backend.services.profiles import SwitchRequest, switch_profile

    now = settings.clock.build().utc()
    wanted = SwitchRequest(
        scope=options.scope,
        target=options.target,
        at=_time(options.at) if options.at else now,
        profile=options.profile,
        source=options.source,
        reason=options.reason,
        operator=options.operator,
    )

    async def work(store: "Store") -> "Switched":
        return await store.write(lambda unit: switch_profile(unit, wanted, now))

    done = with_store(settings, work)
    print("stored" if done.stored else "known already")
    if done.sessions:
        print(f"{done.sessions} transactions will be rated again by the backend that serves, within a minute")
    return 0


def _list(options: argparse.Namespace, settings: Settings) -> int:
    from backend.store.profile_switches import list_switches

    async def work(store: "Store") -> "list[StoredSwitch]":
        return await store.read(lambda connection: list_switches(connection, options.target, options.limit))

    _print_rows([_switch_row(one) for one in with_store(settings, work)], as_json=options.json)
    return 0


def _switch_row(one: "StoredSwitch") -> dict[str, object]:
    return {
        "at": one.switch.at.isoformat(),
        "scope": one.switch.scope.value,
        "target": one.switch.target,
        "profile": one.switch.profile.value,
        "source": one.switch.source,
        "reason": one.switch.reason,
        "operator": one.operator_id,
        "received_at": one.received_at.isoformat(),
    }


def _print_rows(rows: list[dict[str, object]], *, as_json: bool) -> None:
    if as_json:
        print_json([rows])
        return
    for row in rows:
        print(" ".join(f"{key}={_plain(value)}" for key, value in row.items() if value not in ("", None, {})))


def _plain(value: object) -> object:
    return ",".join(f"{key}:{one}" for key, one in value.items()) if isinstance(value, dict) else value


def _time(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise BackendError(f"--at {text} is no time such as 2026-06-25T11:40:00+02:00") from error


COMMANDS = (
    Command("assign", "assign a tariff, or one for each profile, to a place or a customer", _assign_arguments, _assign),
    Command("assignments", "list who gets which tariffs", _assignments_arguments, _assignments),
    Command("profile", "tell or list which profile is in force where", _profile_arguments, _profile),
)
"""Below `emops-backend tariff`, beside those of `backend.commands.tariff`."""
