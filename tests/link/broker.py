"""A real MQTT broker on loopback, and a client that keeps what it hears."""

import asyncio
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import paho.mqtt.client

# Any: the type stubs that are about describe paho-mqtt 1.
PAHO: Any = paho.mqtt.client


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class Broker:
    """mosquitto, which may be killed and started again on its port."""

    def __init__(self, folder: Path, *lines: str) -> None:
        self.port = free_port()
        self._config = folder / "mosquitto.conf"
        self._config.write_text(
            "\n".join(("user root", f"listener {self.port} 127.0.0.1", *(lines or ("allow_anonymous true",))))
        )
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(
            ["mosquitto", "-c", str(self._config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        for _ in range(200):
            with socket.socket() as one:
                if one.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        raise AssertionError("mosquitto did not start")

    def kill(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()
        self._process = None

    @contextmanager
    def running(self) -> Iterator["Broker"]:
        self.start()
        try:
            yield self
        finally:
            self.kill()


class Peer:
    """Another client: an energy manager, or Home Assistant."""

    def __init__(self, port: int, topic: str = "#") -> None:
        self.heard: dict[str, str] = {}
        self.count: dict[str, int] = {}
        self._client = PAHO.Client(PAHO.CallbackAPIVersion.VERSION2)
        self._client.on_message = self._hear
        self._client.on_connect = lambda client, *_: client.subscribe(topic, 1)
        self._port = port

    def _hear(self, _client: Any, _data: Any, message: Any) -> None:
        self.heard[message.topic] = message.payload.decode()
        self.count[message.topic] = self.count.get(message.topic, 0) + 1

    def say(self, topic: str, text: str, *, retain: bool = False) -> None:
        self._client.publish(topic, text, qos=1, retain=retain)

    @contextmanager
    def there(self, *, tls: str = "", user: str = "", password: str = "") -> Iterator["Peer"]:
        if tls:
            self._client.tls_set(tls)
        if user:
            self._client.username_pw_set(user, password)
        self._client.connect("127.0.0.1", self._port)
        self._client.loop_start()
        try:
            yield self
        finally:
            self._client.disconnect()
            self._client.loop_stop()


async def until(condition: Any, timeout_s: float = 10.0) -> None:
    """Wait until something has come true that tells nobody of it."""
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110  nobody sets an event
            await asyncio.sleep(0.01)
