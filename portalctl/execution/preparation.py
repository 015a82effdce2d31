"""The check of everything that a plan touches, before any write: the remaining changes, or why the plan is stale."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from portalctl.changes.mails import mail_count, too_many
from portalctl.changes.operation import Stand, State, Subject, account
from portalctl.changes.operations import Change, CreateTeam
from portalctl.changes.plan import PortalPlan
from portalctl.changes.removal_limits import count_again
from portalctl.errors import AmbiguousError, RefusedError
from portalctl.execution.verification import statuses, touched, words
from portalctl.identity import normal_address
from portalctl.portals.models import Developer, Sighting
from portalctl.portals.protocol import Reader


@dataclass(frozen=True, slots=True)
class Ready:
    """A portal's plan, checked against the live state: the remaining changes, the state that was seen, and when.

    `at` is of `time.monotonic`.
    """

    plan: PortalPlan
    todo: tuple[Change, ...]
    seen: Sighting
    at: float


def prepare(plan: PortalPlan, provider: Reader) -> Ready:
    """Read everything the plan touches, before any write.

    Raises RefusedError when something is neither as planned before nor as wanted, PortalError when it can't be read.
    """
    at = time.monotonic()
    try:
        seen = provider.reread(replace(touched(plan.changes), mail_operations=plan.guard.no_mail_above is not None))
    except AmbiguousError as error:
        raise _refused(plan, error.message, *error.advice) from error
    known = statuses(plan.changes)
    stands = {change.id: change.stand(seen) for change in plan.changes}
    stale = [reason for change in plan.changes for reason in _stale(change, stands[change.id], seen, known)]
    stale += [f"team {name}: existed when the plan was made, but is now gone" for name in _gone(plan.changes, seen)]
    if stale:
        raise _refused(plan, *dict.fromkeys(stale), "plan again, and review what changed")
    todo = tuple(change for change in plan.changes if stands[change.id] == "before")
    refusals = count_again(plan.guard, todo, provider.approved, seen.members)
    if refusals:
        message = f"portal {plan.name}: the changes exceed the plan's own limits, and nothing was written"
        raise RefusedError(message, *(refusal.message for refusal in refusals))
    return Ready(plan, todo, seen, at)


def check_mails(ready: Sequence[Ready]) -> None:
    """Count the e-mails again that all portals together would send, as the portals report them now.

    Raises RefusedError when there are more than the plan allows.
    """
    limits = [item.plan.guard.no_mail_above for item in ready if item.plan.guard.no_mail_above is not None]
    count = sum(mail_count(item.plan.provider, item.todo, item.seen.mail_operations) for item in ready)
    if limits and count > min(limits):
        raise RefusedError(
            f"{too_many(count, min(limits))}, and nothing was written",
            "plan again: the portal sends more e-mails than when the plan was made",
        )


def _refused(plan: PortalPlan, *advice: str) -> RefusedError:
    return RefusedError(f"portal {plan.name}: the plan is stale, and nothing was written", *advice)


def _gone(changes: Sequence[Change], seen: Sighting) -> list[str]:
    """Return the teams that developers join or leave, that the plan does not create, and that are missing."""
    made = {change.team for change in changes if isinstance(change, CreateTeam)}
    named = {change.team for change in changes if change.team is not None and change.developer is not None}
    return sorted(named - made - seen.teams.keys())


def _stale(change: Change, now: Stand, seen: Sighting, known: Mapping[str, frozenset[str | None]]) -> Iterator[str]:
    """Return why a plan with this change is stale, if it is. `known` are the statuses in the plan."""
    developer = change.developer
    if now == "other":
        yield _moved(change.subject, change.before, change.live_state(seen))
    elif developer is not None:
        found = account(developer, seen)
        status = found.status if found is not None else None
        if status not in known[developer.key]:
            has: State | None = {"status": status} if status is not None else None
            yield _moved(developer.name, {"status": change.developer_status}, has)
        if found is not None and not _has_address(found, developer):
            yield f"{developer.name}: the account {found.id} now has the address {found.email or 'none'}"


def _has_address(found: Developer, planned: Subject) -> bool:
    """Return whether an account still has the address of the plan, in any spelling."""
    return _folded(found.email) == _folded(planned.email)


def _folded(address: str | None) -> str | None:
    return None if address is None else normal_address(address) or address


def _moved(subject: str, before: State | None, live: State | None) -> str:
    return f"{subject}: planned from {words(before)}, but it is now {words(live)}"
