"""The paths of the manifest: those on the command line, or the default."""

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
    help="Manifest file or folder. Repeatable.  [default: ./portals/ if present, else ./portal.yaml]",
)


def file_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add `-f PATH` and arguments with the same meaning, passed to the command together as `paths`."""

    @click.argument("arguments", nargs=-1, metavar="[PATH]...", type=click.Path(path_type=Path))
    @file_option
    @wraps(command)
    def with_paths(*, paths: tuple[Path, ...], arguments: tuple[Path, ...], **others: object) -> None:
        command(paths=(*paths, *arguments), **others)

    return with_paths


def manifest_paths(paths: tuple[Path, ...]) -> tuple[Path, ...]:
    """Return the paths, or without any the default. Raises BadUsageError if the default does not exist."""
    if paths:
        return paths
    for path in DEFAULT_PATHS:
        if path.exists():
            return (path,)
    raise BadUsageError(
        "no manifest: neither ./portals/ nor ./portal.yaml exists",
        "Pass a file or folder with -f PATH, or create a manifest: portalctl init.",
    )
