"""The running simulator: log, hooks, faults, TLS, seeds."""

from __future__ import annotations

import json
import re
import socket
import ssl
from pathlib import Path
from typing import Any

import httpx
import pytest

from portalctl.simulator.api7.seed import SeedError
from portalctl.simulator.api7.server import Api7Simulator, Fault, Request
from portalctl.simulator.faults import parse_fault
from portalctl.simulator.server import Simulator
from tests.simulator.api7.client import PORTAL, Client, world

pytestmark = pytest.mark.slow


def test_the_log_tells_which_service_was_asked_and_hides_credentials() -> None:
    with world() as here:
        sim = here.client.sim
        here.client.people()
        here.client.backend("POST", "/api/developers", {"developer_id": "x"}, actor="org_bob")
        first, second = sim.log
        assert (first.service, first.method, first.status) == ("dashboard", "GET", 200)
        assert (second.service, second.body, second.headers["x-portal-developer-id"]) == (
            "backend",
            {"developer_id": "x"},
            "org_bob",
        )
        assert [first.number, second.number, first.authorized, second.authorized] == [1, 2, True, True]
        assert sim.token not in repr(sim.log)
        assert sim.portal_token not in repr(sim.log)
        sim.clear_log()
        assert sim.log == ()


def test_a_human_decides_between_reading_and_writing() -> None:
    with world() as here:
        store = here.client.store
        approval = store.approval_of(here.ann)

        def human(request: Request) -> None:
            if request.method == "POST" and request.service == "dashboard":
                store.reject(store.approval_of(here.ann), operator="carol")

        here.client.sim.on_request(human)
        assert here.client.decide(approval, "accept").status_code == 400
        assert [developer.developer_id for developer in store.developers(PORTAL)] == ["org_bob"]


@pytest.mark.wide(2)
@pytest.mark.parametrize(
    ("text", "status", "body"),
    [
        ("status=503,service=dashboard", 503, '{"error_msg":"service unavailable"}'),
        ("status=429,retry_after=3", 429, '{"error_msg":"too many requests"}'),
        ("status=403", 403, '{"error_msg":"forbidden"}'),
        ("status=502,body=html", 502, "<!DOCTYPE html><html><body>Sign in</body></html>"),
        ("status=500,body=none", 500, ""),
        ("rate,requests=0,plain=true", 429, '{"message":"API rate limit exceeded"}'),
        ("status=503,service=backend", 200, None),
        ("empty", 200, '{"list":[],"total":2}'),
        ("html", 200, "<!DOCTYPE html><html><body>Sign in</body></html>"),
    ],
)
def test_faults_speak_the_services_language(text: str, status: int, body: str | None) -> None:
    with world() as here:
        here.client.sim.inject(parse_fault(text))
        answer = here.client.dashboard("GET", f"/api/developers?portal_id={PORTAL}")
        assert answer.status_code == status
        assert body is None or answer.text == body
        assert answer.headers.get("retry-after") == ("3" if "retry_after" in text else None)


def test_faults_of_the_backend_and_lost_rows() -> None:
    with world() as here:
        here.client.sim.inject(Fault("status", service="backend", status=500, times=1))
        assert here.client.backend("GET", "/api/developers").json() == {
            "status": 500,
            "message": "internal server error",
        }
        here.client.sim.inject(Fault("lose-row"))
        listed = here.client.backend("GET", "/api/developers").json()
        assert (len(listed["list"]), listed["total"]) == (1, 2)


@pytest.mark.wide(2)
@pytest.mark.parametrize(("kind", "state"), [("drop-before", "Pending"), ("drop-after", "Active")])
def test_the_connection_breaks_before_or_after_the_decision(kind: Any, state: str) -> None:
    with world() as here:
        here.client.sim.inject(Fault(kind, method="POST"))
        with pytest.raises(httpx.RemoteProtocolError):
            here.client.decide(here.client.store.approval_of(here.ann), "accept")
        assert here.client.store.developers(PORTAL)[0].state == state


@pytest.mark.wide(1)
@pytest.mark.parametrize("kind", ["konnect", "api7"])
def test_tls_with_a_certificate_that_has_to_be_trusted(kind: str) -> None:
    sim = Simulator(seed="demo", tls=True) if kind == "konnect" else Api7Simulator(seed="demo", tls=True)
    with sim:
        assert sim.ca_file
        trusting = ssl.create_default_context(cafile=str(sim.ca_file))
        trusting.verify_flags |= ssl.VERIFY_X509_STRICT  # Python's default from 3.13 on
        urls = [sim.url, *([sim.portal_url] if isinstance(sim, Api7Simulator) else [])]
        with httpx.Client(verify=trusting, trust_env=False) as client:
            for url in urls:
                assert url.startswith("https://127.0.0.1:")
                for _ in range(2):
                    assert client.get(f"{url}/api/nothing").status_code in (401, 404)
            sim.inject(Fault("truncate", times=1))
            with pytest.raises(httpx.HTTPError):
                client.get(sim.url)
        with httpx.Client(verify=ssl.create_default_context(), trust_env=False) as stranger:
            with pytest.raises(httpx.ConnectError, match="self-signed certificate"):
                stranger.get(sim.url)
        with pytest.raises(httpx.HTTPError):
            httpx.get(sim.url.replace("https", "http"), trust_env=False, verify=False)
        with socket.create_connection(("127.0.0.1", int(sim.url.rpartition(":")[2])), timeout=5) as silent:
            sim.close()
            assert silent.recv(1) == b""  # one that never shakes hands is cut off


