"""GitHub's REST API, as far as comments and issues need it (version 2022-11-28, https://docs.github.com/en/rest)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, TypeVar

from pydantic import TypeAdapter, ValidationError

from portalctl.ci.marker import Posted
from portalctl.errors import PortalctlError
from portalctl.http import Answer, Client

T = TypeVar("T")

METHODS = frozenset({"GET", "POST", "PATCH"})
ACTIONS_BOT = "github-actions[bot]"  # whom the token of a workflow run writes as
PAGE_SIZE = 100
MOST_PAGES = 1_000
HEADERS = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}

State = Literal["open", "closed"]


class GitHubError(PortalctlError):
    """GitHub did not do what was asked, or did not answer as it documents."""


@dataclass(frozen=True, slots=True)
class _User:
    login: str


@dataclass(frozen=True, slots=True)
class _Comment:
    id: int
    body: str | None
    user: _User | None

    def posted(self) -> Posted:
        return Posted(self.id, _login(self.user), self.body or "")


@dataclass(frozen=True, slots=True)
class _Issue:
    number: int
    title: str
    body: str | None
    user: _User | None
    pull_request: dict[str, Any] | None = None  # GitHub lists pull requests among the issues

    def posted(self) -> Posted:
        return Posted(self.number, _login(self.user), self.body or "", self.title)


class GitHub:
    """One repository. `client` can send METHODS. Each method raises GitHubError, or NoAnswerError."""

    def __init__(self, client: Client, repository: str) -> None:
        self._client = client
        self._path = f"/repos/{repository}"

    def author(self) -> str:
        """Whom the token writes as.

        Only the token of a person can ask that. One of an app is answered 403; unless told otherwise, it is the one
        that GitHub gives to workflow runs.
        """
        answer = self._client.request("GET", "/user", headers=HEADERS)
        if answer.status == 403:
            return ACTIONS_BOT
        return _parsed(_user(), self._good(answer).body).login

    def comments(self, number: int) -> Iterator[Posted]:
        """All comments of an issue or a pull request, oldest first."""
        for content in self._pages(f"{self._path}/issues/{number}/comments", {}):
            yield from (comment.posted() for comment in _parsed(_comments(), content))

    def add_comment(self, number: int, body: str) -> Posted:
        answer = self._send("POST", f"{self._path}/issues/{number}/comments", {"body": body})
        return _parsed(_comment(), answer.body).posted()

    def change_comment(self, comment: int, body: str) -> None:
        self._send("PATCH", f"{self._path}/issues/comments/{comment}", {"body": body})

    def open_issues(self) -> Iterator[Posted]:
        """All open issues that are no pull requests, oldest first."""
        for content in self._pages(f"{self._path}/issues", {"state": "open", "sort": "created", "direction": "asc"}):
            issues = _parsed(_issues(), content)
            yield from (issue.posted() for issue in issues if issue.pull_request is None)

    def add_issue(self, title: str, body: str) -> Posted:
        answer = self._send("POST", f"{self._path}/issues", {"title": title, "body": body})
        return _parsed(_issue(), answer.body).posted()

    def change_issue(self, number: int, body: str, state: State) -> None:
        self._send("PATCH", f"{self._path}/issues/{number}", {"body": body, "state": state})

    def _pages(self, path: str, params: Mapping[str, str]) -> Iterator[bytes]:
        """Every page, up to the first empty one: the server may give fewer entries a page than asked for."""
        for page in range(1, MOST_PAGES + 1):
            asked = {**params, "per_page": str(PAGE_SIZE), "page": str(page)}
            answer = self._good(self._client.request("GET", path, params=asked, headers=HEADERS))
            if answer.body.strip() == b"[]":
                return
            yield answer.body
        raise GitHubError(f"GET {path} does not come to an end: {MOST_PAGES:,} pages were read")

    def _send(self, method: str, path: str, body: Mapping[str, object]) -> Answer:
        return self._good(self._client.request(method, path, body=body, headers=HEADERS))

    def _good(self, answer: Answer) -> Answer:
        if answer.ok:
            return answer
        detail = f": {answer.detail}" if answer.detail else ""
        raise GitHubError(f"GitHub answered {answer.status} to {answer.call}{detail}", *_advice(answer.status))


def _advice(status: int) -> tuple[str, ...]:
    if status in {401, 403, 404}:
        return (
            "the job needs `permissions:` with pull-requests: write for comments, issues: write for issues",
            "in a pull request from a fork, GITHUB_TOKEN can only read",
        )
    return ()


def _parsed(kind: TypeAdapter[T], content: bytes) -> T:
    try:
        return kind.validate_json(content)
    except ValidationError:
        raise GitHubError("GitHub's answer is not as it documents", "does GITHUB_API_URL lead to its API?") from None


def _login(user: _User | None) -> str:
    return user.login if user else ""  # the account was deleted


_user: Callable[[], TypeAdapter[_User]] = cache(lambda: TypeAdapter(_User))
_comment: Callable[[], TypeAdapter[_Comment]] = cache(lambda: TypeAdapter(_Comment))
_comments: Callable[[], TypeAdapter[list[_Comment]]] = cache(lambda: TypeAdapter(list[_Comment]))
_issue: Callable[[], TypeAdapter[_Issue]] = cache(lambda: TypeAdapter(_Issue))
_issues: Callable[[], TypeAdapter[list[_Issue]]] = cache(lambda: TypeAdapter(list[_Issue]))
