"""Each switch, with each of its values: what a client sees of it."""

from __future__ import annotations

import re
import time
import typing
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import pytest

from portalctl.simulator.api7.server import Api7Behaviour
from portalctl.simulator.switches import parse_switches
from tests.simulator.api7.client import NOBODY, PORTAL, World, world

pytestmark = pytest.mark.slow

ANN = {"name": "Ann A", "developer_id": "org_ann", "username": "ann", "email": "ann@x.com", "absent": None}
APPROVALS = "/api/approvals?event=developer_registration"


def ann(here: World) -> dict[str, Any]:
    return {developer["developer_id"]: developer for developer in here.client.people()}["org_ann"]


def created(here: World) -> dict[str, Any]:
    """A developer made through the backend, as the Dashboard shows it."""
    assert here.client.backend("POST", "/api/developers", {"developer_id": "org_new"}).status_code == 201
    return {developer["developer_id"]: developer for developer in here.client.people()}["org_new"]


def approval(here: World) -> dict[str, Any]:
    (found,) = here.client.listed(APPROVALS)
    return found


def accepted(here: World) -> Any:
    return here.client.decide(here.client.store.approval_of(here.ann), "accept")


def status(method: str, path: str) -> Callable[[World], int]:
    return lambda here: here.client.dashboard(method, path).status_code


def shown(key: str, of: Callable[[World], dict[str, Any]]) -> Callable[[World], Any]:
    return lambda here: of(here).get(key, "missing")


def empty_list(here: World) -> Any:
    return here.client.dashboard("GET", f"{APPROVALS}&status=finished").json()


def error(here: World) -> str:
    return here.client.dashboard("GET", "/api/nothing").text


def version_value(here: World) -> Any:
    return here.client.dashboard("GET", f"/api/portals/{PORTAL}").json()


def kind(key: str, of: Callable[[World], dict[str, Any]]) -> Callable[[World], type]:
    return lambda here: type(of(here)[key])


def backend_developer(here: World) -> dict[str, Any]:
    found: dict[str, Any] = here.client.backend("GET", "/api/developers?search=ann").json()["list"][0]
    return found


def pages(here: World) -> list[int]:
    """How many come without a size, with a size of one, on the second page of it, and on a page without a size."""
    for number in range(20):
        here.client.store.sign_up(PORTAL, f"p{number}@x.com", "P")
    counts = []
    for query in ("", "&page_size=5", "&page_size=5&page=2", "&page=2"):
        counts.append(len(here.client.people(f"&search=P{query}")))
    first, second = (here.client.people(f"&page_size=5{query}")[0]["id"] for query in ("", "&page=2"))
    return [*counts, first == second]


def order(here: World) -> str:
    for number in range(20):
        here.client.store.sign_up(PORTAL, f"p{number}@x.com")
    stored = [developer.id for developer in here.client.store.developers(PORTAL)]
    one, two = ([developer["id"] for developer in here.client.people()] for _ in range(2))
    assert sorted(one) == sorted(stored)
    if one != two:
        return "restless"
    return "stored" if one == stored else "reversed" if one == stored[::-1] else "shuffled"


def login_options(here: World) -> Any:
    here.client.store.set_portal(PORTAL, auto_approve=True)
    answer = here.client.dashboard("GET", f"/api/portal/login_options?portal_id={PORTAL}")
    if answer.status_code != 200:
        return answer.status_code
    return [item["builtin_config"]["registration_auto_approval"] for item in answer.json()["list"]]


def warnings(here: World) -> set[str]:
    answers = [here.client.dashboard("GET", f"/api/portals{rest}") for rest in ("", f"/{PORTAL}")]
    return {answer.json().get("warning_msg", "") for answer in answers}


def pending_only(here: World) -> Any:
    answer = here.client.dashboard("GET", f"/api/developers?portal_id={PORTAL}&state=Pending")
    return len(answer.json()["list"]) if answer.status_code == 200 else answer.status_code


