"""`portalctl drift`: report where portals and manifest disagree."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import click

from portalctl import flow
from portalctl.changes.plan import Notice
from portalctl.cli.completers import one_more_of
from portalctl.cli.console import show, style_for
from portalctl.cli.form_option import form_option
from portalctl.cli.masking import mask_option, shown
from portalctl.cli.notify_option import Notify, notify_option
from portalctl.cli.options import Target, choices, target_options
from portalctl.cli.output_option import OutputPath, check_one_result, write_output
from portalctl.cli.paths import manifest_paths
from portalctl.cli.session import leave, open_session, own_traces
from portalctl.events import Event, Observer, Waiting
from portalctl.insight.acknowledged_drift import acknowledged, acknowledgement_notices
from portalctl.insight.drift import FAILING, KINDS, PortalDrift
from portalctl.insight.recorded_changes import drift_notices
from portalctl.manifest.acknowledgements_file import (
    Acknowledgement,
    is_complete,
    load_acknowledgements,
    named_acknowledgements,
)
from portalctl.manifest.model import Manifest, NamedFile
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
    help="Read accepted findings from this file instead of the files that root files name as `acknowledgements`.",
)
@form_option("drift")
@click.option(
    "--metrics",
    type=OutputPath(PUBLIC),
    metavar="FILE",
    help="Write the figures as Prometheus metrics, for node-exporter's textfile collector (FILE ends in .prom). "
    "If a portal could not be read, the file stays unchanged.",
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
    """Report where portals and manifest disagree, by kind. Never writes to a portal.

    \b
    Examples:
      portalctl drift -f portals/
      portalctl drift -f portals/ --fail-on unexpected_grant,unruled_grant
      portalctl drift -f portals/ --acknowledge acknowledged.yaml -o markdown
    """
    check_one_result("--metrics", metrics, output)
    entries = load_acknowledgements(acknowledge) if acknowledge is not None else None
    session = open_session(target)
    known = _Acknowledgements.of(session.manifest, manifest_paths(target.paths), entries)
    pauses = PauseCounter(session.run.observer)
    found = flow.drift(session.manifest, replace(session.run, observer=pauses), own_traces(session.manifest))
    now = session.run.clock()
    found = acknowledged(found, known.entries, now.date())
    if metrics is not None:
        write_output("--metrics", metrics, drift_metrics(shown(found), finished=now, throttles=pauses.count))
    style = style_for(sys.stdout)
    document = Drift(portals=found, notices=(*known.notices(found, now.date()), *drift_notices(found)))
    show(render(shown(document), output, style), style)
    notify.drift(found, session.run.observer)
    if any(finding.kind in (fail_on or FAILING) for portal in found for finding in portal.findings):
        leave(DIFFERENT)


@dataclass(frozen=True, slots=True)
class _Acknowledgements:
    """The acknowledgements of a run.

    `shared` are those that may be about portals outside the run, `missing` the files that do not exist, by portal.
    """

    entries: tuple[Acknowledgement, ...]
    shared: frozenset[Acknowledgement]
    missing: Mapping[str, NamedFile]

    @classmethod
    def of(
        cls, manifest: Manifest, paths: tuple[Path, ...], entries: tuple[Acknowledgement, ...] | None
    ) -> _Acknowledgements:
        """Return these `entries`; None: those of the files that root files name. Raises InputError."""
        if entries is not None:
            return cls(entries, frozenset(entries if len(manifest.portals) < len(manifest.roots) else ()), {})
        named = named_acknowledgements(manifest.portals.values(), paths)
        shared = frozenset(
            entry
            for name, listed in named.items()
            if (file := manifest.portals[name].acknowledgements) is not None and not is_complete(manifest, file)
            for entry in listed
        )
        files = {name: file for name in named if (file := manifest.portals[name].acknowledgements) is not None}
        missing = {name: file for name, file in files.items() if not Path(file.path).exists()}
        return cls(tuple(dict.fromkeys(entry for listed in named.values() for entry in listed)), shared, missing)

    def notices(self, found: tuple[PortalDrift, ...], today: date) -> Iterator[Notice]:
        """Yield a notice for each missing file of a portal with findings, and for each entry without effect."""
        for portal in found:
            file = self.missing.get(portal.name)
            if file is not None and any(finding.kind in FAILING for finding in portal.findings):
                text = f"{file.shown} does not exist; portalctl acknowledge creates it"
                yield Notice("acknowledgements_missing", "info", text, file=file.at.file, line=file.at.line)
        own = [entry for entry in self.entries if entry not in self.shared]
        yield from acknowledgement_notices(found, own, today)
        others = [entry for entry in self.entries if entry in self.shared]
        yield from acknowledgement_notices(found, others, today, complete=False)


class PauseCounter:
    """Counts the pauses that portals ask for, and passes all events to another observer."""

    def __init__(self, observer: Observer) -> None:
        self.count = 0
        self._observer = observer

    def __call__(self, event: Event) -> None:
        self.count += isinstance(event, Waiting)
        self._observer(event)
