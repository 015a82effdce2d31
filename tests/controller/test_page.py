"""The pages in front of the real loop, on a simulated portal: what users find and decide there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import PORTAL_ID, Bench
from tests.controller.page_visit import Visitor, text_of
from tests.controller.running import until
from tests.controller.served import Served
from tests.output.hostile import HOSTILE
from tests.output.reading import read

RULES = """
trusted_domains:
  - {domain: example.com, teams: [city]}
teams:
  - {name: city}
denied_domains:
  - {domain: evil.example, reason: Left the programme}
"""
OWN_TAGS = {
    *("a", "article", "body", "br", "button", "caption", "code", "details", "div", "figcaption", "figure", "footer"),
    *("form", "h1", "h2", "h3", "head", "header", "html", "input", "label", "li", "link", "main", "meta", "nav", "p"),
    *("output", "path", "rect", "script", "section", "select", "option", "span", "summary", "svg", "table", "tbody"),
    *("td", "th", "thead", "time", "title", "tr", "ul", "b"),
}
Serve = Callable[..., Served]
pytestmark = [pytest.mark.usefixtures("quick"), pytest.mark.slow]  # starts servers


def visit(served: Served, role: str) -> Visitor:
    visitor = Visitor(served.world)
    assert visitor.sign_in(role).status == 303
    return visitor


def form_of(visitor: Visitor, path: str, action: str) -> dict[str, str]:
    """Return the hidden fields of a form of a page."""
    elements = read(visitor.get(path).body.decode()).elements
    start = next(n for n, (tag, found) in enumerate(elements) if tag == "form" and found["action"] == action)
    fields: dict[str, str] = {}
    for tag, found in elements[start + 1 :]:
        if tag == "form":
            break
        if tag == "input" and found.get("type") == "hidden":
            fields[found["name"] or ""] = found["value"] or ""
    return fields


def link_to(visitor: Visitor, path: str, start: str) -> str:
    return next(link for link in visitor.links(path) if link.startswith(start))


def test_a_held_plan_is_found_read_and_approved(bench: Bench, serve: Serve) -> None:
    bench.people(approved=["eve@evil.example", "ann@example.com"])
    bench.team("city", "ann@example.com")
    bench.manifest(RULES)
    served = serve("full")
    visitor = visit(served, "approver")
    assert "Waiting for approval partners: 1 developer loses access" in visitor.text("/")
    plan = link_to(visitor, "/", "/plans/")
    shown = visitor.text(plan)
    assert "eve@evil.example approved → revoked" in shown
    assert "denied domain evil.example: “Left the programme”" in shown
    action = f"{plan}/approve"
    assert visitor.post(action, form_of(visitor, plan, action)).headers["location"] == plan
    until(lambda: bench.status("eve@evil.example") == "revoked", 60)
    until(lambda: "Approved and carried out by approver" in visitor.text(plan), 60)
    until(lambda: "Waiting for approval" not in visitor.text("/"), 60)
    developer = visitor.text("/portals/partners/developers/eve@evil.example")
    assert "revoked" in developer
    assert "confirmed approved → revoked approved by approver" in developer
    run = link_to(visitor, "/portals/partners/developers/eve@evil.example", "/runs/")
    assert "Approved by approver" in visitor.text(run)


def test_a_portal_is_suspended_and_resumed(bench: Bench, serve: Serve) -> None:
    bench.manifest(RULES)
    served = serve("onboard")
    visitor, path = visit(served, "operator"), "/portals/partners"
    assert visitor.post(f"{path}/suspend", {"reason": "audit <b>", "expires": ""}).headers["location"] == path
    assert "Nothing is written to this portal: audit <b> by operator" in visitor.text(path)
    until(lambda: "suspended audit <b>" in visitor.text("/"), 60)
    bench.people(pending=["ann@example.com"])
    assert visitor.post(f"{path}/reconcile").headers["location"] == f"{path}?done=reconcile"
    served.running.run_again()
    until(lambda: "ann@example.com" not in visitor.text(path) and "Pending sign-ups 1" in visitor.text(path), 60)
    assert bench.status("ann@example.com") == "pending"
    assert visitor.post(f"{path}/resume").status == 303
    until(lambda: bench.status("ann@example.com") == "approved", 60)


def test_why_a_developer_is_pending(bench: Bench, serve: Serve) -> None:
    bench.people(pending=["zoe@unknown.example", "ann@example.com", "eve@evil.example"])
    bench.manifest(RULES)
    served = serve("observe")
    visitor = visit(served, "approver")
    portal = visitor.text("/portals/partners")
    assert "zoe@unknown.example just now stays pending: no rule matches" in portal
    assert "ann@example.com just now pending → approved, joins city" in portal
    shown = visitor.text("/portals/partners/developers/zoe@unknown.example")
    assert "pending, signed up just now · stays pending: no rule matches" in shown
    absent = visitor.text("/portals/partners/developers/bob@example.com")
    assert "no account" in absent
    assert visitor.get("/portals/partners/developers/nothing").status == 404


def test_what_a_pending_developer_answered_is_shown_and_hidden_from_viewers(bench: Bench, serve: Serve) -> None:
    bench.people(pending=["zoe@unknown.example"])
    form = bench.sim.store.add_form(PORTAL_ID, [{"type": "text", "name": "company", "label": "Company"}])
    bench.sim.store.set_answers(bench.emails["zoe@unknown.example"], {"company": "<b>Acme</b>"}, form)
    bench.manifest(RULES)
    served = serve("observe")
    approver, viewer = visit(served, "approver"), visit(served, "viewer")
    for path in ("/portals/partners", "/portals/partners/developers/zoe@unknown.example"):
        assert "answered Company: <b>Acme</b>" in approver.text(path)
        assert "<b>Acme" not in approver.get(path).body.decode()
    assert "answered Company: (masked)" in viewer.text("/portals/partners")
    assert "Acme" not in viewer.get("/portals/partners").body.decode()


def test_viewers_see_masks_and_reach_developers_by_mask_only(bench: Bench, serve: Serve) -> None:
    names = ["eve@evil.example", "zoe@unknown.example", "ann@example.com", "bob@other.example"]
    bench.people(approved=[names[0], names[3]], pending=names[1:3])
    bench.manifest(RULES)
    served = serve("full")
    for role in ("viewer", "operator"):
        visitor = visit(served, role)
        pages = {"/", "/portals/partners", "/directories", *visitor.links("/"), *visitor.links("/portals/partners")}
        developers = {page for page in pages if "/developers/" in page}
        assert len(developers) == 3  # not Ann, who is approved and no finding
        for page in sorted(page for page in pages if page.startswith("/")):
            got = visitor.get(page)
            assert got.status == 200, page
            assert not any(name.partition("@")[0].encode() + b"@" in got.body for name in names), page
        run = link_to(visitor, "/portals/partners", "/runs/")
        assert "@example.com" in visitor.text(run)  # of Ann, masked
        for name in [*names, "dev-00000000@example.com"]:
            got = visitor.get(f"/portals/partners/developers/{name}")
            assert (got.status, name.encode() in got.body) == (404 if name.startswith("dev-") else 403, False)


def test_hostile_names_are_inert_on_every_page(bench: Bench, serve: Serve) -> None:
    names = [text for text in HOSTILE if text.isprintable() or text.encode(errors="ignore").decode() == text]
    bench.people(pending=[f"{text}@x.example" for text in names[::2]], approved=names[1::2])
    bench.manifest(
        RULES + "policy: {unmatched: {approved: revoked}, limits: {removals: 500, removals_percent: 100}}\n"
    )
    served = serve("full")
    for role in ("approver", "viewer"):
        visitor = visit(served, role)
        pages = {"/", "/portals/partners", *visitor.links("/"), *visitor.links("/portals/partners")}
        reached = 0
        for path in sorted(page for page in pages if page.startswith("/") and not page.startswith("/docs")):
            got = visitor.get(path)
            if "/developers/" in path:
                reached += got.status == 200
            assert got.status in {200, 404}, path
            page = read(got.body.decode())
            assert page.tags <= OWN_TAGS, path
            for tag, attributes in page.elements:
                assert not any(name.startswith("on") or name == "style" for name in attributes), (path, tag)
                target = attributes.get("href") or attributes.get("src") or attributes.get("action") or "/"
                assert target.startswith(("/", "#")), (path, tag, target)
        assert reached > 20


def test_a_portal_that_cannot_be_read_is_shown_with_its_last_state(bench: Bench, serve: Serve) -> None:
    bench.people(pending=["zoe@unknown.example"])
    bench.manifest(RULES)
    served = serve("observe")
    visitor = visit(served, "approver")
    bench.sim.close()
    served.running.wake()
    until(lambda: "failing" in visitor.text("/"), 60)
    assert "zoe@unknown.example" not in visitor.text("/")
    got = visitor.get("/portals/partners/developers/zoe@unknown.example")
    assert (got.status, "Not available now" in text_of(got)) == (503, True)


def test_guides_are_pages_and_their_links_lead_somewhere(serve: Serve, bench: Bench) -> None:
    bench.manifest(RULES)
    visitor = visit(serve("observe"), "viewer")
    guides = [link for link in visitor.links("/docs") if link.startswith("/docs/")]
    found: dict[str, Any] = {path: read(visitor.get(path).body.decode()) for path in guides}
    anchors = {path: {attributes.get("id") for _, attributes in page.elements} for path, page in found.items()}
    assert len(guides) > 15
    for path, page in found.items():
        for tag, attributes in page.elements:
            target = attributes.get("href") or ""
            if tag != "a" or "://" in target or target in {"/", "/docs", "/directories", "#main"}:
                continue
            guide, _, anchor = target.partition("#")
            assert (guide or path) in anchors, (path, target)
            assert not anchor or anchor in anchors[guide or path], (path, target)
