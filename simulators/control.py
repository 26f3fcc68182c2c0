"""The control port: HTTP and JSON on the loopback, to look at the simulated world and to act in it.

GET / explains it, GET /state tells all. POST to one of ACTIONS acts and answers the new state.
What can't be understood is answered with 422 and names the field, what can't be done now with 409.
"""

import asyncio
import json
import math
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route

from shared.units import Watt, Wh, kwh
from simulators.board import Fault
from simulators.modem import ModemSimulator
from simulators.relay import LOOPBACK, Direction, LinkState, Relay, Weather
from simulators.signing_meter import SigningMeter
from simulators.supply import CommandFailed
from simulators.vehicle import Vehicle
from simulators.world import Evse, World

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

    def text(self, name: str, pattern: str, meaning: str, default: str | None = None) -> str:
        """Take a text that matches."""
        value = self._left.pop(name, default)
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            raise BadField(name, f"must be {meaning}")
        return value

    def choice(self, name: str, choices: Sequence[str], default: str) -> str:
        """Take one of some texts."""
        return self.text(name, "|".join(choices), f"one of {', '.join(choices)}", default)

    def __contains__(self, name: str) -> bool:
        """Tell whether a field is there that nobody asked for yet."""
        return name in self._left

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
    relay = world.relay
    return {
        "evses": {str(number): _evse_state(world, evse) for number, evse in world.evses.items()},
        "modem": _modem_state(world.modem),
        "relay": _relay_state(relay) if relay else None,
        "power": {"on": world.supply.is_on, "controller_pid": world.supply.controller_pid},
        "mailbox": {"accepting": world.mailbox.accepting, "count": len(world.mailbox.mails())},
    }


def _evse_state(world: World, evse: Evse) -> Json:
    site, board, silent = evse.site, evse.board, world.bus.faults.silent
    site.advance()
    vehicle = site.vehicle
    return {
        "plugged": vehicle is not None,
        "pilot": board.pilot,
        "contactor_closed": board.contactor_closed,
        "offered_a": board.offered_current_a,
        "power_w": site.meter.power,
        "register_wh": site.meter.register,
        "soc": round(vehicle.soc, 4) if vehicle else None,
        "soc_kwh": float(kwh(vehicle.stored)) if vehicle else None,
        "wants_energy": vehicle.wants_energy if vehicle else None,
        "fault": board.fault,
        "temperature_c": board.temperature_c,
        "watches": board.watches,
        "safe_current_a": board.safe_current_a,
        "board_answering": evse.board_address not in silent,
        "meter_answering": evse.meter_address not in silent,
    }


def _modem_state(modem: ModemSimulator) -> Json:
    return {
        "dbm": modem.signal_dbm,
        "registered": modem.is_registered,
        "bytes_sent": modem.counters.bytes_sent,
        "bytes_received": modem.counters.bytes_received,
    }


def _relay_state(relay: Relay) -> Json:
    counts = {"connections": relay.connections, "bytes_sent": relay.bytes_up, "bytes_received": relay.bytes_down}
    return asdict(relay.weather) | counts


async def plug(world: World, body: Body) -> None:
    """Connect a vehicle; what isn't said is that of a usual one."""
    site = _evse(world, body).site
    battery = body.number("battery_kwh", 1, 300, 60)
    stored = body.number("soc_kwh", 0, battery, battery / 3)
    power = body.whole("max_power_w", 1000, 43_000, 11_000)
    phases = body.whole("phases", 1, 3, 3)
    wants_energy = body.flag("wants_energy", True)
    needs_ventilation, clings = body.flag("needs_ventilation", False), body.flag("clings", False)
    greed = body.number("greed", 0.1, 3, 1)
    body.end()
    if site.vehicle:
        raise NotNow("a vehicle is plugged in already: unplug it first")
    vehicle = Vehicle(
        Wh(round(battery * 1000)),
        Wh(round(stored * 1000)),
        Watt(power),
        phases=phases,
        wants_energy=wants_energy,
        needs_ventilation=needs_ventilation,
        greed=greed,
        clings=clings,
    )
    site.plug(vehicle)


