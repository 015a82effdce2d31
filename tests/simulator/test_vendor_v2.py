"""Classic portals: every operation of API v2 driven once, and every answer judged by the vendor's v2 document."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import resources
from typing import Any

import pytest

from portalctl.simulator.server import Behaviour, Exchange, Simulator
from tests import vendor
from tests.simulator.client import ERLING, FIXTURES, GUNNERS, JAMES, JOHN, MATCHDAY, NOBODY, PETER, PORTAL, Client

BASE = f"/v2/portals/{PORTAL}"
TEAM, APPLICATION = f"{BASE}/teams/{GUNNERS}", f"{BASE}/applications/{MATCHDAY}"
REGISTRATION = f"{APPLICATION}/registrations/{FIXTURES}"
ROLE = {"role_name": "API Viewer", "entity_id": NOBODY, "entity_type_name": "Services", "entity_region": "*"}
NOT_SIMULATED = {
    "create-portal",
    "delete-portal",
    "update-portal-team-group-mappings",
    "create-portal-identity-provider",
    "get-portal-identity-provider",
    "update-portal-identity-provider",
    "delete-portal-identity-provider",
}

# Requests the document allows: method, path, body, status.
ALLOWED: list[tuple[str, str, Any, int]] = [
    ("GET", "/v2/portals?filter[name][eq]=partners&filter[is_public]=false&sort=custom_domain desc", None, 200),
    ("GET", f"/v2/portals?filter[id]={PORTAL}&filter[custom_domain][neq]=x.com&page[size]=5", None, 200),
    ("GET", BASE, None, 200),
    ("GET", f"/v2/portals/{NOBODY}", None, 404),
    ("PATCH", BASE, {"description": None, "labels": {"env": "test"}, "custom_domain": "api.example.com"}, 200),
    ("PATCH", BASE, {"name": "other"}, 409),
    ("GET", f"{BASE}/authentication-settings", None, 200),
    ("PATCH", f"{BASE}/authentication-settings", {"idp_mapping_enabled": True}, 400),
    ("GET", f"{BASE}/identity-provider/team-group-mappings", None, 400),
    ("GET", f"{BASE}/identity-providers?filter[type]=saml", None, 200),
    ("GET", "/v2/portal-roles", None, 200),
    ("GET", f"{BASE}/developers?filter[status][neq]=approved&filter[email][contains]=.com&sort=email", None, 200),
    ("GET", f"{BASE}/developers?filter[email][oeq]=james@manchestercity.com,x@y.z", None, 200),
    ("GET", f"{BASE}/developers/{JAMES}", None, 200),
    ("GET", f"{BASE}/developers/{NOBODY}", None, 404),
    ("PATCH", f"{BASE}/developers/{ERLING}", {"status": "approved"}, 200),
    ("GET", f"{BASE}/developers/{PETER}/teams?page[size]=3", None, 200),
    ("GET", f"{BASE}/teams?filter[name][oeq]=gunners,city&page[size]=100", None, 200),
    ("POST", f"{BASE}/teams", {"name": "city", "description": "", "colour": "blue"}, 201),
    ("GET", TEAM, None, 200),
    ("PATCH", TEAM, {"description": "The Arsenal"}, 200),
    ("GET", f"{TEAM}/developers?filter[active]=true&filter[email][eq]=peter@arsenal.com", None, 200),
    ("POST", f"{TEAM}/developers", {"id": JAMES}, 201),
    ("POST", f"{TEAM}/developers", {"id": JAMES}, 409),
    ("DELETE", f"{TEAM}/developers/{JAMES}", None, 204),
    ("POST", f"{TEAM}/assigned-roles", ROLE, 201),
    ("GET", f"{TEAM}/assigned-roles?page[size]=10", None, 200),
    ("DELETE", f"{TEAM}/assigned-roles/{NOBODY}", None, 404),
    ("GET", f"{BASE}/applications?filter[developer_id]={PETER}&filter[developer_email]=peter@arsenal.com", None, 200),
    ("GET", APPLICATION, None, 200),
    ("GET", f"/v2/applications/{MATCHDAY}", None, 200),
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
    ("GET", "/v2/portals?sort=authentication_enabled", None),
    ("GET", "/v2/portals?filter[authentication_enabled]=true", None),
    ("GET", f"{BASE}/teams?filter[can_own_applications]=true", None),
    ("GET", f"{BASE}/developers/{PETER}/teams?filter[can_own_applications]=true", None),
    ("GET", f"{BASE}/applications?filter[team_id]={GUNNERS}", None),
    ("PATCH", BASE, {"authentication_enabled": True}),
    ("PATCH", f"{BASE}/developers/{JAMES}", {"status": "approved", "email": "x@y.z"}),
    ("POST", f"{BASE}/teams", {"name": "", "description": "x" * 251}),
]


@pytest.fixture
def classic() -> Iterator[Client]:
    """A client of a simulator whose demo portal is a classic one, with a v3 portal beside it."""
    seed = json.loads(resources.files("portalctl.simulator").joinpath("seeds/demo.json").read_text(encoding="utf-8"))
    seed["portals"][0]["classic"] = True
    # What a team without description looks like is not said; only leaving it out fits v2's document.
    with Simulator(seed, behaviour=Behaviour(description_unset="absent")) as simulator, Client(simulator) as client:
        simulator.store.add_portal("modern")
        simulator.store.add_portal("other", classic=True)
        yield client


def send(client: Client, method: str, path: str, body: Any = None) -> Exchange:
    client.http.request(method, path, **({} if body is None else {"json": body}))
    return client.simulator.log[-1]


def test_every_operation_and_answer_is_the_vendors(classic: Client) -> None:
    for method, path, body, status in ALLOWED:
        exchange = send(classic, method, path, body)
        assert exchange.status == status, f"{method} {path}: {exchange.answer}"
        vendor.check_request(exchange)
        vendor.check_answer(exchange)
    store = classic.simulator.store
    team = store.add_team(PORTAL, "reds", "Reds")
    role = store.add_role(team)
    vendor.check_answer(send(classic, "DELETE", f"{BASE}/teams/{team}/assigned-roles/{role}"))
    store.add_identity_provider(PORTAL)
    store.set_groups(PORTAL, team, ["red", "redder"])
    for path in ("/identity-provider/team-group-mappings", "/identity-providers"):
        exchange = send(classic, "GET", BASE + path)
        assert exchange.status == 200
        vendor.check_answer(exchange)
    document = vendor.document(BASE)
    driven = {found[0].name for seen in classic.simulator.log if (found := document.find(seen.method, seen.path))}
    assert document.operations() - driven == NOT_SIMULATED


def test_what_the_document_forbids_gets_the_vendors_400(classic: Client) -> None:
    for method, path, body in FORBIDDEN:
        exchange = send(classic, method, path, body)
        assert exchange.status == 400, f"{method} {path}: {exchange.answer}"
        vendor.check_answer(exchange)
        with pytest.raises(AssertionError):
            vendor.check_request(exchange)


def test_v2_cannot_create_developers(classic: Client) -> None:
    exchange = send(classic, "POST", f"{BASE}/developers", {"email": "new@arsenal.com", "full_name": "New"})
    assert exchange.status == 405
    assert send(classic, "GET", f"{APPLICATION}/developers").status == 404


def test_each_version_lists_and_opens_its_own_kind_of_portal(classic: Client) -> None:
    def names(version: str) -> list[str]:
        return [portal["name"] for portal in classic.get(f"/{version}/portals").json()["data"]]

    assert (names("v2"), names("v3")) == (["partners", "other"], ["modern"])
    (modern,) = (portal["id"] for portal in classic.simulator.store.portals() if portal["name"] == "modern")
    for path in (f"/v3/portals/{PORTAL}", f"/v3/portals/{PORTAL}/developers", f"/v2/portals/{modern}/teams"):
        assert classic.get(path).status_code == 404, path


def test_teams_are_the_same_by_either_version(classic: Client) -> None:
    assert classic.post(f"/v3/portals/{PORTAL}/teams", {"name": "city"}).status_code == 201
    by_v2 = classic.get(f"{BASE}/teams").json()["data"]
    by_v3 = classic.get(f"/v3/portals/{PORTAL}/teams").json()["data"]
    assert [team["id"] for team in by_v2] == [team["id"] for team in by_v3]
    assert by_v2[-1]["name"] == "city"
    assert "can_own_applications" not in by_v2[-1]
    assert "can_own_applications" in by_v3[-1]


def test_counts_follow_what_is_there(classic: Client) -> None:
    portal = classic.get(BASE).json()
    assert (portal["developer_count"], portal["application_count"]) == (8, 1)
    assert classic.get(f"{BASE}/developers/{PETER}").json()["application_count"] == 1
    classic.delete(APPLICATION)
    assert classic.get(f"{BASE}/developers/{PETER}").json()["application_count"] == 0


def test_applications_of_teams_do_not_show(classic: Client) -> None:
    store = classic.simulator.store
    application = store.add_application(PORTAL, "Team app", GUNNERS, owner_type="team")
    store.add_registration(application, "Orders")
    assert [app["name"] for app in classic.get(f"{BASE}/applications").json()["data"]] == ["Matchday"]
    assert classic.get(f"{BASE}/applications/{application}").status_code == 404
    owners = {row["developer"]["id"] for row in classic.get(f"{BASE}/application-registrations").json()["data"]}
    assert owners == {PETER}


def test_people_sign_up_on_the_portals_own_side(classic: Client) -> None:
    new = {"email": "new@arsenal.com", "full_name": "New"}
    assert classic.http.post("/api/v2/developer?portal=partners", json=new).status_code == 201
    assert "new@arsenal.com" in {person["email"] for person in classic.simulator.store.developers(PORTAL)}
    assert classic.http.post("/api/v3/developer?portal=partners", json=new).status_code == 404
    classic.simulator.store.set_portal(PORTAL, is_public=True)
    assert classic.http.post("/api/v2/developer?portal=partners", json=new).status_code == 400


def test_a_seed_names_the_kind_of_a_portal() -> None:
    with pytest.raises(ValueError, match="unknown key `canonical_domain`"):
        Simulator({"portals": [{"name": "old", "classic": True, "canonical_domain": "x.example"}]})
    with pytest.raises(ValueError, match="`classic` must be true or false"):
        Simulator({"portals": [{"name": "old", "classic": "yes"}]})
