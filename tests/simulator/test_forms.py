"""Forms of portals, and the answers that developers and applications give to them."""

from __future__ import annotations

from typing import Any

import pytest

from portalctl.simulator.konnect.seed import SeedError
from portalctl.simulator.server import Behaviour, Simulator
from tests.simulator.client import BASE, JAMES, NOBODY, PORTAL, Client, invalid

FORMS = f"{BASE}/forms"
NAME = {"type": "text", "name": "full_name", "label": "Full name", "required": True}
EMAIL = {"type": "email", "name": "email", "label": "Email address", "required": True}
SUBMIT = {"type": "submit", "name": "submit", "value": "Create account"}
PAYMENTS, PLATFORM = {"value": "payments", "label": "Payments"}, {"value": "platform", "label": "Platform"}
DEPARTMENT = {
    "type": "select",
    "mode": "single_select",
    "name": "department",
    "label": "Department",
    "required": True,
    "options": [PAYMENTS, PLATFORM],
}
SIGN_UP = {
    "type": "developer_registration",
    "status": "published",
    "fields": [NAME, EMAIL, DEPARTMENT, {"type": "textarea", "label": "Why, please?"}, SUBMIT],
}
REASON = {
    "type": "api_registration",
    "name": "api-registration",
    "status": "published",
    "fields": [
        {"type": "text", "name": "api_id", "label": "API"},
        {"type": "textarea", "name": "reason", "label": "Reason", "required": True},
        SUBMIT,
    ],
}


def with_fields(*fields: Any, **form: Any) -> dict[str, Any]:
    return SIGN_UP | {"fields": [NAME, EMAIL, *fields, SUBMIT]} | form


def test_a_form_is_kept_with_its_fields_and_lists_have_none(demo: Client) -> None:
    made = demo.post(FORMS, SIGN_UP)
    assert made.status_code == 201
    form = made.json()
    assert (form["name"], form["type"], form["status"]) == (
        "developer-registration",
        "developer_registration",
        "published",
    )
    names = {field["name"]: field.get("built_in", False) for field in form["fields"]}
    assert names == {"full_name": True, "email": True, "department": False, "why-please": False, "submit": True}
    assert demo.get(f"{FORMS}/{form['id']}").json() == form
    [listed] = demo.get(FORMS).json()["data"]
    assert listed == {key: value for key, value in form.items() if key != "fields"}
    assert demo.post(FORMS, SIGN_UP).status_code == 409
    assert demo.post(FORMS, REASON).status_code == 201
    assert demo.get(FORMS).json()["meta"]["page"]["total"] == 2
    replaced = demo.http.put(f"{FORMS}/{form['id']}", json=with_fields()).json()
    assert [field["name"] for field in replaced["fields"]] == ["full_name", "email", "submit"]
    assert demo.delete(f"{FORMS}/{form['id']}").status_code == 204
    assert demo.get(f"{FORMS}/{form['id']}").status_code == 404


@pytest.mark.parametrize(
    ("form", "problem"),
    [
        ({"type": "survey", "fields": []}, ("type", "enum")),
        ({"type": "developer_registration"}, ("fields", "required")),
        (SIGN_UP | {"name": "other"}, ("name", "invalid")),
        (SIGN_UP | {"colour": "red"}, ("colour", "unknown_property")),
        (SIGN_UP | {"fields": [EMAIL, SUBMIT]}, ("fields", "required")),
        (SIGN_UP | {"fields": [NAME, EMAIL]}, ("fields", "invalid")),
        (SIGN_UP | {"fields": [NAME | {"type": "textarea"}, EMAIL, SUBMIT]}, ("fields", "invalid")),
        (with_fields(DEPARTMENT, DEPARTMENT), ("fields", "invalid")),
        (with_fields(SUBMIT), ("fields", "invalid")),
        (with_fields({"type": "dropdown", "label": "x"}), ("fields[2].type", "enum")),
        (with_fields({"type": "number"}), ("fields[2].label", "required")),
        (with_fields({"type": "text", "label": "x", "max": 3}), ("fields[2].max", "unknown_property")),
        (with_fields("text"), ("fields[2]", "is_object")),
        (with_fields({"type": "text", "label": "x", "name": "a b"}), ("fields[2].name", "matches_regex")),
        (with_fields(DEPARTMENT | {"options": []}), ("fields[2].options", "min_items")),
        (
            with_fields(DEPARTMENT | {"mode": "multi_select", "options": [PAYMENTS]}),
            ("fields[2].options", "min_items"),
        ),
        (with_fields(DEPARTMENT | {"mode": "any"}), ("fields[2].mode", "enum")),
        (with_fields(DEPARTMENT | {"options": [PAYMENTS, PAYMENTS]}), ("fields[2].options", "invalid")),
        (with_fields(DEPARTMENT | {"options": [{"value": "x"}]}), ("fields[2].options[0].label", "required")),
        (REASON | {"name": "Not a slug"}, ("name", "matches_regex")),
        ({key: value for key, value in REASON.items() if key != "name"}, ("name", "required")),
        (REASON | {"fields": [SUBMIT]}, ("fields", "required")),
    ],
)
def test_what_a_form_cannot_be(demo: Client, form: dict[str, Any], problem: tuple[str, str]) -> None:
    assert problem in invalid(demo.post(FORMS, form))
    assert demo.get(FORMS).json()["data"] == []


