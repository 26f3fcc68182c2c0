"""Where to look for meters: which settings of the line and which addresses, likely ones first. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from hardware.bus import Framing
from hardware.meters.register_map import MeterTable, Register

FIRST_ADDRESSES = range(1, 11)
LAST_ADDRESS = 247
"""Modbus over Serial Line V1.02 §2.2."""

_MENUS = tuple(
    Framing(baud, parity)
    for baud, parity in ((9600, "N"), (9600, "E"), (19200, "E"), (19200, "N"), (2400, "N"), (4800, "N"), (38400, "N"),
                         (38400, "E"), (115200, "N"), (115200, "E"), (9600, "O"), (19200, "O"), (1200, "N"))
)  # fmt: skip
"""What the menus of meters offer; 8N2 is heard by devices that expect 8N1."""


@dataclass(frozen=True, slots=True)
class Place:
    """One place to look: a framing and an address. `register`: what a meter that is delivered so surely has."""

    framing: Framing
    address: int
    register: Register | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """Three rounds: as configured or delivered; usual addresses with other framings; everywhere else."""

    first: tuple[Place, ...]
    likely: tuple[Place, ...]
    rest: tuple[Place, ...]


def plan(
    tables: Sequence[MeterTable],
    configured: Framing,
    addresses: Iterable[int] = (),
    *,
    fixed: bool = False,
) -> Plan:
    """Plan a scan.

    Args:
        tables: the meters that are known, the usual ones first.
        configured: framing of the line in the settings; comes first.
        addresses: those in the settings; come first.
        fixed: only the configured framing: behind a gateway, which has a framing of its own.
    """
    framings = [configured] if fixed else _framings(tables, configured)
    near = list(dict.fromkeys([*addresses, *FIRST_ADDRESSES, *sorted({table.address for table in tables})]))
    far = [address for address in range(1, LAST_ADDRESS + 1) if address not in near]
    first = [*(Place(configured, address) for address in near), *_as_delivered(tables, configured, fixed=fixed)]
    likely = [Place(framing, address) for framing in framings[1:] for address in near]
    rest = [Place(framing, address) for framing in framings for address in far]
    return Plan(tuple(first), tuple(likely), tuple(rest))


def _framings(tables: Sequence[MeterTable], configured: Framing) -> list[Framing]:
    """Order framings: the configured, those in which meters are delivered, those that their menus offer."""
    delivered = Counter(table.framing for table in tables if table.framing_is_known)
    return list(dict.fromkeys([configured, *(framing for framing, _ in delivered.most_common()), *_MENUS]))


def _as_delivered(tables: Sequence[MeterTable], configured: Framing, *, fixed: bool) -> Iterator[Place]:
    """Ask each family for its own import register where it is as delivered: some stay silent on any other question."""
    seen = set()
    for table in tables:
        row, framing = table.energy_import, configured if fixed else table.framing
        key = (framing, table.address, row.function, row.first)
        if key not in seen:
            seen.add(key)
            yield Place(framing, table.address, row)
