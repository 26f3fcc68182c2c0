"""The faulty line: what it does is the same each time."""

import asyncio

from simulators.faults import FaultyLine


class Memory:
    def __init__(self, incoming: bytes = b"") -> None:
        self.incoming, self.pieces = incoming, list[bytes]()

    async def read(self) -> bytes:
        data, self.incoming = self.incoming, b""
        return data

    async def write(self, data: bytes) -> None:
        self.pieces.append(data)

    def baud_of_client(self) -> int:
        return 9600


def _sent(seed: int, loss: float = 0.0, duplication: float = 0.0, corruption: float = 0.0) -> list[bytes]:
    inner = Memory()
    line = FaultyLine(inner, seed=seed, loss=loss, duplication=duplication, corruption=corruption)
    asyncio.run(line.write(bytes(range(100)) * 10))
    return inner.pieces


def test_one_byte_at_a_time_both_ways() -> None:
    assert _sent(0) == [bytes([value]) for value in range(100)] * 10

    async def read() -> list[bytes]:
        line = FaultyLine(Memory(b"abc"))
        return [await line.read() for _ in range(3)]

    assert asyncio.run(read()) == [b"a", b"b", b"c"]


def test_loss_duplication_and_corruption_are_seeded() -> None:
    assert _sent(1, loss=0.1) == _sent(1, loss=0.1) != _sent(2, loss=0.1)
    assert 850 < len(_sent(1, loss=0.1)) < 950
    assert 1050 < len(_sent(1, duplication=0.1)) < 1150
    changed = sum(byte != bytes([at % 100]) for at, byte in enumerate(_sent(1, corruption=0.1)))
    assert 50 < changed < 150
