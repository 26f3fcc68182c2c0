from datetime import UTC, datetime, timedelta

from backend.core.id_token import Authorization, KnownToken, authorize
from shared.ids import IdToken

NOW = datetime(2026, 10, 31, tzinfo=UTC)


def token(blocked: bool = False, expires_at: datetime | None = None) -> KnownToken:
    return KnownToken(IdToken("04A2B3C4"), "K-1", blocked, expires_at)


def test_a_token_is_worth_what_the_operator_says() -> None:
    assert authorize(token(), NOW) is Authorization.ACCEPTED
    assert authorize(token(blocked=True), NOW) is Authorization.BLOCKED
    assert authorize(None, NOW) is Authorization.INVALID


def test_a_token_expires_at_its_time_and_not_before() -> None:
    assert authorize(token(expires_at=NOW), NOW - timedelta(seconds=1)) is Authorization.ACCEPTED
    assert authorize(token(expires_at=NOW), NOW) is Authorization.EXPIRED
