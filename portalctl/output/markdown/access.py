"""An access review as Markdown: the figures, then marked developers, then all others, collapsed."""

from __future__ import annotations

from functools import partial

from portalctl.insight.access_review import REMARKS, AccessReview, DeveloperAccess, PortalAccess
from portalctl.output import view_model
from portalctl.output.markdown.parts import MOST, Row, collapsed, part, sentence, short, subject, table, whys_words
from portalctl.output.size_limit import Part, fitted, size
from portalctl.words import moment, plural

COLUMNS = ("developer", "status", "teams", "approved by", "marks")


def access_markdown(document: AccessReview, *, most: int = MOST) -> str:
    """Return the review in at most `most` bytes of UTF-8: rows are left out from the end, with their number."""
    digest = view_model.digest_words(document.manifest, short)
    foot = f"<sub>manifest {digest} · created {moment(document.created_at)} · {short(document.generator)}</sub>\n"
    headings = [_heading(portal) for portal in document.portals]
    parts = [part for portal in document.portals for part in _parts(portal, most)]
    texts = iter(fitted(parts, most - size("".join(headings) + foot)))
    return "".join(heading + next(texts) + next(texts) for heading in headings) + foot


def _heading(portal: PortalAccess) -> str:
    counts = ", ".join(
        f"{count:,} {sentence(words)}" for count, words, _ in view_model.access_counts(portal) if count
    )
    return f"## Portal access review · {short(portal.name)}\n\n{counts or 'no developers'}\n\n"


def _parts(portal: PortalAccess, most: int) -> tuple[Part, Part]:
    marked = [
        developer
        for developer in portal.developers
        if developer.remarks or view_model.approval(developer) == "no rule"
    ]
    others = [developer for developer in portal.developers if developer not in marked]
    sized = partial(part, row=_row, named="developers", most=most)
    summary = f"Access that matches the rules: {plural(len(others), 'developer')}"
    legend = ", ".join(f"{mark}: {words}" for mark, words in REMARKS.items())
    return (
        sized(1, marked, frame=lambda rows: f"{table(rows, *COLUMNS)}{legend}\n\n" if rows else ""),
        sized(0, others, frame=lambda rows: collapsed(summary, table(rows, *COLUMNS))),
    )


def _row(developer: DeveloperAccess) -> Row:
    teams = ", ".join(short(membership.team) for membership in developer.teams)
    approved = "no rule" if view_model.approval(developer) == "no rule" else whys_words(developer.approved_by)
    marks = ", ".join(developer.remarks)
    asked = developer.answers if developer.status == "pending" else ()
    answers = f"; answered {view_model.answer_words(asked, short)}" if asked else ""
    return Row(
        f"| {subject(developer.developer)} | {short(developer.status)}{answers} | {teams} | {approved} | {marks} |"
    )
