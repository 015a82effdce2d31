"""Writes in flight at the same time: few at first, never more than may be."""

from __future__ import annotations

import pytest

from portalctl.execution.concurrency import FIRST, STEP, InFlight


@pytest.mark.parametrize(("ended", "width"), [(0, 4), (7, 4), (8, 5), (16, 6), (95, 15), (96, 16), (500, 16)])
def test_more_may_go_with_all_that_have_ended(ended: int, width: int) -> None:
    in_flight = InFlight(16)
    for _ in range(ended):
        in_flight.finished()
    assert in_flight.width == width


@pytest.mark.parametrize("most", [1, 3, 6])
def test_never_more_than_may(most: int) -> None:
    in_flight = InFlight(most)
    assert in_flight.width == min(FIRST, most)
    for _ in range(40 * STEP):
        in_flight.finished()
    assert in_flight.width == most
