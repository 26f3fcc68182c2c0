"""Settings of the way to the central system and of what is done when it gives no replies."""

from dataclasses import dataclass

from shared.config import setting, table
from station.core.uplink_ladder import Rule, Rung, Triggers


@dataclass(frozen=True, slots=True)
class LadderSettings:
    """What is done about a link without OCPP replies: redial, register, restart, power, access, reboot. Link time."""

    silence_s: float = setting(
        120.0, unit="s", minimum=0, maximum=86400, help="no reply for so long, though one connection was tried: redial"
    )
    unregistered_s: float = setting(
        300.0, unit="s", minimum=0, maximum=86400, help="not registered for so long: search anew"
    )
    mute_s: float = setting(
        60.0, unit="s", minimum=0, maximum=86400, help="the modem does not answer for so long: power key"
    )
    grace_s: float = setting(
        90.0, unit="s", minimum=0, maximum=86400, help="a modem that has just registered has so long for a reply"
    )
    rest_s: float = setting(900.0, unit="s", minimum=0, maximum=86400, help="between two climbs")
    redial_wait_s: float = setting(90.0, unit="s", minimum=0, maximum=86400, help="a redial may take so long to help")
    redial_tries: int = setting(3, minimum=1, maximum=100, help="redials in one climb")
    redial_per_day: int = setting(48, minimum=0, maximum=1000, help="redials in 24 hours; 0 = none")
    register_wait_s: float = setting(
        300.0, unit="s", minimum=0, maximum=86400, help="likewise for the radio off and on; a cold LTE-M needs 600"
    )
    register_tries: int = setting(2, minimum=1, maximum=100, help="likewise")
    register_per_day: int = setting(24, minimum=0, maximum=1000, help="likewise")
    restart_wait_s: float = setting(
        480.0, unit="s", minimum=0, maximum=86400, help="likewise for a restart of the modem or its power key"
    )
    restart_tries: int = setting(2, minimum=1, maximum=100, help="likewise")
    restart_per_day: int = setting(8, minimum=0, maximum=1000, help="likewise")
    access_wait_s: float = setting(
        300.0, unit="s", minimum=0, maximum=86400, help="likewise for the next of modem.fallback_apns"
    )
    access_per_day: int = setting(12, minimum=0, maximum=1000, help="likewise")
    reboot_after_s: float = setting(
        7200.0, unit="s", minimum=60, maximum=604800, help="silence before the controller starts anew"
    )
    reboot_per_day: int = setting(1, minimum=0, maximum=24, help="controller restarts in 24 hours; 0 = none")
    redial_command: tuple[str, ...] = setting(
        (), help="command that redials where the host's own network carries the link; empty = there is none"
    )
    power_command: tuple[str, ...] = setting(
        (), help="command that works the modem's power key, reset pin or USB supply; empty = there is none"
    )
    reboot_command: tuple[str, ...] = setting(
        (), help="command that starts the controller anew, for instance systemctl reboot; empty = never"
    )

    def rules(self, accesses: int) -> tuple[Rule, ...]:
        """Give the rungs.

        Args:
            accesses: access point names beside the present one.
        """
        wait_s, tries, per_day = self.restart_wait_s, self.restart_tries, self.restart_per_day
        return (
            Rule(Rung.REDIAL, self.redial_wait_s, self.redial_tries, self.redial_per_day),
            Rule(Rung.REGISTER, self.register_wait_s, self.register_tries, self.register_per_day),
            Rule(Rung.RESTART, wait_s, tries, per_day),
            Rule(Rung.POWER, wait_s, tries, per_day),
            Rule(Rung.ACCESS, self.access_wait_s, max(1, accesses), self.access_per_day),
            Rule(Rung.REBOOT, max(wait_s, 600.0), 1, self.reboot_per_day),
        )

    def triggers(self, failures: int) -> Triggers:
        """Give when a climb begins; `failures` are connections without a reply."""
        return Triggers(
            failures,
            self.silence_s,
            self.unregistered_s,
            self.mute_s,
            self.grace_s,
            self.rest_s,
            self.reboot_after_s,
        )


@dataclass(frozen=True, slots=True)
class UplinkSettings:
    """The way to the central system."""

    bearer: str = setting("modem", choices=("modem", "host"), help="through the modem, or the host's own network")
    poll_s: float = setting(10.0, unit="s", minimum=0.2, maximum=600, help="how often registration is looked at")
    retry_s: float = setting(5.0, unit="s", minimum=0.1, maximum=600, help="pause after a failure of the modem")
    reattach_after: int = setting(
        3, minimum=1, maximum=100, help="connections without an OCPP reply before something is done about the link"
    )
    prefetch_h: float = setting(
        3.0,
        unit="h",
        minimum=0,
        maximum=48,
        help="so long before an hour that usually has no link, what can wait is fetched; 0 = never",
    )
    ladder: LadderSettings = table(LadderSettings, help="what is done about a link without OCPP replies")
