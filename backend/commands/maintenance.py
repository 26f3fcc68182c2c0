"""The command line of whoever runs the server: backup, restore, doctor."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from backend.commands.tariff import Command
from backend.errors import BackendError
from backend.settings import Settings


def _backup_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", type=Path, help="a folder, in which the copy is named by the time, or a new file")
    parser.add_argument("--keep", type=int, default=0, metavar="N", help="of such copies in the folder keep the newest")


def _backup(options: argparse.Namespace, settings: Settings) -> int:
    from backend.people.vault import key_path
    from backend.store.backup import back_up, backup_name, prune

    database, target = settings.store.path, options.target
    if options.keep < 0 or (options.keep and not target.is_dir()):
        raise BackendError("--keep needs a folder that exists, and a number from 1")
    if target.is_dir():
        target = target / backup_name(database, settings.clock.build().utc())
    proof = back_up(database, target, _progress("copied"))
    print(
        f"{target}: schema {proof.schema}, {proof.transactions} transactions, {proof.invoices} invoices, "
        f"{proof.size} bytes; opened and proved"
    )
    if (key := key_path(database)).exists():
        print(f"keep {key} too, in another place: without it the second factors in the copy can't be read")
    for gone in prune(database, target.parent, options.keep) if options.keep else ():
        print(f"{gone}: deleted, {options.keep} newer ones are there")
    return 0


def _restore_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", type=Path, help="a file that backup made")
    parser.add_argument("--yes", action="store_true", help="do not ask")


def _restore(options: argparse.Namespace, settings: Settings) -> int:
    from backend.store.backup import prove, restore

    database = settings.store.path
    proof = prove(options.source)
    print(f"{options.source}: schema {proof.schema}, {proof.transactions} transactions, {proof.invoices} invoices")
    if database.exists() and not options.yes:
        print(f"What is in {database} now is kept beside it, and no longer used. Stations send what they still have.")
        if input("Put the copy in its place? Type yes: ").strip() != "yes":
            print("nothing was changed")
            return 1
    _, kept = restore(options.source, database, settings.clock.build().utc(), _progress("restored"))
    print(f"{database} is the copy now" + (f"; the one of before is {kept}" if kept.exists() else ""))
    return 0


def _doctor_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="one JSON object a line")


def _doctor(options: argparse.Namespace, settings: Settings) -> int:
    from backend.services.doctor import Level, examine
    from shared.ocpp.session import dumps

    worst = Level.GOOD
    for finding in examine(settings):
        worst = max(worst, finding.level)
        if options.json:
            print(dumps({"level": finding.level.name.lower(), "subject": finding.subject, "text": finding.text}))
        else:
            print(f"{finding.level.name.lower():7}  {finding.subject:10}  {finding.text}")
    return int(worst is Level.BAD)


def _progress(verb: str) -> Callable[[int, int], None]:
    """Tell how far a copy is, on a terminal only."""

    def tell(done: int, all_: int) -> None:
        if sys.stderr.isatty() and all_:
            print(f"\r{verb} {done * 100 // all_} %", end="\n" if done == all_ else "", file=sys.stderr, flush=True)

    return tell


COMMANDS = (
    Command(
        "backup",
        "copy the database while the program runs, and prove the copy by opening it",
        _backup_arguments,
        _backup,
    ),
    Command(
        "restore", "put a copy in the place of the database; the program must be stopped", _restore_arguments, _restore
    ),
    Command("doctor", "look for what is wrong, or soon will be; status 1 if something is", _doctor_arguments, _doctor),
)
