import re

import pytest

from backend.core.payments.sepa_ids import is_iban
from backend.errors import ApplyError
from backend.services.master_data import parse_master_data
from tests.unit.backend.world import MASTER


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("DE02120300000000202051", "DE02120300000000202052", r"operator\[0\].iban = 'DE02120300000000202052'"),
        ("info@example.com", "info@example", r"operator\[0\].email = 'info@example' must be an address"),
        ("DE123456789", "DE12345678", r"operator\[0\].vat_id"),
        ('id = "muster"', 'id = "muster"\ntimezone = "Europe/Bärlin"', r"operator\[0\].timezone"),
        (
            'id = "muster"',
            'id = "muster"\nseries = [{ kind = "cancel", prefix = "S_1" }]',
            "'S_1' of kind cancel must be",
        ),
        (
            'id = "muster"',
            'id = "muster"\nseries = [{ kind = "cancel", prefix = "ah" }]',
            "cancel and ad_hoc would have",
        ),
        ('id = "muster"', 'id = "muster"\nseries = [{ kind = "storno", prefix = "S" }]', "storno"),
        (
            'holder = "Erika"',
            'holdr = "Erika"',
            r"unknown key id_token\[0\].holdr; the nearest is id_token\[0\].holder",
        ),
        ('token = "04A2B3C4"', 'token = ""', r"id_token\[0\].token"),
        ('2026-01-01T00:00:00+01:00"', 'tomorrow"', r"id_token\[2\].expires_at must be a time with its offset"),
        ("price = 0.49", "price = -1", r"tariff\[0\].elements\[0\].price_components\[0\].price"),
        ("valid_from = 2026-01-01T00:00:00+01:00", "valid_from = 2026-01-01", r"tariff\[0\].valid_from must be"),
        ('scope = "operator"', 'scope = "customer"', r"assignment\[0\].target is missing"),
        ('id = "CP-1"', 'id = "CP 1/x"', r"charge_point\[0\].id"),
    ],
)
def test_a_wrong_entry_is_named_by_its_key(before: str, after: str, words: str) -> None:
    assert before in MASTER
    with pytest.raises(ApplyError, match=words):
        parse_master_data(MASTER.replace(before, after))


def test_an_iban_is_checked_by_its_digits() -> None:
    assert is_iban("DE02120300000000202051")
    assert not is_iban("DE02120300000000202015")
    assert not is_iban("DE02 1203 0000 0000 2020 51")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('tax_case = "reverse_charge"', "customer[0].vat_id is missing"),
        ('tax_case = "exempt"', "customer[0].tax_reason is missing"),
        ('tax_case = "none"', "customer[0].tax_case"),
        ('output = "paper"', "customer[0].output"),
    ],
)
def test_what_an_einvoice_needs_of_a_customer_is_asked_for(line: str, told: str) -> None:
    with pytest.raises(ApplyError, match=re.escape(told)):
        parse_master_data(MASTER.replace("[[customer]]\n", f"[[customer]]\n{line}\n", 1))


def test_what_einvoices_tell_of_seller_and_buyer_is_read() -> None:
    text = MASTER.replace("[[operator]]\n", '[[operator]]\nregister_id = "HRB 1"\ncontact = "Buchhaltung"\n', 1)
    data = parse_master_data(text.replace("[[customer]]\n", '[[customer]]\noutput = "xrechnung"\n', 1))
    assert (data.operators[0].register_id, data.operators[0].contact) == ("HRB 1", "Buchhaltung")
    assert (data.customers[0].output, data.customers[0].tax_case) == ("xrechnung", "standard")
