"""Every operation, driven once in each way it can go, and judged by the OpenAPI sketch of API7's two services."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from portalctl.simulator.api7.server import Exchange
from tests.simulator.api7 import specs
from tests.simulator.api7.client import NOBODY, PORTAL, World, world

NOT_SIMULATED = {
    "dashboardLogin",
    "dashboardMe",
    "dashboardCreateToken",
    "dashboardCreatePortal",
    "dashboardCreatePortalToken",
    "dashboardPutPublicAccess",
    "dashboardCreateLoginOption",
    "dashboardPatchLoginOption",
    "dashboardDeleteLoginOption",
    "dashboardCreateProduct",
    "dashboardDeleteProduct",
    "dashboardListDcrProviders",
    "dashboardDeleteDcrProvider",
    "backendListApiCalls",
    "backendUpdateCredential",
    "backendRegenerateCredential",
    "backendListLabels",
    "backendListDcrProviders",
    "backendGetSmtpStatus",
}
D, B = "dashboard", "backend"
DEVELOPERS = f"/api/developers?portal_id={PORTAL}"


def allowed(here: World) -> list[tuple[str, str, str, Any, int]]:
    """What the sketch allows: service, method, path, body, status."""
    store = here.client.store
    ann = store.approval_of(here.ann).id
    (waiting,) = (approval.id for approval in store.approvals(event="api_product_subscription"))
    app, orders, results = here.app.id, here.orders.id, here.results.id
    key = store.credentials(PORTAL)[0].id
    return [
        (D, "GET", "/api/version", None, 200),
        (D, "GET", "/api/portals?search=part&page=1&page_size=5", None, 200),
        (D, "GET", f"{DEVELOPERS}&page=1&page_size=5&search=ann&state=Pending", None, 200),
        (D, "GET", "/api/developers?portal_id=nowhere", None, 404),
        (D, "GET", f"/api/api_products?portal_id={PORTAL}", None, 200),
        (D, "GET", "/api/approvals?event=developer_registration&status=pending&order_by=applied_at", None, 200),
        (D, "GET", "/api/approvals?result=accepted&direction=asc&page_size=10&page=1&search=x", None, 200),
        (B, "GET", "/healthz", None, 200),
        (B, "GET", "/api/system_settings/public_access", None, 200),
        (B, "GET", "/api/developers?order_by=created_at&direction=asc&page_size=500&page=1&search=a", None, 200),
        (B, "POST", "/api/developers", {"developer_id": "org_new"}, 201),
        (B, "POST", "/api/developers", {"developer_id": "org_new"}, 400),
        (B, "GET", "/api/approvals?status=pending&resource_type=developer&applicant_name=Ann A", None, 200),
        (B, "GET", "/api/api_products?order_by=created_at", None, 200),
        (B, "GET", f"/api/api_products/{orders}", None, 200),
        (B, "GET", f"/api/api_products/{NOBODY}", None, 404),
        (B, "GET", "/api/subscriptions?status=subscribed&status=wait_for_approval", None, 200),
        (B, "GET", f"/api/applications?api_product_id={orders}&order_by=created_at", None, 200),
        (B, "GET", f"/api/applications/{app}", None, 200),
        (B, "PUT", f"/api/applications/{app}", {"name": "Shop 2", "labels": {"team": "web"}}, 200),
        (B, "POST", "/api/applications", {"name": "Second", "desc": "x"}, 201),
        (B, "GET", f"/api/credentials?application_id={app}&auth_method=key-auth&order_by=name", None, 200),
        (B, "GET", f"/api/applications/{app}/credentials?page_size=5", None, 200),
        (B, "POST", f"/api/applications/{app}/credentials", {"type": "key-auth", "name": "k"}, 201),
        (B, "GET", f"/api/applications/{app}/credentials/{key}", None, 200),
        (B, "DELETE", f"/api/applications/{app}/credentials/{key}", None, 204),
        (B, "DELETE", f"/api/applications/{app}/credentials/{key}", None, 404),
        (D, "POST", f"/api/approvals/{waiting}/accept", None, 200),
        (B, "DELETE", f"/api/subscriptions/{here.waiting.id}", None, 204),
        (B, "POST", f"/api/api_products/{orders}/subscriptions", {"application_id": app}, 201),
        (B, "POST", "/api/subscriptions", {"applications": [app], "api_products": [results]}, 400),
        (B, "POST", "/api/subscriptions", {"applications": [NOBODY], "api_products": [results]}, 400),
        (B, "DELETE", f"/api/applications/{app}", None, 204),
        (D, "POST", f"/api/approvals/{ann}/accept", None, 200),
        (D, "POST", f"/api/approvals/{ann}/reject", None, 400),
        (B, "POST", f"/api/approvals/{ann}/accept", {"metadata": "{}"}, 400),
        (B, "POST", f"/api/approvals/{NOBODY}/reject", None, 404),
        (D, "POST", f"/api/developers/invites?portal_id={PORTAL}", {"username": "u", "password": "p"}, 200),
        (D, "DELETE", f"/api/developers/org_new?portal_id={PORTAL}", None, 200),
        (D, "DELETE", f"/api/developers/org_new?portal_id={PORTAL}", None, 404),
        (D, "GET", f"/api/portal/login_options?portal_id={PORTAL}", None, 200),
        (B, "DELETE", "/api/developers/org_bob", None, 204),
        (B, "DELETE", "/api/developers/org_bob", None, 404),
    ]


def send(here: World, service: str, method: str, path: str, body: Any) -> Exchange:
    if service == D:
        here.client.dashboard(method, path, body)
    else:
        here.client.backend(method, path, body, actor="org_bob")
    return here.client.sim.log[-1]


def test_every_operation_and_answer_is_as_sketched() -> None:
    specs.sketch()
    with world(login_options="shown") as here:
        driven = set()
        for service, method, path, body, status in allowed(here):
            exchange = send(here, service, method, path, body)
            assert exchange.status == status, f"{service} {method} {path}: {exchange.answer}"
            specs.check_request(exchange)
            specs.check_answer(exchange)
            found = specs.find(exchange)
            driven.add(found.name if found else "")
    assert (specs.operations(D) | specs.operations(B)) - driven == NOT_SIMULATED


@pytest.mark.parametrize(
    "switches",
    [
        {"dashboard_times": "epoch", "backend_times": "epoch", "operated_at_unset": "zero", "email_unset": "empty"},
        {"empty_list": "missing", "order": "shuffled", "approval_portal": "absent", "applicant_id": "absent"},
    ],
)
def test_other_readings_stay_inside_the_sketch(switches: dict[str, Any]) -> None:
    specs.sketch()
    with world(**switches) as here:
        for service, method, path, body, _ in allowed(here):
            specs.check_answer(send(here, service, method, path, body))


@pytest.mark.parametrize(
    ("service", "method", "path", "body"),
    [
        (D, "GET", "/api/developers?portal_id=partners&colour=red", None),
        (D, "GET", "/api/developers", None),
        (D, "GET", "/api/approvals?status=open", None),
        (D, "GET", "/api/portals?page_size=0", None),
        (D, "DELETE", "/api/developers/a b?portal_id=partners", None),
        (B, "POST", "/api/developers", {"developer_id": "no good"}),
        (B, "POST", "/api/developers", {}),
        (B, "GET", "/api/developers?order_by=name", None),
        (B, "GET", "/api/developers?portal_id=partners", None),
        (B, "POST", "/api/applications", {"name": ""}),
    ],
)
def test_what_the_sketch_forbids_is_refused(service: str, method: str, path: str, body: Any) -> None:
    specs.sketch()
    with world() as here:
        exchange = send(here, service, method, path, body)
        assert exchange.status == 400
        specs.check_answer(exchange)
        with pytest.raises(AssertionError):
            specs.check_request(exchange)


def test_the_checks_see_what_is_wrong() -> None:
    specs.sketch()
    with world() as here:
        good = send(here, D, "GET", DEVELOPERS, None)
        assert good.reply
        for change in ({"state": "Suspended"}, {"created_at": "yesterday"}, {"developer_id": None}):
            answer = {"list": [good.answer["list"][0] | change], "total": 1}
            with pytest.raises(AssertionError):
                specs.check_answer(replace(good, reply=replace(good.reply, payload=json.dumps(answer).encode())))
        for spoiled in (replace(good, authorized=False), replace(good, raw_body=b"{}"), replace(good, path="/x")):
            with pytest.raises(AssertionError):
                specs.check_request(spoiled)
