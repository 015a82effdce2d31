"""Options that select part of a plan."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

import click

from portalctl.changes.operation import CLASSES, OpClass
from portalctl.changes.selection import Selection
from portalctl.cli.completers import one_more_of, team_names
from portalctl.cli.options import choices
from portalctl.errors import BadUsageError
from portalctl.identity import normal_address
from portalctl.manifest.model import Manifest
from portalctl.words import did_you_mean, quoted


def selection_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that select part of a plan and allow removals, passed to the command as `selection`."""

    @click.option(
        "--only",
        callback=choices(CLASSES),
        shell_complete=one_more_of(CLASSES),
        metavar="CLASS,…",
        help=f"Only changes of these classes: {', '.join(CLASSES)}.",
    )
    @click.option("--developer", metavar="ADDRESS", help="Only changes of this developer (address or id).")
    @click.option("--team", metavar="NAME", shell_complete=team_names, help="Only changes of this team.")
    @click.option(
        "--allow-removals",
        type=click.IntRange(min=0),
        metavar="N",
        help="Allow removals from up to N developers in this run, instead of policy.limits.",
    )
    @click.option(
        "--allow-delete",
        is_flag=True,
        default=None,
        help="Allow deleting accounts in this run, if policy.allow_delete is true too.",
    )
    @click.option(
        "--no-mail-above",
        type=click.IntRange(min=0),
        metavar="N",
        help="Refuse a plan about which the portals would send more than N e-mails together.",
    )
    @wraps(command)
    def with_selection(
        *,
        only: frozenset[OpClass] | None,
        developer: str | None,
        team: str | None,
        allow_removals: int | None,
        allow_delete: bool | None,
        no_mail_above: int | None,
        **others: object,
    ) -> None:
        name = None if developer is None else normal_address(developer) or developer
        command(selection=Selection(only, name, team, allow_removals, allow_delete, no_mail_above), **others)

    return with_selection


def as_words(selection: Selection) -> list[str]:
    """Return the options of a selection, as arguments of a command line."""
    words = ["--only", ",".join(name for name in CLASSES if name in selection.only)] if selection.only else []
    words += ["--developer", selection.developer] if selection.developer is not None else []
    words += ["--team", selection.team] if selection.team is not None else []
    words += ["--allow-removals", str(selection.allow_removals)] if selection.allow_removals is not None else []
    words += ["--no-mail-above", str(selection.no_mail_above)] if selection.no_mail_above is not None else []
    return [*words, *(["--allow-delete"] if selection.allow_delete else [])]


def check_selection(selection: Selection, manifest: Manifest) -> None:
    """Check that the selected team is declared: with a typo the plan would be empty. Raises BadUsageError."""
    known = tuple(sorted({team.name for portal in manifest.portals.values() for team in portal.teams}))
    if selection.team is not None and selection.team not in known:
        raise BadUsageError(
            f"{quoted(selection.team)}: team not declared in the manifest{did_you_mean(selection.team, known)}",
            f"Teams of the manifest: {', '.join(known) or 'none'}.",
        )
