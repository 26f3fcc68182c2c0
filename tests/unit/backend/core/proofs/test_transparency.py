"""The file for the transparency software: what is in it can be checked by itself."""

import pytest

from backend.core.proofs.signed_proof import SignedOriginal, original_of
from backend.core.proofs.signed_record import Original
from backend.core.proofs.transparency import read_transparency_xml, transparency_xml
from shared.metering import SignedData
from shared.ocmf import parse
from shared.ocmf_signature import Judgement, check
from tests.unit.backend.billing_example import EVENING
from tests.unit.backend.signed_example import METER, Charge

CHARGE = Charge(EVENING)


def original(text: str) -> SignedOriginal:
    return original_of(12, SignedData(text), 0, METER.key)


def test_it_holds_what_was_signed_and_the_signature_fits() -> None:
    data = transparency_xml([original(CHARGE.begin), original(CHARGE.end)])
    values = read_transparency_xml(data)
    assert [one.context for one in values] == ["Transaction.Begin", "Transaction.End"]
    assert [one.text.encode() for one in values] == [CHARGE.begin.encode(), CHARGE.end.encode()]
    for one in values:
        assert (one.transaction_id, one.format) == (12, "OCMF")
        assert check(parse(one.text), one.key).judgement is Judgement.VALID
    assert data.index(b"<publicKey") < data.index(b"<signedData"), "in the order of the schema"
    assert read_transparency_xml(transparency_xml([original(CHARGE.both)]))[0].context == "Transaction.End"


@pytest.mark.parametrize("inner", ["a & b < c > d \" '", "tab\there", "line\r\nend", "\u0001", "é😀", "]]>"])
def test_no_character_of_the_original_is_lost(inner: str) -> None:
    text = f"OCMF|{inner}|{{}}"
    [value] = read_transparency_xml(transparency_xml([SignedOriginal(1, Original("OCMF", text), "AB")]))
    assert value.text == text


def test_what_can_t_be_checked_here_is_handed_out_as_it_came() -> None:
    told = Original("EDL_40_P", "1B1B", "hex")
    [value] = read_transparency_xml(transparency_xml([SignedOriginal(1, told, "")]))
    assert (value.format, value.text, value.key, value.context) == ("EDL_40_P", "1B1B", "", "Sample.Periodic")


@pytest.mark.parametrize("data", [b"", b"<values><value/></values>", b"<values"])
def test_what_is_no_such_file(data: bytes) -> None:
    with pytest.raises(ValueError, match="no "):
        read_transparency_xml(data)
