"""`portalctl validate`: check the files, offline."""

from __future__ import annotations

from pathlib import Path

import click

from portalctl.cli.options import file_option, manifest_paths
from portalctl.errors import InputError
from portalctl.manifest.load import load
from portalctl.manifest.model import Manifest, PortalManifest
from portalctl.plan.capability import check
from portalctl.report.documents import validation_json
from portalctl.report.safe import terminal
from portalctl.report.words import plural


@click.command()
@file_option
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
def validate(paths: tuple[Path, ...], output: str) -> None:
    """Check manifest files. Asks no portal and needs no token.

    \b
    Examples:
      portalctl validate -f portals/
      portalctl validate -f portals/ -o json
    """
    try:
        manifest = load(manifest_paths(paths))
        check(manifest)
    except InputError as error:
        if output == "json":
            click.echo(validation_json(None, error.findings), nl=False)
        raise
    if output == "json":
        click.echo(validation_json(manifest, ()), nl=False)
    else:
        _show(manifest)


def _show(manifest: Manifest) -> None:
    for at, message in manifest.warnings:
        click.echo(f"warning: {terminal(f'{at}: {message}')}", err=True)
    for portal in manifest.portals.values():
        click.echo(f"{portal.name}  {portal.provider} · {_counts(portal)}")
    count = len(manifest.files)
    click.echo(f"{plural(count, 'file')} {'is' if count == 1 else 'are'} valid.")


def _counts(portal: PortalManifest) -> str:
    counts = {
        "trusted domain": len(portal.trusted_domains),
        "denied domain": len(portal.denied_domains),
        "team": len(portal.teams),
        "member": sum(len(team.members or ()) for team in portal.teams),
        "override": len(portal.overrides),
        "protected address": len(portal.protected),
    }
    said = [
        f"{count:,} {thing}es" if thing.endswith("s") and count != 1 else plural(count, thing)
        for thing, count in counts.items()
        if count
    ]
    return ", ".join(said) or "no rules"
