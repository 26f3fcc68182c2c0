"""What EVSEs have to tell the central system beside their transactions, and what it has to tell their drivers."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal

from shared.ids import EvseId, TransactionKey
from shared.log import Log
from shared.metering import MeterValue
from shared.money import Money
from station.core.charging_schedule import Limit
from station.core.configuration import Configuration
from station.core.connector import Status
from station.core.dialect import Dialect
from station.core.evse_events import Deauthorized, Notify
from station.core.status_reports import Report, StatusReports, timed
from station.csms_link import CsmsLink
from station.evse_task import EvseTask
from station.problem_teller import ProblemTeller
from station.timekeeper import Timekeeper

_LOG = Log("station")


class EvseNews:
    """See the module.

    Args:
        evses: the EVSEs; they may be put in later.
        dialect: the version of OCPP that is spoken.
        statuses: what is true of the connectors.
        timekeeper: the time.
        configuration: the keys in force.
        link: gives the link to the central system, which is made later.
        problems: gives the teller of faults, which is made later.
    """

    def __init__(
        self,
        evses: Mapping[EvseId, EvseTask],
        *,
        dialect: Dialect,
        statuses: StatusReports,
        timekeeper: Timekeeper,
        configuration: Configuration,
        link: Callable[[], CsmsLink],
        problems: Callable[[], ProblemTeller],
    ) -> None:
        self._evses = evses
        self._dialect = dialect
        self._statuses = statuses
        self._timekeeper = timekeeper
        self._configuration = configuration
        self._link = link
        self._problems = problems

    def tell_status(self, evse_id: EvseId, notice: Notify, at: datetime) -> None:
        """Tell the state of an EVSE, and the faults that came and went with it."""
        uptime = self._timekeeper.clock.uptime()
        report = Report(evse_id, notice.status, notice.error_code, notice.info, at, uptime, notice.is_plugged)
        self._statuses.set(report, asyncio.get_running_loop().time())
        _LOG.info("status", evse=evse_id, status=notice.status, error=notice.error_code)
        faults = self._evses[evse_id].charging.faults
        # What is no fault of the board is told by its code.
        self._problems().set(report, faults or frozenset({report.error_code} - {"NoError"}))
        self._link().wake()

    def tell_whole(self, operative: bool) -> None:
        """Tell whether the whole station is in service."""
        status = Status.AVAILABLE if operative else Status.UNAVAILABLE
        now = self._timekeeper.now()
        report = Report(0, status, "NoError", "", now.utc, now.uptime)
        self._statuses.set(report, asyncio.get_running_loop().time())

    def tell_expired(self, number: int, is_removed: bool) -> None:
        """Tell that a reservation came to its end unused, or that its EVSE can't be kept any longer."""
        if message := self._dialect.reservation_expired(number, is_removed=is_removed):
            self._link().post(message)

    def tell_sample(self, evse_id: EvseId, value: MeterValue) -> None:
        """Tell values outside any transaction."""
        self._link().post(self._dialect.meter_values(evse_id, [value]))

    def tell_limit(self, limit: Limit | None) -> None:
        """Tell what the site leaves the station, None = more than it can take."""
        if message := self._dialect.charging_limit(limit):
            self._link().post(message)

    def tell_conflict(self, evse_id: EvseId) -> None:
        """Tell that an answer contradicts the local list."""
        report = self._statuses.present(evse_id)
        if report and (message := self._dialect.list_conflict(timed(report, self._timekeeper.boot))):
            self._link().post(message)

    def deauthorize(self, evse_id: EvseId, key: TransactionKey) -> None:
        """Tell an EVSE that the central system does not know the driver."""
        if evse := self._evses.get(evse_id):
            evse.tell(Deauthorized(key))

    def show_driver(self, evse_id: EvseId, key: TransactionKey, cost: Decimal | None, message: str) -> None:
        """Show what the answer to an event of a transaction told, unless the next one runs there already."""
        evse = self._evses.get(evse_id)
        if evse is None or (evse.charging.transaction and evse.charging.transaction.started.key != key):
            return
        if cost is not None:
            evse.cost = Money(cost, self._configuration.text("Currency") or "EUR")
        evse.message = message or evse.message
