import pytest

from backend.core.payments.return_reasons import reason_words, stops_mandate
from backend.core.payments.sepa_ids import is_creditor_id, is_iban, is_mandate_reference, plain, spell
from backend.core.people.masking import mask_iban


@pytest.mark.parametrize(
    ("iban", "valid"),
    [
        ("DE02120300000000202051", True),
        ("de02120300000000202051", False),
        ("DE02 1203 0000 0000 2020 51", False),
        ("DE03120300000000202051", False),
        ("", False),
        ("DE0212030000000020205١", False),
    ],
)
def test_an_iban_is_checked(iban: str, valid: bool) -> None:
    assert is_iban(iban) is valid


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("DE98ZZZ09999999999", True),
        ("DE98ABC09999999999", True),  # the business code is the creditor's own
        ("DE97ZZZ09999999999", False),
        ("DE98ZZZ0999999999", False),
        ("de98zzz09999999999", False),
        ("AT61ZZZ01234567890", True),
        ("", False),
    ],
)
def test_a_creditor_id_is_checked(text: str, valid: bool) -> None:
    assert is_creditor_id(text) is valid


@pytest.mark.parametrize("text", ["M-2026-001", "a", "K+1/2:(x).,'?", "x" * 35])
def test_a_mandate_reference_of_the_characters_of_banks_is_taken(text: str) -> None:
    assert is_mandate_reference(text)


@pytest.mark.parametrize("text", ["", "x" * 36, "M 1", "Mü-1", "/M", "M/", "M//1", "M_1"])
def test_a_mandate_reference_of_other_characters_is_not(text: str) -> None:
    assert not is_mandate_reference(text)


def test_german_letters_are_spelled_out_not_stripped() -> None:
    assert spell("Müller & Söhne, Straße_9") == "Mueller + Soehne, Strasse-9"
    assert plain("Re-Nr. Ä 1") == "RENRAE1"


@pytest.mark.parametrize(
    ("iban", "shown"),
    [
        ("DE02120300000000202051", "DE02 **** 2051"),
        ("DE02 1203 0000 0000 2020 51", "DE02 **** 2051"),
        ("", ""),
        ("12345", "****"),
    ],
)
def test_an_iban_is_masked(iban: str, shown: str) -> None:
    assert mask_iban(iban) == shown


def test_reasons_have_words_and_stop_mandates_or_not() -> None:
    assert reason_words("AC04", "de") == "Konto aufgelöst (AC04)"
    assert reason_words("AM04", "en") == "insufficient funds (AM04)"
    assert reason_words("XX99", "de") == "XX99"
    assert [stops_mandate(code) for code in ("AC01", "AC04", "MD01", "XX99", "")] == [True] * 5
    assert [stops_mandate(code) for code in ("AM04", "MS03", "TM01")] == [False] * 3