async def unplug(world: World, body: Body) -> None:
    """Take the vehicle away."""
    site = _evse(world, body).site
    body.end()
    if not site.vehicle:
        raise NotNow("no vehicle is plugged in")
    site.unplug()


async def set_vehicle(world: World, body: Body) -> None:
    """Let the vehicle ask for energy or pause, or draw more or less than it is offered."""
    site = _evse(world, body).site
    wants_energy = body.flag("wants_energy") if "greed" not in body else body.flag("wants_energy", True)
    greed = body.number("greed", 0.1, 3, site.vehicle.greed if site.vehicle else 1)
    body.end()
    if not site.vehicle:
        raise NotNow("no vehicle is plugged in")
    site.advance()
    site.vehicle.wants_energy, site.vehicle.greed = wants_energy, greed


async def tag(world: World, body: Body) -> None:
    """Hold a card to a reader."""
    token = body.text("token", "([0-9A-Fa-f]{2}){4,10}", "8 to 20 hex digits")
    reader = world.readers[body.whole("reader", 1, len(world.readers), 1)]
    body.end()
    if not world.supply.is_on:
        raise NotNow("the reader has no power")
    try:
        await reader.present(token)
    except ValueError as error:
        raise BadField("token", str(error)) from error


async def coverage(world: World, body: Body) -> None:
    """Change the signal at the modem's antenna; null is no coverage."""
    dbm = None if body.is_null("dbm") else body.whole("dbm", -113, -51)
    body.end()
    world.modem.set_coverage(dbm)


async def set_link(world: World, body: Body) -> None:
    """Cut, hold, forget, delay or narrow the link to the central system; without fields it is healed."""
    link = body.choice("link", ("modem", "relay"), "relay" if world.relay else "modem")
    state = LinkState(body.choice("state", tuple(LinkState), LinkState.OPEN))
    delay = body.number("delay_s", 0, 120, 0)
    if link == "modem":
        body.end()
        _set_modem_link(world.modem, state, delay)
        return
    direction = Direction(body.choice("direction", tuple(Direction), Direction.BOTH))
    width = body.whole("bytes_per_s", 0, 10_000_000, 0)
    body.end()
    if world.relay is None:
        raise NotNow("there is no relay: set relay.target in the configuration")
    await world.relay.set_weather(Weather(state, direction, delay, width))


def _set_modem_link(modem: ModemSimulator, state: LinkState, delay_s: float) -> None:
    if state in (LinkState.CUT, LinkState.HALF_OPEN):
        modem.lose_context(announce=state is LinkState.CUT)
    modem.set_latency(delay_s)
    if state is LinkState.HELD:
        modem.cut()
    else:
        modem.heal()


async def set_power(world: World, body: Body) -> None:
    """Cut the mains supply of devices and controller, or give it back."""
    on = body.flag("on")
    body.end()
    if on is world.supply.is_on:
        raise NotNow(f"the power is {'on' if on else 'off'} already")
    try:
        await (world.supply.restore() if on else world.supply.cut())
    except CommandFailed as error:
        raise NotNow(str(error)) from error


async def set_meter(world: World, body: Body) -> None:
    """Let a meter answer or not, or slowly; switch it off and on: one that signs forgets the time; or exchange it."""
    evse = _evse(world, body)
    meter, faults = evse.site.meter, world.bus.faults
    answering, loses_power = body.flag("answering", True), body.flag("loses_power", False)
    delay = body.number("delay_s", 0, 60, 0)
    serial = body.whole("new_serial", 0, 4_294_967_295, 0)
    register = body.number("new_register_kwh", 0, 10_000, 0)
    body.end()
    if loses_power and not isinstance(meter, SigningMeter):
        raise NotNow("this meter forgets nothing without power")
    if serial and isinstance(meter, SigningMeter):
        raise NotNow("a meter that signs is not exchanged: its key follows from its serial number")
    if loses_power and isinstance(meter, SigningMeter):
        meter.lose_power()
    if serial:
        evse.site.advance()
        meter.exchange(serial, Wh(round(register * 1000)))
    faults.delays_s[evse.meter_address] = delay
    _switch(faults.silent, evse.meter_address, silent=not answering)


