"""The command line of the look of papers: begin one, check them, see one."""

import argparse
import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from backend.commands.tariff import Command
from backend.commands.tariff_reports import with_store
from backend.errors import BackendError, LookError
from backend.settings import Settings

if TYPE_CHECKING:
    from backend.core.invoices.invoice_model import Invoice
    from backend.store.writer import Store


def _operator(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("operator", help="id of the operator")


def _nothing(_parser: argparse.ArgumentParser) -> None:
    pass


def _folder(settings: Settings) -> Path:
    folder = settings.billing.looks_folder
    if folder is None:
        raise LookError("billing.looks is empty: name a folder for the looks of papers in the settings first")
    return folder


def _init(options: argparse.Namespace, settings: Settings) -> int:
    from backend.documents.look import EXAMPLE

    own = _folder(settings) / options.operator
    path = own / "look.toml"
    if path.exists():
        raise LookError(f"{path} exists already: edit it")
    try:
        own.mkdir(parents=True, exist_ok=True)
        path.write_text(EXAMPLE, "utf-8")
    except OSError as error:
        raise LookError(f"can't write {path}: {error.strerror}") from error
    print(f"{path}: edit it, lay logo.png (or .jpg, .svg) beside it, then emops-backend invoice look-preview")
    return 0


def _check(_options: argparse.Namespace, settings: Settings) -> int:
    from backend.documents.look import read_looks

    folder = _folder(settings)
    found = read_looks(folder)
    for name, look in found.items():
        own = [*([look.logo.name] if look.logo else []), *look.templates]
        print(f"{name}: good" + (f", with its own {', '.join(own)}" if own else ""))
    if not found:
        print(f"{folder} has no folder of an operator: emops-backend invoice look-init OPERATOR begins one")
    return 0


def _preview_arguments(parser: argparse.ArgumentParser) -> None:
    _operator(parser)
    parser.add_argument("file", type=Path, help="PDF to write")
    parser.add_argument("--language", choices=("de", "en"), default="de")


def _preview(options: argparse.Namespace, settings: Settings) -> int:
    from backend.core.record import to_json
    from backend.documents.render import open_renderer

    document = with_store(settings, lambda store: _sample(store, options, settings))

    async def render() -> bytes:
        async with open_renderer(settings.billing.looks_folder) as renderer:
            return await renderer.render(document.number, to_json(document), None, operator=options.operator)

    pdf = asyncio.run(render())
    try:
        options.file.write_bytes(pdf)
    except OSError as error:
        raise BackendError(f"can't write {options.file}: {error.strerror}") from error
    print(f"{options.file}: {len(pdf)} bytes")
    return 0


async def _sample(store: "Store", options: argparse.Namespace, settings: Settings) -> "Invoice":
    from zoneinfo import ZoneInfo

    from backend.documents.sample import sample_invoice
    from backend.store.invoices import read_seller

    found = await store.read(lambda connection: read_seller(connection, options.operator))
    if found is None:
        raise BackendError(f"there is no operator {options.operator}")
    now = settings.clock.build().utc()
    zone = ZoneInfo(found.timezone)
    return sample_invoice(found.party, found.iban, found.bic, zone=zone, language=options.language, now=now)


COMMANDS = (
    Command("look-init", "begin the look of an operator's papers", _operator, _init),
    Command("look-check", "check the looks of all operators' papers", _nothing, _check),
    Command("look-preview", "write a made-up invoice with an operator's look", _preview_arguments, _preview),
)
