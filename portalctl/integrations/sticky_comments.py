"""One comment and one issue for each portal: posted once, found again, and kept up to date."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from portalctl.errors import PortalctlError
from portalctl.integrations.comment_text import Body
from portalctl.integrations.github import GitHub, State
from portalctl.integrations.marker import MOST, Posted, Subject, marked, ours


def keep_comments(github: GitHub, number: int, bodies: Sequence[Body], author: str) -> None:
    """Bring each portal's comment on a pull request up to date, or post it where it is needed.

    A comment that is deleted at the same time is posted anew. The failure of one portal does not stop the others;
    PortalctlError is raised at the end.
    """
    there = list(github.comments(number))

    def keep(body: Body) -> None:
        text = _text("plan", body)
        found = ours(there, "plan", body.portal, author)
        if found is not None and (found.body == text or github.change_comment(found.number, text)):
            return
        if body.needed:
            _check_ours(github.add_comment(number, text), author)

    _each(bodies, keep)


def keep_issues(github: GitHub, bodies: Sequence[Body], author: str) -> None:
    """Open, update or close each portal's issue: `needed` is whether there is drift. Raises as `keep_comments`."""
    there = list(github.open_issues())

    def keep(body: Body) -> None:
        text = _text("drift", body)
        found = ours(there, "drift", body.portal, author)
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
        raise PortalctlError(f"{len(text):,} characters for portal {body.portal} are more than GitHub's {MOST:,}")
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
