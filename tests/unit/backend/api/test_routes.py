"""The JSON API: exact values, problems that name the field, and live events over a real connection."""

import asyncio
import json
import time
from collections.abc import Iterator
from decimal import Decimal
from functools import partial
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Connection

from backend.store.event_log import Received, store_signed_values
from backend.store.tables import meter_value
from shared.ids import ChargePointId, EvseId, MessageId
from shared.metering import ReadingContext, SignedData, SignedReading
from tests.unit.backend.web.installation import Installation, Running
from tests.unit.backend.web.seed import HELD, INVOICE, NOW, RATED, RUNNING, value


@pytest.fixture
def place(tmp_path: Path) -> Installation:
    return Installation(tmp_path / "emops.sqlite")


def test_charge_points_tell_their_evses_and_connection(place: Installation) -> None:
    with place.client() as client:
        everyone = client.get("/api/v1/charge-points").json()
        one = client.get("/api/v1/charge-points/CP-RATHAUS").json()
    assert {row["id"]: row["connected"] for row in everyone} == {
        "CP-RATHAUS": True,
        "CP-BAHNHOF": False,
        "CP-NEU": False,
    }
    assert one in everyone
    assert one["evses"][0] == {
        "evse_id": 1,
        "status": "Charging",
        "error_code": "NoError",
        "status_at": "2026-10-27T14:30:10Z",
        "running_transaction_id": RUNNING,
    }


def test_transactions_have_exact_energy_masked_tokens_and_money_as_text(place: Installation) -> None:
    with place.client() as client:
        rated = client.get(f"/api/v1/transactions/{RATED}").json()
        held = client.get("/api/v1/transactions", params={"state": "held"}).json()
    assert (rated["meter_start_wh"], rated["meter_stop_wh"], rated["energy_wh"]) == (1_000_000, 1_021_480, 21_480)
    assert (rated["total_gross"], rated["currency"], rated["invoice_number"]) == ("9.36", "EUR", INVOICE)
    assert rated["id_token"] == "***F6"
    assert rated["started_at"] == "2026-10-25T19:54:00Z"
    assert [row["id"] for row in held] == [HELD]
    assert "the register falls" in held[0]["held_reason"]


def test_pages_follow_each_other_without_gap(place: Installation) -> None:
    seen: list[int] = []
    with place.client() as client:
        while page := client.get("/api/v1/transactions", params={"limit": 4} | _before(seen)).json():
            seen += [row["id"] for row in page]
        invoices = client.get("/api/v1/invoices", params={"limit": 2}).json()
        older = client.get("/api/v1/invoices", params={"before": invoices[-1]["id"]}).json()
    assert seen == [6, 5, 4, 3, 2, 1]
    assert [row["number"] for row in (*invoices, *older)] == ["RE/2026/3", "RE-2026-000002", INVOICE]


def test_an_invoice_is_found_by_its_number_slashes_too(place: Installation) -> None:
    with place.client() as client:
        invoice = client.get("/api/v1/invoices/RE/2026/3").json()
    assert invoice["lines"] is None
    summary = invoice["summary"]
    assert (summary["number"], summary["mail_state"], summary["has_pdf"]) == ("RE/2026/3", "queued", False)
    assert summary["total_net"] == "7.87"


def test_an_invoice_has_the_lines_that_sum_to_its_net_amount(place: Installation) -> None:
    with place.client() as client:
        invoice = client.get(f"/api/v1/invoices/{INVOICE}").json()
    assert [(line["transaction_id"], line["quantity"], line["unit"]) for line in invoice["lines"]] == [
        (RATED, "9.845", "KWH"),
        (RATED, "11.635", "KWH"),
    ]
    assert sum(Decimal(line["net"]) for line in invoice["lines"]) == Decimal(invoice["summary"]["total_net"])


@pytest.mark.parametrize(
    ("path", "status", "field"),
    [
        ("/api/v1/transactions?limit=0", 422, "limit"),
        ("/api/v1/transactions?limit=x", 422, "limit"),
        ("/api/v1/transactions?state=x", 422, "state"),
        ("/api/v1/transactions?before=99999999999999999999", 422, "before"),
        ("/api/v1/transactions/abc", 422, "id"),
        ("/api/v1/transactions/999", 404, ""),
        ("/api/v1/invoices/none", 404, ""),
        ("/api/v1/charge-points/none", 404, ""),
        ("/api/v1/nope", 404, ""),
    ],
)
def test_a_problem_names_the_field(place: Installation, path: str, status: int, field: str) -> None:
    with place.client() as client:
        answer = client.get(path)
    body = answer.json()
    assert (answer.status_code, body["status"]) == (status, status)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert [error["field"] for error in body.get("errors", [])] == ([field] if field else [])
    assert field in body.get("detail", "")


