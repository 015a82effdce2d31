"""`portalctl list`: what manifest files declare, for scripts."""

from __future__ import annotations

import sys
from pathlib import Path

import click

import portalctl
from portalctl.cli.console import show, style_for
from portalctl.cli.form_option import form_option
from portalctl.cli.paths import file_options, manifest_paths
from portalctl.output.documents import listed, render


@click.group()
def list() -> None:
    """List what manifest files declare.

    \b
    Examples:
      portalctl list portals -f portals/
      portalctl list portals -f portals/ -o json
    """


@list.command()
@file_options
@form_option("portals")
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
    style = style_for(sys.stdout)
    show(render(listed(found), output, style), style)
