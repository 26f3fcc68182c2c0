"""The agent put together: the one place where its parts are made and given to each other.

One TaskGroup runs everything. However it is left, every contactor is opened: what nobody counts must not flow. A
transaction is not ended by that: it stays open in the journal, and the next start goes on with it if the vehicle is
still there.
"""

import asyncio
import contextlib
import functools
import logging
import random
import secrets
import signal
import sqlite3
import uuid
from collections.abc import Coroutine, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path

from hardware.api import EvseBoard, SigningMeter, TagReader
from hardware.errors import HardwareError
from shared.clock import Clock, boot_id
from shared.ids import NO_AUTHORIZATION, EvseId, IdToken, TransactionKey
from shared.log import Log, start_logging
from shared.metering import MeterValue
from shared.money import Money
from shared.ocpp.session import ErrorCode, Payload
from shared.ocpp.validation import Version
from shared.transaction import StopReason
from station.authorizer import Authorizer
from station.backlog_report import BacklogReporter
from station.bearer_turns import BearerTurns
from station.charging_operations import ChargingOperations
from station.charging_profiles import ChargingProfiles
from station.core.authorize import ACCEPTED, TokenInfo
from station.core.charging import Charging
from station.core.charging_schedule import Limit
from station.core.configuration import Configuration
from station.core.connector import Status
from station.core.delivery import Message
from station.core.dialect import BootReason, Identity, Problem
from station.core.evse_events import Deauthorized, EndRequested, Notify, OpenTransaction, TagPresented
from station.core.presentation import meant_evse
from station.core.protection import Protection
from station.core.recent_cards import RecentCards
from station.core.reservation import Reservation, decode_reservation
from station.core.routes import Routes, routes_of
from station.core.signing import Signing, SigningMode
from station.core.status_reports import Report, StatusReports, timed
from station.core.telemetry import StationFacts
from station.core.timekeeping import TimeSource
from station.courier import Courier
from station.csms_connection import CallRefused
from station.csms_link import Bearer, CsmsLink
from station.csms_requests import CsmsRequests
from station.devices import Hardware, build_hardware
from station.dialects import make_dialect, make_handlers
from station.errors import JournalError, JournalStalled, StationError
from station.evse_task import FAULTS_PREFIX, METER_PREFIX, RESERVATION_PREFIX, EvseTask, Outlets
from station.file_assembly import Files
from station.firmware import FirmwareUpdates
from station.journal import Journal
from station.journal_file import journal_lock, open_journal
from station.journal_upkeep import Upkeep, free_bytes
from station.limit_assembly import current_rules, evse_facts, make_limits
from station.log_ring import LogRing
from station.log_upload import LogUploads
from station.meter_signatures import MeterSignatures
from station.operations import KEY_PREFIX, OPERATIVE_PREFIX, ROUTE_PREFIX, Operations, Station
from station.report import status_of
from station.security.assembly import Security
from station.security.events import EventKind
from station.service import Service, socket_path
from station.service_operations import ENROLLED_PREFIX, Inside, ServiceOperations
from station.settings import SOURCE_WORDS, EvseSettings, StationSettings, initial_keys, listen_address, time_zone
from station.status_file import State, status_path, write_status
from station.status_page import StatusPage
from station.timekeeper import Timekeeper, start_time
from station.uplink import HostBearer, ModemUplink

OPEN_CONTACTORS_S = 4.0
"""SIGTERM ends the program within 5 s; the rest is for the journal."""

RESET_S = 15.0
"""A reset waits so long for transactions to end."""

KEEP_TIME_S = 900.0
"""How often the journal notes how late it is, world time."""

NTP_S = 64.0
"""How often the kernel's clock is looked at, world time: the usual poll of NTP."""

BOOT_REASON, LAST_KERNEL = "boot_reason", "kernel_boot"
"""Names in the journal of why the program was ended, and of the machine's boot that it last ran in."""

STATUS_S = 1.0
"""How often the status file is looked at, link time; it is written only when something changed."""

