"""A meter on a Modbus line that signs: its register table, and the procedures of its family carried out."""

import asyncio
from typing import Protocol, TypeVar

from hardware.api import MeterIdentity, MeterTime, SignedSession
from hardware.bus import Priority
from hardware.errors import HardwareError
from hardware.meters.modbus_meter import ModbusMeter
from hardware.meters.procedure import Pause, Procedure, Read, Step, Write
from hardware.meters.register_map import Values
from hardware.modbus import ModbusLine
from shared.metering import MeterReading, SignedData

T = TypeVar("T")


class Procedures(Protocol):
    """What a family does for each call of `hardware.api.SigningMeter`. Pure: see `procedure`."""

    name: str
    verified: bool

    def public_key(self) -> Procedure[str]:
        """See SigningMeter; likewise all others."""
        ...

    def begin(self, session: SignedSession, now: MeterTime) -> Procedure[SignedData | None]: ...  # noqa: D102

    def recover(self, session: SignedSession, now: MeterTime) -> Procedure[bool]: ...  # noqa: D102

    def end(self, session: SignedSession, now: MeterTime) -> Procedure[SignedData]: ...  # noqa: D102

    def release(self) -> Procedure[None]: ...  # noqa: D102

    def keep_time(self, now: MeterTime) -> Procedure[None]: ...  # noqa: D102


class ModbusSigningMeter:
    """Fulfils `hardware.api.SigningMeter`. One procedure at a time; readings go on between its steps."""

    def __init__(self, meter: ModbusMeter, line: ModbusLine, address: int, procedures: Procedures) -> None:
        """Describe the meter; nothing is read yet.

        Args:
            meter: the same meter, for what it tells unsigned.
            line: the bus.
            address: Modbus address.
            procedures: of its family.
        """
        self._meter, self._line, self._address, self._procedures = meter, line, address, procedures
        self._turn = asyncio.Lock()

    async def identify(self) -> MeterIdentity:
        """See Meter."""
        return await self._meter.identify()

    async def read(self) -> MeterReading:
        """See Meter."""
        return await self._meter.read()

    async def read_all(self) -> Values:
        """See ModbusMeter."""
        return await self._meter.read_all()

    async def public_key(self) -> str:
        """See SigningMeter; likewise all below."""
        return await self._run(self._procedures.public_key())

    async def begin(self, session: SignedSession, now: MeterTime) -> SignedData | None:  # noqa: D102
        return await self._run(self._procedures.begin(session, now))

    async def recover(self, session: SignedSession, now: MeterTime) -> bool:  # noqa: D102
        return await self._run(self._procedures.recover(session, now))

    async def end(self, session: SignedSession, now: MeterTime) -> SignedData:  # noqa: D102
        return await self._run(self._procedures.end(session, now))

    async def release(self) -> None:  # noqa: D102
        await self._run(self._procedures.release())

    async def keep_time(self, now: MeterTime) -> None:  # noqa: D102
        await self._run(self._procedures.keep_time(now))

    async def _run(self, procedure: Procedure[T]) -> T:
        async with self._turn:
            try:
                step = next(procedure)
                while True:
                    try:
                        words = await self._do(step)
                    except HardwareError as error:
                        step = procedure.throw(error)
                    else:
                        step = procedure.send(words)
            except StopIteration as finished:
                result: T = finished.value
                return result
            finally:
                procedure.close()

    async def _do(self, step: Step) -> tuple[int, ...]:
        match step:
            case Read(register, count):
                return await self._line.read_holding(self._address, register, count, priority=Priority.BILLING)
            case Write(register, words, True):
                await self._line.write_register(self._address, register, words[0], priority=Priority.BILLING)
            case Write(register, words):
                await self._line.write_registers(self._address, register, list(words), priority=Priority.BILLING)
            case Pause(seconds):
                await asyncio.sleep(seconds)
        return ()
