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
from collections.abc import Coroutine, Iterable
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path

from hardware.api import EvseBoard, TagReader
from hardware.errors import HardwareError
from shared.clock import Clock, boot_id
from shared.ids import EvseId
from shared.log import Log, start_logging
from shared.ocpp.session import ErrorCode, Payload
from shared.ocpp.validation import Version
from shared.transaction import StopReason
from station.authorizer import Authorizer
from station.backlog_report import BacklogReporter
from station.bearer_turns import BearerTurns
from station.charging_operations import ChargingOperations
from station.charging_profiles import ChargingProfiles
from station.core.configuration import Configuration
from station.core.data_budget import Traffic
from station.core.delivery import Message
from station.core.dialect import BootReason, Identity
from station.core.evse_events import TagPresented
from station.core.presentation import meant_evse
from station.core.recent_cards import RecentCards
from station.core.routes import Routes, routes_of
from station.core.status_reports import StatusReports
from station.core.telemetry import StationFacts
from station.courier import Courier
from station.csms_connection import CallRefused
from station.csms_link import Bearer, CsmsLink
from station.csms_requests import CsmsRequests
from station.data_keeper import DataKeeper
from station.devices import Hardware, build_hardware
from station.dialects import make_dialect, make_handlers, make_monitoring
from station.errors import JournalError, JournalStalled, StationError
from station.evse_assembly import EvseMaker
from station.evse_news import EvseNews
from station.evse_task import EvseTask, Outlets
from station.file_assembly import Files
from station.firmware import FirmwareUpdates
from station.flash_watch import FlashWatch
from station.journal import Journal
from station.journal_file import journal_lock, open_journal
from station.journal_upkeep import Upkeep, free_bytes
from station.key_assembly import fill_list, fix_keys, make_configuration
from station.limit_assembly import evse_facts, local_jobs, make_limits
from station.link_memory import LinkMemory
from station.log_ring import LogRing
from station.log_upload import LogUploads
from station.operations import KEY_PREFIX, OPERATIVE_PREFIX, ROUTE_PREFIX, Operations, Station
from station.problem_teller import load_problems
from station.report import status_of
from station.restart import Restart
from station.security.assembly import Security
from station.security.events import EventKind
from station.service import Service, socket_path
from station.service_operations import Inside, ServiceOperations
from station.settings import StationSettings, listen_address, time_zone
from station.status_file import status_path
from station.status_keeper import StatusKeeper
from station.status_page import StatusPage
from station.timekeeper import Timekeeper, keep_time, start_time, watch_ntp
from station.traffic import TrafficMeter
from station.uplink import HostUplink, ModemUplink

