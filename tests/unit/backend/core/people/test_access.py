from datetime import UTC, datetime, timedelta

import pytest

from backend.core.people.access import Account, AccountError, Permission, Role, View, may_manage, view_of, visitor_of
from backend.core.people.login_limit import Failures, Limit, after_failure, locked_until
from backend.core.people.masking import mask_mail

NOW = datetime(2026, 10, 27, 12, tzinfo=UTC)
LIMIT = Limit(3, timedelta(minutes=15))


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.PLATFORM])
def test_an_account_that_lacks_what_narrows_it_sees_nothing_at_all(role: Role) -> None:
    with pytest.raises(AccountError):
        view_of(Account("a", "a", "", role))


def test_each_role_is_narrowed_by_what_it_is() -> None:
    assert view_of(Account("a", "a", "", Role.PLATFORM)) == View()
    assert view_of(Account("a", "a", "", Role.STAFF, "op")) == View("op")
    assert view_of(Account("a", "a", "", Role.CUSTOMER, "op", customer_id="c")) == View("op", customer_id="c")
    assert view_of(Account("a", "a", "", Role.DRIVER, "op", user_id="p")) == View("op", user_id="p")
    assert view_of(Account("a", "a", "", Role.HOST, "op", locations=("s",))) == View("op", locations=("s",))


def test_an_administrator_manages_the_users_of_the_own_operator_and_makes_no_platform() -> None:
    admin = visitor_of(Account("a", "a", "", Role.OPERATOR_ADMIN, "op"))
    assert may_manage(admin, Account("b", "b", "", Role.STAFF, "op"))
    assert not may_manage(admin, Account("b", "b", "", Role.STAFF, "other"))
    assert not may_manage(admin, Account("b", "b", "", Role.PLATFORM))
    staff = visitor_of(Account("a", "a", "", Role.STAFF, "op"))
    assert not may_manage(staff, Account("b", "b", "", Role.READ_ONLY, "op"))


def test_a_token_adds_nothing_to_its_owner() -> None:
    staff = visitor_of(Account("a", "a", "", Role.STAFF, "op"))
    limited = staff.limited(["see_stations", "manage_users", "nonsense"])
    assert limited.granted == {Permission.SEE_STATIONS}


def test_too_many_failures_pause_and_old_ones_are_forgotten() -> None:
    failures = Failures()
    for minute in range(3):
        assert locked_until(failures, LIMIT, NOW + timedelta(minutes=minute)) is None
        failures = after_failure(failures, LIMIT, NOW + timedelta(minutes=minute))
    assert locked_until(failures, LIMIT, NOW + timedelta(minutes=3)) == NOW + timedelta(minutes=17)
    assert locked_until(failures, LIMIT, NOW + timedelta(minutes=17)) is None
    assert after_failure(failures, LIMIT, NOW + timedelta(minutes=17)).count == 1


def test_a_mail_address_keeps_its_first_letter_and_its_host() -> None:
    assert mask_mail("max@example.com, e@example.org") == "m***@example.com, e***@example.org"
    assert mask_mail("no address") == "***"
    assert not mask_mail("")
