from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portalctl.simulator.server import Behaviour, Simulator
from tests.simulator.client import BASE, DEMO_ADDRESSES, PETER, PORTAL, Client, invalid

pytestmark = pytest.mark.slow

DEVELOPERS = f"{BASE}/developers"
PEOPLE = 137


@pytest.fixture(scope="module")
def crowd() -> Iterator[Client]:
    with Simulator() as simulator, Client(simulator) as client:
        simulator.store.add_portal(id=PORTAL)
        simulator.store.add_developers(
            PORTAL,
            (
                {
                    "email": f"p{number * 7919 % PEOPLE}@example.com",
                    "full_name": "Twin" if number % 2 else "Other",
                    "status": "approved" if number % 3 else "pending",
                }
                for number in range(PEOPLE)
            ),
        )
        yield client


@given(size=st.integers(1, 100), sort=st.sampled_from(["", "&sort=email", "&sort=name desc,email", "&sort=status"]))
def test_pages_join_to_the_whole_list(crowd: Client, size: int, sort: str) -> None:
    people: list[dict[str, Any]] = []
    for number in range(1, PEOPLE // size + 2):
        answer = crowd.get(f"{DEVELOPERS}?page[size]={size}&page[number]={number}{sort}").json()
        assert answer["meta"]["page"] == {"number": number, "size": size, "total": PEOPLE}
        people += answer["data"]
    emails = [person["email"] for person in people]
    assert sorted(emails) == sorted(f"p{number}@example.com" for number in range(PEOPLE))
    if sort == "&sort=email":
        assert emails == sorted(emails)
    if sort == "&sort=name desc,email":
        assert people == sorted(people, key=lambda person: (person["full_name"] != "Twin", person["email"]))
    if sort == "&sort=status":
        assert [person["status"] for person in people] == sorted(person["status"] for person in people)


def test_a_page_past_the_end_is_empty_and_knows_the_total(crowd: Client) -> None:
    answer = crowd.get(f"{DEVELOPERS}?page[number]=99&page[size]=50").json()
    assert answer == {"data": [], "meta": {"page": {"number": 99, "size": 50, "total": PEOPLE}}}


@pytest.mark.parametrize(
    ("query", "number", "size"),
    [("", 1, 10), ("?page[size]=&page[number]=", 1, 10), ("?page%5Bsize%5D=3", 1, 3), ("?page[size]=101", 1, 100)],
)
def test_page_defaults_and_clamp(crowd: Client, query: str, number: int, size: int) -> None:
    page = crowd.get(DEVELOPERS + query).json()
    assert page["meta"]["page"] == {"number": number, "size": size, "total": PEOPLE}
    assert len(page["data"]) == size


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("filter[email]=peter@arsenal.com", ["peter@arsenal.com"]),
        ("filter[email][eq]=peter@arsenal.com", ["peter@arsenal.com"]),
        ("filter%5Bemail%5D%5Beq%5D=peter%40arsenal.com", ["peter@arsenal.com"]),
        ("filter[email]=PETER@arsenal.com", []),
        ("filter[email]=", []),
        (
            "filter[email][oeq]=peter@arsenal.com,mo@liverpoolfc.com,x@y.z",
            ["mo@liverpoolfc.com", "peter@arsenal.com"],
        ),
        ("filter[email][contains]=ARSENAL", ["bukayo@arsenal.com", "peter@arsenal.com"]),
        ("filter[email][ocontains]=bukayo,nowhere", ["bukayo@arsenal.com", "stranger@nowhere.org"]),
        ("filter[status]=revoked", ["wayne@manchestercity.com"]),
        ("filter[status]=happy", []),
        ("filter[name]=James Example", ["james@manchestercity.com"]),
        ("filter[status][neq]=pending&filter[email][contains]=city", [DEMO_ADDRESSES[0], DEMO_ADDRESSES[2]]),
    ],
)
def test_filters(demo: Client, query: str, expected: list[str]) -> None:
    assert demo.emails(f"?{query}") == expected


def test_a_filter_narrows_the_total(demo: Client) -> None:
    page = demo.get(f"{DEVELOPERS}?filter[status]=pending&page[size]=2").json()["meta"]["page"]
    assert page == {"number": 1, "size": 2, "total": 5}


