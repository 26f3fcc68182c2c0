"""`pack`: collect a support bundle and carry it away: file, USB stick, YMODEM, or a summary as QR codes."""

import asyncio
import contextlib
import json
import os
import platform
from collections.abc import Callable, Mapping
from importlib.metadata import distributions, version
from pathlib import Path
from typing import Any

from shared.config import describe
from station.errors import FieldError, StationError
from station.field.bundle import make_bundle, masked_config, without
from station.field.carrying import place_for, send_over
from station.field.dialog import Dialog
from station.field.qr import codes_of, drawing
from station.field.signature import key_path, station_key
from station.field.text import Text
from station.field.transfer import ByteStream
from station.field.ymodem import File
from station.ledger_view import ledger_line, read_ledger, read_rows
from station.report import status_of
from station.service_client import Service
from station.settings import StationSettings

LOG_LINES = 500
KERNEL_LINES = 200
LEDGER_ROWS = 100
_PROGRAM_S = 10.0
_UNIT = "emops-station"
_PERSONAL = ("id_token",)
"""Settings that are no Secret to the program, yet name a person's card."""

_HOW = Text("How shall the support bundle leave the station?", "Wie soll das Supportpaket die Station verlassen?")
_WAYS = (
    Text("onto a USB stick", "auf einen USB-Stick"),
    Text("into a file", "in eine Datei"),
    Text("over this terminal (YMODEM)", "über dieses Terminal (YMODEM)"),
    Text("as QR codes (summary only)", "als QR-Codes (nur Übersicht)"),
)


async def run(
    dialog: Dialog,
    service: Service,
    settings: StationSettings,
    *,
    config: Path,
    way: str = "",
    target: Path | None = None,
    stream: ByteStream | None = None,
) -> None:
    """Make the bundle and carry it away.

    Args:
        dialog: the person.
        service: the agent, if it runs.
        settings: of the station.
        config: the file they came from.
        way: `usb`, `file`, `ymodem` or `qr`; empty = ask.
        target: file for the way `file`; None = ask.
        stream: the line for YMODEM; None = this terminal can't.

    Raises:
        FieldError: there is no stick, the file can't be written, nobody receives.
    """
    language = dialog.language
    if not way:
        choice = await dialog.choose(_HOW.of(language), [option.of(language) for option in _WAYS])
        if choice is None:
            return
        way = ("usb", "file", "ymodem", "qr")[choice]
    if way == "qr":
        await _show_codes(dialog, settings)
        return
    name, data = await collect(service, settings, config)
    if way == "ymodem":
        await send_over(dialog, stream, File(name, data))
        return
    path = target or await place_for(dialog, name, stick=way == "usb")
    path = path / name if path.is_dir() else path
    try:
        await asyncio.to_thread(_write, path, data)
    except OSError as error:
        raise FieldError(f"can't write {path}: {error.strerror}") from error
    done = Text(f"{path} is written: {len(data)} bytes.", f"{path} ist geschrieben: {len(data)} Byte.")
    await dialog.say(done.of(language))


async def collect(service: Service, settings: StationSettings, config: Path) -> tuple[str, bytes]:
    """Make the bundle, as its file name and its bytes. What can't be had says so in its place."""
    key = station_key(key_path(settings.journal.path))
    now = settings.clock.build().utc()
    secret_names = [row.name.rpartition(".")[2] for row in describe(StationSettings) if "secret" in row.type_name]
    masked, secrets = masked_config(await asyncio.to_thread(_read, config), [*secret_names, *_PERSONAL])
    parts = {
        "config.json": masked,
        "status.json": _try(lambda: _json(status_of(settings))),
        "ledger.json": _try(lambda: _json(ledger_summary(settings.journal.path))),
        "versions.txt": _versions(),
        "disk.txt": await _output("df", "-h"),
        "log.txt": await _log(service),
        "kernel.txt": await _output("dmesg", lines=KERNEL_LINES),
        "meters.json": await _ask(service, "meters"),
        "evse.json": await _ask(service, "evse"),
        "modem.json": await _ask(service, "modem"),
    }
    parts = {name: without(secrets, part) for name, part in parts.items()}
    about = {"charge_point": settings.identity.charge_point_id, "version": _own_version()}
    name = f"{settings.identity.charge_point_id}-{now:%Y%m%dT%H%M%SZ}.tar.gz"
    return name, make_bundle(parts, about, now, key)


