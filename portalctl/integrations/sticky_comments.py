"""One comment and one issue for each portal: posted once, found again, and kept up to date."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from portalctl.errors import PortalctlError
from portalctl.integrations.comment_text import Body
from portalctl.integrations.github import GitHub, State
from portalctl.integrations.marker import MOST, Posted, Subject, marked, ours


class Thread(Protocol):
    """The comments of a pull request or a merge request."""

    def author(self) -> str:
        """Return the name of the token's account."""

    def comments(self) -> Iterator[Posted]:
        """Yield all comments, oldest first."""

    def add_comment(self, body: str) -> Posted:
        """Post a comment."""

    def change_comment(self, comment: int, body: str) -> bool:
        """Replace the text of a comment. Return False where it does not exist any more."""


def keep_comments(thread: Thread, bodies: Sequence[Body], author: str | None) -> None:
    """Bring each portal's comment on a pull request up to date, or post it where it is needed.

    A comment that is deleted at the same time is posted anew. The failure of one portal does not stop the others;
    PortalctlError is raised at the end.
    """
    author = author or thread.author()
    posted = list(thread.comments())

    def keep(body: Body) -> None:
        text = _text("plan", body)
        found = ours(posted, "plan", body.portal, author)
        if found is not None and (found.body == text or thread.change_comment(found.number, text)):
            return
        if body.needed:
            _check_ours(thread.add_comment(text), author)

    _each(bodies, keep)


def keep_issues(github: GitHub, bodies: Sequence[Body], author: str) -> None:
    """Open, update or close each portal's issue: `needed` is whether there is drift. Raises as `keep_comments`."""
    posted = list(github.open_issues())

    def keep(body: Body) -> None:
        text = _text("drift", body)
        found = ours(posted, "drift", body.portal, author)
        state: State = "open" if body.needed else "closed"
        if found is not None and body.needed and found.body == text:
            return
        if found is not None and github.change_issue(found.number, text, state):
            return
        if body.needed:
            _check_ours(github.add_issue(f"Portal access drift: {body.portal}", text), author)

    _each(bodies, keep)


def _check_ours(posted: Posted, author: str) -> None:
    """Raises PortalctlError for a post that the next run would not find, and so would post again."""
    if posted.author.casefold() != author.casefold():
        raise PortalctlError(
            f"posted as {posted.author}, but looked for as {author}: each run would post another one",
            f"Name the account of the token: --author {posted.author}",
        )


def _text(subject: Subject, body: Body) -> str:
    """Return the text with its mark. Raises PortalctlError for more than GitHub accepts."""
    text = marked(subject, body.portal, body.text)
    if len(text) > MOST:
        raise PortalctlError(
            f"{len(text):,} characters for portal {body.portal} are more than the {MOST:,} that GitHub accepts"
        )
    return text


def _each(bodies: Sequence[Body], keep: Callable[[Body], None]) -> None:
    failed: list[PortalctlError] = []
    for body in bodies:
        try:
            keep(body)
        except PortalctlError as error:
            failed.append(error)
    if failed:
        first = failed[0]
        others = tuple(error.message for error in failed[1:] if error.message != first.message)
        raise PortalctlError(first.message, *others, *first.advice)
