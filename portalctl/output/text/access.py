"""An access review as text: a line for each developer, and the numbers of marks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from portalctl.insight.access_review import AccessReview, PortalAccess
from portalctl.output.escaping import terminal
from portalctl.output.text.style import Line, Style, joined, rows, rule_words
from portalctl.output.view_model import answer_words
from portalctl.words import plural


def access_text(document: AccessReview, style: Style) -> str:
    """Return, for each portal, its developers with status, teams and approving rule; then the numbers of marks."""
    return joined(line for portal in document.portals for line in _portal(portal, style))


def _portal(portal: PortalAccess, style: Style) -> Iterator[str]:
    count = len(portal.developers)
    yield f"{style.strong(portal.name)}  {terminal(portal.provider)} · {plural(count, 'developer')}"
    lines = []
    for developer in portal.developers:
        teams = ", ".join(terminal(membership.team) for membership in developer.teams)
        marks = f" ({', '.join(developer.remarks)})" if developer.remarks else ""
        asked = developer.answers if developer.status == "pending" else ()
        answers = f"; answered {answer_words(asked, terminal)}" if asked else ""
        what = f"{terminal(developer.status)}{f', in {teams}' if teams else ''}{marks}{answers}"
        why = rule_words(developer.approved_by[0]) if developer.approved_by else ""
        if developer.status == "approved" and not developer.approved_by:
            why = "approved by no rule"
        lines.append(Line("!" if developer.remarks else " ", terminal(developer.developer), what, why))
    yield from rows(lines, style)
    marked = Counter(mark for developer in portal.developers for mark in developer.remarks)
    if marked:
        yield f"  {', '.join(f'{number:,} {mark}' for mark, number in sorted(marked.items()))}"