def sorted_people(here: World) -> Any:
    path = f"/api/developers?portal_id={PORTAL}&order_by=created_at&direction=asc"
    answer = here.client.dashboard("GET", path)
    return [item["name"] for item in answer.json()["list"]] if answer.status_code == 200 else answer.status_code


def unknown_portal(here: World) -> Any:
    answer = here.client.dashboard("GET", "/api/developers?portal_id=nowhere")
    return answer.json()["list"] if answer.status_code == 200 else answer.status_code


def backend_approvals(here: World) -> tuple[int, str]:
    version = here.client.dashboard("GET", "/api/version").json()["value"]
    return here.client.backend("GET", "/api/approvals").status_code, version


def duplicate(here: World) -> tuple[int, int]:
    answer = here.client.backend("POST", "/api/developers", {"developer_id": "org_ann"})
    return answer.status_code, len(here.client.people())


def same_id_elsewhere(here: World) -> int:
    other = here.client.store.add_portal("other")
    body = {"developer_id": "org_ann"}
    return here.client.backend("POST", "/api/developers", body, token=other.token).status_code


def signed_up_by_sso(here: World) -> list[str]:
    other = here.client.store.sign_up(PORTAL, "other@x.com", provider="builtin")
    return [here.client.store.sign_up(PORTAL, "sso@x.com", provider="sso").state, other.state]


def invited(here: World) -> dict[str, Any]:
    path = f"/api/developers/invites?portal_id={PORTAL}"
    answer = here.client.dashboard("POST", path, {"username": "new", "password": "once"})
    assert answer.status_code == 200
    return {developer["username"]: developer for developer in here.client.people()}["new"]


def subscription(here: World) -> dict[str, Any]:
    found: dict[str, Any] = here.client.backend("GET", "/api/subscriptions", actor="org_bob").json()["list"][0]
    return found


def decided_twice(here: World) -> int:
    accepted(here)
    code: int = accepted(here).status_code
    return code


def rejected(here: World) -> list[str]:
    here.client.decide(here.client.store.approval_of(here.ann), "reject")
    return [row["result"] for row in here.client.listed(APPROVALS)]


def deleted(here: World) -> list[str]:
    here.client.delete("org_ann")
    return [row["result"] for row in here.client.listed(APPROVALS)]


def portal_names(here: World) -> list[str]:
    return [key for key in approval(here) if key.startswith("portal_")]


def unset_email(here: World) -> Any:
    return created(here).get("email", "missing")


def sizes(here: World) -> int:
    here.client.store.sign_up(PORTAL, "cy@x.com")
    return len(here.client.people("&page_size=100"))


def lag(here: World) -> list[str]:
    started = time.monotonic()
    seen = []
    for _ in range(2):
        accepted(here)
        seen.append(ann(here)["state"])
    assert time.monotonic() - started < 30
    return seen


