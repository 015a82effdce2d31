"""Who sees the page and who may send its forms: sessions, origins, roles, headers, and errors as pages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from portalctl.controller.tables import SESSIONS
from portalctl.controller.tokens import new_token
from tests.controller.api_world import TOKENS, World, api, held
from tests.controller.page_visit import Visitor, text_of

FORMS = {
    "/portals/partners/reconcile": {},
    "/portals/partners/resume": {},
    "/portals/partners/suspend": {"reason": "audit"},
}
pytestmark = pytest.mark.slow  # starts servers
PATHS = ["/", "/portals/partners", "/plans/sha256:x", "/runs/x", "/directories", "/docs", "/docs/runbook"]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with api(tmp_path) as found:
        yield found


@pytest.fixture
def visitor(world: World) -> Visitor:
    return Visitor(world)


def test_without_a_session_every_page_is_the_form_for_a_token(visitor: Visitor) -> None:
    for path in [*PATHS, "/portals/partners/developers/ann@example.com"]:
        got = visitor.get(path)
        assert got.status == 401
        assert b'action="/login"' in got.body
        assert f'name="next" value="{path}"'.encode() in got.body
        assert got.headers["www-authenticate"] == "Bearer"
        assert b"partners" not in got.body.replace(path.encode(), b"")


def test_a_token_begins_a_session(visitor: Visitor) -> None:
    got = visitor.post("/login", {"token": f" {TOKENS['viewer']}\n", "next": "/portals/partners"})
    assert (got.status, got.headers["location"]) == (303, "/portals/partners")
    cookie, *rules = got.headers["set-cookie"].split("; ")
    assert rules == ["Path=/", "HttpOnly", "SameSite=Strict"]
    assert TOKENS["viewer"] not in cookie
    visitor.cookie = cookie
    assert "partners" in visitor.text("/")
    ended = visitor.post("/logout")
    assert (ended.status, "Max-Age=0" in ended.headers["set-cookie"]) == (303, True)
    assert visitor.get("/").status == 401


def test_nobody_is_sent_to_another_site(visitor: Visitor) -> None:
    for path in ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:1", "/\tx", ""]:
        got = visitor.post("/login", {"token": TOKENS["viewer"], "next": path})
        assert got.headers["location"] == "/"


def test_a_wrong_token_begins_none(visitor: Visitor) -> None:
    for token in ("", "pctl_", TOKENS["viewer"][:-1] + "!", "x" * 5000, "é"):
        got = visitor.post("/login", {"token": token})
        assert (got.status, "set-cookie" in got.headers) == (401, False)
        assert "The token is not valid." in text_of(got)


def test_many_wrong_tokens_are_too_many_for_page_and_api(visitor: Visitor) -> None:
    for _ in range(60):
        assert visitor.post("/login", {"token": "pctl_wrong"}).status == 401
    got = visitor.post("/login", {"token": "pctl_wrong"})
    assert (got.status, "retry-after" in got.headers, "Too many" in text_of(got)) == (429, True, True)
    assert visitor.world.send("GET", "/v1/portals", Authorization="Bearer pctl_wrong").status == 429
    assert visitor.sign_in("viewer").status == 303


def test_a_token_for_the_api_only_begins_no_session(visitor: Visitor) -> None:
    got = visitor.sign_in("registrar")
    assert (got.status, visitor.cookie) == (403, "")
    assert "for the API only" in text_of(got)


def test_a_session_ends_with_the_line_of_its_token(visitor: Visitor) -> None:
    visitor.sign_in("approver")
    assert visitor.get("/").status == 200
    tokens = visitor.world.folder / "tokens"
    lines = tokens.read_text().splitlines()
    other = new_token("approver", "approver")[1]
    tokens.write_text("\n".join([other, *(line for line in lines if not line.startswith("approver "))]) + "\n")
    assert visitor.get("/").status == 401


def test_the_role_of_a_session_is_that_of_the_line_now(visitor: Visitor) -> None:
    visitor.sign_in("approver")
    tokens = visitor.world.folder / "tokens"
    tokens.write_text(
        tokens.read_text().replace("approver approver", "approver viewer").replace("bob approver proxy\n", "")
    )
    assert visitor.post("/portals/partners/reconcile").status == 403
    assert "approver · viewer" in visitor.text("/")


@pytest.mark.parametrize(
    ("column", "age", "status"),
    [("started_at", 7.9, 200), ("started_at", 8.1, 401), ("seen_at", 0.9, 200), ("seen_at", 1.1, 401)],
)
def test_a_session_ends_after_hours(column: str, age: float, status: int, visitor: Visitor) -> None:
    visitor.sign_in("viewer")
    engine = visitor.world.store.engine
    with engine.begin() as connection:
        connection.execute(update(SESSIONS).values({column: datetime.now(UTC) - timedelta(hours=age)}))
    assert visitor.get("/").status == status
    with engine.connect() as connection:
        (row,) = connection.execute(select(SESSIONS)).all()
    assert (datetime.now(UTC) - row.seen_at < timedelta(minutes=1)) == (status == 200 or column == "started_at")


def test_the_database_has_no_cookie(visitor: Visitor) -> None:
    visitor.sign_in("viewer")
    secret = visitor.cookie.partition("=")[2].encode()
    files = [path.read_bytes() for path in (visitor.world.folder / "state").iterdir()]
    assert not any(secret in content for content in files)


def test_a_made_up_cookie_is_no_session(visitor: Visitor) -> None:
    for cookie in ("portalctl=", "portalctl=x", "portalctl=" + "x" * 4000, "portalctl=é"):
        visitor.cookie = cookie.encode().decode("latin-1")
        assert visitor.get("/").status == 401


def test_a_form_of_another_site_does_nothing(visitor: Visitor) -> None:
    visitor.sign_in("approver")
    evil = {"Origin": "https://evil.example"}
    for headers in (
        evil | {"Sec_Fetch_Site": "cross-site"},
        evil | {"Sec_Fetch_Site": ""},
        {"Origin": "null", "Sec_Fetch_Site": ""},
        {"Origin": "", "Sec_Fetch_Site": ""},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Sec_Fetch_Site": "none"},
    ):
        for path, form in FORMS.items():
            got = visitor.post(path, form, **headers)
            assert (got.status, visitor.world.hub.woken) == (403, [])
            assert "another site" in text_of(got)


@pytest.mark.parametrize("verb", ["approve", "reject"])
def test_a_plan_is_decided_by_a_form_of_ours_only(verb: str, visitor: Visitor) -> None:
    plan = held(visitor.world)
    visitor.sign_in("approver")
    path, form = f"/plans/{plan.digest}/{verb}", {"digest": plan.digest}
    assert visitor.post(path, form, Origin="https://evil.example", Sec_Fetch_Site="").status == 403
    assert visitor.post(path, form, Sec_Fetch_Site="cross-site").status == 403
    assert visitor.get(f"{path}?digest={plan.digest}").status == 405
    assert visitor.post(path, {"digest": "sha256:" + "b" * 64}).status == 409
    assert visitor.post(path).status == 409
    kept = visitor.world.store.plan(plan.digest)
    assert kept is not None
    assert kept.state == "held"
    assert visitor.post(path, form).status == 303
    again = visitor.post(path, form)
    assert again.status == 409
    assert "decided by approver" in text_of(again)
    decided = visitor.world.store.plan(plan.digest)
    assert decided is not None
    assert (decided.state, decided.decided_by) == (f"{verb}{'d' if verb == 'approve' else 'ed'}", "approver")
    assert visitor.world.hub.woken == [("partners", "approval")]


def test_signing_in_and_out_is_for_our_own_forms_too(visitor: Visitor) -> None:
    got = visitor.post("/login", {"token": TOKENS["viewer"]}, Origin="https://evil.example", Sec_Fetch_Site="")
    assert (got.status, "set-cookie" in got.headers) == (403, False)
    visitor.sign_in("viewer")
    assert visitor.post("/logout", Origin="https://evil.example", Sec_Fetch_Site="").status == 403
    assert visitor.get("/").status == 200


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_a_role_does_what_it_may(role: str, visitor: Visitor) -> None:
    plan = held(visitor.world)
    visitor.sign_in(role)
    for verb in ("approve", "reject"):
        got = visitor.post(f"/plans/{plan.digest}/{verb}", {"digest": plan.digest})
        assert (got.status, "role approver" in text_of(got)) == (403, True)
    page = visitor.get(f"/plans/{plan.digest}")
    assert (page.status, b'<form method="post" action="/plans' in page.body) == (200, False)
    offered = {path for path in FORMS if f'action="{path}"'.encode() in visitor.get("/portals/partners").body}
    may = role == "operator"
    assert offered == ({"/portals/partners/reconcile", "/portals/partners/suspend"} if may else set())
    for path, form in FORMS.items():
        assert visitor.post(path, form).status == (303 if may else 403)


def test_headers_let_a_page_load_its_own_files_only(visitor: Visitor) -> None:
    visitor.sign_in("viewer")
    headers = visitor.get("/").headers
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert policy == {
        "default-src": "'none'",
        "style-src": "'self'",
        "script-src": "'self'",
        "img-src": "'self'",
        "form-action": "'self'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
    }
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["x-content-type-options"] == "nosniff"


def test_what_is_not_there_is_a_page_that_repeats_nothing(visitor: Visitor) -> None:
    visitor.sign_in("viewer")
    for path in ["/nothing-1", "/portals/nobody-1", "/plans/nothing-1", "/runs/nothing-1", "/docs/nothing-1"]:
        got = visitor.get(path)
        assert (got.status, got.headers["content-type"]) == (404, "text/html; charset=utf-8")
        assert path.rpartition("/")[2].encode() not in got.body


def test_a_form_is_bounded(visitor: Visitor) -> None:
    visitor.sign_in("operator")
    path = "/portals/partners/suspend"
    assert visitor.post(path, b"reason=" + b"x" * 70_000).status == 413
    assert visitor.post(path, "&".join(["reason=x"] * 30).encode()).status == 400
    assert visitor.post(path, b"reason=%ff").status == 400
    assert visitor.post(path, b"{}", Content_Type="application/json").status == 415
    for form in (
        {"reason": " "},
        {},
        {"reason": "x" * 501},
        {"reason": "a\nb"},
        {"reason": "x", "expires": "2020-01-01"},
    ):
        got = visitor.post(path, form)
        assert (got.status, got.headers["content-type"]) == (400, "text/html; charset=utf-8")
    assert visitor.world.hub.woken == []


def test_a_browser_that_came_from_another_site_asks_once_more(visitor: Visitor) -> None:
    """It sends no cookie of SameSite=Strict with the first request, as after a click in a chat."""
    got = visitor.get("/plans/sha256:x", Sec_Fetch_Site="cross-site")
    assert got.status == 401
    assert b'<meta http-equiv="refresh" content="0; url=/plans/sha256:x">' in got.body
    assert b"refresh" not in visitor.get("/plans/sha256:x", Sec_Fetch_Site="same-origin").body


def test_without_tokens_everyone_is_a_viewer_and_nothing_can_be_approved(tmp_path: Path) -> None:
    with api(tmp_path, tokens=False) as world:
        visitor, plan = Visitor(world), held(world)
        assert "viewer, without a token" in visitor.text("/")
        assert "This controller has no tokens" in visitor.text("/login")
        assert visitor.post("/login", {"token": TOKENS["approver"]}).status == 401
        assert visitor.post(f"/plans/{plan.digest}/approve", {"digest": plan.digest}).status == 403
        assert visitor.get("/", Host="evil.example").status == 421


def test_users_of_a_trusted_proxy_are_in_and_cross_site_forms_are_not(tmp_path: Path) -> None:
    env = {"PORTALCTL_PROXY_SECRET": "p" * 32}
    own = "https://portalctl.example"
    with api(tmp_path, env, proxies=("127.0.0.1",), user_header="X-User", public_url=own) as world:
        visitor = Visitor(world, headers={"X_User": "bob", "X_Portalctl_Proxy": "p" * 32})
        assert "bob · approver" in visitor.text("/")
        assert visitor.post("/portals/partners/reconcile", Origin=own).status == 303
        for origin in ("https://evil.example", "", f"http://127.0.0.1:{world.port}"):
            assert visitor.post("/portals/partners/reconcile", Origin=origin).status == 403
        visitor.headers["X_Portalctl_Proxy"] = "q" * 32
        assert visitor.get("/").status == 401


def test_with_https_the_cookie_is_for_https_only(tmp_path: Path) -> None:
    with api(tmp_path, public_url="https://portalctl.example") as world:
        got = Visitor(world).post("/login", {"token": TOKENS["viewer"]}, Origin="https://portalctl.example")
        assert got.headers["set-cookie"].startswith("__Host-portalctl=")
        assert got.headers["set-cookie"].endswith("; Path=/; HttpOnly; SameSite=Strict; Secure")


def test_a_database_that_fails_is_a_page_too(visitor: Visitor) -> None:
    visitor.sign_in("viewer")
    visitor.world.store.engine.dispose()
    for path in (visitor.world.folder / "state").glob("controller.db*"):
        path.write_bytes(b"not a database")
    got = visitor.get("/portals/partners")
    assert (got.status, got.headers["content-type"]) == (503, "text/html; charset=utf-8")
    assert "Not available now" in text_of(got)


def test_the_author_of_the_commit_behind_a_plan_is_shown(visitor: Visitor) -> None:
    hub, plan = visitor.world.hub, held(visitor.world)
    hub.views = {"partners": replace(hub.views["partners"], commit="c" * 40)}
    hub.authors = {"c" * 40: "Ann <ann@example.com>"}
    for role, author in (("approver", "Ann <ann@example.com>"), ("viewer", "Ann <dev-")):
        visitor.sign_in(role)
        assert f"wanted at commit ccccccc by {author}" in visitor.text(f"/plans/{plan.digest}")
        assert f"commit ccccccc by {author}" in visitor.text("/portals/partners")
