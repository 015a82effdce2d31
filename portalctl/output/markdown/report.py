"""The report of an apply as Markdown, for a job summary."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from portalctl.events import Result
from portalctl.output import view_model
from portalctl.output.apply_report import ChangeResult, PortalOutcome, Report, change_of
from portalctl.output.markdown.parts import MOST, Row, collapsed, part, sentence, short, subject, table, whys_words
from portalctl.output.size_limit import Part, fitted, size
from portalctl.words import plural

ORDER: tuple[Result, ...] = ("failed", "unknown", "skipped", "confirmed")  # in the order of urgency
COLUMNS = ("result", "developer or team", "change", "rule")


def report_markdown(report: Report, *, most: int = MOST) -> str:
    """Return the report in at most `most` bytes of UTF-8: unconfirmed changes first, and never collapsed.

    Headings are never left out: each portal needs some hundred bytes.
    """
    foot = f"<sub>digest {view_model.digest_words(report.plan, short)} · {short(report.generator)}</sub>\n"
    headings = [_heading(portal, interrupted=report.interrupted) for portal in report.portals]
    parts = [part for portal in report.portals for part in _parts(portal, most)]
    texts = iter(fitted(parts, most - size("".join(headings) + foot)))
    body = "".join(heading + next(texts) + next(texts) for heading in headings)
    return (body or "## Portal access: nothing to apply\n\n") + foot


def _heading(portal: PortalOutcome, *, interrupted: bool) -> str:
    total, confirmed = portal.summary["total"], portal.summary["confirmed"]
    possible = confirmed + portal.summary["unknown"]
    state = "applied" if confirmed == total else "not everything was applied" if possible else "nothing was applied"
    stopped = " · interrupted" if interrupted else ""
    counts = ", ".join(f"{portal.summary[result]:,} {result}" for result in ORDER if portal.summary[result])
    facts = f"{counts} of {plural(total, 'change')}{stopped}" if total else "nothing to do"
    return f"## Portal access · {short(portal.name)}: {state}\n\n{facts}\n\n"


def _parts(portal: PortalOutcome, most: int) -> tuple[Part, Part]:
    changes = sorted(portal.changes, key=lambda change: ORDER.index(change.result))
    missing = [change for change in changes if change.result != "confirmed"]
    confirmed = [change for change in changes if change.result == "confirmed"]
    summary = f"Confirmed: {len(confirmed):,}"
    sized = partial(part, row=_row, named="changes", most=most)
    return (
        sized(1, missing, frame=_table),
        sized(0, confirmed, frame=lambda rows: collapsed(summary, _table(rows))),
    )


def _table(rows: Sequence[Row]) -> str:
    return table(rows, *COLUMNS)


def _row(outcome: ChangeResult) -> Row:
    (group,) = view_model.change_groups([change_of(outcome)])
    name = f"team {subject(group.name)}" if group.about_team else subject(group.name)
    result = "already so" if outcome.already else outcome.result
    detail = f": {sentence(outcome.detail)}" if outcome.detail else ""
    return Row(f"| {result}{detail} | {name} | {view_model.change_words(group, short)} | {whys_words(outcome.why)} |")