PROBES: dict[str, tuple[Callable[[World], Any], dict[Any, Any]]] = {
    "envelope": (
        version_value,
        {
            "value": {"value": {"id": PORTAL, "name": "Partners"}},
            "bare": {"id": PORTAL, "name": "Partners"},
        },
    ),
    "empty_list": (
        empty_list,
        {"list": {"list": [], "total": 0}, "null": {"list": None, "total": 0}, "missing": {"total": 0}},
    ),
    "dashboard_errors": (
        error,
        {
            "error_msg": '{"error_msg":"path not found"}',
            "message": '{"message":"path not found"}',
            "text": "path not found",
            "empty": "",
        },
    ),
    "dashboard_times": (kind("created_at", ann), {"rfc3339": str, "epoch": int}),
    "backend_times": (kind("created_at", backend_developer), {"rfc3339": str, "epoch": int}),
    "operated_at_unset": (shown("operated_at", approval), {"null": None, "zero": 0, "absent": "missing"}),
    "write_answer": (lambda here: accepted(here).status_code, {"200": 200, "204": 204}),
    "write_body": (lambda here: bool(accepted(here).content), {"value": True, "empty": False}),
    "paging": (
        pages,
        {
            "by_size": [20, 5, 5, 20, False],
            "always": [10, 5, 5, 10, False],
            "first_page": [20, 5, 5, 20, True],
            "ignored": [20, 20, 20, 20, True],
        },
    ),
    "page_size_max": (sizes, {1_000_000: 3, 2: 2}),
    "order": (
        order,
        {"changing": "reversed", "stored": "stored", "shuffled": "shuffled", "restless": "restless"},
    ),
    "state_filter": (pending_only, {"ignored": 2, "honoured": 1, "refused": 400}),
    "developers_sort": (
        sorted_people,
        {"refused": 400, "ignored": ["Bob B", "Ann A"], "honoured": ["Ann A", "Bob B"]},
    ),
    "unknown_parameters": (status("GET", "/api/portals?colour=red"), {"refused": 400, "ignored": 200}),
    "portal_id_missing": (status("GET", "/api/developers"), {"400": 400, "all": 200}),
    "unknown_portal": (unknown_portal, {"404": 404, "400": 400, "empty": []}),
    "version": (
        backend_approvals,
        {
            "3.10.1": (200, "3.10.1"),
            "3.10.0": (404, "3.10.0"),
            "3.9.14": (200, "3.9.14"),
            "3.9.13": (404, "3.9.13"),
            "3.8.20": (404, "3.8.20"),
            "3.11.0": (200, "3.11.0"),
            "dev": (200, "dev"),
        },
    ),
    "portal_by_id": (status("GET", f"/api/portals/{PORTAL}"), {True: 200, False: 404}),
    "approval_by_id": (
        lambda here: status("GET", f"/api/approvals/{here.client.store.approval_of(here.ann).id}")(here),
        {True: 200, False: 404},
    ),
    "developer_by_id": (
        status("GET", f"/api/developers/org_ann?portal_id={PORTAL}"),
        {False: 405, True: 200},
    ),
    "draft_reads": (status("GET", "/api/applications?developer_id=org_bob"), {False: 404, True: 200}),
    "visible_after": (lag, {0.0: ["Active", "Active"], 60.0: ["Pending", "Pending"]}),
    "emails": (shown("email", ann), {"present": "ann@x.com", "absent": "missing"}),
    "email_unset": (unset_email, {"absent": "missing", "empty": "", "null": None}),
    "created_state": (shown("state", created), {"Active": "Active", "Pending": "Pending"}),
    "created_username": (
        shown("username", created),
        {"absent": "missing", "empty": "", "developer_id": "org_new"},
    ),
    "created_provider": (
        shown("provider", created),
        {"builtin": "builtin", "sso": "sso", "absent": "missing"},
    ),
    "created_verified": (
        shown("email_verified", created),
        {"false": False, "true": True, "absent": "missing"},
    ),
    "invited_state": (shown("state", invited), {"Active": "Active", "Pending": "Pending"}),
    "sso_state": (signed_up_by_sso, {"by_rule": ["Pending", "Pending"], "Active": ["Active", "Pending"]}),
    "duplicate_developer": (duplicate, {"400": (400, 2), "409": (409, 2), "201": (201, 2)}),
    "developer_ids": (same_id_elsewhere, {"portal": 201, "installation": 400}),
    "id_case": (lambda here: here.client.delete("ORG_ann").status_code, {"counts": 404, "ignored": 200}),
    "delete_unknown": (lambda here: here.client.delete("nobody").status_code, {"404": 404, "200": 200}),
    "backend_id": (
        lambda here: backend_developer(here)["id"] == here.ann.id,
        {"id": True, "developer_id": False},
    ),
    "subscription_developer": (
        lambda here: subscription(here)["developer_id"] == here.bob.id,
        {"id": True, "developer_id": False},
    ),
    "applicant_id": (
        lambda here: approval(here).get("applicant_id") in (here.ann.id, None),
        {"id": True, "developer_id": False, "name": False, "absent": True},
    ),
    "applicant_name": (lambda here: approval(here).get("applicant_name"), ANN),
    "resource_id": (
        lambda here: approval(here).get("resource_id") in (here.ann.id, None),
        {"id": True, "developer_id": False, "name": False, "absent": True},
    ),
    "resource_name": (lambda here: approval(here).get("resource_name"), ANN),
    "login_options": (login_options, {"absent": 404, "shown": [True]}),
    "warning": (warnings, {"": {""}, "The licence ends soon": {"The licence ends soon"}}),
    "approval_portal": (
        portal_names,
        {"both": ["portal_id", "portal_name"], "id": ["portal_id"], "name": ["portal_name"], "absent": []},
    ),
    "finished_approval": (decided_twice, {"400": 400, "404": 404, "200": 200}),
    "unknown_approval": (
        status("POST", f"/api/approvals/{NOBODY}/accept"),
        {"404": 404, "400": 400},
    ),
    "after_reject": (rejected, {"kept": ["rejected"], "dropped": []}),
    "after_delete": (deleted, {"dropped": [], "cancelled": ["cancelled"]}),
}
# `page_size_default` shows under `paging=always` only.
DEFAULTS = {field.name: field.default for field in fields(Api7Behaviour)}


