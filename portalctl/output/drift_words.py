"""Drift in words, equal in all forms: figures by kind, and the subject and difference of a finding."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

from portalctl.insight.drift import KINDS, DriftFinding, Kind
from portalctl.insight.recorded_changes import changed_words
from portalctl.words import plural

Safe = Callable[[str], str]  # makes text from outside printable in one form
COUNTABLE = frozenset({"unexpected_grant", "unruled_grant", "missing_grant", "setting"})


def kind_counts(findings: Iterable[DriftFinding]) -> str:
    """Return the number of findings by kind: `3 differences (2 unruled grants, 1 withheld)`."""
    return counts_words(Counter(finding.kind for finding in findings))


def counts_words(count: Counter[Kind]) -> str:
    """Return the words of `kind_counts` for counted findings."""
    kinds = ", ".join(_counted(kind, count[kind]) for kind in KINDS if count[kind])
    return f"{plural(count.total(), 'difference')} ({kinds})" if count else "no drift"


def pending_sign_ups(backlog: Iterable[DriftFinding]) -> str:
    """Return the number of pending sign-ups: `2 sign-ups pending`. A sign-up may have several findings."""
    return f"{plural(len({finding.developer_id or finding.developer for finding in backlog}), 'sign-up')} pending"


def finding_subject(finding: DriftFinding, safe: Safe) -> str:
    """Return the developer or team that a finding is about."""
    return safe(finding.developer) if finding.developer else f"team {safe(finding.team or '')}"


def finding_difference(finding: DriftFinding, safe: Safe) -> str:
    """Return the live and the expected state: `member of reds by no rule`, `approved; expected: revoked`."""
    live = safe(finding.live)
    if finding.team and finding.developer:
        live = f"{live} of {safe(finding.team)}"
    words = f"{live} by no rule" if finding.kind == "unruled_grant" else f"{live}; expected: {safe(finding.wanted)}"
    return f"{words}; {safe(changed_words(finding.changed))}" if finding.changed else words


def _counted(kind: Kind, count: int) -> str:
    words = kind.replace("_", " ")
    return plural(count, words) if kind in COUNTABLE else f"{count:,} {words}"
