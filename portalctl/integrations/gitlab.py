"""GitLab's REST API for notes on merge requests (v4, https://docs.gitlab.com/api/notes/#merge-requests)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TypeVar
from urllib.parse import quote

from pydantic import TypeAdapter, ValidationError

from portalctl.errors import PortalctlError
from portalctl.http import Answer, Client
from portalctl.integrations.marker import Posted

T = TypeVar("T")

METHODS = frozenset({"GET", "POST", "PUT"})
PAGE_SIZE = 100
MOST_PAGES = 1_000


class GitLabError(PortalctlError):
    """GitLab returned an error, or an undocumented answer."""


@dataclass(frozen=True, slots=True)
class _Account:
    username: str


@dataclass(frozen=True, slots=True)
class _Note:
    id: int
    body: str
    author: _Account
    system: bool = False  # written by GitLab itself, for example about pushes

    def posted(self) -> Posted:
        return Posted(self.id, self.author.username, self.body)


class MergeRequest:
    """One merge request. `client` may send METHODS. Each method raises GitLabError or NoAnswerError."""

    def __init__(self, client: Client, project: str, number: int) -> None:
        self._client = client
        self._path = f"/projects/{quote(project, safe='')}/merge_requests/{number}/notes"

    def author(self) -> str:
        """Return the user name of the token's account."""
        return _parsed(_account(), self._send("GET", "/user")).username

    def comments(self) -> Iterator[Posted]:
        """Yield all notes written by users, oldest first."""
        path = f"{self._path}?sort=asc&order_by=created_at&per_page={PAGE_SIZE}&page="
        for page in range(1, MOST_PAGES + 1):
            notes = _parsed(_notes(), self._send("GET", f"{path}{page}"))
            yield from (note.posted() for note in notes if not note.system)
            if not notes:
                return
        raise GitLabError(f"GET {self._path}: no last page after {MOST_PAGES:,} pages")

    def add_comment(self, body: str) -> Posted:
        """Write a note."""
        return _parsed(_note(), self._send("POST", self._path, {"body": body})).posted()

    def change_comment(self, comment: int, body: str) -> bool:
        """Replace the text of a note. Return False if it no longer exists."""
        answer = self._client.request("PUT", f"{self._path}/{comment}", body={"body": body})
        if answer.status == 404:
            return False
        _good(answer)
        return True

    def _send(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Answer:
        return _good(self._client.request(method, path, body=body))


def _good(answer: Answer) -> Answer:
    if answer.ok:
        return answer
    detail = f": {answer.detail}" if answer.detail else ""
    raise GitLabError(f"GitLab returned {answer.status} to {answer.call}{detail}", *_advice(answer.status))


def _advice(status: int) -> tuple[str, ...]:
    match status:
        case 401 | 403 | 404:
            return (
                "Set GITLAB_TOKEN to a token with the scope api and the role Reporter or higher in this project. "
                "The job's CI_JOB_TOKEN can't write notes.",
                "Protected variables are not available in merge requests from unprotected branches.",
            )
        case status if 300 <= status < 400:
            return ("Redirects are not followed. Check CI_API_V4_URL.",)
        case status if status >= 500:
            return ("GitLab has a fault. Run the job again later.",)
        case _:
            return ()


def _parsed(kind: TypeAdapter[T], answer: Answer) -> T:
    try:
        return kind.validate_json(answer.body)
    except ValidationError:
        raise GitLabError(
            f"the answer to {answer.call} does not match GitLab's API documentation",
            "Check that CI_API_V4_URL is the address of GitLab's API.",
        ) from None


_account: Callable[[], TypeAdapter[_Account]] = cache(lambda: TypeAdapter(_Account))
_note: Callable[[], TypeAdapter[_Note]] = cache(lambda: TypeAdapter(_Note))
_notes: Callable[[], TypeAdapter[list[_Note]]] = cache(lambda: TypeAdapter(list[_Note]))
