"""Directories that never end: pages, rows, bytes, groups in groups, and numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import partial
from itertools import count

import pytest

from portalctl.directories import http, ldap, ldap_server, web
from portalctl.directories.protocol import DirectoryError
from tests.directories import ldap_stand_in
from tests.directories.ldap_stand_in import BIND
from tests.directories.stand_in import Reply, Request, serving
from tests.directories.test_vendors import Scim, addresses, fails, opened, read

ROW = {"mail": "ann@city.example"}


# --- HTTP ---


@pytest.mark.parametrize("links", ["/page/{}", "/page?n={}"])
def test_the_bytes_of_all_pages_count(links: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "MOST_LIST_BYTES", 10_000)
    pages = count(1)

    def answer(_: Request) -> Reply:
        return Reply({"rows": [{**ROW, "junk": "x" * 3_000}], "next": links.format(next(pages))})

    fails("http", answer, "people", "more than 0 MiB", options={"list": "rows", "next": "next"}, email=("mail",))
    assert next(pages) == 5


def test_the_bytes_of_one_list_do_not_count_for_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "MOST_LIST_BYTES", 5_000)

    def answer(request: Request) -> Reply:
        return Reply([{"mail": f"{request.path[1:]}@city.example", "junk": "x" * 3_000}])

    with serving(answer) as server, opened("http", server.url, email=("mail",)) as directory:
        for name in ("ann", "bob", "eve"):
            assert addresses(directory.read(name)) == [f"{name}@city.example"]


@pytest.mark.parametrize("text", [b"mail\n" + b"a@city.example\n" * 12, b"mail\n\n" + b"a@city.example\n\n" * 12])
def test_rows_of_csv_are_counted(text: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    options = {"format": "csv"}
    monkeypatch.setattr(http, "MOST_IDENTITIES", 11)
    fails("http", lambda _: Reply(text), "people", "more than 11 rows", options=options, email=("mail",))
    monkeypatch.setattr(http, "MOST_IDENTITIES", 12)
    assert len(read("http", lambda _: Reply(text), "people", options=options, email=("mail",)).identities) == 12


@pytest.mark.parametrize("number", [10**13, -1, 1.0, True, "1"])
def test_a_size_that_no_list_has_is_not_a_size(number: object) -> None:
    fails(
        "http",
        lambda _: Reply({"rows": [ROW], "n": number}),
        "people",
        "did not yield a number",
        options={"list": "rows", "total": "n"},
        email=("mail",),
    )
    fails("scim", lambda _: Reply({"totalResults": number, "Resources": []}), "partners", "no totalResults")


@pytest.mark.parametrize("seconds", [10**400, 10**18, float("1e300"), -1, 0, True, "1", None, [1]])
def test_how_long_a_token_lasts_is_a_usable_number(seconds: object) -> None:
    def answer(request: Request) -> Reply:
        if request.method == "POST":
            return Reply({"access_token": "t0ken", "expires_in": seconds})
        assert request.headers["authorization"] == "Bearer t0ken"
        return Reply([ROW])

    with (
        serving(answer) as server,
        opened("http", server.url, user="me", token_url=f"{server.url}/token", email=("mail",)) as directory,
    ):
        assert addresses(directory.read("people")) == ["ann@city.example"]


# --- groups in groups ---


def chain(length: int) -> Scim:
    """Groups of which each holds the next one and a user."""
    server = Scim(users=length, cap=1000)
    server.groups = [
        {
            "id": f"g{n}",
            "displayName": f"level {n}" if n else "partners",
            "members": [{"value": f"u{n}"}] + ([{"value": f"g{n + 1}", "type": "Group"}] if n + 1 < length else []),
        }
        for n in range(length)
    ]
    return server


def test_scim_groups_in_groups_end_somewhere() -> None:
    assert len(read("scim", chain(101), "partners", "/v2").identities) == 101
    fails("scim", chain(1_500), "partners", "'level 101' is more than 100 groups deep", path="/v2")


def test_a_person_counts_by_the_shortest_way() -> None:
    server = chain(4)
    server.groups[0]["members"].append({"value": "g2"})
    found = {one.id: one.via for one in read("scim", server, "partners", "/v2").identities}
    assert found["u2"] == ("level 2",)
    assert found["u3"] == ("level 2", "level 3")


def test_keycloak_groups_in_groups_end_somewhere() -> None:
    def answer(request: Request) -> Reply:
        parts = request.path.split("/")
        if request.method == "POST":
            return Reply({"access_token": "t0ken"})
        if parts[-1] == "groups":
            return Reply([{"id": "0", "name": "partners"}] if request.query["first"] == "0" else [])
        if parts[-1] == "members":
            return Reply([])
        if parts[-1] == "children":
            child = int(parts[-2]) + 1
            return Reply([{"id": str(child), "name": f"level {child}"}] if request.query["first"] == "0" else [])
        return Reply({"id": parts[-1], "name": "partners"})

    fails("keycloak", answer, "partners", "'level 101' is more than 100 groups deep", path="/realms/x")


# --- LDAP ---

GROUP = "cn=partners,dc=x"
ENTRY = {"objectClass": ["groupOfNames"], "cn": ["partners"], "member": ["cn=ann,dc=x"]}


def ldap_fails(answer: ldap_stand_in.Answer, text: str) -> list[ldap_stand_in.Request]:
    with ldap_stand_in.serving(answer) as server:
        made = ldap_stand_in.connection(server.url)
        with made.kind.connect(made) as directory, pytest.raises(DirectoryError, match=text) as caught:
            directory.read("partners")
    assert caught.value.advice
    return server.log


def endless(rows: int, size: int = 0) -> ldap_stand_in.Answer:
    """Pages without end, each with another cookie."""
    cookies = count(1)

    def answer(request: ldap_stand_in.Request) -> Iterable[bytes]:
        if request.kind == BIND or b"1.2.840.113556.1.4.319" not in request.raw:
            return [request.done()]
        number = next(cookies)
        entries = [request.entry(f"cn={number}-{row},dc=x", {"cn": ["x" * size]}) for row in range(rows)]
        return [*entries, request.done(cookie=b"%d" % number)]

    return answer


def test_a_cookie_may_be_the_same_for_each_page_and_a_page_may_not() -> None:
    """Samba's is: what counts is whether there is one (RFC 2696)."""
    pages = count(1)

    def answer(request: ldap_stand_in.Request, *, last: int) -> Iterable[bytes]:
        if request.kind == BIND or b"1.2.840.113556.1.4.319" not in request.raw:
            return [request.done()]
        number = min(next(pages), last)
        return [request.entry(f"cn={number},dc=x", {"cn": ["x"]}), request.done(cookie=b"one" if number < 9 else b"")]

    ldap_fails(partial(answer, last=9), "9 groups have the name")
    pages = count(1)
    assert len(ldap_fails(partial(answer, last=5), "the server returned the same page twice")) == 1 + 6


