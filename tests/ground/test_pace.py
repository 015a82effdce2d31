"""How fast requests follow each other: a client of 16 workers and a server with a limit, on a clock of our own."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portalctl.pace import Pace, told_rate
from portalctl.retry import Outcome, Policy

pytestmark = pytest.mark.slow

WORKERS = 16
LATENCY = 0.05
Allows = Callable[[float], bool]


def bucket(requests: int, seconds: float) -> Allows:
    """A token bucket that holds `requests` and fills up in `seconds`."""
    tokens, last = float(requests), 0.0

    def allows(now: float) -> bool:
        nonlocal tokens, last
        tokens, last = min(float(requests), tokens + (now - last) * requests / seconds), now
        if tokens < 1:
            return False
        tokens -= 1
        return True

    return allows


def window(requests: int, seconds: float) -> Allows:
    """A counter that starts anew every `seconds`, as Kong's own."""
    used: dict[int, int] = {}

    def allows(now: float) -> bool:
        number = int(now // seconds)
        used[number] = used.get(number, 0) + 1
        return used[number] <= requests

    return allows


@dataclass(frozen=True, slots=True)
class Course:
    """`use`: requests taken, as a part of all that the limit allowed; `refused`: 429s as a part of all sent."""

    seconds: float
    use: float
    refused: float
    rate: float | None


def course(allows: Allows, limit: float, total: int, *, asked: float | None, told: float | None) -> Course:
    """`total` requests of workers that each send one after the other; `limit` is in requests a second."""
    pace, policy, hold = Pace(), Policy(), 0.0
    sent = taken = 0
    now = 0.0
    order = itertools.count()
    events = [(0.0, next(order), "turn", 1, 0.0) for _ in range(WORKERS)]
    while taken < total:
        now, _, kind, attempt, sent_at = heapq.heappop(events)
        later: tuple[float, str, int, float]
        if kind in {"turn", "send"} and hold > now:
            later = hold, "turn", attempt, 0.0
        elif kind == "turn":
            later = now + pace.reserve(now), "send", attempt, 0.0
        elif kind == "send":
            sent += 1
            later = now + LATENCY, "taken" if allows(now) else "refused", attempt, now
        elif kind == "taken":
            pace.taken()
            taken += 1
            later = now, "turn", 1, 0.0
        else:
            pause = policy.pause("GET", attempt, Outcome("answered", 429, asked))
            assert pause is not None
            pace.refused(now, sent_at, told)
            hold = max(hold, now + pause)
            pace.hold(hold)
            later = hold, "turn", attempt + 1, 0.0
        heapq.heappush(events, (later[0], next(order), *later[1:]))
    return Course(now, taken / (now * limit), (sent - taken) / sent, pace.rate)


@pytest.mark.parametrize("asked", [None, 1.0])
@pytest.mark.parametrize("told", [False, True])
@pytest.mark.parametrize("requests", [600, 3000])
def test_a_limited_portal_is_used_to_nine_tenths_with_few_refusals(
    requests: int, told: bool, asked: float | None
) -> None:
    limit = requests / 60
    seen = course(bucket(requests, 60), limit, requests * 8, asked=asked, told=limit if told else None)
    assert seen.use >= 0.9
    assert seen.refused <= 0.02


@pytest.mark.parametrize("asked", [1.0, 77.0])
def test_with_a_told_limit_a_counter_by_the_minute_is_kept_to_as_well(asked: float) -> None:
    """What Konnect does: 3,000 a minute, told with each refusal."""
    seen = course(window(3000, 60), 50.0, 24_000, asked=asked, told=50.0)
    assert seen.use >= 0.9
    assert seen.refused <= 0.02


def test_where_no_request_is_refused_none_waits() -> None:
    seen = course(lambda _: True, 1000.0, 2000, asked=None, told=None)
    assert seen.rate is None
    assert seen.seconds == pytest.approx(2000 / WORKERS * LATENCY)


def test_one_refusal_out_of_the_blue_slows_nothing_down() -> None:
    """Nothing can be measured by it, and nothing was told."""
    first = iter([False])
    seen = course(lambda _: next(first, True), 1000.0, 2000, asked=1.0, told=None)
    assert seen.rate is None


def test_refusals_of_requests_that_were_on_their_way_together_count_once() -> None:
    together, one = Pace(), Pace()
    for pace in (together, one):
        pace.reserve(0.0)
        for _ in range(100):
            pace.taken()
        pace.refused(1.0, 0.9, None)
    for _ in range(15):
        together.refused(1.1, 0.95, None)
    assert together.rate == one.rate == 50.0


@given(st.lists(st.sampled_from(["reserve", "taken", "refused", "told", "later"]), max_size=200))
def test_whatever_happens_a_place_is_given_and_the_rate_stays_above_nought(steps: list[str]) -> None:
    pace, now = Pace(), 0.0
    for step in steps:
        match step:
            case "reserve":
                assert 0.0 <= pace.reserve(now) < 1e6
            case "taken":
                pace.taken()
            case "refused" | "told":
                pace.refused(now, now - 0.01, 5.0 if step == "told" else None)
            case _:
                now += 0.3
        assert pace.rate is None or pace.rate > 0


@pytest.mark.parametrize(
    ("headers", "rate"),
    [
        ({"x-ratelimit-limit-minute": "3000", "ratelimit-limit": "3000"}, 50.0),
        ({"ratelimit-limit": "3000"}, 50.0),
        ({"x-ratelimit-limit-second": "10", "x-ratelimit-limit-minute": "300"}, 5.0),
        ({"x-ratelimit-limit-hour": "3600", "ratelimit-limit": "3600"}, 1.0),
        ({"ratelimit-limit": "100;w=60"}, None),
        ({"ratelimit-limit": "0"}, None),
        ({}, None),
    ],
)
def test_the_limit_that_a_server_tells(headers: dict[str, str], rate: float | None) -> None:
    assert told_rate(headers) == rate
