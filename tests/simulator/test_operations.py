from __future__ import annotations

from typing import Any

import pytest

from portalctl.simulator.server import Simulator
from tests.simulator.client import (
    BASE,
    BUKAYO,
    ERLING,
    FIXTURES,
    GUNNERS,
    JAMES,
    MATCHDAY,
    MO,
    NOBODY,
    PETER,
    PORTAL,
    STRANGER,
    TICKETS,
    WAYNE,
    Client,
    invalid,
)

pytestmark = pytest.mark.slow

TEAM = f"{BASE}/teams/{GUNNERS}"
REGISTRATION = f"{BASE}/applications/{MATCHDAY}/registrations/{FIXTURES}"


def test_the_demo_portal(demo: Client) -> None:
    portal = demo.get(BASE).json()
    assert (portal["name"], portal["display_name"]) == ("partners", "Soccer Partners")
    people = {person["id"]: person for person in demo.get(f"{BASE}/developers").json()["data"]}
    assert [people[who]["status"] for who in (JAMES, ERLING, WAYNE, MO, BUKAYO, PETER)] == [
        "approved",
        "pending",
        "revoked",
        "pending",
        "pending",
        "approved",
    ]
    assert "\x1b" in people[STRANGER]["full_name"]
    assert "::error::" in people[STRANGER]["full_name"]
    assert [team["description"] for team in demo.get(f"{BASE}/teams").json()["data"]] == ["Arsenal"]
    assert [member["id"] for member in demo.get(f"{TEAM}/developers").json()["data"]] == [PETER]
    registrations = demo.get(f"{BASE}/application-registrations").json()["data"]
    assert [(entry["id"], entry["status"]) for entry in registrations] == [
        (FIXTURES, "approved"),
        (TICKETS, "approved"),
    ]


def test_a_change_of_status_shows_and_mails_each_time(demo: Client) -> None:
    before = demo.get(f"{BASE}/developers/{ERLING}").json()
    for _ in range(2):  # the second changes nothing and mails all the same
        after = demo.patch(f"{BASE}/developers/{ERLING}", {"status": "approved"}).json()
        assert after == before | {"status": "approved", "updated_at": after["updated_at"]}
        assert after["updated_at"] > before["updated_at"]
    demo.patch(f"{BASE}/developers/{WAYNE}", {"status": "rejected"})
    assert [(mail["email"], mail["template"]) for mail in demo.simulator.store.mails()] == [
        ("erling@manchestercity.com", "account-access-approved"),
        ("erling@manchestercity.com", "account-access-approved"),
        ("wayne@manchestercity.com", "account-access-rejected"),
    ]


def test_an_empty_patch_changes_nothing(demo: Client) -> None:
    before = demo.get(f"{BASE}/developers/{ERLING}").json()
    assert demo.patch(f"{BASE}/developers/{ERLING}", {}).json() == before
    assert demo.simulator.store.mails() == []


def test_deleting_a_developer_takes_everything_along(demo: Client) -> None:
    assert demo.delete(f"{BASE}/developers/{PETER}").status_code == 204
    store = demo.simulator.store
    assert PETER not in {person["id"] for person in store.developers(PORTAL)}
    assert (store.members(GUNNERS), store.applications(PORTAL), store.registrations(PORTAL)) == ([], [], [])
    assert demo.delete(f"{BASE}/developers/{PETER}").status_code == 404
    store.add_developer(PORTAL, "phoenix@arsenal.com", id=PETER)
    assert store.members(GUNNERS) == []
    assert demo.post(f"{BASE}/developers", {"email": "peter@arsenal.com", "full_name": "P"}).status_code == 201


def test_creating_developers(demo: Client) -> None:
    new = {"email": "new@example.com", "full_name": "New", "send_invitation_email": True}
    created = demo.post(f"{BASE}/developers", new)
    assert created.status_code == 201
    assert created.json()["status"] == "pending"
    assert demo.get(f"{BASE}/developers/{created.json()['id']}").json() == created.json()
    again = demo.post(f"{BASE}/developers", new)
    assert (again.status_code, again.json()["detail"]) == (409, "Developer with the given email already exists")
    demo.patch(BASE, {"auto_approve_developers": True})
    later = demo.post(f"{BASE}/developers", {"email": "later@example.com", "full_name": "Later"})
    assert later.json()["status"] == "approved"
    revoked = demo.post(f"{BASE}/developers", {"email": "r@example.com", "full_name": "R", "status": "revoked"})
    assert revoked.json()["status"] == "revoked"
    assert [mail["template"] for mail in demo.simulator.store.mails()] == ["developer-invitation"]


