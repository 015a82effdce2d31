"""Access to developer portals as code: the functions behind the commands of `portalctl`.

A manifest has the rules, a run the servers. Reading functions send nothing but GET:

    import os
    import portalctl

    manifest = portalctl.load("portals/")
    server = portalctl.Server("https://eu.api.konghq.com", os.environ["KONNECT_TOKEN"])
    run = portalctl.Run({"partners": server})
    plan = portalctl.plan(manifest, run)  # sends nothing but GET
    for change in plan.portals[0].changes:
        print(change.op, change.developer, change.team, change.why)
    reports = portalctl.apply(plan, run)  # raises RefusedError before any write, or reports each change

Functions
    load(*paths)                   read manifest files
    plan(manifest, run)            what would change, and why
    apply(plan, run)               carry a plan out; one report for each portal
    drift(manifest, run)           where portals and manifest disagree
    explain(manifest, run, name)   what the rules yield for a developer, domain or team
    snapshot(manifest, run)        a complete reading; `Run({}, snapshot=...)` plans from it without a portal
    report(plan, reports)          the document of an apply
    render(document, form)         a plan, report or other document as text, JSON, Markdown or HTML

Values are frozen dataclasses. Nothing here prints or reads environment variables. Every error is a `PortalctlError`
with a `message`, the `advice` on what to do, and the `exit_code` of the commands; `str(error)` of an `InputError` has
every finding with its file, line and column.

Other modules of this package may change without notice. Functions and types are imported when they are first used.
"""

from typing import TYPE_CHECKING

from portalctl.library import EXPORTED as __all__  # noqa: F401, N811 (a list, read by help())
from portalctl.library import apply as apply
from portalctl.library import drift as drift
from portalctl.library import explain as explain
from portalctl.library import load as load
from portalctl.library import plan as plan
from portalctl.library import render as render
from portalctl.library import report as report
from portalctl.library import snapshot as snapshot
from portalctl.version import __version__ as __version__

if TYPE_CHECKING:
    from portalctl.changes.plan import Notice as Notice
    from portalctl.changes.plan import Plan as Plan
    from portalctl.changes.plan import PortalPlan as PortalPlan
    from portalctl.changes.plan import Refusal as Refusal
    from portalctl.changes.selection import Selection as Selection
    from portalctl.errors import AnswerError as AnswerError
    from portalctl.errors import BadUsageError as BadUsageError
    from portalctl.errors import Finding as Finding
    from portalctl.errors import InputError as InputError
    from portalctl.errors import NoAnswerError as NoAnswerError
    from portalctl.errors import PortalctlError as PortalctlError
    from portalctl.errors import PortalError as PortalError
    from portalctl.errors import RefusedError as RefusedError
    from portalctl.execution.report import PortalReport as PortalReport
    from portalctl.execution.report import Settled as Settled
    from portalctl.http import Server as Server
    from portalctl.insight.drift import DriftFinding as DriftFinding
    from portalctl.insight.drift import PortalDrift as PortalDrift
    from portalctl.insight.explain import PortalExplanation as PortalExplanation
    from portalctl.manifest.model import Manifest as Manifest
    from portalctl.output.apply_report import Report as Report
    from portalctl.portals.snapshot_file import SavedSnapshot as SavedSnapshot
    from portalctl.reason import Reason as Reason
    from portalctl.run_context import Run as Run
else:
    from portalctl.library import exported as __dir__  # noqa: F401 (Python calls it for `dir`)
    from portalctl.library import named as __getattr__  # noqa: F401 (Python calls it for names that are not here)
