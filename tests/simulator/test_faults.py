from __future__ import annotations

import email.utils
import re
import time

import httpx
import pytest

from portalctl.simulator.faults import parse_fault
from portalctl.simulator.server import Fault, Simulator
from tests.simulator.client import BASE, ERLING, GUNNERS, PORTAL, Client

pytestmark = pytest.mark.slow

DEVELOPERS, TEAMS = f"{BASE}/developers", f"{BASE}/teams"


def test_a_status_stands_in_for_the_answer_and_nothing_is_written(demo: Client) -> None:
    demo.simulator.inject(Fault("status", method="POST", path="*/teams", status=503, times=1))
    answer = demo.post(TEAMS, {"name": "city"})
    assert answer.status_code == 503
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert answer.json()["status"] == 503
    assert len(demo.simulator.store.teams(PORTAL)) == 1
    assert demo.post(TEAMS, {"name": "city"}).status_code == 201
    assert [exchange.fault for exchange in demo.simulator.log] == ["status", None]


@pytest.mark.parametrize("status", [401, 403, 429, 500, 502, 504])
def test_any_status(demo: Client, status: int) -> None:
    demo.simulator.inject(Fault("status", status=status))
    assert demo.get("/v3/portals").status_code == status
    demo.simulator.clear_faults()
    assert demo.get("/v3/portals").status_code == 200


def test_retry_after_in_seconds_or_as_a_date_and_the_gateways_own_body(demo: Client) -> None:
    demo.simulator.inject(Fault("status", status=429, retry_after=77, plain=True, times=1))
    demo.simulator.inject(Fault("status", status=429, retry_after=30, retry_date=True, times=1))
    demo.simulator.inject(Fault("status", status=429, times=1))
    plain, dated, bare = (demo.get("/v3/portals") for _ in range(3))
    assert plain.headers["retry-after"] == "77"
    assert plain.text == '{"message":"API rate limit exceeded"}'
    assert plain.headers["content-type"].startswith("application/json")
    wait = email.utils.parsedate_to_datetime(dated.headers["retry-after"]).timestamp() - time.time()
    assert 28 < wait <= 30
    assert "retry-after" not in bare.headers
    assert bare.json()["title"] == "Too Many Requests"


def test_after_and_times_count_the_requests_that_fit(demo: Client) -> None:
    demo.simulator.inject(Fault("status", path="*/teams", after=1, times=2))
    assert [demo.get(TEAMS).status_code for _ in range(4)] == [200, 503, 503, 200]
    assert demo.get(DEVELOPERS).status_code == 200


def test_a_fault_can_single_out_a_page(demo: Client) -> None:
    demo.simulator.inject(Fault("status", query="page[number]=2"))
    assert demo.get(f"{DEVELOPERS}?page[number]=1").status_code == 200
    assert demo.get(f"{DEVELOPERS}?page%5Bnumber%5D=2").status_code == 503
    assert demo.get(f"{DEVELOPERS}?page[number]=20").status_code == 200


def test_dropped_before_or_after_the_write(demo: Client) -> None:
    path, store = f"{DEVELOPERS}/{ERLING}", demo.simulator.store
    for kind, status in (("drop-before", "pending"), ("drop-after", "approved")):
        demo.simulator.clear_faults()
        demo.simulator.inject(Fault(kind, method="PATCH", times=1))  # type: ignore[arg-type]
        with pytest.raises(httpx.RemoteProtocolError):
            demo.patch(path, {"status": "approved"})
        assert {p["id"]: p["status"] for p in store.developers(PORTAL)}[ERLING] == status
        assert demo.simulator.log[-1].status == 0
        assert demo.simulator.log[-1].reply is None
    assert demo.get(path).json()["status"] == "approved"


def test_a_truncated_body_promises_more(demo: Client) -> None:
    demo.simulator.inject(Fault("truncate", times=1))
    with pytest.raises(httpx.RemoteProtocolError, match="without sending complete message body"):
        demo.get(DEVELOPERS)
    assert len(demo.emails()) == 8


def test_html_in_place_of_json(demo: Client) -> None:
    demo.simulator.inject(Fault("html", times=1))
    answer = demo.get(DEVELOPERS)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert answer.text.startswith("<!DOCTYPE html>")


@pytest.mark.parametrize(("kind", "rows"), [("empty", 0), ("lose-row", 4)])
def test_rows_vanish_while_the_total_stays(demo: Client, kind: str, rows: int) -> None:
    demo.simulator.inject(parse_fault(f"{kind},method=GET"))
    page = demo.get(f"{DEVELOPERS}?page[size]=5").json()
    assert len(page["data"]) == rows
    assert page["meta"]["page"]["total"] == 8
    assert demo.get(f"{TEAMS}/{GUNNERS}").json()["name"] == "gunners"  # what has no rows stays as it is


