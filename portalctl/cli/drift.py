"""`portalctl drift`: where portal and files disagree."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import click

from portalctl import flow
from portalctl.cli.completers import one_more_of
from portalctl.cli.console import show, style_for
from portalctl.cli.form_option import form_option
from portalctl.cli.masking import mask_option, shown
from portalctl.cli.notify_option import Notify, notify_option
from portalctl.cli.options import Target, choices, target_options
from portalctl.cli.output_option import OutputPath, check_one_result, write_output
from portalctl.cli.session import leave, open_session
from portalctl.events import Event, Observer, Waiting
from portalctl.insight.acknowledged_drift import acknowledged, acknowledgement_notices
from portalctl.insight.drift import FAILING, KINDS
from portalctl.manifest.acknowledgements_file import load_acknowledgements
from portalctl.output.documents import Drift, render
from portalctl.output.metrics import drift_metrics
from portalctl.output_file import PUBLIC, Output

DIFFERENT = 2


@click.command()
@target_options
@click.option(
    "--fail-on",
    callback=choices(KINDS),
    shell_complete=one_more_of(KINDS),
    metavar="KIND,…",
    help=f"Exit with 2 on these kinds only: {', '.join(KINDS)}.  [default: all but backlog]",
)
@click.option(
    "--acknowledge",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Findings that may stand (YAML), by the fingerprints shown: listed apart, and no reason to fail.",
)
@form_option("drift")
@click.option(
    "--metrics",
    type=OutputPath(PUBLIC),
    metavar="FILE",
    help="Write what was found as Prometheus metrics, for node-exporter's textfile collector (FILE ends in .prom). "
    "Not touched when a portal could not be read.",
)
@mask_option
@notify_option
def drift(
    *,
    target: Target,
    fail_on: frozenset[str] | None,
    acknowledge: Path | None,
    output: str,
    metrics: Output | None,
    notify: Notify,
) -> None:
    """Say where portal and files disagree, by kind. Cannot write to a portal.

    \b
    Examples:
      portalctl drift -f portals/
      portalctl drift -f portals/ --fail-on unexpected_grant,unruled_grant
      portalctl drift -f portals/ --acknowledge acknowledged.yaml -o markdown
    """
    check_one_result("--metrics", metrics, output)
    known = load_acknowledgements(acknowledge) if acknowledge is not None else ()
    session = open_session(target)
    throttles = Throttles(session.run.observer)
    found = flow.drift(session.manifest, replace(session.run, observer=throttles))
    now = session.run.clock()
    found = acknowledged(found, known, now.date())
    if metrics is not None:
        write_output("--metrics", metrics, drift_metrics(shown(found), finished=now, throttles=throttles.count))
    style = style_for(sys.stdout)
    document = Drift(portals=found, notices=tuple(acknowledgement_notices(found, known, now.date())))
    show(render(shown(document), output, style), style)
    notify.drift(found, session.run.observer)
    if any(finding.kind in (fail_on or FAILING) for portal in found for finding in portal.findings):
        leave(DIFFERENT)


class Throttles:
    """An observer that counts the pauses a portal asked for, and passes every event on."""

    def __init__(self, observer: Observer) -> None:
        self.count = 0
        self._observer = observer

    def __call__(self, event: Event) -> None:
        self.count += isinstance(event, Waiting)
        self._observer(event)
