"""One Modbus line with its devices: RTU on a serial port, TCP, or RTU over TCP.

What this adds to a connection, because a bus of meters taught it to others:
- one request at a time on the line, in the order of `Priority`;
- silence between frames, and a rest for each device: the line needs 3.5 characters, a meter may need 100 ms before it
  listens again. Other devices are asked meanwhile, so a rest costs no time on a full line;
- a try that failed is followed by a pause for its device: a late RTU answer names neither its register nor its request,
  so it must have come and gone before the next request, or it would be taken for the answer to that one;
- a port or gateway that vanished is opened again with the next request;
- a loss is logged once and its recovery once, never once per poll, and a device that comes and goes only now and then;
- it can be lent: then its port is closed for somebody else to open, and every request fails at once.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from hardware import modbus_client
from hardware.bus import Direction, Endpoint, Failure, Framing, Priority, Statistics, Transport
from hardware.errors import DeviceError, LinkError, PortError
from hardware.modbus_client import Answer, Connection, Request
from hardware.turns import Turns
from shared.log import Log

TIMEOUT_S = 0.6
"""From the end of a request to the begin of its answer. Some meters need more than 300 ms; 600 ms was found enough."""

REST_S = 0.1
"""Silence for one device after its answer. openWB keeps it for Eastron meters, which miss requests that come sooner."""

TRIES = 3
"""A bad frame is no fault: they come when the contactor switches."""

LOSS_LOG_S = 600.0
"""A device that comes and goes is told of so often at most: lines per poll have worn out memory cards."""

_EXCEPTIONS = {
    1: "it does not know this function",
    2: "it has no such register",
    3: "it does not accept this value or length",
    4: "it failed inside",
    5: "it is still working",
    6: "it is busy",
}
"""Modbus Application Protocol V1.1b3 §7."""

_REASONS = {
    Failure.SILENT: "no answer",
    Failure.BROKEN: "broken answers",
    Failure.UNFIT: "answers to another question",
    Failure.BUSY: "nothing but patience asked",
}

_FRAME_BYTES = 8
"""A request, and the rest of an answer around its data, with a byte to spare."""


@dataclass(slots=True)
class _Device:
    framing: Framing
    statistics: Statistics = Statistics()
    rests_until: float = 0.0
    """Loop time before which it is not asked."""
    late_until: float = 0.0
    """Loop time before which an answer to an earlier request may still come."""
    lost: bool = False
    told: bool = False
    """Whether the loss stands in the log."""
    tell_from: float = 0.0
    """Loop time from which the next loss is worth a line."""


class ModbusLine:
    """A line with Modbus devices. Any task may call; each call has the line for itself.

    Cancelling any call is safe: the next one to the same device waits until the answer would have come.
    """

    def __init__(
        self,
        port: str,
        baud: int = 9600,
        *,
        parity: str = "N",
        stop_bits: int = 1,
        direction: Direction = Direction.AUTO,
        timeout_s: float = TIMEOUT_S,
        gap_s: float | None = None,
        rest_s: float = REST_S,
        tries: int = TRIES,
        setting: str = "port",
    ) -> None:
        """Describe the line. Nothing is opened before the first request.

        Args:
            port: device file, `tcp://host:port`, or `rtu+tcp://host:port`.
            baud: bits per second; behind a gateway it tells how long frames take.
            parity: `N`, `E` or `O`.
            stop_bits: 1 or 2.
            direction: who switches the RS-485 transceiver to sending.
            timeout_s: time for one answer to begin, s; what its bytes take on the wire is added.
            gap_s: silence between frames, s; None = what the baud rate asks for.
            rest_s: silence for each device after its answer, s.
            tries: how often a request is sent before LinkError.
            setting: name of the setting that holds the port, for the texts of errors.

        Raises:
            ValueError: `port` names no line.
        """
        self._port, self._endpoint, self._setting = port, Endpoint.parse(port), setting
        self._framing, self._direction = Framing(baud, parity, stop_bits), direction
        self._timeout_s, self._gap_s, self._rest_s, self._tries = timeout_s, gap_s, rest_s, tries
        self._turns = Turns()
        self._connection: Connection | None = None
        self._free_at = 0.0
        self._port_lost = self._is_lent = False
        self._devices: dict[int, _Device] = {}
        self._log = Log(__name__)

    @property
    def port(self) -> str:
        """Where the line is, as in the settings."""
        return self._port

    @property
    def framing(self) -> Framing:
        """How devices frame their bytes that have no framing of their own."""
        return self._framing

    def set_framing(self, address: int, framing: Framing) -> None:
        """Let a device have another framing than the line; the port is opened anew each time the framing changes.

        It works where the devices of each framing take the frames of the others for noise, as the standard asks.
        """
        self._device(address).framing = framing

    async def read_input(
        self, address: int, register: int, count: int, *, priority: Priority = Priority.BILLING
    ) -> tuple[int, ...]:
        """Read input registers (function 4), as `count` words.

        Args:
            address: of the device, 1 to 247; behind a TCP gateway also 0 and 255.
            register: first register, 0-based as on the wire.
            count: number of registers, 1 to 125.
            priority: who goes first.

        Raises:
            PortError: the port is missing or went away, or the gateway can't be reached.
            LinkError: no good answer after all tries.
            DeviceError: the device refuses.
        """
        return tuple((await self._ask(modbus_client.read_words(4, address, register, count), priority)).registers)

    async def read_holding(
        self, address: int, register: int, count: int, *, priority: Priority = Priority.BILLING
    ) -> tuple[int, ...]:
        """Read holding registers (function 3). See `read_input`."""
        return tuple((await self._ask(modbus_client.read_words(3, address, register, count), priority)).registers)

    async def read_coils(
        self, address: int, coil: int, count: int, *, priority: Priority = Priority.BILLING
    ) -> tuple[bool, ...]:
        """Read coils (function 1), `count` of 1 to 2000. See `read_input`."""
        return tuple((await self._ask(modbus_client.read_bits(1, address, coil, count), priority)).bits[:count])

    async def read_discrete(
        self, address: int, first: int, count: int, *, priority: Priority = Priority.BILLING
    ) -> tuple[bool, ...]:
        """Read discrete inputs (function 2), `count` of 1 to 2000. See `read_input`."""
        return tuple((await self._ask(modbus_client.read_bits(2, address, first, count), priority)).bits[:count])

    async def write_register(
        self, address: int, register: int, value: int, *, priority: Priority = Priority.BILLING
    ) -> None:
        """Write one holding register (function 6), 0 to 65535. It may be written more than once. See `read_input`."""
        await self._ask(modbus_client.write_register(address, register, value), priority)

    async def write_registers(
        self, address: int, register: int, values: list[int], *, priority: Priority = Priority.BILLING
    ) -> None:
        """Write several holding registers (function 16), 1 to 123. They may be written more than once."""
        await self._ask(modbus_client.write_registers(address, register, values), priority)

    async def write_coil(self, address: int, coil: int, value: bool, *, priority: Priority = Priority.BILLING) -> None:
        """Write one coil (function 5). It may be written more than once. See `read_input`."""
        await self._ask(modbus_client.write_coil(address, coil, value), priority)

    def statistics(self, address: int) -> Statistics:
        """Tell how the requests to a device went since the start."""
        device = self._devices.get(address)
        return device.statistics if device else Statistics()

    def all_statistics(self) -> Mapping[int, Statistics]:
        """Tell how the requests to all devices went, by address."""
        return {address: device.statistics for address, device in sorted(self._devices.items())}

    def close(self) -> None:
        """Give the port back. A later request opens it again."""
        if self._connection:
            self._connection.close()
            self._connection = None

    async def lend(self) -> None:
        """Close the port for somebody else, after the request under way; until `take_back` all requests fail."""
        await self._turns.acquire(Priority.TELEMETRY)
        self._is_lent = True
        self.close()
        self._turns.release()

    def take_back(self) -> None:
        """Use the line again. Whoever had it has closed the port."""
        self._is_lent = False

    async def _ask(self, request: Request, priority: Priority) -> Answer:
        address = request.address
        device = self._device(address)
        patience_s = self._timeout_s + device.framing.wire_s(2 * _FRAME_BYTES + request.data_bytes)
        failure = Failure.SILENT
        for _ in range(self._tries):
            answer = await self._try(device, request, priority, patience_s)
            if isinstance(answer, Failure):
                failure = answer
                device.statistics = device.statistics.failed(failure)
                continue
            self._answered(device, address)
            code = modbus_client.refusal(answer)
            if code is not None:
                raise DeviceError(
                    f"Modbus address {address} on {self._port} refuses the {request.what}: "
                    f"{_EXCEPTIONS.get(code, f'exception {code}')}. Check the configured model"
                )
            return answer
        if self._endpoint.transport is not Transport.SERIAL:
            self.close()  # a TCP connection may be half dead without a sign; a new one is cheap
        raise LinkError(self._lost(device, address, _REASONS[failure]))

    async def _try(self, device: _Device, request: Request, priority: Priority, patience_s: float) -> Answer | Failure:
        """Send once and wait for the answer."""
        loop = asyncio.get_running_loop()
        await self._take_turn(device, request, priority)
        try:
            connection = await self._open(device.framing)
            await asyncio.sleep(max(0.0, self._free_at - loop.time()))
            device.statistics = device.statistics.asked()
            begin, late_until = loop.time(), device.late_until
            # Set before sending, because we may be cancelled while waiting.
            device.late_until = begin + 2 * patience_s
            try:
                answer = await connection.ask(request, patience_s)
            finally:
                self._free_at = loop.time() + self._gap(device.framing)
            if isinstance(answer, Failure) and not connection.is_open:
                raise self._port_gone()
            device.rests_until = loop.time() + self._rest_s
            # Without the right answer, it may still come.
            may_come = isinstance(answer, Failure) and answer is not Failure.BUSY
            device.late_until = loop.time() + patience_s if may_come else late_until
            if not isinstance(answer, Failure):
                refused = modbus_client.refusal(answer) is not None
                device.statistics = device.statistics.answered(loop.time() - begin, refused=refused)
            return answer
        finally:
            self._turns.release()

    async def _take_turn(self, device: _Device, request: Request, priority: Priority) -> None:
        """Wait for the line, and for the device to have rested. Others use the line meanwhile.

        Nor is it read before a late answer has come and gone. A write does not wait for that: an answer to something
        else is not taken for its own, and it may be the one that opens a contactor.
        """
        loop = asyncio.get_running_loop()
        while True:
            await self._turns.acquire(priority)
            ready = device.rests_until if request.is_write else max(device.rests_until, device.late_until)
            pause = ready - loop.time()
            if pause <= 0:
                return
            self._turns.release()
            await asyncio.sleep(pause)

    def _device(self, address: int) -> _Device:
        return self._devices.setdefault(address, _Device(self._framing))

    def _gap(self, framing: Framing) -> float:
        if self._gap_s is not None:
            return self._gap_s
        return 0.0 if self._endpoint.transport is Transport.TCP else framing.gap_s()

    async def _open(self, framing: Framing) -> Connection:
        if self._is_lent:
            raise PortError(f"{self._port} is lent to a technician's tool: wait until that has ended")
        now = self._connection
        if now and now.is_open and (now.framing == framing or self._endpoint.transport is not Transport.SERIAL):
            return now
        self.close()
        try:
            self._connection = await Connection.open(self._endpoint, framing, self._direction, self._setting)
        except PortError as error:
            self._log_port_lost(str(error))
            raise
        if self._port_lost:
            self._port_lost = False
            self._log.info("modbus_port_is_back", port=self._port)
        return self._connection

    def _port_gone(self) -> PortError:
        self.close()
        error = modbus_client.gone(self._endpoint, self._setting)
        self._log_port_lost(str(error))
        return error

    def _log_port_lost(self, text: str) -> None:
        if not self._port_lost:
            self._port_lost = True
            self._log.warning("modbus_port_lost", port=self._port, reason=text)

    def _lost(self, device: _Device, address: int, reason: str) -> str:
        if any(not other.lost and other.statistics.answers for other in self._devices.values() if other is not device):
            advice = f"others on this line answer, so check this device's address ({address}), supply and wires"
        else:
            advice = "swap A and B, then check address, baud rate and parity, and the supply"
        text = f"{reason} from Modbus address {address} on {self._port} at {device.framing}: {advice}"
        now = asyncio.get_running_loop().time()
        if not device.lost and now >= device.tell_from:
            device.told, device.tell_from = True, now + LOSS_LOG_S
            self._log.warning("modbus_device_lost", port=self._port, address=address, reason=text)
        device.lost = True
        return text

    def _answered(self, device: _Device, address: int) -> None:
        if device.told:
            self._log.info("modbus_device_is_back", port=self._port, address=address)
        device.lost = device.told = False
