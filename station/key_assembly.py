"""The configuration keys and the local list that an agent begins with, for station.app."""

from collections.abc import Iterable

from hardware.api import BoardCapabilities
from shared.ids import IdToken
from shared.ocpp.validation import Version
from station.core.authorize import ACCEPTED, TokenInfo
from station.core.configuration import Configuration
from station.core.current_limit import CurrentRules
from station.journal import Journal
from station.operations import KEY_PREFIX
from station.service_operations import ENROLLED_PREFIX
from station.settings import SOURCE_WORDS, StationSettings, initial_keys


async def make_configuration(settings: StationSettings, journal: Journal) -> Configuration:
    """Give the keys: those of the file, overruled by what the central system changed."""
    return Configuration(
        {
            **initial_keys(settings.ocpp),
            "NumberOfConnectors": str(len(settings.evse)),
            "MessageTimeout": str(max(round(settings.csms.reply_timeout_s), 1)),
            "RetryBackOffWaitMinimum": str(round(settings.csms.retry_wait_s)),
            "RetryBackOffRandomRange": str(round(settings.csms.retry_random_s)),
            "RetryBackOffRepeatTimes": str(settings.csms.retry_doublings),
            "TimeSource": ",".join(SOURCE_WORDS[name] for name in settings.time.sources if name in SOURCE_WORDS),
            **await journal.values(KEY_PREFIX),
        },
        tells_newer=settings.csms.version != Version.V16,
    )


def fix_keys(
    configuration: Configuration, boards: Iterable[BoardCapabilities], evse_rules: Iterable[CurrentRules]
) -> None:
    """Hold the keys at what the hardware can do."""
    if not any(board.lock for board in boards):
        configuration.fix("UnlockConnectorOnEVSideDisconnect", True)
    configuration.fix("ConnectorSwitch3to1PhaseSupported", any(rules.switches for rules in evse_rules))


async def fill_list(settings: StationSettings, journal: Journal) -> None:
    """Fill the local list from the file and from what technicians enrolled, until the central system sends its own."""
    if await journal.tokens.list_version() == 0:
        entries = [(entry.token(), TokenInfo(ACCEPTED, entry.expiry())) for entry in settings.local_list]
        enrolled = await journal.values(ENROLLED_PREFIX)
        entries += [(IdToken(value), TokenInfo(status)) for value, status in enrolled.items() if status]
        await journal.tokens.update_list(0, entries, replace=True)
