"""The command line of the backend."""

import argparse
import asyncio
import json
import sys
from importlib.metadata import version
from pathlib import Path

from backend.commands.audit import COMMANDS as AUDIT_COMMANDS
from backend.commands.ca import COMMANDS as CA_COMMANDS
from backend.commands.clarify import COMMANDS as CLARIFY_COMMANDS
from backend.commands.datev import add_datev_commands
from backend.commands.dunning import add_dunning_commands
from backend.commands.home import COMMANDS as HOME_COMMANDS
from backend.commands.host import COMMANDS as HOST_COMMANDS
from backend.commands.invoice import COMMANDS as INVOICE_COMMANDS
from backend.commands.journal import add_journal_arguments, run_journal_command
from backend.commands.load import COMMANDS as LOAD_COMMANDS
from backend.commands.look import COMMANDS as LOOK_COMMANDS
from backend.commands.mail import add_mail_commands, run_mail_command
from backend.commands.maintenance import COMMANDS as MAINTENANCE_COMMANDS
from backend.commands.order import COMMANDS as ORDER_COMMANDS
from backend.commands.payment import add_payment_commands, run_payment_command
from backend.commands.person import COMMANDS as PERSON_COMMANDS
from backend.commands.profile import COMMANDS as PROFILE_COMMANDS
from backend.commands.report import COMMANDS as REPORT_COMMANDS
from backend.commands.reversal import COMMANDS as REVERSAL_COMMANDS
from backend.commands.signed import COMMANDS as SIGNED_COMMANDS
from backend.commands.tariff import COMMANDS as TARIFF_COMMANDS
from backend.commands.tariff import Command, add_tariff_commands, run_tariff_command
from backend.commands.tariff_reports import COMMANDS as TARIFF_REPORTS
from backend.commands.user import COMMANDS as USER_COMMANDS
from backend.errors import BackendError
from backend.jobs.send_mail import open_templates
from backend.settings import Settings, load_settings
from shared.config import ConfigError, settings_text
from shared.ids import ChargePointId
from shared.log import start_logging
from shared.ocpp.session import dumps, loads

_EXAMPLES = """\
examples:
  emops-backend config > backend.toml              # every setting with its default, to edit
  emops-backend check-config --config backend.toml
  emops-backend user add --config backend.toml --role platform admin@example.com
  emops-backend apply --config backend.toml fleet.toml
  emops-backend serve --config backend.toml
  emops-backend backup --config backend.toml --keep 14 /var/backups/emops
  emops-backend doctor --config backend.toml
  emops-backend transactions --config backend.toml --state held
  emops-backend invoice preview --config backend.toml
  emops-backend payments import --config backend.toml statement.xml
  emops-backend tariff lint --power 150 tariff.json
  emops-backend ledger import --config backend.toml --trust CP-1.ledger.jsonl
  emops-backend order give --config backend.toml --wait Reset CP-1 CP-2 type=Soft
  emops-backend send --config backend.toml CP-1 RemoteStopTransaction '{"transactionId": 12}'
"""

_STATES = ("running", "ended", "rated", "held", "waived")


def main(arguments: list[str] | None = None) -> int:
    """Run one command and give the exit status: 0 done, 1 failed, 2 wrong usage."""
    options = _parser().parse_args(arguments)
    if options.command == "config":
        print(settings_text(Settings))
        return 0
    try:
        settings = load_settings(options.config) if options.config else Settings()
        start_logging(options.log_level)
        return _run(options, settings)
    except (BackendError, ConfigError) as error:
        print(f"emops-backend: {error}", file=sys.stderr)
        return 1


def _run(options: argparse.Namespace, settings: Settings) -> int:
    match options.command:
        case "serve":
            from backend.app import serve

            serve(settings, lambda line: print(line, flush=True))
        case "migrate":
            from backend.store.migrate import migrate

            done = migrate(settings.store.path)
            print(f"{settings.store.path}: schema {done.before or 'none'} -> {done.after}")
        case "apply":
            _apply(settings, options.file)
        case "check-config":
            open_templates(settings.mail)
            print(f"{options.config or 'the defaults'}: good")
        case "transactions":
            _transactions(settings, options)
        case "send":
            _send(settings, options)
        case "ledger":
            return _import_ledger(settings, options)
        case "mail":
            return run_mail_command(options, settings)
        case "payments":
            return run_payment_command(options, settings)
        case "journal":
            return run_journal_command(options, settings)
        case "tariff" | "signed":
            return run_tariff_command(options, settings)
        case _:
            command: Command = options.run_command
            return command.run(options, settings)
    return 0


