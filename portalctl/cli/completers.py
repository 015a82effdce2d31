"""What a shell offers for a word that names something in the manifest. Whoever types sees names, never an error."""

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
    """The portals of the files that `-f` names on the same line, else of the default ones."""
    return _starting(incomplete, (portal.name for portal in _portals(ctx)))


def subjects(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:  # noqa: ARG001 (click's)
    """What can be explained and is not a person: teams and domains."""
    return _starting(incomplete, (name for portal in _portals(ctx) for name in _subjects(portal)))


def _subjects(portal: PortalManifest) -> Iterator[str]:
    yield from (team.name for team in portal.teams)
    yield from (rule.domain for rule in portal.trusted_domains)
    yield from (rule.domain for rule in portal.denied_domains)


def one_more_of(words: Iterable[str]) -> Callable[[click.Context, click.Parameter, str], list[str]]:
    """For a comma list of known words: those that are not in it yet, behind those that are."""

    def offer(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:  # noqa: ARG001 (click's)
        before, comma, _ = incomplete.rpartition(",")
        left = (word for word in words if word not in before.split(","))
        return _starting(incomplete, (f"{before}{comma}{word}" for word in left))

    return offer


def team_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:  # noqa: ARG001 (click's)
    """The teams of those portals."""
    return _starting(incomplete, (team.name for portal in _portals(ctx) for team in portal.teams))


def _portals(ctx: click.Context) -> Iterable[PortalManifest]:
    """None where the files can't be used: the command itself says why."""
    try:
        return portalctl.load(*manifest_paths(_paths(ctx))).portals.values()
    except PortalctlError:
        return ()


def _paths(ctx: click.Context) -> tuple[Path, ...]:
    """Return the paths on the command line so far, by option and as arguments."""
    return tuple(path for key in ("paths", "arguments") for path in ctx.params.get(key) or ())


def _starting(incomplete: str, names: Iterable[str]) -> list[str]:
    return sorted({name for name in names if name.startswith(incomplete)})