OPEN_CONTACTORS_S = 4.0
"""SIGTERM ends the program within 5 s; the rest is for the journal."""

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
        self._boot_reason = BootReason.POWER_UP
        self._evses: dict[EvseId, EvseTask] = {}
        self._profiles = ChargingProfiles(journal)
        self._news = EvseNews(
            self._evses,
            dialect=self._dialect,
            statuses=self._statuses,
            timekeeper=timekeeper,
            configuration=configuration,
            link=lambda: self._link,
            problems=lambda: self._problems,
        )
        self._uplink, self._way = self._make_uplink()
        self._security = Security(settings, journal, timekeeper, configuration, self._dialect)
        self._courier = Courier(
            journal,
            timekeeper,
            configuration,
            self._dialect,
            settings.delivery,
            send_without_start=settings.csms.send_without_start,
            deauthorized=self._news.deauthorize,
            conflict=self._news.tell_conflict,
            parked=functools.partial(self._security.reporter.report, EventKind.TRANSACTION_PARKED),
            told=self._news.show_driver,
        )
        self._bearer = BearerTurns(self._way)
        self._traffic = TrafficMeter()
        self._link: CsmsLink = self._make_link(self._bearer)
        self._data = DataKeeper(
            journal,
            timekeeper,
            configuration,
            settings.data,
            traffic=self._traffic,
            link=self._link,
            bearer=f"modem {settings.modem.apn}" if hardware.modem else "host",
        )
        self._limits = make_limits(settings, self._evses, self._profiles, timekeeper, lambda: self._link.is_online)
        self._restart = Restart(
            self._evses,
            journal=journal,
            timekeeper=timekeeper,
            configuration=configuration,
            reporter=self._security.reporter,
        )
        path = settings.journal.path
        self._status = StatusKeeper(
            status_path(path, settings.journal.status_path),
            self._evses,
            timekeeper,
            self._link,
            self._way,
            data=self._data,
        )
        self._flash = FlashWatch(
            journal,
            self._status,
            log,
            settings=settings.journal,
            timekeeper=timekeeper,
            reporter=self._security.reporter,
            kernel_boot_id=timekeeper.boot.kernel_boot_id,
        )
        self._status.wear = self._flash.state
        self._upkeep = Upkeep(journal, settings.journal, timekeeper, functools.partial(free_bytes, path))

    def _make_uplink(self) -> tuple[ModemUplink | None, ModemUplink | HostUplink]:
        settings, timekeeper = self._settings, self._timekeeper
        ahead = timedelta(hours=settings.uplink.prefetch_h)
        memory = LinkMemory(self._journal, timekeeper, time_zone(settings.time.zone), ahead)

        def is_charging() -> bool:
            return any(evse.charging.transaction for evse in self._evses.values())

        if not self._hardware.modem:
            return None, HostUplink(settings.uplink, timekeeper, memory, is_charging)
        uplink = ModemUplink(
            self._hardware.modem,
            settings.uplink,
            timekeeper,
            memory,
            accesses=(settings.modem.apn, *settings.modem.fallback_apns),
            is_charging=is_charging,
        )
        return uplink, uplink

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
            traffic=self._traffic,
            compression_bits=settings.data.compression_bits,
        )

    async def _make_evses(self) -> None:
        authorizer = Authorizer(
            self._journal.tokens,
            self._link,
            self._dialect,
            self._configuration,
            self._timekeeper,
            conflict=self._news.tell_conflict,
            timeout_s=self._settings.csms.authorize_timeout_s,
        )
        news = self._news
        outlets = Outlets(news.tell_status, news.tell_sample, self._link.wake, self._cards.decide, news.tell_expired)
        maker = EvseMaker(
            self._settings,
            self._hardware,
            journal=self._journal,
            timekeeper=self._timekeeper,
            configuration=self._configuration,
            dialect=self._dialect,
            authorizer=authorizer,
            outlets=outlets,
            profiles=self._profiles,
            limits=self._limits,
        )
        self._evses.update(await maker.make())
        boards = [devices.board.capabilities for devices in self._hardware.evses.values()]
        fix_keys(self._configuration, boards, [evse.charging.rules for evse in self._evses.values()])

    async def run(self, stop: asyncio.Event) -> None:
        """Run until `stop` is set or the central system resets us."""
        await self._make_evses()
        self._problems = await load_problems(self._journal, self._dialect, self._timekeeper, self._link)
        self._boot_reason = await self._restart.boot_reason()
        await self._find_routes()
        await self._data.load()
        security, renewal = await self._security.start(self._link, lambda: self._way.memory.is_good_moment)
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
                reset=self._restart.reset,
                reset_when_idle=self._restart.reset_when_idle,
                availability_changed=self._news.tell_whole,
            )
        )
        table = make_handlers(self._dialect.version, self._operations)
        if monitoring := make_monitoring(self._dialect.version, self._operations):
            await monitoring.load()
            table |= monitoring.table
        self._requests = CsmsRequests(table)
        operative = await self._journal.value(f"{OPERATIVE_PREFIX}0")
        self._news.tell_whole(operative in (None, "True"))
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
            jobs += [self._link.run(), keep_time(self._timekeeper), self._status.run(), self._service().run()]
            jobs += [
                self._data.run(),
                self._upkeep.run(),
                self._backlog_reporter().run(),
                self._problems.run(),
                self._flash.run(),
            ]
            jobs += [renewal.run(), self._restart.run(), firmware.run(), logs.run()]
            jobs += self._local_jobs()
            if "NTP" in self._configuration.texts("TimeSource"):
                jobs.append(watch_ntp(self._timekeeper))
            jobs.append(self._way.run())
            if monitoring:
                jobs += [monitoring.watch(), monitoring.tell()]
            if self._settings.status_page.listen:
                jobs.append(self._status_page().run())
            tasks = [group.create_task(job) for job in jobs]
            await self._restart.until_stopped(stop)
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
            memory=self._way.memory,
            evses=self._evses,
            log=self._log,
            state=self._status.state,
            count=lambda size: self._traffic.add(size, Traffic.FILES),
        )
        firmware, logs = files.firmware(lambda: self._restart.reset(StopReason.REBOOT)), files.logs()
        await firmware.load()
        await logs.load()
        if firmware.begins_new_version:
            self._boot_reason = BootReason.FIRMWARE_UPDATE
        return firmware, logs

    def _local_jobs(self) -> list[Coroutine[object, object, None]]:
        """Give the jobs around the site's limit and the local broker."""
        self._limits.on_news = self._news.tell_limit
        return local_jobs(self._settings, self._hardware.lines, self._limits, self._timekeeper.clock, self._tell_broker)

    async def _tell_broker(self) -> StationFacts:
        backlog = await self._journal.backlog()
        signal = self._uplink.network.signal_dbm if self._uplink else None
        facts = [evse_facts(evse) for evse in self._evses.values()]
        return StationFacts(tuple(facts), signal, backlog.pending, self._link.is_online)

    def _backlog_reporter(self) -> BacklogReporter:
        return BacklogReporter(
            self._journal, self._courier, self._link, self._dialect, self._timekeeper, budget=self._data.budget_now
        )

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
            state=self._status.state,
            change_key=self._operations.change_key,
            restart=self._restart.at_once,
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

    async def _run_reader(self, reader: TagReader, evse_ids: Iterable[EvseId]) -> None:
        evses = {evse_id: self._evses[evse_id] for evse_id in evse_ids}
        async for token in reader.tags():
            _LOG.info("card_shown", token=token)
            self._cards.show(token, self._timekeeper.clock.uptime())
            if meant := meant_evse(token, (evse.charging for evse in evses.values())):
                evses[meant.evse_id].tell(TagPresented(token))

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
                configuration = await make_configuration(settings, journal)
                await fill_list(settings, journal)
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
