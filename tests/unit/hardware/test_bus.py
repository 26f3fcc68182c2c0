"""Where a line is, how long its frames take, and how its devices fared."""

import pytest

from hardware.bus import Endpoint, Failure, Framing, Statistics, Transport


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        ("/dev/ttyS1", Endpoint(Transport.SERIAL, "/dev/ttyS1")),
        ("tcp://gateway.example.com", Endpoint(Transport.TCP, "gateway.example.com", 502)),
        ("tcp://192.0.2.7:1502", Endpoint(Transport.TCP, "192.0.2.7", 1502)),
        ("rtu+tcp://[2001:db8::7]:4001", Endpoint(Transport.RTU_OVER_TCP, "2001:db8::7", 4001)),
    ],
)
def test_the_setting_of_a_line_is_read(text: str, endpoint: Endpoint) -> None:
    assert Endpoint.parse(text) == endpoint


@pytest.mark.parametrize(
    "text", ["udp://gateway.example.com", "tcp://", "tcp://host:port", "tcp://host/unit", "serial://x", "tcp://h:99999"]
)
def test_what_names_no_line_is_told_how_to_write_one(text: str) -> None:
    with pytest.raises(ValueError, match="write a device file such as"):
        Endpoint.parse(text)


def test_wire_time_counts_every_bit() -> None:
    assert Framing(9600).wire_s(96) == pytest.approx(0.1)
    assert Framing(9600, "E").wire_s(96) == pytest.approx(0.11)
    assert Framing(9600, "E", 2).wire_s(96) == pytest.approx(0.12)
    assert str(Framing(19200, "E")) == "19200 baud 8E1"


def test_the_gap_is_never_shorter_than_the_standard_asks() -> None:
    for baud in (300, 1200, 2400, 4800, 9600, 19200, 115200):
        standard = 0.00175 if baud > 19200 else 3.5 * 11 / baud
        assert Framing(baud).gap_s() >= standard


def test_statistics_keep_kinds_and_latency() -> None:
    figures = Statistics()
    for latency_s in (0.2, 0.1, 0.3):
        figures = figures.asked().answered(latency_s)
    for kind in Failure:
        figures = figures.asked().failed(kind)
    figures = figures.asked().answered(0.4, refused=True)
    assert (figures.requests, figures.answers, figures.refusals, figures.errors) == (8, 4, 1, 4)
    assert (figures.fastest_s, figures.slowest_s, figures.last_s) == (0.1, 0.4, 0.4)
    assert figures.mean_s == pytest.approx(0.25)
    assert Statistics().mean_s == 0
