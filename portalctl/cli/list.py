"""`portalctl list`: what manifest files declare, for scripts."""

from __future__ import annotations

from pathlib import Path

import click

import portalctl
from portalctl.cli.paths import file_option, manifest_paths
from portalctl.output.json_documents import portals_json
from portalctl.output.text.portals import portals_text


@click.group()
def list() -> None:
    """List what manifest files declare.

    \b
    Examples:
      portalctl list portals -f portals/
      portalctl list portals -f portals/ -o json
    """


@list.command()
@file_option
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
def portals(paths: tuple[Path, ...], output: str) -> None:
    """List the portals, each with its provider and its files. Asks no portal and needs no token.

    The JSON is one line, for a CI variable: its `portals` are the values of a matrix, so that each portal has a job
    of its own, which is given `--portal NAME`.

    \b
    Examples:
      portalctl list portals -f portals/
      echo "portals=$(portalctl list portals -f portals/ -o json)" >> "$GITHUB_OUTPUT"
    """
    found = portalctl.load(*manifest_paths(paths)).portals.values()
    click.echo(portals_json(found) if output == "json" else portals_text(found), nl=False)