def test_a_plus_must_be_encoded(demo: Client) -> None:
    demo.simulator.store.add_developer(PORTAL, "a+b@c.org")
    assert demo.emails("?filter[email]=a%2Bb@c.org") == ["a+b@c.org"]
    assert demo.emails("?filter[email]=a+b@c.org") == []


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("page[size]=x", ("page[size]", "is_number")),
        ("page[size]=1.5", ("page[size]", "is_number")),
        ("page[size]=٣", ("page[size]", "is_number")),
        ("page[number]=0", ("page[number]", "min")),
        ("page[size]=-1", ("page[size]", "min")),
        ("page[offset]=1", ("page[offset]", "unknown_property")),
        ("sort=size", ("sort", "enum")),
        ("sort=email,", ("sort", "enum")),
        ("sort=email down", ("sort", "enum")),
        ("limit=1", ("limit", "unknown_property")),
        ("filter=x", ("filter", "unknown_property")),
        ("filter[full_name]=x", ("filter[full_name]", "unknown_property")),
        ("filter[email][like]=x", ("filter[email][like]", "unknown_property")),
        ("filter[email]=a&filter[email]=b", ("filter[email]", "invalid")),
        ("filter[email][eq]=a&filter[email][neq]=b", ("filter[email][neq]", "invalid")),
        ("page[size]=1&page[size]=2", ("page[size]", "invalid")),
    ],
)
def test_bad_queries_are_named(demo: Client, query: str, problem: tuple[str, str]) -> None:
    assert invalid(demo.get(f"{DEVELOPERS}?{query}")) == [problem]


def test_every_bad_parameter_is_named_at_once(demo: Client) -> None:
    answer = demo.get(f"{DEVELOPERS}?page[size]=x&sort=y&z=1")
    assert invalid(answer) == [("page[size]", "is_number"), ("sort", "enum"), ("z", "unknown_property")]
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert answer.json()["invalid_parameters"][1] == {
        "field": "sort",
        "rule": "enum",
        "choices": ["created_at", "updated_at", "email", "name", "status"],
        "reason": "must be one of [created_at, updated_at, email, name, status]",
        "source": "query",
    }


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        (f"{BASE}/teams?sort=name", ("sort", "unknown_property")),
        (f"{BASE}/applications?filter[developer_id]={PETER}", ("filter[developer_id]", "is_object")),
        (f"{BASE}/applications?filter[developer_id][eq]=peter", ("filter[developer_id][eq]", "is_uuid")),
        (
            f"{BASE}/applications?filter[developer_id][contains]=a",
            ("filter[developer_id][contains]", "unknown_property"),
        ),
        (f"{BASE}/teams?filter[can_own_applications]=yes", ("filter[can_own_applications]", "is_boolean")),
        (f"{BASE}?page[size]=1", ("page[size]", "unknown_property")),
        (f"{BASE}/identity-providers?page[size]=1", ("page[size]", "unknown_property")),
    ],
)
def test_each_list_knows_its_own_parameters(demo: Client, path: str, problem: tuple[str, str]) -> None:
    assert invalid(demo.get(path)) == [problem]


def test_the_total_follows_each_write(demo: Client) -> None:
    def total() -> int:
        count: int = demo.get(DEVELOPERS).json()["meta"]["page"]["total"]
        return count

    before = total()
    demo.simulator.store.add_developer(PORTAL, "x@y.z")
    assert total() == before + 1
    demo.delete(f"{DEVELOPERS}/{PETER}")
    assert total() == before


def test_page_size_can_be_refused_and_limited() -> None:
    behaviour = Behaviour(page_size_max=5, page_size_over="refuse", page_size_default=3)
    with Simulator(seed="demo", behaviour=behaviour) as simulator, Client(simulator) as client:
        answer = client.get(f"{DEVELOPERS}?page[size]=6")
        assert invalid(answer) == [("page[size]", "max")]
        assert answer.json()["invalid_parameters"][0]["maximum"] == 5
        assert len(client.emails()) == 3
        assert len(client.emails("?page[size]=5")) == 5
