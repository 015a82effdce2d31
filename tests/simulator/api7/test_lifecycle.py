"""What becomes of people, approvals and access: the same through either service."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from portalctl.simulator.api7.database import Database
from portalctl.simulator.api7.server import Api7Behaviour, Api7Simulator, SimulatedStore
from tests.simulator.api7.client import NOBODY, PORTAL, Client, World, world

pytestmark = pytest.mark.slow


def states(client: Client) -> dict[str, str]:
    return {person["developer_id"]: person["state"] for person in client.people()}


def decide(here: World, service: str, approval_id: str, word: str) -> int:
    send = here.client.dashboard if service == "dashboard" else here.client.backend
    return send("POST", f"/api/approvals/{approval_id}/{word}").status_code


@pytest.mark.parametrize("service", ["dashboard", "backend"])
def test_accepting_makes_a_pending_developer_active(service: str) -> None:
    with world() as here:
        approval = here.client.store.approval_of(here.ann)
        assert states(here.client) == {"org_ann": "Pending", "org_bob": "Active"}
        assert decide(here, service, approval.id, "accept") == 200
        assert states(here.client) == {"org_ann": "Active", "org_bob": "Active"}
        (shown,) = here.client.listed("/api/approvals?event=developer_registration")
        operator = "admin" if service == "dashboard" else "developer_portal_admin"
        assert (shown["status"], shown["result"], shown["operator_name"]) == ("finished", "accepted", operator)
        assert here.client.listed("/api/approvals?event=developer_registration&status=pending") == []


@pytest.mark.parametrize("service", ["dashboard", "backend"])
def test_rejecting_deletes_the_account_and_keeps_the_record(service: str) -> None:
    with world() as here:
        approval = here.client.store.approval_of(here.ann)
        here.client.store.add_credential(here.client.store.add_application(here.ann, "Anns"))
        assert decide(here, service, approval.id, "reject") == 200
        assert states(here.client) == {"org_bob": "Active"}
        assert [credential.application_id for credential in here.client.store.credentials()] == [here.app.id]
        assert here.client.store.applications() == [here.app]
        (shown,) = here.client.listed("/api/approvals?event=developer_registration")
        assert (shown["result"], shown["applicant_id"]) == ("rejected", here.ann.id)
        assert here.client.delete("org_ann").status_code == 404


def delete_on_dashboard(here: World) -> int:
    return here.client.delete("org_bob").status_code


def delete_on_backend(here: World) -> int:
    return here.client.backend("DELETE", "/api/developers/org_bob").status_code


@pytest.mark.parametrize(("delete", "status"), [(delete_on_dashboard, 200), (delete_on_backend, 204)])
def test_deleting_takes_everything_along(delete: Callable[[World], int], status: int) -> None:
    with world() as here:
        store = here.client.store
        other = store.add_application(store.sign_up(PORTAL, "cy@x.com", state="Active"), "Other")
        store.add_subscription(other, here.orders)
        assert delete(here) == status
        assert states(here.client).keys() == {"org_ann", store.developers(PORTAL)[1].developer_id}
        assert store.applications() == store.applications(PORTAL) == [other]
        assert [subscription.application_id for subscription in store.subscriptions()] == [other.id]
        assert store.subscriptions(PORTAL) == store.subscriptions()
        assert store.credentials() == []
        waiting = [approval.applicant.name for approval in store.approvals(PORTAL, event="api_product_subscription")]
        assert waiting == ["cy"]
        assert delete(here) == 404


def test_deleting_a_pending_developer_removes_the_approval() -> None:
    with world() as here:
        assert here.client.delete("org_ann").status_code == 200
        assert here.client.store.approvals(event="developer_registration") == []


def test_the_key_is_the_developer_id_and_never_the_inner_id() -> None:
    with world() as here:
        assert here.client.delete(here.bob.id).status_code == 404
        assert here.client.backend("DELETE", f"/api/developers/{here.bob.id}").status_code == 404
        assert len(here.client.people()) == 2


@pytest.mark.parametrize(("word", "left"), [("accept", ["subscribed"]), ("reject", [])])
def test_a_subscription_waits_for_its_decision(word: str, left: list[str]) -> None:
    with world() as here:
        client = here.client
        path = f"/api/subscriptions?api_product_id={here.orders.id}"
        (before,) = client.backend("GET", path, actor="org_bob").json()["list"]
        (approval,) = client.listed("/api/approvals?event=api_product_subscription&status=pending")
        assert before["status"] == "wait_for_approval"
        assert (approval["resource_id"], approval["resource_name"]) == (here.orders.id, "Orders")
        assert (approval["applicant_id"], approval["resource_type"]) == (here.bob.id, "api_product")
        assert decide(here, "dashboard", approval["id"], word) == 200
        after = client.backend("GET", path, actor="org_bob").json()["list"]
        assert [item["status"] for item in after] == left
        assert states(client)["org_bob"] == "Active"


@pytest.mark.parametrize(("auto", "provider"), [(True, "builtin"), (False, "builtin"), (False, "sso")])
def test_who_signs_up_is_active_where_the_portal_approves_by_itself(
    auto: bool, provider: Literal["builtin", "sso"]
) -> None:
    with Api7Simulator() as sim, Client(sim) as client:
        sim.store.add_portal(PORTAL, auto_approve=auto)
        person = sim.store.sign_up(PORTAL, "ann@x.com", provider=provider, verified=False)
        (shown,) = client.people()
        assert (shown["state"], shown["provider"], shown["email_verified"]) == (
            "Active" if auto else "Pending",
            provider,
            False,
        )
        assert (shown["id"], shown["developer_id"]) == (person.id, person.developer_id)
        assert len(sim.store.approvals(PORTAL)) == (0 if auto else 1)


def test_what_the_backend_creates_the_dashboard_shows() -> None:
    with world() as here:
        made = here.client.backend("POST", "/api/developers", {"developer_id": "org_new"})
        assert made.status_code == 201
        shown = {developer["developer_id"]: developer for developer in here.client.people()}["org_new"]
        assert (shown["id"], shown["state"], shown["name"]) == (made.json()["id"], "Active", "org_new")
        assert "email" not in shown
        assert len(here.client.store.approvals(event="developer_registration")) == 1  # Ann's
        assert set(made.json()) == {"id", "name", "created_at", "updated_at"}


def test_each_portal_token_sees_its_own_portal() -> None:
    with world() as here:
        other = here.client.store.add_portal("other", "Partners")
        cy = here.client.store.sign_up("other", "cy@x.com")
        listed = here.client.backend("GET", "/api/developers", token=other.token).json()
        assert [item["id"] for item in listed["list"]] == [cy.id]
        approvals = here.client.backend("GET", "/api/approvals", token=other.token).json()["list"]
        assert [approval["applicant_id"] for approval in approvals] == [cy.id]
        assert not {"portal_id", "portal_name"} & approvals[0].keys()
        foreign = here.client.store.approval_of(here.ann).id
        path = f"/api/approvals/{foreign}/accept"
        assert here.client.backend("POST", path, token=other.token).status_code == 404
        assert {row["portal_id"] for row in here.client.listed("/api/approvals")} == {PORTAL, "other"}


def test_developers_by_hand() -> None:
    with world() as here:
        store = here.client.store
        store.accept(store.approval_of(here.ann), operator="carol")
        store.set_developer(here.bob, email="rob@x.com")
        assert [(developer.state, developer.email) for developer in store.developers(PORTAL)] == [
            ("Active", "ann@x.com"),
            ("Active", "rob@x.com"),
        ]
        store.set_portal(PORTAL, auto_approve=True)
        new = store.sign_up(PORTAL, None)
        assert new.state == "Active"
        store.delete_developer(new)
        dora = store.sign_up(PORTAL, "d@x.com", state="Pending")
        store.reject(store.approval_of(dora))
        eve = store.sign_up(PORTAL, "e@x.com", state="Pending")
        store.drop_approval(store.approval_of(eve))
        assert [developer.email for developer in store.developers(PORTAL)] == ["ann@x.com", "rob@x.com", "e@x.com"]
        with pytest.raises(KeyError):
            store.approval_of(eve)
        with pytest.raises(KeyError):
            store.set_developer(new, email="x@x.com")
        with pytest.raises(KeyError):
            store.portal("nowhere")


class Portal(RuleBasedStateMachine):
    """Whatever happens in whatever order: who is Pending has one open approval, and nobody else's is open."""

    def __init__(self) -> None:
        super().__init__()
        self.store = SimulatedStore(Database(Api7Behaviour()), "a7prt-test")
        self.store.add_portal(PORTAL)
        self.product = self.store.add_product(PORTAL, "Orders")

    @rule(auto=st.booleans())
    def sign_up(self, auto: bool) -> None:
        self.store.set_portal(PORTAL, auto_approve=auto)
        self.store.sign_up(PORTAL, "a@x.com")

    @precondition(lambda self: self.store.developers(PORTAL))
    @rule(data=st.data())
    def subscribe(self, data: st.DataObject) -> None:
        owner = data.draw(st.sampled_from(self.store.developers(PORTAL)))
        self.store.add_subscription(self.store.add_application(owner, "app"), self.product)

    @precondition(lambda self: any(item.pending for item in self.store.approvals()))
    @rule(data=st.data(), accept=st.booleans())
    def decide(self, data: st.DataObject, accept: bool) -> None:
        approval = data.draw(st.sampled_from([item for item in self.store.approvals() if item.pending]))
        (self.store.accept if accept else self.store.reject)(approval)

    @precondition(lambda self: self.store.developers(PORTAL))
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        self.store.delete_developer(data.draw(st.sampled_from(self.store.developers(PORTAL))))

    @invariant()
    def everything_has_its_owner(self) -> None:
        people = self.store.developers(PORTAL)
        waiting = [approval for approval in self.store.approvals() if approval.pending]
        registrations = sorted(item.applicant.id for item in waiting if item.event == "developer_registration")
        assert registrations == sorted(developer.id for developer in people if developer.state == "Pending")
        assert sorted(item.subscription_id or "" for item in waiting if item.product) == sorted(
            subscription.id
            for subscription in self.store.subscriptions(PORTAL)
            if subscription.status == "wait_for_approval"
        )


TestPortal = Portal.TestCase
TestPortal.settings = settings(stateful_step_count=10)


def test_nobody_is_decided_about_twice_or_out_of_nothing() -> None:
    with world() as here:
        approval = here.client.store.approval_of(here.ann)
        assert here.client.decide(approval, "accept").status_code == 200
        again = here.client.decide(approval, "reject")
        assert (again.status_code, again.json()) == (400, {"error_msg": "approval has already been processed"})
        assert states(here.client)["org_ann"] == "Active"
        unknown = here.client.backend("POST", f"/api/approvals/{NOBODY}/accept")
        assert (unknown.status_code, unknown.json()) == (404, {"status": 404, "message": "approval not found"})
