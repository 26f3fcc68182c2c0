"""`update`: another version from a file, without a network, and the way back.

Until the link is switched nothing has changed for the running version. A version that does not come up is left again.
"""

import asyncio
import contextlib
from importlib.metadata import version
from pathlib import Path

from station.errors import FieldError, ServiceError
from station.field.dialog import Dialog
from station.field.release import Release, is_older, other_slot, read_release
from station.field.slots import CHECK_S, current, install_release, point, run_program
from station.field.text import Text
from station.service_client import Service
from station.settings import StationSettings

COME_UP_S = 90.0
_ASK_AGAIN_S = 2.0
_STEPS = 5


async def run(dialog: Dialog, service: Service, settings: StationSettings, *, config: Path, file: Path) -> None:
    """Install a release and let it run.

    Args:
        dialog: the person.
        service: the agent, if it runs.
        settings: of the station.
        config: the present configuration; the new version must accept it.
        file: the release; its signature stands beside it with `.sig` behind the name.

    Raises:
        FieldError: the release is not genuine, a transaction runs, or the new version does not work; the old one is in
            force then.
    """
    language, root = dialog.language, settings.update.root
    await dialog.progress(0, _STEPS, Text("checking the signature", "prüfe die Signatur").of(language))
    release = await asyncio.to_thread(_read, file, settings.update.key)
    installed = version("emops")
    older = Text(
        f"Version {release.version} is older than the installed {installed}. Install it all the same?",
        f"Version {release.version} ist älter als die installierte {installed}. Trotzdem installieren?",
    )
    if is_older(release.version, installed) and not await dialog.confirm(older.of(language)):
        return
    was_running = await _is_idle(service)
    slot = root / other_slot(current(root))
    installing = Text(f"installing {release.version}", f"installiere {release.version}")
    await dialog.progress(1, _STEPS, installing.of(language))
    await install_release(release, slot)
    await dialog.progress(2, _STEPS, Text("checking the configuration", "prüfe die Konfiguration").of(language))
    await run_program("the new version", CHECK_S, slot / "bin/emops-station", "check-config", "--config", config)
    await _is_idle(service)
    await dialog.progress(3, _STEPS, Text("switching over", "schalte um").of(language))
    await _switch(dialog, service, settings, slot.name, was_running)
    done = Text(f"Version {release.version} is in force.", f"Version {release.version} ist in Kraft.")
    await dialog.progress(_STEPS, _STEPS, done.of(language))


async def roll_back(dialog: Dialog, service: Service, settings: StationSettings) -> None:
    """Go back to the version before.

    Raises:
        FieldError: there is none, or a transaction runs.
    """
    root = settings.update.root
    slot = other_slot(current(root))
    if not (root / slot / "bin/emops-station").exists():
        raise FieldError(f"there is no version before: {root / slot} is empty")
    was_running = await _is_idle(service)
    await _switch(dialog, service, settings, slot, was_running)
    await dialog.say(Text("The version before is in force.", "Die vorige Version ist in Kraft.").of(dialog.language))


async def _switch(dialog: Dialog, service: Service, settings: StationSettings, slot: str, was_running: bool) -> None:
    """Let the link point to a version and restart; go back if it does not come up."""
    root, before = settings.update.root, current(settings.update.root)
    point(root, slot)
    try:
        await _restart(dialog, settings)
        if was_running and settings.update.restart:
            await _until_up(service)
    except FieldError as error:
        point(root, before)
        with contextlib.suppress(FieldError):
            await _restart(dialog, settings)
        raise FieldError(f"the version in {slot} does not run, the one before is in force again: {error}") from error


async def _restart(dialog: Dialog, settings: StationSettings) -> None:
    if settings.update.restart:
        await run_program("the restart", CHECK_S, *settings.update.restart)
    else:
        later = Text(
            "It takes effect when the agent is restarted.", "Es gilt, sobald das Stationsprogramm neu gestartet ist."
        )
        await dialog.say(later.of(dialog.language))


async def _until_up(service: Service) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(COME_UP_S):
            while True:
                with contextlib.suppress(ServiceError):
                    await service.call("status")
                    return
                await asyncio.sleep(_ASK_AGAIN_S)
    raise FieldError(f"the agent did not answer within {COME_UP_S:.0f} s")


async def _is_idle(service: Service) -> bool:
    """Tell whether the agent runs.

    Raises:
        FieldError: a transaction runs.
    """
    try:
        status = await service.call("status")
    except ServiceError:
        return False
    for evse in status["evses"]:
        if evse["transaction"]:
            raise FieldError(f"EVSE {evse['id']} is charging: wait until it has ended, nothing was changed")
    return True


def _read(file: Path, public: str) -> Release:
    signature = file.with_name(file.name + ".sig")
    try:
        return read_release(file.read_bytes(), signature.read_bytes(), public)
    except OSError as error:
        raise FieldError(f"can't read {error.filename}: {error.strerror}") from error
