"""The control port: HTTP and JSON on the loopback, to look at the simulated world and to act in it.

GET /state tells all. POST to one of ACTIONS acts and answers the new state.
What can't be understood is answered with 422 and names the field, what can't be done now with 409.
"""

import asyncio
import json
import math
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from shared.units import Watt, Wh, kwh
from simulators.evse_board import Fault
from simulators.modem import ModemSimulator
from simulators.signing_meter import SigningMeter
from simulators.vehicle import Vehicle
from simulators.world import World

LOOPBACK = "127.0.0.1"

Json = Mapping[str, object]
Action = Callable[[World, "Body"], Awaitable[None]]


class BadField(Exception):  # noqa: N818  it is answered, not raised to anybody
    """A field of the request can't be used."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field


class NotNow(Exception):  # noqa: N818  likewise
    """The request makes no sense in the present state."""


class Body:
    """The fields of a request; each is asked for once, and what nobody asked for is a mistake of the sender."""

    def __init__(self, fields: Json) -> None:
        self._left = dict(fields)

    @classmethod
    def parse(cls, text: bytes) -> "Body":
        """Read a JSON object; nothing at all counts as an empty one."""
        try:
            fields = json.loads(text or b"{}")
        except ValueError as error:
            raise BadField("body", "is not JSON") from error
        if not isinstance(fields, dict):
            raise BadField("body", "must be an object")
        return cls(fields)

    def number(self, name: str, low: float, high: float, default: float | None = None) -> float:
        """Take a number from `low` to `high`."""
        value = self._left.pop(name, default)
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not math.isfinite(value):
            raise BadField(name, "must be a number" if value is not None else "is missing")
        if not low <= value <= high:
            raise BadField(name, f"must be from {low:g} to {high:g}")
        return value

    def whole(self, name: str, low: int, high: int, default: int | None = None) -> int:
        """Take a whole number."""
        value = self.number(name, low, high, default)
        if value != int(value):
            raise BadField(name, "must be a whole number")
        return int(value)

    def flag(self, name: str, default: bool | None = None) -> bool:
        """Take true or false."""
        value = self._left.pop(name, default)
        if not isinstance(value, bool):
            raise BadField(name, "must be true or false" if value is not None else "is missing")
        return value

    def text(self, name: str, pattern: str, meaning: str) -> str:
        """Take a text that matches."""
        value = self._left.pop(name, None)
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            raise BadField(name, f"must be {meaning}")
        return value

    def is_null(self, name: str) -> bool:
        """Take null; tell whether it was there."""
        if name in self._left and self._left[name] is None:
            del self._left[name]
            return True
        return False

    def end(self) -> None:
        """Refuse what is left."""
        for name in self._left:
            raise BadField(name, "is not known here")


def state(world: World) -> Json:
    """Tell the state of all devices."""
    site = world.site
    site.advance()
    board, vehicle = site.board, site.vehicle
    evse = {
        "plugged": vehicle is not None,
        "pilot": board.pilot,
        "contactor_closed": board.contactor_closed,
        "offered_a": board.offered_current_a,
        "power_w": site.meter.power,
        "register_wh": site.meter.register,
        "soc": round(vehicle.soc, 4) if vehicle else None,
        "soc_kwh": float(kwh(vehicle.stored)) if vehicle else None,
        "wants_energy": vehicle.wants_energy if vehicle else None,
    }
    return {
        "evses": {"1": evse},
        "modem": _modem_state(world.modem),
        "meter": {"answering": world.meter_address not in world.bus.faults.silent},
        "mailbox": {"accepting": world.mailbox.accepting, "count": len(world.mailbox.mails())},
    }


def _modem_state(modem: ModemSimulator) -> Json:
    return {
        "dbm": modem.signal_dbm,
        "registered": modem.is_registered,
        "bytes_sent": modem.counters.bytes_sent,
        "bytes_received": modem.counters.bytes_received,
    }


async def plug(world: World, body: Body) -> None:
    """Connect a vehicle; what isn't said is that of a usual one."""
    _only_evse(body)
    battery = body.number("battery_kwh", 1, 300, 60)
    stored = body.number("soc_kwh", 0, battery, battery / 3)
    power = body.whole("max_power_w", 1000, 43_000, 11_000)
    phases = body.whole("phases", 1, 3, 3)
    wants_energy = body.flag("wants_energy", True)
    body.end()
    if world.site.vehicle:
        raise NotNow("a vehicle is plugged in already: unplug it first")
    vehicle = Vehicle(
        Wh(round(battery * 1000)), Wh(round(stored * 1000)), Watt(power), phases=phases, wants_energy=wants_energy
    )
    world.site.plug(vehicle)


