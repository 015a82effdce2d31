"""`portalctl validate`: check manifest files without a portal."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

import portalctl
from portalctl.cli.form_option import form_option
from portalctl.cli.lint_option import lint_option, lints_help
from portalctl.cli.masking import mask_option, shown
from portalctl.cli.paths import file_options, manifest_paths
from portalctl.cli.verbosity import verbosity
from portalctl.errors import Finding, InputError
from portalctl.insight.lint import Levels, lint
from portalctl.manifest.acknowledgements_file import named_acknowledgements
from portalctl.manifest.expectations_file import found_expectations, load_expectations
from portalctl.manifest.model import Manifest, PortalManifest
from portalctl.output.escaping import terminal
from portalctl.portals.models import Snapshot
from portalctl.rules.unsupported import check
from portalctl.words import plural


@click.command(epilog=lints_help())
@file_options
@lint_option
@click.option(
    "--snapshot",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Also make the checks that need a snapshot of the portals (`portalctl snapshot`).",
)
@form_option("validation")
@mask_option
def validate(paths: tuple[Path, ...], levels: Levels, snapshot: Path | None, output: str) -> None:
    """Check manifest files, without a portal and without a token.

    The exit code is 65 if there are errors. Warnings have a code, explained below.

    \b
    Examples:
      portalctl validate -f portals/
      portalctl validate -f portals/ -W PC003=error -W PC009=off
      portalctl validate -f portals/ -o gitlab > codequality.json
    """
    try:
        paths = manifest_paths(paths)
        manifest = portalctl.load(*paths)
        check(manifest)
        named_acknowledgements(manifest.portals.values(), paths)
        load_expectations(found_expectations(paths, manifest), manifest.portals)
    except InputError as error:
        if output != "text":
            _document(output, (), error.findings)
        raise
    findings = lint(manifest, datetime.now(UTC).date(), levels, _live(manifest, snapshot))
    errors = tuple(finding for finding in findings if finding.severity == "error")
    _warn([finding for finding in findings if finding.severity == "warning"])
    if output != "text":
        _document(output, manifest.files, findings)
    if errors:
        raise InputError(errors)
    if output == "text":
        _show(manifest)


def _live(manifest: Manifest, path: Path | None) -> Mapping[str, Snapshot]:
    """Return the saved snapshot of each portal; none without a file."""
    if path is None:
        return {}
    from portalctl.cli.session import read_snapshot
    from portalctl.comparing import check_portals, declared
    from portalctl.run_context import Run

    saved = read_snapshot(path)
    check_portals(manifest, Run({}, snapshot=saved))
    return {name: saved.of(declared(portal)).snapshot for name, portal in manifest.portals.items()}


def _warn(warnings: Sequence[Finding]) -> None:
    """Print a line for each warning. If many have the same code, print the first ones and a count."""
    if not warnings:
        return
    from portalctl.output.view_model import MOST_ALIKE, SHOWN_OF_ALIKE

    verbose = verbosity() == "verbose"
    count = Counter(warning.code for warning in warnings)
    shown: Counter[str | None] = Counter()
    for warning in warnings:
        shown[warning.code] += 1
        if verbose or count[warning.code] <= MOST_ALIKE or shown[warning.code] <= SHOWN_OF_ALIKE:
            click.echo(terminal(str(warning)), err=True)
    for code, every in count.items():
        if every > MOST_ALIKE and not verbose:
            click.echo(f"{every - SHOWN_OF_ALIKE:,} more of {code}  (--verbose lists them)", err=True)
    click.echo(f"To fix a finding: portalctl docs findings#{warnings[0].code}", err=True)


def _document(form: str, files: Iterable[str], findings: Sequence[Finding]) -> None:
    from portalctl.cli.console import show, style_for
    from portalctl.output.documents import render, validation

    style = style_for(sys.stdout)
    show(render(shown(validation(files, findings)), form, style), style)


def _show(manifest: Manifest) -> None:
    for portal in manifest.portals.values():
        click.echo(f"{portal.name}  {portal.provider} · {_counts(portal)}")
    count = len(manifest.files)
    click.echo(f"{plural(count, 'file')} {'is' if count == 1 else 'are'} valid.")


def _counts(portal: PortalManifest) -> str:
    counts = {
        "trusted domain": len(portal.trusted_domains),
        "directory": len(portal.directories),
        "trusted group": len(portal.trusted_groups),
        "denied domain": len(portal.denied_domains),
        "team": len(portal.teams),
        "member": sum(len(team.members or ()) for team in portal.teams),
        "override": len(portal.overrides),
        "protected address": len(portal.protected),
    }
    return ", ".join(plural(count, noun) for noun, count in counts.items() if count) or "no rules"
