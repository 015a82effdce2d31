"""How fast requests follow each other: a client of 16 workers and a server with a limit, on a clock of our own."""

from __future__ import annotations

import heapq
from collections import deque
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portalctl.http.pace import Pace, remaining_requests, stated_rate
from portalctl.http.retry import Attempt, RetryPolicy

WORKERS = 16


class Limit:
    """A server that allows so many requests a minute. `asked`: what it says in Retry-After, if anything."""

    saved_up = 0  # requests that it allows at once before anything is limited

    def __init__(self, requests: int, *, asks: bool, seconds: float = 60.0) -> None:
        self.rate = requests / seconds
        self.requests, self.seconds, self.asks = requests, seconds, asks

    def allows(self, now: float) -> bool:
        raise NotImplementedError

    def asked(self, now: float) -> float | None:
        raise NotImplementedError


class Bucket(Limit):
    """Gives one by one, and saves up for a minute. Retry-After is a second, as of many gateways."""

    tokens, last = 0.0, float("-inf")

    @property
    def saved_up(self) -> int:  # type: ignore[override]
        return self.requests

    def allows(self, now: float) -> bool:
        self.tokens = min(float(self.requests), self.tokens + (now - self.last) * self.rate)
        self.last = now
        allowed = self.tokens >= 1
        self.tokens -= allowed
        return allowed

    def asked(self, now: float) -> float | None:  # noqa: ARG002
        return 1.0 if self.asks else None


