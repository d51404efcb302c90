from triton_lite.engine.model_processes.backoff import Backoff


def backoff():
    return Backoff(first=0.1, longest=30.0, longest_after_ready=2.0, well_after=60.0)


def test_processes_that_never_come_up_wait_ever_longer_up_to_a_limit():
    one = backoff()
    delays = [one.after_death(None) for _ in range(12)]
    assert delays[:4] == [0.1, 0.2, 0.4, 0.8]
    assert delays[-1] == 30.0
    assert delays == sorted(delays)


def test_processes_that_came_up_wait_no_longer_than_their_own_limit():
    one = backoff()
    assert max(one.after_death(ready_for=0.5) for _ in range(50)) == 2.0
    # Those that come up no more go on from there.
    assert one.after_death(None) > 2.0


def test_a_process_that_was_well_for_a_while_starts_anew():
    one = backoff()
    for _ in range(6):
        one.after_death(ready_for=1.0)
    assert one.after_death(ready_for=59.9) == 2.0
    assert one.after_death(ready_for=60.0) == 0.1
    assert one.after_death(ready_for=0.0) == 0.2
