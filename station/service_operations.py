"""What can be asked of the running agent through its service socket: a table of operations.

Those that look answer from memory. Those that do something dangerous refuse while somebody charges.
Arguments are checked here: the other end may be anything. Results are JSON; times are seconds ago, energies Wh.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version

from hardware.api import EvseBoard, Meter
from hardware.errors import HardwareError
from hardware.rfid.presence import is_random
from shared.ids import EvseId, IdToken
from shared.log import Log
from shared.ocpp.v16 import ID_TAG_LENGTH
from station.bus_lending import evses_on, lent_bus
from station.core.authorize import ACCEPTED, TokenInfo
from station.core.configuration import KEYS, ChangeStatus, Configuration
from station.core.recent_cards import RecentCards
from station.devices import Hardware
from station.errors import ServiceError
from station.evse_task import EvseTask
from station.journal import Journal
from station.log_ring import LogRing
from station.service import Loan, Operation
from station.service_client import NOT_ASKING, Facts
from station.settings import StationSettings
from station.status_file import State
from station.timekeeper import Timekeeper
from station.uplink import ModemUplink

ENROLLED_PREFIX = "enrolled."
"""Names of the cards in the journal that a technician has put into the local list."""

CLOSE_S = 10.0
"""A contactor closes in some 20 ms; boards wait for the vehicle's state to be stable."""
OPEN_S = 5.0
WATCH_S = 0.1
NOW_S = 8.0
"""The modem is asked for its signal no longer than this."""

_LOG = Log("station.service")


@dataclass(frozen=True, slots=True)
class Inside:
    """What the operations work on. `restart` ends the program to be started anew."""

    settings: StationSettings
    hardware: Hardware
    evses: Mapping[EvseId, EvseTask]
    journal: Journal
    timekeeper: Timekeeper
    configuration: Configuration
    uplink: ModemUplink | None
    cards: RecentCards
    log: LogRing
    state: Callable[[], State]
    change_key: Callable[[str, str], Awaitable[ChangeStatus]]
    restart: Callable[[], None]


