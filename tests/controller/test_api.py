"""The API through a real socket: who may do what, and what requests do."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from portalctl.controller.models import AccessDecision, Counts, Registered, RunRecord, SignUp, Suspension
from portalctl.errors import PortalError
from portalctl.output.masks import Mask
from tests.controller.api_world import ENV, KEY, TOKENS, World, api, held, view
from tests.controller.records import result

pytestmark = pytest.mark.slow  # starts servers

DIGEST = "sha256:" + "a" * 64
NOW = datetime(2026, 6, 15, 8, tzinfo=UTC)
UNAUTHORIZED = {"status": 401, "title": "Unauthorized", "detail": "the credential is missing or not valid"}
ADDRESS = "eve@evil.example"

# Every operation that needs a token, and the roles that may use it.
READ, OPERATE, APPROVE = {"viewer", "operator", "approver"}, {"operator", "approver"}, {"approver"}
OPERATIONS: list[tuple[str, str, Any, set[str]]] = [
    ("GET", "/v1/portals", None, READ),
    ("GET", "/v1/portals/partners/runs", None, READ),
    ("GET", f"/v1/plans/{DIGEST}", None, READ),
    ("POST", f"/v1/plans/{DIGEST}/approve", None, APPROVE),
    ("POST", f"/v1/plans/{DIGEST}/reject", None, APPROVE),
    ("POST", "/v1/portals/partners/suspend", {"reason": "audit"}, OPERATE),
    ("POST", "/v1/portals/partners/resume", None, OPERATE),
    ("POST", "/v1/portals/partners/reconcile", None, OPERATE),
    ("POST", "/v1/portals/partners/lease", {"holder": "0123456789abcdef"}, OPERATE),
    ("DELETE", "/v1/portals/partners/lease?holder=0123456789abcdef", None, OPERATE),
    ("GET", "/v1/history", None, READ),
    ("GET", "/v1/portals/partners/decisions/ann@example.com", None, {"registrar"}),
]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with api(tmp_path) as found:
        yield found


def state(world: World) -> tuple[Any, ...]:
    """Everything that a request could change."""
    now = datetime.now(UTC)
    found = world.store.plan(DIGEST)
    kept = (world.store.suspension(KEY, now), world.store.lease(KEY, now), found and found.state)
    return (*kept, list(world.hub.woken), world.hub.pushes, list(world.hub.sign_ups), list(world.hub.asked))


def test_each_role_may_do_what_it_may_and_nothing_else(world: World) -> None:
    world.hub.answer = AccessDecision("approved", ("city",), "trusted_domains: example.com")
    for method, path, body, roles in OPERATIONS:
        for number, role in enumerate(TOKENS):
            digest = held(world, f"sha256:{number}{path[-1]}".ljust(71, "a")).digest
            before = state(world)
            got = world.call(role, method, path.replace(DIGEST, digest), body)
            assert (got.status < 400) == (role in roles), (method, path, role, got)
            if role not in roles:
                assert (got.status, state(world)) == (403, before)
            world.store.release_lease(KEY, f"{role}:0123456789abcdef")


def test_without_a_valid_token_every_operation_is_the_same_401_and_does_nothing(world: World) -> None:
    held(world)
    before = state(world)
    for method, path, body, _ in OPERATIONS:
        content = json.dumps(body).encode() if body is not None else None
        for headers in ({}, {"Authorization": "Bearer pctl_" + "A" * 65}):
            got = world.send(method, path, content, **headers)
            if got.status != 429:
                assert (got.status, got.json) == (401, UNAUTHORIZED)
    unknown = world.send("GET", "/v1/portals/nowhere/runs", Authorization="Bearer x")
    assert unknown.status in {401, 429}
    assert state(world) == before


def test_wrong_tokens_are_limited_and_a_right_one_still_counts(world: World) -> None:
    answers = [world.send("GET", "/v1/portals", Authorization=f"Bearer wrong-{n}").status for n in range(70)]
    assert answers == [401] * 60 + [429] * 10
    last = world.send("GET", "/v1/portals", Authorization="Bearer wrong")
    assert 1 <= int(last.headers["retry-after"]) <= 61
    assert world.call("viewer", "GET", "/v1/portals").status == 200
    assert world.event().status == 202
    assert (world.counts["portals", "unauthorized"], world.counts["portals", "limited"]) == (60, 11)


def test_without_tokens_this_machine_may_read_and_decide_nothing(tmp_path: Path) -> None:
    with api(tmp_path, tokens=False) as world:
        held(world)
        assert world.send("GET", "/v1/portals").status == 200
        assert ADDRESS not in world.send("GET", f"/v1/plans/{DIGEST}").body.decode()
        before = state(world)
        for method, path, body, roles in OPERATIONS:
            if "viewer" not in roles:
                content = json.dumps(body).encode() if body is not None else None
                got = world.send(method, path, content, Authorization=f"Bearer {TOKENS['approver']}")
                assert got.status == 403, path
        assert state(world) == before
        foreign = world.send("GET", "/v1/portals", Host="portalctl.evil.example")
        assert (foreign.status, b"partners" in foreign.body) == (421, False)
        assert world.send("GET", "/healthz", Host="10.0.0.7:8350").status == 200  # a probe of Kubernetes


def test_a_page_of_another_site_makes_no_browser_act(tmp_path: Path) -> None:
    env = ENV | {"PORTALCTL_PROXY_SECRET": "proxy-secret-0123456789"}
    settings: dict[str, Any] = {"proxies": ("127.0.0.1",), "user_header": "X-User"}
    with api(tmp_path, env, public_url="https://portalctl.example", **settings) as world:
        user = {"X-User": "bob", "X-Portalctl-Proxy": "proxy-secret-0123456789"}
        path = "/v1/portals/partners/reconcile"
        for origin in ("https://evil.example", "null", "http://portalctl.example", "https://portalctl.example.evil"):
            assert world.send("POST", path, **user, Origin=origin).status == 403
        assert world.send("POST", path, **user).status == 403
        assert world.hub.woken == []
        assert world.send("POST", path, **user, Origin="https://portalctl.example").status == 202
        assert world.send("GET", "/v1/portals", **user).status == 200
        assert world.send("GET", "/v1/portals", **(user | {"X-Portalctl-Proxy": "wrong"})).status == 401
        spoofed = world.send("GET", "/v1/portals", **{"X-User": "bob", "X-Forwarded-For": "127.0.0.1"})
        assert spoofed.status == 401


def test_portals_with_their_state(world: World) -> None:
    plan = held(world)
    world.hub.views = {
        "club": view("club", key=None, state="failing", problems=(f"cannot read {ADDRESS}",), mode="observe"),
        "partners": view(
            state="held",
            last_run=NOW,
            next_run=NOW + timedelta(minutes=10),
            commit="c0ffee",
            held=plan,
            suspension=Suspension(f"asked by {ADDRESS}", "ann", NOW, None),
            drift={"backlog": 2},
            pending=2,
            oldest_pending=NOW,
        ),
    }
    club, partners = world.call("approver", "GET", "/v1/portals").json["portals"]
    assert (club["name"], club["state"], club["held"]) == ("club", "failing", None)
    assert club["problems"] == [f"cannot read {ADDRESS}"]
    assert partners["last_run"] == "2026-06-15T08:00:00.000Z"
    assert partners["next_run"] == "2026-06-15T08:10:00.000Z"
    assert partners["held"].keys() == {"digest", "since", "expires"}
    assert partners["held"]["digest"] == DIGEST
    assert partners["suspension"]["reason"] == f"asked by {ADDRESS}"
    for role in ("viewer", "operator"):
        got = world.call(role, "GET", "/v1/portals")
        assert ADDRESS not in got.body.decode()
        assert got.json["portals"][1]["suspension"]["reason"].startswith("asked by dev-")


def test_runs_of_a_portal_the_newest_first(world: World) -> None:
    for number in range(3):
        started = NOW + timedelta(minutes=number)
        run = RunRecord(f"run-{number}", "partners", "event", "full", "running", started, key=KEY, commit="c0ffee")
        world.store.begin_run(run)
        ended = replace(run, state="succeeded", ended_at=started, digest=DIGEST, counts=Counts(2, 0, 1, 0))
        world.store.end_run(replace(ended, detail=f"stopped at {ADDRESS}"), ())
    runs = world.call("approver", "GET", "/v1/portals/partners/runs").json["runs"]
    assert [run["id"] for run in runs] == ["run-2", "run-1", "run-0"]
    assert {
        key: runs[0][key] for key in ("trigger", "mode", "state", "started_at", "ended_at", "commit", "digest")
    } == {
        "trigger": "event",
        "mode": "full",
        "state": "succeeded",
        "started_at": "2026-06-15T08:02:00.000Z",
        "ended_at": "2026-06-15T08:02:00.000Z",
        "commit": "c0ffee",
        "digest": DIGEST,
    }
    assert [runs[0][key] for key in ("confirmed", "failed", "skipped", "unknown")] == [2, 0, 1, 0]
    assert ADDRESS not in world.call("viewer", "GET", "/v1/portals/partners/runs").body.decode()
    assert len(world.call("viewer", "GET", "/v1/portals/partners/runs?limit=1").json["runs"]) == 1
    for wrong in ("0", "-1", "501", "x", "", "1e3", "٣"):
        path = f"/v1/portals/partners/runs?limit={wrong}".encode().decode("latin-1")
        assert world.call("viewer", "GET", path.replace("Ù£", "%D9%A3")).status == 400
    assert world.call("viewer", "GET", "/v1/portals/nowhere/runs").status == 404


def test_a_plan_is_shown_with_masks_to_those_who_do_not_approve(world: World) -> None:
    plan = held(world)
    shown = world.call("approver", "GET", f"/v1/plans/{DIGEST}").json
    assert (shown["state"], shown["decided_by"], shown["decided_at"]) == ("held", None, None)
    assert shown["plan"] == json.loads(plan.plan)
    id_ = shown["plan"]["portals"][0]["changes"][0]["developer"]["id"]
    for role in ("viewer", "operator"):
        got = world.call(role, "GET", f"/v1/plans/{DIGEST}")
        assert ADDRESS not in got.body.decode()
        assert id_ not in got.body.decode()
        assert got.json["plan"]["portals"][0]["changes"][0]["developer"]["email"].startswith("dev-")


def test_a_decision_is_made_once(world: World) -> None:
    held(world)
    got = world.call("approver", "POST", f"/v1/plans/{DIGEST}/approve")
    assert (got.status, got.json["state"], got.json["decided_by"]) == (200, "approved", "approver")
    assert world.hub.woken == [("partners", "approval")]
    for word in ("approve", "reject"):
        again = world.call("approver", "POST", f"/v1/plans/{DIGEST}/{word}")
        assert again.status == 409
        assert f"the plan {DIGEST} cannot be" in again.json["detail"]
        assert "it is approved, decided by approver" in again.json["detail"]
    assert world.hub.woken == [("partners", "approval")]
    other = held(world, "sha256:" + "b" * 64)
    rejected = world.call("approver", "POST", f"/v1/plans/{other.digest}/reject")
    assert (rejected.status, rejected.json["state"]) == (200, "rejected")


def test_two_decisions_at_once_are_one(world: World) -> None:
    held(world)
    answers: list[int] = []

    def decide(word: str) -> None:
        answers.append(world.call("approver", "POST", f"/v1/plans/{DIGEST}/{word}").status)

    threads = [threading.Thread(target=decide, args=(word,)) for word in ("approve", "reject") * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [200] + [409] * 7
    assert len(world.hub.woken) == 1


def test_a_plan_that_cannot_be_carried_out_is_not_approved(world: World) -> None:
    now = datetime.now(UTC)
    expired = held(world, started_at=now - timedelta(hours=25), expires=now - timedelta(hours=1))
    assert world.call("viewer", "GET", f"/v1/plans/{expired.digest}").json["state"] == "expired"
    assert world.call("approver", "POST", f"/v1/plans/{expired.digest}/approve").status == 409
    stale = held(world, "sha256:" + "b" * 64)
    world.store.set_plan_state(stale.digest, "stale", now)
    assert world.call("approver", "POST", f"/v1/plans/{stale.digest}/approve").status == 409
    good = held(world, "sha256:" + "c" * 64)
    world.hub.views["partners"] = view(suspension=Suspension("audit", "ann", now, None))
    assert world.call("approver", "POST", f"/v1/plans/{good.digest}/approve").status == 409
    world.hub.views = {}
    assert world.call("approver", "POST", f"/v1/plans/{good.digest}/approve").status == 409
    for digest in ("sha256:" + "d" * 64, "x", "%00", "..%2F..%2Fetc"):
        got = world.call("approver", "POST", f"/v1/plans/{digest}/approve")
        assert got.status == 404
        assert digest.encode() not in got.body
    assert world.hub.woken == []


def test_a_portal_is_suspended_with_a_reason_and_resumed(world: World) -> None:
    got = world.call(
        "operator", "POST", "/v1/portals/partners/suspend", {"reason": " audit ", "expires": "2999-01-31"}
    )
    assert (got.status, got.json["reason"], got.json["by"]) == (200, "audit", "operator")
    assert got.json["expires"] == "2999-02-01T00:00:00.000Z"
    kept = world.store.suspension(KEY, datetime.now(UTC))
    assert kept is not None
    assert (kept.reason, kept.by) == ("audit", "operator")
    assert world.call("operator", "POST", "/v1/portals/partners/lease", {"holder": "0123456789abcdef"}).status == 409
    assert world.call("operator", "POST", "/v1/portals/partners/resume").status == 200
    assert world.store.suspension(KEY, datetime.now(UTC)) is None
    assert [trigger for _, trigger in world.hub.woken] == ["manual", "manual"]


WRONG_SUSPENSIONS: list[Any] = [
    {},
    {"reason": ""},
    {"reason": "  "},
    {"reason": "a\nb"},
    {"reason": "x" * 501},
    {"reason": 5},
    {"reason": "audit", "expires": "2020-01-01"},
    {"reason": "audit", "expires": "2999-01-01T00:00:00"},
    {"reason": "audit", "expires": "tomorrow"},
    {"reason": "audit", "expires": "9999-12-31"},
    {"reason": "audit", "expires": 5},
    [],
    "audit",
]


def test_a_suspension_that_is_not_valid_changes_nothing(world: World) -> None:
    for body in WRONG_SUSPENSIONS:
        got = world.call("operator", "POST", "/v1/portals/partners/suspend", body)
        assert got.status == 400
        assert got.headers["content-type"] == "application/problem+json"
        assert world.store.suspension(KEY, datetime.now(UTC)) is None
        assert world.hub.woken == []


def test_the_lease_has_one_holder(world: World) -> None:
    path = "/v1/portals/partners/lease"
    mine, other = {"holder": "0123456789abcdef"}, {"holder": "fedcba9876543210"}
    got = world.call("operator", "POST", path, mine)
    assert (got.status, got.json["seconds"]) == (200, 20)
    assert (got.json["server"], got.json["portal_id"]) == KEY
    refused = world.call("operator", "POST", path, other)
    assert (refused.status, refused.json["detail"]) == (409, "operator writes to this portal")
    assert world.call("approver", "POST", path, mine).status == 409  # another user with the same word
    assert world.call("operator", "POST", path, mine | {"renew": True}).status == 200
    assert world.call("approver", "DELETE", f"{path}?holder=0123456789abcdef").status == 200
    assert world.call("operator", "POST", path, other).status == 409
    assert world.call("operator", "DELETE", f"{path}?holder=0123456789abcdef").status == 200
    assert world.call("operator", "POST", path, mine | {"renew": True}).status == 409  # it has ended
    assert world.call("operator", "POST", path, other).status == 200
    world.hub.views = {"partners": view(key=None)}
    assert world.call("operator", "POST", path, mine).status == 503
    for holder in ("", "short", "x" * 65, "a b c d e f g h i j", None, 5):
        assert world.call("operator", "POST", path, {"holder": holder}).status == 400


def test_a_decision_names_status_teams_and_the_kind_of_rule(world: World) -> None:
    world.hub.answer = AccessDecision("approved", ("city",), "trusted_domains: example.com")
    got = world.call("registrar", "GET", "/v1/portals/partners/decisions/Ann%2B2@Example.com")
    assert got.json == {"status": "approved", "teams": ["city"], "why": "trusted_domains: example.com"}
    assert world.hub.asked == [("partners", "ann+2@example.com")]
    assert world.call("registrar", "GET", "/v1/portals/nowhere/decisions/ann@example.com").status == 404
    for address in ("ann", "ann@", "@example.com", "a%20b@example.com", "%00@example.com", "ann@example.com%2Fx"):
        got = world.call("registrar", "GET", f"/v1/portals/partners/decisions/{address}")
        assert got.status == 400
        assert b"example" not in got.body
    world.hub.answer = PortalError("https://eu.api.konghq.com returned 500: secret detail")
    failed = world.call("registrar", "GET", "/v1/portals/partners/decisions/ann@example.com")
    assert (failed.status, b"konghq" in failed.body, len(world.log.lines)) == (503, False, 1)


def test_before_the_manifest_was_read_no_portal_is_unknown(world: World) -> None:
    world.hub.views, world.hub.reasons = {}, ("the manifest was not read yet",)
    for got in (world.event(), world.call("operator", "POST", "/v1/portals/partners/reconcile")):
        assert (got.status, got.json["detail"]) == (503, "the controller is not ready")
        assert int(got.headers["retry-after"]) > 0


def test_health_and_readiness_need_no_token(world: World) -> None:
    assert world.send("GET", "/healthz").json == {"status": "ok", "reasons": []}
    assert world.send("GET", "/readyz").status == 200
    assert world.send("HEAD", "/healthz").status == 200
    world.hub.reasons = ("the database cannot be written",)
    got = world.send("GET", "/readyz")
    assert (got.status, got.json["reasons"]) == (503, ["the database cannot be written"])
    assert world.send("GET", "/healthz").status == 200
    for alive in (None, datetime.now(UTC) - timedelta(minutes=5)):
        world.hub.alive = alive
        assert world.send("GET", "/healthz").status == 503


def test_metrics_are_text(world: World) -> None:
    got = world.send("GET", "/metrics")
    assert (got.body, got.headers["content-type"]) == (
        b"portalctl_portals 1\n",
        "text/plain; version=0.0.4; charset=utf-8",
    )


def test_every_answer_has_the_headers_that_keep_browsers_safe(world: World) -> None:
    for path in ("/healthz", "/v1/portals", "/nowhere", "/openapi.json"):
        headers = world.send("GET", path).headers
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "server" not in headers


def test_a_path_that_does_not_exist_is_404_without_an_echo(world: World) -> None:
    for path in (
        "/v1",
        "/v1/portals/",
        "/v1/%3Cscript%3E",
        "/v1/portals/x/y/z",
        "//v1/portals",
        "/v1/../tokens",
    ):
        got = world.send("GET", path)
        assert (got.status, got.json["detail"]) == (404, "")
        assert b"script" not in got.body
    wrong = world.send("POST", "/v1/portals", b"{}")
    assert (wrong.status, set(wrong.headers["allow"].split(", "))) == (405, {"GET", "HEAD"})
    assert world.counts["other", "not_found"] == 6


def test_a_database_that_fails_is_503_and_names_no_place(world: World, tmp_path: Path) -> None:
    held(world)
    next((tmp_path / "state").glob("*.db")).unlink()
    got = world.call("approver", "POST", f"/v1/plans/{DIGEST}/approve")
    assert (got.status, str(tmp_path).encode() in got.body) == (503, False)
    assert world.event().status == 503
    assert world.register().status == 503
    assert (world.hub.woken, world.hub.sign_ups) == ([], [])
    assert world.send("GET", "/healthz").status == 200
    assert {event for _, event, _ in world.log.lines} == {"database"}


def test_a_mistake_of_ours_ends_one_request_and_shows_nothing(world: World) -> None:
    world.hub.outcome = lambda _: 1 / 0  # type: ignore[assignment, return-value]
    got = world.register()
    assert (got.status, b"division" in got.body) == (500, False)
    assert [(level, event) for level, event, _ in world.log.lines] == [("error", "api")]
    assert "ZeroDivisionError in tests.controller.test_api" in str(world.log.lines[0][2]["error"])
    assert world.send("GET", "/healthz").status == 200


def answers(world: World) -> Iterator[tuple[str, str, Any]]:
    """Yield answers of every operation: method, path of the document, and the answer."""
    held(world)
    world.hub.views["partners"] = view(held=world.store.plan(DIGEST), drift={}, suspension=Suspension("a", "b", NOW))
    world.hub.answer = AccessDecision(None, (), "unmatched")
    yield "get", "/healthz", world.send("GET", "/healthz")
    yield "get", "/readyz", world.send("GET", "/readyz")
    yield "get", "/metrics", world.send("GET", "/metrics")
    yield "get", "/openapi.json", world.send("GET", "/openapi.json")
    yield "get", "/v1/portals", world.call("viewer", "GET", "/v1/portals")
    yield "get", "/v1/portals", world.send("GET", "/v1/portals")
    yield "post", "/v1/plans/{digest}/approve", world.call("approver", "POST", f"/v1/plans/{DIGEST}/approve")
    world.hub.views["partners"] = view()
    world.store.begin_run(RunRecord("run-1", "partners", "event", "full", "running", NOW, key=KEY))
    yield "get", "/v1/portals/{name}/runs", world.call("viewer", "GET", "/v1/portals/partners/runs")
    yield "get", "/v1/portals/{name}/runs", world.call("viewer", "GET", "/v1/portals/nowhere/runs")
    yield "get", "/v1/plans/{digest}", world.call("viewer", "GET", f"/v1/plans/{DIGEST}")
    yield "post", "/v1/plans/{digest}/approve", world.call("approver", "POST", f"/v1/plans/{DIGEST}/approve")
    yield "post", "/v1/plans/{digest}/approve", world.call("viewer", "POST", f"/v1/plans/{DIGEST}/approve")
    yield "post", "/v1/plans/{digest}/reject", world.call("approver", "POST", f"/v1/plans/{DIGEST}/reject")
    for body in ({"reason": "audit"}, {}):
        answer = world.call("operator", "POST", "/v1/portals/partners/suspend", body)
        yield "post", "/v1/portals/{name}/suspend", answer
    yield "post", "/v1/portals/{name}/resume", world.call("operator", "POST", "/v1/portals/partners/resume")
    yield "post", "/v1/portals/{name}/reconcile", world.call("operator", "POST", "/v1/portals/partners/reconcile")
    for holder in ("0123456789abcdef", "fedcba9876543210"):
        answer = world.call("operator", "POST", "/v1/portals/partners/lease", {"holder": holder})
        yield "post", "/v1/portals/{name}/lease", answer
    yield (
        "delete",
        "/v1/portals/{name}/lease",
        world.call("operator", "DELETE", "/v1/portals/partners/lease?holder=x"),
    )
    decision = world.call("registrar", "GET", "/v1/portals/partners/decisions/ann@example.com")
    yield "get", "/v1/portals/{name}/decisions/{address}", decision
    yield "get", "/v1/history", world.call("viewer", "GET", "/v1/history")
    yield "get", "/v1/history", world.call("viewer", "GET", "/v1/history?developer=dev-00000000@example.com")
    yield "post", "/v1/history/reports", world.call("operator", "POST", "/v1/history/reports", {})
    yield "post", "/v1/portals/{name}/events", world.event()
    yield "post", "/v1/portals/{name}/events", world.event(b"x" * 70_000)
    for outcome in ("approved", "already", "pending", "denied", "unavailable", "unsupported"):
        world.hub.outcome = lambda _, word=outcome: Registered(word, ("city",))  # type: ignore[misc]
        yield "post", "/v1/portals/{name}/registrations", world.register()
    for hook, headers in (
        ("github", {"X-GitHub-Event": "push"}),
        ("gitlab", {"X-Gitlab-Token": "gitlab-hook-token"}),
    ):
        yield "post", f"/hooks/{hook}", world.send("POST", f"/hooks/{hook}", b"{}", **headers)


def test_the_document_describes_every_answer(world: World) -> None:
    document = world.send("GET", "/openapi.json").json
    seen: dict[tuple[str, str], set[str]] = {}
    for method, path, got in answers(world):
        response = document["paths"][path][method]["responses"][str(got.status)]
        media = got.headers["content-type"].partition(";")[0]
        schema = response["content"][media]["schema"] | {"components": document["components"]}
        value = got.body.decode() if media == "text/plain" else got.json
        jsonschema.Draft202012Validator(schema).validate(value)
        seen.setdefault((method, path), set()).add(str(got.status))
    assert {(method, path) for path, item in document["paths"].items() for method in item} == seen.keys()
    assert seen["post", "/v1/portals/{name}/registrations"] == {"200", "201", "202", "403", "501", "503"}


def test_the_sign_up_that_is_registered(world: World) -> None:
    assert world.register().json == {"status": "approved", "teams": ["city"]}
    assert world.hub.sign_ups == [SignUp("ann@example.com", "Ann Oakley", True)]


def test_the_history_is_read_by_role_and_by_mask(world: World) -> None:
    done = replace(RunRecord("run-1", "partners", "event", "full", "succeeded", NOW, key=KEY), ended_at=NOW)
    world.store.end_run(done, [result("ann@example.com", at=NOW), result("bob@example.com", at=NOW)])
    whole = world.call("approver", "GET", "/v1/history").json
    assert {change["change"]["id"] for change in whole["changes"]} == {
        "approve:ann@example.com",
        "approve:bob@example.com",
    }
    one = world.call("approver", "GET", "/v1/history?developer=Ann@Example.com&portal=partners&since=2026-01-01").json
    assert [change["change"]["developer"]["email"] for change in one["changes"]] == ["ann@example.com"]
    masked = world.call("viewer", "GET", "/v1/history")
    assert (masked.status, b"ann@" in masked.body) == (200, False)
    mask = Mask(b"k" * 32)("ann@example.com")
    by_mask = world.call("viewer", "GET", f"/v1/history?developer={mask}")
    assert [change["change"]["developer"]["email"] for change in by_mask.json["changes"]] == [mask]
    assert b"ann@" not in by_mask.body
    assert world.call("viewer", "GET", "/v1/history?developer=ann@example.com").status == 403
    assert world.call("viewer", "GET", "/v1/history?developer=dev-00000000@example.com").status == 404
    for query in ("since=yesterday", "limit=0", "limit=x"):
        assert world.call("viewer", "GET", f"/v1/history?{query}").status == 400


def test_a_report_that_is_not_valid_is_not_imported(world: World) -> None:
    plan = json.loads(held(world).plan)
    for body in (b"", b"{}", b"[]", b"x", json.dumps(plan).encode(), b'{"version": 1, "kind": "report"}'):
        got = world.send("POST", "/v1/history/reports", body, Authorization=f"Bearer {TOKENS['operator']}")
        assert got.status == 400, got
    assert world.store.runs("partners") == []
