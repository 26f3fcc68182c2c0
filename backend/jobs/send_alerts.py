"""Job: send notices of alerts to webhooks and to the MQTT broker, and again when they were not taken."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from backend.core.watch.webhook import DELIVERY, SIGNATURE, signature
from backend.errors import AccessError, DeliveryError
from backend.jobs.mqtt_publisher import Broker, publish
from backend.jobs.webhook import post
from backend.store.alerts import WEBHOOK, Notice, keep_failed, keep_sent, next_notice, retry_at, waiting
from backend.store.writer import Store
from shared.clock import Clock
from shared.config import setting
from shared.ids import Secret
from shared.log import Log

log = Log(__name__)

_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class AlertSettings:
    """How alerts leave the program, besides by mail."""

    allow_private: bool = setting(
        False, help="whether webhooks may go to addresses of private networks and of this machine"
    )
    mqtt_host: str = setting("", help="MQTT broker that alerts are published to; empty = none")
    mqtt_port: int = setting(1883, minimum=1, maximum=65535, help="its port, usually 8883 with TLS")
    mqtt_user: str = setting("", help="user name at the broker; empty = none")
    mqtt_password: Secret = setting(Secret(""), help="password at the broker")
    mqtt_tls: bool = setting(False, help="whether the broker is spoken to by TLS")
    mqtt_roots: str = setting("", help="file of authorities that the broker is checked by; empty = the system's")
    mqtt_topic: str = setting("emops", help="what topics begin with: <it>/<operator>/alerts/<station>/<kind>")


class AlertSender:
    """See the module.

    Args:
        store: with the notices.
        clock: world time.
        settings: of ways out.
        open_secret: opens a sealed secret; may raise AccessError.
    """

    def __init__(
        self, store: Store, clock: Clock, settings: AlertSettings, open_secret: Callable[[str], Secret]
    ) -> None:
        self._store, self._clock, self._settings, self._open = store, clock, settings, open_secret

    async def run(self) -> datetime | None:
        """Send what is due, and tell when something is due next. Cancelling is safe; what was sent may come again."""
        while due := await self._store.read(lambda unit: waiting(unit, self._clock.utc(), _AT_ONCE)):
            await asyncio.gather(*(self._send(notice) for notice in due))
        return await self._store.read(next_notice)

    async def _send(self, notice: Notice) -> None:
        try:
            await asyncio.to_thread(self._deliver, notice, self._clock.utc())
        except (AccessError, DeliveryError) as error:
            again, reason = retry_at(notice, self._clock.utc()), str(error)
            await self._store.write(lambda unit: keep_failed(unit, notice, reason, again))
            if notice.tries == 0 or again is None:
                log.warning("alert_not_taken", notice=notice.name, channel=notice.channel, reason=reason, again=again)
        else:
            await self._store.write(lambda unit: keep_sent(unit, notice.id))
            log.info("alert_sent", notice=notice.name, channel=notice.channel)

    def _deliver(self, notice: Notice, now: datetime) -> None:
        s = self._settings
        if notice.channel != WEBHOOK:
            if not s.mqtt_host:
                raise DeliveryError("no MQTT broker is set: alerts.mqtt_host")
            broker = Broker(s.mqtt_host, s.mqtt_port, s.mqtt_user, s.mqtt_password, s.mqtt_tls, s.mqtt_roots)
            publish(broker, f"{s.mqtt_topic}/{notice.target}", notice.body)
            return
        body = notice.body.encode()
        headers = {DELIVERY: notice.name}
        if notice.secret:
            headers[SIGNATURE] = signature(self._open(notice.secret), body, int(now.timestamp()))
        post(notice.target, body, headers, allow_private=s.allow_private)
