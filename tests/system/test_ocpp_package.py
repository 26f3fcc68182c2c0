# mypy: disable-error-code="import-untyped, misc, untyped-decorator"
# The package tells no types.
"""The real backend, spoken to by charge points of the `ocpp` package: one of 2.0.1, one of 2.1 and one of 1.6."""

import asyncio
import json
import socket
import sqlite3
import sys
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ocpp.routing import on
from ocpp.v16 import ChargePoint as ChargePoint16
from ocpp.v16 import call as call16
from ocpp.v16 import call_result as result16
from ocpp.v21 import ChargePoint as ChargePoint21
from ocpp.v201 import ChargePoint as ChargePoint201
from ocpp.v201 import call as call201
from ocpp.v201 import call_result as result201
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from tests.unit.backend.world import MASTER

pytestmark = [pytest.mark.slow, pytest.mark.system]

SIGNED = "T0NNRnx7IkZWIjoiMS4wIn18eyJTRCI6IjMwNDUifQ=="
T0 = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)


def at(minute: int) -> str:
    return (T0 + timedelta(minutes=minute)).isoformat()


class Modern:
    """What a charge point of 2.x is told."""

    def __init__(self) -> None:
        self.costs: list[tuple[str, float]] = []
        self.asked: list[tuple[str, Any]] = []
        self.told = asyncio.Event()

    @on("CostUpdated")
    def cost_updated(self, total_cost: float, transaction_id: str, **_: Any) -> Any:
        self.costs.append((transaction_id, total_cost))
        self.told.set()
        return result201.CostUpdated()

    @on("RequestStopTransaction")
    def stop(self, transaction_id: str, **_: Any) -> Any:
        self.asked.append(("RequestStopTransaction", transaction_id))
        return result201.RequestStopTransaction(status="Accepted")

    @on("GetVariables")
    def variables(self, get_variable_data: Any, **_: Any) -> Any:
        self.asked.append(("GetVariables", get_variable_data))
        found = {"attribute_status": "Accepted", "attribute_value": "5", **get_variable_data[0]}
        return result201.GetVariables(get_variable_result=[found])


class Station201(Modern, ChargePoint201):
    def __init__(self, *arguments: Any) -> None:
        Modern.__init__(self)
        ChargePoint201.__init__(self, *arguments)


class Station21(Modern, ChargePoint21):
    def __init__(self, *arguments: Any) -> None:
        Modern.__init__(self)
        ChargePoint21.__init__(self, *arguments)


class Station16(ChargePoint16):
    @on("RemoteStopTransaction")
    def stop(self, transaction_id: int) -> Any:
        return result16.RemoteStopTransaction(status="Accepted" if transaction_id else "Rejected")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


class Backend:
    def __init__(self, folder: Path) -> None:
        self.folder, self.port, self.web = folder, free_port(), free_port()
        master = MASTER + '\n[[charge_point]]\nid = "CP-3"\noperator = "muster"\n'
        (folder / "master.toml").write_text(master)
        (folder / "backend.toml").write_text(
            f'[server]\nocpp_port = {self.port}\nweb_port = {self.web}\n[store]\npath = "{folder}/db"\n'
            "[live_price]\nevery_s = 1.0\n"
        )

    async def run(self, *arguments: str) -> asyncio.subprocess.Process:
        command = [sys.executable, "-m", "backend", *arguments, "--config", str(self.folder / "backend.toml")]
        return await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)

    async def send(self, *arguments: str) -> Any:
        out, _ = await (await self.run("send", *arguments)).communicate()
        return json.loads(out)

    async def get(self, path: str) -> str:
        def fetch() -> str:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.web}{path}", timeout=10) as answer:
                return str(answer.read().decode())

        return await asyncio.to_thread(fetch)

    async def transaction(self, number: int, state: str) -> Any:
        async with asyncio.timeout(20):
            while True:
                found = json.loads(await self.get(f"/api/v1/transactions/{number}"))
                if found["state"] == state:
                    return found
                await asyncio.sleep(0.1)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        await (await self.run("apply", str(self.folder / "master.toml"))).communicate()
        process = await self.run("serve")
        assert process.stdout is not None
        await process.stdout.readline()
        try:
            yield
        finally:
            process.terminate()
            await process.communicate()

    @asynccontextmanager
    async def station(self, kind: type[Any], name: str, protocol: str) -> AsyncIterator[Any]:
        url = f"ws://127.0.0.1:{self.port}/ocpp/{name}"
        async with connect(url, subprotocols=[Subprotocol(protocol)]) as socket:
            station = kind(name, socket)
            task = asyncio.create_task(station.start())
            try:
                yield station
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)


def meter(minute: int, energy: int, context: str = "Sample.Periodic", *, signed: bool = False) -> dict[str, Any]:
    sample: dict[str, Any] = {"value": energy / 1000, "context": context, "unit_of_measure": {"unit": "kWh"}}
    if signed:
        method = {"signing_method": "ECDSA", "encoding_method": "OCMF", "public_key": "3059"}
        sample["signed_meter_value"] = {"signed_meter_data": SIGNED, **method}
    return {"timestamp": at(minute), "sampled_value": [sample]}


