"""Publishing to an MQTT broker: connect, publish, wait until the broker has it, leave. `mqtt_input` listens."""

import ssl
import threading
from dataclasses import dataclass
from typing import Any

import paho.mqtt.client

from backend.errors import DeliveryError
from shared.ids import Secret

TIMEOUT_S = 10.0
"""To connect, and for the broker to acknowledge; link time."""

# Any: the type stubs that are about describe paho-mqtt 1, this is 2.
_PAHO: Any = paho.mqtt.client


@dataclass(frozen=True, slots=True)
class Broker:
    """Where a broker is; `roots` names a file of authorities, empty = those of the system."""

    host: str
    port: int
    user: str
    password: Secret
    tls: bool
    roots: str


def publish(broker: Broker, topic: str, body: str) -> None:
    """Publish one retained message at least once (QoS 1). It blocks for two time-outs at most: run it in a thread.

    Raises:
        DeliveryError: the broker can't be reached, refuses us, or does not acknowledge.
    """
    client = _PAHO.Client(_PAHO.CallbackAPIVersion.VERSION2)
    client.connect_timeout = TIMEOUT_S
    if broker.user:
        client.username_pw_set(broker.user, broker.password.value)
    answered, refusals = threading.Event(), []

    # Any: as above.
    def connected(_client: Any, _data: Any, _flags: Any, reason: Any, _more: Any) -> None:
        if reason.is_failure:
            refusals.append(str(reason))
        answered.set()

    client.on_connect = connected
    try:
        if broker.tls:
            client.tls_set_context(ssl.create_default_context(cafile=broker.roots or None))
        client.connect(broker.host, broker.port, keepalive=30)
        client.loop_start()
        if not answered.wait(TIMEOUT_S) or refusals:
            raise DeliveryError(f"the broker {broker.host} refuses us: {refusals[0] if refusals else 'no answer'}")
        told = client.publish(topic, body, qos=1, retain=True)
        told.wait_for_publish(TIMEOUT_S)
        if not told.is_published():
            raise DeliveryError(f"the broker {broker.host} did not acknowledge")
    except (OSError, ValueError, RuntimeError) as error:
        raise DeliveryError(f"the broker {broker.host} can't be reached: {error}") from error
    finally:
        client.disconnect()
        client.loop_stop()
