"""What an apply did, as Markdown, for the summary of a job."""

from __future__ import annotations

from collections.abc import Sequence

from portalctl.events import Result
from portalctl.plan.model import Change
from portalctl.report import grouping
from portalctl.report.audit import Outcome, PortalOutcome, Report
from portalctl.report.fit import Part, fitted, size
from portalctl.report.markdown import collapsed, more, short, why_words
from portalctl.report.safe import markdown, markdown_words
from portalctl.words import plural

ORDER: tuple[Result, ...] = ("failed", "unknown", "skipped", "confirmed")  # what a reader looks for first
HEAD = "| result | who | what | why |\n| --- | --- | --- | --- |\n"
LONGEST_ROW = 6_000  # bytes; a longer row is only counted, so that it crowds out no other


def report_markdown(report: Report, *, most: int = 60_000) -> str:
    """At most `most` bytes of UTF-8. What was not confirmed stands first, and is never collapsed.

    Headings are never left out: each portal takes some hundred bytes.
    """
    foot = f"<sub>digest {short(report.plan)} · {short(report.generator)}</sub>\n"
    headings = [_heading(portal, interrupted=report.interrupted) for portal in report.portals]
    parts = [part for portal in report.portals for part in _parts(portal)]
    texts = iter(fitted(parts, most - size("".join(headings) + foot)))
    body = "".join(heading + next(texts) + next(texts) for heading in headings)
    return (body or "## Portal access: nothing to apply\n\n") + foot


def _heading(portal: PortalOutcome, *, interrupted: bool) -> str:
    total, confirmed = portal.summary["total"], portal.summary["confirmed"]
    state = "applied" if confirmed == total else "applied in part"
    stopped = " · interrupted" if interrupted else ""
    counts = ", ".join(f"{portal.summary[result]:,} {result}" for result in ORDER if portal.summary[result])
    facts = f"{counts} of {plural(total, 'change')}{stopped}" if total else "nothing to do"
    return f"## Portal access · {short(portal.name)}: {state}\n\n{facts}\n\n"


def _parts(portal: PortalOutcome) -> tuple[Part, Part]:
    changes = sorted(portal.changes, key=lambda change: ORDER.index(change.result))
    missing = [change for change in changes if change.result != "confirmed"]
    confirmed = [change for change in changes if change.result == "confirmed"]
    return _part(1, missing, summary=""), _part(0, confirmed, summary=f"Confirmed: {len(confirmed):,}")


def _part(importance: int, outcomes: Sequence[Outcome], *, summary: str) -> Part:
    """A table, opened by its `summary` where it has one."""
    rows = [row for row in map(_row, outcomes) if size(row) <= LONGEST_ROW]

    def text(count: int) -> str:
        if not outcomes:
            return ""
        table = f"{HEAD}{''.join(rows[:count])}\n" if count else ""
        return (collapsed(summary, table) if summary else table) + more(len(outcomes) - count, "changes")

    return Part(importance, len(rows), text)


def _row(outcome: Outcome) -> str:
    (effect,) = grouping.effects([_change(outcome)])
    who = f"team {markdown(effect.who)}" if effect.about_team else markdown(effect.who)
    result = "already so" if outcome.already else outcome.result
    detail = f": {markdown_words(outcome.detail)}" if outcome.detail else ""
    reasons = "; ".join(map(why_words, outcome.why))
    return f"| {result}{detail} | {who} | {grouping.what(effect, markdown)} | {reasons} |\n"


def _change(outcome: Outcome) -> Change:
    return Change(
        outcome.id,
        outcome.op,
        outcome.op_class,
        outcome.developer,
        outcome.team,
        outcome.before,
        outcome.after,
        outcome.why,
    )
