from datetime import date

import pytest

from backend.core.invoices.invoice_model import TaxCase
from backend.core.invoices.tax_evidence import Evidence, Kind, TaxStatus, Treatment, expiring, treatment

JANUARY, JUNE, DECEMBER = date(2026, 1, 1), date(2026, 6, 30), date(2026, 12, 31)
OWN = Evidence(Kind.UST_1_TH, own=True, reference="FA Berlin 1", first=JANUARY, last=DECEMBER)
THEIRS = Evidence(Kind.UST_1_TH, own=False, reference="FA Köln 7", first=JANUARY, last=JUNE)


@pytest.mark.parametrize(
    ("status", "case"),
    [
        (TaxStatus.DOMESTIC, TaxCase.STANDARD),
        (TaxStatus.REVERSE_CHARGE, TaxCase.REVERSE_CHARGE),
        (TaxStatus.EXEMPT, TaxCase.EXEMPT),
        (TaxStatus.OUTSIDE_SCOPE, TaxCase.OUTSIDE_SCOPE),
    ],
)
def test_what_needs_no_evidence_holds_without(status: TaxStatus, case: TaxCase) -> None:
    assert treatment(status, (), JUNE) == Treatment(case)


def test_resale_in_germany_needs_both_certificates_on_the_day() -> None:
    both = (OWN, THEIRS)
    assert treatment(TaxStatus.RESELLER_DE, both, JUNE) == Treatment(TaxCase.REVERSE_CHARGE)
    after = treatment(TaxStatus.RESELLER_DE, both, date(2026, 7, 1))
    assert after == Treatment(TaxCase.STANDARD, "the USt 1 TH of the customer expired on 2026-06-30")
    without = treatment(TaxStatus.RESELLER_DE, (THEIRS,), JUNE)
    assert without == Treatment(TaxCase.STANDARD, "the USt 1 TH of the operator is missing")


def test_resale_abroad_rests_on_its_own_evidence() -> None:
    checked = Evidence(Kind.VAT_ID_CHECK, own=False, reference="BZSt 4711", first=JANUARY, last=None)
    seat = Evidence(Kind.SEAT_ABROAD, own=False, reference="register", first=JANUARY, last=None)
    assert treatment(TaxStatus.RESELLER_EU, (checked,), JUNE).case is TaxCase.REVERSE_CHARGE
    assert treatment(TaxStatus.RESELLER_EU, (seat,), JUNE).case is TaxCase.STANDARD
    assert treatment(TaxStatus.RESELLER_THIRD, (seat,), JUNE).case is TaxCase.OUTSIDE_SCOPE


def test_evidence_is_asked_for_sixty_days_before_its_end_unless_there_is_newer() -> None:
    assert list(expiring(TaxStatus.RESELLER_DE, (OWN, THEIRS), date(2026, 4, 30))) == []
    assert list(expiring(TaxStatus.RESELLER_DE, (OWN, THEIRS), date(2026, 5, 1))) == [THEIRS]
    renewed = Evidence(Kind.UST_1_TH, own=False, reference="FA Köln 8", first=date(2026, 7, 1), last=DECEMBER)
    assert list(expiring(TaxStatus.RESELLER_DE, (OWN, THEIRS, renewed), date(2026, 5, 1))) == []
    assert list(expiring(TaxStatus.STANDARD, (OWN, THEIRS), DECEMBER)) == []
