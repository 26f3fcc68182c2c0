"""Commands about letters: `emops-backend mail list | show | resend | probe | preview`."""

import argparse
import asyncio
import json
from collections.abc import Iterable

from backend.core.invoices.letter import State
from backend.core.rates.explain import LANGUAGES
from backend.errors import MailError
from backend.jobs.relay import probe
from backend.jobs.send_mail import open_templates, write_message, write_probe
from backend.settings import Settings
from backend.store import outbox
from backend.store.migrate import migrate
from backend.store.outbox import Posted
from backend.store.writer import Store, open_store

_STEPS = {"connect": "connection", "encrypt": "encryption", "login": "login", "send": "mail"}

_PREVIEW = """Shows a text with example values, or a letter of the outbox as it is sent.
Own texts are files in the folder that mail.templates names:
  <operator>/<de|en>/<name>.txt   the first line is the subject
  <operator>/<de|en>/<name>.html  left out, layout.html wraps the text
What is not there is built in. All are checked when the backend starts."""


def add_mail_commands(parser: argparse.ArgumentParser, common: argparse.ArgumentParser) -> None:
    """Add the subcommands."""
    parts = parser.add_subparsers(dest="part", required=True, metavar="PART")
    listing = parts.add_parser("list", parents=[common], help="list letters, the newest first")
    listing.add_argument("--state", action="append", choices=[state.value for state in State], default=[])
    listing.add_argument("--limit", type=int, default=50, help="at most so many")
    listing.add_argument("--json", action="store_true", help="one JSON object a line")
    show = parts.add_parser("show", parents=[common], help="tell all of one letter")
    show.add_argument("letter", type=int, help="its number, as mail list tells")
    again = parts.add_parser("resend", parents=[common], help="send a letter once more, as its next generation")
    again.add_argument("letter", type=int, help="its number")
    again.add_argument("--to", action="append", default=[], metavar="ADDRESS", help="instead of its addresses")
    trial = parts.add_parser("probe", parents=[common], help="try the mail server: connection, encryption, login, mail")
    trial.add_argument("address", help="who gets the mail")
    trial.add_argument("--operator", default="", help="who sends it; left out = the first one")
    preview = parts.add_parser(
        "preview",
        parents=[common],
        help="show the text of a letter",
        description=_PREVIEW,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    preview.add_argument("name", nargs="?", default="invoice", help="name of the text, or number of a letter")
    preview.add_argument("--operator", default="", help="whose texts")
    preview.add_argument("--language", choices=LANGUAGES, default="de")
    preview.add_argument("--html", action="store_true", help="the HTML instead of the plain text")


def run_mail_command(options: argparse.Namespace, settings: Settings) -> int:
    """Run one and give the exit status."""
    if options.part == "preview" and not options.name.isdigit():
        return _preview_text(settings, options)
    migrate(settings.store.path)

    async def run() -> int:
        async with open_store(settings.store.path) as store:
            return await _COMMANDS[options.part](store, settings, options)

    return asyncio.run(run())


async def _list(store: Store, _settings: Settings, options: argparse.Namespace) -> int:
    states = [State(state) for state in options.state]
    letters = await store.read(lambda unit: outbox.list_letters(unit, states, limit=options.limit))
    for posted in letters:
        fields = letter_fields(posted)
        print(json.dumps(fields, ensure_ascii=False) if options.json else _line(fields))
    return 0


async def _show(store: Store, _settings: Settings, options: argparse.Namespace) -> int:
    posted = await _find(store, options.letter)
    for key, value in letter_fields(posted).items():
        print(f"{key:12} {value}")
    print(f"{'token':12} {posted.token}")
    for address, reply in posted.settled.items():
        print(f"{'settled':12} {address}: {reply.code} {reply.text}")
    return 0


async def _resend(store: Store, settings: Settings, options: argparse.Namespace) -> int:
    now = settings.clock.build().utc()
    new = await store.write(lambda unit: outbox.resend(unit, options.letter, now, options.to))
    print(f"letter {options.letter} will be sent again as letter {new}")
    return 0


async def _probe(store: Store, settings: Settings, options: argparse.Namespace) -> int:
    who = await store.read(lambda unit: outbox.read_sender(unit, options.operator))
    at = settings.clock.build().utc()
    templates = open_templates(settings.mail)
    message = write_probe(templates, settings.mail, who, options.address, at)
    good = False
    async for step in probe(settings.mail, message, settings.mail.sender or who[1].email, options.address):
        print(f"{'good' if step.good else 'FAILED':7} {_STEPS[step.name]}: {step.told}")
        good = step.good
    return 0 if good else 1


async def _preview(store: Store, settings: Settings, options: argparse.Namespace) -> int:
    templates = open_templates(settings.mail)
    posted = await _find(store, int(options.name))
    mail = write_message(templates, settings.mail, posted, [], link="", at=posted.created_at)
    body = mail.get_body(("html" if options.html else "plain",))
    print(f"Subject: {mail['Subject']}\n\n{body.get_content() if body else ''}", end="")
    return 0


def _preview_text(settings: Settings, options: argparse.Namespace) -> int:
    """Show a text with example values; needs no database."""
    written = open_templates(settings.mail).preview(options.operator, options.language, options.name)
    print(written.html if options.html else f"Subject: {written.subject}\n\n{written.text}", end="")
    return 0


async def _find(store: Store, letter_id: int) -> Posted:
    posted = await store.read(lambda unit: outbox.find(unit, letter_id))
    if posted is None:
        raise MailError(f"there is no letter {letter_id}; mail list shows what there is")
    return posted


_COMMANDS = {"list": _list, "show": _show, "resend": _resend, "probe": _probe, "preview": _preview}


def letter_fields(posted: Posted) -> dict[str, object]:
    """Give what a program or a person wants to know of a letter."""
    order = posted.letter
    return {
        "id": posted.id,
        "state": posted.state.value,
        "operator": order.operator_id,
        "purpose": order.purpose.value,
        "document": order.document,
        "generation": order.generation,
        "to": _addresses(order.to),
        "cc": _addresses(order.cc),
        "tries": posted.tries,
        "created_at": posted.created_at.isoformat(),
        "next_at": posted.next_at.isoformat() if posted.state in (State.QUEUED, State.RETRY) else "",
        "sent_at": posted.sent_at.isoformat() if posted.sent_at else "",
        "message_id": posted.message_id,
        "said": f"{posted.last.code or ''} {posted.last.text}".strip(),
    }


def _addresses(addresses: Iterable[str]) -> str:
    return ", ".join(addresses)


def _line(fields: dict[str, object]) -> str:
    return " ".join(f"{key}={value}" for key, value in fields.items() if value != "")
