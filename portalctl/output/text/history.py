"""The history and the evidence of a run as text: what is covered first, then one line for each event."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from portalctl.changes.operations import BY_NAME
from portalctl.output.apply_outcome import WORDS
from portalctl.output.apply_report import ChangeResult, change_of
from portalctl.output.drift_words import finding_difference, finding_subject
from portalctl.output.escaping import terminal
from portalctl.output.history import (
    Evidence,
    History,
    HistoryChange,
    HistoryDecision,
    HistoryFinding,
    HistoryObservation,
    HistoryRun,
    HistoryWriter,
)
from portalctl.output.text.apply import SIGNS
from portalctl.output.text.style import Style, joined, rule_words
from portalctl.words import plural

REPORT = "report:"
SHORT = 12  # characters of a commit or a run's id
Event = tuple[str, int, str]  # when, a number that keeps the order of one moment, the text


def history_text(document: History, style: Style) -> str:
    """Return what the history covers, then its events, the oldest first."""
    events = sorted(_of_history(document, style), key=lambda event: event[:2])
    parts = [*_covered(document), ""]
    parts += [text for _, _, text in events] or ["No events."]
    if not document.complete:
        parts += ["", "Older events are left out. portalctl history export has all of them."]
    return joined(parts)


def evidence_text(document: Evidence, style: Style) -> str:
    """Return the evidence of a run: decisions, results with their reasons, and the drift afterwards."""
    run = document.run
    parts = [style.strong(f"Run {terminal(run.id)} of {terminal(run.portal)}: {terminal(run.state)}")]
    parts += [
        f"  started   {_time(run.started_at)} UTC, ended {_time(run.ended_at) if run.ended_at else 'never'}",
        f"  portal    {terminal(run.portal_id or 'unknown')} at {terminal(run.server or 'unknown')}",
        f"  writer    {terminal(run.writer)}, {terminal(run.trigger)}, mode {terminal(run.mode)}",
        f"  commit    {terminal(run.commit or 'unknown')}",
        f"  plan      {terminal(run.digest or 'none: nothing was to be changed')}",
        f"  approved  {_approval(run)}",
    ]
    parts += [f"  detail    {terminal(run.detail)}"] if run.detail else []
    parts += ["", style.strong("Decisions"), *(_decision(item)[2] for item in document.decisions)]
    parts += ["", style.strong(f"Changes: {_summary(run)}")]
    parts += [_change(item, style)[2] for item in document.changes]
    parts += ["", style.strong(f"Drift afterwards: {plural(len(document.drift_afterwards), 'finding')}")]
    parts += [f"  {_finding_words(item)}" for item in document.drift_afterwards]
    return joined(parts)


def _approval(run: HistoryRun) -> str:
    if run.approver is not None:
        return f"by {terminal(run.approver)}"
    return "unknown: a report names no approver" if run.writer.startswith(REPORT) else "no approval was needed"


def _covered(document: History) -> Iterator[str]:
    if document.since is None:
        yield "The history is empty: the controller did not start yet, and no report was imported."
        return
    about = [terminal(name) for name in (document.portal, document.developer) if name is not None]
    subject = f" of {', '.join(about)}" if about else ""
    yield f"History{subject} since {_time(document.since)} UTC. Writers: {_writers(document.writers)}."
    yield "Writes by others are listed only as far as the controller saw their results."


def _writers(writers: tuple[HistoryWriter, ...]) -> str:
    """Return the writers with their numbers of runs; imported reports together."""
    reports = [writer for writer in writers if writer.name.startswith(REPORT)]
    words = [
        f"{terminal(writer.name)} ({plural(writer.runs, 'run')}, {_days(writer.first, writer.last)})"
        for writer in writers
        if writer not in reports
    ]
    if reports:
        first, last = min(writer.first for writer in reports), max(writer.last for writer in reports)
        words.append(f"{plural(len(reports), 'imported report')} ({_days(first, last)})")
    return ", ".join(words) or "none"


def _of_history(document: History, style: Style) -> Iterator[Event]:
    yield from (_run(item) for item in document.runs)
    yield from (_change(item, style) for item in document.changes)
    yield from (_decision(item) for item in document.decisions)
    yield from (_observation(item) for item in document.observations)
    for item in document.findings:
        yield from _finding(item)


def _run(item: HistoryRun) -> Event:
    facts = [item.trigger, f"mode {item.mode}", item.state, _summary(item)]
    facts += [f"commit {item.commit[:SHORT]}"] if item.commit else []
    facts += [f"approved by {item.approver}"] if item.approver else []
    facts += [item.writer] if item.writer != "controller" else []
    facts += [item.detail] if item.detail else []
    text = ", ".join(map(terminal, facts))
    return _event(item.started_at, 0, item.portal, f"run {terminal(item.id[:SHORT])}: {text}")


def _summary(item: HistoryRun) -> str:
    counts = [f"{count:,} {name}" for name, count in item.summary.items() if count]
    return ", ".join(counts) or "no changes"


def _change(item: HistoryChange, style: Style) -> Event:
    change = item.change
    subject = terminal(change.developer.name if change.developer is not None else f"team {change.team}")
    words = WORDS[change.result].format(terminal(_done(change)))
    detail = f": {terminal(change.detail)}" if change.detail else ""
    why = f"  [{rule_words(change.why[0])}]" if change.why else ""
    facts = [f"run {item.run[:SHORT]}"]
    facts += [f"commit {item.commit[:SHORT]}"] if item.commit else []
    facts += [f"approved by {item.approver}"] if item.approver else []
    facts += [f"trace {change.trace}"] if change.trace else []
    text = f"{style.sign(SIGNS[change.result])} {subject}  {words}{detail}{why}  ({', '.join(map(terminal, facts))})"
    return _event(item.at, 1, item.portal, text)


def _done(change: ChangeResult) -> str:
    """Return what a change does, in the past tense; its operation where this version does not have it."""
    known = change_of(change) if change.op in BY_NAME else None
    return known.words(known.done) if known is not None else change.op


def _decision(item: HistoryDecision) -> Event:
    by = f" by {terminal(item.by)}" if item.by is not None else ""
    what = f"plan {item.digest}" if item.digest is not None else "commit" if item.kind == "accepted" else "portal"
    detail = f": {terminal(item.detail)}" if item.detail is not None else ""
    return _event(item.at, 2, item.portal, f"{terminal(what)} {item.kind}{by}{detail}")


def _finding(item: HistoryFinding) -> Iterator[Event]:
    words = _finding_words(item)
    yield _event(item.first_seen, 3, item.portal, f"drift: {words}")
    if item.last_seen is not None:
        yield _event(item.last_seen, 3, item.portal, f"drift gone: {words}")


def _finding_words(item: HistoryFinding) -> str:
    finding = item.finding
    kind = finding.kind.replace("_", " ")
    words = (kind, finding_subject(finding, terminal), finding_difference(finding, terminal))
    return f"{'  '.join(words)}  [{finding.fingerprint}]"


def _observation(item: HistoryObservation) -> Event:
    sides = f"{terminal(item.before or 'nothing')} → {terminal(item.after or 'nothing')}"
    text = f"{terminal(item.developer.name)}  changed by others: {terminal(item.kind)} {sides}"
    return _event(item.at, 4, item.portal, text)


def _event(at: str, number: int, portal: str | None, text: str) -> Event:
    return at, number, f"{_time(at)}  {terminal(portal or '')}  {text}"


def _time(text: str) -> str:
    """Return a time without its zone, to the second; `unknown time` for anything else."""
    try:
        return f"{datetime.fromisoformat(text).astimezone(UTC):%Y-%m-%d %H:%M:%S}"
    except (ValueError, OverflowError):
        return "unknown time"


def _days(first: str, last: str) -> str:
    return f"{_time(first).partition(' ')[0]} to {_time(last).partition(' ')[0]}"
