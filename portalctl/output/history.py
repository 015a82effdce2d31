"""The history that the controller keeps, as documents: runs, changes and decisions, with their users and reasons.

These dataclasses are the published JSON too (`schemas/history.v1.schema.json`, `schemas/evidence.v1.schema.json`): a
field is a key. Times are RFC 3339, UTC.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import TypeAdapter

from portalctl.changes.operation import Subject
from portalctl.insight.drift import DriftFinding
from portalctl.output.apply_report import ChangeResult
from portalctl.output.escaping import json_text
from portalctl.version import GENERATOR

DecisionKind = Literal[
    "accepted", "applied", "approved", "expired", "held", "rejected", "resumed", "stale", "suspended", "trusted"
]


@dataclass(frozen=True, slots=True)
class HistoryWriter:
    """A writer of runs in the history: `controller`, or `report:ID` for an imported report."""

    name: str
    runs: int
    first: str
    last: str


@dataclass(frozen=True, slots=True)
class HistoryRun:
    """One run of a portal. `summary` counts its changes by result; `detail` is why it failed."""

    id: str
    portal: str
    server: str | None
    portal_id: str | None
    trigger: str
    mode: str
    state: str
    started_at: str
    ended_at: str | None
    commit: str | None
    digest: str | None
    approver: str | None
    writer: str
    summary: Mapping[str, int]
    detail: str | None


@dataclass(frozen=True, slots=True)
class HistoryChange:
    """One change of a run and its result; `commit`, `approver` and `writer` are those of the run."""

    run: str
    portal: str
    at: str
    commit: str | None
    approver: str | None
    writer: str
    change: ChangeResult


@dataclass(frozen=True, slots=True)
class HistoryDecision:
    """What a user decided, or what became of a held plan (`digest`).

    `by` None: the controller. `detail`: the reason of a suspension, or the accepted commit.
    """

    at: str
    portal: str | None
    kind: DecisionKind
    by: str | None
    digest: str | None
    detail: str | None


@dataclass(frozen=True, slots=True)
class HistoryFinding:
    """A finding of drift, and when it was there; `last_seen` None: at the last reading it was."""

    portal: str
    first_seen: str
    last_seen: str | None
    finding: DriftFinding


@dataclass(frozen=True, slots=True)
class HistoryObservation:
    """A change on the portal that no run of this history made; `at` is when the controller saw it."""

    portal: str
    at: str
    developer: Subject
    kind: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What the history has about all portals or one, all developers or one.

    `since` is when it begins (None: it is empty); `writers` made its runs. `complete`: nothing was left out for
    its length.
    """

    version: Literal[1] = 1
    kind: Literal["history"] = "history"
    generator: str = GENERATOR
    created_at: str
    since: str | None
    writers: tuple[HistoryWriter, ...]
    portal: str | None
    developer: str | None
    complete: bool
    runs: tuple[HistoryRun, ...]
    changes: tuple[HistoryChange, ...]
    decisions: tuple[HistoryDecision, ...]
    findings: tuple[HistoryFinding, ...]
    observations: tuple[HistoryObservation, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What an auditor asks about one run: the plan, who approved it, the commit, the results, the drift afterwards.

    `plans` are the documents of the held plans that it carried out; `decisions` are about them. `changes` are the
    run's plan with its results. `drift_afterwards` are the findings that were there when it had ended.
    """

    version: Literal[1] = 1
    kind: Literal["evidence"] = "evidence"
    generator: str = GENERATOR
    created_at: str
    run: HistoryRun
    decisions: tuple[HistoryDecision, ...]
    plans: tuple[Mapping[str, Any], ...]
    changes: tuple[HistoryChange, ...]
    drift_afterwards: tuple[HistoryFinding, ...]


LISTS = ("runs", "changes", "decisions", "findings", "observations")  # of a history


def evidence_line(document: Evidence) -> str:
    """Return the evidence of a run as one line of JSON."""
    plain = TypeAdapter(Evidence).dump_python(document, mode="json", by_alias=True)
    return json_text(json.dumps(plain) + "\n")


def history_lines(document: History) -> str:
    """Return a history as JSON lines: first what it covers, then one record a line."""
    plain = TypeAdapter(History).dump_python(document, mode="json", by_alias=True)
    return "".join(json_text(json.dumps(record) + "\n") for record in _records(plain))


def _records(plain: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield {"record": "history", **{key: value for key, value in plain.items() if key not in LISTS}}
    for name in LISTS:
        for item in plain[name]:
            yield {"record": name.removesuffix("s"), **item}
