"""`portalctl list`: list the portals or directories of a manifest, or the portals that exist on a server."""

from __future__ import annotations

import sys
from pathlib import Path

import click

import portalctl
from portalctl.cli.console import show, style_for
from portalctl.cli.form_option import form_option
from portalctl.cli.options import tls_options
from portalctl.cli.paths import file_options, manifest_paths
from portalctl.cli.provider_options import REGIONS, provider_option
from portalctl.errors import BadUsageError
from portalctl.output.documents import listed_portals, render


@click.group()
def list() -> None:
    """List portals or directories.

    \b
    Examples:
      portalctl list portals
      portalctl list portals --live
      portalctl list directories
    """


@list.command()
@file_options
@form_option("directories")
def directories(paths: tuple[Path, ...], output: str) -> None:
    """List the directories of a manifest.

    Each has the groups that rules name, and the environment variables to set. No network is needed.

    \b
    Examples:
      portalctl list directories -f portals/
      portalctl list directories -f portals/ -o json
    """
    from portalctl.cli.directories import listed_directories

    found = portalctl.load(*manifest_paths(paths)).portals.values()
    style = style_for(sys.stdout)
    show(render(listed_directories(found), output, style), style)


@list.command()
@file_options
@click.option("--live", is_flag=True, help="List the portals that exist on the server, each with its id and names.")
@provider_option
@click.option("--region", type=click.Choice(REGIONS), help="With --live: the region, if the provider has regions.")
@tls_options
@form_option("portals")
@click.pass_context
def portals(
    ctx: click.Context,
    *,
    paths: tuple[Path, ...],
    live: bool,
    provider: str | None,
    region: str | None,
    ca_file: Path | None,
    insecure: bool,
    output: str,
) -> None:
    """List the portals of a manifest, or those of a server.

    Without --live, each portal is listed with its provider and files; no token and no network are needed. The JSON is
    one line, for a CI variable: its `portals` are the values of a matrix with a job for each portal, which passes
    `--portal NAME`. With --live, the portals on the server are listed, with or without a manifest, with the ids and
    titles that `portalctl import` and `portalctl init` need.

    \b
    Examples:
      portalctl list portals portals/
      portalctl list portals --live --provider konnect --region eu
      echo "portals=$(portalctl list portals -f portals/ -o json)" >> "$GITHUB_OUTPUT"
    """
    _check_live_options(ctx, live=live)
    style = style_for(sys.stdout)
    if live:
        from portalctl.cli.live_portals import Wanted, live_portals
        from portalctl.cli.servers import Tls

        document = live_portals(paths, Wanted(provider, region, Tls(ca_file, verify=not insecure)))
        show(render(document, output, style), style)
    else:
        show(render(listed_portals(portalctl.load(*manifest_paths(paths)).portals.values()), output, style), style)


def _check_live_options(ctx: click.Context, *, live: bool) -> None:
    """Check that options for live portals are used with --live only. Raises BadUsageError."""
    options = [name for name in ("provider", "region", "ca_file", "insecure") if ctx.params.get(name)]
    if options and not live:
        raise BadUsageError(f"--{options[0].replace('_', '-')} requires --live")
