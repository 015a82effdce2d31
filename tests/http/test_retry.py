"""When a request is repeated, and after how long."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portalctl.http.retry import Attempt, RetryPolicy, Waited, asked_pause

POLICY = RetryPolicy()
WRITES = ("POST", "PATCH", "DELETE")
NOW = 1_700_000_000.0


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "77"}, 77),
        ({"retry-after": "0"}, 0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after-ms": "250"}, 0.25),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "Tue, 14 Nov 2023 22:13:50 GMT"}, 30),
        ({"retry-after": "Tue, 14 Nov 2023 22:13:00 GMT"}, 0),
        ({"retry-after": "Tue, 14 Nov 2023 21:00:30 GMT", "date": "Tue, 14 Nov 2023 21:00:00 GMT"}, 30),
        ({"retry-after": "Tue, 14 Nov 2023 22:13:50 GMT", "date": "today"}, 30),
        ({"retry-after": "soon"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after-ms": "many"}, None),
        ({"retry-after": "Tue, 99 Nov 2023 22:13:50 GMT"}, None),
        ({}, None),
    ],
)
def test_what_a_server_asks_for(headers: dict[str, str], seconds: float | None) -> None:
    assert asked_pause(headers, NOW) == seconds


@given(st.text(max_size=40), st.text(max_size=20))
def test_no_header_breaks_us(after: str, milliseconds: str) -> None:
    pause = asked_pause({"retry-after": after, "retry-after-ms": milliseconds}, NOW)
    assert pause is None or pause >= 0


@pytest.mark.parametrize("method", WRITES)
@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_write_with_an_unclear_answer_is_never_repeated_blindly(method: str, status: int) -> None:
    assert POLICY.pause(method, 1, Attempt("answered", status)) is None
    assert POLICY.pause(method, 1, Attempt("answered", status, asked=1.0)) is None
    assert POLICY.pause(method, 1, Attempt("broken")) is None


@pytest.mark.parametrize("method", ["GET", *WRITES])
def test_what_was_surely_not_carried_out_is_repeated(method: str) -> None:
    assert POLICY.pause(method, 1, Attempt("answered", 429, asked=77.0)) == 77.0
    assert POLICY.pause(method, 1, Attempt("answered", 429)) == POLICY.first
    assert POLICY.pause(method, 2, Attempt("answered", 429, asked=0.0)) == 2 * POLICY.first
    assert POLICY.pause(method, 1, Attempt("unconnected")) == POLICY.first


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_read_is_repeated_with_growing_pauses_and_an_end(status: int) -> None:
    pauses = [POLICY.pause("GET", attempt, Attempt("answered", status)) for attempt in range(1, 7)]
    assert pauses == [0.5, 1.0, 2.0, 4.0, None, None]


@pytest.mark.parametrize("status", [200, 201, 204, 301, 400, 401, 403, 404, 409, 501])
@pytest.mark.parametrize("method", ["GET", *WRITES])
def test_a_clear_answer_is_an_answer(method: str, status: int) -> None:
    assert POLICY.pause(method, 1, Attempt("answered", status)) is None


def test_a_pause_beyond_the_ceiling_is_not_slept_through() -> None:
    assert POLICY.pause("GET", 1, Attempt("answered", 429, asked=180.0)) == 180.0
    assert POLICY.pause("GET", 1, Attempt("answered", 429, asked=180.1)) is None


@pytest.mark.parametrize(
    ("waited", "asked", "pause"),
    [
        (Waited(), 180.0, 180.0),
        (Waited(call=POLICY.call_budget - 30), 30.0, 30.0),
        (Waited(call=POLICY.call_budget - 30), 31.0, None),
        (Waited(run=POLICY.run_budget - 30), 30.0, 30.0),
        (Waited(run=POLICY.run_budget - 30), 31.0, None),
        (Waited(call=POLICY.call_budget), None, None),
    ],
)
def test_all_waiting_has_an_end(waited: Waited, asked: float | None, pause: float | None) -> None:
    assert POLICY.pause("GET", 1, Attempt("answered", 429, asked), waited) == pause
