"""Notices of alerts reach a real web server and a real MQTT broker, and are tried again when they do not."""

import asyncio
import hmac
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from backend.core.watch.alert import AlertKind, Plan, Rule
from backend.csms.connections import Connections
from backend.errors import DeliveryError
from backend.jobs.mqtt_publisher import Broker, publish
from backend.jobs.send_alerts import AlertSender, AlertSettings
from backend.jobs.watch_alerts import watch
from backend.jobs.watch_links import LinkWatcher
from backend.jobs.webhook import post
from backend.store.alerts import write_plan
from backend.store.watch import StatusReport, note_status
from backend.store.watch_tables import alert_notice
from shared.clock import ManualClock
from shared.ids import ChargePointId, Secret
from tests.link.broker import Broker as MqttBroker
from tests.link.broker import Peer, until
from tests.unit.backend.world import NOW, open_world


class Receiver(HTTPServer):
    """Takes what is posted; answers with `status`."""

    status = 200

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.heard: list[tuple[dict[str, str], bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/alerts"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.heard.append((dict(self.headers), body))
        self.send_response(self.server.status)
        self.send_header("Location", "http://127.0.0.1:1/")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@contextmanager
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def test_a_notice_is_signed_tried_again_under_its_name_and_then_over(tmp_path: Path) -> None:
    async def test(server: Receiver) -> None:
        async with open_world(tmp_path) as store:
            clock = ManualClock(NOW)
            await LinkWatcher(store, clock, Connections()).run()
            report = StatusReport(1, 1, "Faulted", NOW - timedelta(hours=1), "GroundFailure")
            await store.write(lambda unit: note_status(unit, ChargePointId("CP-1"), report))
            plan = Plan((Rule(AlertKind.FAULT, 0),), webhook=server.url)
            await store.write(lambda unit: write_plan(unit, "muster", plan, "sealed"))
            await store.write(lambda unit: watch(unit, "muster", ZoneInfo("Europe/Berlin"), clock.utc()))
            sender = AlertSender(store, clock, AlertSettings(allow_private=True), lambda _: Secret("s3cret"))
            server.status = 503
            assert await sender.run() == NOW + timedelta(seconds=30)
            server.status = 204
            clock.advance(30)
            assert await sender.run() is None
            assert len(server.heard) == 2
            (first, _), (headers, body) = server.heard
            assert first["Emops-Delivery"] == headers["Emops-Delivery"] == "1-raised"
            at, _, digest = headers["Emops-Signature"].removeprefix("t=").partition(",v1=")
            assert digest == hmac.new(b"s3cret", at.encode() + b"." + body, "sha256").hexdigest()
            assert int(at) == int(clock.utc().timestamp())
            assert "Fehlerstrom" in body.decode()

    with receiver() as server:
        asyncio.run(test(server))


def test_a_notice_is_given_up_after_a_day(tmp_path: Path) -> None:
    async def test() -> None:
        async with open_world(tmp_path) as store:
            clock = ManualClock(NOW)
            await LinkWatcher(store, clock, Connections()).run()
            report = StatusReport(1, 1, "Faulted", NOW)
            await store.write(lambda unit: note_status(unit, ChargePointId("CP-1"), report))
            plan = Plan((Rule(AlertKind.FAULT, 0),), webhook="http://127.0.0.1:9/")
            await store.write(lambda unit: write_plan(unit, "muster", plan, ""))
            await store.write(lambda unit: watch(unit, "muster", ZoneInfo("Europe/Berlin"), clock.utc()))
            sender = AlertSender(store, clock, AlertSettings(), lambda _: Secret(""))
            for _ in range(60):
                due = await sender.run()
                if due is None:
                    break
                clock.advance((due - clock.utc()).total_seconds())
            assert timedelta(hours=24) <= clock.utc() - NOW <= timedelta(hours=25)
            row = await store.read(
                lambda unit: tuple(unit.execute(select(alert_notice.c.state, alert_notice.c.reason)).one())
            )
            assert row[0] == "failed"
            assert "no public address" in row[1]

    asyncio.run(test())


def test_what_is_private_is_not_reached_and_a_redirection_not_followed() -> None:
    with receiver() as server:
        for url in (server.url, server.url.replace("127.0.0.1", "localhost")):
            with pytest.raises(DeliveryError, match="no public address"):
                post(url, b"{}", {}, allow_private=False)
        assert not server.heard
        server.status = 302
        with pytest.raises(DeliveryError, match="answered 302"):
            post(server.url, b"{}", {}, allow_private=True)
        assert len(server.heard) == 1


def test_a_broker_keeps_what_it_was_told_and_one_that_is_gone_or_refuses_is_named(tmp_path: Path) -> None:
    topic = "emops/muster/alerts/CP-1/fault"
    with MqttBroker(tmp_path).running() as mosquitto:
        broker = Broker("127.0.0.1", mosquitto.port, "", Secret(""), False, "")
        publish(broker, topic, '{"event":"alert.raised"}')

        async def listen() -> None:
            with Peer(mosquitto.port).there() as peer:
                await until(lambda: peer.heard)
            assert peer.heard == {topic: '{"event":"alert.raised"}'}, "it is retained"

        asyncio.run(listen())
    with pytest.raises(DeliveryError, match="can't be reached"):
        publish(broker, topic, "{}")
    with (
        MqttBroker(tmp_path, "allow_anonymous false").running() as strict,
        pytest.raises(DeliveryError, match="refuses us: Not authorized"),
    ):
        publish(Broker("127.0.0.1", strict.port, "", Secret(""), False, ""), topic, "{}")
