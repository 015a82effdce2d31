"""The one HTTP client: what it can send, what it repeats, and that a token goes into one header only."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from portalctl.cancellation import Stop
from portalctl.errors import AnswerError, BadUsageError, NoAnswerError
from portalctl.events import Event, Waiting
from portalctl.http import READ_ONLY, READ_WRITE, Client, Server
from portalctl.http.retry import RetryPolicy
from portalctl.http.throttle import Throttle
from portalctl.simulator.faults import Fault
from portalctl.simulator.server import Simulator
from tests.conftest import PORTAL_ID

PATH = f"/v3/portals/{PORTAL_ID}"
QUICK = RetryPolicy(first=0.0)


def client(sim: Simulator, **settings: object) -> Client:
    return Client(Server(sim.url, sim.token), policy=QUICK, **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT", "DELETE", "post", "OPTIONS"])
def test_a_client_for_reading_cannot_send_a_write(method: str) -> None:
    with Simulator(seed="demo") as sim, client(sim, methods=READ_ONLY) as http:
        with pytest.raises(AssertionError):
            http.request(method, PATH, body={"name": "x"})
        assert sim.log == ()


def test_the_token_is_in_its_header_and_nowhere_else() -> None:
    with Simulator(seed="demo") as sim, client(sim) as http:
        http.get(PATH)
        (exchange,) = sim.log
        assert exchange.authorized
        assert sim.token not in exchange.path + str(exchange.query)
        assert sim.token not in repr(http.server)


@pytest.mark.slow
def test_a_pause_that_the_portal_asks_for_holds_every_worker_and_is_announced_once() -> None:
    events: list[Event] = []
    with Simulator(seed="demo", faults=[Fault("status", status=429, retry_after=1, times=1)]) as sim:
        with client(sim, observer=events.append) as http, ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(lambda _: http.get(PATH), range(200)))
    assert all(answer.status == 200 for answer in answers)
    assert [event.seconds for event in events if isinstance(event, Waiting)] == [1.0]
    (throttled,) = [exchange for exchange in sim.log if exchange.status == 429]
    # What was on its way before the client had read that answer may still arrive; of the 200, that is a few.
    early = [e for e in sim.log if e.status == 200 and throttled.ended < e.started < throttled.ended + 0.9]
    assert len(early) <= 40


def test_an_error_answer_says_what_where_and_which_trace() -> None:
    with Simulator(seed="demo") as sim, client(sim, advice={404: "look again"}) as http:
        with pytest.raises(AnswerError) as caught:
            http.get("/v3/portals/00000000-0000-4000-8000-000000000000")
    assert caught.value.status == 404
    assert caught.value.call == "GET /v3/portals/00000000-0000-4000-8000-000000000000"
    assert (caught.value.trace or "").startswith("kong:trace:")
    assert "look again" in caught.value.advice
    assert any(item.endswith("is the address of the API.") for item in caught.value.advice)


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
@pytest.mark.parametrize("kind", ["drop-before", "drop-after"])
def test_a_write_whose_answer_is_lost_is_sent_once(kind: str, method: str) -> None:
    with Simulator(seed="demo", faults=[Fault(kind)]) as sim, client(sim, methods=READ_WRITE) as http:  # type: ignore[arg-type]
        with pytest.raises(NoAnswerError) as caught:
            http.request(method, f"{PATH}/teams", body={"name": "x"})
        assert caught.value.sent
        assert len(sim.log) == 1


@pytest.mark.parametrize("status", [500, 503])
def test_a_read_is_repeated_and_ends(status: int) -> None:
    with Simulator(seed="demo", faults=[Fault("status", status=status)]) as sim, client(sim) as http:
        with pytest.raises(AnswerError):
            http.get(PATH)
        assert len(sim.log) == QUICK.tries


def test_a_server_is_checked_before_anything_is_sent() -> None:
    with pytest.raises(BadUsageError, match="plain http"):
        Server("http://portal.example", "kpat_x")
    with pytest.raises(BadUsageError, match="characters that are not valid in a token"):
        Server("https://portal.example", "kpat_x\r\nX-Evil: 1")


@pytest.mark.slow
def test_whether_a_request_is_still_wanted_is_asked_when_its_turn_has_come() -> None:
    throttle, asked = Throttle(), []

    def precheck() -> None:
        asked.append(time.monotonic())
        if len(asked) == 2:
            raise NoAnswerError("not any more", sent=False)

    with Simulator(seed="demo", faults=[Fault("status", status=429, times=1)]) as sim:
        with client(sim, throttle=throttle) as http:
            began = time.monotonic()
            throttle.hold(0.2, asked=True)
            with pytest.raises(NoAnswerError, match="not any more"):
                http.request("GET", PATH, precheck=precheck)
            assert http.get(PATH).ok, "nobody waits for the one that was given up"
        assert [exchange.status for exchange in sim.log] == [429, 200]
    assert asked[0] - began >= 0.2


@pytest.mark.wide(1)
@pytest.mark.parametrize("method", ["GET", "PATCH"])
def test_once_asked_to_stop_nothing_waits_and_no_write_is_sent(method: str) -> None:
    stop = Stop()
    faults = [Fault("status", status=429, retry_after=60)]

    def soon(event: Event) -> None:
        if isinstance(event, Waiting):
            threading.Timer(0.1, stop.ask).start()

    with (
        Simulator(seed="demo", faults=faults) as sim,
        client(sim, methods=READ_WRITE, stop=stop, observer=soon) as http,
    ):
        began = time.monotonic()
        if method == "GET":
            assert http.request(method, PATH).status == 429
        else:
            with pytest.raises(NoAnswerError, match="interrupted") as caught:
                http.request(method, PATH, body={})
            assert not caught.value.sent
        assert time.monotonic() - began < 5
        assert len(sim.log) == (2 if method == "GET" else 1)


@pytest.mark.slow
def test_where_the_portal_tells_what_is_left_nothing_is_refused() -> None:
    events: list[Event] = []
    with Simulator(seed="demo", faults=[Fault("rate", requests=50, seconds=1, window=True, told=True)]) as sim:
        with client(sim, observer=events.append) as http, ThreadPoolExecutor(16) as pool:
            began = time.monotonic()
            list(pool.map(lambda _: http.get(PATH), range(175)))
            took = time.monotonic() - began
        assert [exchange.reply.status for exchange in sim.log if exchange.reply] == [200] * 175
    assert took < 7  # 2 to 4: of each second that is used up, the rest is waited for
    assert {event.because for event in events if isinstance(event, Waiting)} == {
        "the portal allows no more requests until then (ratelimit-remaining)"
    }


@pytest.mark.slow
def test_a_limit_is_learned_and_kept_to() -> None:
    """200 requests a second, 50 of them saved up, and 16 workers that would send many more."""
    rate, saved_up, total = 200.0, 50, 1500
    with Simulator(seed="demo", faults=[Fault("rate", requests=saved_up, seconds=saved_up / rate)]) as sim:
        with client(sim) as http, ThreadPoolExecutor(16) as pool:
            began = time.monotonic()
            answers = list(pool.map(lambda _: http.get(PATH), range(total)))
            took = time.monotonic() - began
        refused = sum(exchange.status == 429 for exchange in sim.log)
    assert all(answer.ok for answer in answers)
    assert took < 2 * (total - saved_up) / rate  # 1.04 on a machine that does nothing else
    assert refused <= 0.02 * (total + refused)
