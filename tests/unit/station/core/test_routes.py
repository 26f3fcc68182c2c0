"""The ways to the central system."""

from station.core.routes import Route, Routes, decode_route, routes_of

SECOND = Route(2, "wss://b.example.com/ocpp", 2, 30)


def test_a_way_survives_the_journal() -> None:
    assert decode_route(2, SECOND.encode()) == SECOND


def test_the_order_is_theirs_unknown_slots_and_lower_profiles_are_out() -> None:
    stored = {"1": Route(1, "ws://a.example.com", 1).encode(), "2": SECOND.encode()}
    assert [r.slot for r in routes_of(("2", "0", "1", "9"), stored, 1)] == [2, 0, 1]
    assert [r.slot for r in routes_of(("2", "0", "1"), stored, 2)] == [2, 0]


def test_ways_that_all_need_a_higher_profile_leave_that_of_the_file_as_the_last() -> None:
    stored = {"1": Route(1, "ws://a.example.com", 1).encode(), "2": SECOND.encode()}
    assert [r.slot for r in routes_of(("2",), stored, 1)] == [2, 0]
    assert [r.slot for r in routes_of(("2",), stored, 2)] == [2]
    assert [r.slot for r in routes_of(("2", "1"), stored, 1)] == [2, 1]


def test_after_so_many_failures_the_next_has_its_turn_and_success_counts_anew() -> None:
    routes = Routes((Route(1), SECOND))
    routes.failed(2)
    routes.proven()
    routes.failed(2)
    assert routes.current.slot == 1
    routes.failed(2)
    assert routes.current.slot == 2
    routes.failed(2)
    routes.failed(2)
    assert routes.current.slot == 1
    assert Routes().current == Route(0)
