"""Many short calls side by side: all of them, in their order, and none after one that failed."""

from __future__ import annotations

import time
from threading import Event

import pytest

from portalctl.portals.thread_pool import Pool


def test_results_come_in_the_order_of_the_items() -> None:
    one_began, nine_came = Event(), Event()

    def crossed(number: int) -> int:
        """One thread has 1, the other one everything else."""
        if number == 0:
            assert one_began.wait(5)
        if number == 1:
            one_began.set()
            assert nine_came.wait(5)
        if number == 9:
            nine_came.set()
        return number * number

    with Pool(2, "test") as pool:
        assert pool.map(crossed, iter(range(10))) == [number * number for number in range(10)]
        assert pool.map(crossed, []) == []


def test_a_failure_ends_the_others_too_and_the_pool_goes_on() -> None:
    begun = []
    zero_began = Event()

    def second_fails(number: int) -> int:
        begun.append(number)
        if number == 0:
            zero_began.set()
        if number == 1:
            assert zero_began.wait(5)
            raise LookupError(number)
        time.sleep(0.001)
        return number

    with Pool(2, "test") as pool:
        with pytest.raises(LookupError, match="1"):
            pool.map(second_fails, range(1000))
        assert pool.map(second_fails, [7]) == [7]
    assert len(begun) < 500


def test_calls_may_use_the_pool_themselves() -> None:
    with Pool(3, "test") as pool:
        assert pool.map(lambda number: sum(pool.map(abs, range(number))), range(20)) == [
            sum(range(number)) for number in range(20)
        ]


def test_both_are_made_at_the_same_time() -> None:
    began = Event(), Event()

    def meet(mine: int) -> int:
        began[mine].set()
        assert began[1 - mine].wait(5)
        return mine

    with Pool(2, "test") as pool:
        assert pool.both(lambda: meet(0), lambda: meet(1)) == (0, 1)


def test_an_error_of_one_waits_for_what_has_begun_and_for_no_more_of_the_other() -> None:
    other_began, begun = Event(), []

    def slowly(number: int) -> None:
        begun.append(number)
        other_began.set()
        time.sleep(0.001)

    def fails() -> None:
        assert other_began.wait(5)
        raise LookupError

    with pytest.raises(LookupError), Pool(3, "test") as pool:
        pool.both(fails, lambda: pool.map(slowly, range(1000)))
    assert len(begun) < 500
