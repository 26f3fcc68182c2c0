"""One Modbus connection: opened, asked, closed.

The only module that imports pymodbus: its names change between minors.
"""

import asyncio
import logging
import termios
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from pymodbus import FramerType, ModbusException
from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
from pymodbus.pdu import ExceptionResponse, ModbusPDU

from hardware.bus import Direction, Endpoint, Failure, Framing, Transport
from hardware.errors import PortError
from hardware.serial_port import SerialPort, switch_by_rts
from shared.cancelling import cancel_is_kept

Answer = ModbusPDU

CONNECT_S = 5.0
"""For the TCP handshake with a gateway."""

_REFUSED = 0x80
"""Bit of the function in an answer that refuses."""

_BUSY = frozenset({5, 6})
_NO_TARGET = frozenset({10, 11})
"""A gateway answers for a device that doesn't."""

_Client = AsyncModbusSerialClient | AsyncModbusTcpClient


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked, how, which answers belong to it, and how many bytes of data they carry."""

    address: int
    function: int
    what: str
    send: Callable[[_Client], Awaitable[ModbusPDU]]
    fits: Callable[[ModbusPDU], bool]
    data_bytes: int = 2

    @property
    def is_write(self) -> bool:
        """Whether its answer repeats what was asked, so that no other can be taken for it."""
        return self.function in (5, 6, 16)


def read_words(function: int, address: int, register: int, count: int) -> Request:
    """Ask for holding (function 3) or input registers (4)."""

    def send(client: _Client) -> Awaitable[ModbusPDU]:
        read = client.read_holding_registers if function == 3 else client.read_input_registers
        return read(register, count=count, device_id=address)

    # An RTU answer carries neither its register nor its request: function and length are all that can be checked.
    def fits(answer: ModbusPDU) -> bool:
        return answer.function_code == function and len(answer.registers) == count

    return Request(address, function, f"read of register {register}", send, fits, 2 * count)


def read_bits(function: int, address: int, first: int, count: int) -> Request:
    """Ask for coils (function 1) or discrete inputs (2)."""
    whole_bytes = -(-count // 8)

    def send(client: _Client) -> Awaitable[ModbusPDU]:
        read = client.read_coils if function == 1 else client.read_discrete_inputs
        return read(first, count=count, device_id=address)

    def fits(answer: ModbusPDU) -> bool:
        return answer.function_code == function and len(answer.bits) == 8 * whole_bytes

    return Request(address, function, f"read of bit {first}", send, fits, whole_bytes)


def write_register(address: int, register: int, value: int) -> Request:
    """Set one holding register (function 6)."""

    def send(client: _Client) -> Awaitable[ModbusPDU]:
        return client.write_register(register, value, device_id=address)

    def fits(answer: ModbusPDU) -> bool:
        return answer.function_code == 6 and answer.address == register and list(answer.registers) == [value]

    return Request(address, 6, f"write of register {register}", send, fits)


def write_registers(address: int, register: int, values: list[int]) -> Request:
    """Set several holding registers (function 16)."""

    def send(client: _Client) -> Awaitable[ModbusPDU]:
        return client.write_registers(register, values, device_id=address)

    def fits(answer: ModbusPDU) -> bool:
        return (answer.function_code, answer.address, answer.count) == (16, register, len(values))

    return Request(address, 16, f"write of register {register}", send, fits, 2 * len(values))


def write_coil(address: int, coil: int, value: bool) -> Request:
    """Set one coil (function 5)."""

    def send(client: _Client) -> Awaitable[ModbusPDU]:
        return client.write_coil(coil, value, device_id=address)

    def fits(answer: ModbusPDU) -> bool:
        return (answer.function_code, answer.address, list(answer.bits)) == (5, coil, [value])

    return Request(address, 5, f"write of coil {coil}", send, fits)


def refusal(answer: Answer) -> int | None:
    """Tell the exception code of an answer that refuses; None if it doesn't."""
    return answer.exception_code if isinstance(answer, ExceptionResponse) else None


def gone(endpoint: Endpoint, setting: str) -> PortError:
    """Say that a port or gateway went away."""
    if endpoint.transport is Transport.SERIAL:
        return PortError(f"{endpoint.place} went away: check the RS-485 adapter and the setting {setting}")
    return PortError(f"the gateway {endpoint} went away: check it, its network and the setting {setting}")


