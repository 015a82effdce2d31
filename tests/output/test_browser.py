"""The HTML plan in a real browser: our script works, nobody else's runs, and nothing is asked of any server."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from html import unescape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from portalctl.output.html.plan import plan_html
from tests.changes.build import whole_plan
from tests.output.hostile import HOSTILE
from tests.output.plans import everyday, typed

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium, chromium-browser or google-chrome on the path"),
]
OWN = "document.documentElement.dataset.owned=1"
ATTACKS = [
    *HOSTILE,
    f"<script>{OWN}</script>",
    f"</script><script>{OWN}</script>",
    f"<img src=http://evil.example/a onerror={OWN}>",
    "<img src=http://evil.example/b>",
    f"<svg onload={OWN}>",
    f'"><script>{OWN}</script>',
    f'" onfocus="{OWN}" autofocus="',
    "</style><style>@import 'http://evil.example/c';</style>",
    "<link rel=stylesheet href=http://evil.example/d>",
    "<meta http-equiv=refresh content='0;url=http://evil.example/e'>",
    "<iframe src=http://evil.example/f></iframe>",
]


class Browser:
    """A browser whose every request, to whatever server, comes to us; `asked` are those it made."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked: list[str] = []
        asked = self.asked

        class Proxy(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                self.send_error(404)

            def do_CONNECT(self) -> None:
                self.do_GET()

            def log_message(self, *_: object) -> None:
                pass

        self.proxy = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
        threading.Thread(target=self.proxy.serve_forever, daemon=True).start()

    def shows(self, html: str) -> tuple[str, str]:
        """The page as it is once its scripts have run, and what the browser had to complain of."""
        file = self.folder / "plan.html"
        file.write_text(html, encoding="utf-8")
        words = [
            str(CHROMIUM),
            "--headless",
            "--dump-dom",
            "--disable-gpu",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--enable-logging=stderr",
            "--virtual-time-budget=2000",
            f"--user-data-dir={self.folder / 'profile'}",
            f"--proxy-server=http://127.0.0.1:{self.proxy.server_port}",
            "--proxy-bypass-list=<-loopback>",
            *(["--no-sandbox"] if os.geteuid() == 0 else []),  # chromium refuses root its sandbox
            file.as_uri(),
        ]
        done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=True)
        return done.stdout, done.stderr


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    opened = Browser(tmp_path)
    yield opened
    opened.proxy.shutdown()
    opened.proxy.server_close()


def evil(asked: list[str]) -> list[str]:
    return [url for url in asked if "evil" in url]


def test_this_browser_runs_and_asks_where_it_may(browser: Browser) -> None:
    page, _ = browser.shows(f"<!DOCTYPE html><img src=http://evil.example/x><script>{OWN}</script>")
    assert '<html data-owned="1">' in page
    assert evil(browser.asked)


def test_what_strangers_typed_runs_nothing_and_asks_nobody(browser: Browser) -> None:
    page, complaints = browser.shows(plan_html(typed(ATTACKS)))
    assert "rows shown</output>" in page
    assert '<html lang="en">' in page
    assert evil(browser.asked) == []
    assert "Content Security Policy" not in complaints


def test_the_policy_holds_even_where_escaping_would_fail(browser: Browser) -> None:
    attack = f"<script>{OWN}</script><img src=http://evil.example/x onerror={OWN}><style>*{{color:red}}</style>"
    page, complaints = browser.shows(plan_html(whole_plan(everyday())).replace("peter@arsenal.com", attack))
    assert '<html lang="en">' in page
    assert evil(browser.asked) == []
    assert "Content Security Policy" in complaints


FILTERS = {
    "": 12,
    "find.value = 'LIVERPOOL reds'": 3,
    "ops.value = 'removes'": 2,
    "ops.value = 'approve'": 6,
    "teams.value = '1'": 4,
    "rules.value = '6'": 1,
    "ops.value = 'removes'; rules.value = '6'": 0,
}
USE = """
const { find, ops, teams, rules } = form.elements;
const shown = () => Array.from(document.querySelectorAll('tr[data-ops]'), (row) => row).filter((row) => !row.hidden)
  .map((row) => row.querySelector('.subject code').textContent);
const said = () => form.querySelector('output').value;
const done = { filters: [], sorts: [] };
for (const choose of STEPS) {
  form.reset();
  new Function('find', 'ops', 'teams', 'rules', choose)(find, ops, teams, rules);
  form.dispatchEvent(new Event('input'));
  done.filters.push([shown().length, said()]);
}
form.reset();
setTimeout(() => {
  done.reset = [shown().length, said()];
  const who = document.querySelector('thead button');
  for (let times = 0; times < 4; times++) { done.sorts.push(shown()); who.click(); }
  done.unreachable = Array.from(document.querySelectorAll('input, select, button'))
    .filter((each) => each.disabled || each.tabIndex < 0 || !each.checkVisibility()).length;
  document.title = JSON.stringify(done);
});
"""


def test_the_filter_and_sorting_do_what_they_say(browser: Browser) -> None:
    html = plan_html(whole_plan(everyday()))
    start, end = html.index("<meta http-equiv"), html.index('<meta name="viewport"')
    script = USE.replace("STEPS", json.dumps(list(FILTERS)))
    page, _ = browser.shows(html[:start] + html[end:].replace("</body>", f"<script>{script}</script></body>"))
    done = json.loads(unescape(page[page.index("<title>") + 7 : page.index("</title>")]))

    assert done["filters"] == [[count, f"{count} of 12 rows shown"] for count in FILTERS.values()]
    assert done["reset"] == [12, "12 of 12 rows shown"]
    assert done["unreachable"] == 0
    as_planned, up, down, back = done["sorts"]
    assert as_planned == back
    assert as_planned[:2] == ["bob@x.org", "peter@arsenal.com"], "removals first, by rule"
    assert up == list(reversed(down))
    assert up[:2] == ["bob@x.org", "C00@City.com"]
