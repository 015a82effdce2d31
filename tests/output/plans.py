"""Plans to show: an everyday one, refused ones, and ones full of what strangers typed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from portalctl.changes.operation import Subject
from portalctl.changes.operations import Change
from portalctl.changes.plan import Notice, Plan, PortalPlan, Refusal
from portalctl.reason import Reason
from tests.changes.build import denied, developer, override, planned, portal, snapshot, team, trusted, whole_plan
from tests.output.hostile import HOSTILE
from tests.plan_json import change_of


def everyday(people: int = 3) -> PortalPlan:
    """Something of everything: `people` of each of two domains, two who lose something, and notices."""
    left = override("peter@arsenal.com", "revoked")
    left = replace(left, why=replace(left.why, reason="Left the club, HR-4711; ask ann@hr.example"))
    manifest = portal(
        trusted_domains=(
            trusted("liverpoolfc.com", "reds"),
            trusted("city.com", "city", "all", line=11),
        ),
        denied_domains=(denied("mailinator.com"),),
        teams=(
            team("all"),
            team("city", description="Manchester City"),
            team("gunners", [], "exclusive"),
            team("reds", ["guest@agency.example"]),
        ),
        overrides=(left,),
    )
    live = snapshot(
        *(developer(f"p{number:02}@liverpoolfc.com", "pending", f"p{number}") for number in range(people)),
        *(developer(f"C{number:02}@City.com", "pending", f"c{number}") for number in range(people)),
        developer("peter@arsenal.com", id="peter"),
        developer("bob@x.org", id="bob"),
        developer("wayne@city.com", "revoked", "wayne"),
        developer("throwaway@mailinator.com", "pending", "throwaway"),
        developer("no@where.example", "pending", "no"),
        developer("x@c1ty.com", "pending", "x"),
        developer("strange one@city.com", "pending", "odd"),
        teams={"city": ["bob"], "gunners": ["peter", "bob"]},
    )
    return planned(manifest, live)


def refused(given: PortalPlan) -> PortalPlan:
    reasons = (
        Refusal("removals", "2 developers would lose access; policy.limits.removals is 1"),
        Refusal("protected", "bob@x.org is protected and would lose access", developer="bob@x.org"),
    )
    return replace(given, refusals=reasons)


def typed(texts: Sequence[str] = HOSTILE) -> Plan:
    """Each text in every place where foreign text can stand."""
    changes: list[Change] = []
    for number, text in enumerate(texts):
        why = (
            Reason("trusted_domains", text, f"{text}.yaml", number, text),
            Reason("members", text, None, None, text),
        )
        who = Subject(text, f"id-{number}")
        states = {"approved": {"status": "approved"}, "pending": {"status": "pending"}}
        fields = {"description": text}, {"description": f"new {text}"}
        changes += [
            change_of(f"update_team:{text}", "update_team", "structure", None, text, *fields, why),
            change_of(f"approve:{text}", "approve", "onboard", who, None, states["pending"], states["approved"], why),
            change_of(f"add:{text}", "add_member", "onboard", who, text, {"member": False}, {"member": True}, why),
            change_of(
                f"revoke:{text}", "revoke", "offboard", who, None, states["approved"], {"status": "revoked"}, why
            ),
        ]
    base = everyday(0)
    return whole_plan(
        replace(
            base,
            changes=tuple(changes),
            refusals=tuple(Refusal("removals", f"{text} is {text}") for text in texts),
            notices=tuple(
                Notice("code", severity, f"{text} and {text}", text, text, 1)
                for text in texts
                for severity in ("warning", "info")
            ),
        )
    )