async def set_board(world: World, body: Body) -> None:
    """Let something be wrong at an EVSE board; what is not said is mended, so an empty fault mends it."""
    evse = _evse(world, body)
    fault = body.text("fault", "|".join(Fault), f"one of {', '.join(filter(None, Fault))}, or empty", "")
    answering = body.flag("answering", True)
    celsius = body.whole("temperature_c", -40, 150, 25)
    body.end()
    if fault not in evse.board.shows:
        raise BadField("fault", f"a board of this kind has only: {', '.join(filter(None, evse.board.shows))}")
    evse.site.advance()
    evse.board.fault, evse.board.temperature_c = Fault(fault), celsius
    _switch(world.bus.faults.silent, evse.board_address, silent=not answering)


async def set_mailbox(world: World, body: Body) -> None:
    """Bring the mail server up or down."""
    accepting = body.flag("accepting")
    body.end()
    await world.mailbox.set_accepting(accepting)


def _switch(addresses: set[int], address: int, *, silent: bool) -> None:
    if silent:
        addresses.add(address)
    else:
        addresses.discard(address)


ACTIONS: Mapping[str, Action] = {
    "/plug": plug,
    "/unplug": unplug,
    "/vehicle": set_vehicle,
    "/tag": tag,
    "/coverage": coverage,
    "/link": set_link,
    "/power": set_power,
    "/meter": set_meter,
    "/board": set_board,
    "/mailbox": set_mailbox,
}

HELP = f"""emops-sim: look at the simulated station with GET /state, and act in it with POST. Bodies are JSON objects.
An answer is the new state. 422 names a field that can't be used, 409 says what can't be done now.
`evse` and `reader` are numbers from 1 and may be left out for the first one. [x] is what holds where nothing is said.

POST /plug      {{"evse": 1, "battery_kwh": [60], "soc_kwh": [a third], "max_power_w": [11000], "phases": [3],
                 "wants_energy": [true], "needs_ventilation": [false], "greed": [1], "clings": [false]}}
                greed 1.3: draws 1.3 times what it is offered; clings: asks for energy without an offer too
POST /unplug    {{"evse": 1}}
POST /vehicle   {{"evse": 1, "wants_energy": false, "greed": 1.3}}      it pauses, goes on, draws too much
POST /tag       {{"token": "04A1B2C3D4", "reader": 1}}
POST /board     {{"evse": 1, "fault": [""], "answering": [true], "temperature_c": [25]}}
                fault, where this kind of board has it: {", ".join(filter(None, Fault))}
POST /meter     {{"evse": 1, "answering": [true], "delay_s": [0], "loses_power": [false],
                 "new_serial": 4711, "new_register_kwh": 0}}           the last two exchange it
POST /coverage  {{"dbm": -101}}                                        null: no coverage (modem)
POST /link      {{"link": "relay", "state": ["open"], "direction": ["both"], "delay_s": [0], "bytes_per_s": [0]}}
                state: {", ".join(LinkState)}; direction: {", ".join(Direction)}
                held: bytes wait and flow on later; half_open: they vanish and nobody is told; cut: a reset
                link "modem": the same without direction and bytes_per_s
POST /power     {{"on": false}}    kills the controller, opens the contactors, silences bus and modem
POST /mailbox   {{"accepting": false}}

curl -d '{{"evse": 2}}' http://{LOOPBACK}:8190/plug
"""


def make_app(world: World) -> Starlette:
    """Make the web application."""

    async def tell(_: Request) -> PlainTextResponse:
        return PlainTextResponse(HELP)

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

    actions = [route(path, action) for path, action in ACTIONS.items()]
    return Starlette(routes=[Route("/", tell), Route("/state", show), *actions])


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


def _evse(world: World, body: Body) -> Evse:
    return world.evses[body.whole("evse", 1, len(world.evses), 1)]
