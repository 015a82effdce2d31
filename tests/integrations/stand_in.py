"""A stand-in for the calls of GitHub's REST API that comments and issues need. It refuses what GitHub would."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import parse_qs, urlencode, urlsplit

BOT = "github-actions[bot]"
TOKEN = "ghs_standin"
REPOSITORY = "club/portal"
MOST = 65_536  # characters of a body

Answer = tuple[int, Any] | tuple[int, Any, dict[str, str]]  # status, document, headers


class RefusedError(Exception):
    """A status and a message, as GitHub words them."""

    def __init__(self, status: int, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.answer: Answer = (status, {"message": message}, headers or {})


class Refusal(NamedTuple):
    """What is returned once instead, to a call with the method and the ending of the path."""

    method: str
    ending: str
    status: int
    message: str = "told to refuse"
    headers: Mapping[str, str] = {}


@dataclass
class Entry:
    number: int
    login: str | None  # None: the account was deleted
    body: str | None
    title: str = ""
    state: str = "open"
    is_pull_request: bool = False

    def shown(self) -> dict[str, Any]:
        user = {"login": self.login, "type": "Bot"} if self.login else None
        shown = {"id": 10_000 + self.number, "number": self.number, "body": self.body, "user": user}
        shown |= {"title": self.title, "state": self.state, "html_url": "https://github.example/x"}
        return shown | ({"pull_request": {"url": "https://github.example/p"}} if self.is_pull_request else {})


@dataclass
class GitHub:
    """One repository with one pull request (number 7). `page_size` is the most that a page has, whatever is asked.

    `login`: whom the token belongs to; None: `app`, which cannot ask that. `odd`: what is returned to a path
    instead, with 200.
    """

    login: str | None = None
    app: str = BOT
    page_size: int = 100
    can_write: bool = True
    prefix: str = ""
    odd: dict[str, Any] = field(default_factory=dict)
    comments: list[Entry] = field(default_factory=list)
    issues: list[Entry] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    has_links: bool = True  # to the next page, as GitHub has
    next_page: str | None = None  # an address that each page links to instead
    before: Callable[[str], None] = lambda _: None  # called with each call before it is answered

    def comment(self, login: str | None, body: str) -> Entry:
        return _add(self.comments, Entry(len(self.comments) + 1, login, body))

    def issue(self, login: str | None, body: str | None, **more: Any) -> Entry:
        return _add(self.issues, Entry(100 + len(self.issues), login, body, **more))

    @property
    def writes(self) -> list[str]:
        return [call for call in self.calls if not call.startswith("GET")]

    @property
    def env(self) -> dict[str, str]:
        return {"GITHUB_API_URL": self.url, "GITHUB_TOKEN": TOKEN, "GITHUB_REPOSITORY": REPOSITORY}

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self._answered))
        self._thread = threading.Thread(target=lambda: self._server.serve_forever(poll_interval=0.01), daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}{self.prefix}"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answered(self, method: str, target: str, headers: dict[str, str], content: bytes) -> Answer:
        parts = urlsplit(target)
        path = parts.path.removeprefix(self.prefix) if parts.path.startswith(self.prefix) else ""
        self.calls.append(f"{method} {path}")
        self.before(self.calls[-1])
        if path in self.odd:
            return 200, self.odd[path]
        try:
            self._admit(method, path, headers)
            query = {key: values[0] for key, values in parse_qs(parts.query).items()}
            return self._linked(self._route(method, path, query, json.loads(content or b"{}")), path, query)
        except RefusedError as refused:
            return refused.answer

    def _admit(self, method: str, path: str, headers: dict[str, str]) -> None:
        for refusal in self.refusals:
            if refusal[0] == method and path.endswith(refusal[1]):
                self.refusals.remove(refusal)
                raise RefusedError(refusal.status, refusal.message, dict(refusal.headers))
        if headers.get("authorization") != f"Bearer {TOKEN}":
            raise RefusedError(401, "Bad credentials")
        if headers.get("accept") != "application/vnd.github+json":
            raise RefusedError(415, "Unsupported 'Accept' header")
        if headers.get("x-github-api-version") != "2022-11-28":
            raise RefusedError(400, "Unsupported API version")
        if method != "GET" and not self.can_write:
            raise RefusedError(403, "Resource not accessible by integration")

    def _route(self, method: str, path: str, query: dict[str, str], body: dict[str, Any]) -> Answer:
        base = f"/repos/{REPOSITORY}/issues"
        routes: list[tuple[str, str, Callable[..., Answer]]] = [
            ("GET", "/user", self._user),
            ("GET", f"{base}/7/comments", lambda: (200, self._page(self.comments, query))),
            ("POST", f"{base}/7/comments", lambda: (201, self.comment(self.login or self.app, _body(body)).shown())),
            ("PATCH", rf"{base}/comments/(\d+)", lambda id_: _change(self.comments, int(id_) - 10_000, body)),
            ("GET", base, lambda: (200, self._page(self._issues(**query), query))),
            ("POST", base, lambda: self._open(body)),
            ("PATCH", rf"{base}/(\d+)", lambda number: _change(self.issues, int(number), body, "state")),
        ]
        for verb, pattern, answer in routes:
            if verb == method and (found := re.fullmatch(pattern, path)):
                return answer(*found.groups())
        raise RefusedError(404, "Not Found")

    def _linked(self, answer: Answer, path: str, query: dict[str, str]) -> Answer:
        """With a link to the next page, where there is one (GitHub's page is named by an id of the repository)."""
        if "per_page" not in query or not self.has_links:
            return answer
        entries = self.comments if path.endswith("comments") else self._issues()
        page, size = int(query.get("page", "1")), min(int(query["per_page"]), self.page_size)
        following = self.next_page or f"{self.url}{path}?{urlencode({**query, 'page': str(page + 1)})}"
        links = [f'<{self.url}{path}>; rel="first"'] if page > 1 else []
        if page * size < len(entries):
            links.append(f'<{following}>; rel="next"')
        return (*answer[:2], {"Link": ", ".join(links)} if links else {})

    def _user(self) -> Answer:
        if self.login is None:
            raise RefusedError(403, "Resource not accessible by integration")
        return 200, {"login": self.login}

    def _issues(self, state: str = "open", **_: str) -> list[Entry]:
        return [each for each in self.issues if each.state == state]

    def _open(self, body: dict[str, Any]) -> Answer:
        text = _body(body, "title")
        return 201, self.issue(self.login or self.app, text, title=body["title"]).shown()

    def _page(self, entries: list[Entry], query: dict[str, str]) -> list[Any]:
        size = min(int(query["per_page"]), self.page_size)
        start = (int(query.get("page", "1")) - 1) * size
        return [each.shown() for each in entries[start : start + size]]


def _add(entries: list[Entry], entry: Entry) -> Entry:
    entries.append(entry)
    return entry


def _change(entries: list[Entry], number: int, body: dict[str, Any], *more: str) -> Answer:
    for each in entries:
        if each.number == number:
            each.body = _body(body, *more)
            each.state = body.get("state", each.state)
            return 200, each.shown()
    raise RefusedError(404, "Not Found")


def _body(given: dict[str, Any], *more: str) -> str:
    """The text, where exactly the keys are there that the call takes here."""
    if set(given) != {"body", *more} or not all(isinstance(value, str) and value for value in given.values()):
        raise RefusedError(422, "Validation Failed")
    if len(given["body"]) > MOST:
        raise RefusedError(422, f"body is too long (maximum is {MOST} characters)")
    return str(given["body"])


def _handler(answer: Callable[[str, str, dict[str, str], bytes], Answer]) -> type[BaseHTTPRequestHandler]:
    def handle(self: BaseHTTPRequestHandler) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        headers = {name.lower(): value for name, value in self.headers.items()}
        status, document, *more = answer(self.command, self.path, headers, content)
        payload = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(payload)))
        for name, value in (more[0] if more else {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(payload)

    members: dict[str, Any] = {f"do_{verb}": handle for verb in ("GET", "POST", "PATCH", "PUT", "DELETE")}
    members |= {"protocol_version": "HTTP/1.1", "wbufsize": -1, "log_message": lambda *_: None}
    return type("Handler", (BaseHTTPRequestHandler,), members)
