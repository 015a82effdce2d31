"""What an apply did, for a terminal or a CI log."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from portalctl.events import ChangeSettled
from portalctl.execution.report import PortalReport
from portalctl.output.escaping import terminal
from portalctl.output.text.style import Style, joined
from portalctl.words import plural

SIGNS = {"confirmed": "✓", "failed": "✗", "skipped": "✗", "unknown": "?"}
COLUMN = 28  # most addresses are shorter; who comes next is not known when a line is shown
PREFIX = {"confirmed": "", "failed": "not ", "skipped": "not ", "unknown": "perhaps "}


def settled_text(event: ChangeSettled, style: Style) -> str:
    """One change and its result, as it becomes known."""
    detail = f": {terminal(event.detail)}" if event.detail else ""
    said = f"{PREFIX[event.result]}{terminal(event.what)}{detail}"
    return f"  {style.sign(SIGNS[event.result])} {terminal(event.subject):<{COLUMN}}  {said}"


def reports_text(reports: Iterable[PortalReport], file: Path | None = None) -> str:
    """The sum of an apply, where its report is (`file`), and what to do when something is missing."""
    reports = list(reports)
    total = sum(len(report.settled) for report in reports)
    if not total:
        return "Nothing to apply.\n"
    counts = {result: sum(report.count(result) for report in reports) for result in ("failed", "skipped", "unknown")}
    confirmed = total - sum(counts.values())
    already = sum(item.already for report in reports for item in report.settled)
    noted = [f"{count:,} {result}" for result, count in counts.items() if count]
    before = f" ({already:,} of them already so)" if already else ""
    report = f"   report: {terminal(str(file))}" if file is not None else ""
    results = ", ".join([f"{confirmed:,} confirmed{before}", *noted])
    lines = [f"Applied: {results} of {plural(total, 'change')}.{report}"]
    if noted:
        lines.append("Run the same command again: only what is missing will be done.")
    return joined(lines)