def _apply(settings: Settings, file: Path) -> None:
    from backend.services.apply import apply
    from backend.services.master_data import read_master_data
    from backend.store.migrate import migrate
    from backend.store.writer import open_store

    data = read_master_data(file)
    migrate(settings.store.path)
    now = settings.clock.build().utc()

    async def run() -> None:
        async with open_store(settings.store.path) as store:
            done = await store.write(lambda unit: apply(unit, data, now))
        print(f"{file}: {done.created} created, {done.changed} changed, {done.unchanged} as they were")
        if done.released:
            print(f"{done.released} held transactions were released")

    asyncio.run(run())


def _transactions(settings: Settings, options: argparse.Namespace) -> None:
    from backend.core.transaction import State
    from backend.store.migrate import migrate
    from backend.store.transactions import list_transactions
    from backend.store.writer import open_store

    migrate(settings.store.path)

    async def run() -> None:
        state = State(options.state) if options.state else None
        async with open_store(settings.store.path) as store:
            rows = await store.read(lambda unit: list_transactions(unit, state, options.limit))
        for row in rows:
            fields: dict[str, object] = {
                "id": row.id,
                "charge_point": row.charge_point_id,
                "connector": row.evse_id,
                "token": str(row.id_token),
                "started_at": row.started_at.isoformat(),
                "meter_start_wh": row.meter_start,
                "ended_at": row.ended_at.isoformat() if row.ended_at else None,
                "meter_stop_wh": row.meter_stop,
                "state": row.state.value,
                "held_reason": row.held_reason,
                "tariff_reason": row.tariff_reason,
            }
            text = " ".join(f"{key}={value}" for key, value in fields.items() if value not in ("", None))
            print(json.dumps(fields, ensure_ascii=False) if options.json else text)

    asyncio.run(run())


def _import_ledger(settings: Settings, options: argparse.Namespace) -> int:
    from backend.services.ledger_import import check_file, check_key, import_ledger
    from backend.store.migrate import migrate
    from backend.store.writer import open_store
    from shared.ed25519 import fingerprint

    end = check_file(options.file)
    print(f"{options.file}: {end.count} messages of {end.charge_point}, made {end.made}, key {fingerprint(end.key)}")
    check_key(end, options.key, trust=options.trust)
    migrate(settings.store.path)

    async def run() -> int:
        async with open_store(settings.store.path) as store:
            done = await import_ledger(store, options.file, end, settings.clock.build().utc())
        for sentence in done.refused:
            print(f"refused: {sentence}")
        print(f"{done.new} new, {done.known} known already, {len(done.refused)} refused")
        if done.unconfirmed:
            print(f"note: the times of {done.unconfirmed} messages were never confirmed by a clock that is right")
        return int(bool(done.refused))

    return asyncio.run(run())


