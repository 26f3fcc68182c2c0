"""`ledger export`: carry what could not be delivered out of a dead spot, as a signed file."""

import asyncio
from pathlib import Path

from shared.ids import ChargePointId
from shared.ocpp.validation import Version
from station.dialects import make_dialect
from station.errors import FieldError
from station.field.carrying import place_for, send_over
from station.field.dialog import Dialog
from station.field.signature import key_path, station_key
from station.field.text import Text
from station.field.transfer import ByteStream
from station.field.ymodem import File
from station.ledger_export import Exported, Maker, export_ledger, transactions_without_time
from station.settings import StationSettings

_HOW = Text("How shall the messages leave the station?", "Wie sollen die Meldungen die Station verlassen?")
_WAYS = (
    Text("onto a USB stick", "auf einen USB-Stick"),
    Text("into a file", "in eine Datei"),
    Text("over this terminal (YMODEM)", "über dieses Terminal (YMODEM)"),
)
_SECRET = Text(
    "It holds the numbers of cards: give it to nobody but the operator, who takes it in with emops-backend ledger "
    "import. The messages stay here and are still delivered; nothing is billed twice.",
    "Sie enthält Kartennummern: nur dem Betreiber geben, der sie mit emops-backend ledger import übernimmt. Die "
    "Meldungen bleiben hier und werden noch zugestellt; nichts wird doppelt abgerechnet.",
)


async def run(
    dialog: Dialog,
    settings: StationSettings,
    *,
    way: str = "",
    target: Path | None = None,
    everything: bool = False,
    stream: ByteStream | None = None,
) -> None:
    """Make the file and carry it away.

    Args:
        dialog: the person.
        settings: of the station.
        way: `usb`, `file` or `ymodem`; empty = ask, unless there is a target.
        target: file or folder for the way `file`; None = ask.
        everything: also what was delivered.
        stream: the line for YMODEM; None = this terminal can't.

    Raises:
        FieldError: there is no stick, the file can't be written, nobody receives.
        JournalError: the journal can't be used.
    """
    language, journal = dialog.language, settings.journal.path
    way = way or ("file" if target else "")
    if not way:
        choice = await dialog.choose(_HOW.of(language), [option.of(language) for option in _WAYS])
        if choice is None:
            return
        way = ("usb", "file", "ymodem")[choice]
    now = settings.clock.build().utc()
    name = f"{settings.identity.charge_point_id}-{now:%Y%m%dT%H%M%SZ}.ledger.jsonl"
    if way == "ymodem":
        path = journal.with_name(name)
    elif target is None:
        path = await place_for(dialog, name, stick=way == "usb")
    else:
        path = target / name if await asyncio.to_thread(target.is_dir) else target
    without_time = await _wants_untimed(dialog, journal)
    key = station_key(key_path(journal))
    maker = Maker(
        ChargePointId(settings.identity.charge_point_id),
        key.public,
        key.sign,
        now,
        make_dialect(Version(settings.csms.version)),
    )
    try:
        done = await asyncio.to_thread(
            export_ledger, journal, path, maker, everything=everything, without_time=without_time
        )
        if way == "ymodem":
            await send_over(dialog, stream, File(name, await asyncio.to_thread(path.read_bytes)))
    except OSError as error:
        raise FieldError(f"can't write {path}: {error.strerror}") from error
    finally:
        if way == "ymodem":
            path.unlink(missing_ok=True)
    await _tell(dialog, name if way == "ymodem" else str(path), done)


async def _wants_untimed(dialog: Dialog, journal: Path) -> bool:
    count = transactions_without_time(journal)
    if not count:
        return False
    question = Text(
        f"Charges whose time is not sure yet, as the clock was never set: {count}. Export them too, with wrong times?",
        f"Ladevorgänge ohne sichere Uhrzeit, da die Uhr nie gestellt wurde: {count}. Auch mitnehmen? Ihre "
        "Zeiten bleiben dann falsch",
    )
    return await dialog.confirm(question.of(dialog.language))


async def _tell(dialog: Dialog, name: str, done: Exported) -> None:
    written = Text(f"{name}: {done.messages} messages.", f"{name}: {done.messages} Meldungen.")
    await dialog.say(written.of(dialog.language))
    if done.unconfirmed:
        unsure = Text(
            f"The times of {done.unconfirmed} of them were never confirmed.",
            f"Die Uhrzeit von {done.unconfirmed} davon wurde nie bestätigt.",
        )
        await dialog.say(unsure.of(dialog.language))
    await dialog.say(_SECRET.of(dialog.language))
