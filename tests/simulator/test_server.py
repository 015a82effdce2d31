from __future__ import annotations

import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from portalctl.simulator.konnect.seed import SeedError
from portalctl.simulator.server import Request, Simulator
from tests.simulator.client import BASE, DEMO_ADDRESSES, GUNNERS, JAMES, NOBODY, PORTAL, Client

pytestmark = pytest.mark.slow

SEED = {
    "portals": [
        {
            "id": PORTAL,
            "name": "mine",
            "developers": [{"email": "a@b.c", "status": "approved"}],
            "teams": [{"name": "t", "members": ["a@b.c"], "groups": ["g"], "roles": [{"role_name": "API Viewer"}]}],
            "applications": [{"name": "app", "team": "t", "registrations": [{"api": "Orders"}]}],
            "identity_providers": [{"type": "oidc", "id": NOBODY, "mappings": [{"team": "t", "group": "h"}]}],
            "settings": {"idp_mapping_enabled": True},
        }
    ]
}


@contextmanager
def raw_connection(simulator: Simulator) -> Iterator[socket.socket]:
    host, port = simulator.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        yield connection


def test_the_log_tells_what_came_and_what_went(demo: Client) -> None:
    demo.patch(f"{BASE}/developers/{JAMES}", {"status": "revoked"})
    demo.get(f"{BASE}/developers?filter[email]=a%2Bb@c.d")
    demo.http.get("/v3/portals", headers={"Authorization": ""})
    patch, listing, refused = demo.simulator.log
    assert (patch.method, patch.path, patch.body, patch.status) == (
        "PATCH",
        f"{BASE}/developers/{JAMES}",
        {"status": "revoked"},
        200,
    )
    assert patch.answer["status"] == "revoked"
    assert patch.started <= patch.ended <= listing.started
    assert (listing.params, listing.body) == ((("filter[email]", "a+b@c.d"),), None)
    assert refused.status == 401
    assert "authorization" not in patch.headers
    assert "kpat_sim" not in repr(demo.simulator.log)
    demo.simulator.clear_log()
    assert demo.simulator.log == ()


def test_every_answer_has_a_trace_and_problems_show_it(demo: Client) -> None:
    good, bad = demo.get("/v3/portals"), demo.get("/v3/nothing")
    assert good.headers["x-kong-trace-id"].isdecimal()
    assert bad.json()["instance"] == f"kong:trace:{bad.headers['x-kong-trace-id']}"
    assert good.headers["x-kong-trace-id"] != bad.headers["x-kong-trace-id"]


def test_a_hook_can_sign_people_up_between_pages(demo: Client) -> None:
    def sign_up(request: Request) -> None:
        if ("page[number]", "2") in request.query:
            demo.simulator.store.add_developer(PORTAL, "late@example.com")

    demo.simulator.on_request(sign_up)
    totals = [
        demo.get(f"{BASE}/developers?page[size]=5&page[number]={number}").json()["meta"]["page"]["total"]
        for number in (1, 2)
    ]
    assert totals == [8, 9]


def test_what_happens_once_has_happened_for_all_requests_that_fit(demo: Client) -> None:
    """The first is held up by it, and so are those that come meanwhile."""

    def sign_up() -> None:
        time.sleep(0.05)
        demo.simulator.store.add_developer(PORTAL, "late@example.com")

    demo.simulator.once(lambda request: request.path.endswith("/developers"), sign_up)
    with ThreadPoolExecutor(4) as pool:
        answers = pool.map(lambda _: demo.get(f"{BASE}/developers").json(), range(4))
    assert [answer["meta"]["page"]["total"] for answer in answers] == [9] * 4