def _send(settings: Settings, options: argparse.Namespace) -> None:
    from backend.csms.control import control_path, request

    try:
        payload = loads(options.payload)
    except ValueError as error:
        raise BackendError(f"the payload is not JSON: {error}") from error
    if not isinstance(payload, dict):
        raise BackendError("the payload must be a JSON object such as {}")
    path = control_path(settings.store.path)
    charge_point = ChargePointId(options.charge_point)
    answer = asyncio.run(request(path, charge_point, options.action, payload, checked=not options.unchecked))
    print(dumps(answer))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="emops-backend",
        description="Compact OCPP central system that bills what was charged.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"emops-backend {version('emops')}")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--config", type=Path, metavar="FILE", help="TOML file of settings; without it the defaults")
    common.add_argument("--log-level", default="INFO", choices=("DEBUG", "INFO", "WARNING", "ERROR"))
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("serve", parents=[common], help="run; a fresh or older database is migrated first")
    commands.add_parser("migrate", parents=[common], help="create the database or bring it up to date")
    apply = commands.add_parser("apply", parents=[common], help="write operators, customers, tokens, tariffs ...")
    apply.add_argument("file", type=Path, help="TOML file of master data; applying it twice is the same as once")
    commands.add_parser("check-config", parents=[common], help="check the settings and do nothing")
    commands.add_parser("config", help="print every setting with its default and help")
    transactions = commands.add_parser("transactions", parents=[common], help="list transactions, the newest first")
    transactions.add_argument("--state", choices=_STATES, help="only those of one state")
    transactions.add_argument("--limit", type=int, default=100, help="at most so many")
    transactions.add_argument("--json", action="store_true", help="one JSON object a line")
    ledger = commands.add_parser("ledger", help="sessions that a station could not deliver")
    of_ledger = ledger.add_subparsers(dest="subcommand", required=True, metavar="COMMAND")
    import_ = of_ledger.add_parser(
        "import", parents=[common], help="take in a file of emops-station ledger export; again is the same as once"
    )
    import_.add_argument("file", type=Path, help="the file; status 1 if it or a message in it was refused")
    import_.add_argument("--key", default="", help="public key of the station, as in its commissioning report")
    import_.add_argument("--trust", action="store_true", help="take the key that signed the file for the station's")
    send = commands.add_parser("send", parents=[common], help="send any call of its OCPP version to a station")
    send.add_argument("charge_point", help="identity of the station")
    send.add_argument("action", help="name of the call, for instance Reset")
    send.add_argument("payload", nargs="?", default="{}", help="JSON object")
    send.add_argument("--unchecked", action="store_true", help="send it even if the specification has no such call")
    signed = commands.add_parser("signed", help="what meters signed: proof, decisions, keys")
    add_tariff_commands(signed, SIGNED_COMMANDS, common)
    for command in MAINTENANCE_COMMANDS:
        added = commands.add_parser(command.name, parents=[common], help=command.help)
        command.arguments(added)
        added.set_defaults(run_command=command)
    for name, about, group in (
        (
            "invoice",
            "preview, issue, list, cancel and credit invoices",
            (*INVOICE_COMMANDS, *REVERSAL_COMMANDS, *LOOK_COMMANDS),
        ),
        ("report", "sum up energy and revenue; prove home charging", (*REPORT_COMMANDS, *HOME_COMMANDS)),
        ("host", "state what owners of sites are owed, and pay it out", HOST_COMMANDS),
        ("audit", "prove what was issued; export it for auditors", AUDIT_COMMANDS),
        ("person", "give a person what is known of them", PERSON_COMMANDS),
        ("user", "users of the pages, their passwords, and tokens of programs", USER_COMMANDS),
        ("clarify", "sessions that wait for a person: list, assign, undo", CLARIFY_COMMANDS),
        ("ca", "certificates of stations: the authority that signs them, list, revoke", CA_COMMANDS),
        ("load", "share the current of a site among its EVSEs, and dim it", LOAD_COMMANDS),
        ("order", "give requests to stations, and see what became of them", ORDER_COMMANDS),
    ):
        below = commands.add_parser(name, help=about).add_subparsers(required=True, metavar="COMMAND")
        for command in group:
            added = below.add_parser(command.name, parents=[common], help=command.help)
            command.arguments(added)
            added.set_defaults(run_command=command)
    add_mail_commands(commands.add_parser("mail", help="letters: list, show, resend, probe, preview"), common)
    journal = commands.add_parser("journal", parents=[common], help="documents, bookings, open items as CSV or XLSX")
    add_journal_arguments(journal)
    datev = commands.add_parser("datev", help="bookings and personal accounts for DATEV")
    add_datev_commands(datev, common)
    dunning = commands.add_parser("dunning", help="reminders and dunning letters, suspended cards")
    add_dunning_commands(dunning, common)
    payments = commands.add_parser("payments", help="open items, direct debits, files of the bank")
    add_payment_commands(payments, common)
    tariff = commands.add_parser("tariff", help="rate, check, show and exchange tariffs")
    add_tariff_commands(tariff, (*TARIFF_COMMANDS, *TARIFF_REPORTS, *PROFILE_COMMANDS), common)
    return parser


if __name__ == "__main__":
    sys.exit(main())
