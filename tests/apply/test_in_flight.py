"""Writes on their way at the same time: few at first, never more than may be, and none forgotten."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from portalctl.apply.in_flight import FIRST, STEP, InFlight


@pytest.mark.parametrize(("ended", "width"), [(0, 4), (7, 4), (8, 5), (16, 6), (95, 15), (96, 16), (500, 16)])
def test_more_may_go_with_all_that_have_ended(ended: int, width: int) -> None:
    in_flight = InFlight(16)
    for _ in range(ended):
        with in_flight.one():
            pass
    assert in_flight.width == width


@pytest.mark.parametrize("most", [1, 3, 6])
def test_as_many_go_at_a_time_as_may_and_no_more(most: int) -> None:
    in_flight, lock = InFlight(most), threading.Lock()
    together = threading.Barrier(most)
    now, highest = 0, 0

    def work(number: int) -> None:
        nonlocal now, highest
        with in_flight.one():
            with lock:
                now += 1
                highest = max(highest, now)
            if number >= 40 * STEP:  # by then as many as may
                together.wait(10)
            with lock:
                now -= 1

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(work, range(40 * STEP)))
        list(pool.map(work, range(40 * STEP, 40 * STEP + 5 * most)))
    assert highest == most
    assert InFlight(most).width == min(FIRST, most)


def test_what_fails_gives_its_place_to_the_next() -> None:
    in_flight = InFlight(1)
    for _ in range(3):
        with pytest.raises(RuntimeError), in_flight.one():
            raise RuntimeError
    assert in_flight.width == 1
