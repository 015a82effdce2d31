"""What happens, in the words that every form of a plan shares."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter

from portalctl.changes.operation import State, Subject
from portalctl.changes.operations import NAMES, Change
from portalctl.output.view_model import change_groups, change_words
from portalctl.reason import Reason
from tests.plan_json import change_of, op_class_of

WHY = (Reason("trusted_domains", "x.com", "x.yaml", 1),)
ROLE = {"role": "Viewer", "api_id": "a1"}
REGISTRATION = {
    "registration_id": "r1", "application_id": "p1", "application": "app", "api": "orders", "status": "approved",
}  # fmt: skip
REQUEST = {
    "request_id": "q1", "application_id": "p1", "application": "app", "product": "orders", "status": "pending",
}  # fmt: skip
STATUS: dict[str, State] = {word: {"status": word} for word in ("approved", "pending", "rejected", "revoked")}
CASES: list[tuple[str, State | None, State | None, str, str]] = [
    ("create_team", None, {"name": "reds"}, "grants", "created"),
    ("update_team", {"description": None}, {"description": "<b>"}, "changes", "description: none → [<b>]"),
    ("assign_role", None, {**ROLE, "api": "orders", "region": "eu"}, "grants", "may act as [Viewer] on API [orders]"),
    ("unassign_role", {**ROLE, "assignment_id": "s1"}, None, "removes", "may no longer act as [Viewer] on API [a1]"),
    (
        "create_developer", None, {"status": "approved", "full_name": "", "send_invitation_email": True},
        "grants", "new account, approved",
    ),
    ("approve", STATUS["revoked"], STATUS["approved"], "grants", "revoked → approved"),
    ("add_member", {"member": False}, {"member": True}, "grants", "joins [reds]"),
    ("approve_request", REQUEST, STATUS["approved"], "grants", "may use [orders]"),
    (
        "revoke_registration", REGISTRATION, STATUS["revoked"],
        "removes", "application [app] may no longer use [orders]",
    ),
    ("reopen", STATUS["revoked"], STATUS["pending"], "changes", "revoked → pending"),
    ("reject", STATUS["pending"], STATUS["rejected"], "changes", "pending → rejected"),
    ("revoke", STATUS["approved"], STATUS["revoked"], "removes", "approved → revoked"),
    ("remove_member", {"member": True}, {"member": False}, "removes", "leaves [reds]"),
    ("delete_developer", STATUS["pending"], None, "removes", "account deleted"),
]  # fmt: skip


def change(op: str, before: State | None = None, after: State | None = None, who: str = "ann@x.com") -> Change:
    team = "reds" if op.endswith(("_team", "_role", "_member")) else None
    developer = None if op.endswith(("_team", "_role")) else Subject(who, f"id-{who}")
    return change_of(op, op, op_class_of(op), developer, team, before, after, WHY)


@pytest.mark.parametrize(("op", "before", "after", "kind", "words"), CASES)
def test_each_op_has_words(op: str, before: State | None, after: State | None, kind: str, words: str) -> None:
    made = change(op, before, after)
    assert TypeAdapter(type(made)).validate_json(TypeAdapter(type(made)).dump_json(made, by_alias=True)) == made
    (group,) = change_groups([made])
    assert (group.effect, change_words(group, lambda text: f"[{text}]")) == (kind, words)
    assert group.name == ("reds" if made.developer is None else "ann@x.com")


def test_no_op_is_forgotten() -> None:
    assert {case[0] for case in CASES} == set(NAMES)


def test_what_is_taken_stands_apart_from_what_is_given() -> None:
    join, leave = change("add_member"), change("remove_member")
    approve, other = (
        change("approve", STATUS["pending"], STATUS["approved"]),
        change("add_member", who="bob@x.com"),
    )
    found = change_groups([approve, join, other, leave])
    assert [(group.effect, group.name, group.changes) for group in found] == [
        ("grants", "ann@x.com", (approve, join)),
        ("grants", "bob@x.com", (other,)),
        ("removes", "ann@x.com", (leave,)),
    ]
