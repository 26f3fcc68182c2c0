"""Job: dimming and readings of sites from an MQTT broker. Listens only: `mqtt_publisher` publishes.

`TOPIC/SITE/dimming` takes {"limit_w": 4200, "until": "2026-01-31T12:00:00Z"}, both may be null or missing;
`TOPIC/SITE/meter` takes {"l1_a": 12.5, "l2_a": 0, "l3_a": 3}. Whoever may publish there may dim: the broker's own rules
say who that is.
"""

import asyncio
import ssl
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import paho.mqtt.client
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from backend.errors import StoreError
from backend.jobs.steer_load import LoadSettings
from backend.store import load as rows
from backend.store.writer import Store, short_reason
from shared.clock import Clock
from shared.log import Log
from shared.ocpp.session import loads

log = Log(__name__)

_KEEP_ALIVE_S = 20
_MOST_WAITING = 200
_LARGEST = 1024
_SOURCE = "MQTT"
MOST_W, MOST_A = 10_000_000, 10_000

# Any: the type stubs that are about describe paho-mqtt 1, this is 2.
_PAHO: Any = paho.mqtt.client


class MqttInput:
    """See the module. Connecting again is paho's own business, with waits from 1 s to 60 s (link time)."""

    def __init__(self, store: Store, clock: Clock, settings: LoadSettings) -> None:
        self._store, self._clock, self._settings = store, clock, settings
        self._heard: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue(_MOST_WAITING)
        self._is_online = False

    async def run(self) -> None:
        """Listen until cancelled; end at once where no broker is set."""
        settings = self._settings
        if not settings.mqtt_host:
            return
        client = _PAHO.Client(_PAHO.CallbackAPIVersion.VERSION2)
        client.reconnect_delay_set(1, 60)
        if settings.mqtt_user:
            client.username_pw_set(settings.mqtt_user, settings.mqtt_password.value)
        if settings.mqtt_tls:
            client.tls_set_context(ssl.create_default_context())
        self._listen(client, asyncio.get_running_loop())
        client.connect_async(settings.mqtt_host, settings.mqtt_port, _KEEP_ALIVE_S)
        client.loop_start()
        try:
            while True:
                await self._take(*await self._heard.get())
        finally:
            client.disconnect()

    def _listen(self, client: Any, loop: asyncio.AbstractEventLoop) -> None:
        """Carry what paho's thread hears into the event loop."""

        def carry(function: Callable[..., None], *arguments: object) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(function, *arguments)

        def connected(own: Any, _data: Any, _flags: Any, reason: Any, _more: Any) -> None:
            if not reason.is_failure:
                own.subscribe([(f"{self._settings.mqtt_topic}/+/{kind}", 1) for kind in ("dimming", "meter")])
            carry(self._note, not reason.is_failure, str(reason))

        def disconnected(_own: Any, _data: Any, _flags: Any, reason: Any, _more: Any) -> None:
            carry(self._note, False, str(reason))

        def heard(_own: Any, _data: Any, message: Any) -> None:
            carry(self._keep, message.topic, message.payload)

        client.on_connect, client.on_disconnect, client.on_message = connected, disconnected, heard

    def _note(self, is_online: bool, reason: str) -> None:
        if is_online != self._is_online:
            tell = log.info if is_online else log.warning
            tell("load_broker", online=is_online, host=self._settings.mqtt_host, reason=reason)
        self._is_online = is_online

    def _keep(self, topic: str, payload: bytes) -> None:
        if self._heard.full():
            self._heard.get_nowait()  # the newest counts
        self._heard.put_nowait((topic, payload))

    async def _take(self, topic: str, payload: bytes) -> None:
        site, _, kind = topic.removeprefix(f"{self._settings.mqtt_topic}/").rpartition("/")
        now = self._clock.utc()
        try:
            work = parse(site, kind, payload, now)
            await self._store.write(work)
        except (ValueError, LookupError) as error:
            log.warning("load_message_refused", topic=topic, reason=f"{type(error).__name__}: {error}")
        except (StoreError, SQLAlchemyError) as error:
            log.error("load_message_lost", topic=topic, reason=short_reason(error))


def parse(site: str, kind: str, payload: bytes, now: datetime) -> Callable[[Connection], object]:
    """Read a message, and give what is to be done with it.

    Raises:
        ValueError: it is none of ours.
    """
    if len(payload) > _LARGEST:
        raise ValueError(f"more than {_LARGEST} bytes")
    body = loads(payload.decode())
    if not isinstance(body, dict):
        raise ValueError("not a JSON object")
    if kind == "meter":
        l1, l2, l3 = (_milliamperes(body, name) for name in ("l1_a", "l2_a", "l3_a"))
        return lambda unit: rows.take_reading(unit, site, (l1, l2, l3), now)
    limit = body.get("limit_w")
    if limit is not None and (
        isinstance(limit, bool) or not isinstance(limit, (int, Decimal)) or not 0 <= limit <= MOST_W
    ):
        raise ValueError(f"limit_w is a power from 0 to {MOST_W} W, or null")
    until = None if body.get("until") is None else datetime.fromisoformat(str(body["until"]))
    if until is not None and until.tzinfo is None:
        raise ValueError("until needs an offset, for instance Z")
    watts = None if limit is None else int(limit)
    return lambda unit: rows.dim(unit, site, watts, until, _SOURCE, now)


def _milliamperes(body: Mapping[str, object], name: str) -> int:
    value = body.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)) or not 0 <= value <= MOST_A:
        raise ValueError(f"{name} is a current from 0 to {MOST_A} A")
    return int(value * 1000)