# Any: counts and texts for JSON.
def ledger_summary(journal: Path) -> dict[str, Any]:
    """Tell the states of the ledger and its newest lines; a transaction is named by the begin of its key only.

    Raises:
        JournalError: the journal can't be read.
    """
    counts = {row[0]: row[1] for row in read_rows(journal, "SELECT state, count(*) FROM ledger GROUP BY state")}
    newest = [ledger_line(row) for row in read_ledger(journal, limit=LEDGER_ROWS)]
    return {"counts": counts, "newest": newest}


def summary(settings: StationSettings) -> dict[str, Any]:
    """Give the facts that fit into a few QR codes."""
    try:
        status = status_of(settings)
    except StationError as error:
        status = {"error": str(error)}
    kept = {name: value for name, value in status.items() if name not in ("pid", "evses")}
    evses = [
        {"id": evse["id"], "status": evse["status"], "blocked_by": evse["blocked_by"]}
        for evse in status.get("evses", [])
    ]
    return {"station": settings.identity.charge_point_id, "version": _own_version(), **kept, "evses": evses}


async def _show_codes(dialog: Dialog, settings: StationSettings) -> None:
    codes = codes_of(_json(summary(settings)).encode("utf-8"))
    for number, code in enumerate(codes, 1):
        await dialog.say("\n".join(drawing(code)))
        if number < len(codes):
            following = Text(
                f"Code {number} of {len(codes)}. Enter shows the next",
                f"Code {number} von {len(codes)}. Enter zeigt den nächsten",
            )
            await dialog.ask(following.of(dialog.language))


def _read(config: Path) -> str:
    try:
        return config.read_text("utf-8", errors="replace")
    except OSError as error:
        return f"# can't read {config}: {error.strerror}"


def _write(path: Path, data: bytes) -> None:
    """Write through to the medium: a stick is pulled at once."""
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


# Any: what status and ledger hold.
def _json(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False, default=str) + "\n"


def _try(make: Callable[[], str]) -> str:
    try:
        return make()
    except StationError as error:
        return f"not available: {error}\n"


async def _ask(service: Service, operation: str, arguments: Mapping[str, object] = {}) -> str:
    try:
        return _json(await service.call(operation, arguments))
    except StationError as error:
        return f"not available: {error}\n"


async def _log(service: Service) -> str:
    lines = await _output("journalctl", "-u", _UNIT, "-n", str(LOG_LINES), "-o", "short-iso", "--no-pager")
    return lines if lines.count("\n") > 1 else lines + await _ask(service, "log", {"limit": LOG_LINES})


async def _output(program: str, *arguments: str, lines: int = LOG_LINES) -> str:
    """Give the last lines that a program prints."""
    try:
        process = await asyncio.create_subprocess_exec(
            program, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
    except OSError as error:
        return f"not available: {program}: {error.strerror}\n"
    try:
        async with asyncio.timeout(_PROGRAM_S):
            output, _ = await process.communicate()
    except TimeoutError:
        return f"not available: {program} gave no answer\n"
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    return "\n".join(output.decode("utf-8", "replace").splitlines()[-lines:]) + "\n"


def _own_version() -> str:
    return version("emops")


def _versions() -> str:
    packages = sorted(f"{found.metadata['Name']} {found.version}" for found in distributions())
    return "\n".join([f"{platform.platform()} Python {platform.python_version()}", *packages]) + "\n"
