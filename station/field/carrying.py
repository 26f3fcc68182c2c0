"""How a file leaves the station: onto a USB stick, into a folder, or over the terminal by YMODEM."""

import asyncio
from pathlib import Path

from station.errors import FieldError
from station.field.dialog import Dialog
from station.field.sticks import mounted_sticks
from station.field.text import Text
from station.field.transfer import ByteStream, send_files
from station.field.ymodem import File


async def place_for(dialog: Dialog, name: str, *, stick: bool) -> Path:
    """Ask where a file of this name shall go; with `stick` only where there is a choice.

    Raises:
        FieldError: there is no stick, or none was chosen.
    """
    language = dialog.language
    question = Text("File or folder", "Datei oder Ordner").of(language)
    path = await _stick(dialog) if stick else Path(await dialog.ask(question, str(Path.cwd() / name)))
    return path / name if await asyncio.to_thread(path.is_dir) else path


async def send_over(dialog: Dialog, stream: ByteStream | None, file: File) -> None:
    """Send a file through the terminal.

    Raises:
        FieldError: this terminal can't carry files, nobody receives, or the receiver gave up.
    """
    if stream is None:
        raise FieldError("this terminal can't carry files: use a USB stick, or the serial console")
    start = Text(
        f"Now start receiving with YMODEM in your terminal program; the file is {file.name} ({len(file.data)} bytes).",
        f"Starten Sie jetzt im Terminalprogramm den Empfang mit YMODEM; die Datei ist {file.name} "
        f"({len(file.data)} Byte).",
    )
    await dialog.say(start.of(dialog.language))
    await send_files(stream, [file])
    await dialog.say(Text("Received completely.", "Vollständig empfangen.").of(dialog.language))


async def _stick(dialog: Dialog) -> Path:
    sticks = mounted_sticks()
    if len(sticks) == 1:
        return sticks[0]
    if sticks:
        choice = await dialog.choose(
            Text("Which stick?", "Welcher Stick?").of(dialog.language), [str(stick) for stick in sticks]
        )
        if choice is not None:
            return sticks[choice]
        raise FieldError("no stick was chosen")
    question = Text(
        "No USB stick is mounted. Folder to write to (empty = give up)",
        "Kein USB-Stick ist eingehängt. Ordner zum Schreiben (leer = aufgeben)",
    )
    folder = await dialog.ask(question.of(dialog.language))
    if not folder or not await asyncio.to_thread(Path(folder).is_dir):
        raise FieldError("there is no stick: plug one in, mount it, and try again")
    return Path(folder)
