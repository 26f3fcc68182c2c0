"""The power cut at every step of a session in every situation: python -m tests.storm.matrix [EVERY]

EVERY: of the steps only each so-manieth is tried. Ends with status 1 if anything was lost, came twice or out of order.
"""

import asyncio
import logging
import sys
import tempfile
from pathlib import Path

from tests.crash.power_cuts import SITUATIONS, count_steps, cut_all, journals_on_power


async def run(folder: Path, every: int) -> int:
    """Give how many cuts went wrong."""
    found, tried = 0, 0
    for situation in SITUATIONS:
        with tempfile.TemporaryDirectory(dir=folder) as whole, tempfile.TemporaryDirectory(dir=folder) as homes:
            steps = await count_steps(Path(whole), situation)
            cuts = [(situation, step) for step in range(0, steps, every)]
            wrong = await cut_all(Path(homes), cuts, print)
        found, tried = found + len(wrong), tried + len(cuts)
        print(f"{situation}: {len(cuts)} cuts in {steps} steps, {len(wrong)} went wrong", flush=True)
    print(f"{tried} cuts, {found} went wrong")
    return found


def main() -> None:
    logging.disable(logging.CRITICAL)
    every = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    with tempfile.TemporaryDirectory() as name, journals_on_power():
        sys.exit(bool(asyncio.run(run(Path(name), every))))


if __name__ == "__main__":
    main()
