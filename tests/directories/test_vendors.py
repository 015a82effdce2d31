"""Each kind of directory with an HTTP API, against a server that answers as the vendor's documents say."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from portalctl.directories.access import Access
from portalctl.directories.connection import Connection
from portalctl.directories.kinds import KINDS
from portalctl.directories.protocol import Directory, DirectoryError, Group
from portalctl.errors import BadUsageError
from portalctl.http.retry import RetryPolicy
from tests.directories.stand_in import Answer, Reply, Request, StandIn, serving

SECRET = "s3cret-of-the-directory"
PREFIX = "PORTALCTL_DIRECTORY_CORP"
UUID = "b1a7c1d0-0000-4000-8000-000000000001"


def connection(kind: str, url: str, **more: Any) -> Connection:
    found = KINDS[kind]
    options = more.pop("options", {})
    email = more.pop("email", found.email)
    access = Access(
        url,
        SECRET,
        PREFIX,
        user=more.pop("user", "portalctl" if found.user else None),
        tenant=more.pop("tenant", "contoso" if found.tenant else None),
        token_url=more.pop("token_url", None),
        url_source=f"{PREFIX}_URL",
        secret_source=f"{PREFIX}_SECRET",
    )
    access = replace(access, **{key: more.pop(key) for key in ("secret",) if key in more})
    return Connection(found, "corp", access, email, options, lambda: "2026-06-15T08:00:00Z", **more)


@contextmanager
def opened(kind: str, url: str, **more: Any) -> Iterator[Directory]:
    made = connection(kind, url, **more)
    with made.kind.connect(made) as directory:
        yield directory


def read(kind: str, answer: Answer, group: str, path: str = "", **more: Any) -> Group:
    with serving(answer) as server, opened(kind, server.url + path, **more) as directory:
        return directory.read(group)


def fails(kind: str, answer: Answer, group: str, *texts: str, path: str = "", **more: Any) -> None:
    with pytest.raises(DirectoryError) as caught:
        read(kind, answer, group, path, **more)
    told = "\n".join([caught.value.message, *caught.value.advice])
    assert caught.value.message.startswith(("directory corp", "the token endpoint of directory corp"))
    assert caught.value.advice, "no remedy"
    assert SECRET not in told
    for text in texts:
        assert text in told


def addresses(group: Group) -> list[str]:
    return sorted(address for one in group.identities if one.active for address in one.addresses)


def after(refusal: Reply, answer: Answer, times: int = 1) -> Answer:
    """Answers with a refusal first."""
    left = [times]

    def reply(request: Request) -> Reply:
        if left[0] and request.method == "GET":
            left[0] -= 1
            return refusal
        return answer(request)

    return reply


def with_token(path: str, answer: Answer, seconds: int = 3600) -> Answer:
    """A token endpoint at `path`, and an API that takes its tokens."""
    given = list[str]()

    def reply(request: Request) -> Reply:
        if request.method == "POST":
            assert request.path == path
            if SECRET not in request.form.values() and "assertion" not in request.form:
                return Reply({"error": "invalid_client", "error_description": f"{SECRET} is wrong"}, 401)
            given.append(f"token-{len(given)}")
            return Reply({"access_token": given[-1], "expires_in": seconds, "token_type": "Bearer"})
        assert request.headers["authorization"] == f"Bearer {given[-1]}"
        return answer(request)

    return reply


THROTTLED = Reply({"error": "slow down"}, 429, {"retry-after-ms": "1"})


# --- SCIM ---


class Scim:
    """Groups and users as a SCIM server has them. `cap`: the most of one page."""

    def __init__(self, users: int = 7, cap: int = 3) -> None:
        self.users = [
            {"id": f"u{n}", "active": n != 2, "emails": [{"value": f"u{n}@city.example", "primary": True}]}
            for n in range(users)
        ]
        self.groups: list[dict[str, Any]] = [
            {
                "id": "g1",
                "displayName": "partners",
                "members": [{"value": f"u{n}"} for n in range(4)] + [{"value": "g2"}],
            },
            {
                "id": "g2",
                "displayName": "inner",
                "members": [{"value": "u5", "type": "User"}, {"value": "g1", "type": "Group"}],
            },
            {"id": "g3", "displayName": "Partners", "members": []},
        ]
        self.cap = cap
        self.change: Callable[[dict[str, Any]], dict[str, Any]] = lambda page: page

    def __call__(self, request: Request) -> Reply:
        assert request.headers["authorization"] == f"Bearer {SECRET}"
        kind, _, id_ = request.path.removeprefix("/v2/").partition("/")
        rows: list[dict[str, Any]] = self.users if kind == "Users" else self.groups
        if id_:
            found = next((row for row in rows if row["id"] == id_), None)
            return Reply(found) if found else Reply({"detail": "not found"}, 404)
        if "filter" in request.query:
            wanted = request.query["filter"].removeprefix('displayName eq "').removesuffix('"').lower()
            rows = [row for row in rows if row["displayName"].lower() == wanted]  # as caseExact false has it
        start, count = int(request.query["startIndex"]), min(int(request.query["count"]), self.cap)
        page = rows[start - 1 : start - 1 + count]
        kept = [{key: value for key, value in row.items() if kind == "Users" or key != "members"} for row in page]
        answer = {"totalResults": len(rows), "itemsPerPage": len(page), "Resources": kept}
        return Reply(self.change(answer) if kind == "Users" else answer)


def test_scim_joins_members_of_groups_in_groups_and_pages_by_what_comes() -> None:
    found = read("scim", Scim(), "partners", "/v2")
    assert (found.id, found.name) == ("g1", "partners")
    assert addresses(found) == [f"u{n}@city.example" for n in (0, 1, 3, 5)]
    assert [(one.id, one.via) for one in found.identities if one.via] == [("u5", ("inner",))]
    assert [one.id for one in found.identities if not one.active] == ["u2"]
    assert addresses(read("scim", Scim(), "partners", "/v2", options={"nested": False})) == addresses(found)[:3]
    assert read("scim", Scim(), "id:g2", "/v2").name == read("scim", Scim(), "g2", "/v2").name == "inner"


def test_scim_reads_users_once_for_all_groups() -> None:
    with serving(Scim(7, 100)) as server, opened("scim", f"{server.url}/v2") as directory:
        directory.read("partners")
        directory.read("inner")
    assert server.calls.count("GET /v2/Users") == 1


def test_scim_shares_no_address_with_another_user() -> None:
    scim = Scim()
    scim.groups.append({"id": "g4", "displayName": "partners", "members": []})
    fails("scim", scim, "partners", "2 groups have the name 'partners': g1, g4", "id:g1", path="/v2")


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda page: {**page, "totalResults": 40}, "totalResults"),
        (lambda page: {**page, "totalResults": 2}, "totalResults"),
        (lambda page: {**page, "totalResults": None}, "no totalResults"),
        (lambda page: {**page, "Resources": {}}, "not a list"),
        (lambda page: {**page, "Resources": [{"displayName": "x"}]}, "has no `id`"),
    ],
)
def test_scim_believes_no_list_that_does_not_add_up(change: Any, text: str) -> None:
    scim = Scim()
    scim.change = change
    fails("scim", scim, "partners", text, path="/v2")


def test_scim_notices_a_page_that_repeats() -> None:
    scim = Scim()
    first = {"totalResults": 7, "itemsPerPage": 3, "Resources": scim.users[:3]}
    scim.change = lambda _: first
    fails("scim", scim, "partners", "the server returned the same page twice", path="/v2")


def test_scim_member_that_cannot_be_read() -> None:
    scim = Scim()
    scim.groups[0]["members"].append({"value": "ghost"})
    fails("scim", scim, "partners", "'ghost'", "missing_members: ignore", path="/v2")
    assert read("scim", scim, "partners", "/v2", ignore_missing=True).missing == 1


@pytest.mark.parametrize(
    ("status", "text"), [(401, f"{PREFIX}_SECRET"), (403, "403"), (500, "500"), (302, "Redirects")]
)
def test_an_error_names_directory_call_and_remedy(status: int, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("portalctl.http.client.DEFAULT_POLICY", RetryPolicy(first=0.0))
    fails("scim", lambda _: Reply({"detail": f"{SECRET}!"}, status), "x", text, "GET /Groups")


def test_a_page_instead_of_json() -> None:
    fails("scim", lambda _: Reply(b"<html>", 200, {"Content-Type": "text/html"}), "x", "HTML page instead of JSON")


def test_two_gigabytes_are_not_read() -> None:
    big = b'{"Resources": "' + b"x" * (33 * 1024 * 1024) + b'"}'
    fails("scim", lambda _: Reply(big), "x", "with more than 32 MiB")


# --- Keycloak ---


class Keycloak:
    def __init__(self, users: int = 130) -> None:
        self.users = [
            {"id": f"u{n}", "enabled": n != 1, "email": f"u{n}@city.example", "emailVerified": n != 2}
            for n in range(users)
        ]
        self.groups = {
            "g1": ("partners", self.users),
            "g2": ("inner", [{**self.users[0], "id": "v", "email": "v@x.example"}]),
        }
        self.status = 200

    def __call__(self, request: Request) -> Reply:
        path = request.path.removeprefix("/admin/realms/city/groups").strip("/").split("/")
        first, most = int(request.query.get("first", 0)), int(request.query.get("max", 100))
        if self.status != 200:
            return Reply({"error": "HTTP 403 Forbidden"}, self.status)
        if path == [""]:
            assert request.query["exact"] == "true"
            tops = [{"id": "g1", "name": "partners", "subGroups": [{"id": "g2", "name": "inner"}]}]
            return Reply(tops[first : first + most])
        if path[0] not in self.groups:
            return Reply({"error": "Could not find group by id"}, 404)
        if path[1:] == ["members"]:
            return Reply(self.groups[path[0]][1][first : first + most])
        if path[1:] == ["children"]:
            children = [{"id": "g2", "name": "inner"}] if path[0] == "g1" else []
            return Reply(children[first : first + most])
        return Reply({"id": path[0], "name": self.groups[path[0]][0], "subGroups": []})


KEYCLOAK_TOKEN = "/realms/city/protocol/openid-connect/token"


def test_keycloak_reads_past_100_and_sub_groups_and_takes_no_unverified_address() -> None:
    found = read("keycloak", with_token(KEYCLOAK_TOKEN, Keycloak()), "partners", "/realms/city")
    assert len(found.identities) == 131
    assert addresses(found) == sorted([*(f"u{n}@city.example" for n in range(130) if n not in {1, 2}), "v@x.example"])
    assert sum(one.unverified for one in found.identities) == 1
    assert [one.via for one in found.identities if one.via] == [("inner",)]
    accepted = {"unverified_email": "accept", "nested": False}
    more = read("keycloak", with_token(KEYCLOAK_TOKEN, Keycloak()), "partners", "", options=accepted, tenant="city")
    assert len(addresses(more)) == 129
    assert read("keycloak", with_token(KEYCLOAK_TOKEN, Keycloak()), "inner", "/realms/city").id == "g2"


def test_keycloak_renews_a_token_that_ends_while_it_reads() -> None:
    answer = with_token(KEYCLOAK_TOKEN, Keycloak(), seconds=1)  # less than the reserve
    with serving(answer) as server, opened("keycloak", f"{server.url}/realms/city") as directory:
        directory.read("partners")
    assert server.calls.count(f"POST {KEYCLOAK_TOKEN}") > 3


def test_keycloak_faults() -> None:
    keycloak = Keycloak()
    fails("keycloak", with_token(KEYCLOAK_TOKEN, keycloak), "nobody", "group 'nobody' not found", path="/realms/city")
    fails("keycloak", with_token(KEYCLOAK_TOKEN, keycloak), f"id:{UUID}", "not found", path="/realms/city")
    keycloak.status = 403
    fails("keycloak", with_token(KEYCLOAK_TOKEN, keycloak), "partners", "403", "view-users", path="/realms/city")
    with pytest.raises(BadUsageError, match="no realm in"):
        read("keycloak", keycloak, "partners", tenant=None)


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        (Reply({"error": "invalid_client", "error_description": f"{SECRET} is wrong"}, 401), f"{PREFIX}_SECRET"),
        (Reply({"error": "invalid_client"}, 400), f"{PREFIX}_USER"),
        (Reply(b"<html>", 200), "no access token"),
        (Reply({"access_token": 5}), "no access token"),
        (Reply({"access_token": "two words"}), "characters that are not valid in a token"),
    ],
)
def test_a_token_that_is_not_given(reply: Reply, text: str) -> None:
    with serving(lambda _: reply) as server:
        with pytest.raises((DirectoryError, BadUsageError)) as caught:
            with opened("keycloak", f"{server.url}/realms/city") as directory:
                directory.read("partners")
    told = "\n".join([caught.value.message, *caught.value.advice])
    assert text in told
    assert "corp" in told
    assert SECRET not in told


# --- Microsoft Entra ID ---


class Graph:
    def __init__(self, server: Callable[[], str], users: int = 5) -> None:
        self.server = server
        self.users: list[dict[str, Any]] = [
            {"id": f"u{n}", "accountEnabled": n != 1, "mail": f"u{n}@city.example"} for n in range(users)
        ]
        self.count = users
        self.page = 2
        self.names = ["Partners"]

    def __call__(self, request: Request) -> Reply:
        path = request.path.removeprefix("/v1.0/groups").strip("/").split("/")
        if path == [""]:
            rows = [{"id": f"{UUID[:-1]}{n}", "displayName": name} for n, name in enumerate(self.names)]
            return Reply({"value": rows if request.query["$filter"] == "displayName eq 'Partners'" else []})
        if len(path) == 1:
            known = path[0].startswith(UUID[:-1])
            return (
                Reply({"id": path[0], "displayName": "Partners"})
                if known
                else Reply({"error": {"message": "gone"}}, 404)
            )
        assert path[2] == "microsoft.graph.user"
        assert request.headers["consistencylevel"] == "eventual"
        start = int(request.query.get("$skiptoken", 0))
        rows = self.users[start : start + self.page]
        more = start + self.page < len(self.users)
        link = {"@odata.nextLink": f"{self.server()}{request.path}?$skiptoken={start + self.page}"} if more else {}
        return Reply({"@odata.count": self.count, "value": rows, **link} if not start else {"value": rows, **link})


@contextmanager
def entra(**changes: Any) -> Iterator[tuple[StandIn, Connection]]:
    found: list[StandIn] = []
    graph = Graph(lambda: found[0].url)
    for key, value in changes.items():
        setattr(graph, key, value)
    with serving(with_token("/token", graph)) as server:
        found.append(server)
        yield server, connection("entra", server.url, token_url=f"{server.url}/token")


def test_entra_follows_pages_to_their_end_and_leaves_disabled_users_out() -> None:
    with entra() as (server, made), made.kind.connect(made) as directory:
        found = directory.read("Partners")
        assert addresses(found) == [f"u{n}@city.example" for n in (0, 2, 3, 4)]
        assert directory.read(f"id:{UUID}").id == UUID
    token = next(request for request in server.log if request.method == "POST")
    assert token.form["scope"] == f"{server.url}/.default"
    assert any("transitiveMembers" in call for call in server.calls)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"users": [{"id": "u1", "accountEnabled": None, "mail": None}], "count": 1}, "User.Read.All"),
        ({"users": [{"id": "u1"}], "count": 1}, "User.Read.All"),
        ({"count": 9}, "@odata.count"),
        ({"names": ["Partners", "Partners"]}, "2 groups have the name"),
        ({"names": ["partners"]}, "not found"),
    ],
)
def test_entra_faults(changes: Mapping[str, Any], text: str) -> None:
    with entra(**changes) as (_, made), made.kind.connect(made) as directory:
        with pytest.raises(DirectoryError) as caught:
            directory.read("Partners")
    assert text in "\n".join([caught.value.message, *caught.value.advice])


def test_entra_group_that_was_deleted() -> None:
    with entra() as (_, made), made.kind.connect(made) as directory:
        with pytest.raises(DirectoryError, match="not found"):
            directory.read("id:00000000-0000-4000-8000-00000000dead")


def test_a_next_page_on_another_server_is_not_followed() -> None:
    with entra() as (server, made), made.kind.connect(made) as directory:
        server_url, server.url = server.url, "https://evil.example"
        with pytest.raises(DirectoryError, match="another server"):
            directory.read("Partners")
        server.url = server_url
    assert all(request.headers["host"] in server_url for request in server.log)


def test_entra_waits_when_it_is_throttled() -> None:
    found: list[StandIn] = []
    graph = after(THROTTLED, Graph(lambda: found[0].url), 2)
    with serving(with_token("/token", graph)) as server:
        found.append(server)
        with opened("entra", server.url, token_url=f"{server.url}/token") as directory:
            assert len(directory.read("Partners").identities) == 5


# --- Okta ---


class Okta:
    def __init__(self, server: Callable[[], str]) -> None:
        self.server = server
        statuses = ["ACTIVE", "SUSPENDED", "DEPROVISIONED", "LOCKED_OUT", "PASSWORD_EXPIRED"]
        self.users: list[dict[str, Any]] = [
            {
                "id": f"u{n}",
                "status": status,
                "profile": {"email": f"u{n}@city.example", "secondEmail": f"x{n}@b.example"},
            }
            for n, status in enumerate(statuses)
        ]

    def __call__(self, request: Request) -> Reply:
        assert request.headers["authorization"] == f"SSWS {SECRET}"
        path = request.path.removeprefix("/api/v1/groups").strip("/").split("/")
        if path == [""]:
            named = request.query.get("search") == 'profile.name eq "Partners"'
            return Reply([{"id": "00g1", "profile": {"name": "Partners"}}] if named else [])
        if path[0] != "00g1":
            return Reply({"errorSummary": "Not found: Resource not found"}, 404)
        if len(path) == 1:
            return Reply({"id": "00g1", "profile": {"name": "Partners"}})
        start = int(request.query.get("after", 0))
        link = f'<{self.server()}{request.path}>; rel="self"'
        if start + 2 < len(self.users):
            link += f', <{self.server()}{request.path}?after={start + 2}&limit=2>; rel="next"'
        return Reply(self.users[start : start + 2], 200, {"Link": link})


@contextmanager
def okta(refusal: Reply | None = None, **more: Any) -> Iterator[tuple[Okta, Directory]]:
    found: list[StandIn] = []
    api = Okta(lambda: found[0].url)
    with serving(after(refusal, api) if refusal else api) as server:
        found.append(server)
        with opened("okta", server.url, **more) as directory:
            yield api, directory


def test_okta_follows_links_and_counts_locked_people_as_members() -> None:
    with okta() as (_, directory):
        found = directory.read("Partners")
        assert addresses(found) == ["u0@city.example", "u3@city.example", "u4@city.example"]
        assert directory.read("00g1") == found
    with okta(email=("profile.email", "profile.secondEmail")) as (_, directory):
        assert len(addresses(directory.read("Partners"))) == 6


def test_okta_waits_until_the_rate_limit_is_reset() -> None:
    reset = Reply({"errorSummary": "API call exceeded rate limit"}, 429, {"X-Rate-Limit-Reset": "1"})
    with okta(reset) as (_, directory):
        assert len(directory.read("Partners").identities) == 5


def test_okta_faults() -> None:
    with okta() as (api, directory):
        with pytest.raises(DirectoryError, match="not found"):
            directory.read("Nobody")
        api.users[0]["status"] = None
        with pytest.raises(DirectoryError, match="has no `status`"):
            directory.read("Partners")
    with okta(Reply({"errorSummary": "You do not have permission"}, 403)) as (_, directory):
        with pytest.raises(DirectoryError, match="403") as caught:
            directory.read("Partners")
    assert "okta.groups.read" in caught.value.advice[0]


# --- Google Workspace ---


@pytest.fixture(scope="module")
def account() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    return json.dumps({"client_email": "portalctl@city.iam.gserviceaccount.com", "private_key": pem})


class Workspace:
    def __init__(self) -> None:
        self.members: list[dict[str, Any]] = [
            {"id": "1", "email": "ann@city.example", "type": "USER", "status": "ACTIVE"},
            {"id": "2", "email": "bob@city.example", "type": "USER", "status": "SUSPENDED"},
            {"id": "9", "email": "inner@city.example", "type": "GROUP"},
            {"id": "3", "email": "out@other.example", "type": "EXTERNAL"},
        ]

    def __call__(self, request: Request) -> Reply:
        path = request.path.removeprefix("/admin/directory/v1/").split("/")
        if path[0] == "users":
            return Reply({"users": [{"id": "1", "emails": [{"address": "a@city.example"}], "suspended": False}]})
        if path[1] not in {"partners@city.example", "g1"}:
            return Reply({"error": {"code": 404, "message": "Resource Not Found: groupKey"}}, 404)
        if len(path) == 2:
            return Reply({"id": "g1", "email": "partners@city.example"})
        start = int(request.query.get("pageToken", 0))
        more = {"nextPageToken": str(start + 2)} if start + 2 < len(self.members) else {}
        return Reply({"members": self.members[start : start + 2], **more})


def google(answer: Answer, account: str, **more: Any) -> Group:
    with serving(with_token("/token", answer)) as server:
        url = {"token_url": f"{server.url}/token", "secret": account, "user": "admin@city.example"}
        with opened("google", server.url, **url, **more) as directory:
            found = directory.read("partners@city.example")
    claims = next(request for request in server.log if request.method == "POST").form["assertion"].split(".")[1]
    assert json.loads(base64.urlsafe_b64decode(claims + "=="))["sub"] == "admin@city.example"
    return found


def limited(reason: str) -> Reply:
    return Reply({"error": {"code": 403, "message": "no", "errors": [{"reason": reason}]}}, 403)


def test_google_reads_members_with_suspended_and_external_ones(account: str) -> None:
    assert addresses(google(Workspace(), account)) == ["ann@city.example", "out@other.example"]
    assert addresses(google(Workspace(), account, email=("emails",))) == ["a@city.example", "out@other.example"]


def test_google_waits_where_403_means_the_rate(account: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("portalctl.directories.google.PAUSES", (0.0, 0.0))
    assert google(after(limited("userRateLimitExceeded"), Workspace()), account).identities
    with pytest.raises(DirectoryError, match="403") as caught:
        google(after(limited("forbidden"), Workspace()), account)
    assert "admin.directory.group.member.readonly" in "".join(caught.value.advice)


def test_google_faults(account: str) -> None:
    workspace = Workspace()
    workspace.members.append({"id": "c", "type": "CUSTOMER"})
    with pytest.raises(DirectoryError, match="the whole organisation"):
        google(workspace, account)
    with serving(with_token("/token", Workspace())) as server:
        with opened("google", server.url, token_url=f"{server.url}/token", secret=account) as directory:
            with pytest.raises(DirectoryError, match="not found"):
                directory.read("nobody@city.example")
        for wrong in ("{}", "not JSON", '{"client_email": "x", "private_key": "y"}', "[]"):
            with pytest.raises(BadUsageError, match="not the key of a service account"):
                with opened("google", server.url, secret=wrong):
                    pass


# --- lists over HTTPS ---


def json_list(**pages: Any) -> Answer:
    return lambda request: Reply(
        pages.get(request.path.strip("/").replace("/", "_"), {}), 200 if request.path else 404
    )


ROW = {"mail": "ann@city.example", "mails": [{"v": "ann@city.example"}], "nr": 7, "on": True}


def lists(page: Any, headers: Mapping[str, str] | None = None, **options: str) -> Group:
    email = tuple(options.pop("email", "mail").split(";"))
    return read("http", lambda _: Reply(page, 200, headers or {}), "people", options=options, email=email)


def test_expressions_find_entries_addresses_and_states() -> None:
    found = lists({"data": {"rows": [ROW]}}, list="data.rows", email="mails[].v", id="nr", active="on")
    assert [(one.id, one.addresses, one.active) for one in found.identities] == [("7", ("ann@city.example",), True)]
    assert lists([ROW]).identities[0].id == "ann@city.example"
    assert lists([{**ROW, "on": "No"}], active="on").identities[0].active is False
    assert lists({"rows": [ROW], "n": 1}, list="rows", total="n").identities


@pytest.mark.parametrize(
    ("page", "options", "text"),
    [
        ({"rows": None}, {"list": "rows"}, "did not yield a list"),
        ({"rows": "x"}, {"list": "rows"}, "did not yield a list"),
        ({"rows": ["x"]}, {"list": "rows"}, "did not yield a list"),
        ([{"x": 1}], {}, "has no 'mail'"),
        ([{"mail": 5}], {}, "no text in 'mail'"),
        ([ROW], {"id": "zz"}, "has no `zz`"),
        ([ROW, ROW], {"id": "nr"}, "two entries have the id"),
        ([ROW], {"active": "nr"}, "no true or false"),
        ({"rows": [ROW], "n": 2}, {"list": "rows", "total": "n"}, "1 of 2 entries"),
        ({"rows": [ROW], "n": "2"}, {"list": "rows", "total": "n"}, "did not yield a number"),
        ({"rows": [ROW], "n": 2}, {"list": "rows", "next": "n"}, "did not yield an address"),
        ({"rows": [ROW], "n": "/people"}, {"list": "rows", "next": "n"}, "do not end"),
        ({"rows": [ROW], "n": "//evil.example/x"}, {"list": "rows", "next": "n"}, "another server"),
        ({"rows": [ROW]}, {"list": "sum(rows)"}, "cannot be evaluated"),
    ],
)
def test_a_list_that_is_not_as_the_manifest_says(page: Any, options: dict[str, str], text: str) -> None:
    with pytest.raises(DirectoryError) as caught:
        lists(page, None, **options)
    assert text in caught.value.message


def test_an_expression_that_is_none() -> None:
    with pytest.raises(BadUsageError, match="`list: rows\\[` is not a JMESPath expression"):
        lists([], list="rows[")


DOUBLED = "[@]|" + "|".join(["[@,@][]"] * 8)


@pytest.mark.parametrize("key", ["list", "next", "total", "id", "active", "email"])
@pytest.mark.parametrize(
    ("expression", "text"),
    [
        (DOUBLED, "has 17 entries in `[a, b]` and `{a: b}`, more than 16"),
        ("{" + ", ".join(f"k{n}: @" for n in range(17)) + "}", "has 17 entries"),
        ("join('', [@, @])", "uses `join`"),
        ("rows[?join('', mails) == 'x']", "uses `join`"),
        ("map(&[@, join('', @)], rows)", "uses `join`"),
        ("|".join(["to_string(to_array(@))"] * 40), "uses `to_string` more than once"),
        ("rows[" + "0" * 1000 + "]", "more than 1,000 characters"),
        ("rows[\x1b", "is not a JMESPath expression"),
    ],
)
def test_an_expression_that_could_grow_without_end(key: str, expression: str, text: str) -> None:
    with pytest.raises(BadUsageError) as caught:
        lists([], None, **{key: expression})
    assert caught.value.message.startswith(f"directory corp: `{key}: ")
    assert caught.value.message.isprintable()
    assert text in caught.value.message
    assert caught.value.advice


@pytest.mark.parametrize(
    "expression",
    [
        "[?nr == `7`].{mail: mail, nr: nr, on: on}",
        "[].{mail: to_string(mail), nr: nr}",
        "[:5]",
        "[@] | " + " | ".join(["[@[]]"] * 15) + " | [] | []" + "|[]" * 20,
        "map(&merge(@, {mail: mail}), @)",
        "sort_by(@, &nr)",
    ],
)
def test_an_expression_that_is_allowed(expression: str) -> None:
    assert addresses(lists([ROW], list=expression)) == ["ann@city.example"]


def test_pages_of_a_list_are_followed_by_link_or_expression() -> None:
    def paged(request: Request) -> Reply:
        number = int(request.query.get("page", 1))
        row = {"mail": f"u{number}@city.example"}
        following = f"/people?page={number + 1}" if number < 3 else None
        link = {"Link": f"<{following}>; rel=next"} if following and request.path == "/linked" else {}
        return Reply({"rows": [row], "next": following if request.path == "/people" else None, "n": 3}, 200, link)

    options = {"list": "rows", "next": "next", "total": "n"}
    assert len(read("http", paged, "people", options=options, email=("mail",)).identities) == 3


CSV = {"Content-Type": "text/csv"}


def test_csv_columns_go_by_their_names() -> None:
    text = b"\xef\xbb\xbfNr;E-Mail;On\r\n1;ann@city.example;yes\r\n2;bob@city.example;no\r\n"
    found = lists(text, CSV, format="csv", email="E-Mail", id="Nr", active="On")
    assert [(one.id, one.addresses[0], one.active) for one in found.identities] == [
        ("1", "ann@city.example", True),
        ("2", "bob@city.example", False),
    ]
    assert lists(b"mail\n", CSV, format="csv").identities == ()


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (b"", "empty text"),
        (b"<html>", "HTML page"),
        (b"mail\n\xff\n", "not UTF-8"),
        (b'mail\n"x', "not return valid CSV"),
        (b"id,mail\n1\n", "1 of 2 fields"),
        (b"id\n1\n", "has no 'mail'"),
    ],
)
def test_csv_that_cannot_be_used(text: bytes, fault: str) -> None:
    with pytest.raises(DirectoryError) as caught:
        lists(text, CSV, format="csv")
    assert fault in caught.value.message


def test_a_user_means_basic() -> None:
    def checked(request: Request) -> Reply:
        assert request.headers["authorization"] == f"Basic {base64.b64encode(f'me:{SECRET}'.encode()).decode()}"
        return Reply([ROW])

    assert read("http", checked, "people", user="me", email=("mail",)).identities
