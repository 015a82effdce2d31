"""One comment and one issue for each portal: made once, found again, and kept up to date."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from portalctl.ci.bodies import Body
from portalctl.ci.github import GitHub
from portalctl.ci.marker import MOST, Posted, Subject, marked, ours
from portalctl.errors import PortalctlError


def keep_comments(github: GitHub, number: int, bodies: Sequence[Body], author: str) -> None:
    """Bring each portal's comment on a pull request up to date, or make it where it is needed.

    Every portal's turn comes, whatever becomes of another's. Raises PortalctlError at the end for those that failed.
    """
    there = list(github.comments(number))

    def keep(body: Body) -> None:
        text = _text("plan", body)
        found = ours(there, "plan", body.portal, author)
        if found is None and body.needed:
            _check_ours(github.add_comment(number, text), author)
        elif found is not None and found.body != text:
            github.change_comment(found.number, text)

    _each(bodies, keep)


def keep_issues(github: GitHub, bodies: Sequence[Body], author: str) -> None:
    """Open, update or close each portal's issue: `needed` is whether there is drift. Raises as `keep_comments`."""
    there = list(github.open_issues())

    def keep(body: Body) -> None:
        text = _text("drift", body)
        found = ours(there, "drift", body.portal, author)
        if found is None and body.needed:
            _check_ours(github.add_issue(f"Portal access drift: {body.portal}", text), author)
        elif found is not None and (found.body != text or not body.needed):
            github.change_issue(found.number, text, "open" if body.needed else "closed")

    _each(bodies, keep)


def _check_ours(posted: Posted, author: str) -> None:
    """Raises PortalctlError for what the next run would not know as ours, and so would make again."""
    if posted.author.casefold() != author.casefold():
        raise PortalctlError(
            f"this was written as {posted.author}, and looked for as {author}: each run would write another one",
            f"say whose the token is: --author {posted.author}",
        )


def _text(subject: Subject, body: Body) -> str:
    """Raises PortalctlError for more than GitHub takes."""
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
