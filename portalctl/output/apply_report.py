"""The report of an apply: the plan, the user who ran it, and the result of each change.

These dataclasses also define the published JSON (`schemas/report.v1.schema.json`): each field is a key.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from portalctl.changes.operation import OpClass, State, Subject
from portalctl.changes.operations import BY_NAME, NAMES, Change
from portalctl.changes.plan import ManifestStamp, Plan, PortalPlan
from portalctl.events import Result
from portalctl.execution.report import PortalReport, Settled
from portalctl.reason import Reason

RESULTS: tuple[Result, ...] = ("confirmed", "failed", "skipped", "unknown")


@dataclass(frozen=True, slots=True)
class RunUser:
    """The user of a run. `commit`: the commit that the CI job checked out; None outside CI."""

    actor: str | None
    commit: str | None = None


@dataclass(frozen=True, slots=True)
class ChangeResult:
    """One change and its result.

    `already`: the portal already had the planned state before anything was sent. `trace` is the portal's own id of
    the request, `status` the HTTP status of the last answer, `advice` the advice on an error. Times are RFC 3339 and
    UTC; `sent_at` and `answered_at` are those of the last request, null if none was sent.
    """

    id: str
    op: Annotated[str, Field(json_schema_extra={"enum": list(NAMES)})]
    op_class: Annotated[OpClass, Field(alias="class")]
    developer: Subject | None
    team: str | None
    before: State | None
    after: State | None
    why: tuple[Reason, ...]
    result: Result
    already: bool
    detail: str
    trace: str | None
    sent_at: str | None
    answered_at: str | None
    settled_at: str | None
    status: int | None = None
    advice: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PortalOutcome:
    """The results on one portal. `summary` has the number of changes by result, and the total."""

    name: str
    provider: str
    portal_id: str
    server: str
    started_at: str
    ended_at: str
    summary: Mapping[str, int]
    changes: tuple[ChangeResult, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The report of an apply.

    `plan` is the digest of the applied plan, None in a masked report without a lasting key. `interrupted`: the apply
    was interrupted before it was complete. `who` is the user of the run.
    """

    version: Literal[1] = 1
    kind: Literal["report"] = "report"
    generator: str
    started_at: str
    ended_at: str
    interrupted: bool
    who: RunUser
    manifest: ManifestStamp
    plan: str | None
    portals: tuple[PortalOutcome, ...]


def run_user(env: Mapping[str, str], user: str | None) -> RunUser:
    """Return the user and the commit from GitHub's or GitLab's variables, else the `user` of the operating system."""
    for actor, commit in (("GITHUB_ACTOR", "GITHUB_SHA"), ("GITLAB_USER_LOGIN", "CI_COMMIT_SHA")):
        if env.get(actor):
            return RunUser(env[actor], env.get(commit) or None)
    return RunUser(user)


def apply_report(
    plan: Plan, reports: Iterable[PortalReport], *, user: RunUser, generator: str, started_at: str, ended_at: str
) -> Report:
    """Return the report of an apply of `plan`. `reports` leaves out portals without changes."""
    reports = list(reports)
    portals = {portal.name: portal for portal in plan.portals}
    return Report(
        generator=generator,
        started_at=started_at,
        ended_at=ended_at,
        interrupted=any(report.interrupted for report in reports),
        who=user,
        manifest=plan.manifest,
        plan=plan.digest,
        portals=tuple(_portal(portals[report.name], report) for report in reports),
    )


def _portal(plan: PortalPlan, report: PortalReport) -> PortalOutcome:
    counts: dict[str, int] = {result: report.count(result) for result in RESULTS}
    return PortalOutcome(
        name=plan.name,
        provider=plan.provider,
        portal_id=plan.portal_id,
        server=plan.server,
        started_at=report.started_at,
        ended_at=report.ended_at,
        summary={**counts, "total": len(report.settled)},
        changes=tuple(change_result(item) for item in report.settled),
    )


def change_result(item: Settled) -> ChangeResult:
    """Return a change and its result in the published form."""
    change = item.change
    return ChangeResult(
        id=change.id,
        op=change.op,
        op_class=change.op_class,
        developer=change.developer,
        team=change.team,
        before=change.before,
        after=change.after,
        why=change.why,
        result=item.result,
        already=item.already,
        detail=item.detail,
        trace=item.trace,
        sent_at=item.sent_at,
        answered_at=item.answered_at,
        settled_at=item.settled_at,
        status=item.status,
        advice=item.advice,
    )


def change_of(outcome: ChangeResult) -> Change:
    """Return the change of a result."""
    return BY_NAME[outcome.op](
        id=outcome.id,
        op_class=outcome.op_class,
        developer=outcome.developer,
        team=outcome.team,
        before=outcome.before,
        after=outcome.after,
        why=outcome.why,
    )
