"""The security of one agent put together, for station.app."""

from collections.abc import Callable
from importlib.metadata import version

from station.core.configuration import Configuration
from station.core.dialect import CertificateUse, Dialect
from station.core.timekeeping import TimeSource
from station.csms_link import CsmsLink
from station.journal import Journal
from station.security.event_courier import EventCourier
from station.security.events import EventKind
from station.security.gate import Gate
from station.security.memory import open_memory
from station.security.operations import PROFILE_KEY, SecurityOperations
from station.security.renewal import Renewal
from station.security.reporter import SecurityReporter
from station.settings import StationSettings, initial_access, security_folder
from station.timekeeper import Timekeeper

VERSION = "security.version"
"""Name in the journal of the version that ran last."""


class Security:
    """Its parts. The link is made with `gate` and `events`, and given to `start`.

    Raises:
        SecurityError: the folder or the first roots can't be used.
    """

    def __init__(
        self,
        settings: StationSettings,
        journal: Journal,
        timekeeper: Timekeeper,
        configuration: Configuration,
        dialect: Dialect,
    ) -> None:
        self._settings = settings
        self._journal = journal
        self._timekeeper = timekeeper
        self._configuration = configuration
        self._dialect = dialect
        self.reporter = SecurityReporter(journal.security_events, timekeeper)
        self.events = EventCourier(journal.security_events, timekeeper, configuration, dialect)
        self.gate = Gate(
            settings.csms.url,
            settings.csms.tls_url,
            settings.identity.charge_point_id,
            memory=open_memory(security_folder(settings), initial_access(settings), settings.security.roots),
            reporter=self.reporter,
            timekeeper=timekeeper,
            journal=journal,
        )

    async def start(self, link: CsmsLink, is_good_moment: Callable[[], bool]) -> tuple[SecurityOperations, Renewal]:
        """Begin, and tell that the program began. Gives what can be asked, and what is to be run."""
        identity, configuration = self._settings.identity, self._configuration
        renewal = Renewal(
            self.gate,
            journal=self._journal,
            reporter=self.reporter,
            common_name=self._settings.security.common_name or identity.serial or identity.charge_point_id,
            organization=lambda: configuration.text("CpoName") or "",
            link=link,
            request=lambda csr: self._dialect.sign_certificate(csr, CertificateUse.STATION),
            is_good_moment=is_good_moment,
        )
        await self.gate.load()
        self.reporter.wake = link.wake
        self.gate.reconnect = link.reconnect
        self.gate.profile_changed = lambda profile: configuration.change(PROFILE_KEY, str(profile))
        self.gate.profile_changed(self.gate.memory.plan.in_force.profile.value)
        self._timekeeper.on_set = lambda source, at: self.reporter.report(
            EventKind.SETTING_SYSTEM_TIME, f"{TimeSource(source).name.lower()}: {at:%Y-%m-%dT%H:%M:%SZ}"
        )
        await self._report_start()
        return SecurityOperations(self.gate, renewal, self.reporter), renewal

    async def _report_start(self) -> None:
        """Tell that the program began, and whether it is another version than last time."""
        now, before = version("emops"), await self._journal.value(VERSION)
        if before not in (None, now):
            await self.reporter.report(EventKind.FIRMWARE_UPDATED, f"{before} to {now}")
        if before != now:
            await self._journal.set_value(VERSION, now)
        await self.reporter.report(EventKind.STARTUP, now)