async def begin(station: Any, key: str) -> None:
    boot = await station.call(call201.BootNotification({"model": "M", "vendor_name": "V"}, "PowerUp"))
    assert boot.status == "Accepted"
    await station.call(call201.StatusNotification(at(0), "Available", 1, 1))
    token = {"id_token": "04a2b3c4", "type": "ISO14443"}
    assert (await station.call(call201.Authorize(token))).id_token_info["status"] == "Accepted"
    stranger = {"id_token": "STRANGER", "type": "ISO14443"}
    assert (await station.call(call201.Authorize(stranger))).id_token_info["status"] == "Unknown"
    answer = await station.call(
        call201.TransactionEvent(
            "Started",
            at(0),
            "Authorized",
            0,
            {"transaction_id": key, "charging_state": "Charging"},
            meter_value=[meter(0, 1000, "Transaction.Begin", signed=True)],
            evse={"id": 1, "connector_id": 1},
            id_token=token,
        )
    )
    assert answer.id_token_info["status"] == "Accepted"


async def update(station: Any, key: str, number: int, minute: int, energy: int) -> Any:
    info = {"transaction_id": key}
    event = call201.TransactionEvent("Updated", at(minute), "MeterValuePeriodic", number, info)
    event.meter_value = [meter(minute, energy)]
    return await station.call(event)


async def end(station: Any, key: str) -> None:
    info = {"transaction_id": key, "stopped_reason": "EVDisconnected"}
    event = call201.TransactionEvent("Ended", at(50), "EVCommunicationLost", 3, info)
    event.meter_value = [meter(50, 12_000, "Transaction.End", signed=True)]
    await station.call(event)


async def old_session(station: Any) -> int:
    await station.call(call16.BootNotification(charge_point_model="M", charge_point_vendor="V"))
    await station.call(call16.StatusNotification(connector_id=1, error_code="NoError", status="Available"))
    start = call16.StartTransaction(connector_id=1, id_tag="04A2B3C4", meter_start=1000, timestamp=at(0))
    return int((await station.call(start)).transaction_id)


def test_stations_of_three_versions_charge_beside_each_other(tmp_path: Path) -> None:
    async def scenario() -> None:
        backend = Backend(tmp_path)
        async with (
            backend.serving(),
            backend.station(Station201, "CP-1", "ocpp2.0.1") as modern,
            backend.station(Station16, "CP-2", "ocpp1.6") as old,
            backend.station(Station21, "CP-3", "ocpp2.1") as newest,
        ):
            await begin(modern, "first-of-CP-1")
            number = await old_session(old)
            await begin(newest, "first-of-CP-3")
            await update(modern, "first-of-CP-1", 1, 10, 3000)
            await update(newest, "first-of-CP-3", 1, 10, 5000)
            async with asyncio.timeout(20):
                await modern.told.wait()
                await newest.told.wait()
            assert modern.costs[0] == ("first-of-CP-1", 1.17)
            assert newest.costs[0] == ("first-of-CP-3", 2.33)
            assert (await update(modern, "first-of-CP-1", 2, 20, 6000)).total_cost == 1.17
            name = {"component": {"name": "Ctrlr"}, "variable": {"name": "Interval"}}
            answer = await backend.send("CP-1", "GetVariables", json.dumps({"getVariableData": [name]}))
            assert answer["getVariableResult"][0]["attributeValue"] == "5"
            stopping = json.dumps({"transactionId": "first-of-CP-1"})
            assert await backend.send("CP-1", "RequestStopTransaction", stopping) == {"status": "Accepted"}
            assert modern.asked[-1] == ("RequestStopTransaction", "first-of-CP-1")
            await end(modern, "first-of-CP-1")
            await end(newest, "first-of-CP-3")
            await old.call(call16.StopTransaction(meter_stop=12_000, timestamp=at(50), transaction_id=number))
            for row, notes in ((1, ""), (2, ""), (3, "seqNo 2 never came")):
                rated = await backend.transaction(row, "rated")
                assert (rated["energy_wh"], rated["total_gross"], rated["notes"]) == (11_000, "6.41", notes)
            kept = json.loads(await backend.get("/api/v1/transactions/1/signed-values"))
            assert [(one["context"], one["public_key"]) for one in kept] == [
                ("Transaction.Begin", "3059"),
                ("Transaction.End", "3059"),
            ]
            assert await backend.get(f"/api/v1/transactions/1/signed-values/{kept[1]['id']}") == SIGNED

    asyncio.run(scenario())
    database = sqlite3.connect(tmp_path / "db")
    bodies = [json.loads(body) for (body,) in database.execute("SELECT body FROM cdr ORDER BY transaction_id")]
    database.close()
    values = [value for body in bodies for value in body.get("signed_data", {}).get("signed_values", ())]
    assert [(value["nature"], value["signed_data"]) for value in values] == [("Start", SIGNED), ("End", SIGNED)] * 2
