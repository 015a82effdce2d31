"""The functions that `portalctl` exports: they do what the commands of these names do, and return typed values."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from os import PathLike

    from portalctl.changes.plan import Plan
    from portalctl.changes.selection import Selection
    from portalctl.execution.report import PortalReport
    from portalctl.insight.base import Base
    from portalctl.insight.drift import PortalDrift
    from portalctl.insight.explain import PortalExplanation
    from portalctl.manifest.model import Manifest
    from portalctl.output.apply_report import Report
    from portalctl.output.documents import Document
    from portalctl.portals.snapshot_file import SavedSnapshot
    from portalctl.run_context import Run

# Exported types and their modules, which take long to import.
VALUES = {
    "AnswerError": "portalctl.errors",
    "BadUsageError": "portalctl.errors",
    "DriftFinding": "portalctl.insight.drift",
    "Finding": "portalctl.errors",
    "InputError": "portalctl.errors",
    "Manifest": "portalctl.manifest.model",
    "NoAnswerError": "portalctl.errors",
    "Notice": "portalctl.changes.plan",
    "Plan": "portalctl.changes.plan",
    "PortalDrift": "portalctl.insight.drift",
    "PortalError": "portalctl.errors",
    "PortalExplanation": "portalctl.insight.explain",
    "PortalPlan": "portalctl.changes.plan",
    "PortalReport": "portalctl.execution.report",
    "PortalctlError": "portalctl.errors",
    "Reason": "portalctl.reason",
    "Refusal": "portalctl.changes.plan",
    "RefusedError": "portalctl.errors",
    "Report": "portalctl.output.apply_report",
    "Run": "portalctl.run_context",
    "SavedSnapshot": "portalctl.portals.snapshot_file",
    "Selection": "portalctl.changes.selection",
    "Server": "portalctl.http",
    "Settled": "portalctl.execution.report",
}
FUNCTIONS = ("apply", "drift", "explain", "load", "plan", "render", "report", "snapshot")
EXPORTED = sorted((*VALUES, *FUNCTIONS, "__version__"))


def exported() -> list[str]:
    """Return the names that `portalctl` exports."""
    return EXPORTED


def named(name: str) -> object:
    """Return what `portalctl` exports in addition to its functions. Raises AttributeError for any other name."""
    if name not in VALUES:
        raise AttributeError(f"module 'portalctl' has no attribute {name!r}")
    value: object = getattr(import_module(VALUES[name]), name)
    return value


def load(*paths: str | PathLike[str]) -> Manifest:
    """Read manifest files and folders. Raises InputError with everything that is wrong, each with its place."""
    from pathlib import Path  # noqa: PLC0415 (heavy; see above)

    from portalctl.directories.kinds import KINDS  # noqa: PLC0415 (heavy; see above)
    from portalctl.manifest import load as files  # noqa: PLC0415 (heavy; see above)

    return files.load([Path(path) for path in paths], KINDS)


def snapshot(manifest: Manifest, run: Run) -> SavedSnapshot:
    """Read every portal of the manifest, with all its developers and teams. Sends nothing but GET.

    To plan from it, make a `Run` with it as `snapshot`. Raises InputError for rules that a portal does not support,
    and PortalError where the snapshot is not provably complete."""
    from portalctl import flow  # noqa: PLC0415 (heavy; see above)

    return flow.take_snapshot(manifest, run)


def plan(manifest: Manifest, run: Run, selection: Selection | None = None, base: Base | None = None) -> Plan:
    """Return what `apply` would do now, and why. Sends nothing but GET.

    `selection` chooses a part, `base` is a manifest to compare with. Refusals are in the plan; raises what `snapshot`
    raises.
    """
    from portalctl import flow  # noqa: PLC0415 (heavy; see above)
    from portalctl.changes.selection import Selection  # noqa: PLC0415 (heavy; see above)

    return flow.plan(manifest, run, selection or Selection(), base)


def apply(plan: Plan, run: Run) -> tuple[PortalReport, ...]:
    """Carry a plan out and report each change: confirmed only if it was seen on the portal.

    Raises RefusedError for a plan that is refused or stale, and PortalError for an unreadable portal; nothing was
    written then.
    """
    from portalctl import flow  # noqa: PLC0415 (heavy; see above)

    return flow.apply(plan, run)


def drift(
    manifest: Manifest, run: Run, *, acknowledgements: str | PathLike[str] | None = None
) -> tuple[PortalDrift, ...]:
    """Return where each portal and the manifest disagree. Sends nothing but GET; raises what `snapshot` raises.

    Findings that the file `acknowledgements` accepts are separate in the result. Raises InputError for that file.
    """
    from pathlib import Path  # noqa: PLC0415 (heavy; see above)

    from portalctl import flow  # noqa: PLC0415 (heavy; see above)
    from portalctl.insight.acknowledged_drift import acknowledged  # noqa: PLC0415 (heavy; see above)
    from portalctl.manifest.acknowledgements_file import load_acknowledgements  # noqa: PLC0415 (heavy; see above)

    accepted = load_acknowledgements(Path(acknowledgements)) if acknowledgements is not None else ()
    return acknowledged(flow.drift(manifest, run, own=()), accepted, run.clock().date())


def report(plan: Plan, reports: Iterable[PortalReport], *, actor: str | None = None) -> Report:
    """Return the document of an apply, as `apply --report` writes it.

    Args:
        plan: what was applied.
        reports: what `apply` returned for it.
        actor: who applied it.
    """
    from datetime import UTC, datetime  # noqa: PLC0415 (heavy; see above)

    from portalctl.execution.report import timestamp  # noqa: PLC0415 (heavy; see above)
    from portalctl.output.apply_report import RunUser, apply_report  # noqa: PLC0415 (heavy; see above)
    from portalctl.version import GENERATOR  # noqa: PLC0415 (heavy; see above)

    reports, now = tuple(reports), timestamp(datetime.now(UTC))
    return apply_report(
        plan,
        reports,
        user=RunUser(actor),
        generator=GENERATOR,
        started_at=min((result.started_at for result in reports), default=now),
        ended_at=max((result.ended_at for result in reports), default=now),
    )


def render(document: Document | tuple[PortalDrift, ...] | tuple[PortalExplanation, ...], form: str = "text") -> str:
    """Return a plan, report, snapshot or other document in a form.

    Args:
        document: what `plan`, `drift`, `explain`, `snapshot` or `report` returned, or another document.
        form: `text`, `json`, `markdown`, `html`, or a further form that `-o` has for this document.

    Raises BadUsageError for a form that the document does not have.
    """
    from portalctl.insight.drift import PortalDrift  # noqa: PLC0415 (heavy; see above)
    from portalctl.output import documents  # noqa: PLC0415 (heavy; see above)

    if isinstance(document, tuple):
        found = [item for item in document if isinstance(item, PortalDrift)]
        explained = [item for item in document if not isinstance(item, PortalDrift)]
        return documents.render(
            documents.Explanation(portals=tuple(explained)) if explained else documents.Drift(portals=tuple(found)),
            form,
        )
    return documents.render(document, form)


def explain(manifest: Manifest, run: Run, subject: str) -> tuple[PortalExplanation, ...]:
    """Return what the rules yield for an address, a developer's id, a domain or a team, and why.

    Raises BadUsageError where `subject` is none of these or could be several; else what `snapshot` raises.
    """
    from portalctl import flow  # noqa: PLC0415 (heavy; see above)
    from portalctl.insight.explain import subject_of  # noqa: PLC0415 (heavy; see above)

    return flow.explain(manifest, run, subject_of(subject, manifest.portals.values()), own=())
