import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.core.proofs.signed_record import Original, originals
from shared.metering import SignedData
from tests.unit.backend.billing_example import EVENING
from tests.unit.backend.signed_example import METER, Charge

TEXT = Charge(EVENING).both
BASE64 = base64.b64encode(TEXT.encode()).decode()
JSON = json.dumps({"signedMeterData": BASE64, "encodingMethod": "OCMF", "signingMethod": "", "publicKey": "AB"})
XML = (
    '<?xml version="1.0" encoding="UTF-8"?><values><value transactionId="1" context="Transaction.End">'
    f'<publicKey encoding="hex">{METER.key}</publicKey><signedData format="OCMF" encoding="plain">'
    f"{TEXT.replace('&', '&amp;').replace('<', '&lt;')}</signedData></value></values>"
)


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        f"  {TEXT}\r\n",
        BASE64,
        "\n".join(BASE64[i : i + 76] for i in range(0, len(BASE64), 76)),
        TEXT.encode().hex(),
        TEXT.encode().hex(" ").upper(),
        JSON,
        base64.b64encode(JSON.encode()).decode(),
        json.dumps({"signedMeterData": TEXT}),
        XML,
        base64.b64encode(XML.encode()).decode(),
        XML.encode().hex(),
    ],
    ids=["plain", "blanks", "base64", "lines", "hex", "HEX", "json", "json64", "json plain", "xml", "xml64", "xml hex"],
)
def test_the_original_comes_out_of_every_wrapping_byte_for_byte(text: str) -> None:
    [found] = originals(SignedData(text))
    assert (found.format, found.text.encode()) == ("OCMF", TEXT.encode())


def test_the_key_beside_the_original_is_kept() -> None:
    assert originals(SignedData(XML, "other"))[0].public_key == METER.key
    assert originals(SignedData(JSON))[0].public_key == "AB"
    assert originals(SignedData(BASE64, "3059"))[0].public_key == "3059"


def test_a_document_holds_more_than_one() -> None:
    value = XML[XML.index("<value ") : XML.index("</values>")]
    found = originals(SignedData(f"<values>{value}{value}</values>"))
    assert [one.text for one in found] == [TEXT, TEXT]


@pytest.mark.parametrize(
    ("data", "original"),
    [
        (SignedData("1B1B1B1B01", encoding_method="EDL"), Original("EDL", "1B1B1B1B01")),
        (SignedData("AP;0;3;ABC"), Original("ALFEN", "AP;0;3;ABC")),
        (SignedData("nobody knows"), Original("", "nobody knows")),
        (SignedData("OCMX|1|2", encoding_method="OCMF"), Original("", "OCMX|1|2")),
        (SignedData(""), Original("", "")),
        (
            SignedData('<values><value><signedData format="EDL_40_P" encoding="hex">AB</signedData></value></values>'),
            Original("EDL_40_P", "AB", "hex"),
        ),
        (
            SignedData('<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'),
            Original("", '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'),
        ),
        (SignedData("<values>"), Original("", "<values>")),
    ],
)
def test_what_nobody_here_can_read_stays_as_it_came(data: SignedData, original: Original) -> None:
    assert originals(data) == (original,)


@given(st.text(max_size=200), st.text(max_size=20))
def test_no_value_makes_it_fail(text: str, method: str) -> None:
    assert originals(SignedData(text, "", "", method))


def test_wrapping_without_end_is_given_up() -> None:
    text = TEXT
    for _ in range(9):
        text = base64.b64encode(text.encode()).decode()
    [found] = originals(SignedData(text))
    assert found == Original("", text)