class ServiceOperations:
    """See the module; `table` and `loans` are what station.service serves."""

    def __init__(self, inside: Inside) -> None:
        self._inside = inside
        self.table: dict[str, Operation] = {
            "version": self._version,
            "status": self._status,
            "log": self._log,
            "modem": self._modem,
            "meters": self._meters,
            "evse": self._evse,
            "test_contactor": self._test_contactor,
            "test_rcd": self._test_rcd,
            "self_test": self._self_test,
            "clear_fault": self._clear_fault,
            "ledger": self._ledger,
            "cards": self._cards,
            "enrol": self._enrol,
            "forget": self._forget,
            "keys": self._keys,
            "set_key": self._set_key,
            "restart": self._restart,
        }
        self.loans: dict[str, Loan] = {"lend_bus": self._lend_bus}

    async def _version(self, _arguments: Facts) -> Facts:
        identity = self._inside.settings.identity
        return {"emops": version("emops"), "charge_point_id": identity.charge_point_id, "serial": identity.serial}

    async def _status(self, _arguments: Facts) -> Facts:
        backlog = await self._inside.journal.backlog()
        now = self._inside.timekeeper.now()
        return {
            **self._inside.state(),
            "running": True,
            "utc": f"{now.utc:%Y-%m-%dT%H:%M:%SZ}",
            "pending": backlog.pending,
            "parked": backlog.parked,
            "parked_charges": backlog.sessions,
        }

    async def _ledger(self, _arguments: Facts) -> Facts:
        backlog = await self._inside.journal.backlog()
        oldest_s = (self._inside.timekeeper.now().utc - backlog.oldest).total_seconds() if backlog.oldest else None
        return {"pending": backlog.pending, "parked": backlog.parked, "oldest_s": oldest_s}

    async def _log(self, arguments: Facts) -> Facts:
        log = self._inside.log
        limit = _number(arguments, "limit", 200, 0, 2000)
        words = _text(arguments, "words", "")
        return {"last": log.last, "lines": log.after(_number(arguments, "after", 0, 0, 1 << 62), limit, words)}

    async def _modem(self, arguments: Facts) -> Facts:
        uplink, modem = self._inside.uplink, self._inside.hardware.modem
        if uplink is None or modem is None:
            raise ServiceError("this station has no modem: uplink.bearer is host")
        network = uplink.network
        if arguments.get("now") and not uplink.trouble:
            async with _within(NOW_S, "the modem"):
                network = await modem.network()
        return {
            "trouble": uplink.trouble,
            "registration": network.registration,
            "operator": network.operator,
            "signal_dbm": network.signal_dbm,
        }

    async def _meters(self, arguments: Facts) -> Facts:
        identify = bool(arguments.get("identify"))
        meters = [await self._meter(evse_id, task, identify) for evse_id, task in self._inside.evses.items()]
        buses = [
            {"bus": name, "address": address, **asdict(statistics)}
            for name, line in self._inside.hardware.lines.items()
            for address, statistics in line.all_statistics().items()
        ]
        return {"meters": meters, "buses": buses}

    async def _meter(self, evse_id: EvseId, task: EvseTask, identify: bool) -> Facts:
        reading = task.charging.reading
        facts: Facts = {"evse": evse_id, "energy_wh": None, "age_s": None, "power_w": None}
        if reading:
            facts |= {
                "energy_wh": reading.energy_import,
                "power_w": reading.power,
                "currents_ma": reading.currents,
                "voltages_mv": reading.voltages,
                "age_s": self._inside.timekeeper.clock.uptime() - task.read_at,
            }
        if identify:
            async with _within(NOW_S, "the meter"):
                facts |= asdict(await self._inside.hardware.evses[evse_id].meter.identify())
        return facts

    async def _evse(self, _arguments: Facts) -> Facts:
        return {"evses": [self._evse_facts(evse_id, task) for evse_id, task in self._inside.evses.items()]}

    def _evse_facts(self, evse_id: EvseId, task: EvseTask) -> Facts:
        charging, board = task.charging, task.charging.board
        transaction = charging.transaction
        facts: Facts = {
            "id": evse_id,
            "status": charging.status,
            "blocked_by": charging.blocked_by,
            "limit": charging.limit_text,
            "faults": sorted(charging.faults),
            "transaction": transaction.started.key if transaction else "",
            "charged_wh": transaction.register - transaction.started.meter.reading.energy_import if transaction else 0,
            "board": None,
            "capabilities": asdict(self._inside.hardware.evses[evse_id].board.capabilities),
        }
        if board:
            facts["board"] = {**asdict(board), "faults": sorted(board.faults)}
        return facts

    async def _test_contactor(self, arguments: Facts) -> Facts:
        task = self._task(arguments)
        result = await task.lend(_contactor_test)
        _LOG.info("contactor_tested", evse=task.charging.evse_id, **result)
        return result

    async def _test_rcd(self, arguments: Facts) -> Facts:
        async def test(board: EvseBoard, _meter: Meter) -> None:
            await board.test_rcd()

        task = self._task(arguments)
        try:
            await task.lend(test)
        except HardwareError as error:
            _LOG.warning("rcd_tested", evse=task.charging.evse_id, passed=False, reason=error)
            raise
        _LOG.info("rcd_tested", evse=task.charging.evse_id, passed=True)
        return {"passed": True}

    async def _self_test(self, arguments: Facts) -> Facts:
        result = await self._task(arguments).repeat_self_test()
        return {"passed": result.passed, "checks": [asdict(check) for check in result.checks]}

    async def _clear_fault(self, arguments: Facts) -> Facts:
        return {"cleared": sorted(self._task(arguments).clear_fault())}

    async def _cards(self, _arguments: Facts) -> Facts:
        now, tokens = self._inside.timekeeper.clock.uptime(), self._inside.journal.tokens
        return {
            "shown": [
                {
                    "token": card.token.value,
                    "age_s": now - card.shown_at,
                    "known": (await tokens.known(card.token)).in_list is not None,
                    "accepted": card.accepted,
                    "reason": card.reason,
                    "changes": is_random(card.token.value),
                }
                for card in self._inside.cards.newest()
            ]
        }

    async def _enrol(self, arguments: Facts) -> Facts:
        token = _token(arguments)
        await self._inside.journal.set_value(f"{ENROLLED_PREFIX}{token.value}", ACCEPTED)
        tokens = self._inside.journal.tokens
        await tokens.update_list(await tokens.list_version(), [(token, TokenInfo(ACCEPTED))], replace=False)
        _LOG.info("card_enrolled", token=token)
        return {}

    async def _forget(self, arguments: Facts) -> Facts:
        token = _token(arguments)
        tokens = self._inside.journal.tokens
        if (await tokens.known(token)).in_list is None:
            raise ServiceError("this card is not in the local list")
        await self._inside.journal.set_value(f"{ENROLLED_PREFIX}{token.value}", "")
        await tokens.update_list(await tokens.list_version(), [(token, None)], replace=False)
        _LOG.info("card_forgotten", token=token)
        return {"returns": any(entry.token() == token for entry in self._inside.settings.local_list)}

    async def _keys(self, _arguments: Facts) -> Facts:
        configuration = self._inside.configuration
        return {
            "keys": [
                {
                    "name": key.name,
                    "value": configuration.text(key.name),
                    "unit": key.unit,
                    "help": key.help,
                    "writable": not configuration.is_read_only(key.name),
                }
                for key in KEYS
                if key.name in configuration.names()
            ]
        }

    async def _set_key(self, arguments: Facts) -> Facts:
        name, value = _text(arguments, "name"), _text(arguments, "value")
        status = await self._inside.change_key(name, value)
        match status:
            case ChangeStatus.NOT_SUPPORTED:
                raise ServiceError(f"there is no key {name}: keys lists them")
            case ChangeStatus.REJECTED:
                raise ServiceError(f"{name} can't become {value!r}: it is read-only or out of range, keys tells")
        _LOG.info("key_changed", key=name, value=value, by="service")
        return {"needs_restart": status is ChangeStatus.REBOOT_REQUIRED}

    async def _restart(self, _arguments: Facts) -> Facts:
        for evse_id, task in self._inside.evses.items():
            if task.charging.transaction:
                raise ServiceError(f"EVSE {evse_id} is charging: wait until it has ended, or end it first")
        # Only when the answer has left.
        asyncio.get_running_loop().call_later(0.5, self._inside.restart)
        return {}

    @asynccontextmanager
    async def _lend_bus(self, arguments: Facts) -> AsyncIterator[Facts]:
        inside, bus = self._inside, _text(arguments, "bus")
        users = evses_on(bus, inside.settings)
        async with lent_bus(bus, inside.hardware.lines, inside.evses, users):
            yield {"evses": list(users)}

    def _task(self, arguments: Facts) -> EvseTask:
        numbers = list(self._inside.evses)
        number = _number(arguments, "evse", numbers[0] if len(numbers) == 1 else 0, 0, 99)
        task = self._inside.evses.get(EvseId(number))
        if task is None:
            raise ServiceError(f"there is no EVSE {number}; there are: {', '.join(map(str, numbers))}")
        return task


