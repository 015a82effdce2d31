"""Many short calls side by side: all of them, in their order, and none after one that failed."""

from __future__ import annotations

import time
from threading import Event

import pytest

from portalctl.portal.pool import Pool


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
