"""The part of a plan that waits for approval, and its digest. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from portalctl.changes.operations import Change, DeleteDeveloper
from portalctl.changes.plan import Guard, Plan, PortalPlan
from portalctl.changes.selection import Selection
from portalctl.controller.models import HeldPlan, Mode, PortalKey

APPROVABLE: Final = timedelta(hours=24)
REJECTED_FOR: Final = timedelta(days=7)
UNATTENDED: Final = frozenset({"structure", "onboard", "expire"})  # the classes of mode `onboard`


def is_held(change: Change) -> bool:
    """Return whether a change waits for approval: a developer, or a team, loses something that they have.

    What the expiry of an entry for one named developer removes (class `expire`) was reviewed with its date, so it is
    not held; the rejection of a pending sign-up removes nothing that the developer has.
    """
    return change.op_class == "offboard" and (change.loses or change.developer is None)


def never(change: Change) -> bool:
    """Return whether the controller leaves a change to `portalctl apply`: the deletion of an account."""
    return isinstance(change, DeleteDeveloper)


def at_once(mode: Mode, contested: frozenset[str]) -> Selection:
    """Return the selection of changes that a mode makes without approval.

    Args:
        contested: developers and teams (`subject_of`) that another program changes back.
    """

    def chosen(change: Change) -> bool:
        if never(change) or is_held(change) or subject_of(change) in contested:
            return False
        return mode == "full" or (mode == "onboard" and change.op_class in UNATTENDED)

    return Selection(where=chosen)


def awaiting_approval(contested: frozenset[str] = frozenset()) -> Selection:
    """Return the selection of changes that wait for approval."""
    return Selection(
        where=lambda change: is_held(change) and not never(change) and subject_of(change) not in contested
    )


def only(signatures: frozenset[str]) -> Selection:
    """Return the selection of held changes with these signatures."""
    return Selection(where=lambda change: is_held(change) and not never(change) and signature(change) in signatures)


def subject_of(change: Change) -> str:
    """Return the key of a change's developer, or its team."""
    return change.developer.key if change.developer is not None else f"team {change.team}"


def signature(change: Change) -> str:
    """Return the text of what an approval of a change covers: operation, ids, both states and the rules.

    Lines, times, commits, and names and identities from a directory are not part of it: a reconcile, another team's
    commit or a newcomer leaves it as it is.
    """
    return json.dumps(
        {
            "op": change.op,
            "developer": change.developer.id or change.developer.email if change.developer is not None else None,
            "team": change.team,
            "detail": list(change.detail),
            "before": dict(change.before) if change.before is not None else None,
            "after": dict(change.after) if change.after is not None else None,
            "why": sorted({(why.rule, why.value, why.file) for why in change.why}),
        },
        sort_keys=True,
        default=str,
    )


def signatures(plan: PortalPlan) -> frozenset[str]:
    """Return the signatures of all changes of a portal's plan."""
    return frozenset(map(signature, plan.changes))


def held_digest(plan: PortalPlan) -> str:
    """Return the digest of a held plan: it covers portal, server, guard and the signatures of its changes."""
    covered = [plan.portal_id, plan.server, _guard(plan.guard), sorted(signatures(plan))]
    return f"sha256:{hashlib.sha256(json.dumps(covered).encode()).hexdigest()}"


def _guard(guard: Guard) -> list[object]:
    limits = guard.limits
    return [
        [limits.removals, limits.removals_percent, limits.team_percent],
        list(guard.protected),
        guard.allow_delete,
        guard.allow_removals,
    ]


def files_of(plan: PortalPlan) -> frozenset[str]:
    """Return the files of the reasons of a plan's changes."""
    return frozenset(why.file for change in plan.changes for why in change.why if why.file is not None)


@dataclass(frozen=True, slots=True)
class Upkeep:
    """What becomes of a portal's held plans after a run has read the portal.

    `stale`: digests of plans that can no longer be carried out. `hold`: the plan to record, which a known one keeps
    its start with. `current`: the plan that waits for approval, new or known.
    """

    stale: tuple[str, ...] = ()
    hold: HeldPlan | None = None
    current: HeldPlan | None = None


def upkeep(
    held: Iterable[tuple[HeldPlan, frozenset[str]]],
    planned: frozenset[str],
    fresh: HeldPlan | None,
    known: HeldPlan | None,
    now: datetime,
) -> Upkeep:
    """Decide what becomes of the held plans of a portal.

    A plan stays approvable while all its changes are wanted and stand as they did: then what waits now contains
    them. Further removals form a new held plan beside it.

    Args:
        held: the plans in state `held`, each with the signatures of its changes.
        planned: the signatures of the changes that wait now.
        fresh: what waits now as a held plan; None where nothing waits.
        known: what is recorded under the digest of `fresh`.
    """
    stale = tuple(plan.digest for plan, covered in held if not covered <= planned)
    if fresh is None:
        return Upkeep(stale)
    if known is not None and known.state == "rejected" and rejection_holds(known, fresh, now):
        return Upkeep(stale)
    if known is not None and known.state == "held" and known.expires > now:
        return Upkeep(stale, fresh, known)
    return Upkeep(stale, fresh, fresh)


def rejection_holds(rejected: HeldPlan, fresh: HeldPlan, now: datetime) -> bool:
    """Return whether a rejection holds: for seven days, or until a file of the reasons changes."""
    if rejected.decided_at is None or now - rejected.decided_at > REJECTED_FOR:
        return False
    return all(fresh.files.get(name) == digest for name, digest in rejected.files.items())


def held_plan(plan: Plan, text: str, files: Mapping[str, str], now: datetime) -> HeldPlan | None:
    """Return the held plan of a plan with the changes that wait, of one portal; None where there are none.

    Args:
        text: the plan document (JSON).
        files: digests of the manifest's files, by name.
    """
    portal = plan.portals[0]
    if not portal.changes:
        return None
    return HeldPlan(
        digest=held_digest(portal),
        key=PortalKey(portal.server, portal.portal_id),
        portal=portal.name,
        plan=text,
        state="held",
        started_at=now,
        expires=now + APPROVABLE,
        files={name: files[name] for name in sorted(files_of(portal)) if name in files},
    )
