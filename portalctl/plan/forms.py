"""What a change of each op looks like: its classes, whom it is about, what stands in `before` and `after`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import get_args

from portalctl.plan.model import STATUS_OPS, VERIFIED, Change, Op, OpClass, State, Status

CLASSES_OF: Mapping[Op, frozenset[OpClass]] = {
    "create_team": frozenset({"structure"}),
    "update_team": frozenset({"structure"}),
    "assign_role": frozenset({"structure"}),
    "create_developer": frozenset({"onboard"}),
    "approve": frozenset({"onboard", "reinstate"}),
    "add_member": frozenset({"onboard"}),
    "approve_request": frozenset({"onboard"}),
    "revoke_registration": frozenset({"expire", "offboard"}),
    "reopen": frozenset({"reinstate", "expire", "offboard"}),
    "reject": frozenset({"expire", "offboard"}),
    "revoke": frozenset({"expire", "offboard"}),
    "remove_member": frozenset({"expire", "offboard"}),
    "unassign_role": frozenset({"offboard"}),
    "delete_developer": frozenset({"offboard"}),
}
TEAM_OPS: frozenset[Op] = frozenset({"create_team", "update_team", "assign_role", "unassign_role"})  # of nobody
MEMBER_OPS: Mapping[Op, bool] = {"add_member": True, "remove_member": False}
NEWCOMER_OPS: frozenset[Op] = frozenset({"create_developer", "add_member"})  # of someone without an account

_ID = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9_.-]{1,256}")


def is_id(text: str) -> bool:
    """Whether this can be a portal's id of something. It will stand in a path."""
    return _ID.fullmatch(text) is not None


def detail(change: Change) -> tuple[str, ...]:
    """What tells apart changes about the same person or team: a registration, or a role on an API."""
    state = change.before or change.after or {}
    return tuple(str(state.get(key)) for key in _DETAIL.get(change.op, ()))


def fits(change: Change) -> bool:
    """Whether `before` and `after` are what this op finds and leaves."""
    return _FITS[change.op](change)


_ROLE = ("role", "api_id")
_DETAIL: Mapping[Op, tuple[str, ...]] = {
    "revoke_registration": ("registration_id",),
    "approve_request": ("request_id",),
    "assign_role": _ROLE,
    "unassign_role": _ROLE,
}


def _texts(state: State | None, *keys: str) -> bool:
    """Whether a state has exactly these keys, each with text."""
    return state is not None and state.keys() == set(keys) and all(isinstance(text, str) for text in state.values())


def _status(change: Change) -> bool:
    status = STATUS_OPS[change.op]
    before = dict(change.before or {})
    if change.op == "approve" and before.items() >= VERIFIED.items():
        del before["email_verified"]
    return change.after == {"status": status} and before in _LIVE and before != change.after


def _member(change: Change) -> bool:
    joins = MEMBER_OPS[change.op]
    return change.before == {"member": not joins} and change.after == {"member": joins}


def _create_team(change: Change) -> bool:
    after = change.after or {}
    described = _texts(after, "name", "description") or _texts(after, "name")
    return change.before is None and described and after.get("name") == change.team


def _update_team(change: Change) -> bool:
    before, after = change.before, change.after
    return (
        before is not None and before.keys() == {"description"} and _texts(after, "description") and before != after
    )


def _assign_role(change: Change) -> bool:
    after = change.after
    return change.before is None and _texts(after, *_ROLE, "api", "region") and _ids(after, "api_id")


def _unassign_role(change: Change) -> bool:
    before = change.before
    return (
        change.after is None and _texts(before, *_ROLE, "assignment_id") and _ids(before, "api_id", "assignment_id")
    )


def _create_developer(change: Change) -> bool:
    after = dict(change.after or {})
    mail, status = after.pop("send_invitation_email", None), after.get("status")
    return (
        change.before is None
        and isinstance(mail, bool)
        and _texts(after, "status", "full_name")
        and status in {"approved", "pending"}
    )


def _revoke_registration(change: Change) -> bool:
    before, ids = change.before, ("registration_id", "application_id")
    texts = _texts(before, *ids, "application", "api", "status")
    return texts and _ids(before, *ids) and change.after == {"status": "revoked"}


def _approve_request(change: Change) -> bool:
    before, ids = change.before, ("request_id", "application_id")
    texts = _texts(before, *ids, "application", "product", "status")
    asks = before is not None and before.get("status") == "pending"
    return asks and texts and _ids(before, "request_id") and change.after == {"status": "approved"}


def _delete_developer(change: Change) -> bool:
    return change.before in _LIVE and change.after is None


def _ids(state: State | None, *keys: str) -> bool:
    return all(is_id(str((state or {})[key])) for key in keys)


_LIVE: list[State | None] = [{"status": status} for status in get_args(Status)]
_FITS: Mapping[Op, Callable[[Change], bool]] = {
    "create_team": _create_team,
    "update_team": _update_team,
    "assign_role": _assign_role,
    "create_developer": _create_developer,
    **dict.fromkeys(STATUS_OPS, _status),
    **dict.fromkeys(MEMBER_OPS, _member),
    "approve_request": _approve_request,
    "revoke_registration": _revoke_registration,
    "unassign_role": _unassign_role,
    "delete_developer": _delete_developer,
}
