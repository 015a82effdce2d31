"""What the two services refuse, and in whose words; and what a developer has, through the backend."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.simulator.api7.client import NOBODY, PORTAL, World, world

pytestmark = pytest.mark.slow

APPROVE = f"/api/approvals/{NOBODY}/accept"


def send(here: World, service: str, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    call = here.client.dashboard if service == "dashboard" else here.client.backend
    answer = call(method, path, body)
    return answer.status_code, answer.json()


@pytest.fixture(scope="module")
def untouched() -> Iterator[World]:
    """One for all requests that change nothing."""
    with world() as here:
        yield here


def test_each_service_wants_its_own_credential() -> None:
    with world() as here:
        client, sim = here.client, here.client.sim
        for token in ("wrong", sim.portal_token):
            answer = client.dashboard("GET", "/api/portals", token=token)
            assert (answer.status_code, answer.json()) == (401, {"error_msg": "unauthorized"})
        for token in ("wrong", sim.token):
            answer = client.backend("GET", "/api/developers", token=token)
            assert (answer.status_code, answer.json()) == (401, {"status": 401, "message": "unauthorized"})
        bare = client.http.get(f"{sim.url}/api/portals", headers={"Authorization": f"Bearer {sim.token}"})
        assert bare.status_code == 401
        assert client.http.get(f"{sim.portal_url}/healthz").status_code == 200
        assert [request.authorized for request in sim.log[-2:]] == [True, False]


@pytest.mark.parametrize(
    ("words", "body", "status", "text"),
    [
        ("dashboard GET /api/nothing", None, 404, "path not found"),
        ("dashboard GET /", None, 404, "path not found"),
        ("dashboard POST /api/developers", {"developer_id": "x"}, 405, "method not allowed"),
        ("dashboard GET /api/system_settings/public_access", None, 404, "path not found"),
        ("dashboard GET /api/portals?colour=red", None, 400, "unknown query parameter colour"),
        ("dashboard GET /api/version?x=1", None, 400, "unknown query parameter x"),
        ("dashboard GET /api/portals?page=1&page=2", None, 400, "query parameter page is given more than once"),
        ("dashboard GET /api/portals?page=0", None, 400, "page must be a number of at least 1"),
        ("dashboard GET /api/portals?page_size=ten", None, 400, "page_size must be a number of at least 1"),
        ("dashboard GET /api/approvals?event=x", None, 400, "event must be one of developer_registration,"),
        ("dashboard GET /api/approvals?order_by=x", None, 400, "order_by must be one of applied_at,"),
        ("dashboard GET /api/approvals?direction=up", None, 400, "direction must be one of asc, desc"),
        ("dashboard GET /api/approvals?portal_id=partners", None, 400, "unknown query parameter portal_id"),
        ("dashboard GET /api/developers?portal_id=a%20b", None, 400, "invalid id of portal"),
        (f"dashboard DELETE /api/developers/a%2Fb?portal_id={PORTAL}", None, 400, "invalid id of developer"),
        (f"dashboard DELETE /api/developers/%2e%2e?portal_id={PORTAL}", None, 400, "invalid id of developer"),
        ("dashboard DELETE /api/developers/org_ann", None, 400, "portal_id is required"),
        ("dashboard POST /api/approvals/a%20b/accept", None, 400, "invalid id of approval"),
        (f"dashboard POST {APPROVE}?force=1", None, 400, "unknown query parameter force"),
        ("backend GET /api/portals", None, 404, "path not found"),
        ("backend PATCH /api/developers", {}, 405, "method not allowed"),
        ("backend POST /api/developers", None, 400, "developer_id is required"),
        ("backend POST /api/developers", {"developer_id": 7}, 400, "invalid value of developer_id"),
        ("backend POST /api/developers", {"developer_id": "x" * 257}, 400, "invalid value of developer_id"),
        ("backend POST /api/developers", {"developer_id": "x", "email": "y"}, 400, "unknown property email"),
        ("backend POST /api/developers", ["x"], 400, "the body must be a JSON object"),
        ("backend GET /api/developers?state=Pending", None, 400, "unknown query parameter state"),
        ("backend DELETE /api/developers/nobody", None, 404, "developer not found"),
        ("backend GET /api/applications", None, 400, "X-Portal-Developer-ID is required"),
    ],
)
def test_what_is_wrong_is_said_in_the_services_shape(
    untouched: World, words: str, body: Any, status: int, text: str
) -> None:
    service, method, path = words.split()
    code, answer = send(untouched, service, method, path, body)
    assert code == status
    assert set(answer) == ({"error_msg"} if service == "dashboard" else {"status", "message"})
    assert answer.get("error_msg", answer.get("message")).startswith(text)
    assert len(untouched.client.store.developers(PORTAL)) == 2


def test_a_decision_can_say_who_made_it() -> None:
    with world() as here:
        path = f"/api/approvals/{here.client.store.approval_of(here.ann).id}/accept"
        wrong: list[dict[str, Any]] = [{"metadata": {}}, {"reason": "x"}]
        assert [send(here, "backend", "POST", path, body)[0] for body in wrong] == [400, 400]
        text = here.client.http.post(
            f"{here.client.sim.url}{path}", content="x", headers={"X-API-KEY": here.client.sim.token}
        )
        assert text.status_code == 415
        assert here.client.store.approval_of(here.ann).pending
        answer = here.client.backend("POST", path, {"metadata": '{"operator_name":"ci"}'})
        assert (answer.status_code, answer.content) == (200, b"")
        assert here.client.store.approval_of(here.ann).metadata == '{"operator_name":"ci"}'


def test_what_a_developer_has() -> None:
    with world() as here:
        client = here.client

        def act(method: str, path: str, body: Any = None, actor: str = "org_bob") -> Any:
            answer = client.backend(method, path, body, actor=actor)
            return answer.json() if answer.content and answer.status_code < 400 else answer.status_code

        made = act("POST", "/api/applications", {"name": "New", "labels": {"team": "web"}})
        assert made["labels"] == {"team": "web"}
        assert "developer_id" not in made
        key = act("POST", f"/api/applications/{made['id']}/credentials", {"type": "key-auth", "name": "k"})
        assert key["key-auth"]["key"]
        basic = {"type": "basic-auth", "name": "b", "basic-auth": {"username": "u", "password": "p"}}
        assert act("POST", f"/api/applications/{made['id']}/credentials", basic)["basic-auth"]["username"] == "u"
        listed = act("GET", f"/api/credentials?application_id={made['id']}")["list"]
        assert sorted(row["name"] for row in listed) == ["b", "k"]
        assert [row["key-auth"] for row in listed if row["name"] == "k"] == [{}]  # shown once
        body = {"applications": [made["id"]], "api_products": [here.orders.id, here.results.id]}
        assert [act("POST", "/api/subscriptions", body) for _ in range(2)] == [201, 400]
        mine = act("GET", f"/api/subscriptions?application_id={made['id']}")["list"]
        found = {item["api_product_name"]: item["status"] for item in mine}
        assert found == {"Orders": "wait_for_approval", "Results": "subscribed"}
        subscribed = act("GET", f"/api/applications?api_product_id={here.orders.id}")
        assert subscribed["total"] == 2
        assert act("DELETE", f"/api/applications/{made['id']}") == 204
        assert act("GET", "/api/subscriptions")["total"] == 2
        assert len(client.store.approvals(event="api_product_subscription")) == 1

        assert act("GET", f"/api/applications/{here.app.id}", actor="org_ann") == 404
        assert act("GET", "/api/applications", actor="nobody") == 400
        mine = act("POST", "/api/applications", {"name": "Anns"}, actor="org_ann")
        body = {"applications": [mine["id"]], "api_products": [here.orders.id]}
        assert act("POST", "/api/subscriptions", body, actor="org_ann") == 400  # she is not in yet


def test_draft_reads_of_the_dashboard() -> None:
    with world(draft_reads=True) as here:
        client = here.client
        (app,) = client.listed("/api/applications?developer_id=org_bob")
        assert (app["name"], app["developer_id"]) == ("Shop", "org_bob")
        assert client.listed(f"/api/applications?api_product_id={here.orders.id}") == [app]
        assert client.listed("/api/applications?developer_id=org_ann") == []
        assert len(client.listed("/api/subscriptions")) == 2
        assert len(client.listed(f"/api/portals/{PORTAL}/developers?state=Pending")) == 2  # nor here is it dependable
        (waiting,) = client.listed("/api/subscriptions?status=wait_for_approval&developer_id=org_bob")
        assert (waiting["id"], waiting["developer_name"]) == (here.waiting.id, "Bob B")


def test_search_is_loose() -> None:
    with world() as here:
        here.client.store.add_portal("more", "Partners and more")
        assert len(here.client.listed("/api/portals?search=PARTNERS")) == 2
        assert [developer["name"] for developer in here.client.people("&search=ann@")] == ["Ann A"]
