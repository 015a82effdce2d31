"""Comparing a change with the live state: still as before, already as wanted, or neither. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Literal

from portalctl.plan.model import STATUS_OPS, Change, State, Subject
from portalctl.portal.models import Sighting, Touched

Stand = Literal["before", "after", "other"]
ROLE_OPS = frozenset({"assign_role", "unassign_role"})
REGISTRATION_OPS = frozenset({"approve_request", "revoke_registration"})


def touched(changes: Iterable[Change]) -> Touched:
    """What has to be looked at to know where these changes stand."""
    changes = list(changes)
    people = [change.developer for change in changes if change.developer is not None]
    return Touched(
        people=tuple(sorted({person.id: person.email for person in people if person.id is not None}.items())),
        newcomers=frozenset(person.name for person in people if person.id is None),
        registrations_of=frozenset(
            change.developer.key for change in changes if change.op in REGISTRATION_OPS and change.developer
        ),
        requests=frozenset(
            str((change.before or {})["request_id"]) for change in changes if change.op == "approve_request"
        ),
        teams=frozenset(change.team for change in changes if change.team is not None),
        members_of=frozenset(
            change.team for change in changes if change.team is not None and change.developer is not None
        ),
        roles_of=frozenset(change.team for change in changes if change.team is not None and change.op in ROLE_OPS),
    )


def touched_alone(change: Change) -> Touched:
    """What has to be looked at for this change only. Of a person's teams it counts whether they are in them."""
    one = touched([change])
    return replace(one, teams=frozenset()) if change.developer is not None else one


def stand(change: Change, seen: Sighting) -> Stand:
    """Where a change stands now."""
    live = live_state(change, seen)
    if live == _compared(change.after, live):
        return "after"
    return "before" if live == _compared(change.before, live) else "other"


def statuses(changes: Iterable[Change]) -> dict[str, frozenset[str | None]]:
    """The statuses a plan knows of: those in which it found people, and those it gives them. None: no account.

    By what the plan calls them.
    """
    known: dict[str, set[str | None]] = {}
    for change in changes:
        if change.developer is not None:
            known.setdefault(change.developer.key, set()).update({change.developer_status, *_given(change)})
    return {person: frozenset(each) for person, each in known.items()}


def _given(change: Change) -> Iterable[str | None]:
    if change.op in STATUS_OPS:
        return (STATUS_OPS[change.op],)
    if change.op == "create_developer":
        return (str((change.after or {})["status"]),)
    return (None,) if change.op == "delete_developer" else ()


def live_status(person: Subject, seen: Sighting) -> str | None:
    """The status of a person now; None: they have no account."""
    return _account(person, seen)[1]


def live_state(change: Change, seen: Sighting) -> State | None:
    """The live side of a change, in the form of its `before` and `after`; None: what it is about is not there."""
    if change.op in ROLE_OPS:
        return _role(change, seen)
    if change.developer is not None:
        return _of_person(change, change.developer, seen)
    team = seen.teams.get(change.team or "")
    return {"name": team.name, "description": team.description} if team is not None else None


def _of_person(change: Change, person: Subject, seen: Sighting) -> State | None:
    developer_id, status = _account(person, seen)
    if change.team is not None:
        if status is None and person.id is not None:
            return None
        return {"member": developer_id in seen.members.get(change.team, ())}
    if status is None:
        return None
    if change.op == "approve_request":
        now = seen.requests.get(str((change.before or {})["request_id"]))
        return {**(change.before or {}), "status": now} if now is not None else None
    if change.op == "revoke_registration":
        # What is no longer live has ended, whoever ended it and however.
        live = str((change.before or {})["registration_id"]) in seen.registrations
        return change.before if live else change.after
    verified = seen.verified.get(developer_id or "") if change.op == "approve" else None
    return {"status": status} | ({"email_verified": verified} if verified is not None else {})


def _account(person: Subject, seen: Sighting) -> tuple[str | None, str | None]:
    """The id and status of a person now; None: they have no account."""
    if person.id is not None:
        return person.id, seen.status.get(person.id)
    found = seen.newcomers.get(person.name)
    return (found.id, found.status) if found is not None else (None, None)


def _role(change: Change, seen: Sighting) -> State | None:
    state = change.before or change.after or {}
    live = {(each.role, each.api_id) for each in seen.roles.get(change.team or "", ())}
    return state if (state["role"], state["api_id"]) in live else None


def _compared(wanted: State | None, live: State | None) -> State | None:
    """What `live` would have to be: what only one of the two names does not count."""
    if wanted is None or live is None:
        return wanted
    return {key: wanted.get(key, value) for key, value in live.items()}


def subject(change: Change) -> str:
    """Whom or what a change is about, for people to read."""
    return change.developer.name if change.developer else f"team {change.team}"


def words(state: State | None, nothing: str = "gone") -> str:
    """A state, for people to read."""
    if state is None:
        return nothing
    return ", ".join(_fact(*each) for each in state.items())


def _fact(key: str, value: str | bool | None) -> str:
    return f"{key} {value}" if not isinstance(value, bool) else f"{'' if value else 'not '}{key.replace('_', ' ')}"
