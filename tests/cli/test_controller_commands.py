"""The commands that call the controller: what they send, print and exit with."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from portalctl.controller.models import Counts, PlanState, RunRecord, RunState
from tests.conftest import Done, portalctl
from tests.controller.api_world import KEY, TOKENS, World, api, held

pytestmark = pytest.mark.slow  # starts servers

DIGEST = "sha256:" + "a" * 64


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr("portalctl.cli.approve.PAUSE", 0.02)
    with api(tmp_path) as found:
        yield found


def call(world: World, *words: str, role: str = "approver", **env: str) -> Done:
    known = {"PORTALCTL_CONTROLLER_URL": f"http://127.0.0.1:{world.port}", "PORTALCTL_CONTROLLER_TOKEN": TOKENS[role]}
    done = portalctl(*words, env=known | env)
    assert TOKENS[role] not in done.out + done.err
    return done


def approved(world: World, *, state: RunState, plan: PlanState | None = "applied", **run: Any) -> Done:
    """Approve a plan while a run carries it out in the background, and return how the command ended."""
    held(world)

    def work() -> None:
        while not world.hub.woken:
            time.sleep(0.01)
        begun = datetime.now(UTC)
        record = RunRecord("run-1", "partners", "approval", "full", "running", begun, key=KEY)
        world.store.begin_run(record)
        time.sleep(0.1)
        if plan is not None:
            world.store.set_plan_state(DIGEST, plan, datetime.now(UTC))
        who = "approver" if plan == "applied" else None
        world.store.end_run(replace(record, state=state, ended_at=datetime.now(UTC), approver=who, **run))

    thread = threading.Thread(target=work)
    thread.start()
    done = call(world, "approve", DIGEST)
    thread.join()
    return done


def test_approve_follows_the_run_and_prints_its_result(world: World) -> None:
    earlier = datetime.now(UTC) - timedelta(minutes=5)
    old = RunRecord(
        "run-0", "partners", "interval", "full", "failed", earlier, ended_at=earlier, approver="x", key=KEY
    )
    world.store.end_run(old)
    done = approved(world, state="succeeded", counts=Counts(confirmed=2))
    assert (done.code, done.out) == (
        0,
        "partners: run run-1 succeeded: 2 confirmed, 0 failed, 0 skipped, 0 unknown\n",
    )
    assert done.err == "partners: approved; waiting for the run\n"
    plan = world.store.plan(DIGEST)
    assert plan is not None
    assert plan.decided_by == "approver"
    assert world.hub.woken == [("partners", "approval")]


@pytest.mark.parametrize(
    ("run", "code"),
    [
        ({"state": "failed", "counts": Counts(confirmed=1, failed=1)}, 4),
        ({"state": "failed", "counts": Counts(unknown=1)}, 4),
        ({"state": "failed", "counts": Counts(skipped=1)}, 4),
        ({"state": "interrupted", "counts": Counts(confirmed=1)}, 4),
        ({"state": "failed", "counts": Counts(confirmed=1), "detail": "a directory cannot be read"}, 0),
        ({"state": "failed", "detail": "refused: 3 removals, limit 1"}, 3),
        ({"state": "failed", "detail": "the portal cannot be read"}, 1),
        ({"state": "failed", "plan": None, "detail": "the portal cannot be read"}, 1),
        ({"state": "failed", "plan": "stale"}, 3),
    ],
)
def test_approve_exits_as_apply_does(run: dict[str, Any], code: int, world: World) -> None:
    done = approved(world, **run)
    assert done.code == code
    assert str(run.get("detail", "")) in done.err


def test_approve_gives_up_after_its_time(world: World) -> None:
    held(world)
    done = call(world, "approve", DIGEST, "--timeout", "0.1")
    assert (done.code, done.out) == (1, "")
    assert "the plan is approved, and its run has not ended yet" in done.err


def test_what_was_decided_is_refused(world: World) -> None:
    held(world)
    done = call(world, "reject", DIGEST)
    assert (done.code, done.out) == (0, "partners: rejected; nothing was written\n")
    for command in ("approve", "reject"):
        again = call(world, command, DIGEST)
        assert (again.code, again.out) == (3, "")
        assert "it is rejected, decided by approver" in again.err


@pytest.mark.parametrize("command", ["approve", "reject"])
def test_a_digest_is_checked_before_anything_is_sent(command: str, world: World) -> None:
    for digest in ("x", "sha256:" + "A" * 64, "sha256:" + "a" * 63, "../portals", "masked:" + "a" * 64):
        done = call(world, command, digest)
        assert (done.code, done.out, world.counts) == (64, "", {})
        assert "is not a valid digest" in done.err
    unknown = call(world, command, "sha256:" + "b" * 64)
    assert (unknown.code, unknown.out) == (3, "")
    assert "no plan with this digest is or was held" in unknown.err


def test_suspend_resume_and_reconcile(world: World) -> None:
    done = call(world, "suspend", "partners", "--reason", "Migration", "--expires", "2999-01-31", role="operator")
    assert (done.code, done.out) == (0, "partners: suspended until 2999-02-01T00:00:00.000Z\n")
    kept = world.store.suspension(KEY, datetime.now(UTC))
    assert kept is not None
    assert (kept.reason, kept.by) == ("Migration", "operator")
    done = call(world, "suspend", "partners", "--reason", "Longer", role="operator")
    assert done.out == "partners: suspended until: portalctl resume partners\n"
    assert call(world, "resume", "partners", role="operator").out == "partners: resumed\n"
    assert world.store.suspension(KEY, datetime.now(UTC)) is None
    done = call(world, "reconcile", "partners", role="operator")
    assert (done.code, done.out[:26]) == (0, "partners: a run will begin")
    assert [trigger for _, trigger in world.hub.woken] == ["manual"] * 4
    for words in (("suspend", "nowhere", "--reason", "x"), ("resume", "nowhere"), ("reconcile", "nowhere")):
        unknown = call(world, *words)
        assert (unknown.code, unknown.out) == (64, "")
        assert "the manifest has no such portal" in unknown.err
    wrong = call(world, "suspend", "partners", "--reason", "x", "--expires", "2020-01-01")
    assert (wrong.code, "expires: in the past" in wrong.err) == (64, True)


def test_the_role_decides_and_a_wrong_token_is_named_by_its_variable(world: World, tmp_path: Path) -> None:
    held(world)
    done = call(world, "approve", DIGEST, role="operator")
    assert (done.code, done.out) == (1, "")
    assert "needs the role approver" in done.err
    assert "portalctl run token NAME ROLE" in done.err
    wrong = call(world, "approve", DIGEST, PORTALCTL_CONTROLLER_TOKEN="pctl_wrong")
    assert (wrong.code, "pctl_wrong" in wrong.err) == (1, False)
    assert "Token from PORTALCTL_CONTROLLER_TOKEN" in wrong.err
    file = tmp_path / "token"
    file.write_text(TOKENS["approver"])
    from_file = {"PORTALCTL_CONTROLLER_TOKEN": "", "PORTALCTL_CONTROLLER_TOKEN_FILE": str(file)}
    assert call(world, "reject", DIGEST, **from_file).code == 0


def test_address_and_token_are_needed_and_checked(world: World) -> None:
    held(world)
    url, token = f"http://127.0.0.1:{world.port}", TOKENS["approver"]
    nothing = portalctl("reject", DIGEST)
    assert (nothing.code, "Pass --server URL, or set PORTALCTL_CONTROLLER_URL" in nothing.err) == (64, True)
    no_token = portalctl("reject", DIGEST, "--server", url)
    assert (no_token.code, "PORTALCTL_CONTROLLER_TOKEN is not set" in no_token.err) == (64, True)
    for server in ("http://portalctl.example", "ftp://127.0.0.1", "127.0.0.1:8350", "http://u:p@127.0.0.1"):
        done = portalctl("reject", DIGEST, "--server", server, env={"PORTALCTL_CONTROLLER_TOKEN": token})
        assert (done.code, done.out) == (64, "")
        assert "from --server" in done.err
    closed = portalctl("reject", DIGEST, "--server", "http://127.0.0.1:9", env={"PORTALCTL_CONTROLLER_TOKEN": token})
    assert (closed.code, "http://127.0.0.1:9 (from --server)" in closed.err) == (1, True)
    slash = portalctl("reject", DIGEST, "--server", f"{url}/", env={"PORTALCTL_CONTROLLER_TOKEN": token})
    assert slash.code == 0
