"""Where the manifest is: `-f`, and what is taken without it."""

from __future__ import annotations

from pathlib import Path

import click

from portalctl.errors import BadUsageError

DEFAULT_PATHS = (Path("portals"), Path("portal.yaml"))

file_option = click.option(
    "-f",
    "--file",
    "paths",
    multiple=True,
    metavar="PATH",
    type=click.Path(path_type=Path),
    help="Manifest file or folder; repeats.  [default: ./portals/ if present, else ./portal.yaml]",
)


def manifest_paths(paths: tuple[Path, ...]) -> tuple[Path, ...]:
    """What `-f` named, or the default. Raises BadUsageError when there is neither."""
    if paths:
        return paths
    for path in DEFAULT_PATHS:
        if path.exists():
            return (path,)
    raise BadUsageError(
        "no manifest: neither ./portals/ nor ./portal.yaml is here", "name one with -f PATH; see examples/quickstart"
    )