def test_every_route_is_in_the_documentation(place: Installation) -> None:
    with place.client() as client:
        paths = client.get("/api/openapi.json").json()["paths"]
        page = client.get("/api/docs").text
    assert len(paths) > 7
    assert all(path in page for path in paths)


def test_a_commit_and_a_lost_connection_are_told_at_once(place: Installation) -> None:
    with place.running() as running, httpx.Client(base_url=running.url, timeout=10) as client:
        with client.stream("GET", "/api/v1/live") as stream:
            assert stream.headers["Content-Type"].startswith("text/event-stream")
            assert stream.headers["X-Accel-Buffering"] == "no"
            assert stream.headers["Cache-Control"] == "no-store, no-transform"
            lines = stream.iter_lines()
            first = _version(lines)
            begun = time.monotonic()
            _add_value(running, 1_032_999)
            second = _version(lines)
            assert time.monotonic() - begun < 1
            running.call(lambda: running.connections.remove(running.connections.all()[0]))
            third = _version(lines)
        assert first < second < third
        transaction = client.get(f"/api/v1/transactions/{RUNNING}").json()
        assert transaction["energy_wh"] == 1_032_999 - 1_021_480
        assert client.get("/api/v1/charge-points/CP-RATHAUS").json()["connected"] is False


def test_the_server_ends_at_once_though_streams_are_open(place: Installation) -> None:
    with place.running() as running, httpx.Client(base_url=running.url, timeout=10) as client:
        with client.stream("GET", "/api/v1/live") as stream:
            lines = stream.iter_lines()
            _version(lines)
            begun = time.monotonic()
            running.call(running.application.state.stop)
            assert [line for line in lines if line] == []
        assert time.monotonic() - begun < 2


def _before(seen: list[int]) -> dict[str, int]:
    return {"before": seen[-1]} if seen else {}


def _version(lines: Iterator[str]) -> int:
    for line in lines:
        if line.startswith("data: "):
            version: int = json.loads(line.removeprefix("data: "))["version"]
            return version
    raise AssertionError("the stream ended")


def _add_value(running: Running, energy_wh: int) -> None:
    def work(connection: Connection) -> None:
        connection.execute(meter_value.insert(), value(RUNNING, NOW, energy_wh, 3_000))

    asyncio.run_coroutine_threadsafe(running.store.write(work), running.loop).result(5)


def test_what_a_meter_signed_is_downloaded_byte_for_byte(place: Installation) -> None:
    text = 'OCMF|{"FV":"1.0", "GI":"Zähler é"}|\t{"SD":"3045"}\r\n'
    signed = SignedReading(NOW, ReadingContext.END, SignedData(text, "3059", "ECDSA", "OCMF"))
    with place.running() as running, httpx.Client(base_url=running.url, timeout=10) as client:
        received = Received(ChargePointId("CP-RATHAUS"), MessageId("m"), NOW, "{}")
        work = partial(store_signed_values, row_id=RATED, evse_id=EvseId(1), signed=[signed, signed], received=received)
        asyncio.run_coroutine_threadsafe(running.store.write(work), running.loop).result(5)
        [told] = client.get(f"/api/v1/transactions/{RATED}/signed-values").json()
        answer = client.get(f"/api/v1/transactions/{RATED}/signed-values/{told['id']}")
        statuses = [
            client.get(f"/api/v1/transactions/{path}").status_code
            for path in (
                f"{HELD}/signed-values/{told['id']}",
                f"{RATED}/signed-values/99",
                "9999/signed-values",
                "x/signed-values",
            )
        ]
    assert answer.content == text.encode()
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert told == {
        "id": told["id"],
        "at": "2026-10-27T15:42:10Z",
        "context": "Transaction.End",
        "data": text,
        "public_key": "3059",
        "signing_method": "ECDSA",
        "encoding_method": "OCMF",
        "received_at": "2026-10-27T15:42:10Z",
    }
    assert statuses == [404, 404, 404, 422]