async def _contactor_test(board: EvseBoard, meter: Meter) -> Facts:
    """Close the contactor and open it again, with a vehicle or test adapter that asks for energy (state C)."""
    before = await meter.read()
    status = await board.status()
    if status.pilot not in "CD":
        raise ServiceError(NOT_ASKING)
    await board.allow(board.capabilities.minimum_a)
    closed_s = await _until(board, True, CLOSE_S)
    await board.stop()
    opened_s = await _until(board, False, OPEN_S)
    after = await meter.read()
    return {
        "closed_s": closed_s,
        "opened_s": opened_s,
        "passed": closed_s is not None and opened_s is not None,
        "feedback": board.capabilities.weld_feedback,
        "energy_wh": after.energy_import - before.energy_import,
    }


async def _until(board: EvseBoard, closed: bool, for_s: float) -> float | None:
    """Wait until the contactor is closed or open and give the seconds that it took, None if it never was."""
    loop = asyncio.get_running_loop()
    begin = loop.time()
    while loop.time() < begin + for_s:
        if (await board.status()).contactor_closed is closed:
            return round(loop.time() - begin, 2)
        await asyncio.sleep(WATCH_S)
    return None


@asynccontextmanager
async def _within(seconds: float, who: str) -> AsyncIterator[None]:
    """Limit a wait; the error names who did not answer."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as error:
        raise ServiceError(f"{who} did not answer in time: try again") from error


def _number(arguments: Facts, name: str, default: int, low: int, high: int) -> int:
    value = arguments.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise ServiceError(f"{name} must be a whole number from {low} to {high}")
    return value


def _text(arguments: Facts, name: str, default: str | None = None) -> str:
    value = arguments.get(name, default)
    if not isinstance(value, str):
        raise ServiceError(f"{name} must be a text")
    return value


def _token(arguments: Facts) -> IdToken:
    try:
        return IdToken.parse(_text(arguments, "token"), ID_TAG_LENGTH)
    except ValueError as error:
        raise ServiceError(f"token: {error}") from error
