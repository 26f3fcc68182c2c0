"""One RS-485 line with its Modbus RTU devices. The only module that imports pymodbus: its names change between minors.

What this adds to pymodbus, because a bus of meters taught it to others:
- one request at a time on the line, silence between frames, the EVSE board before the meter;
- a try that failed is followed by a pause for its device: a late answer names neither its register nor its request, so
  it must have come and gone before the next request, or it would be taken for the answer to that one;
- a port that vanished is opened again with the next request;
- a loss is logged once and its recovery once, never once per poll.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from pymodbus import ModbusException
from pymodbus.client import AsyncModbusSerialClient
from pymodbus.pdu import ExceptionResponse, ModbusPDU

from hardware.errors import DeviceError, LinkError, PortError
from hardware.serial_port import SerialPort
from shared.log import Log

TIMEOUT_S = 0.6
"""Some meters need more than 300 ms for a long block; 600 ms was found enough."""

GAP_S = 0.1
"""Silence between frames. The standard asks for 3.5 characters; meters in the field need more."""

TRIES = 3
"""A bad frame is no fault: they come when the contactor switches."""

_EXCEPTIONS = {
    1: "it does not know this function",
    2: "it has no such register",
    3: "it does not accept this value or length",
    4: "it failed inside",
    5: "it is still working",
    6: "it is busy",
}
"""Modbus Application Protocol V1.1b3 §7."""

_BUSY = frozenset({5, 6})


@dataclass(frozen=True, slots=True)
class Statistics:
    """What became of the requests to one device: `errors` counts the tries without a good answer."""

    requests: int = 0
    errors: int = 0


@dataclass(slots=True)
class _Device:
    statistics: Statistics = Statistics()
    quiet_until: float = 0.0
    """Loop time before which an answer to an earlier request may still come."""
    lost: bool = False


class ModbusLine:
    """A serial port with Modbus RTU devices. Any task may call; each call has the line for itself.

    Cancelling any call is safe: the next one to the same device waits until the answer would have come.
    """

    def __init__(
        self,
        port: str,
        baud: int,
        *,
        parity: str = "N",
        timeout_s: float = TIMEOUT_S,
        gap_s: float = GAP_S,
        tries: int = TRIES,
        setting: str = "port",
    ) -> None:
        """Describe the line. Nothing is opened before the first request.

        Args:
            port: device file.
            baud: bits per second.
            parity: `N`, `E` or `O`.
            timeout_s: time for one answer, s.
            gap_s: silence between frames, s.
            tries: how often a request is sent before LinkError.
            setting: name of the setting that holds the port, for the texts of errors.
        """
        self._port, self._baud, self._parity, self._setting = port, baud, parity, setting
        self._timeout_s, self._gap_s, self._tries = timeout_s, gap_s, tries
        self._turns = _Turns()
        self._client: AsyncModbusSerialClient | None = None
        self._free_at = 0.0
        self._port_lost = False
        self._devices: dict[int, _Device] = {}
        self._log = Log(__name__)
        # pymodbus writes an error line per lost answer; this class logs losses itself, once.
        logging.getLogger("pymodbus").setLevel(logging.CRITICAL)

    async def read_input(self, address: int, register: int, count: int, *, urgent: bool = False) -> tuple[int, ...]:
        """Read input registers (function 4), as `count` words.

        Args:
            address: of the device, 1 to 247.
            register: first register, 0-based as on the wire.
            count: number of registers, 1 to 125.
            urgent: go before all that wait and are not urgent.

        Raises:
            PortError: the port is missing or went away.
            LinkError: no good answer after all tries.
            DeviceError: the device refuses.
        """
        return await self._read(
            address,
            register,
            count,
            urgent,
            lambda client: client.read_input_registers(register, count=count, device_id=address),
        )

    async def read_holding(self, address: int, register: int, count: int, *, urgent: bool = False) -> tuple[int, ...]:
        """Read holding registers (function 3). See `read_input`."""
        return await self._read(
            address,
            register,
            count,
            urgent,
            lambda client: client.read_holding_registers(register, count=count, device_id=address),
        )

    async def write_register(self, address: int, register: int, value: int, *, urgent: bool = False) -> None:
        """Write one holding register (function 6), 0 to 65535. It may be written more than once. See `read_input`."""

        def echoes(answer: ModbusPDU) -> bool:
            return answer.function_code == 6 and answer.address == register and list(answer.registers) == [value]

        await self._ask(
            address,
            f"write of register {register}",
            lambda client: client.write_register(register, value, device_id=address),
            echoes,
            urgent,
        )

    def statistics(self, address: int) -> Statistics:
        """Tell how the requests to a device went since the start."""
        device = self._devices.get(address)
        return device.statistics if device else Statistics()

    def close(self) -> None:
        """Give the port back. A later request opens it again."""
        if self._client:
            self._client.close()
            self._client = None

    async def _read(self, address: int, register: int, count: int, urgent: bool, send: "_Send") -> tuple[int, ...]:
        # An answer carries neither its register nor its request: its length is all that can be checked.
        answer = await self._ask(
            address, f"read of register {register}", send, lambda answer: len(answer.registers) == count, urgent
        )
        return tuple(answer.registers)

    async def _ask(
        self, address: int, what: str, send: "_Send", fits: Callable[[ModbusPDU], bool], urgent: bool
    ) -> ModbusPDU:
        device = self._devices.setdefault(address, _Device())
        reason = "no answer"
        for _ in range(self._tries):
            answer = await self._try(device, send, urgent)
            if answer is None:
                reason = "no answer"
            elif isinstance(answer, ExceptionResponse):
                reason = _EXCEPTIONS.get(answer.exception_code, f"exception {answer.exception_code}")
                if answer.exception_code not in _BUSY:
                    self._answered(device, address)
                    raise DeviceError(
                        f"Modbus address {address} on {self._port} refuses the {what}: {reason}. "
                        "Check the configured model"
                    )
            elif fits(answer):
                self._answered(device, address)
                return answer
            else:
                reason = "an answer of the wrong length"
            device.statistics = replace(device.statistics, errors=device.statistics.errors + 1)
        raise LinkError(self._lost(device, address, reason))

    async def _try(self, device: _Device, send: "_Send", urgent: bool) -> ModbusPDU | None:
        """Send once; None if there was no answer."""
        loop = asyncio.get_running_loop()
        await self._take_turn(device, urgent)
        try:
            client = await self._open()
            await asyncio.sleep(max(0.0, self._free_at - loop.time()))
            device.statistics = replace(device.statistics, requests=device.statistics.requests + 1)
            # Set before sending, because we may be cancelled while waiting.
            device.quiet_until = loop.time() + 2 * self._timeout_s
            try:
                answer = await send(client)
            except ModbusException:
                if not client.connected:
                    raise self._port_gone() from None
                device.quiet_until = loop.time() + self._timeout_s
                return None
            finally:
                self._free_at = loop.time() + self._gap_s
            device.quiet_until = 0.0
            return answer
        finally:
            self._turns.release()

    async def _take_turn(self, device: _Device, urgent: bool) -> None:
        """Wait for the line, and for the device to have said what it had to say. Others use the line meanwhile."""
        loop = asyncio.get_running_loop()
        while True:
            await self._turns.acquire(urgent=urgent)
            pause = device.quiet_until - loop.time()
            if pause <= 0:
                return
            self._turns.release()
            await asyncio.sleep(pause)

    async def _open(self) -> AsyncModbusSerialClient:
        if self._client and self._client.connected:
            return self._client
        self.close()
        try:
            # Only to learn what is wrong: pymodbus tells no more than that it failed.
            async with SerialPort.open(self._port, self._baud, parity=self._parity, setting=self._setting):
                pass
        except PortError as error:
            self._log_port_lost(str(error))
            raise
        client = AsyncModbusSerialClient(
            self._port, baudrate=self._baud, parity=self._parity, timeout=self._timeout_s, retries=0, reconnect_delay=0
        )
        if not await client.connect():
            client.close()
            raise self._port_gone()
        self._client = client
        if self._port_lost:
            self._port_lost = False
            self._log.info("modbus_port_is_back", port=self._port)
        return client

    def _port_gone(self) -> PortError:
        self.close()
        text = f"{self._port} went away: check the RS-485 adapter and the setting {self._setting}"
        self._log_port_lost(text)
        return PortError(text)

    def _log_port_lost(self, text: str) -> None:
        if not self._port_lost:
            self._port_lost = True
            self._log.warning("modbus_port_lost", port=self._port, reason=text)

    def _lost(self, device: _Device, address: int, reason: str) -> str:
        if any(not other.lost for other in self._devices.values() if other is not device):
            advice = f"others on this line answer, so check this device's address ({address}), supply and wires"
        else:
            advice = "swap A and B, then check address, baud rate and parity, and the supply"
        frame = f"8{self._parity}1"
        text = f"{reason} from Modbus address {address} on {self._port} at {self._baud} baud {frame}: {advice}"
        if not device.lost:
            device.lost = True
            self._log.warning("modbus_device_lost", port=self._port, address=address, reason=text)
        return text

    def _answered(self, device: _Device, address: int) -> None:
        if device.lost:
            device.lost = False
            self._log.info("modbus_device_is_back", port=self._port, address=address)


_Send = Callable[[AsyncModbusSerialClient], Awaitable[ModbusPDU]]


class _Turns:
    """A lock whose urgent waiters go first."""

    def __init__(self) -> None:
        self._taken = False
        self._urgent: deque[asyncio.Future[None]] = deque()
        self._others: deque[asyncio.Future[None]] = deque()

    async def acquire(self, *, urgent: bool) -> None:
        if not self._taken:
            self._taken = True
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        (self._urgent if urgent else self._others).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():
                self.release()
            raise

    def release(self) -> None:
        for queue in (self._urgent, self._others):
            while queue:
                turn = queue.popleft()
                if not turn.done():
                    turn.set_result(None)
                    return
        self._taken = False