class Window(Limit):
    """Counts anew with each minute, as Kong does. Retry-After lasts until then."""

    begins = 0.0
    used = 0

    def allows(self, now: float) -> bool:
        if now >= self.begins + self.seconds:
            self.begins += self.seconds * ((now - self.begins) // self.seconds)
            self.used = 0
        self.used += 1
        return self.used <= self.requests

    def asked(self, now: float) -> float | None:
        return float(int(self.begins + self.seconds - now) + 1) if self.asks else None


class MidWindow(Window):
    """Whose minute is half over when the first request comes."""

    begins = -31.0


@dataclass(frozen=True, slots=True)
class Course:
    """`use`: requests taken beyond what was saved up, as a part of what the limit allowed in that time."""

    seconds: float
    sent: int
    refused: int
    use: float
    rate: float


def course(limit: Limit, total: int, *, stated: bool = False, latency: float = 0.05) -> Course:
    """`total` requests of workers that each send one after the other, and wait in a row for their turn."""
    pace, policy = Pace(), RetryPolicy()
    sent = accepted = refused = 0
    now = 0.0
    row = deque((1, number) for number in range(WORKERS))  # the number of the try, the worker
    answers: list[tuple[float, int, int, float, bool]] = []
    while accepted < total:
        wait = pace.wait(now) if row else float("inf")
        if wait <= 0:
            attempt, worker = row.popleft()
            sent += 1
            trip = latency * (1 + 0.02 * (worker % 7))
            heapq.heappush(answers, (now + trip, worker, attempt, now, limit.allows(now)))
        elif answers and answers[0][0] <= now + wait:
            now, worker, attempt, sent_at, allowed = heapq.heappop(answers)
            if allowed:
                pace.accepted(now, sent_at)
                accepted += 1
                row.append((1, worker))
            else:
                refused += 1
                pace.refused(now, sent_at, limit.rate if stated else None)
                asked = limit.asked(now)
                pause = policy.pause("GET", attempt, Attempt("answered", 429, asked, pace.refusals))
                assert pause is not None
                pace.hold(now + pause, asked=asked is not None)
                row.append((attempt + 1, worker))
        else:
            now += wait
    use = (accepted - limit.saved_up) / (now * limit.rate)
    return Course(now, sent, refused, use, pace.rate)


kinds = pytest.mark.parametrize("kind", [Bucket, Window, MidWindow])


@pytest.mark.wide(3)
@pytest.mark.parametrize("stated", [False, True])
@pytest.mark.parametrize("latency", [0.05, 0.005, 0.2])
@pytest.mark.parametrize("requests", [300, 1000, 3000])
@pytest.mark.parametrize("asks", [True, False])
@kinds
def test_a_limited_portal_is_used_to_nine_tenths_with_few_refusals(
    kind: type[Limit], asks: bool, requests: int, latency: float, stated: bool
) -> None:
    """For ten minutes."""
    seen = course(kind(requests, asks=asks), requests * 10, stated=stated, latency=latency)
    assert seen.use >= 0.9
    assert seen.refused <= 0.02 * seen.sent


@pytest.mark.wide(2)
@pytest.mark.parametrize("latency", [0.05, 0.005, 0.2])
@pytest.mark.parametrize("asks", [True, False])
@pytest.mark.parametrize("requests", [60, 100])
@kinds
def test_of_the_smallest_limits_too_in_the_long_run(
    kind: type[Limit], requests: int, asks: bool, latency: float
) -> None:
    seen = course(kind(requests, asks=asks), 2000, latency=latency)
    assert seen.use >= 0.9
    assert seen.refused <= 0.02 * seen.sent


@pytest.mark.wide(2)
@pytest.mark.parametrize("requests", [60, 100, 300, 1000, 3000])
@pytest.mark.parametrize("asks", [True, False])
@kinds
def test_what_is_refused_at_first_is_what_was_on_its_way_and_a_dozen_tries(
    kind: type[Limit], asks: bool, requests: int
) -> None:
    seen = course(kind(requests, asks=asks), requests * 4)
    assert seen.refused <= WORKERS + 12 + 0.01 * seen.sent


@pytest.mark.wide(3)
@pytest.mark.parametrize(("requests", "seconds"), [(50, 1.0), (100, 6.0), (300, 10.0), (10, 1.0)])
@pytest.mark.parametrize("asks", [True, False])
def test_a_limit_of_seconds_is_found_too(requests: int, seconds: float, asks: bool) -> None:
    seen = course(Bucket(requests, asks=asks, seconds=seconds), int(120 * requests / seconds))
    assert seen.use >= 0.9
    assert seen.refused <= 0.02 * seen.sent


class Growing(Bucket):
    """Gives one and a half times as much from the third minute on."""

    def allows(self, now: float) -> bool:
        if now > 120 and self.rate == self.requests / self.seconds:
            self.rate *= 1.5
        return super().allows(now)


def test_what_a_portal_gives_beyond_what_it_gave_is_found_out() -> None:
    limit = Growing(300, asks=True)
    seen = course(limit, 3000)
    assert 0.95 < seen.rate / limit.rate < 1.25


class Open(Limit):
    """No limit; one request, after so many, is refused out of the blue."""

    def __init__(self, after: float) -> None:
        super().__init__(60_000, asks=True)
        self.after = after

    def allows(self, now: float) -> bool:  # noqa: ARG002
        self.after -= 1
        return self.after != -1

    def asked(self, now: float) -> float | None:  # noqa: ARG002
        return 1.0


def test_where_no_request_is_refused_none_waits() -> None:
    seen = course(Open(float("inf")), 2000)
    assert seen.rate == float("inf")
    assert seen.seconds == pytest.approx(2000 / WORKERS * 0.05, rel=0.1)


@pytest.mark.parametrize("after", [0, 500])
def test_one_refusal_out_of_the_blue_hardly_slows_anything_down(after: int) -> None:
    free, refused = course(Open(float("inf")), 4000), course(Open(after), 4000)
    assert refused.refused == 1
    assert refused.seconds < free.seconds * 1.3


def test_refusals_of_requests_that_were_on_their_way_together_count_once() -> None:
    pace = Pace()
    assert pace.wait(0.0) == 0
    for _ in range(16):
        pace.refused(1.1, 1.0, None)
        pace.hold(1.6, asked=False)
    assert pace.refusals == 1
    assert pace.wait(1.1) == pytest.approx(0.5)


def test_when_those_on_their_way_take_what_is_left_all_wait_once() -> None:
    pace = Pace()
    assert [pace.spent(left, 3) for left in (5, 4, 3)] == [False, False, True]
    assert [pace.spent(left, left) for left in (2, 1, 0)] == [False, False, False]
    assert [pace.spent(left, 0) for left in (40, 0)] == [False, False], "others have taken them, or it is not so"
    assert not pace.spent(20, 0)
    for _ in range(10):
        pace.accepted(1.0, 0.0)
    assert pace.spent(0, 0), "another client took as many"


@pytest.mark.parametrize("stated", [[0] * 9, [5] * 9, [500, 0] * 9, [1, 0, 500] * 3])
def test_a_server_that_tells_what_is_not_so_is_not_waited_for_again_and_again(stated: list[int]) -> None:
    pace, waits = Pace(), 0
    for number, left in enumerate(stated):
        waits += pace.spent(left, number % 7)
        pace.accepted(1.0, 0.0)
    assert waits <= 1


def test_while_the_server_is_shut_one_request_at_a_time_tries_it() -> None:
    pace = Pace()
    pace.wait(0.0)
    pace.refused(0.1, 0.0, None)
    pace.hold(0.6, asked=False)
    assert [pace.wait(0.6), pace.wait(0.6)] == [0.0, 1.0]
    pace.refused(0.7, 0.6, None)
    pace.hold(1.7, asked=False)
    assert pace.refusals == 2
    assert pace.wait(1.0) == pytest.approx(0.7)
    assert pace.wait(1.7) == 0.0
    pace.accepted(1.8, 1.7)
    assert pace.refusals == 0
    assert pace.wait(1.8) == 0.0


@pytest.mark.parametrize(("asked", "opened"), [(False, 50.0), (True, 60.0)])
def test_the_server_opened_when_it_said_or_else_midway_between_two_tries(*, asked: bool, opened: float) -> None:
    pace = Pace()
    pace.wait(0.0)
    for _ in range(100):
        pace.accepted(1.0, 0.0)
    for at, until in [(10.0, 40.0), (40.0, 60.0)]:
        pace.refused(at, at - 0.1, None)
        pace.hold(until, asked=asked)
    assert pace.wait(60.0) == 0
    pace.accepted(60.1, 60.0)
    assert pace.rate == pytest.approx(100 / opened, rel=0.01)


@given(st.lists(st.sampled_from(["wait", "taken", "refused", "stated", "hold", "asked", "later"]), max_size=200))
def test_whatever_happens_a_turn_comes_and_the_rate_stays_above_nought(steps: list[str]) -> None:
    pace, now, sent_at = Pace(), 0.0, 0.0
    for step in steps:
        match step:
            case "wait":
                assert 0.0 <= pace.wait(now) < 1e6
                sent_at = now
            case "taken":
                pace.accepted(now, sent_at)
            case "refused" | "stated":
                pace.refused(now, sent_at, 5.0 if step == "stated" else None)
            case "hold" | "asked":
                pace.hold(now + 1.0, asked=step == "asked")
            case _:
                now += 0.3
        assert pace.rate > 0
        assert pace.refusals >= 0


@pytest.mark.parametrize(
    ("headers", "rate"),
    [
        ({"x-ratelimit-limit-minute": "3000", "ratelimit-limit": "3000"}, 50.0),
        ({"ratelimit-limit": "3000"}, None),
        ({"x-ratelimit-limit-second": "10", "x-ratelimit-limit-minute": "300"}, 5.0),
        ({"x-ratelimit-limit-hour": "3600", "ratelimit-limit": "3600"}, None),
        ({"x-ratelimit-limit-hour": "1200", "x-ratelimit-limit-minute": "360"}, 6.0),
        ({"ratelimit-limit": "100;w=60"}, None),
        ({"ratelimit-limit": "0"}, None),
        ({}, None),
    ],
)
def test_the_limit_that_a_server_tells(headers: dict[str, str], rate: float | None) -> None:
    assert stated_rate(headers) == rate


@pytest.mark.parametrize(
    ("headers", "left"),
    [
        ({"ratelimit-remaining": "12", "ratelimit-reset": "48"}, (12, 48.0)),
        ({"ratelimit-remaining": "0", "ratelimit-reset": "1"}, (0, 1.0)),
        ({"ratelimit-remaining": "0"}, None),
        ({"ratelimit-remaining": "0", "ratelimit-reset": "0"}, None),
        ({"ratelimit-remaining": "few", "ratelimit-reset": "48"}, None),
        ({"ratelimit-remaining": "1", "ratelimit-reset": "soon"}, None),
        ({"ratelimit-reset": "48"}, None),
        ({}, None),
    ],
)
def test_what_a_server_says_is_left(headers: dict[str, str], left: tuple[int, float] | None) -> None:
    assert remaining_requests(headers) == left