class Connection:
    """An open serial port or gateway. One request at a time."""

    def __init__(self, endpoint: Endpoint, framing: Framing) -> None:
        self._endpoint, self.framing = endpoint, framing
        self._client: _Client | None = None
        self._heard = False
        # pymodbus writes an error line per lost answer; the line logs losses itself, once.
        logging.getLogger("pymodbus").setLevel(logging.CRITICAL)

    @classmethod
    async def open(cls, endpoint: Endpoint, framing: Framing, direction: Direction, setting: str) -> "Connection":
        """Open it.

        Args:
            endpoint: where.
            framing: of a serial port.
            direction: who switches its transceiver.
            setting: name of the setting that holds the port, for the texts of errors.

        Raises:
            PortError: it can't be opened.
        """
        connection = cls(endpoint, framing)
        try:
            if endpoint.transport is Transport.SERIAL:
                await connection._open_serial(direction, setting)
            else:
                await connection._open_gateway(setting)
        except BaseException:
            connection.close()
            raise
        return connection

    @property
    def is_open(self) -> bool:
        """Whether it is still there."""
        return self._client is not None and self._client.connected

    def close(self) -> None:
        """Give the port back."""
        if self._client:
            self._client.close()

    async def ask(self, request: Request, patience_s: float) -> Answer | Failure:
        """Send once, and wait so long for the answer. A refusal is an answer. Cancelling is safe."""
        if self._client is None:
            return Failure.SILENT
        self._heard = False
        try:
            async with asyncio.timeout(patience_s):
                with cancel_is_kept():
                    answer = await request.send(self._client)
        except (ModbusException, TimeoutError):
            return Failure.BROKEN if self._heard else Failure.SILENT
        code = refusal(answer)
        if code is not None and answer.function_code != request.function | _REFUSED:
            return Failure.UNFIT
        if code in _BUSY:
            return Failure.BUSY
        if code in _NO_TARGET:
            return Failure.SILENT
        # pymodbus drops answers with the number of another request, but takes those without one.
        is_numbered = self._endpoint.transport is not Transport.TCP or bool(answer.transaction_id)
        return answer if is_numbered and (code is not None or request.fits(answer)) else Failure.UNFIT

    async def _open_serial(self, direction: Direction, setting: str) -> None:
        path, framing = self._endpoint.place, self.framing
        # Only to learn what is wrong: pymodbus tells no more than that it failed.
        async with SerialPort.open(path, framing.baud, parity=framing.parity, setting=setting):
            pass
        client = self._client = AsyncModbusSerialClient(
            path,
            baudrate=framing.baud,
            parity=framing.parity,
            stopbits=framing.stop_bits,
            timeout=CONNECT_S,
            retries=0,
            reconnect_delay=0,
            trace_packet=self._listen,
        )
        try:
            with cancel_is_kept():
                is_open = await client.connect()
        except termios.error as error:  # pyserial lets it through: the adapter does not have this parity or rate
            raise PortError(f"{path} can't be set to {framing}: correct the settings beside {setting}") from error
        if not is_open:
            raise gone(self._endpoint, setting)
        if direction is not Direction.AUTO:
            # pymodbus's transport of a serial port has it, that of a TCP connection hasn't.
            port = client.ctx.transport.sync_serial  # type: ignore[attr-defined]
            switch_by_rts(port, direction is Direction.RTS, setting=setting)

    async def _open_gateway(self, setting: str) -> None:
        endpoint = self._endpoint
        client = self._client = AsyncModbusTcpClient(
            endpoint.place,
            port=endpoint.port,
            framer=FramerType.SOCKET if endpoint.transport is Transport.TCP else FramerType.RTU,
            timeout=CONNECT_S,
            retries=0,
            reconnect_delay=0,
            trace_packet=self._listen,
        )
        with cancel_is_kept():
            is_open = await client.connect()
        if not is_open:
            raise PortError(
                f"the gateway {endpoint} does not take connections: check its supply, its address and the setting "
                f"{setting}"
            )

    def _listen(self, sending: bool, data: bytes) -> bytes:
        self._heard |= not sending
        return data
