"""GitOps for developer portals, as a library. The public API is what this module exports.

    import os
    import portalctl

    manifest = portalctl.load("portals/")
    server = portalctl.Server("https://eu.api.konghq.com", os.environ["KONNECT_TOKEN"])
    run = portalctl.Run({"partners": server})
    plan = portalctl.plan(manifest, run)  # sends nothing but GET
    for change in plan.portals[0].changes:
        print(change.op, change.developer, change.team, change.why)
    reports = portalctl.apply(plan, run)  # raises RefusedError before any write, or reports each change

`snapshot` reads whole portals; `Run({}, snapshot=portalctl.snapshot(manifest, run))` plans from that without asking
them. `drift` and `explain` return what the commands of these names show; `render` gives a document the form of text,
JSON, Markdown or HTML. Nothing here reads the environment or
prints. Errors are those of `portalctl.errors`. Functions import what they need when they are first called.
"""

from typing import TYPE_CHECKING

from portalctl.library import apply as apply
from portalctl.library import drift as drift
from portalctl.library import explain as explain
from portalctl.library import load as load
from portalctl.library import plan as plan
from portalctl.library import render as render
from portalctl.library import snapshot as snapshot
from portalctl.version import __version__ as __version__

if TYPE_CHECKING:
    from portalctl.flow import Run as Run
    from portalctl.http import Server as Server
else:
    from portalctl.library import named as __getattr__  # noqa: F401 (Python asks it for what is not here)
