"""What the station and a local MQTT broker tell each other: the limit of the site in, telemetry out."""

import asyncio
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from typing import NoReturn

from shared.clock import Clock
from shared.ids import EvseId
from station.core.site_limit import parse_told
from station.core.telemetry import Names, Pace, StationFacts, discovery, states, topic_name
from station.errors import JournalStalled
from station.limits import Limits
from station.mqtt import Heard, LastWill, MqttBroker
from station.settings import StationSettings

LOOK_S = 1.0
"""How often is looked what there is to tell, world time."""


class LocalBroker:
    """See the module.

    Args:
        settings: of the station.
        limits: hear the limit.
        clock: world time.
        facts: gives what is to be told.
    """

    def __init__(
        self, settings: StationSettings, limits: Limits, clock: Clock, facts: Callable[[], Awaitable[StationFacts]]
    ) -> None:
        identity, telemetry = settings.identity, settings.telemetry
        self._settings, self._limits, self._clock, self._facts = settings, limits, clock, facts
        self._names = Names(
            topic_name(telemetry.topic, identity.charge_point_id),
            telemetry.discovery,
            identity.charge_point_id,
            identity.vendor,
            identity.model,
            version("emops"),
        )
        self._pace = Pace(telemetry.every_s)
        will = LastWill(self._names.availability, "online", "offline") if telemetry.enabled else None
        topics = (settings.limits.topic,) if settings.limits.source == "mqtt" else ()
        self._broker = MqttBroker(settings.mqtt, self._names.node, will=will, topics=topics)
        self._broker.on_message = self._hear
        self._broker.on_online = self._greet

    async def run(self) -> NoReturn:
        """Listen and tell until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._broker.run())
            if self._settings.telemetry.enabled:
                group.create_task(self._tell())
        raise AssertionError("unreachable")

    def _hear(self, heard: Heard) -> None:
        site = self._limits.site
        if site is None:
            return
        try:
            self._limits.take(parse_told(heard.payload, site.rules), is_old=heard.is_old)
        except ValueError as error:
            self._limits.refuse(error)

    def _greet(self) -> None:
        self._pace.forget()
        if self._settings.telemetry.enabled:
            evses = {EvseId(evse.id): evse.phases for evse in self._settings.evse}
            self._broker.publish(discovery(evses, self._names))

    async def _tell(self) -> NoReturn:
        while True:
            if self._broker.is_online:
                try:
                    facts = await self._facts()
                except JournalStalled:
                    pass  # whoever writes says so
                else:
                    told = states(facts, self._names)
                    self._broker.publish(self._pace.due(told, self._clock.uptime()))
            await self._clock.sleep(LOOK_S)