def test_each_start_has_a_certificate_of_its_own_and_leaves_no_key_behind() -> None:
    with Api7Simulator(tls=True) as one, Api7Simulator(tls=True) as other:
        assert one.ca_file
        assert other.ca_file
        assert one.ca_file.read_bytes() != other.ca_file.read_bytes()
        folder = one.ca_file.parent
        assert [item.name for item in folder.iterdir()] == ["certificate.pem"]
        assert folder.stat().st_mode & 0o077 == 0
    assert not folder.exists()


def test_without_tls_there_is_nothing_to_trust() -> None:
    with Api7Simulator() as sim:
        assert sim.ca_file is None


def test_ports_are_freed_and_a_taken_one_is_an_error() -> None:
    with Api7Simulator() as sim:
        port, portal_port = (int(url.rpartition(":")[2]) for url in (sim.url, sim.portal_url))
        with pytest.raises(OSError, match="in use"):
            Api7Simulator(portal_port=port)
    with Api7Simulator(port=port, portal_port=portal_port) as again:
        assert again.portal_url.endswith(f":{portal_port}")


def test_tokens_are_those_that_were_given() -> None:
    with Api7Simulator(token="a7ee-mine", portal_token="a7prt-mine") as sim, Client(sim) as client:
        assert [sim.store.add_portal(name).token for name in "ab"] == ["a7prt-mine", "a7prt-mine-2"]
        assert client.dashboard("GET", "/api/portals", token="a7ee-mine").json()["total"] == 2
        assert client.backend("GET", "/api/developers", token="a7prt-mine-2").status_code == 200


def test_the_demo_seed() -> None:
    with Api7Simulator(seed="demo") as sim:
        (portal,) = sim.store.portals()
        people = sim.store.developers(portal.id)
        assert [developer.state for developer in people].count("Pending") == 4
        assert {developer.provider for developer in people} == {"builtin", "sso"}
        assert [developer.email for developer in people].count(None) == 1
        assert {subscription.status for subscription in sim.store.subscriptions(portal.id)} == {
            "wait_for_approval",
            "subscribed",
        }
        assert len(sim.store.credentials(portal.id)) == 1
        assert {approval.event for approval in sim.store.approvals(portal.id)} == {
            "developer_registration",
            "api_product_subscription",
        }


def test_a_seed_from_a_mapping_or_a_file(tmp_path: Path) -> None:
    seed = {
        "portals": [
            {
                "id": PORTAL,
                "name": "Partners",
                "auto_approve": True,
                "token": "a7prt-seed",
                "products": [{"name": "Orders"}],
                "developers": [
                    {
                        "email": "a@b.c",
                        "created_at": "2026-01-02T03:04:05Z",
                        "applications": [
                            {"name": "app", "subscriptions": [{"product": "Orders", "status": "subscribed"}]}
                        ],
                    }
                ],
            }
        ]
    }
    file = tmp_path / "seed.json"
    file.write_text(json.dumps(seed), encoding="utf-8")
    for given in (seed, file):
        with Api7Simulator(seed=given) as sim, Client(sim) as client:
            (person,) = client.people()
            assert (person["state"], person["created_at"]) == ("Active", "2026-01-02T03:04:05Z")
            assert [subscription.status for subscription in sim.store.subscriptions(PORTAL)] == ["subscribed"]
            assert client.backend("GET", "/api/developers", token="a7prt-seed").status_code == 200


def portal(**parts: Any) -> dict[str, Any]:
    return {"portals": [{"name": "mine", **parts}]}


@pytest.mark.wide(2)
@pytest.mark.parametrize(
    ("seed", "message"),
    [
        ({"portals": [{}]}, "`name` is missing in `portals`"),
        (portal(teams=[]), "portal mine: unknown key `teams` in `portals`"),
        (portal(developers=[{"state": "pending"}]), "state 'pending' in `developers` is not one of Pending, Active"),
        (portal(developers=[{"provider": "ldap"}]), "provider 'ldap' in `developers` is not one of builtin, sso"),
        (portal(developers=[{"created_at": "today"}]), "'today' is not an RFC 3339 time"),
        (portal(developers=[{"created_at": "2026-01-01"}]), "'2026-01-01' has no time zone"),
        (portal(developers=[{"verified": "yes"}]), "`verified` in `developers` has the wrong type"),
        (portal(developers=[{"id": "a"}, {"id": "a"}]), "an id is given twice (a)"),
        (
            portal(developers=[{"applications": [{"name": "x", "subscriptions": [{"product": "Y"}]}]}]),
            "application x: no product is called 'Y'",
        ),
        ("/nowhere/seed.json", "cannot read seed /nowhere/seed.json"),
    ],
)
def test_bad_seeds_say_where(seed: dict[str, Any] | str, message: str) -> None:
    with pytest.raises(SeedError, match=re.escape(message)):
        Api7Simulator(seed=seed)
