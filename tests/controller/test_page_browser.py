"""The page in a real browser, as a user would use it: wide and narrow, with and without scripts, by keyboard."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.conftest import Bench
from tests.controller.api_world import TOKENS
from tests.controller.running import until
from tests.controller.served import Served

playwright = pytest.importorskip("playwright.sync_api")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [
    pytest.mark.peer,
    pytest.mark.usefixtures("quick"),
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium, chromium-browser or google-chrome on the path"),
]
ARGUMENTS = [
    *("--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
    *(["--no-sandbox"] if os.geteuid() == 0 else []),  # chromium refuses root its sandbox
]
SECONDS = 30.0  # until an element or a page is there; the machine may be slow
LONG = "a" * 60 + "." + "b" * 60
OWNED = '"><img src=x onerror="document.documentElement.dataset.owned=1">@x.example'
RULES = """
trusted_domains:
  - {domain: example.com, teams: [city]}
teams:
  - {name: city}
denied_domains:
  - {domain: evil.example, reason: Left the programme}
"""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def served(bench: Bench, serve: Callable[..., Served]) -> Served:
    """Return a controller with a held plan, and sign-ups that wait."""
    bench.people(
        approved=["eve@evil.example", "ann@example.com", f"{LONG}@other.example"],
        pending=["zoe@unknown.example", OWNED],
    )
    bench.team("city", "ann@example.com")
    bench.manifest(RULES)
    return serve("full")


Open = Callable[..., Any]


@pytest.fixture
def open_page(chromium: Any, served: Served) -> Iterator[Open]:
    """Yield what opens a page as a user who has signed in, in a window of its own."""
    contexts = []

    def opened(role: str | None = "approver", *, width: int = 1280, **options: Any) -> Any:
        base = f"http://127.0.0.1:{served.world.port}"
        context = chromium.new_context(viewport={"width": width, "height": 900}, base_url=base, **options)
        context.set_default_timeout(SECONDS * 1000)
        contexts.append(context)
        page = context.new_page()
        page.goto("/")
        if role is not None:
            page.get_by_label("Token").fill(TOKENS[role])
            page.get_by_role("button", name="Sign in").click()
            page.get_by_role("heading", name="Portals", exact=True).wait_for()
        return page

    yield opened
    for context in contexts:
        context.close()


@pytest.mark.parametrize(("width", "scripts"), [(1280, True), (400, False)])
def test_a_user_approves_a_held_plan(width: int, scripts: bool, open_page: Open, bench: Bench) -> None:
    page = open_page(width=width, java_script_enabled=scripts)
    page.get_by_role("link", name="partners: 1 developer loses access").click()
    removals = page.locator(".box.removes")
    assert "eve@evil.example approved → revoked" in removals.inner_text()
    page.get_by_role("button", name="Approve these changes").click()
    page.get_by_role("heading", name="approved").wait_for()
    until(lambda: bench.status("eve@evil.example") == "revoked", SECONDS)
    assert page.get_by_role("button", name="Approve these changes").count() == 0


@pytest.mark.parametrize("width", [1280, 400])
def test_a_user_suspends_a_portal_by_keyboard(width: int, open_page: Open, served: Served) -> None:
    page = open_page("operator", width=width)
    page.get_by_role("link", name="partners", exact=True).focus()
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="partners").wait_for()
    reached = []
    for _ in range(30):
        page.keyboard.press("Tab")
        name, outline = page.evaluate(
            "[document.activeElement.textContent.trim(), getComputedStyle(document.activeElement).outlineStyle]"
        )
        reached.append(name)
        assert outline != "none", name
        if name == "Suspend …":
            break
    assert reached[0] == "Skip to the content"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type("audit until Friday")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Suspended", exact=True).wait_for()
    assert "audit until Friday" in page.get_by_role("main").inner_text()
    suspension = served.running.store.suspension("partners", served.running.controller.loop.alive_at)  # type: ignore[arg-type]
    assert suspension is not None
    assert (suspension.by, suspension.reason) == ("operator", "audit until Friday")


def test_the_skip_link_leads_to_the_content(open_page: Open) -> None:
    page = open_page()
    page.keyboard.press("Tab")
    assert page.get_by_role("link", name="Skip to the content").is_visible()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_a_user_finds_why_a_developer_is_pending(open_page: Open) -> None:
    page = open_page("viewer")
    page.get_by_role("link", name="partners", exact=True).click()
    row = page.get_by_role("row").filter(has_text="@unknown.example")
    assert "stays pending: no rule matches" in row.inner_text()
    row.get_by_role("link").click()
    page.get_by_role("heading", name="History").wait_for()
    text = page.get_by_role("main").inner_text()
    assert "stays pending: no rule matches" in text
    assert "zoe@" not in text


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (400, "dark")])
def test_no_page_is_wider_than_the_window(width: int, scheme: str, open_page: Open) -> None:
    page = open_page(width=width, color_scheme=scheme)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.goto("/portals/partners")
    links = page.eval_on_selector_all("main a", "all => all.map(one => one.getAttribute('href'))")
    paths = [
        "/",
        "/portals/partners",
        "/directories",
        "/docs",
        "/docs/controller",
        "/docs/findings",
        "/login",
        *links,
    ]
    for path in dict.fromkeys(paths):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        assert page.evaluate("document.documentElement.dataset.owned") is None, path
        assert page.get_by_role("main").count() == page.locator("h1").count() == 1, path
        assert page.evaluate("[...document.querySelectorAll('th')].every(head => head.scope)"), path
    assert complaints == []
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (paper == "rgb(255, 255, 255)") == (scheme == "light")


def test_a_form_of_another_site_approves_nothing(open_page: Open, served: Served, bench: Bench) -> None:
    """The user is signed in, and another site, on another port of the same host, sends the form for them."""
    page = open_page()
    (held,) = (view.held for view in served.running.controller.loop.views.values())
    assert held is not None
    target = f"http://127.0.0.1:{served.world.port}/plans/{held.digest}/approve"
    field = f'<input name="digest" value="{held.digest}">'
    form = f'<form method="post" action="{target}">{field}<button>Win</button></form>'

    class Other(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(f'<a href="{target.removesuffix("/approve")}">plan</a>{form}'.encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Other) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        for host in ("127.0.0.1", "localhost"):
            page.goto(f"http://{host}:{other.server_port}/")
            page.get_by_role("button", name="Win").click()
            page.get_by_role("heading", name="Not allowed" if host == "127.0.0.1" else "Sign in").wait_for()
        page.goto(f"http://localhost:{other.server_port}/")
        page.get_by_role(
            "link", name="plan"
        ).click()  # a link, as in a chat, leads to the page without signing in again
        page.get_by_role("button", name="Approve these changes").wait_for()
        other.shutdown()
    plan = served.running.store.plan(held.digest)
    assert plan is not None
    assert (plan.state, bench.status("eve@evil.example")) == ("held", "approved")


def test_a_session_ends_with_sign_out(open_page: Open) -> None:
    page = open_page()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_label("Token").wait_for()
    page.goto("/portals/partners")
    assert page.get_by_label("Token").is_visible()