def test_the_type_of_a_form_stays(demo: Client) -> None:
    form = demo.post(FORMS, REASON).json()["id"]
    assert invalid(demo.http.put(f"{FORMS}/{form}", json=SIGN_UP)) == [("type", "invalid")]
    renamed = demo.http.put(f"{FORMS}/{form}", json=REASON | {"name": "why"})
    assert renamed.json()["name"] == "why"


def test_answers_are_kept_as_the_form_was(demo: Client) -> None:
    form = demo.post(FORMS, SIGN_UP).json()
    new = {"email": "jo@blake.example", "full_name": "Jo", "additional_data": {"department": "payments"}}
    created = demo.post(f"{BASE}/developers", new).json()
    kept = {"department": {"value": "payments", "label": "Department", "type": "select"}}
    assert created["additional_data"] == kept
    demo.http.put(f"{FORMS}/{form['id']}", json=with_fields({"type": "number", "name": "department", "label": "Nr."}))
    assert demo.get(f"{BASE}/developers/{created['id']}").json()["additional_data"] == kept
    listed = demo.get(f"{BASE}/developers?filter[email]=jo@blake.example").json()["data"]
    assert listed[0]["additional_data"] == kept
    assert "additional_data" not in demo.get(f"{BASE}/developers/{JAMES}").json()


@pytest.mark.parametrize(
    ("answers", "problem"),
    [
        ({"department": "sales"}, ("additional_data.department", "enum")),
        ({"department": ["payments"]}, ("additional_data.department", "enum")),
        ({"age": 3}, ("additional_data.age", "unknown_property")),
        ({"email": "x@y.example"}, ("additional_data.email", "unknown_property")),
        ({"why-please": 3}, ("additional_data.why-please", "is_string")),
        (["department"], ("additional_data", "is_object")),
    ],
)
def test_answers_that_the_form_does_not_take(demo: Client, answers: Any, problem: tuple[str, str]) -> None:
    demo.post(FORMS, SIGN_UP)
    new = {"email": "jo@blake.example", "full_name": "Jo", "additional_data": answers}
    assert problem in invalid(demo.post(f"{BASE}/developers", new))
    assert demo.emails("?filter[email]=jo@blake.example") == []


def test_an_unpublished_form_asks_nothing(demo: Client) -> None:
    demo.post(FORMS, SIGN_UP | {"status": "unpublished"})
    new = {"email": "jo@blake.example", "full_name": "Jo"}
    refused = demo.post(f"{BASE}/developers", new | {"additional_data": {"department": "payments"}})
    assert invalid(refused) == [("additional_data.department", "unknown_property")]
    assert demo.post(f"/api/v3/developer?portal={PORTAL}", new).status_code == 201


def test_a_sign_up_answers_what_is_required(demo: Client) -> None:
    demo.post(FORMS, SIGN_UP)
    new = {"email": "jo@blake.example", "full_name": "Jo"}
    path = f"/api/v3/developer?portal={PORTAL}"
    assert invalid(demo.post(path, new)) == [("additional_data.department", "required")]
    assert demo.post(path, new | {"additional_data": {"department": "platform"}}).status_code == 201
    [found] = demo.get(f"{BASE}/developers?filter[email]=jo@blake.example").json()["data"]
    assert found["additional_data"]["department"]["value"] == "platform"


