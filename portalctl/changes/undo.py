"""The inverse of what an apply confirmed, for developers who are still as it left them. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import cast

from portalctl.changes.difference import Difference, of_developer, ordered
from portalctl.changes.mails import mail_count, reported
from portalctl.changes.operations import (
    AddMember,
    Approve,
    Change,
    Reject,
    RemoveMember,
    Reopen,
    Revoke,
)
from portalctl.changes.plan import Notice, PortalPlan, Refusal
from portalctl.changes.planning import compare, plan_portal
from portalctl.changes.selection import Selection
from portalctl.changes.states import FoundStatus, Status
from portalctl.errors import RefusedError
from portalctl.manifest.model import PortalManifest
from portalctl.portals.models import OUT, Developer, Sighting, Snapshot
from portalctl.providers.registry import provider_named
from portalctl.reason import Reason
from portalctl.rules.groups import Groups
from portalctl.words import plural

UNDO_WANTED = "undo_wanted"  # the code of the refusal
SHOWN = 3  # developers that a refusal names
_SETTERS: Mapping[str, type[Approve | Reopen | Reject | Revoke]] = {
    make.sets: make for make in (Approve, Reopen, Reject, Revoke)
}


@dataclass(frozen=True, slots=True)
class Applied:
    """What an apply did on one portal. `changes` were made by it and confirmed.

    `already`: the number of changes that were there before it; `unclear`: of those with an unknown result. `why`: the
    reason of each change that undoes it, which names the report.
    """

    portal_id: str
    server: str
    changes: tuple[Change, ...]
    already: int
    unclear: int
    why: Reason


def undo_portal(
    portal: PortalManifest,
    snapshot: Snapshot,
    applied: Applied,
    today: date,
    *,
    groups: Groups,
    selection: Selection,
) -> PortalPlan:
    """Return the plan that undoes an apply on one portal.

    What the manifest still wants is refused, since the next apply would make the change again. Raises RefusedError
    where the apply was on another portal.
    """
    if (applied.portal_id, applied.server) != (snapshot.portal_id, snapshot.server):
        raise RefusedError(
            f"the report is about another portal than {portal.name} of the manifest; nothing was planned",
            f"the report: {applied.portal_id} at {applied.server}",
            f"the manifest: {snapshot.portal_id} at {snapshot.server}",
        )
    undoing = _Undoing(portal.provider, snapshot, applied)
    changes = ordered(undoing.changes(), portal.provider)
    notes = (*undoing.notices, *_general_notices(portal.provider, snapshot, applied))
    made = plan_portal(portal, snapshot, Difference(changes=changes), today, selection, notes=notes)
    again = compare(portal, _after(snapshot, made.changes), today, groups).changes
    return replace(made, refusals=(*_wanted_again(made.changes, again), *made.refusals))


class _Undoing:
    """The inverse of the changes of one apply; `notices` name what is not undone, and why."""

    def __init__(self, provider: str, snapshot: Snapshot, applied: Applied) -> None:
        self.notices: list[Notice] = []
        self._statuses = provider_named(provider).statuses
        self._why = (applied.why,)
        self._applied = applied.changes
        self._accounts = {developer.id: developer for developer in snapshot.developers}
        count = Counter(team.name for team in snapshot.teams)
        self._teams = {team.name: team for team in snapshot.teams if count[team.name] == 1}
        members = {name: snapshot.members.get(team.id, frozenset()) for name, team in self._teams.items()}
        self._live = Sighting(self._accounts, self._teams, members)

    def changes(self) -> Iterator[Change]:
        """Yield the changes that undo the apply, for developers who are still as it left them."""
        invertible = [change for change in self._applied if self._check_invertible(change)]
        by_developer: dict[str, list[Change]] = {}
        for change in invertible:
            assert change.developer is not None  # noqa: S101 (`_check_invertible`)
            by_developer.setdefault(change.developer.key, []).append(change)
        for key, own in by_developer.items():
            account = self._accounts.get(key)
            if self._is_as_left(account, own) and account is not None:
                yield from (self._inverse(change, account) for change in own)

    def _check_invertible(self, change: Change) -> bool:
        """Return whether a change has an inverse; else name it in a notice."""
        done = change.words(change.done)
        if isinstance(change, AddMember | RemoveMember):
            known, cause = change.team in self._teams, f"the portal has no single team {change.team}"
        elif isinstance(change, Approve | Reopen | Reject | Revoke):
            known = change.before["status"] in self._statuses
            cause = f"the provider cannot set the status {change.before['status']}"
        else:
            known, cause = False, "this has no inverse"
        if known and change.developer is not None and change.developer.id is None:
            known, cause = False, "the apply created the account"
        if not known:
            self._note("undo_impossible", f"{done}; not undone: {cause}", change)
        return known

    def _is_as_left(self, account: Developer | None, changes: Sequence[Change]) -> bool:
        first = changes[0]
        assert first.developer is not None  # noqa: S101 (of a developer's changes)
        if account is None:
            self._note("undo_changed", "the account no longer exists; nothing of it is undone", first)
        elif account.email != first.developer.email:
            self._note("undo_changed", "the account has another address now; nothing of it is undone", first)
        else:
            other = [change for change in changes if change.stand(self._live) != "after"]
            for change in other:
                text = f"was {change.words(change.done)}, and was changed since; nothing of this developer is undone"
                self._note("undo_changed", text, change)
            return not other
        return False

    def _inverse(self, change: Change, account: Developer) -> Change:
        facts = of_developer(account, self._why)
        if isinstance(change, AddMember):
            return RemoveMember(op_class="offboard", team=change.team, **facts)
        if isinstance(change, RemoveMember):
            return AddMember(team=change.team, **facts)
        assert isinstance(change, Approve | Reopen | Reject | Revoke)  # noqa: S101 (`_check_invertible`)
        before: FoundStatus = {"status": cast(Status, account.status)}
        make, returns = _SETTERS[change.before["status"]], account.status in OUT
        if make is Approve:
            if account.email_verified:
                before["email_verified"] = True  # as in every plan: else this is not the reviewed developer
            return Approve(op_class="reinstate" if returns else "onboard", before=before, **facts)
        if make is Reopen:
            return Reopen(op_class="reinstate" if returns else "offboard", before=before, **facts)
        leaving = Revoke if make is Revoke else Reject
        return leaving(op_class="offboard", before=before, **facts)

    def _note(self, code: str, text: str, change: Change) -> None:
        about = change.developer.name if change.developer is not None else None
        message = text if about is not None else f"team {change.team}: {text}"
        self.notices.append(Notice(code, "warning", message, about))


def _general_notices(provider: str, snapshot: Snapshot, applied: Applied) -> Iterator[Notice]:
    mails = mail_count(provider, applied.changes, reported(snapshot.settings))
    if mails:
        text = f"the apply sent {plural(mails, 'e-mail')}; e-mails cannot be undone"
        yield Notice("undo_mails", "info", text)
    if applied.already:
        count = plural(applied.already, "change")
        yield Notice("undo_already", "info", f"{count} of the report: so before the apply; not undone")
    if applied.unclear:
        count = plural(applied.unclear, "change")
        yield Notice("undo_unclear", "warning", f"{count} of the report with an unknown result; not undone")


def _after(snapshot: Snapshot, changes: Iterable[Change]) -> Snapshot:
    """Return the snapshot as it is after these changes of statuses and memberships."""
    statuses: dict[str, str] = {}
    members = {team: set(ids) for team, ids in snapshot.members.items()}
    ids = {team.name: team.id for team in snapshot.teams}
    for change in changes:
        if isinstance(change, AddMember):
            members[ids[change.team]].add(change.developer.key)
        elif isinstance(change, RemoveMember):
            members[ids[change.team]].discard(change.developer.key)
        elif isinstance(change, Approve | Reopen | Reject | Revoke):
            statuses[change.developer.key] = change.sets
    accounts = (replace(account, status=statuses.get(account.id, account.status)) for account in snapshot.developers)
    return replace(
        snapshot,
        developers=tuple(accounts),
        members={team: frozenset(developers) for team, developers in members.items()},
    )


def _wanted_again(undoing: Iterable[Change], again: Iterable[Change]) -> Iterator[Refusal]:
    """Yield a refusal for each rule by which the next apply would make changes again, with the developers."""
    next_apply = {_place_of(change): change for change in again}
    found: dict[str, list[Change]] = {}
    for change in undoing:
        repeated = next_apply.get(_place_of(change))
        if repeated is not None and _restores(repeated, change):
            why = repeated.why[0]
            place = f"{why.file}:{why.line}" if why.file is not None else "built-in default"
            words = f"{repeated.words(repeated.would)} ({why.rule} {why.value}, {place})"
            found.setdefault(words, []).append(change)
    for words, changes in found.items():
        names = sorted({change.developer.name for change in changes if change.developer is not None})
        others = f" and {plural(len(names) - SHOWN, 'more developer')}" if len(names) > SHOWN else ""
        text = (
            f"{', '.join(names[:SHOWN])}{others}: the manifest still wants this, and the next apply would make it "
            f"again: {words}; change the rule first"
        )
        yield Refusal(UNDO_WANTED, text, developer=names[0] if len(names) == 1 else None, team=changes[0].team)


def _place_of(change: Change) -> tuple[str, str | None, bool]:
    """Return what a change is about: a developer's membership in a team, or their status."""
    return (change.developer.key if change.developer is not None else "", change.team, change.new_status is not None)


def _restores(repeated: Change, undoing: Change) -> bool:
    """Return whether a change of the next apply leads to where an inverse comes from. Both ways out are one."""
    if not isinstance(undoing, Approve | Reopen | Reject | Revoke):
        return True  # a membership has two sides
    before, after = undoing.before["status"], repeated.new_status
    return after == before or (after in OUT and before in OUT)
