"""Selection of a part of a plan:

by class, developer or team. Changes that depend on a dropped one are dropped with it, with a notice.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

from portalctl.changes.operation import OpClass
from portalctl.changes.operations import Change
from portalctl.changes.order import by_target, makes_sense_without, members_first
from portalctl.changes.plan import Notice
from portalctl.errors import BadUsageError
from portalctl.identity import normal_address
from portalctl.manifest.model import PortalManifest
from portalctl.portals.models import Snapshot
from portalctl.words import did_you_mean, plural, quoted


@dataclass(frozen=True, slots=True)
class Selection:
    """The part of the plan that a run makes, the number of developers who may lose access by it, and whether it may
    delete.

    None: everything. `developer` is a normal address or a portal's id, `team` a name. `where` is a further condition.
    `no_mail_above`: the number of e-mails that may be sent by it.
    """

    only: frozenset[OpClass] | None = None
    developer: str | None = None
    team: str | None = None
    allow_removals: int | None = None
    allow_delete: bool | None = None
    no_mail_above: int | None = None
    where: Callable[[Change], bool] | None = None

    def takes(self, change: Change) -> bool:
        return (
            (self.only is None or change.op_class in self.only)
            and (self.team is None or change.team == self.team)
            and (self.developer is None or self.developer in _names(change))
            and (self.where is None or self.where(change))
        )


def select(
    changes: Sequence[Change], selection: Selection, provider: str
) -> tuple[tuple[Change, ...], tuple[Notice, ...]]:
    """Return the selected changes that make sense without the others, and a notice where some do not."""
    first = members_first(provider)
    kept = chosen = [change for change in changes if selection.takes(change)]
    dropped = [change for change in changes if not selection.takes(change)]
    while dropped:
        missing = by_target(dropped)
        dropped = [change for change in kept if not makes_sense_without(change, missing, members_first=first)]
        lost = {change.id for change in dropped}
        kept = [change for change in kept if change.id not in lost]
    lost_count = len(chosen) - len(kept)
    if not lost_count:
        return tuple(kept), ()
    text = (
        f"{plural(lost_count, 'change')} left out: a team, account, approval or membership that must be changed with "
        f"{'it' if lost_count == 1 else 'them'} is not selected"
    )
    return tuple(kept), (Notice("selection_dropped", "info", text),)


def developer_names(portal: PortalManifest, snapshot: Snapshot, changes: Iterable[Change]) -> set[str]:
    """Return the names by which `Selection.developer` can select: of accounts, of rules and of changes."""
    accounts = (name for account in snapshot.developers for name in (account.id, account.email, account.address))
    members = (member.developer for team in portal.teams for member in team.members or ())
    overrides = (override.developer for override in portal.overrides)
    changed = (name for change in changes for name in _names(change))
    return {name for name in chain(accounts, members, overrides, changed) if name}


def check_developer(selection: Selection, names: Collection[str]) -> None:
    """Raises BadUsageError for a selected developer who is not among the `names`: a typo would look like a result."""
    if selection.developer is None or selection.developer in names:
        return
    explain = f"To see what the rules yield for a new sign-up:  portalctl explain {shlex.quote(selection.developer)}"
    raise BadUsageError(
        f"{quoted(selection.developer)}: no account and no rule has this name"
        f"{did_you_mean(selection.developer, sorted(names))}",
        explain if "@" in selection.developer else "Name a developer by e-mail address or by the portal's id.",
    )


def _names(change: Change) -> tuple[str | None, ...]:
    """Return the names that select a change's developer: the portal's id, the live spelling, its normal form."""
    developer = change.developer
    return (developer.id, developer.email, normal_address(developer.email or "")) if developer is not None else ()
