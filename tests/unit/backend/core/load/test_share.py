"""Whatever the site and the cars: no cap is exceeded, nobody charges below the minimum, and nothing is left unused."""

from hypothesis import given
from hypothesis import strategies as st

from backend.core.load.share import STEP_MA, Cap, Claim, share

Case = tuple[list[Claim[int]], list[Cap[int]]]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    count = draw(st.integers(0, 12))
    levels = sorted(draw(st.lists(st.integers(0, 2), min_size=count, max_size=count)), reverse=True)
    claims = []
    for key, level in enumerate(levels):
        minimum = draw(st.integers(6000, 10000))
        claims.append(Claim(key, minimum, minimum + draw(st.integers(0, 26000)), level))
    caps = [
        Cap(
            str(number),
            draw(st.integers(-5000, 120000)),
            draw(st.dictionaries(st.integers(0, 11), st.integers(1, 3))),
        )
        for number in range(draw(st.integers(1, 6)))
    ]
    everybody = Cap("all", draw(st.integers(0, 200000)), dict.fromkeys(range(count), 1))
    return claims, [*caps, everybody]


def load(cap: Cap[int], got: dict[int, int]) -> int:
    return sum(got.get(key, 0) * weight for key, weight in cap.weights.items())


@given(cases())
def test_no_cap_is_exceeded_and_nobody_charges_below_the_minimum(case: Case) -> None:
    claims, caps = case
    got = share(claims, caps)
    for cap in caps:
        assert load(cap, got) <= max(cap.room_ma, 0)
    for one in claims:
        assert got[one.key] == 0 or one.minimum_ma <= got[one.key] < one.wanted_ma + STEP_MA
        assert got[one.key] % STEP_MA == 0


@given(cases())
def test_nothing_is_left_that_anybody_could_use(case: Case) -> None:
    claims, caps = case
    got = share(claims, caps)
    for one in claims:
        least = -(-one.minimum_ma // STEP_MA) * STEP_MA
        more = STEP_MA if got[one.key] else least
        if got[one.key] + more > max(one.wanted_ma, least):
            continue
        full = [cap for cap in caps if load(cap, got) + more * cap.weights.get(one.key, 0) > max(cap.room_ma, 0)]
        assert any(one.key in cap.weights for cap in full)


@given(cases())
def test_a_lower_level_has_more_than_its_minimum_only_where_a_higher_one_could_not_use_it(case: Case) -> None:
    claims, caps = case
    got = share(claims, caps)
    least = {one.key: -(-one.minimum_ma // STEP_MA) * STEP_MA for one in claims}
    for one in claims:
        if not got[one.key] or one.wanted_ma - got[one.key] < STEP_MA:
            continue
        modest = {
            other.key: min(got[other.key], least[other.key]) if other.level < one.level else got[other.key]
            for other in claims
        }
        assert any(
            load(cap, modest) + STEP_MA * cap.weights[one.key] > max(cap.room_ma, 0)
            for cap in caps
            if one.key in cap.weights
        )


def test_equal_shares_grow_past_those_who_have_enough() -> None:
    claims = [Claim("a", 6000, 32000), Claim("b", 6000, 8000), Claim("c", 6000, 32000)]
    assert share(claims, [Cap("grid", 50000, dict.fromkeys("abc", 1))]) == {"a": 21000, "b": 8000, "c": 21000}


def test_who_comes_last_waits_when_not_all_minimums_fit() -> None:
    claims = [Claim("a", 6000, 32000), Claim("b", 6000, 32000), Claim("c", 6000, 32000)]
    assert share(claims, [Cap("grid", 16000, dict.fromkeys("abc", 1))]) == {"a": 8000, "b": 8000, "c": 0}