def test_the_life_of_a_team(demo: Client) -> None:
    created = demo.post(f"{BASE}/teams", {"name": "city", "description": "Manchester City"})
    assert created.status_code == 201
    team = created.json()
    path = f"{BASE}/teams/{team['id']}"
    assert (team["name"], team["description"], team["can_own_applications"]) == ("city", "Manchester City", False)
    renamed = demo.patch(path, {"name": "citizens", "can_own_applications": True}).json()
    assert (renamed["name"], renamed["description"], renamed["can_own_applications"]) == (
        "citizens",
        "Manchester City",
        True,
    )
    joined = demo.post(f"{path}/developers", {"id": JAMES})
    assert (joined.status_code, joined.text, joined.headers["content-type"]) == (
        201,
        "Created",
        "text/plain; charset=utf-8",
    )
    assert demo.post(f"{path}/developers", {"id": JAMES}).status_code == 409
    assert [entry["name"] for entry in demo.get(f"{BASE}/developers/{JAMES}/teams").json()["data"]] == ["citizens"]
    assert demo.delete(path).status_code == 204
    assert demo.get(path).status_code == 404
    assert demo.get(f"{BASE}/developers/{JAMES}/teams").json()["data"] == []
    assert JAMES in {person["id"] for person in demo.simulator.store.developers(PORTAL)}


def test_members_come_and_go(demo: Client) -> None:
    demo.post(f"{TEAM}/developers", {"id": BUKAYO})
    members = demo.get(f"{TEAM}/developers").json()["data"]
    assert [(member["email"], member["active"]) for member in members] == [
        ("peter@arsenal.com", True),
        ("bukayo@arsenal.com", False),
    ]
    assert "status" not in members[0]
    active = demo.get(f"{TEAM}/developers?filter[active]=true").json()
    assert [member["id"] for member in active["data"]] == [PETER]
    assert demo.delete(f"{TEAM}/developers/{PETER}").status_code == 204
    assert [member["id"] for member in demo.simulator.store.members(GUNNERS)] == [BUKAYO]


def test_roles_of_a_team(demo: Client) -> None:
    role = {"role_name": "API Viewer", "entity_id": NOBODY, "entity_type_name": "Services", "entity_region": "eu"}
    assigned = demo.post(f"{TEAM}/assigned-roles", role)
    assert assigned.status_code == 201
    assert demo.get(f"{TEAM}/assigned-roles").json()["data"] == [assigned.json()]
    assert demo.post(f"{TEAM}/assigned-roles", role).status_code == 409
    assert demo.delete(f"{TEAM}/assigned-roles/{assigned.json()['id']}").status_code == 204
    assert demo.get(f"{TEAM}/assigned-roles").json()["data"] == []


def test_registrations_and_applications(demo: Client) -> None:
    application = demo.get(f"{BASE}/applications/{MATCHDAY}").json()
    assert application["owner"] == {"type": "developer", "id": PETER}
    assert application["registration_count"] == 2
    assert demo.patch(REGISTRATION, {"status": "revoked"}).json()["status"] == "revoked"
    (mail,) = demo.simulator.store.mails()
    assert (mail["email"], mail["template"]) == ("peter@arsenal.com", "app-registration-revoked")
    mine = f"{BASE}/application-registrations?filter[developer_id][oeq]={PETER},{JAMES}&filter[status]=approved"
    assert [entry["id"] for entry in demo.get(mine).json()["data"]] == [TICKETS]
    other = f"{BASE}/application-registrations?filter[developer_id][eq]={JAMES}"
    assert demo.get(other).json()["meta"]["page"]["total"] == 0
    assert demo.delete(REGISTRATION).status_code == 204
    assert demo.get(REGISTRATION).status_code == 404
    assert demo.delete(f"{BASE}/applications/{MATCHDAY}").status_code == 204
    assert demo.simulator.store.registrations(PORTAL) == []


def test_who_can_use_an_application(demo: Client) -> None:
    store = demo.simulator.store
    store.add_member(GUNNERS, BUKAYO)
    shared = store.add_application(PORTAL, "Shared", GUNNERS, owner_type="team")
    people = demo.get(f"{BASE}/applications/{shared}/developers?sort=id").json()["data"]
    assert [person["id"] for person in people] == sorted([PETER, BUKAYO])
    alone = demo.get(f"{BASE}/applications/{MATCHDAY}/developers").json()["data"]
    assert [person["id"] for person in alone] == [PETER]


