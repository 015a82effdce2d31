"""GitHub's REST API for comments and issues (version 2022-11-28, https://docs.github.com/en/rest)."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any, Literal, TypeVar
from urllib.parse import urlencode

from pydantic import TypeAdapter, ValidationError

from portalctl.errors import PortalctlError
from portalctl.events import Observer, Waiting, ignore
from portalctl.http import Answer, Client
from portalctl.integrations.marker import Posted

T = TypeVar("T")

METHODS = frozenset({"GET", "POST", "PATCH"})
ACTIONS_BOT = "github-actions[bot]"  # the account of a workflow run's token
PAGE_SIZE = 100
MOST_PAGES = 1_000
MOST_SECONDS = 180.0  # the longest wait for one call
MINUTE = 60.0  # seconds to wait at a rate limit that states no time
GONE = frozenset({404, 410})
HEADERS = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}

State = Literal["open", "closed"]

_NEXT = re.compile(r'<([^<>]*)>[^,<]*;\s*rel="?next"?', re.IGNORECASE)


class GitHubError(PortalctlError):
    """GitHub returned an error, or an undocumented answer."""


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
    """One repository. `client` may send METHODS. Each method raises GitHubError or NoAnswerError.

    At a rate limit, a call waits for up to MOST_SECONDS; `observer` gets an event for each pause.
    """

    def __init__(self, client: Client, repository: str, observer: Observer = ignore) -> None:
        self._client = client
        self._observer = observer
        self._path = f"/repos/{repository}"

    def author(self) -> str:
        """Return the login of the token's account.

        GitHub answers this only for a user's token. For an app's token it returns 403; the account is then assumed to
        be the one of workflow runs.
        """
        answer = self._send("GET", "/user")
        if answer.status == 403 and _pause(answer) is None:
            return ACTIONS_BOT
        return _parsed(_user(), self._good(answer)).login

    def comments(self, number: int) -> Iterator[Posted]:
        """Yield all comments of an issue or a pull request, oldest first."""
        for answer in self._pages(f"{self._path}/issues/{number}/comments", {}):
            yield from (comment.posted() for comment in _parsed(_comments(), answer))

    def add_comment(self, number: int, body: str) -> Posted:
        """Post a comment on an issue or a pull request."""
        answer = self._send("POST", f"{self._path}/issues/{number}/comments", {"body": body})
        return _parsed(_comment(), self._good(answer)).posted()

    def change_comment(self, comment: int, body: str) -> bool:
        """Replace the text of a comment. Return False if it no longer exists."""
        return self._changed(self._send("PATCH", f"{self._path}/issues/comments/{comment}", {"body": body}))

    def open_issues(self) -> Iterator[Posted]:
        """Yield all open issues that are not pull requests, oldest first."""
        for answer in self._pages(f"{self._path}/issues", {"state": "open", "sort": "created", "direction": "asc"}):
            issues = _parsed(_issues(), answer)
            yield from (issue.posted() for issue in issues if issue.pull_request is None)

    def add_issue(self, title: str, body: str) -> Posted:
        """Open an issue."""
        answer = self._send("POST", f"{self._path}/issues", {"title": title, "body": body})
        return _parsed(_issue(), self._good(answer)).posted()

    def change_issue(self, number: int, body: str, state: State) -> bool:
        """Replace the text and the state of an issue. Return False if it no longer exists."""
        return self._changed(self._send("PATCH", f"{self._path}/issues/{number}", {"body": body, "state": state}))

    def _changed(self, answer: Answer) -> bool:
        if answer.status in GONE:
            return False
        self._good(answer)
        return True

    def _pages(self, path: str, params: Mapping[str, str]) -> Iterator[Answer]:
        """Yield every page: by the links to next pages, or without such links by number up to an empty page.

        A server may return fewer entries for each page than requested, and a proxy may drop the links.
        """
        query = {**params, "per_page": str(PAGE_SIZE)}
        target, linked = f"{path}?{urlencode(query)}", False
        for page in range(2, MOST_PAGES + 2):
            answer = self._good(self._send("GET", target))
            yield answer
            linked = linked or "link" in answer.headers
            by_number = "" if answer.body.strip() == b"[]" else f"{path}?{urlencode({**query, 'page': page})}"
            target = self._next(answer) if linked else by_number
            if not target:
                return
        raise GitHubError(f"GET {path}: no last page after {MOST_PAGES:,} pages")

    def _next(self, answer: Answer) -> str:
        """Return the path of the next page in an answer's Link header (RFC 8288), empty on the last page.

        https://docs.github.com/en/rest/using-the-rest-api/using-pagination-in-the-rest-api. Raises GitHubError for a
        link to another server, which must not receive the token.
        """
        found = _NEXT.search(answer.headers.get("link", ""))
        if found is None:
            return ""
        base, url = self._client.server.url, found[1]
        path = url.removeprefix(base)
        if not url.startswith(f"{base}/") or not path.isascii() or not path.isprintable() or " " in path:
            raise GitHubError(
                f"the next page of {answer.call} is not on the API server",
                f"Check {self._client.server.url_source}.",
            )
        return path

    def _send(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Answer:
        """Send a request, and repeat it after a rate limit with 403, which did nothing. The client handles 429."""
        waited = 0.0
        while True:
            answer = self._client.request(method, path, body=body, headers=HEADERS)
            pause = _pause(answer) if answer.status == 403 else None
            if pause is None or waited + pause > MOST_SECONDS:
                return answer
            self._observer(Waiting(pause, "GitHub requested it (rate limit)"))
            time.sleep(pause)
            waited += pause

    def _good(self, answer: Answer) -> Answer:
        if answer.ok:
            return answer
        detail = f": {answer.detail}" if answer.detail else ""
        raise GitHubError(f"GitHub returned {answer.status} to {answer.call}{detail}", *_advice(answer))


@dataclass(frozen=True, slots=True)
class PullRequest:
    """The comments of one pull request. Each method raises the errors of the same method of GitHub."""

    github: GitHub
    number: int

    def author(self) -> str:
        """Return the login of the token's account."""
        return self.github.author()

    def comments(self) -> Iterator[Posted]:
        """Yield all comments, oldest first."""
        return self.github.comments(self.number)

    def add_comment(self, body: str) -> Posted:
        """Post a comment."""
        return self.github.add_comment(self.number, body)

    def change_comment(self, comment: int, body: str) -> bool:
        """Replace the text of a comment. Return False if it no longer exists."""
        return self.github.change_comment(comment, body)


