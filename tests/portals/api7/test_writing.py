"""Writing to an API7 portal: nobody is accepted, rejected or deleted but who is meant, and nothing twice."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from portalctl.cancellation import INTERRUPTED, Stop
from portalctl.portals.api7 import writing
from portalctl.portals.writes import (
    AddMemberWrite,
    CreateDeveloperWrite,
    CreateTeamWrite,
    DeleteDeveloperWrite,
    SetStatusWrite,
    Write,
)
from portalctl.simulator.api7.server import Fault
from tests.portals.api7.conftest import PORTAL, Bench

pytestmark = pytest.mark.slow  # many cases, each with a simulator of its own

Make = Callable[..., Bench]
APPROVE = SetStatusWrite("org_ann", "approved")
DELETE = DeleteDeveloperWrite("org_ann")
CREATE = CreateDeveloperWrite("org_new", "")
NEVER_TIED = {"approval_portal": "absent"}


def test_a_registration_is_accepted_by_its_own_approval(bench: Bench) -> None:
    ann, _ = bench.developer("ann"), bench.developer("bob")
    assert bench.api7.write(APPROVE).result == "done"
    assert bench.status("ann", "bob") == ["approved", "pending"]
    assert bench.writes == [f"POST /api/approvals/{bench.store.approval_of(ann).id}/accept"]


def test_a_waiting_registration_is_deleted_by_rejecting_it(bench: Bench) -> None:
    ann = bench.developer("ann")
    path = f"/api/approvals/{bench.store.approval_of(ann).id}/reject"
    assert bench.api7.write(DELETE).result == "done"
    assert bench.status("ann") == [None]
    assert bench.writes == [f"POST {path}"]


def test_an_account_is_deleted_by_its_external_id_in_its_own_portal(bench: Bench) -> None:
    bench.developer("ann", state="Active")
    other = bench.store.add_portal("portal-2", "Others")
    bench.store.sign_up(other.id, "ann@x.com", "ann", developer_id="org_ann", state="Active")
    assert bench.api7.write(DELETE).result == "done"
    assert bench.writes == ["DELETE /api/developers/org_ann"]
    assert [
        developer.portal_id for developer in (*bench.store.developers(PORTAL), *bench.store.developers("portal-2"))
    ] == ["portal-2"]


def test_an_account_is_made_on_the_backend(bench: Bench) -> None:
    written = bench.api7.write(CREATE)
    assert (written.result, written.id) == ("done", "org_new")
    assert bench.status("new") == ["approved"]


def test_a_wrong_token_of_the_backend_is_named(bench: Bench) -> None:
    written = bench.open(portal_token="a7prt-wrong").write(CREATE)
    assert written.result == "refused"
    assert "returned 401 to GET /api/developers" in written.detail
    assert "Token from API7_PORTAL_TOKEN." in written.detail
    assert "a7prt-wrong" not in written.detail


def test_an_account_that_starts_as_waiting_is_accepted(make: Make) -> None:
    bench = make(created_state="Pending", applicant_id="developer_id")
    bench.developer("ann")
    written = bench.api7.write(CREATE)
    assert (written.result, written.id) == ("done", "org_new")
    assert bench.status("new", "ann") == ["approved", "pending"]


def test_an_account_that_waits_by_no_provable_approval_is_told(make: Make) -> None:
    bench = make(created_state="Pending", **NEVER_TIED)
    written = bench.api7.write(CREATE)
    assert (written.result, written.id) == ("refused", "org_new")
    assert written.detail.startswith("the account was created and is pending: no pending approval provably belongs")
    assert bench.writes == ["POST /api/developers"]
    assert written.personal


def test_only_creation_needs_the_backend(bench: Bench) -> None:
    bench.developer("ann")
    alone = bench.open(backend=False)
    written = alone.write(CREATE)
    assert (written.result, "portal backend" in written.detail) == ("refused", True)
    assert alone.write(APPROVE).result == "done"


# --- what is not provable is never sent


@pytest.mark.wide(2)
@pytest.mark.parametrize("write", [APPROVE, DELETE], ids=["accept", "reject"])
def test_without_an_approval_that_is_provably_theirs_nothing_is_sent(make: Make, write: Write) -> None:
    bench = make(**NEVER_TIED)
    bench.developer("ann")
    written = bench.api7.write(write)
    assert (written.result, "no pending approval provably belongs to org_ann" in written.detail) == ("refused", True)
    assert bench.writes == []


@pytest.mark.wide(2)
@pytest.mark.parametrize("write", [APPROVE, DELETE], ids=["accept", "reject"])
def test_a_namesake_in_a_portal_of_the_same_name_is_left_alone(make: Make, write: Write) -> None:
    bench = make(approval_portal="name", applicant_id="absent", resource_id="absent")
    other = bench.store.add_portal("portal-2", "Partners")
    ann = bench.developer("ann")
    bench.store.drop_approval(bench.store.approval_of(ann))
    bench.store.sign_up(other.id, "ann@x.com", "ann", developer_id="org_ann")
    assert bench.api7.write(write).result == "refused"
    assert bench.writes == []


@pytest.mark.wide(2)
@pytest.mark.parametrize("write", [APPROVE, DELETE], ids=["accept", "reject"])
def test_a_subscription_is_never_taken_for_a_registration(bench: Bench, write: Write) -> None:
    ann = bench.developer("ann", state="Active")
    bench.store.add_subscription(bench.store.add_application(ann, "Shop"), bench.store.add_product(PORTAL, "Orders"))
    bench.store.set_developer(ann, state="Pending")
    assert bench.api7.write(write).result == "refused"
    assert bench.writes == []


@pytest.mark.parametrize("write", [APPROVE, DELETE], ids=["accept", "reject"])
def test_an_approval_decided_since_the_first_look_is_not_decided_again(
    bench: Bench, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    if write == APPROVE:
        monkeypatch.setattr(writing, "FRESH", 0.0)
    ann, bob = bench.developer("ann"), bench.developer("bob")
    assert bench.api7.write(SetStatusWrite("org_bob", "approved")).result == "done"
    approval = bench.store.approval_of(ann)
    bench.store.accept(approval)
    bench.store.set_developer(ann, state="Pending")  # as readers may go on seeing them for a while
    assert bench.api7.write(write).result == "unclear"
    assert bench.writes == [f"POST /api/approvals/{bench.store.approval_of(bob).id}/accept"]


@pytest.mark.wide(2)
@pytest.mark.parametrize("write", [APPROVE, DELETE], ids=["accept", "reject"])
def test_who_is_gone_or_in_already_is_for_the_live_state_to_tell(bench: Bench, write: Write) -> None:
    assert bench.api7.write(write).result == "unclear"
    ann = bench.developer("ann")
    bench.store.accept(bench.store.approval_of(ann))
    assert bench.api7.write(APPROVE).result == "unclear"
    assert bench.writes == []


def test_who_signed_up_after_the_first_look_is_found(bench: Bench) -> None:
    bench.developer("bob")
    assert bench.api7.write(SetStatusWrite("org_bob", "approved")).result == "done"
    bench.developer("ann")
    assert bench.api7.write(APPROVE).result == "done"


def test_who_was_accepted_meanwhile_is_deleted_as_an_account(bench: Bench) -> None:
    bench.developer("ann")
    bench.api7.write(APPROVE)
    assert bench.api7.write(DELETE).result == "done"
    assert bench.writes[-1] == "DELETE /api/developers/org_ann"


@pytest.mark.wide(2)
@pytest.mark.parametrize("given", ["..", "../portals", "ann@x.com"])
def test_what_is_no_id_of_api7_is_not_sent(bench: Bench, given: str) -> None:
    assert bench.api7.write(CreateDeveloperWrite(given, "")).result == "refused"
    assert bench.api7.write(DeleteDeveloperWrite(given)).result == "unclear"  # nobody has it
    bench.store.sign_up(PORTAL, None, "odd", developer_id=given, state="Active")
    assert bench.api7.write(DeleteDeveloperWrite(given)).result == "refused"
    assert bench.writes == []


@pytest.mark.wide(2)
@pytest.mark.parametrize(
    "write", [SetStatusWrite("org_ann", "revoked"), CreateTeamWrite("t", None), AddMemberWrite("t", "org_ann")]
)
def test_what_api7_does_not_have_is_refused_in_words(bench: Bench, write: Write) -> None:
    written = bench.api7.write(write)
    assert (written.result, written.detail.startswith(("API7 cannot set", "API7 does not support"))) == (
        "refused",
        True,
    )
    assert bench.sim.log == ()


def test_an_account_is_not_made_in_another_portal_than_the_dashboards(bench: Bench) -> None:
    other = bench.store.add_portal("portal-2", "Others", token="a7prt-other")
    bench.developer("ann", state="Active")
    written = bench.open(portal_token="a7prt-other").write(CREATE)
    assert (written.result, "other developers than portal partners" in written.detail) == ("refused", True)
    assert bench.store.developers(other.id) == []


# --- what the portal answers


@pytest.mark.parametrize("write", [APPROVE, pytest.param(DELETE, marks=pytest.mark.slow)], ids=["accept", "reject"])
@pytest.mark.parametrize(
    "kind",
    ["drop-after", "html", *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("drop-before", "truncate"))],
)
def test_a_lost_answer_is_unclear_and_sent_once(bench: Bench, write: Write, kind: str) -> None:
    bench.developer("ann")
    bench.sim.inject(Fault(kind, method="POST"))  # type: ignore[arg-type]
    assert bench.api7.write(write).result == "unclear"
    assert len(bench.writes) == 1


def test_after_a_lost_answer_what_happened_is_not_done_again(bench: Bench) -> None:
    bench.developer("ann")
    bench.sim.inject(Fault("drop-after", method="POST", times=1))
    assert [bench.api7.write(APPROVE).result, bench.api7.write(APPROVE).result] == ["unclear", "unclear"]
    assert len(bench.writes) == 1
    assert bench.status("ann") == ["approved"]


def test_after_a_lost_request_it_can_be_sent_again(bench: Bench) -> None:
    bench.developer("ann")
    bench.sim.inject(Fault("drop-before", method="POST", times=1))
    assert [bench.api7.write(APPROVE).result, bench.api7.write(APPROVE).result] == ["unclear", "done"]


@pytest.mark.parametrize(
    ("status", "result"),
    [(400, "unclear"), (404, "unclear"), (409, "unclear"), (500, "unclear"), (401, "refused"), (403, "refused")],
)
@pytest.mark.parametrize(
    "write",
    [CREATE, pytest.param(APPROVE, marks=pytest.mark.slow), pytest.param(DELETE, marks=pytest.mark.slow)],
    ids=["create", "accept", "reject"],
)
def test_what_an_error_to_a_write_means(bench: Bench, write: Write, status: int, result: str) -> None:
    bench.developer("ann")
    bench.sim.inject(Fault("status", method="POST", status=status))
    written = bench.api7.write(write)
    assert (written.result, written.status, str(status) in written.detail) == (result, status, True)
    assert len(bench.writes) == 1


def test_a_write_that_the_portal_put_off_is_sent_again(bench: Bench) -> None:
    bench.developer("ann")
    bench.sim.inject(Fault("status", method="POST", status=429, retry_after=0, times=2))
    assert bench.api7.write(APPROVE).result == "done"


def test_a_reading_that_fails_sends_nothing(bench: Bench) -> None:
    bench.developer("ann")
    bench.sim.inject(Fault("status", status=403, path="/api/approvals"))
    assert bench.api7.write(APPROVE).result == "refused"
    assert bench.writes == []


WRITTEN = [{"write_answer": "204"}, {"write_body": "empty"}, {"envelope": "bare"}, {"dashboard_errors": "empty"}]
LATE = [{"finished_approval": answer} for answer in ("400", "404", "200")]
TAKEN = [{"duplicate_developer": answer} for answer in ("400", "409")]


@pytest.mark.slow
@pytest.mark.parametrize("shape", [*WRITTEN, {"backend_id": "developer_id"}, {"created_state": "Pending"}], ids=str)
def test_every_shape_of_success_is_one(make: Make, shape: dict[str, str]) -> None:
    bench = make(**shape)
    bench.developer("ann")
    bench.developer("bob", state="Active")
    writes: list[Write] = [CREATE, APPROVE, DELETE, DeleteDeveloperWrite("org_bob")]
    assert [bench.api7.write(write).result for write in writes] == ["done"] * 4


@pytest.mark.wide(2)
@pytest.mark.parametrize("shape", LATE, ids=str)
def test_a_decision_of_somebody_else_at_the_last_moment_is_never_called_a_refusal(
    make: Make, shape: dict[str, str]
) -> None:
    bench = make(**shape)
    ann = bench.developer("ann")
    accept = lambda request: request.path.endswith("/accept")  # noqa: E731
    bench.sim.once(accept, lambda: bench.store.accept(bench.store.approval_of(ann)))
    assert bench.api7.write(APPROVE).result == ("done" if "200" in shape.values() else "unclear")
    assert bench.status("ann") == ["approved"]


@pytest.mark.wide(2)
@pytest.mark.parametrize("shape", TAKEN, ids=str)
def test_an_id_that_is_taken_is_for_the_live_state_to_tell(make: Make, shape: dict[str, str]) -> None:
    bench = make(**shape)
    bench.developer("new")
    written = bench.api7.write(CREATE)
    assert (written.result, "reduplicate" in written.detail, written.id) == ("unclear", True, None)


def test_what_is_deleted_already_is_for_the_live_state_to_tell(bench: Bench) -> None:
    ann = bench.developer("ann", state="Active")
    bench.sim.once(lambda request: request.method == "DELETE", lambda: bench.store.delete_developer(ann))
    assert bench.api7.write(DELETE).result == "unclear"
    assert bench.status("ann") == [None]


# --- many at once


def test_many_decisions_share_what_they_look_at(bench: Bench) -> None:
    names = [f"p{number:02}" for number in range(40)]
    for name in names:
        bench.developer(name)
    with ThreadPoolExecutor(16) as pool:
        written = list(pool.map(lambda name: bench.api7.write(SetStatusWrite(f"org_{name}", "approved")), names))
    assert {item.result for item in written} == {"done"}
    reads = bench.paths("GET")
    assert reads.count("/api/developers") <= 3  # one to learn that sorting is refused, one to look behind the page
    assert reads.count("/api/approvals") <= 2


def test_once_asked_to_stop_no_write_is_sent(bench: Bench) -> None:
    bench.developer("ann")
    stop = Stop()
    stop.ask()
    written = bench.open(stop=stop).write(APPROVE)
    assert (written.result, written.detail) == ("refused", INTERRUPTED)
    assert bench.writes == []
