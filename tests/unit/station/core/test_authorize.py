"""May this driver charge? The table of rules."""

from datetime import UTC, datetime, timedelta

import pytest

from station.core.authorize import (
    Accept,
    Ask,
    Known,
    Refuse,
    Rules,
    Source,
    TokenInfo,
    decide,
    decide_answer,
)
from station.ocpp16.dialect import token_info

NOON = datetime(2026, 10, 31, 12, 0, tzinfo=UTC)
GOOD, BLOCKED = TokenInfo("Accepted"), TokenInfo("Blocked")
PAST = TokenInfo("Accepted", NOON)
NOBODY, LISTED, CACHED = Known(), Known(in_list=GOOD), Known(in_cache=GOOD)
CASES = [
    # known, online, rules, outcome
    (LISTED, False, Rules(), Accept(Source.LOCAL_LIST)),
    (CACHED, False, Rules(), Accept(Source.CACHE)),
    (LISTED, False, Rules(local_authorize_offline=False), Refuse),
    (CACHED, False, Rules(local_authorize_offline=False), Refuse),
    (NOBODY, False, Rules(), Refuse),
    (NOBODY, False, Rules(allow_offline_tx_for_unknown_id=True), Accept(Source.OFFLINE_RULE)),
    (Known(in_list=BLOCKED), False, Rules(allow_offline_tx_for_unknown_id=True), Refuse),
    (Known(in_cache=BLOCKED), False, Rules(allow_offline_tx_for_unknown_id=True), Refuse),
    (Known(in_list=PAST), False, Rules(allow_offline_tx_for_unknown_id=True), Refuse),
    (Known(in_list=BLOCKED, in_cache=GOOD), False, Rules(), Refuse),
    (Known(in_list=GOOD, in_cache=BLOCKED), False, Rules(), Accept(Source.LOCAL_LIST)),
    (Known(in_list=TokenInfo("Accepted", NOON + timedelta(seconds=1))), False, Rules(), Accept(Source.LOCAL_LIST)),
    (LISTED, True, Rules(), Ask()),
    (LISTED, True, Rules(local_pre_authorize=True), Accept(Source.LOCAL_LIST)),
    (CACHED, True, Rules(local_pre_authorize=True), Accept(Source.CACHE)),
    (Known(in_list=BLOCKED), True, Rules(local_pre_authorize=True), Ask()),
    (NOBODY, True, Rules(local_pre_authorize=True, allow_offline_tx_for_unknown_id=True), Ask()),
    # LocalPreAuthorize is about being online and changes nothing offline
    (LISTED, False, Rules(local_authorize_offline=False, local_pre_authorize=True), Refuse),
]


@pytest.mark.parametrize(("known", "online", "rules", "outcome"), CASES)
def test_rules(known: Known, online: bool, rules: Rules, outcome: object) -> None:
    decision = decide(known, NOON, online, rules)
    assert isinstance(decision, outcome) if isinstance(outcome, type) else decision == outcome


def test_the_answer_decides_and_names_the_status() -> None:
    assert decide_answer(GOOD) == Accept(Source.ONLINE)
    assert decide_answer(TokenInfo("ConcurrentTx")) == Refuse(Source.ONLINE, "the central system says ConcurrentTx")


@pytest.mark.parametrize(
    ("info", "expected"),
    [
        ({"status": "Accepted"}, GOOD),
        ({"status": "Accepted", "expiryDate": "2026-10-31T12:00:00Z"}, PAST),
        ({"status": "Blocked", "expiryDate": "never", "parentIdTag": "P"}, TokenInfo("Blocked", None, "P")),
        ({"expiryDate": "2026-10-31T12:00:00Z"}, None),
        ({"status": 3}, None),
        (None, None),
        ([], None),
    ],
)
def test_id_tag_info_of_any_server(info: object, expected: TokenInfo | None) -> None:
    assert token_info(info) == expected
