"""Settings of what the mobile link may cost."""

from dataclasses import dataclass

from shared.config import setting
from station.core.data_budget import Allowance


@dataclass(frozen=True, slots=True)
class DataSettings:
    """What the SIM's contract allows, and what is saved of it."""

    allowance_mb: int = setting(
        0, unit="MB", minimum=0, maximum=1000000, help="what the SIM may use in a month, of 1,000,000 bytes; 0 = no end"
    )
    thrift_percent: int = setting(
        80, unit="%", minimum=1, maximum=100, help="from this share of it on the station tells less between billed data"
    )
    first_day: int = setting(1, minimum=1, maximum=28, help="day on which the month of the SIM's contract begins, UTC")
    thrift_sample_s: int = setting(
        900, unit="s", minimum=60, maximum=86400, help="least time between two samples then, four times that when over"
    )
    compression_bits: int = setting(
        15,
        minimum=0,
        maximum=15,
        help="window of permessage-deflate that is offered to the central system, 9 to 15; 0 = none is offered",
    )

    def allowance(self) -> Allowance:
        """Give what the SIM may use."""
        return Allowance(self.allowance_mb * 1_000_000, self.thrift_percent, self.first_day)