_LOG = Log("station")


class App:
    """The parts of one agent, made in the order in which they need each other."""

    def __init__(
        self,
        settings: StationSettings,
        hardware: Hardware,
        journal: Journal,
        timekeeper: Timekeeper,
        configuration: Configuration,
        *,
        log: LogRing,
        config: Path | None = None,
    ) -> None:
        self._log = log
        self._config = config
        self._settings = settings
        self._hardware = hardware
        self._journal = journal
        self._timekeeper = timekeeper
        self._configuration = configuration
        self._dialect = make_dialect(Version(settings.csms.version))
        self._statuses = StatusReports(self._dialect.status_words)
        self._cards = RecentCards()
        self._stop, self._idle_reset = asyncio.Event(), asyncio.Event()
        self._reset_reason: StopReason | None = None
        self._boot_reason = BootReason.POWER_UP
        self._problems: dict[EvseId, frozenset[str]] = {}
        self._event_number = 0
        self._evses: dict[EvseId, EvseTask] = {}
        self._profiles = ChargingProfiles(journal)
        self._is_operative = True
        self._uplink = ModemUplink(hardware.modem, settings.uplink, timekeeper) if hardware.modem else None
        self._security = Security(settings, journal, timekeeper, configuration, self._dialect)
        self._courier = Courier(
            journal,
            timekeeper,
            configuration,
            self._dialect,
            settings.delivery,
            send_without_start=settings.csms.send_without_start,
            deauthorized=self._deauthorize,
            conflict=self._tell_conflict,
            told=self._show_driver,
        )
        self._bearer = BearerTurns(self._uplink or HostBearer())
        self._link = self._make_link(self._bearer)
        self._limits = make_limits(settings, self._evses, self._profiles, timekeeper, lambda: self._link.is_online)
        path = settings.journal.path
        self._upkeep = Upkeep(journal, settings.journal, timekeeper, functools.partial(free_bytes, path))

    def _make_link(self, bearer: Bearer) -> CsmsLink:
        settings, configuration = self._settings, self._configuration
        return CsmsLink(
            settings.csms,
            self._security.gate,
            dialect=self._dialect,
            bearer=bearer,
            courier=self._courier,
            events=self._security.events,
            timekeeper=self._timekeeper,
            configuration=configuration,
            statuses=self._statuses,
            answer=self._answer,
            boot=lambda: self._boot(self._boot_reason),
            run_id=secrets.token_hex(4),
            random=random.random,
        )

    async def _make_evses(self) -> None:
        open_transactions = await self._journal.open_transactions(self._timekeeper.boot.number)
        await self._profiles.load(open_transactions, tuple(EvseId(evse.id) for evse in self._settings.evse))
        operative = {name: text == "True" for name, text in (await self._journal.values(OPERATIVE_PREFIX)).items()}
        faults = await self._journal.values(FAULTS_PREFIX)
        reservations = await self._reservations(open_transactions)
        serials = await self._journal.values(METER_PREFIX)
        self._is_operative = operative.get("0", True)
        authorizer = Authorizer(
            self._journal.tokens,
            self._link,
            self._dialect,
            self._configuration,
            self._timekeeper,
            conflict=self._tell_conflict,
            timeout_s=self._settings.csms.authorize_timeout_s,
        )
        outlets = Outlets(self._notify, self._send_sample, self._link.wake, self._cards.decide, self._tell_expired)
        for evse in self._settings.evse:
            evse_id = EvseId(evse.id)
            devices = self._hardware.evses[evse_id]
            charging = Charging(
                evse_id,
                min(evse.max_current_a, devices.board.capabilities.maximum_a),
                self._configuration,
                lambda: TransactionKey(uuid.uuid4().hex[:16]),
                transaction=open_transactions.get(evse_id),
                operative=operative.get(str(evse_id), True),
                latched=frozenset(faults.get(str(evse_id), "").split()),
                tests_rcd=evse.rcd_test == "charge",
                free_vend=IdToken.parse(evse.free_vend_token, kind=NO_AUTHORIZATION) if evse.free_vend else None,
                protection=Protection(
                    ventilated=evse.ventilated or evse.gpio.ventilated,
                    derate_from_c=evse.derate_from_c,
                    stop_from_c=evse.stop_from_c,
                    wakes_vehicles=evse.wake_vehicles,
                    locks=devices.board.capabilities.lock,
                ),
                reservation=reservations.get(evse_id),
                tells_states=self._dialect.tells_states,
                rules=current_rules(evse, self._settings.limits, devices.board.capabilities),
                signing=Signing(
                    SigningMode(evse.signed), evse.signed_name or f"{self._settings.identity.charge_point_id}*{evse.id}"
                ),
            )
            self._evses[evse_id] = EvseTask(
                charging,
                devices.board,
                devices.meter,
                journal=self._journal,
                timekeeper=self._timekeeper,
                authorizer=authorizer,
                outlets=outlets,
                poll_s=evse.poll_s,
                tests_rcd=evse.rcd_test != "never",
                phases=evse.phases,
                signatures=await self._make_signatures(evse, devices.signing),
                profiles=self._profiles,
                caps=self._limits.caps,
            )
            self._evses[evse_id].meter_serial = serials.get(str(evse_id), "")

    async def _reservations(self, open_transactions: Mapping[EvseId, OpenTransaction]) -> dict[EvseId, Reservation]:
        """Give what is reserved; a cut between the start of a charge and this word of it leaves a used one behind."""
        stored = await self._journal.values(RESERVATION_PREFIX)
        used = {evse_id: running.started.reservation_id for evse_id, running in open_transactions.items()}
        found = {EvseId(int(name)): decode_reservation(text) for name, text in stored.items()}
        return {
            evse_id: reservation
            for evse_id, reservation in found.items()
            if reservation and used.get(evse_id) != reservation.number
        }

    def _fix_keys(self) -> None:
        """Hold the keys at what the hardware can do."""
        if not any(devices.board.capabilities.lock for devices in self._hardware.evses.values()):
            self._configuration.fix("UnlockConnectorOnEVSideDisconnect", True)
        switches = any(evse.charging.rules.switches for evse in self._evses.values())
        self._configuration.fix("ConnectorSwitch3to1PhaseSupported", switches)

    async def _make_signatures(self, evse: EvseSettings, meter: SigningMeter | None) -> MeterSignatures | None:
        if meter is None:
            return None
        signatures = MeterSignatures(
            EvseId(evse.id),
            meter,
            journal=self._journal,
            timekeeper=self._timekeeper,
            configuration=self._configuration,
            wait_s=evse.signed_wait_s,
            zone=time_zone(self._settings.time.zone),
        )
        await signatures.load()
        return signatures

    async def run(self, stop: asyncio.Event) -> None:
        """Run until `stop` is set or the central system resets us."""
        await self._make_evses()
        await self._find_boot_reason()
        await self._find_routes()
        security, renewal = await self._security.start(self._link)
        self._fix_keys()
        firmware, logs = await self._make_files()
        self._operations = Operations(
            Station(
                evses=self._evses,
                link=self._link,
                dialect=self._dialect,
                journal=self._journal,
                timekeeper=self._timekeeper,
                configuration=self._configuration,
                statuses=self._statuses,
                security=security,
                charging=ChargingOperations(self._evses, self._profiles, self._timekeeper, self._limits.ceiling),
                identity=self._settings.identity.charge_point_id,
                routes=self._link.routes,
                about=self._about,
                firmware=firmware,
                logs=logs,
                transfer=self._settings.transfer,
                boot=self._boot,
                reset=self._reset,
                reset_when_idle=self._idle_reset.set,
                availability_changed=self._change_availability,
            )
        )
        self._requests = CsmsRequests(make_handlers(self._dialect.version, self._operations))
        self._report_whole()
        backlog = await self._journal.backlog()
        boot = self._timekeeper.boot
        _LOG.info(
            "booted",
            version=version("emops"),
            boot=boot.number,
            time=boot.source.name.lower(),
            open_transactions=sum(evse.charging.transaction is not None for evse in self._evses.values()),
            backlog=backlog.pending,
        )
        async with asyncio.TaskGroup() as group:
            jobs: list[Coroutine[object, object, None]] = [evse.run() for evse in self._evses.values()]
            jobs += [self._run_reader(reader, evses) for reader, evses in self._hardware.readers]
            jobs += [self._link.run(), self._keep_time(), self._keep_status(), self._service().run()]
            jobs += [self._upkeep.run(), self._backlog_reporter().run()]
            jobs += [renewal.run(), self._reset_when_idle(), firmware.run(), logs.run()]
            jobs += self._local_jobs()
            if "NTP" in self._configuration.texts("TimeSource"):
                jobs.append(self._watch_ntp())
            if self._uplink:
                jobs.append(self._uplink.run())
            if self._settings.status_page.listen:
                jobs.append(self._status_page().run())
            tasks = [group.create_task(job) for job in jobs]
            await self._until_stopped(stop)
            for task in tasks:
                task.cancel()

    async def _make_files(self) -> tuple[FirmwareUpdates, LogUploads]:
        files = Files(
            self._settings,
            self._config,
            journal=self._journal,
            timekeeper=self._timekeeper,
            link=self._link,
            dialect=self._dialect,
            security=self._security,
            bearer=self._bearer,
            uplink=self._uplink,
            evses=self._evses,
            log=self._log,
            state=self._state,
        )
        firmware, logs = files.firmware(lambda: self._reset(StopReason.REBOOT)), files.logs()
        await firmware.load()
        await logs.load()
        if firmware.begins_new_version:
            self._boot_reason = BootReason.FIRMWARE_UPDATE
        return firmware, logs

    def _tell_limit(self, limit: Limit | None) -> None:
        if message := self._dialect.charging_limit(limit):
            self._link.post(message)

    def _local_jobs(self) -> list[Coroutine[object, object, None]]:
        """Give the jobs around the site's limit and the local broker."""
        site, self._limits.on_news = self._limits.site, self._tell_limit
        jobs: list[Coroutine[object, object, None]] = []
        if site and self._settings.limits.source == "modbus":
            from station.limit_register import LimitRegister

            line = self._hardware.lines[self._settings.limits.bus]
            register = LimitRegister(self._settings.limits, line, self._timekeeper.clock, self._limits, site.rules)
            jobs.append(register.run())
        if self._settings.mqtt.host:
            from station.local_broker import LocalBroker

            broker = LocalBroker(self._settings, self._limits, self._timekeeper.clock, self._tell_broker)
            jobs.append(broker.run())
        return jobs

    async def _tell_broker(self) -> StationFacts:
        backlog = await self._journal.backlog()
        signal = self._uplink.network.signal_dbm if self._uplink else None
        facts = [evse_facts(evse) for evse in self._evses.values()]
        return StationFacts(tuple(facts), signal, backlog.pending, self._link.is_online)

    def _backlog_reporter(self) -> BacklogReporter:
        return BacklogReporter(self._journal, self._courier, self._link, self._dialect, self._timekeeper)

    def _service(self) -> Service:
        inside = Inside(
            settings=self._settings,
            hardware=self._hardware,
            evses=self._evses,
            journal=self._journal,
            timekeeper=self._timekeeper,
            configuration=self._configuration,
            uplink=self._uplink,
            cards=self._cards,
            log=self._log,
            state=self._state,
            change_key=self._operations.change_key,
            restart=self._stop.set,
        )
        path = socket_path(self._settings.journal.path, self._settings.service.socket)
        operations = ServiceOperations(inside)
        return Service(path, operations.table, operations.loans)

    def _status_page(self) -> StatusPage:
        page = self._settings.status_page
        return StatusPage(
            self._settings.identity.charge_point_id,
            listen_address(page.listen, allow_public=page.allow_public),
            self._timekeeper.clock,
            functools.partial(status_of, self._settings),
        )

    async def _until_stopped(self, stop: asyncio.Event) -> None:
        waits = [asyncio.ensure_future(event.wait()) for event in (stop, self._stop)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            if self._reset_reason and not stop.is_set():
                await self._finish_transactions(self._reset_reason)
        finally:
            for wait in waits:
                wait.cancel()

    async def _finish_transactions(self, reason: StopReason) -> None:
        """End all transactions, into the journal at least, and let the answer to the reset leave."""
        await self._journal.set_value(BOOT_REASON, BootReason.REMOTE_RESET)
        await self._security.reporter.report(EventKind.RESET_OR_REBOOT, reason)
        for evse in self._evses.values():
            evse.tell(EndRequested(reason))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(RESET_S * (1 + self._configuration.number("ResetRetries"))):
                await asyncio.gather(*(evse.idle.wait() for evse in self._evses.values()))
        await asyncio.sleep(0.5)
        _LOG.info("reset", reason=reason)

    async def _run_reader(self, reader: TagReader, evse_ids: Iterable[EvseId]) -> None:
        evses = {evse_id: self._evses[evse_id] for evse_id in evse_ids}
        async for token in reader.tags():
            _LOG.info("card_shown", token=token)
            self._cards.show(token, self._timekeeper.clock.uptime())
            if meant := meant_evse(token, (evse.charging for evse in evses.values())):
                evses[meant.evse_id].tell(TagPresented(token))

    async def _keep_time(self) -> None:
        while True:
            await self._timekeeper.clock.sleep(KEEP_TIME_S)
            try:
                await self._timekeeper.keep()
            except JournalStalled as error:
                _LOG.warning("clock_not_stored", reason=error)

    async def _watch_ntp(self) -> None:
        from station.kernel_clock import is_synchronised

        clock = self._timekeeper.clock
        while True:
            if is_synchronised():
                await self._timekeeper.learn(TimeSource.NTP, clock.utc(), clock.uptime())
            await clock.sleep(NTP_S)

    async def _keep_status(self) -> None:
        path = status_path(self._settings.journal.path, self._settings.journal.status_path)
        written: State | None = None
        complained = False
        while True:
            state = self._state()
            if state != written:
                try:
                    write_status(path, state)
                except OSError as error:
                    if not complained:
                        _LOG.warning("status_file", path=path, reason=error.strerror)
                    complained = True
                written = state
            await asyncio.sleep(STATUS_S)

    def _state(self) -> State:
        uplink = self._uplink
        return {
            "time": self._timekeeper.boot.source.name.lower(),
            "csms": self._link.state,
            "modem": "" if uplink is None else uplink.trouble or uplink.network.registration,
            "operator": uplink.network.operator if uplink else "",
            "evses": [
                {
                    "id": evse_id,
                    "status": evse.charging.status,
                    "blocked_by": evse.charging.blocked_by,
                    "limit": evse.charging.limit_text,
                    "why": evse.charging.why,
                    "refused": evse.charging.refusal,
                    "faults": sorted(evse.charging.faults),
                    "transaction": evse.charging.transaction.started.key if evse.charging.transaction else "",
                    "cost": str(evse.cost or ""),
                    "message": evse.message,
                }
                for evse_id, evse in self._evses.items()
            ],
        }

    async def _answer(self, action: str, payload: Payload) -> Payload:
        try:
            return await self._requests.answer(action, payload)
        except JournalStalled as error:
            raise CallRefused(ErrorCode.INTERNAL_ERROR, str(error)) from error

    def _boot(self, reason: BootReason) -> Message:
        return self._dialect.boot(self._about(), reason)

    def _about(self) -> Identity:
        identity, first = self._settings.identity, next(iter(self._evses.values()))
        sim = self._uplink.identity if self._uplink else None
        return Identity(
            vendor=identity.vendor,
            model=identity.model,
            firmware=identity.firmware or version("emops"),
            serial=identity.serial,
            box_serial=identity.box_serial,
            meter_type=identity.meter_type or self._settings.evse[0].meter,
            meter_serial=identity.meter_serial or first.meter_serial,
            iccid=identity.iccid or (sim.iccid if sim else ""),
            imsi=identity.imsi or (sim.imsi if sim else ""),
        )

    async def _find_routes(self) -> None:
        """Take the ways to the central system in their order."""
        keys = self._configuration
        stored = await self._journal.values(ROUTE_PREFIX)
        slots = keys.ordered("NetworkConfigurationPriority")
        self._link.routes = Routes(routes_of(slots, stored, keys.number("SecurityProfile")))
        self._security.gate.route = lambda: self._link.routes.current
        await self._security.gate.take_route()

    async def _find_boot_reason(self) -> None:
        """Tell why the program begins: as the last one left it, else by whether the machine itself has booted."""
        told, kernel = await self._journal.value(BOOT_REASON), await self._journal.value(LAST_KERNEL)
        await self._journal.set_value(BOOT_REASON, "")
        await self._journal.set_value(LAST_KERNEL, self._timekeeper.boot.kernel_boot_id)
        if told:
            self._boot_reason = BootReason(told)
        elif kernel == self._timekeeper.boot.kernel_boot_id:
            self._boot_reason = BootReason.APPLICATION_RESET

    def _notify(self, evse_id: EvseId, notice: Notify, at: datetime) -> None:
        uptime = self._timekeeper.clock.uptime()
        report = Report(evse_id, notice.status, notice.error_code, notice.info, at, uptime, notice.is_plugged)
        self._statuses.set(report, asyncio.get_running_loop().time())
        _LOG.info("status", evse=evse_id, status=notice.status, error=notice.error_code)
        self._tell_problems(timed(report, self._timekeeper.boot))
        self._link.wake()

    def _tell_problems(self, report: Report) -> None:
        """Tell which faults came and went; what is no fault of the board is told by its code."""
        evse_id = EvseId(report.evse_id)
        there = self._evses[evse_id].charging.faults or frozenset({report.error_code} - {"NoError"})
        before, self._problems[evse_id] = self._problems.get(evse_id, frozenset()), there
        for fault in sorted(there ^ before):
            self._event_number += 1
            problem = Problem(evse_id, fault, fault in there, report.info, report.at)
            if message := self._dialect.problem(problem, self._event_number):
                self._link.post(message)

    def _tell_expired(self, number: int) -> None:
        if message := self._dialect.reservation_expired(number):
            self._link.post(message)

    def _show_driver(self, evse_id: EvseId, key: TransactionKey, cost: Decimal | None, message: str) -> None:
        """Show what the answer to an event of a transaction told, unless the next one runs there already."""
        evse = self._evses.get(evse_id)
        if evse is None or (evse.charging.transaction and evse.charging.transaction.started.key != key):
            return
        if cost is not None:
            evse.cost = Money(cost, self._configuration.text("Currency") or "EUR")
        evse.message = message or evse.message

    def _report_whole(self) -> None:
        status = Status.AVAILABLE if self._is_operative else Status.UNAVAILABLE
        now = self._timekeeper.now()
        report = Report(0, status, "NoError", "", now.utc, now.uptime)
        self._statuses.set(report, asyncio.get_running_loop().time())

    def _change_availability(self) -> None:
        self._is_operative = all(evse.charging.operative for evse in self._evses.values())
        self._report_whole()

    def _send_sample(self, evse_id: EvseId, value: MeterValue) -> None:
        self._link.post(self._dialect.meter_values(evse_id, [value]))

    def _deauthorize(self, evse_id: EvseId, key: TransactionKey) -> None:
        if evse := self._evses.get(evse_id):
            evse.tell(Deauthorized(key))

    def _tell_conflict(self, evse_id: EvseId) -> None:
        report = self._statuses.present(evse_id)
        if report and (message := self._dialect.list_conflict(timed(report, self._timekeeper.boot))):
            self._link.post(message)

    async def _reset_when_idle(self) -> None:
        await self._idle_reset.wait()
        for evse in self._evses.values():
            await evse.idle.wait()
        self._reset(StopReason.SOFT_RESET)

    def _reset(self, reason: StopReason) -> None:
        self._reset_reason = reason
        self._stop.set()


async def run_station(
    settings: StationSettings,
    hardware: Hardware,
    *,
    clock: Clock,
    kernel_boot_id: str,
    stop: asyncio.Event,
    log: LogRing | None = None,
    config: Path | None = None,
) -> None:
    """Run the agent until `stop` is set, or it is reset or restarted by request; then open every contactor.

    Raises:
        JournalError: the journal can't be used. Without it nothing may be charged.
    """
    path = settings.journal.path
    with journal_lock(path):
        try:
            async with open_journal(path) as journal:
                timekeeper = await start_time(
                    clock,
                    journal,
                    kernel_boot_id,
                    clock_trusted=settings.time.clock_trusted,
                    order=settings.time.order(await journal.value(f"{KEY_PREFIX}TimeSource")),
                )
                configuration = await _configuration(settings, journal)
                await _fill_list(settings, journal)
                await App(
                    settings, hardware, journal, timekeeper, configuration, log=log or LogRing(), config=config
                ).run(stop)
        except BaseExceptionGroup as group:
            raise _plain(group) from group
        finally:
            await _open_contactors(hardware)
            if hardware.modem:
                with contextlib.suppress(HardwareError, TimeoutError):
                    async with asyncio.timeout(0.5):
                        await hardware.modem.stop()
    _LOG.info("stopped")


async def _configuration(settings: StationSettings, journal: Journal) -> Configuration:
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


async def _fill_list(settings: StationSettings, journal: Journal) -> None:
    """Fill the local list from the file and from what technicians enrolled, until the central system sends its own."""
    if await journal.tokens.list_version() == 0:
        entries = [(entry.token(), TokenInfo(ACCEPTED, entry.expiry())) for entry in settings.local_list]
        enrolled = await journal.values(ENROLLED_PREFIX)
        entries += [(IdToken(value), TokenInfo(status)) for value, status in enrolled.items() if status]
        await journal.tokens.update_list(0, entries, replace=True)


async def _open_contactors(hardware: Hardware) -> None:
    async def open_one(evse_id: EvseId, board: EvseBoard) -> None:
        try:
            async with asyncio.timeout(OPEN_CONTACTORS_S):
                await board.halt()
        except (HardwareError, TimeoutError) as error:
            _LOG.error("contactor_not_opened", evse=evse_id, reason=str(error) or "no answer in time")

    await asyncio.gather(*(open_one(evse_id, devices.board) for evse_id, devices in hardware.evses.items()))


def _plain(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Give what a TaskGroup failed of: one line for what people can act on, the whole group for mistakes of ours."""
    leaf: BaseException = group
    while isinstance(leaf, BaseExceptionGroup):
        leaf = leaf.exceptions[0]
    if isinstance(leaf, sqlite3.Error):
        return JournalError(f"the journal can't be used: {leaf}. Is the disk full?")
    return leaf if isinstance(leaf, StationError) else group


async def main(settings: StationSettings, config: Path) -> None:
    """Run the agent as a program: SIGTERM and SIGINT end it.

    Args:
        settings: of the station.
        config: the file they came from; a new version must accept it.

    Raises:
        ConfigError: a device or the clock can't be made from the settings.
        JournalError: see run_station.
    """
    log = LogRing()
    start_logging(settings.log_level, logging.StreamHandler(), log)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, functools.partial(_ask_to_stop, stop, number))
    clock = settings.clock.build()
    hardware = build_hardware(settings, clock)
    await run_station(settings, hardware, clock=clock, kernel_boot_id=boot_id(), stop=stop, log=log, config=config)


def _ask_to_stop(stop: asyncio.Event, number: signal.Signals) -> None:
    _LOG.info("stopping", signal=number.name)
    stop.set()