def test_pages_of_ldap_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ldap_server, "MOST_PAGES", 20)
    assert len(ldap_fails(endless(0), "does not end after 0 entries")) == 1 + 21


def test_rows_of_ldap_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ldap_server, "MOST_IDENTITIES", 20)
    ldap_fails(endless(3), "does not end after 21 entries")


def test_the_bytes_of_all_pages_of_ldap_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ldap_server, "MOST_LIST_BYTES", 10_000)
    ldap_fails(endless(1, 3_000), "does not end after 4 entries, 0 MiB")
    monkeypatch.setattr(ldap_server, "MOST_BYTES", 10_000)
    ldap_fails(endless(1, 30_000), "the answer has more than 0 MiB")


def test_ranges_of_members_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ldap, "MOST_PAGES", 10)
    numbers = count(1)

    def answer(request: ldap_stand_in.Request) -> Iterable[bytes]:
        if request.kind == BIND or b"supportedCapabilities" in request.raw:
            return [request.done()]
        if b"uniqueMember" in request.raw:
            return [request.entry(GROUP, {"member;range=0-0": ["cn=0,dc=x"]}), request.done()]
        if b";range=" in request.raw:
            number = next(numbers)
            return [request.entry(GROUP, {f"member;range={number}-{number}": [f"cn={number},dc=x"]}), request.done()]
        return [request.entry(GROUP, ENTRY), request.done()]

    ldap_fails(answer, "too many ranges")
    assert next(numbers) == 10


def test_ldap_groups_in_groups_end_somewhere() -> None:
    def answer(request: ldap_stand_in.Request) -> Iterable[bytes]:
        if request.kind == BIND or b"supportedCapabilities" in request.raw:
            return [request.done()]
        found = re.search(rb"g([0-9]+)", request.raw)
        number = int(found[1]) if found else 0
        entry = {**ENTRY, "cn": [f"level {number}"], "member": [f"cn=g{number + 1},dc=x"]}
        return [request.entry(f"cn=g{number},dc=x", entry), request.done()]

    ldap_fails(answer, "'level 101' is more than 100 groups deep")
