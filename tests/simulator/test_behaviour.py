"""Each switch, both ways: the default is what the other tests of this room see."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from typing import Any

import pytest

from portalctl.simulator.behaviour import parse_behaviour
from portalctl.simulator.server import Behaviour, Simulator
from tests.simulator.client import BASE, BUKAYO, ERLING, GUNNERS, JAMES, NOBODY, PETER, PORTAL, Client, invalid

pytestmark = pytest.mark.slow

TEAMS, MEMBERS = f"{BASE}/teams", f"{BASE}/teams/{GUNNERS}/developers"


@contextmanager
def behaving(**switches: Any) -> Iterator[Client]:
    with Simulator(seed="demo", behaviour=Behaviour(**switches)) as simulator, Client(simulator) as client:
        yield client


@pytest.mark.parametrize(("reading", "shown"), [("null", None), ("empty", ""), ("absent", "missing")])
def test_a_description_left_out(reading: str, shown: str | None) -> None:
    with behaving(description_unset=reading) as client:
        created = client.post(TEAMS, {"name": "city"}).json()
        listed = client.get(f"{TEAMS}?filter[name]=city").json()["data"][0]
        assert created.get("description", "missing") == listed.get("description", "missing") == shown
        assert client.get(f"{TEAMS}/{GUNNERS}").json()["description"] == "Arsenal"


@pytest.mark.parametrize(("reading", "status"), [("allow", 201), ("409", 409), ("400", 400)])
def test_a_team_name_that_is_taken(reading: str, status: int) -> None:
    with behaving(duplicate_team=reading) as client:
        assert client.post(TEAMS, {"name": "gunners"}).status_code == status
        other = client.post(TEAMS, {"name": "other"}).json()["id"]
        renamed = client.patch(f"{TEAMS}/{other}", {"name": "gunners"}).status_code
        assert renamed == (200 if reading == "allow" else status)
        assert client.patch(f"{TEAMS}/{GUNNERS}", {"name": "gunners"}).status_code == 200
        names = [team["name"] for team in client.simulator.store.teams(PORTAL)]
        assert names.count("gunners") == (3 if reading == "allow" else 1)


@pytest.mark.parametrize(("trim", "name"), [(False, " city "), (True, "city")])
def test_blanks_around_names(trim: bool, name: str) -> None:
    with behaving(trim_names=trim) as client:
        assert client.post(TEAMS, {"name": " city "}).json()["name"] == name


@pytest.mark.parametrize(
    ("switches", "call", "status"),
    [
        ({"duplicate_member": "201"}, lambda client: client.post(MEMBERS, {"id": PETER}), 201),
        ({"unknown_member": "400"}, lambda client: client.post(MEMBERS, {"id": NOBODY}), 400),
        ({"remove_non_member": "204"}, lambda client: client.delete(f"{MEMBERS}/{JAMES}"), 204),
        ({"remove_non_member": "204"}, lambda client: client.delete(f"{MEMBERS}/{NOBODY}"), 404),
        ({"remove_non_member": "404"}, lambda client: client.delete(f"{MEMBERS}/{JAMES}"), 404),
        (
            {"create_developer": False},
            lambda client: client.post(f"{BASE}/developers", {"email": "a@b.c", "full_name": "a"}),
            405,
        ),
    ],
)
def test_answers_that_the_documents_leave_open(
    switches: dict[str, Any], call: Callable[[Client], Any], status: int
) -> None:
    with behaving(**switches) as client:
        assert call(client).status_code == status
        assert [member["id"] for member in client.simulator.store.members(GUNNERS)] == [PETER]


def test_who_is_in_member_lists() -> None:
    for listed, expected in (("all", [PETER, BUKAYO]), ("approved", [PETER])):
        with behaving(members_listed=listed) as client:
            client.simulator.store.add_member(GUNNERS, BUKAYO)
            page = client.get(MEMBERS).json()
            assert [member["id"] for member in page["data"]] == expected
            assert page["meta"]["page"]["total"] == len(expected)


@pytest.mark.parametrize(("reading", "shown"), [("approved", False), ("always", True), ("absent", None)])
def test_active_of_a_pending_member(reading: str, shown: bool | None) -> None:
    with behaving(member_active=reading) as client:
        client.simulator.store.add_member(GUNNERS, BUKAYO)
        assert client.get(MEMBERS).json()["data"][1].get("active") is shown


def test_addresses_kept_or_folded() -> None:
    new = {"email": "Mixed@Example.com", "full_name": "Mixed"}
    with behaving() as client:
        assert client.post(f"{BASE}/developers", new).json()["email"] == "Mixed@Example.com"
        assert client.post(f"{BASE}/developers", new | {"email": "mixed@example.com"}).status_code == 201
        assert client.emails("?filter[email]=mixed@example.com") == ["mixed@example.com"]
    with behaving(emails="folded") as client:
        assert client.post(f"{BASE}/developers", new).json()["email"] == "mixed@example.com"
        assert client.post(f"{BASE}/developers", new | {"email": "mixed@EXAMPLE.com"}).status_code == 409
        assert client.emails("?filter[email]=MIXED@example.com") == ["mixed@example.com"]


def test_contains_can_mind_the_case() -> None:
    with behaving(contains_ignores_case=False) as client:
        assert client.emails("?filter[email][contains]=ARSENAL") == []
        assert len(client.emails("?filter[email][ocontains]=arsenal,CITY")) == 2


def test_transitions_can_be_refused() -> None:
    with behaving(refused_transitions="pending>approved,rejected>approved") as client:
        path = f"{BASE}/developers/{ERLING}"
        assert invalid(client.patch(path, {"status": "approved"})) == [("status", "invalid")]
        assert client.patch(path, {"status": "rejected"}).status_code == 200
        assert invalid(client.patch(path, {"status": "approved"})) == [("status", "invalid")]
        assert len(client.simulator.store.mails()) == 1


def test_the_flag_for_applications_can_be_missing() -> None:
    with behaving(can_own_applications=False) as client:
        assert "can_own_applications" not in client.get(f"{TEAMS}/{GUNNERS}").json()


def test_page_numbers_as_floats() -> None:
    with behaving(meta_floats=True) as client:
        assert '"number":1.0,"size":10.0,"total":8.0' in client.get(f"{BASE}/developers").text


def _pages(client: Client, size: int = 7) -> list[list[str]]:
    pages = [client.get(f"{TEAMS}?page[size]={size}&page[number]={n}").json()["data"] for n in range(1, 8)]
    return [[team["id"] for team in page] for page in pages]


def _joined(pages: list[list[str]]) -> list[str]:
    return [team for page in pages for team in page]


def test_unsorted_lists_stored_shuffled_and_restless() -> None:
    orders: dict[str, list[list[str]]] = {}
    for reading in ("stored", "shuffled", "restless"):
        with behaving(unsorted=reading) as client:
            stored = [GUNNERS] + [client.simulator.store.add_team(PORTAL, f"team {n}") for n in range(40)]
            orders[reading] = _pages(client)
            assert len(_joined(orders[reading])) == 41
            if reading != "restless":
                assert _pages(client) == orders[reading]
                assert sorted(_joined(orders[reading])) == sorted(stored)
            if reading == "shuffled":
                before = _joined(orders[reading])
                new = client.simulator.store.add_team(PORTAL, "new")
                after = _joined(_pages(client))
                assert [team for team in after if team != new] == before
            assert (orders[reading] == [stored[at : at + 7] for at in range(0, 49, 7)]) is (reading == "stored")
    assert len(set(_joined(orders["restless"]))) < 41  # a reader who trusts the count is fooled
    with behaving(unsorted="shuffled") as client:
        assert client.emails("?sort=email") == sorted(client.emails())  # lists with a sort are not touched


@pytest.mark.slow
def test_writes_are_seen_late() -> None:
    with behaving(visible_after=2.0) as client:
        started = time.monotonic()
        created = client.post(TEAMS, {"name": "late", "description": "x"}).json()
        path = f"{TEAMS}/{created['id']}"
        assert client.patch(path, {"description": "y"}).json()["description"] == "y"  # a write sees the truth
        assert client.get(path).status_code == 404
        assert client.get(TEAMS).json()["meta"]["page"]["total"] == 1
        assert len(client.simulator.store.teams(PORTAL)) == 2
        client.simulator.store.add_developer(PORTAL, "now@example.com")
        assert client.emails("?filter[email]=now@example.com") == ["now@example.com"]  # put by hand: seen at once
        assert time.monotonic() - started < 2.0
        time.sleep(2.1)
        assert client.get(path).json()["description"] == "y"
        assert client.get(TEAMS).json()["meta"]["page"]["total"] == 2


def test_a_known_address_signs_up_again() -> None:
    for reading, status in (("201", 201), ("409", 409)):
        with behaving(known_signup=reading) as client:
            again = {"email": "wayne@manchestercity.com", "full_name": "Someone else"}
            assert client.post("/api/v3/developer", again).status_code == status
            waynes = [p for p in client.simulator.store.developers(PORTAL) if p["email"] == again["email"]]
            assert [(wayne["status"], wayne["full_name"]) for wayne in waynes] == [("revoked", "Wayne Example")]


def test_switches_from_text() -> None:
    assert parse_behaviour([]) == Behaviour()
    texts = ["page_size_max=50", "meta_floats=true", "unsorted=restless", "visible_after=1.5"]
    assert parse_behaviour(texts) == Behaviour(
        page_size_max=50, meta_floats=True, unsorted="restless", visible_after=1.5
    )
    for field in fields(Behaviour):
        text = str(field.default).lower() if isinstance(field.default, bool) else field.default
        assert parse_behaviour([f"{field.name}={text}"]) == Behaviour()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("colour=red", "unknown behaviour 'colour=red'; known: page_size_default"),
        ("meta_floats", "unknown behaviour 'meta_floats'"),
        ("meta_floats=yes", "meta_floats must be one of true, false, not 'yes'"),
        ("duplicate_team=500", "duplicate_team must be one of allow, 409, 400, not '500'"),
        ("page_size_max=many", "page_size_max must be a number, not 'many'"),
        ("page_size_max=0", "page_size_max is too small: 0"),
        ("visible_after=-1", "visible_after is too small: -1"),
        ("visible_after=nan", "visible_after is too small: nan"),
    ],
)
def test_bad_switches_say_what_is_possible(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        parse_behaviour([text])