async def unplug(world: World, body: Body) -> None:
    """Take the vehicle away."""
    _only_evse(body)
    body.end()
    if not world.site.vehicle:
        raise NotNow("no vehicle is plugged in")
    world.site.unplug()


async def set_vehicle(world: World, body: Body) -> None:
    """Let the vehicle ask for energy or pause."""
    _only_evse(body)
    wants_energy = body.flag("wants_energy")
    body.end()
    vehicle = world.site.vehicle
    if not vehicle:
        raise NotNow("no vehicle is plugged in")
    world.site.advance()
    vehicle.wants_energy = wants_energy


async def tag(world: World, body: Body) -> None:
    """Hold a card to the reader."""
    token = body.text("token", "([0-9A-Fa-f]{2}){4,10}", "8 to 20 hex digits")
    body.end()
    try:
        await world.rfid.present(token)
    except ValueError as error:
        raise BadField("token", str(error)) from error


async def coverage(world: World, body: Body) -> None:
    """Change the signal at the antenna; null is no coverage."""
    dbm = None if body.is_null("dbm") else body.whole("dbm", -113, -51)
    body.end()
    world.modem.set_coverage(dbm)


async def set_meter(world: World, body: Body) -> None:
    """Let the meter answer or not, or switch it off and on: one that signs then has to be told the time again."""
    answering, loses_power = body.flag("answering", True), body.flag("loses_power", False)
    body.end()
    if loses_power:
        if not isinstance(world.site.meter, SigningMeter):
            raise NotNow("this meter forgets nothing without power")
        world.site.meter.lose_power()
    if answering:
        world.bus.faults.silent.discard(world.meter_address)
    else:
        world.bus.faults.silent.add(world.meter_address)


async def set_board(world: World, body: Body) -> None:
    """Let something be wrong at the EVSE board; an empty fault mends it."""
    _only_evse(body)
    fault = body.text("fault", "|".join(Fault), f"one of {', '.join(filter(None, Fault))}, or empty")
    body.end()
    world.site.advance()
    world.site.board.fault = Fault(fault)


async def set_mailbox(world: World, body: Body) -> None:
    """Bring the mail server up or down."""
    accepting = body.flag("accepting")
    body.end()
    await world.mailbox.set_accepting(accepting)


ACTIONS: Mapping[str, Action] = {
    "/plug": plug,
    "/unplug": unplug,
    "/vehicle": set_vehicle,
    "/tag": tag,
    "/coverage": coverage,
    "/meter": set_meter,
    "/board": set_board,
    "/mailbox": set_mailbox,
}


def make_app(world: World) -> Starlette:
    """Make the web application."""

    async def show(_: Request) -> JSONResponse:
        return JSONResponse(state(world))

    def route(path: str, action: Action) -> Route:
        async def act(request: Request) -> JSONResponse:
            try:
                await action(world, Body.parse(await request.body()))
            except BadField as error:
                return JSONResponse({"error": str(error), "field": error.field}, 422)
            except NotNow as error:
                return JSONResponse({"error": str(error)}, 409)
            return JSONResponse(state(world))

        return Route(path, act, methods=["POST"])

    return Starlette(routes=[Route("/state", show), *(route(path, action) for path, action in ACTIONS.items())])


@asynccontextmanager
async def serve(world: World, port: int) -> AsyncIterator[int]:
    """Listen on the loopback until the block ends; gives the port.

    Raises:
        OSError: the port is taken.
    """
    listener = socket.create_server((LOOPBACK, port))
    config = uvicorn.Config(make_app(world), log_config=None, access_log=False, lifespan="off", ws="none")
    server = _Server(config)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(server.serve(sockets=[listener]))
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True


class _Server(uvicorn.Server):
    """Leaves the signals to the program."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _only_evse(body: Body) -> None:
    body.whole("evse", 1, 1, 1)
