"""The result of an apply as text: confirmed changes by rule, then unconfirmed ones by cause, then the summary."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from portalctl.events import ChangeSettled, Result
from portalctl.output.apply_outcome import WORDS, FailureCause, causes, result_words
from portalctl.output.apply_report import ChangeResult, PortalOutcome, Report, change_of
from portalctl.output.escaping import terminal
from portalctl.output.text.style import Line, Style, joined, rows, rule_lines
from portalctl.output.view_model import MOST_ALIKE, SHOWN_OF_ALIKE, by_rule
from portalctl.words import moment, plural

SIGNS: dict[Result, str] = {"confirmed": "✓", "failed": "✗", "skipped": "✗", "unknown": "?"}
COLUMN = 28  # wider than most addresses; lines are shown before the next address is available
ALL = "(--verbose lists them)"


def settled_text(event: ChangeSettled, style: Style) -> str:
    """Return one change and its result as a line."""
    detail = f": {terminal(event.detail)}" if event.detail else ""
    words = f"{WORDS[event.result].format(terminal(event.what))}{detail}"
    return f"  {style.sign(SIGNS[event.result])} {terminal(event.subject):<{COLUMN}}  {words}"


def result_text(report: Report, style: Style, file: Path | None = None) -> str:
    """Return the result of an apply.

    Args:
        file: the path of the report.
    """
    blocks = [line for portal in report.portals for line in _portal(portal, style)]
    where = f" Report: {terminal(str(file))}" if file is not None else ""
    return joined([*blocks, f"{result_words(report)}{where}"])


def report_text(report: Report, style: Style) -> str:
    """Return a saved report: the result of the apply, its user and its time."""
    user = f"by {terminal(report.who.actor)}" if report.who.actor else "by an unknown user"
    return joined([result_text(report, style), f"Applied {moment(report.started_at)} {user}."])


def _portal(portal: PortalOutcome, style: Style) -> Iterator[str]:
    total = portal.summary["total"]
    yield f"{style.strong(portal.name)}  {portal.summary['confirmed']:,} of {plural(total, 'change')} confirmed"
    confirmed = [change for change in portal.changes if change.result == "confirmed"]
    if confirmed:
        yield from ("", *rows(list(_confirmed(confirmed, style)), style))
    for cause in causes(portal):
        yield from ("", *_cause(cause, style))
    yield ""


def _confirmed(changes: list[ChangeResult], style: Style) -> Iterator[Line]:
    """Yield a row for each developer and rule. Many equal rows of a rule fold into one."""
    notes = {change.id: _note(change) for change in changes}
    alike: dict[tuple[str, str], list[str]] = {}
    for group in by_rule(change_of(change) for change in changes):
        done = ", ".join(change.words(change.done, terminal) + notes[change.id] for change in group.changes)
        name = terminal(f"team {group.name}" if group.about_team else group.name)
        alike.setdefault((rule_lines(group.why), done), []).append(name)
    for (rules, done), names in alike.items():
        folds = len(names) > MOST_ALIKE and not style.verbose
        shown = names[:SHOWN_OF_ALIKE] if folds else names
        yield from (Line(SIGNS["confirmed"], name, done, rules) for name in shown)
        if folds:
            yield Line(SIGNS["confirmed"], f"{len(names) - len(shown):,} more with the same result", ALL, rules)


def _note(change: ChangeResult) -> str:
    note = "already so" if change.already else terminal(change.detail)
    return f" ({note})" if note else ""


def _cause(cause: FailureCause, style: Style) -> Iterator[str]:
    """Yield the changes of one cause. Failed and unknown ones never fold."""
    title = f"{cause.result.capitalize()} ({len(cause.changes):,}): {terminal(cause.title)}"
    yield f"  {style.strong(title)}"
    folds = cause.result == "skipped" and len(cause.changes) > MOST_ALIKE and not style.verbose
    shown = cause.changes[:SHOWN_OF_ALIKE] if folds else cause.changes
    lines = [_line(change) for change in shown]
    if folds:
        lines.append(Line(SIGNS["skipped"], f"{len(cause.changes) - len(shown):,} more", ALL))
    yield from rows(lines, style)
    if cause.detail:
        yield f"    {terminal(cause.detail)}"
    yield from (f"    {terminal(line)}" for line in cause.remedy)


def _line(outcome: ChangeResult) -> Line:
    change = change_of(outcome)
    sent = f"sent {outcome.sent_at[11:19]} UTC" if outcome.result == "unknown" and outcome.sent_at else ""
    facts = ", ".join(filter(None, [sent, terminal(outcome.trace or "")]))
    words = WORDS[outcome.result].format(change.words(change.done, terminal))
    return Line(SIGNS[outcome.result], terminal(change.subject), f"{words}{f' ({facts})' if facts else ''}")
