"""The local MQTT broker: a connection that heals itself, in a thread of its own. Nothing of charging waits for it."""

import asyncio
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import paho.mqtt.client

from shared.log import Log
from station.limit_settings import MqttSettings

KEEP_ALIVE_S = 20
"""A broker that is silent for one and a half of it is gone."""
MOST_WAITING = 200
"""Messages from the broker that wait to be looked at; the oldest fall out."""

# Any: the type stubs that are about describe paho-mqtt 1, this is 2.
_PAHO: Any = paho.mqtt.client

_LOG = Log("station.mqtt")


@dataclass(frozen=True, slots=True)
class Heard:
    """A message; `is_old` if the broker had kept it since before we asked."""

    topic: str
    payload: bytes
    is_old: bool


@dataclass(frozen=True, slots=True)
class LastWill:
    """What a retained topic says while we are there, and what the broker says there when we are gone."""

    topic: str
    here: str
    gone: str


class MqttBroker:
    """See the module. Connecting again is its own business, with waits from 1 s to 60 s (link time).

    Args:
        settings: where the broker is.
        client_id: our name at the broker: one connection per name.
        will: told by the broker when we are gone.
        topics: that are listened to.
    """

    def __init__(
        self, settings: MqttSettings, client_id: str, *, will: LastWill | None = None, topics: Sequence[str] = ()
    ) -> None:
        self._settings = settings
        self._will = will
        self._topics = tuple(topics)
        self.is_online = False
        self.on_message: Callable[[Heard], None] = lambda _heard: None
        """Hears what comes, in the event loop."""
        self.on_online: Callable[[], None] = lambda: None
        """Hears that the broker is there again and has forgotten what was not retained."""
        self._complaint = ""
        self._waiting = 0
        self._is_leaving = False
        self._client = _PAHO.Client(_PAHO.CallbackAPIVersion.VERSION2, client_id=client_id)
        self._client.reconnect_delay_set(1, 60)
        self._client.connect_timeout = 10
        self._client.max_queued_messages_set(MOST_WAITING)
        if settings.user:
            self._client.username_pw_set(settings.user, settings.password.value)
        if settings.tls:
            self._client.tls_set_context(ssl.create_default_context(cafile=settings.roots or None))
        if will:
            self._client.will_set(will.topic, will.gone, qos=1, retain=True)

    def publish(self, messages: Mapping[str, str], *, retain: bool = True) -> None:
        """Tell topics something, at least once; what the broker can't take now is dropped."""
        if self.is_online:
            for topic, text in messages.items():
                self._client.publish(topic, text, qos=1, retain=retain)

    async def run(self) -> NoReturn:
        """Stay connected until cancelled; then say goodbye."""
        loop = asyncio.get_running_loop()
        self._listen(loop)
        self._client.connect_async(self._settings.host, self._settings.port, KEEP_ALIVE_S)
        self._client.loop_start()
        try:
            await asyncio.Event().wait()
        finally:
            self._leave()
        raise AssertionError("unreachable")

    def _leave(self) -> None:
        # A broker gives no last will for those who say goodbye, so we say it ourselves. Paho's thread, which ends with
        # the connection, sends both: contactors must not wait for a broker.
        if self.is_online and self._will:
            self._client.publish(self._will.topic, self._will.gone, qos=1, retain=True)
        self.is_online, self._is_leaving = False, True
        self._client.disconnect()

    def _listen(self, loop: asyncio.AbstractEventLoop) -> None:
        """Carry what paho's thread tells into the event loop."""

        def carry(function: Callable[..., None], *arguments: object) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(function, *arguments)

        # Any: likewise.
        def connected(_client: Any, _data: Any, _flags: Any, reason: Any, _more: Any) -> None:
            carry(self._connected, "" if not reason.is_failure else f"the broker refuses: {reason}")

        def disconnected(_client: Any, _data: Any, _flags: Any, reason: Any, _more: Any) -> None:
            carry(self._lost, f"{reason}")

        def failed(_client: Any, _data: Any) -> None:
            carry(self._lost, "can't be reached")

        def heard(_client: Any, _data: Any, message: Any) -> None:
            if self._waiting < MOST_WAITING:
                self._waiting += 1
                carry(self._heard, Heard(message.topic, message.payload, message.retain))

        self._client.on_connect = connected
        self._client.on_disconnect = disconnected
        self._client.on_connect_fail = failed
        self._client.on_message = heard

    def _connected(self, refusal: str) -> None:
        if refusal:
            self._lost(refusal)
            return
        self.is_online = True
        _LOG.info("broker_connected", host=self._settings.host)
        self._complaint = ""
        for topic in self._topics:
            self._client.subscribe(topic, qos=1)
        if self._will:
            self._client.publish(self._will.topic, self._will.here, qos=1, retain=True)
        self.on_online()

    def _lost(self, reason: str) -> None:
        self.is_online = False
        if not self._complaint and not self._is_leaving:
            _LOG.warning("broker_lost", host=self._settings.host, reason=reason)
        self._complaint = reason

    def _heard(self, heard: Heard) -> None:
        self._waiting -= 1
        self.on_message(heard)
