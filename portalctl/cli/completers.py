"""Completions for words that name something in the manifest. An invalid manifest has none, and shows no error."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

import click

import portalctl
from portalctl.cli.paths import manifest_paths
from portalctl.errors import PortalctlError

if TYPE_CHECKING:
    from pathlib import Path

    from portalctl.manifest.model import PortalManifest


def portal_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:  # noqa: ARG001 (click's)
    """Return the portals of the files passed with `-f` on the same line, else of the default files."""
    return _starting(incomplete, (portal.name for portal in _portals(ctx)))


def subjects(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:  # noqa: ARG001 (click's)
    """Return the teams and domains, for `explain`; not the developers, who may be many."""
    return _starting(incomplete, (name for portal in _portals(ctx) for name in _subjects(portal)))


def _subjects(portal: PortalManifest) -> Iterator[str]:
    yield from (team.name for team in portal.teams)
    yield from (rule.domain for rule in portal.trusted_domains)
    yield from (rule.domain for rule in portal.denied_domains)


def one_more_of(words: Iterable[str]) -> Callable[[click.Context, click.Parameter, str], list[str]]:
    """Return a completer for a comma-separated list of these words: it adds the words that are not in the list."""

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:  # noqa: ARG001 (click's)
        before, comma, _ = incomplete.rpartition(",")
        remaining = (word for word in words if word not in before.split(","))
        return _starting(incomplete, (f"{before}{comma}{word}" for word in remaining))

    return complete


def team_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:  # noqa: ARG001 (click's)
    """Return the teams of the portals that `portal_names` returns."""
    return _starting(incomplete, (team.name for portal in _portals(ctx) for team in portal.teams))


def _portals(ctx: click.Context) -> Iterable[PortalManifest]:
    """Return the portals; none for files with errors, which the command itself reports."""
    try:
        return portalctl.load(*manifest_paths(_paths(ctx))).portals.values()
    except PortalctlError:
        return ()


def _paths(ctx: click.Context) -> tuple[Path, ...]:
    """Return the paths on the command line so far, by option and as arguments."""
    return tuple(path for key in ("paths", "arguments") for path in ctx.params.get(key) or ())


def _starting(incomplete: str, names: Iterable[str]) -> list[str]:
    return sorted({name for name in names if name.startswith(incomplete)})