# Every value of every switch; the quick run takes the first of each that is no default.
QUICK = {name: next(value for value in values if value != DEFAULTS[name]) for name, (_, values) in PROBES.items()}
ROWS = [
    pytest.param(name, value, expected, marks=[] if value == QUICK[name] else [pytest.mark.slow])
    for name, (_, values) in PROBES.items()
    for value, expected in values.items()
]


@pytest.mark.parametrize(("name", "value", "expected"), ROWS)
def test_each_value_has_its_effect(name: str, value: Any, expected: Any) -> None:
    with world(**{name: value}) as here:
        assert PROBES[name][0](here) == expected


def test_the_default_page_size() -> None:
    with world(paging="always", page_size_default=1) as here:
        assert len(here.client.people()) == 1


def test_every_value_of_every_switch_is_tried() -> None:
    hints = typing.get_type_hints(Api7Behaviour)
    for field in fields(Api7Behaviour):
        if field.name == "page_size_default":
            continue
        values = PROBES[field.name][1]
        assert field.default in values, field.name
        choices = (True, False) if hints[field.name] is bool else typing.get_args(hints[field.name])
        assert set(choices) <= set(values), field.name


def test_lagging_reads_do_not_hide_what_is_put_by_hand() -> None:
    with world(visible_after=60) as here:
        here.client.backend("POST", "/api/developers", {"developer_id": "org_new"})
        here.client.store.sign_up(PORTAL, "hand@x.com", developer_id="org_hand")
        accepted(here)
        here.client.store.delete_developer(here.ann)
        assert [developer["developer_id"] for developer in here.client.people()] == ["org_hand", "org_bob"]
        assert len(here.client.store.developers(PORTAL)) == 3


@pytest.mark.slow
def test_writes_are_seen_after_the_delay() -> None:
    with world(visible_after=2.0) as here:
        accepted(here)
        here.client.backend("POST", "/api/developers", {"developer_id": "org_new"})
        here.client.backend("POST", "/api/developers", {"developer_id": "org_gone"})
        gone = here.client.store.developers(PORTAL)[-1]
        here.client.store.delete_developer(gone)
        assert [ann(here)["state"], len(here.client.people())] == ["Pending", 2]
        time.sleep(2.1)
        assert [ann(here)["state"], len(here.client.people())] == ["Active", 3]


def test_switches_from_text() -> None:
    texts = ["state_filter=honoured", "draft_reads=true", "version=3.9.13", "visible_after=1.5"]
    assert parse_switches(texts, Api7Behaviour()) == Api7Behaviour(
        state_filter="honoured", draft_reads=True, version="3.9.13", visible_after=1.5
    )
    with pytest.raises(ValueError, match=re.escape("unknown behaviour 'duplicate_team=409'; known: envelope,")):
        parse_switches(["duplicate_team=409"], Api7Behaviour())
    with pytest.raises(ValueError, match="write_answer must be one of 200, 204, not '500'"):
        parse_switches(["write_answer=500"], Api7Behaviour())