def test_portal_changes(demo: Client) -> None:
    demo.patch(BASE, {"labels": {"env": "test", "team": "x"}, "description": "New"})
    portal = demo.patch(BASE, {"labels": {"team": None}, "description": None}).json()
    assert (portal["labels"], portal["description"]) == ({"env": "test"}, None)
    assert demo.get(BASE).json() == portal
    demo.simulator.store.add_portal("taken")
    assert demo.patch(BASE, {"name": "taken"}).status_code == 409
    names = [entry["name"] for entry in demo.get("/v3/portals?filter[name]=taken").json()["data"]]
    assert names == ["taken"]


def test_authentication_settings(demo: Client) -> None:
    path = f"{BASE}/authentication-settings"
    refused = demo.patch(path, {"idp_mapping_enabled": True})
    assert invalid(refused) == [("idp_mapping_enabled", "invalid")]
    assert "cannot be enabled when no IdP is enabled" in refused.text
    assert demo.get(path).json()["idp_mapping_enabled"] is False
    demo.simulator.store.add_identity_provider(PORTAL)
    mapped = demo.patch(path, {"idp_mapping_enabled": True, "oidc_scopes": ["email"]}).json()
    assert (mapped["idp_mapping_enabled"], mapped["oidc_team_mapping_enabled"]) == (True, True)
    assert mapped["oidc_config"]["scopes"] == ["email"]
    assert demo.get(path).json() == mapped


def test_identity_providers_are_a_bare_array_and_mappings_need_one(demo: Client) -> None:
    mappings = f"{BASE}/identity-provider/team-group-mappings"
    assert demo.get(f"{BASE}/identity-providers").json() == []
    assert demo.get(mappings).status_code == 400
    store = demo.simulator.store
    provider = store.add_identity_provider(PORTAL, "saml", enabled=False, config={})
    store.set_groups(PORTAL, GUNNERS, ["a", "b"])
    assert [entry["id"] for entry in demo.get(f"{BASE}/identity-providers?filter[type]=saml").json()] == [provider]
    assert demo.get(f"{BASE}/identity-providers?filter[type][eq]=oidc").json() == []
    assert demo.get(mappings).json()["data"] == [{"team_id": GUNNERS, "groups": ["a", "b"]}]


def test_the_mappings_of_an_identity_provider_are_paged_by_cursors(demo: Client) -> None:
    store = demo.simulator.store
    provider, other = store.add_identity_provider(PORTAL), store.add_identity_provider(PORTAL, "saml", config={})
    for number in range(5):
        store.add_mapping(provider, GUNNERS, f"group-{number}")
    store.add_mapping(other, GUNNERS, "of the other")
    path = f"{BASE}/identity-providers/{provider}/team-group-mappings"
    seen, link = [], f"{path}?page[size]=2&filter[team_id][eq]={GUNNERS}"
    pages = []
    while link:
        page = demo.get(link).json()
        seen += [row["group"] for row in page["data"]]
        pages.append(page)
        link = page["meta"]["page"]["next"]
    assert seen == [f"group-{number}" for number in range(5)]
    assert [page["meta"]["page"]["previous"] is None for page in pages] == [True, False, False]
    assert demo.get(pages[2]["meta"]["page"]["previous"]).json()["data"] == pages[1]["data"]
    assert demo.get(f"{path}?filter[group]=group-3").json()["data"][0]["group"] == "group-3"
    assert invalid(demo.get(f"{path}?page[after]=x")) == [("page[after]", "invalid")]
    assert invalid(demo.get(f"{path}?page[number]=1")) == [("page[number]", "unknown_property")]
    assert demo.get(f"{BASE}/identity-providers/{NOBODY}/team-group-mappings").status_code == 404
    assert demo.get(path.replace("/v3/", "/v2/")).status_code == 404
    store_team = store.add_team(PORTAL, "reds")
    store.add_mapping(other, store_team, "reds")
    assert demo.delete(f"{BASE}/teams/{store_team}").status_code == 204
    assert len(demo.get(path.replace(provider, other)).json()["data"]) == 1


