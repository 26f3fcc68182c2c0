from simulators.modem.sim_card import SimCard


def test_wrong_pins_lock_it_for_good() -> None:
    sim = SimCard("4711", "89490200001234567894")
    assert [sim.enter("0000") for _ in range(3)] == [False, False, False]
    assert (sim.state, sim.tries_left) == ("SIM PUK", 0)
    assert not sim.enter("4711")
    sim.power_cycle()
    assert sim.state == "SIM PUK"


def test_the_right_pin_restores_the_tries() -> None:
    sim = SimCard("4711", "89490200001234567894")
    sim.enter("0000")
    assert sim.tries_left == 2
    assert sim.enter("4711")
    assert (sim.state, sim.tries_left) == ("READY", 3)
    sim.power_cycle()
    assert sim.state == "SIM PIN"


def test_without_pin_it_is_ready() -> None:
    assert SimCard("", "89490200001234567894").state == "READY"