def rate_limit(status: int, headers: Mapping[str, str], text: str) -> float | None:
    """Return the seconds to wait if an answer reports a rate limit, None for any other answer.

    GitHub reports rate limits with 403 and 429, and with Retry-After, `x-ratelimit-remaining: 0`, or only a text
    about a secondary limit. For the latter its documentation demands a wait of at least a minute.
    https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api#exceeding-the-rate-limit
    """
    if status not in {403, 429}:
        return None
    if retry_after := headers.get("retry-after", "").strip():
        return _number(retry_after, MINUTE)
    if headers.get("x-ratelimit-remaining", "").strip() == "0":
        return _until_reset(headers)
    text = text.casefold()
    return MINUTE if status == 429 or "rate limit" in text or "abuse detection" in text else None


def _pause(answer: Answer) -> float | None:
    return rate_limit(answer.status, answer.headers, answer.detail)


def _number(text: str, otherwise: float) -> float:
    return float(text) if text.isascii() and text.isdigit() and len(text) <= 12 else otherwise


def _until_reset(headers: Mapping[str, str]) -> float:
    """Return the seconds until `x-ratelimit-reset`, by the server's clock if the answer has its time."""
    reset = _number(headers.get("x-ratelimit-reset", "").strip(), 0)
    if not reset:
        return MINUTE
    try:
        now = parsedate_to_datetime(headers.get("date", "")).timestamp()
    except (ValueError, OverflowError):
        now = time.time()
    return max(reset - now, 0) + 1


def _advice(answer: Answer) -> tuple[str, ...]:
    text = answer.detail.casefold()
    match answer.status:
        case _ if _pause(answer) is not None:
            advice = "Run the job again after the rate limit is reset, or use a token with its own limit."
        case 403 if "locked" in text:
            advice = "Unlock the conversation on GitHub, or pass --comment never."
        case 410:
            advice = "Enable issues in the repository settings, or leave out --issue."
        case 422 if "too long" in text:
            advice = "Split the portals over several jobs, each with --portal NAME."
        case 401 | 403 | 404:
            return _PERMISSIONS
        case status if 300 <= status < 400:
            advice = "Redirects are not followed. Check GITHUB_REPOSITORY: the repository may have a new name."
        case status if status >= 500:
            advice = "GitHub has a fault. Run the job again later; see https://www.githubstatus.com."
        case _:
            return ()
    return (advice,)


_PERMISSIONS = (
    "Add `permissions:` to the job: `pull-requests: write` for comments, `issues: write` for issues.",
    "In a pull request from a fork, GITHUB_TOKEN can only read.",
)


def _parsed(kind: TypeAdapter[T], answer: Answer) -> T:
    try:
        return kind.validate_json(answer.body)
    except ValidationError:
        raise GitHubError(
            f"the answer to {answer.call} does not match GitHub's API documentation",
            "Check that GITHUB_API_URL is the address of GitHub's API.",
        ) from None


def _login(user: _User | None) -> str:
    return user.login if user else ""  # the account was deleted


_user: Callable[[], TypeAdapter[_User]] = cache(lambda: TypeAdapter(_User))
_comment: Callable[[], TypeAdapter[_Comment]] = cache(lambda: TypeAdapter(_Comment))
_comments: Callable[[], TypeAdapter[list[_Comment]]] = cache(lambda: TypeAdapter(list[_Comment]))
_issue: Callable[[], TypeAdapter[_Issue]] = cache(lambda: TypeAdapter(_Issue))
_issues: Callable[[], TypeAdapter[list[_Issue]]] = cache(lambda: TypeAdapter(list[_Issue]))
