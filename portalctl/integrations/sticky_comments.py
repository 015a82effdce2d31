"""Post one comment and one issue for each portal, find it again in later runs, and update it."""

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
        """Replace the text of a comment. Return False if it no longer exists."""


def update_comments(thread: Thread, bodies: Sequence[Body], author: str | None) -> None:
    """Update each portal's comment on a pull request, or post it if it is needed.

    A comment that was deleted since it was listed is posted again. If one portal fails, the others continue;
    PortalctlError is raised at the end.
    """
    author = author or thread.author()
    posted = list(thread.comments())

    def update(body: Body) -> None:
        text = _text("plan", body)
        found = ours(posted, "plan", body.portal, author)
        if found is not None and (found.body == text or thread.change_comment(found.number, text)):
            return
        if body.needed:
            _check_ours(thread.add_comment(text), author)

    _update_all(bodies, update)


def update_issues(github: GitHub, bodies: Sequence[Body], author: str) -> None:
    """Open, update or close each portal's issue: `needed` means drift. Raises the errors of `update_comments`."""
    posted = list(github.open_issues())

    def update(body: Body) -> None:
        text = _text("drift", body)
        found = ours(posted, "drift", body.portal, author)
        state: State = "open" if body.needed else "closed"
        if found is not None and body.needed and found.body == text:
            return
        if found is not None and github.change_issue(found.number, text, state):
            return
        if body.needed:
            _check_ours(github.add_issue(f"Portal access drift: {body.portal}", text), author)

    _update_all(bodies, update)


def _check_ours(posted: Posted, author: str) -> None:
    """Raise PortalctlError for a post that the next run would not find and would therefore post again."""
    if posted.author.casefold() != author.casefold():
        raise PortalctlError(
            f"posted by {posted.author}, not by the expected author {author}: each run would post another one",
            f"Pass the account of the token: --author {posted.author}",
        )


def _text(subject: Subject, body: Body) -> str:
    """Return the text with its mark. Raises PortalctlError if it is longer than GitHub accepts."""
    text = marked(subject, body.portal, body.text)
    if len(text) > MOST:
        raise PortalctlError(
            f"the text about portal {body.portal} has {len(text):,} characters; GitHub accepts {MOST:,}"
        )
    return text


def _update_all(bodies: Sequence[Body], update: Callable[[Body], None]) -> None:
    failed: list[PortalctlError] = []
    for body in bodies:
        try:
            update(body)
        except PortalctlError as error:
            failed.append(error)
    if failed:
        first = failed[0]
        others = tuple(error.message for error in failed[1:] if error.message != first.message)
        raise PortalctlError(first.message, *others, *first.advice)
