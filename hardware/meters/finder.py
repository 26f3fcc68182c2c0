"""Finder 7M and 7E.

Sources: [1] volkszaehler/mbmd, finder7m24.go and finder7m38.go; [2] SmartEVSE, meter.cpp; [3] the public map at
star.ke.st; [4] openWB, modules/devices/algodue, whose map the 7E.78 shares; [5] the vendor's page on 7E.23 and mbmd,
sbc.go: the 7E.23 shares the map of Saia PCD meters, whose documents count from 1.
"""

from dataclasses import replace

from hardware.bus import Framing
from hardware.meters.layout import Layout
from hardware.meters.register_map import Kind, MeterTable

_7M = Layout(4, Kind.F32, "[1] [2]")
_7E78 = Layout(4, Kind.F32, "[2] [4]")
_7E23 = Layout(3, Kind.U16, "[5]")

FINDER_7M38 = MeterTable(
    "7M.38",
    "Finder 7M.38",
    (
        *_7M.volts(2500, 2502, 2504),
        *_7M.amperes(2516, 2518, 2520),
        *_7M.watts(2530, 2532, 2534),
        _7M.power(2536),
        _7M.hertz(2584),
        *_7M.energies(2752, 2756, "Wh", "10"),
    ),
    rated_a=80,
    max_words=40,
    small_words=10,
    framing=Framing(19200),
    framing_is_known=False,
    billing=False,
    remarks=(
        (
            "mbmd reads import at 2752, SmartEVSE at 2638: counter 1 at 2752 can be configured, so that it may count "
            "something else. Compare it with the display before billing."
        ),
        "Another public map has power at 2490 and the frequency at 2498.",
    ),
)
FINDER_7M24 = replace(
    FINDER_7M38,
    model="7M.24",
    title="Finder 7M.24 (one phase)",
    registers=(
        *_7M.volts(2500),
        *_7M.amperes(2516),
        _7M.power(2536),
        _7M.hertz(2584),
        *_7M.energies(2752, 2756, "Wh", "10"),
    ),
    rated_a=40,
    phases=1,
)
FINDER_7E78 = MeterTable(
    "7E.78",
    "Finder 7E.78",
    (
        *_7E78.volts(0x1000, 0x1002, 0x1004),
        *_7E78.amperes(0x100E, 0x1010, 0x1012),
        *_7E78.watts(0x1020, 0x1022, 0x1024),
        _7E78.power(0x1026),
        _7E78.hertz(0x1038),
        *_7E78.energies(0x1106, 0x110E, "Wh", "10"),
    ),
    rated_a=80,
    max_words=125,
    small_words=10,
    framing_is_known=False,
    remarks=("Phase powers and frequency are those of the Algodue map.",),
)
FINDER_7E23 = MeterTable(
    "7E.23",
    "Finder 7E.23, Saia PCD ALD1 (one phase)",
    (
        *_7E23.energies(27, None, "kWh", "0.01", scale="0.01", kind=Kind.U32),
        *_7E23.volts(35),
        *_7E23.amperes(36, scale="0.1"),
        _7E23.power(37, "kW", "0.01"),
    ),
    rated_a=32,
    phases=1,
    max_words=20,
    small_words=10,
    framing=Framing(115200),
    framing_is_known=False,
    aliases=("ALD1",),
    remarks=("Import is document register 28-29, wire 27. 30-31 is the counter that can be reset.",),
)

TABLES = (FINDER_7M38, FINDER_7M24, FINDER_7E78, FINDER_7E23)
