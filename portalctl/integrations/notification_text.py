"""Notifications about a whole run: counts and states, without names of developers and addresses. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from portalctl.changes.plan import Plan, PortalPlan
from portalctl.execution.report import PortalReport
from portalctl.insight.drift import FAILING, PortalDrift
from portalctl.integrations.notifications import Message
from portalctl.output.apply_report import RESULTS
from portalctl.output.drift_words import counts_words
from portalctl.output.escaping import chat
from portalctl.output.view_model import access_words, totals
from portalctl.words import plural


def plan_message(plan: Plan, digest: str | None, run: str | None) -> Message:
    """Return the message about a plan.

    Args:
        digest: the keyed digest; None without a mask key, because an unkeyed digest lets readers test addresses.
        run: the URL of the run, if there is one.
    """
    portals = [{"name": portal.name, "refused": bool(portal.refusals), **_counts(portal)} for portal in plan.portals]
    lines = [f"{portal.name}: {_plan_words(portal)}" for portal in plan.portals]
    return _message("plan", lines, portals, run) | {"digest": digest}


def drift_message(portals: Iterable[PortalDrift], run: str | None) -> Message:
    """Return the message about the drift of all portals. `run` is as in `plan_message`."""
    counted = {
        portal.name: Counter(found.kind for found in portal.findings if found.kind in FAILING) for portal in portals
    }
    lines = [f"{name}: {counts_words(kinds)}" for name, kinds in counted.items()]
    listed = [{"name": name, "findings": kinds.total()} for name, kinds in counted.items()]
    return _message("drift", lines, listed, run)


def report_message(reports: Iterable[PortalReport], run: str | None) -> Message:
    """Return the message about the result of an apply. `run` is as in `plan_message`."""
    lines: list[str] = []
    portals: list[dict[str, object]] = []
    for report in reports:
        counts: dict[str, int] = {result: report.count(result) for result in RESULTS}
        words = ", ".join(f"{count:,} {result}" for result, count in counts.items() if count) or "0 confirmed"
        stopped = ", interrupted" if report.interrupted else ""
        lines.append(f"{report.name}: {words} of {plural(len(report.settled), 'change')}{stopped}")
        portals.append({"name": report.name, "interrupted": report.interrupted, **counts})
    return _message("apply", lines or ["nothing to apply"], portals, run)


def _message(kind: str, lines: Sequence[str], portals: Sequence[object], run: str | None) -> dict[str, object]:
    text = "\n".join(f"portalctl {kind} · {chat(line)}" for line in lines)
    return {
        "version": 1,
        "kind": kind,
        "text": text + (f"\n{chat(run)}" if run else ""),
        "run": run,
        "portals": list(portals),
    }


def _plan_words(portal: PortalPlan) -> str:
    codes = ", ".join(dict.fromkeys(refusal.code for refusal in portal.refusals))
    refused = f"refused ({codes}): " if codes else ""
    if not portal.changes:
        return f"{refused}nothing to do"
    count = totals([portal])
    return f"{refused}{access_words(count)}, {plural(count.mails, 'e-mail')}"


def _counts(portal: PortalPlan) -> dict[str, int]:
    count = totals([portal])
    return {"gains": count.gainers, "removals": count.losers, "mails": count.mails, "writes": count.writes}
