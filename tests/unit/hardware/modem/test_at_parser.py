import random
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from hardware.modem.at_parser import MAX_LINE, AtParser, Connected, Data, Final, Line, Payload, Prompt, Token
from hardware.modem.profiles import QUECTEL_EC25

CASES = tomllib.loads((Path(__file__).parents[3] / "cases/at_transcripts.toml").read_text("utf-8"))["framing"]
HEADERS = [re.compile(header) for header in QUECTEL_EC25.payload_headers]


def written(tokens: list[Token]) -> list[str]:
    """Write tokens as the cases do; data in data mode may come in any pieces."""
    texts: list[str] = []
    for token in tokens:
        match token:
            case Line(text):
                texts.append(f"line:{text}")
            case Final(text, ok):
                texts.append(f"{'ok' if ok else 'failed'}:{text}")
            case Prompt():
                texts.append("prompt:")
            case Payload(_, None):
                texts.append("payload lost:")
            case Payload(_, bytes(data)):
                texts.append(f"payload:{data.decode('latin-1')}")
            case Connected(text):
                texts.append(f"connected:{text}")
            case Data(data):
                if texts and texts[-1].startswith("data:"):
                    texts[-1] += data.decode("latin-1")
                else:
                    texts.append(f"data:{data.decode('latin-1')}")
    return texts


# Any: TOML.
@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_transcripts_in_any_pieces(case: dict[str, Any]) -> None:
    received = case["received"].encode("latin-1")

    def fed(*pieces: bytes) -> list[str]:
        parser = AtParser(HEADERS)
        return written([token for piece in pieces for token in parser.feed(piece)])

    assert fed(received) == case["tokens"]
    assert fed(*(bytes([byte]) for byte in received)) == case["tokens"]
    for cut in range(1, len(received)):
        assert fed(received[:cut], received[cut:]) == case["tokens"], f"cut at {cut}"


def test_a_known_text_without_line_end_can_be_flushed() -> None:
    parser = AtParser()
    assert parser.feed(b"\r\nPOWERED DOWN") == []
    assert parser.may_flush
    assert parser.flush() == [Line("POWERED DOWN")]
    assert not parser.may_flush


def test_half_a_line_is_never_flushed() -> None:
    parser = AtParser()
    parser.feed(b"\r\n+CSQ: 1")
    assert parser.flush() == []
    assert parser.feed(b"7,99\r\n") == [Line("+CSQ: 17,99")]


def test_noise_without_line_end_does_not_pile_up() -> None:
    parser = AtParser()
    for _ in range(50):
        parser.feed(b"\xf0" * 100)
    tokens = parser.feed(b"\r\nOK\r\n")
    assert tokens[-1] == Final("OK", True)
    assert all(len(token.text) <= MAX_LINE for token in tokens if isinstance(token, Line))


def test_payload_that_does_not_come_is_forgotten() -> None:
    parser = AtParser(HEADERS)
    assert parser.feed(b"\r\n+QIRD: 900\r\nonly this") == []
    parser.drop_partial()
    assert parser.feed(b"\r\nOK\r\n") == [Final("OK", True)]


def test_data_mode_ends_when_told() -> None:
    parser = AtParser()
    assert parser.feed(b"\r\nCONNECT\r\nOK\r\n") == [Connected("CONNECT"), Data(b"OK\r\n")]
    parser.leave_data_mode()
    assert parser.feed(b"\r\nOK\r\n") == [Final("OK", True)]


def test_every_payload_comes_through_unchanged() -> None:
    random_bytes = random.Random(7)
    for size in (1, 2, 3, 100, 1460, 1500):
        payload = random_bytes.choice([b"\r\n\r\nOK\r\n", b"> ", b"+QIRD: 7\r\n", random_bytes.randbytes(size)])
        payload = (payload * size)[:size]
        answer = f"\r\n+QIRD: {size}\r\n".encode() + payload + b"\r\n\r\nOK\r\n"
        assert AtParser(HEADERS).feed(answer) == [Payload(f"+QIRD: {size}", payload), Final("OK", True)]


def test_any_bytes_at_all_do_no_harm() -> None:
    for seed in range(50):
        noise = random.Random(seed)
        parser = AtParser(HEADERS)
        for _ in range(100):
            parser.feed(bytes(noise.choice(b"\r\n> +QIRD:0123OKERAT\x00\xff") for _ in range(noise.randint(1, 40))))
        parser.drop_partial()
        assert parser.feed(b"\r\nOK\r\n")[-1] == Final("OK", True)
