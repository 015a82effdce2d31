"""The text of a portal's progress, which replicas share."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from portalctl.changes.operations import parsed
from portalctl.controller.models import PortalView, WaitingSignUp
from portalctl.controller.progress_json import dump_progress, load_progress
from portalctl.controller.schedule import Schedule, due
from portalctl.controller.turns import PortalProgress
from portalctl.insight.explain import Standing
from portalctl.portals.models import PendingSignUps
from portalctl.reason import Reason
from tests.controller.records import HOUR, KEY, NOW, held

APPROVE = parsed(
    {
        "id": "approve:ann@example.com",
        "op": "approve",
        "class": "onboard",
        "team": None,
        "developer": {"email": "ann@example.com", "id": "id-ann"},
        "before": {"status": "pending"},
        "after": {"status": "approved"},
    }
)
STANDING = Standing(
    *("id-ann", "ann@example.com", "pending", (), ("reds",), "approved"),
    why=(Reason("trusted_domains", "example.com", "a.yaml", 3),),
    blocked=None,
    changes=(APPROVE,),
    notices=(),
)
VIEW = PortalView(
    *("partners", "konnect", KEY, "full", "held"),
    last_run=NOW,
    held=held(),
    problems=("refused: too many",),
    drift={"backlog": 2},
    pending=1,
    oldest_pending=NOW - HOUR,
    median_pending=NOW,
    waiting=(WaitingSignUp(NOW - HOUR, STANDING),),
)
PROGRESS = PortalProgress(
    Schedule(1.5, 2.5, "event", (3.0, 4.0)),
    VIEW,
    PendingSignUps(1, frozenset({"mark"})),
    None,
    None,
    "turn",
    "sha256:a",
)


def test_progress_comes_back_as_it_was_except_the_text_of_a_held_plan() -> None:
    loaded = load_progress(dump_progress(PROGRESS))
    assert VIEW.held is not None
    assert loaded == replace(PROGRESS, seen=replace(VIEW, held=replace(VIEW.held, plan="")))


@pytest.mark.parametrize("part", ["mode", "held", "waiting", "drift"])
def test_a_view_of_another_version_is_left_out_and_the_schedule_stays(part: str) -> None:
    document = json.loads(dump_progress(PROGRESS))
    document["seen"][part] = [{"new": True}]
    assert load_progress(json.dumps(document)) == replace(PROGRESS, seen=None)


def test_a_portal_with_a_schedule_of_another_version_is_due() -> None:
    document = json.loads(dump_progress(PROGRESS))
    document["schedule"]["run_at"] = {"new": True}
    assert due(load_progress(json.dumps(document)).schedule, 1.0) is not None


def test_what_a_newer_version_adds_is_ignored() -> None:
    document = json.loads(dump_progress(PROGRESS))
    document["new"] = document["seen"]["new"] = document["schedule"]["new"] = 1
    assert load_progress(json.dumps(document)) == load_progress(dump_progress(PROGRESS))