@pytest.mark.parametrize(
    ("method", "path", "body", "problems"),
    [
        ("PATCH", f"/developers/{JAMES}", {"email": "a@b.c"}, [("email", "unknown_property")]),
        ("PATCH", f"/developers/{JAMES}", {"status": "absent"}, [("status", "enum")]),
        ("PATCH", f"/developers/{JAMES}", {"status": None}, [("status", "enum")]),
        ("PATCH", f"/developers/{JAMES}", [], [("body", "is_object")]),
        ("POST", "/developers", {}, [("email", "required"), ("full_name", "required")]),
        (
            "POST",
            "/developers",
            {"email": "nobody", "full_name": 1},
            [("email", "invalid"), ("full_name", "is_string")],
        ),
        ("POST", "/developers", {"email": "a@b.c", "full_name": "x" * 256}, [("full_name", "max_length")]),
        ("POST", "/teams", {"name": ""}, [("name", "min_length")]),
        ("POST", "/teams", {"name": "a", "description": ""}, [("description", "min_length")]),
        ("POST", "/teams", {"name": "a", "labels": {}}, [("labels", "unknown_property")]),
        ("POST", "/teams", {"name": "a", "can_own_applications": "true"}, [("can_own_applications", "is_boolean")]),
        ("PATCH", f"/teams/{GUNNERS}", {"name": "x" * 251}, [("name", "max_length")]),
        ("POST", f"/teams/{GUNNERS}/developers", {}, [("id", "required")]),
        ("POST", f"/teams/{GUNNERS}/developers", {"id": "peter@arsenal.com"}, [("id", "is_uuid")]),
        ("PATCH", "", {"rbac_enabled": 1}, [("rbac_enabled", "is_boolean")]),
        ("PATCH", "", {"default_api_visibility": "secret"}, [("default_api_visibility", "enum")]),
        ("PATCH", "", {"created_at": "2020-01-01T00:00:00Z"}, [("created_at", "unknown_property")]),
        ("PATCH", "", {"labels": {"a": "b c"}}, [("labels.a", "is_label")]),
        ("PATCH", "/authentication-settings", {"oidc_scopes": "email"}, [("oidc_scopes", "is_array")]),
    ],
)
def test_bad_bodies_are_named_and_change_nothing(
    demo: Client, method: str, path: str, body: Any, problems: list[tuple[str, str]]
) -> None:
    store = demo.simulator.store
    before = (store.portals(), store.developers(PORTAL), store.teams(PORTAL), store.members(GUNNERS))
    answer = demo.http.request(method, BASE + path, json=body)
    assert invalid(answer) == problems
    assert {entry["source"] for entry in answer.json()["invalid_parameters"]} == {"body"}
    assert (store.portals(), store.developers(PORTAL), store.teams(PORTAL), store.members(GUNNERS)) == before


@pytest.mark.parametrize("body", [b"", b"{", b'"x"', b'{"name": "\\ud800"}', b"\xff", b"[" * 100_000])
def test_what_is_no_json_object_is_refused(demo: Client, body: bytes) -> None:
    answer = demo.http.post(f"{BASE}/teams", content=body, headers={"Content-Type": "application/json"})
    assert invalid(answer) == [("body", "is_object")]


def test_a_body_must_call_itself_json(demo: Client) -> None:
    answer = demo.http.post(f"{BASE}/teams", content=b'{"name": "a"}')
    assert answer.status_code == 415


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"/v3/portals/{NOBODY}/teams", 404),
        (f"/v3/portals/{PORTAL.upper()}/teams", 404),
        ("/v3/portals/partners/teams", 400),
        (f"{BASE}/teams/{NOBODY}", 404),
        (f"{BASE}/teams/x%2Fdevelopers", 400),
        (f"{BASE}/developers/{NOBODY}/teams", 404),
        (f"{BASE}/applications/{MATCHDAY}/registrations/{NOBODY}", 404),
        ("/v3/portals/", 400),
        ("/", 404),
    ],
)
def test_ids_must_be_uuids_that_exist(demo: Client, path: str, status: int) -> None:
    answer = demo.get(path)
    assert answer.status_code == status
    assert answer.json()["instance"].startswith("kong:trace:")


def test_nothing_of_one_portal_is_found_in_another(demo: Client) -> None:
    other = demo.simulator.store.add_portal("other")
    for path in (f"developers/{PETER}", f"teams/{GUNNERS}", f"applications/{MATCHDAY}"):
        assert demo.get(f"/v3/portals/{other}/{path}").status_code == 404
    outsider = demo.simulator.store.add_developer(other, "x@y.z")
    assert demo.post(f"{TEAM}/developers", {"id": outsider}).status_code == 404


def test_a_method_without_an_operation_is_405(demo: Client) -> None:
    answer = demo.delete(f"{BASE}/teams")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, POST")


def test_the_token_is_required() -> None:
    with Simulator(seed="demo", token="spat_other") as simulator:
        for headers in ({}, {"Authorization": "spat_other"}, {"Authorization": "Bearer kpat_sim"}):
            with Client(simulator) as client:
                client.http.headers.pop("authorization")
                answer = client.http.get("/v3/portals", headers=headers)
                assert (answer.status_code, answer.json()["title"]) == (401, "Unauthorized")
        with Client(simulator) as client:
            assert client.get("/v3/portals").status_code == 200
