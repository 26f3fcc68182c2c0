"""The station's devices for a field tool alone: without the agent, or lent by it."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager

from station.bus_lending import evses_on
from station.errors import FieldError, JournalError, ServiceError
from station.field.dialog import Dialog
from station.field.text import Text
from station.journal_file import journal_lock
from station.service_client import Service
from station.settings import StationSettings


@contextmanager
def alone(settings: StationSettings) -> Iterator[None]:
    """Hold the agent's lock.

    Raises:
        FieldError: the agent runs, or its folder can't be used.
    """
    lock = journal_lock(settings.journal.path)
    try:
        lock.__enter__()
    except JournalError as error:
        raise FieldError(
            f"this needs the devices for itself, but {error}. systemctl stop emops-station stops the agent (a running "
            "transaction goes on when it starts again)"
        ) from error
    try:
        yield
    finally:
        lock.__exit__(None, None, None)


@asynccontextmanager
async def with_buses(
    buses: Sequence[str], dialog: Dialog, service: Service, settings: StationSettings
) -> AsyncIterator[None]:
    """Have buses of the settings for oneself inside the block. A running agent lends them, if the person agrees.

    Raises:
        FieldError: the person does not agree, or the agent hangs.
        ServiceError: somebody charges there; or the agent took the buses back, which cancels the block.
    """
    async with AsyncExitStack() as held:
        if buses:
            try:
                held.enter_context(alone(settings))
            except FieldError:
                if not await _answers(service):
                    raise
                await _agree(buses, dialog, settings)
                for bus in buses:
                    await held.enter_async_context(service.borrow("lend_bus", {"bus": bus}))
        yield


async def _answers(service: Service) -> bool:
    try:
        await service.call("version")
    except ServiceError:
        return False
    return True


async def _agree(buses: Sequence[str], dialog: Dialog, settings: StationSettings) -> None:
    numbers = sorted({number for bus in buses for number in evses_on(bus, settings)})
    names = ", ".join(map(str, numbers))
    question = Text(
        f"The agent uses this line. May EVSE {names} be out of service until this is done?",
        f"Das Stationsprogramm nutzt diesen Bus. Darf Ladepunkt {names} so lange außer Betrieb sein?",
    )
    if not await dialog.confirm(question.of(dialog.language)):
        kept = Text("Nothing was done: the agent keeps the line", "Nichts geschehen: der Bus bleibt in Betrieb")
        raise FieldError(kept.of(dialog.language))
