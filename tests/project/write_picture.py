"""Draws the pictures of the README: `python -m tests.project.write_picture`. Needs chromium and playwright."""

from __future__ import annotations

import os
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

from portalctl.controller.models import PortalKey, Suspension
from tests.controller.api_world import KEY, TOKENS, World, api, held, view
from tests.docs.console import ROOT, Command, run, world

PLAN = ROOT / ".github" / "plan.png"
PAGE = ROOT / ".github" / "page.png"


def main() -> None:
    with tempfile.TemporaryDirectory() as name, sync_playwright() as started:
        folder = Path(name)
        arguments = ["--hide-scrollbars", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
        browser = started.chromium.launch(executable_path="/usr/bin/chromium", args=arguments)
        page = browser.new_page(viewport={"width": 1000, "height": 760})
        page.goto(_plan(folder).as_uri())
        page.screenshot(path=PLAN)
        with api(folder) as controller:
            _draw(page, controller)
        browser.close()


def _plan(folder: Path) -> Path:
    """Return a file with the plan of the examples."""
    with world(folder / "portal-access") as env:
        (result,) = run([Command("portalctl plan -o html > plan.html", ())], folder / "portal-access", env)
        if result.code != 0:
            raise SystemExit(result.output)
    return folder / "portal-access" / "plan.html"


def _draw(page: Page, controller: World) -> None:
    """Draw the page of a controller with a portal in each state."""
    _fill(controller, datetime.now(UTC))
    page.goto(f"http://127.0.0.1:{controller.port}/")
    page.get_by_label("Token").fill(TOKENS["approver"])
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Portals", exact=True).wait_for()
    page.screenshot(path=PAGE)


def _fill(controller: World, now: datetime) -> None:
    plan = held(controller, started_at=now - timedelta(hours=3))
    commit = "4f2c9d81aa00b7e6"
    last, following = now - timedelta(minutes=4), now + timedelta(minutes=6)
    known = {"commit": commit, "last_run": last, "next_run": following, "drift": {}}
    waits = {"pending": 3, "oldest_pending": now - timedelta(days=2), "drift": {"backlog": 3}}
    states: dict[str, dict[str, Any]] = {
        "partners": {"state": "held", "held": plan},
        "suppliers": {"state": "failing", "problems": ("401 Unauthorized to GET /v3/portals",)},
        "events": {"state": "in_sync"},
        "fans": {"provider": "api7", "state": "drifted", "drift": {"unruled_grant": 2, "withheld": 1}},
        "press": {"state": "pending", **waits},
        "internal": {"mode": "observe", "state": "in_sync"},
    }
    keys = {name: PortalKey(KEY.server, name) for name in states}
    controller.hub.views = {name: view(name, key=keys[name], **known | facts) for name, facts in states.items()}
    controller.store.suspend(keys["events"], Suspension("audit until Friday", "carol", now))


if __name__ == "__main__":
    main()
