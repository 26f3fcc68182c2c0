"""The settings of how long what is known of persons is kept."""

from dataclasses import dataclass

from backend.core.retention import LIMITATION_YEARS, MANDATE_MONTHS, VOUCHER_YEARS, Periods
from shared.config import setting


@dataclass(frozen=True, slots=True)
class RetentionSettings:
    """How long what is known of persons is kept; where the law asks for a time, no less can be set."""

    voucher_years: int = setting(
        VOUCHER_YEARS,
        unit="years",
        minimum=VOUCHER_YEARS,
        maximum=30,
        help="invoices and all they rest on, from the end of their year (§ 147 (3) AO)",
    )
    session_months: int = setting(
        12, unit="months", minimum=1, maximum=36, help="who charged in sessions on no invoice; then tokens go"
    )
    person_years: int = setting(
        LIMITATION_YEARS,
        unit="years",
        minimum=0,
        maximum=10,
        help="whose token it was, from the end of the year in which the last contract ended (§ 195 BGB)",
    )
    mandate_months: int = setting(
        MANDATE_MONTHS, unit="months", minimum=MANDATE_MONTHS, maximum=120, help="mandates, from their last debit"
    )
    letter_days: int = setting(90, unit="days", minimum=1, maximum=3650, help="contents and recipients of mails")
    audit_months: int = setting(12, unit="months", minimum=1, maximum=120, help="who did what")

    @property
    def periods(self) -> Periods:
        """Give what the rules are made from."""
        return Periods(
            self.voucher_years,
            self.session_months,
            self.person_years,
            self.mandate_months,
            self.letter_days,
            self.audit_months,
        )