def test_a_registration_answers_the_form_of_its_api(demo: Client) -> None:
    api = demo.simulator.store.add_api("Orders")
    form = demo.post(FORMS, REASON).json()["id"]
    linked = demo.http.put(f"/v3/apis/{api}/publications/{PORTAL}", json={"form_id": form})
    assert (linked.status_code, linked.json()["form_id"]) == (200, form)
    owner = {"type": "developer", "id": JAMES}
    application = demo.post(f"{BASE}/applications", {"name": "Booking", "owner": owner}).json()
    assert application["owner"] == owner
    path = f"{BASE}/applications/{application['id']}/registrations"
    refused = demo.post(path, {"api_id": api, "additional_data": {"why": "x"}})
    assert invalid(refused) == [("additional_data.why", "unknown_property")]
    made = demo.post(path, {"api_id": api, "additional_data": {"reason": "Bookings"}}).json()
    assert made["status"] == "pending"
    assert made["additional_data"]["reason"]["value"] == "Bookings"
    listed = demo.get(f"{BASE}/application-registrations?filter[status]=pending").json()["data"]
    assert [row["additional_data"] for row in listed if row["id"] == made["id"]] == [made["additional_data"]]
    assert invalid(demo.http.put(f"/v3/apis/{api}/publications/{PORTAL}", json={"form_id": NOBODY})) == [
        ("form_id", "missing_reference")
    ]


@pytest.mark.parametrize(
    ("switches", "answered", "others"),
    [
        ({}, {"department": {"value": "payments", "label": "Department", "type": "select"}}, "missing"),
        ({"additional_data": "plain"}, {"department": "payments"}, "missing"),
        (
            {"additional_data": "rows", "answers_unset": "null"},
            [{"name": "department", "label": "Department", "type": "select", "value": "payments"}],
            None,
        ),
        ({"additional_data": "plain", "answers_unset": "empty"}, {"department": "payments"}, {}),
        ({"additional_data": "absent"}, "missing", "missing"),
    ],
)
def test_shapes_of_answers(switches: dict[str, Any], answered: Any, others: Any) -> None:
    seed = {
        "portals": [
            {
                "name": "partners",
                "id": PORTAL,
                "forms": [{"fields": [DEPARTMENT]}],
                "developers": [
                    {"email": "a@x.example", "additional_data": {"department": "payments"}},
                    {"email": "b@x.example"},
                ],
            }
        ]
    }
    with Simulator(seed, behaviour=Behaviour(**switches)) as simulator, Client(simulator) as client:
        rows = client.get(f"{BASE}/developers?sort=email").json()["data"]
        assert [row.get("additional_data", "missing") for row in rows] == [answered, others]


@pytest.mark.parametrize("status", ["404", "403"])
def test_a_portal_may_refuse_forms(status: Any) -> None:
    with Simulator("demo", behaviour=Behaviour(forms=status)) as simulator, Client(simulator) as client:
        for answer in (client.get(FORMS), client.post(FORMS, SIGN_UP)):
            assert answer.status_code == int(status)


def test_required_answers_of_administrators() -> None:
    with Simulator("demo", behaviour=Behaviour(required_answers="always")) as simulator, Client(simulator) as client:
        client.post(FORMS, SIGN_UP)
        refused = client.post(f"{BASE}/developers", {"email": "jo@blake.example", "full_name": "Jo"})
        assert invalid(refused) == [("additional_data.department", "required")]


@pytest.mark.parametrize(
    ("form", "reason"),
    [
        ({"type": "survey"}, "'survey' is not one of developer_registration, api_registration"),
        ({"status": "hidden"}, "'hidden' in `forms` is not one of published, unpublished"),
        ({"fields": [DEPARTMENT, DEPARTMENT]}, "names of fields must be unique"),
    ],
)
def test_seeds_with_a_form_that_cannot_be(form: Any, reason: str) -> None:
    with pytest.raises(SeedError, match=reason):
        Simulator({"portals": [{"name": "partners", "forms": [form]}]})


def test_a_role_must_be_one_of_the_portals(demo: Client) -> None:
    role = {"entity_id": NOBODY, "entity_region": "*", "role_name": "Owner", "entity_type_name": "Portals"}
    team = demo.post(f"{BASE}/teams", {"name": "city"}).json()["id"]
    answer = demo.post(f"{BASE}/teams/{team}/assigned-roles", role)
    assert invalid(answer) == [("role_name", "enum"), ("entity_type_name", "enum")]
