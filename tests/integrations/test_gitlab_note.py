"""`ci gitlab --note`: one note on the merge request for each portal, kept up to date."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from portalctl.changes.plan_document import to_json
from tests.changes.build import whole_plan
from tests.conftest import Done, portalctl
from tests.integrations.conftest import EVERYDAY, HEAD, NOTHING

TOKEN = "glpat-standin"
NOTES = "/api/v4/projects/12/merge_requests/3/notes"


class GitLab(ThreadingHTTPServer):
    """The notes of one merge request. `status`: what writes return instead."""

    def __init__(self) -> None:
        self.notes: list[dict[str, Any]] = []
        self.calls: list[str] = []
        self.status = 0
        super().__init__(("127.0.0.1", 0), _Handler)

    def note(self, author: str, body: str, *, system: bool = False) -> dict[str, Any]:
        found = {"id": len(self.notes) + 1, "body": body, "author": {"username": author}, "system": system}
        self.notes.append(found)
        return found

    @property
    def writes(self) -> list[str]:
        return [call for call in self.calls if not call.startswith("GET")]


class _Handler(BaseHTTPRequestHandler):
    server: GitLab

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if not self._admitted(parts.path):
            return
        if parts.path == "/api/v4/user":
            self._answer(200, {"username": "project_12_bot"})
        else:
            page = int(parse_qs(parts.query)["page"][0])
            self._answer(200, self.server.notes[(page - 1) * 2 : page * 2])

    def do_POST(self) -> None:
        self._write(lambda body: self.server.note("project_12_bot", body))

    def do_PUT(self) -> None:
        number = int(self.path.rpartition("/")[2])
        found = [note for note in self.server.notes if note["id"] == number]

        def change(body: str) -> dict[str, Any]:
            found[0]["body"] = body
            return found[0]

        self._write(change)

    def _write(self, act: Any) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))["body"]
        if self._admitted(urlsplit(self.path).path):
            if self.server.status:
                self._answer(self.server.status, {"message": "403 Forbidden"})
            else:
                self._answer(201, act(body))

    def _admitted(self, path: str) -> bool:
        self.server.calls.append(f"{self.command} {path}")
        if TOKEN in (self.headers["authorization"] or ""):
            return True
        self._answer(401, {"message": "401 Unauthorized"})
        return False

    def _answer(self, status: int, document: Any) -> None:
        content = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def gitlab() -> Iterator[GitLab]:
    server = GitLab()
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def note(gitlab: GitLab, *words: str, portal: Any = EVERYDAY, **env: str) -> Done:
    Path("plan.json").write_text(to_json(whole_plan(portal)), encoding="utf-8")
    given = {
        "CI_API_V4_URL": f"http://127.0.0.1:{gitlab.server_port}/api/v4",
        "CI_PROJECT_ID": "12",
        "CI_PROJECT_URL": "https://gitlab.example/club/portal",
        "CI_MERGE_REQUEST_IID": "3",
        "CI_COMMIT_SHA": HEAD,
        "CI_JOB_URL": "https://gitlab.example/club/portal/-/jobs/9",
        "GITLAB_TOKEN": TOKEN,
        "PORTALCTL_MASK_KEY": "a key of 16 bytes",
    }
    return portalctl("ci", "gitlab", "plan.json", "--note", "on-change", *words, env=given | env)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_one_note_is_kept_up_to_date_and_shows_masks_and_links(gitlab: GitLab) -> None:
    for number in range(5):
        gitlab.note("someone", f"<!-- portalctl plan of partners -->\ncopied {number}")
    gitlab.note("project_12_bot", "pushed", system=True)
    assert note(gitlab).code == 0
    assert note(gitlab).code == 0
    assert gitlab.writes == [f"POST {NOTES}"], "the same again is not sent"
    assert note(gitlab, "--report-url", "https://gitlab.example/x/portal-access.html").code == 0
    assert gitlab.writes[1:] == [f"PUT {NOTES}/7"]
    body = gitlab.notes[-1]["body"]
    assert "peter@" not in body
    assert re.search(r"`dev-[0-9a-f]{8}@arsenal\.com`", body)
    assert f"(https://gitlab.example/club/portal/-/blob/{HEAD}/portals/partners.yaml#L50)" in body
    assert "[run](https://gitlab.example/club/portal/-/jobs/9)" in body
    assert "[full report](https://gitlab.example/x/portal-access.html)" in body


def test_nothing_to_show_is_not_posted_and_show_emails_shows_them(gitlab: GitLab) -> None:
    assert note(gitlab, portal=NOTHING).code == 0
    assert gitlab.writes == []
    assert note(gitlab, "--show-emails").code == 0
    assert "`peter@arsenal.com`" in gitlab.notes[-1]["body"]


def test_a_refusal_names_the_call_and_what_the_token_needs(gitlab: GitLab) -> None:
    gitlab.status = 403
    done = note(gitlab)
    assert done.code == 1
    assert f"GitLab returned 403 to POST {NOTES.removeprefix('/api/v4')}" in done.err
    assert "scope api" in done.err
    assert TOKEN not in done.out + done.err


@pytest.mark.parametrize("name", ["GITLAB_TOKEN", "CI_API_V4_URL", "CI_PROJECT_ID"])
def test_a_variable_that_is_not_set_is_named(gitlab: GitLab, name: str) -> None:
    done = note(gitlab, **{name: ""})
    assert (done.code, name in done.err) == (64, True)
    assert gitlab.calls == []


def test_no_note_outside_a_merge_request(gitlab: GitLab) -> None:
    done = note(gitlab, CI_MERGE_REQUEST_IID="")
    assert (done.code, gitlab.calls) == (0, [])
    assert "not for a merge request" in done.err