def test_many_threads_are_served_at_once_and_counted_right() -> None:
    with Simulator(seed="demo", latency=0.25) as simulator:

        def add(number: int) -> None:
            with Client(simulator) as client:
                body = {"email": f"p{number}@example.com", "full_name": "P"}
                assert client.post(f"{BASE}/developers", body).status_code == 201

        started = time.monotonic()
        threads = [threading.Thread(target=add, args=(number,)) for number in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert 0.25 <= time.monotonic() - started < 3.5  # one after the other would take 4 s
        assert len(simulator.store.developers(PORTAL)) == 24
        assert [exchange.number for exchange in simulator.log] == list(range(1, 17))


def test_one_connection_carries_many_requests(demo: Client) -> None:
    with raw_connection(demo.simulator) as connection, connection.makefile("rb") as stream:
        for _ in range(3):
            connection.sendall(b"GET /v3/portal-roles HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer kpat_sim\r\n\r\n")
            assert stream.readline() == b"HTTP/1.1 200 OK\r\n"
            length = 0
            while (line := stream.readline()) != b"\r\n":
                if line.startswith(b"Content-Length:"):
                    length = int(line.split(b":")[1])
            assert "services" in json.loads(stream.read(length))


@pytest.mark.wide(2)
@pytest.mark.parametrize(
    "junk",
    [
        b"hello\r\n\r\n",
        b"GET / HTTP/2\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 200 + b"\r\n",
    ],
)
def test_what_is_not_http_gets_400_and_the_door(demo: Client, junk: bytes) -> None:
    with raw_connection(demo.simulator) as connection, connection.makefile("rb") as stream:
        connection.sendall(junk)
        assert stream.readline() == b"HTTP/1.1 400 Bad Request\r\n"
    assert demo.get("/v3/portals").status_code == 200


def test_it_can_be_waited_for_until_all_that_was_sent_has_taken_effect() -> None:
    with Simulator(latency=0.2) as simulator:
        address = ("127.0.0.1", int(simulator.url.rpartition(":")[2]))
        with socket.create_connection(address) as gone:
            gone.sendall(b"GET /v3/portals HTTP/1.1\r\nHost: x\r\n\r\n")
        assert simulator.wait_until_idle()
        assert [exchange.path for exchange in simulator.log] == ["/v3/portals"]
        with socket.create_connection(address):
            assert not simulator.wait_until_idle(0.1)


def test_closing_cuts_connections_and_frees_the_port() -> None:
    with Simulator(seed="demo") as simulator, Client(simulator) as client:
        client.get("/v3/portals")
        port = int(simulator.url.rpartition(":")[2])
        simulator.close()
        simulator.close()
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.1", port), timeout=5)
    with Simulator(port=port) as again:
        assert again.url.endswith(f":{port}")


def test_ids_repeat_from_run_to_run() -> None:
    made = []
    for _ in range(2):
        with Simulator(seed="demo") as simulator:
            made.append(simulator.store.add_developer(PORTAL, "a@b.c"))
    assert made[0] == made[1]


def test_a_database_file_outlives_the_simulator(tmp_path: Path) -> None:
    for count in (2, 3):
        with Simulator(seed="demo", db=tmp_path / "sim.db") as simulator, Client(simulator) as client:
            client.post(f"{BASE}/teams", {"name": f"team {count}"})
            assert len(simulator.store.teams(PORTAL)) == count


@pytest.mark.slow
def test_a_crowd_is_seeded_quickly() -> None:
    with Simulator() as simulator, Client(simulator) as client:
        simulator.store.add_portal(id=PORTAL)
        started = time.monotonic()
        simulator.store.add_developers(PORTAL, ({"email": f"p{number}@example.com"} for number in range(20_000)))
        assert time.monotonic() - started < 20  # a transaction for each would take longer
        assert client.get(f"{BASE}/developers").json()["meta"]["page"]["total"] == 20_000


def test_sign_up_on_the_portals_own_side(demo: Client) -> None:
    demo.http.headers.pop("authorization")
    answer = demo.post("/api/v3/developer", {"email": "new@arsenal.com", "full_name": "New"})
    assert (answer.status_code, answer.content) == (201, b"")
    demo.simulator.store.set_portal(PORTAL, auto_approve_developers=True)
    demo.post("/api/v3/developer", {"email": "auto@arsenal.com", "full_name": "Auto"})
    people = demo.simulator.store.developers(PORTAL)[-2:]
    assert [(person["email"], person["status"]) for person in people] == [
        ("new@arsenal.com", "pending"),
        ("auto@arsenal.com", "approved"),
    ]
    assert (
        demo.post("/api/v3/developer", {"email": "x@y.z", "full_name": "x", "status": "approved"}).status_code == 400
    )
    demo.simulator.store.set_settings(PORTAL, basic_auth_enabled=False)
    assert demo.post("/api/v3/developer", {"email": "x@y.z", "full_name": "x"}).status_code == 400
    assert demo.get("/api/v3/portal").json()["name"] == "Soccer Partners"


def test_host_or_query_choose_among_portals(demo: Client) -> None:
    demo.simulator.store.add_portal("other", display_name="Other")
    assert demo.get("/api/v3/portal").status_code == 404
    assert demo.get("/api/v3/portal?portal=other").json()["name"] == "Other"
    named = demo.http.get("/api/v3/portal", headers={"Host": "other.localhost:1234"})
    assert named.json()["name"] == "Other"
    by_id = demo.http.get("/api/v3/portal", headers={"Host": f"{PORTAL}.eu.kongportals.com"})
    assert by_id.json()["name"] == "Soccer Partners"


def test_a_seed_from_a_mapping_or_a_file(tmp_path: Path) -> None:
    file = tmp_path / "seed.json"
    file.write_text(json.dumps(SEED), encoding="utf-8")
    for seed in (SEED, file, str(file)):
        with Simulator(seed=seed) as simulator:
            store = simulator.store
            (team,) = store.teams(PORTAL)
            assert [person["email"] for person in store.members(team["id"])] == ["a@b.c"]
            assert [role["role_name"] for role in store.roles(team["id"])] == ["API Viewer"]
            assert store.applications(PORTAL)[0]["owner"] == {"type": "team", "id": team["id"]}
            assert store.registrations(PORTAL)[0]["api"]["name"] == "Orders"
            assert store.settings(PORTAL)["idp_mapping_enabled"] is True
            with Client(simulator) as client:
                mappings = client.get(f"{BASE}/identity-providers/{NOBODY}/team-group-mappings").json()["data"]
            assert [(mapping["team_id"], mapping["group"]) for mapping in mappings] == [(team["id"], "h")]


def _seed_with(**portal: object) -> dict[str, object]:
    return {"portals": [{"name": "mine", **portal}]}


@pytest.mark.wide(2)
@pytest.mark.parametrize(
    ("seed", "message"),
    [
        ({}, "one key `portals`"),
        ({"portals": {}}, "`portals` must be a list of objects"),
        ({"portals": [{}]}, "`name` is missing"),
        (_seed_with(colour="red"), "unknown key `colour`"),
        (_seed_with(developers=[{"full_name": "x"}]), "`email` is missing in `developers`"),
        (_seed_with(developers=[{"email": "a@b.c", "age": 3}]), "unknown key `age` in `developers`"),
        (_seed_with(developers=[{"email": "a@b.c", "status": "gone"}]), "status 'gone'"),
        (_seed_with(teams=[{"name": "t", "members": ["x@y.z"]}]), "there is no developer 'x@y.z'"),
        (_seed_with(rbac_enabled="yes"), 'value of "rbac_enabled" must be true or false'),
        (_seed_with(teams=[{"name": "t", "members": 5}]), "`members` in `teams` has the wrong type"),
        (_seed_with(teams=[{"name": "t", "id": "x"}, {"name": "u", "id": "x"}]), "an id is given twice"),
        (_seed_with(applications=[{"name": "a"}]), "either `developer` or `team`"),
        ("/nowhere/seed.json", "cannot read seed /nowhere/seed.json"),
    ],
)
def test_bad_seeds_say_where(seed: dict[str, object] | str, message: str) -> None:
    with pytest.raises(SeedError, match=re.escape(message)):
        Simulator(seed=seed)


def test_helpers_of_the_store(demo: Client) -> None:
    store = demo.simulator.store
    assert [person["email"] for person in store.developers(PORTAL)] == DEMO_ADDRESSES
    store.set_status(JAMES, "rejected")
    store.set_developer(JAMES, email="jim@manchestercity.com")
    james = store.developers(PORTAL)[0]
    assert (james["status"], james["email"]) == ("rejected", "jim@manchestercity.com")
    store.add_member(GUNNERS, JAMES)
    store.set_team(GUNNERS, name="arsenal", description=None)
    assert [team["name"] for team in store.teams(PORTAL)] == ["arsenal"]
    store.remove_member(GUNNERS, JAMES)
    assert len(store.members(GUNNERS)) == 1
    registration = store.registrations(PORTAL)[0]["id"]
    store.set_registration_status(registration, "revoked")
    assert store.registrations(PORTAL)[0]["status"] == "revoked"
    store.delete_team(GUNNERS)
    store.delete_developer(JAMES)
    assert (len(store.teams(PORTAL)), len(store.developers(PORTAL)), store.mails()) == (0, 7, [])