@pytest.mark.slow
def test_slow_answers_come_late_but_the_write_is_done(demo: Client) -> None:
    demo.simulator.inject(Fault("slow", delay=0.15, times=1))
    started = time.monotonic()
    assert demo.post(TEAMS, {"name": "city"}).status_code == 201
    assert time.monotonic() - started >= 0.15
    demo.simulator.inject(Fault("slow", delay=30))
    with pytest.raises(httpx.ReadTimeout):
        demo.http.post(TEAMS, json={"name": "reds"}, timeout=0.2)
    assert [team["name"] for team in demo.simulator.store.teams(PORTAL)] == ["gunners", "city", "reds"]


def test_a_slow_answer_does_not_hold_up_closing() -> None:
    with Simulator(seed="demo", faults=[Fault("slow", delay=30)]) as simulator, Client(simulator) as client:
        with pytest.raises(httpx.ReadTimeout):
            client.http.get("/v3/portals", timeout=0.05)
        started = time.monotonic()
    assert time.monotonic() - started < 15


@pytest.mark.slow
def test_rate_is_a_bucket_that_refills(demo: Client) -> None:
    demo.simulator.inject(Fault("rate", requests=5, seconds=10, plain=True))  # one more each 2 s
    statuses = [demo.get("/v3/portal-roles").status_code for _ in range(7)]
    assert statuses == [200] * 5 + [429] * 2
    time.sleep(2.1)
    assert [demo.get("/v3/portal-roles").status_code for _ in range(3)] == [200, 429, 429]


@pytest.mark.slow
def test_a_window_gives_its_requests_back_all_at_once(demo: Client) -> None:
    demo.simulator.inject(Fault("rate", requests=5, seconds=4, window=True))
    statuses = [demo.get("/v3/portal-roles").status_code for _ in range(6)]
    assert statuses == [200] * 5 + [429]
    time.sleep(2)
    assert demo.get("/v3/portal-roles").status_code == 429
    time.sleep(2.2)
    assert [demo.get("/v3/portal-roles").status_code for _ in range(6)] == [200] * 5 + [429]


@pytest.mark.parametrize("window", [True, False])
def test_a_limit_can_tell_what_is_left(demo: Client, *, window: bool) -> None:
    demo.simulator.inject(Fault("rate", requests=2, seconds=60.0, window=window, told=True, path="/v3/portals"))
    answers = [demo.get("/v3/portals") for _ in range(3)]
    assert [(a.status_code, a.headers["ratelimit-remaining"]) for a in answers] == [
        (200, "1"),
        (200, "0"),
        (429, "0"),
    ]
    assert {a.headers["ratelimit-reset"] for a in answers} == ({"60"} if window else {"30", "60"})
    assert "ratelimit-remaining" not in demo.get("/v3/portal-roles").headers


def test_the_first_fault_that_hits_acts_and_hides_the_request_from_the_next(demo: Client) -> None:
    demo.simulator.inject(Fault("status", status=500, times=1))
    demo.simulator.inject(Fault("status", status=502, times=1))
    assert [demo.get("/v3/portals").status_code for _ in range(3)] == [500, 502, 200]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("drop-after", Fault("drop-after")),
        ("status=429", Fault("status", status=429)),
        ("slow=0.5,path=*", Fault("slow", delay=0.5)),
        ("rate=3000,seconds=60", Fault("rate", requests=3000, seconds=60.0)),
        ("rate=3000,window=true,told=true", Fault("rate", requests=3000, seconds=60.0, window=True, told=True)),
        (
            "status=429,method=POST,path=/v3/*/teams,query=page[number]=2,after=2,times=1,retry_after=77,"
            "retry_date=true,retry_ms=true,plain=true",
            Fault(
                "status",
                method="POST",
                path="/v3/*/teams",
                query="page[number]=2",
                after=2,
                times=1,
                status=429,
                retry_after=77,
                retry_date=True,
                retry_ms=True,
                plain=True,
            ),
        ),
    ],
)
def test_faults_from_text(text: str, fault: Fault) -> None:
    assert parse_fault(text) == fault


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("explode", "unknown fault 'explode'; known: status, rate, drop-before"),
        ("html=1", "fault html takes no value"),
        ("status=high", "status in a fault must be a number, not 'high'"),
        ("status=99", "status in a fault must be 300 to 599"),
        ("status=429,kind=html", "unknown setting 'kind'"),
        ("status=429,often=1", "unknown setting 'often' in a fault; known: method"),
        ("slow=-1", "delay in a fault is too small"),
        ("rate=1,seconds=0", "seconds in a fault is too small"),
        ("status,plain=maybe", "plain in a fault must be true or false"),
        ("", "unknown fault ''"),
    ],
)
def test_bad_faults_say_what_is_wrong(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        parse_fault(text)
