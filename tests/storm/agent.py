"""The agent on the devices of its configuration, in a boot of the machine that the storm names.

python -m tests.storm.agent CONFIG BOOT
"""

import asyncio
import signal
import sys
from pathlib import Path

from shared.clock import SystemClock
from shared.config import load
from shared.log import start_logging
from station.app import run_station
from station.devices import build_hardware
from station.settings import StationSettings


async def run(config: Path, boot: str) -> None:
    settings, stop = load(config, StationSettings), asyncio.Event()
    start_logging()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    clock = SystemClock()
    await run_station(settings, build_hardware(settings, clock), clock=clock, kernel_boot_id=boot, stop=stop)


if __name__ == "__main__":
    asyncio.run(run(Path(sys.argv[1]), sys.argv[2]))
