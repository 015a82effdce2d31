"""Every operation, driven once in each way it can go, and every answer judged by the vendor's document."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from portalctl.simulator.server import Behaviour, Exchange, Simulator
from tests import vendor
from tests.simulator.client import (
    BASE,
    ERLING,
    FIXTURES,
    GUNNERS,
    JAMES,
    JOHN,
    MATCHDAY,
    NOBODY,
    PETER,
    PORTAL,
    Client,
)

NOT_SIMULATED = {
    "create-portal",
    "delete-portal",
    "update-portal-team-group-mappings",
    "create-portal-identity-provider",
    "get-portal-identity-provider",
    "update-portal-identity-provider",
    "delete-portal-identity-provider",
}
TEAM, APPLICATION = f"{BASE}/teams/{GUNNERS}", f"{BASE}/applications/{MATCHDAY}"
REGISTRATION = f"{APPLICATION}/registrations/{FIXTURES}"
ROLE = {
    "role_name": "API Viewer",
    "entity_id": NOBODY,
    "entity_type_name": "Services",
    "entity_region": "*",
}
CLIENT_CREDENTIALS = {
    "auth_strategy": {
        "id": NOBODY,
        "name": "OIDC",
        "credential_type": "client_credentials",
        "auth_methods": ["client_credentials"],
    },
    "client_id": "abc",
    "dcr_provider": None,
    "granted_scopes": None,
    "labels": {},
}

# Requests the document allows: method, path, body, status.
ALLOWED: list[tuple[str, str, Any, int]] = [
    ("GET", "/v3/portals?filter[name][eq]=partners&sort=name desc,created_at&page[size]=5&page[number]=1", None, 200),
    ("GET", "/v3/portals?filter[rbac_enabled]=true&filter[id][oeq]=" + PORTAL, None, 200),
    ("GET", BASE, None, 200),
    ("GET", f"/v3/portals/{NOBODY}", None, 404),
    ("PATCH", BASE, {"description": None, "labels": {"env": "test"}, "auto_approve_developers": True}, 200),
    ("PATCH", BASE, {"name": "other"}, 409),
    ("GET", f"{BASE}/authentication-settings", None, 200),
    ("PATCH", f"{BASE}/authentication-settings", {"idp_mapping_enabled": True}, 400),
    ("PATCH", f"{BASE}/authentication-settings", {"oidc_issuer": "https://id", "oidc_client_id": "x"}, 200),
    ("GET", f"{BASE}/identity-provider/team-group-mappings", None, 400),
    ("GET", f"{BASE}/identity-providers?filter[type]=saml", None, 200),
    ("GET", "/v3/portal-roles", None, 200),
    ("GET", f"{BASE}/developers?filter[status][neq]=approved&filter[email][contains]=.com&sort=email", None, 200),
    ("GET", f"{BASE}/developers?filter[name]=James Example", None, 200),
    ("GET", f"/v3/portals/{NOBODY}/developers", None, 404),
    ("POST", f"{BASE}/developers", {"email": "new@arsenal.com", "full_name": "New"}, 201),
    ("POST", f"{BASE}/developers", {"email": "new@arsenal.com", "full_name": "New"}, 409),
    ("GET", f"{BASE}/developers/{JAMES}", None, 200),
    ("GET", f"{BASE}/developers/{NOBODY}", None, 404),
    ("PATCH", f"{BASE}/developers/{ERLING}", {"status": "approved"}, 200),
    ("PATCH", f"{BASE}/developers/{NOBODY}", {"status": "approved"}, 404),
    ("GET", f"{BASE}/developers/{PETER}/teams?filter[can_own_applications]=false", None, 200),
    ("GET", f"{BASE}/teams?filter[name][oeq]=gunners,city&page[size]=100", None, 200),
    ("POST", f"{BASE}/teams", {"name": "city", "description": "City", "can_own_applications": True}, 201),
    ("GET", TEAM, None, 200),
    ("GET", f"{BASE}/teams/{NOBODY}", None, 404),
    ("PATCH", TEAM, {"description": "The Arsenal"}, 200),
    ("GET", f"{TEAM}/developers?filter[active]=true&filter[email][eq]=peter@arsenal.com", None, 200),
    ("POST", f"{TEAM}/developers", {"id": JAMES}, 201),
    ("POST", f"{TEAM}/developers", {"id": JAMES}, 409),
    ("POST", f"{TEAM}/developers", {"id": NOBODY}, 404),
    ("DELETE", f"{TEAM}/developers/{JAMES}", None, 204),
    ("DELETE", f"{TEAM}/developers/{JAMES}", None, 404),
    ("POST", f"{TEAM}/assigned-roles", ROLE, 201),
    ("POST", f"{TEAM}/assigned-roles", ROLE, 409),
    ("GET", f"{TEAM}/assigned-roles?page[size]=10", None, 200),
    ("DELETE", f"{TEAM}/assigned-roles/{NOBODY}", None, 404),
    ("GET", f"{BASE}/applications?filter[developer_id][eq]={PETER}&sort=name", None, 200),
    ("GET", APPLICATION, None, 200),
    ("GET", f"/v3/applications/{MATCHDAY}", None, 200),
    ("GET", f"{APPLICATION}/developers?filter[id][eq]={PETER}&sort=id", None, 200),
    ("GET", f"{BASE}/application-registrations?filter[developer_id][oeq]={PETER},{JAMES}&sort=status", None, 200),
    ("GET", f"{APPLICATION}/registrations?filter[status]=approved&sort=updated_at desc", None, 200),
    ("GET", REGISTRATION, None, 200),
    ("PATCH", REGISTRATION, {"status": "revoked"}, 200),
    ("DELETE", REGISTRATION, None, 204),
    ("DELETE", APPLICATION, None, 204),
    ("DELETE", f"{BASE}/developers/{JOHN}", None, 204),
    ("DELETE", TEAM, None, 204),
]
# Requests it forbids; the answer still has to be one of its own.
FORBIDDEN: list[tuple[str, str, Any]] = [
    ("GET", "/v3/portals?sort=size", None),
    ("GET", f"{BASE}/developers?page[size]=many&page[number]=0", None),
    ("GET", f"{BASE}/developers?colour=red", None),
    ("GET", f"{BASE}/developers?filter[email][like]=x", None),
    ("GET", f"{BASE}/developers?sort=email sideways", None),
    ("GET", f"{BASE}/teams?sort=name", None),
    ("GET", f"{BASE}/teams?filter[can_own_applications]=maybe", None),
    ("GET", f"{BASE}/applications?filter[developer_id]={PETER}", None),
    ("GET", f"{BASE}/developers/james", None),
    ("POST", f"{BASE}/developers", {"email": "nobody", "status": "nice"}),
    ("PATCH", f"{BASE}/developers/{JAMES}", {"status": "approved", "email": "x@y.z"}),
    ("POST", f"{BASE}/teams", {"name": "", "description": "x" * 251}),
    ("PATCH", BASE, {"id": NOBODY, "rbac_enabled": "yes", "labels": {"a": "not a label"}}),
    ("POST", f"{TEAM}/developers", {"id": "peter"}),
    ("POST", f"{TEAM}/assigned-roles", ROLE | {"entity_region": "moon"}),
    ("POST", f"{BASE}/applications", {"name": "x", "owner": {"type": "portal", "id": PORTAL}}),
    ("PATCH", f"{BASE}/applications/{MATCHDAY}", {"name": "x"}),
]


def _send(client: Client, method: str, path: str, body: Any) -> Exchange:
    client.http.request(method, path, **({} if body is None else {"json": body}))
    return client.simulator.log[-1]


def _prepared() -> Simulator:
    simulator = Simulator(seed="demo")
    simulator.store.add_portal("other")
    simulator.store.add_application(PORTAL, "OIDC app", GUNNERS, owner_type="team", extra=CLIENT_CREDENTIALS)
    return simulator


def test_every_operation_and_answer_is_the_vendors() -> None:
    with _prepared() as simulator, Client(simulator) as client:
        for method, path, body, status in ALLOWED:
            exchange = _send(client, method, path, body)
            assert exchange.status == status, f"{method} {path}: {exchange.answer}"
            vendor.check_request(exchange)
            vendor.check_answer(exchange)
        role = simulator.store.add_role(simulator.store.add_team(PORTAL, "reds", "Reds"))
        team = simulator.store.teams(PORTAL)[-1]["id"]
        vendor.check_answer(_send(client, "DELETE", f"{BASE}/teams/{team}/assigned-roles/{role}", None))
        simulator.store.set_groups(PORTAL, team, ["red", "redder"])
        provider = simulator.store.add_identity_provider(PORTAL)
        for group in ("red", "redder", "reddest"):
            simulator.store.add_mapping(provider, team, group)
        mappings = f"/identity-providers/{provider}/team-group-mappings"
        _drive_new_objects(client, mappings, team)
        for path in ("/identity-provider/team-group-mappings", "/identity-providers", mappings):
            exchange = _send(client, "GET", BASE + path, None)
            assert exchange.status == 200
            vendor.check_answer(exchange)
        driven = {
            found[0].name for seen in simulator.log if (found := vendor.document().find(seen.method, seen.path))
        }
    assert vendor.document().operations() - driven == NOT_SIMULATED


def _drive_new_objects(client: Client, mappings: str, team: str) -> None:
    """Operations that need the id of what an earlier one made."""
    api, person = client.simulator.store.add_api("Orders"), {"type": "developer", "id": JAMES}
    new = {"name": "Scores", "owner": person, "labels": {"env": "test"}}
    application = _made(client, f"{BASE}/applications", new)
    _judged(client, "PATCH", application, {"owner": {"type": "team", "id": team}}, 200)
    _made(client, f"{application}/registrations", {"api_id": api})
    _judged(client, "POST", f"{application}/registrations", {"api_id": api, "status": "approved"}, 409)
    mapping = _made(client, BASE + mappings, {"team_id": team, "group": "newest"})
    _judged(client, "POST", BASE + mappings, {"team_id": team, "group": "newest"}, 409)
    _judged(client, "GET", mapping, None, 200)
    _judged(client, "DELETE", mapping, None, 204)
    _judged(client, "GET", mapping, None, 404)


def _made(client: Client, folder: str, body: Any) -> str:
    return f"{folder}/{_judged(client, 'POST', folder, body, 201).answer['id']}"


def _judged(client: Client, method: str, path: str, body: Any, status: int) -> Exchange:
    exchange = _send(client, method, path, body)
    assert exchange.status == status, f"{method} {path}: {exchange.answer}"
    vendor.check_request(exchange)
    vendor.check_answer(exchange)
    return exchange


def test_what_the_document_forbids_gets_the_vendors_400() -> None:
    with _prepared() as simulator, Client(simulator) as client:
        for method, path, body in FORBIDDEN:
            exchange = _send(client, method, path, body)
            assert exchange.status == 400, f"{method} {path}: {exchange.answer}"
            vendor.check_answer(exchange)
            with pytest.raises(AssertionError):
                vendor.check_request(exchange)


def test_unauthorized_and_unknown_paths_are_problems_too() -> None:
    with _prepared() as simulator, Client(simulator, token="wrong") as stranger, Client(simulator) as client:
        for sender, path in ((stranger, "/v3/portals"), (client, "/v3/nothing"), (client, "/v4/portals")):
            exchange = _send(sender, "GET", path, None)
            assert exchange.status in (401, 404)
            vendor.check_answer(exchange)


@pytest.mark.parametrize(
    "behaviour",
    [
        Behaviour(meta_floats=True, unsorted="shuffled", member_active="absent"),
        Behaviour(can_own_applications=False, emails="folded", members_listed="approved", page_size_max=2),
        Behaviour(duplicate_team="409", unknown_member="400", remove_non_member="204", description_unset="empty"),
    ],
)
def test_other_readings_of_the_document_stay_inside_it(behaviour: Behaviour) -> None:
    with Simulator(seed="demo", behaviour=behaviour) as simulator, Client(simulator) as client:
        for method, path, body, _ in ALLOWED:
            vendor.check_answer(_send(client, method, path, body))


def test_the_checks_see_what_is_wrong() -> None:
    with _prepared() as simulator, Client(simulator) as client:
        good = _send(client, "GET", f"{BASE}/developers?page[size]=2", None)
        for spoiled in (
            good.answer["data"][0] | {"status": "friendly"},
            good.answer["data"][0] | {"id": "1"},
            good.answer["data"][0] | {"created_at": "yesterday"},
            good.answer["data"][0] | {"nickname": "x"},
        ):
            assert good.reply
            bad = replace(
                good, reply=replace(good.reply, payload=json.dumps(good.answer | {"data": [spoiled]}).encode())
            )
            with pytest.raises(AssertionError):
                vendor.check_answer(bad)
        for change in (
            {"authorized": False},
            {"query": "page%5Bsize%5D=2&page%5Bsize%5D=2"},
            {"raw_body": b"{}"},
            {"path": "/v3/x"},
        ):
            with pytest.raises(AssertionError):
                vendor.check_request(replace(good, **change))
