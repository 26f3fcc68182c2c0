"""A station that speaks OCPP 2.0.1, and what tests of it ask again and again."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from shared.config import parse
from shared.ocpp.validation import Version, violation
from station.settings import StationSettings, check
from tests.link.csms import Csms, Json
from tests.unit.station.site import SETTINGS


def run(work: Callable[[], Awaitable[None]]) -> None:
    async def within() -> None:
        async with asyncio.timeout(30):
            await work()

    asyncio.run(within())


def central() -> Csms:
    return Csms(version="2.0.1")


def made(folder: Path, csms: Csms, *, password: str = "", **keys: object) -> StationSettings:
    lines = "".join(f"{name} = {value!r}\n".replace("'", '"') for name, value in keys.items())
    text = SETTINGS.format(folder=folder, port=csms.port, sample_s=0).replace("[[bus]]", lines + "[[bus]]", 1)
    text = text.replace("[csms]\n", f'[csms]\nversion = "2.0.1"\npassword = "{password}"\n')
    settings = parse(text.replace("= True", "= true").replace("= False", "= false"), StationSettings)
    check(settings)
    return settings


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110  nobody sets an event
            await asyncio.sleep(0.01)


async def booted(csms: Csms) -> None:
    """Wait until the EVSE is told to be free."""
    await csms.until(lambda: csms.of("StatusNotification"))


def statuses(csms: Csms) -> list[str]:
    return [payload["connectorStatus"] for _, payload in csms.of("StatusNotification")]


def events(csms: Csms) -> list[Json]:
    return [payload for _, payload in csms.of("TransactionEvent")]


async def status(csms: Csms, action: str, payload: Json) -> str:
    """Ask, check the answer by its schema, and give its status."""
    answer = await asked(csms, action, payload)
    return str(answer["status"])


async def asked(csms: Csms, action: str, payload: Json) -> Json:
    kind, *rest = await csms.ask(action, payload)
    assert kind == 3, rest
    answer: Json = rest[0]
    assert violation(Version.V201, action, answer, answer=True) is None, (action, answer)
    return answer


async def refusal(csms: Csms, action: str, payload: Json) -> str:
    """Ask what must be refused with CALLERROR, and give its code."""
    kind, code, *_ = await csms.ask(action, payload)
    assert kind == 4
    return str(code)


async def set_variable(csms: Csms, component: str, name: str, value: str, instance: str = "") -> str:
    row: Json = {"component": {"name": component}, "variable": {"name": name}, "attributeValue": value}
    if instance:
        row["variable"]["instance"] = instance
    answer = await asked(csms, "SetVariables", {"setVariableData": [row]})
    return str(answer["setVariableResult"][0]["attributeStatus"])


async def get_variable(csms: Csms, component: Json, name: str, instance: str = "") -> tuple[str, str]:
    row: Json = {"component": component, "variable": {"name": name}}
    if instance:
        row["variable"]["instance"] = instance
    answer = await asked(csms, "GetVariables", {"getVariableData": [row]})
    result = answer["getVariableResult"][0]
    return str(result["attributeStatus"]), str(result.get("attributeValue", ""))


def all_valid(csms: Csms) -> None:
    """Assert that everything said fits its schema."""
    for _, action, payload in csms.calls:
        assert violation(Version.V201, action, payload) is None, (action, payload)
