"""Where the manifest is: the paths on the command line, or the default without them."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
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


def file_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add `-f PATH` and arguments with the same meaning, given to the command together as `paths`."""

    @click.argument("arguments", nargs=-1, metavar="[PATH]...", type=click.Path(path_type=Path))
    @file_option
    @wraps(command)
    def with_paths(*, paths: tuple[Path, ...], arguments: tuple[Path, ...], **others: object) -> None:
        command(paths=(*paths, *arguments), **others)

    return with_paths


def manifest_paths(paths: tuple[Path, ...]) -> tuple[Path, ...]:
    """Return the given paths, or the default. Raises BadUsageError when there is neither."""
    if paths:
        return paths
    for path in DEFAULT_PATHS:
        if path.exists():
            return (path,)
    raise BadUsageError(
        "no manifest: neither ./portals/ nor ./portal.yaml is here",
        "Name a file or folder with -f PATH, or create one: portalctl init.",
    )
