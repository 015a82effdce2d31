"""The controller's state and history, question by question."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portalctl.controller.database_errors import ConflictError
from portalctl.controller.models import NOT_KNOWN, Counts, ExternalChange, Lease, Reading, Suspension
from portalctl.controller.store import Store
from portalctl.insight.drift import DriftFinding
from tests.controller.conftest import ON_SQLITE
from tests.controller.records import DIGEST, HOUR, KEY, NOW, OTHER, held, result, run

DAY = timedelta(days=1)
Again = Callable[[Store], Store]


# --- portals


def test_portals_of_the_first_start_are_trusted_when_first_read(store: Store, again: Again) -> None:
    assert store.first_start(["partners"], NOW)
    store = again(store)
    assert not store.first_start(["partners", "city"], NOW + HOUR)
    assert store.history_since() == NOW
    assert not store.known(KEY)
    assert store.meet(KEY, "partners", "konnect", NOW + DAY)
    assert store.meet(KEY, "partners", "konnect", NOW + DAY)
    assert (store.known(KEY), store.portal_named("partners")) == (True, KEY)
    assert not store.meet(OTHER, "city", "konnect", NOW + DAY)


def test_another_portal_under_a_known_name_is_not_trusted_until_it_is_resumed(store: Store, again: Again) -> None:
    store.first_start(["partners"], NOW)
    assert store.meet(KEY, "partners", "konnect", NOW)
    assert not store.meet(OTHER, "partners", "konnect", NOW + HOUR)
    assert store.portal_named("partners") == OTHER
    assert store.trust("partners", "ann", NOW + HOUR)
    assert not store.trust("partners", "ann", NOW + HOUR)
    assert again(store).meet(OTHER, "partners", "konnect", NOW + DAY)


def test_a_renamed_portal_keeps_its_trust_and_its_suspension(store: Store) -> None:
    store.first_start(["partners"], NOW)
    store.meet(KEY, "partners", "konnect", NOW)
    suspension = Suspension("audit", "ann", NOW)
    store.suspend("partners", suspension)
    assert store.meet(KEY, "suppliers", "konnect", NOW + HOUR)
    assert store.suspension("suppliers", NOW + HOUR) == suspension
    assert store.suspension("partners", NOW + HOUR) is None
    assert store.portal_named("suppliers") == KEY


def test_a_portal_that_has_its_name_again_is_the_one_of_this_name(store: Store) -> None:
    for number, key in enumerate((KEY, OTHER, KEY)):
        store.meet(key, "partners", "konnect", NOW + number * HOUR)
    assert store.portal_named("partners") == KEY


def test_readings_are_kept(store: Store, again: Again) -> None:
    store.meet(KEY, "partners", "konnect", NOW)
    assert store.reading(KEY) is None
    reading = Reading({f"id-{number}": "approved" for number in range(5000)}, 3, NOW)
    store.save_reading(KEY, reading)
    assert again(store).reading(KEY) == reading


# --- suspensions


def test_a_suspension_survives_a_restart_and_ends_with_its_time_or_by_resume(store: Store, again: Again) -> None:
    store.meet(KEY, "partners", "konnect", NOW)
    until = Suspension("audit", "ann", NOW, NOW + HOUR)
    store.suspend(KEY, until)
    store = again(store)
    assert store.suspension(KEY, NOW + HOUR - timedelta(microseconds=1)) == until
    assert store.suspension(KEY, NOW + HOUR) is None
    forever = Suspension("migration", "bob", NOW + HOUR)
    store.suspend("partners", forever)
    assert store.suspension("partners", NOW + 400 * DAY) == forever
    assert store.suspension(OTHER, NOW) is None
    assert store.resume("partners", "ann", NOW + 2 * HOUR)
    assert not store.resume("partners", "ann", NOW + 2 * HOUR)
    assert store.suspension(KEY, NOW + 2 * HOUR) is None


def test_a_portal_can_be_suspended_before_it_was_read(store: Store) -> None:
    suspension = Suspension("audit", "ann", NOW)
    store.suspend("partners", suspension)
    store.suspend("city", Suspension("other", "ann", NOW))
    assert store.suspension("partners", NOW) == suspension
    store.meet(KEY, "partners", "konnect", NOW)
    assert store.suspension(KEY, NOW) == store.suspension("partners", NOW) == suspension


# --- runs


def test_a_run_and_its_results_are_kept(store: Store, again: Again) -> None:
    store.begin_run(run())
    ended = run(state="failed", ended_at=NOW + HOUR, counts=Counts(1, 1), digest=DIGEST, detail="x", approver="ann")
    results = [result("zoe@example.com"), result("ann@example.com", "failed")]
    store.end_run(ended, results)
    store = again(store)
    assert store.runs("partners") == [ended]
    assert store.run("run-1") == ended
    assert store.run("run-2") is None
    assert store.results("run-1") == results


def test_the_last_runs_come_first(store: Store) -> None:
    for number in range(5):
        store.begin_run(run(f"run-{number}", started_at=NOW + number * HOUR))
    store.begin_run(run("other", portal="city"))
    assert [item.id for item in store.runs("partners", 2)] == ["run-4", "run-3"]


def test_runs_of_a_killed_process_are_interrupted(store: Store, again: Again) -> None:
    store.begin_run(run())
    store.end_run(run("run-2", state="succeeded"))
    (ended,) = again(store).interrupted_runs(NOW + HOUR)
    assert (ended.id, ended.state, ended.ended_at) == ("run-1", "interrupted", NOW + HOUR)
    assert [item.state for item in store.runs("partners")] == ["interrupted", "succeeded"]
    assert store.interrupted_runs(NOW + HOUR) == []


def test_a_killed_run_of_an_approved_plan_names_who_approved_it(store: Store, again: Again) -> None:
    store.begin_run(run())
    store.approved_by("run-1", "carol")
    (ended,) = again(store).interrupted_runs(NOW + HOUR)
    assert (ended.state, ended.approver) == ("interrupted", "carol")


def test_a_run_is_imported_once(store: Store) -> None:
    imported = run("report:1", state="succeeded", trigger="report", writer="report:1")
    assert store.import_run(imported, [result()])
    assert not store.import_run(imported, [result("bob@example.com")])
    assert store.results("report:1") == [result()]


def test_the_journal_of_an_interrupted_run_gives_its_results(store: Store, again: Again) -> None:
    store.begin_run(run())
    store.begin_journal(KEY, "run-1", {"event": "begin", "at": "2026-06-15T08:00:00.000Z"})
    tried: dict[str, list[str | None]] = {
        "ann": ["done"],
        "bob": [None],
        "cid": ["refused"],
        "dan": ["unclear", "refused"],
    }
    for email, answers in tried.items():
        change = {"change": f"approve:{email}@example.com", "at": "2026-06-15T08:00:01.000Z"}
        developer = {"email": f"{email}@example.com", "id": f"id-{email}"}
        act = {"op": "approve", "class": "onboard", "developer": developer, "team": None}
        state = {"before": {"status": "pending"}, "after": {"status": "approved"}, "why": []}
        for answer in answers:
            store.append_journal(KEY, "run-1", [{"event": "intent", **change, **act, **state}])
            if answer is not None:
                written = {"result": answer, "detail": f"{answer} by the portal", "trace": "t"}
                store.append_journal(KEY, "run-1", [{"event": "answer", **change, **written}])
    (ended,) = again(store).interrupted_runs(NOW + HOUR)
    assert ended.counts == Counts(failed=1, unknown=3)
    found = {item.id: (item.result, item.detail) for item in store.results("run-1")}
    assert found["approve:cid@example.com"] == ("failed", "refused by the portal")
    assert {found[f"approve:{name}@example.com"][0] for name in ("ann", "bob", "dan")} == {"unknown"}


def test_the_next_journal_keeps_what_the_last_one_proves(store: Store) -> None:
    store.begin_run(run())
    act: dict[str, object] = {"op": "create_team", "class": "structure", "team": "city", "after": {}}
    act |= {"developer": None, "before": None}
    store.begin_journal(KEY, "run-1", {"event": "begin", "at": "2026-06-15T08:00:00.000Z"})
    change = {"change": "create_team:city", "at": "2026-06-15T08:00:01.000Z", "why": []}
    store.append_journal(KEY, "run-1", [{"event": "intent", **change, **act}])
    store.begin_journal(KEY, "run-2", {"event": "begin", "run": "run-2", "at": "2026-06-15T09:00:00.000Z"})
    assert [line["event"] for line in store.journal_lines(KEY)] == ["begin"]
    assert [item.result for item in store.results("run-1")] == ["unknown"]
    store.end_run(run(state="failed"), [result()])
    assert [item.result for item in store.results("run-1")] == ["confirmed"]


def test_a_change_that_was_sent_is_in_the_history_though_its_apply_raised(store: Store) -> None:
    store.begin_journal(KEY, "run-1", {"event": "begin", "at": "2026-06-15T08:00:00.000Z"})
    act: dict[str, object] = {"op": "create_team", "class": "structure", "team": "city", "after": {}}
    change = {"change": "create_team:city", "at": "2026-06-15T08:00:01.000Z", "developer": None, "before": None}
    store.append_journal(KEY, "run-1", [{"event": "intent", **change, **act}])
    store.end_run(run(state="failed"), [result()])
    assert [item.result for item in store.results("run-1")] == ["confirmed", "unknown"]


def test_the_end_of_a_journal_keeps_the_results(store: Store, again: Again) -> None:
    store.begin_run(run())
    store.begin_journal(KEY, "run-1", {"event": "begin", "at": "2026-06-15T08:00:00.000Z"})
    store.end_journal(KEY, "run-1", NOW, [result()])
    assert store.journal_lines(KEY) == []
    second = result("bob@example.com", "failed")
    store.begin_journal(KEY, "run-1", {"event": "begin", "at": "2026-06-15T08:00:00.000Z"})
    store.end_journal(KEY, "run-1", NOW, [second])  # of another apply of the same run
    store = again(store)
    (ended,) = store.interrupted_runs(NOW + HOUR)  # killed before end_run
    assert ended.counts == Counts(confirmed=1, failed=1)
    assert store.results("run-1") == [result(), second]
    store.end_run(run(state="failed"), [result(), second])
    assert store.results("run-1") == [result(), second]


def test_what_an_interrupted_or_imported_run_may_have_changed_is_not_known(store: Store) -> None:
    store.meet(KEY, "partners", "konnect", NOW)
    names = ("ann", "bob", "cid", "dan")
    store.save_reading(KEY, Reading({f"id-{name}": "pending" for name in names}, 1, NOW))
    store.begin_run(run(key=None))  # the portal was not read yet when it began
    results = [result("ann@example.com"), result("bob@example.com", "unknown"), result("cid@example.com", "failed")]
    store.end_journal(KEY, "run-1", NOW, results)
    store.interrupted_runs(NOW + HOUR)
    known = {"id-cid": "pending", "id-dan": "pending"}
    assert store.reading(KEY) == Reading({"id-ann": NOT_KNOWN, "id-bob": NOT_KNOWN, **known}, 1, NOW)
    (ended,) = store.runs("partners")
    assert ended.key == KEY
    store.import_run(run("report", state="succeeded"), [result("dan@example.com")])
    reading = store.reading(KEY)
    assert reading is not None
    assert reading.developers["id-dan"] == NOT_KNOWN


def test_an_account_that_a_run_created_is_not_a_change_by_others(store: Store) -> None:
    store.meet(KEY, "partners", "konnect", NOW)
    store.save_reading(KEY, Reading({}, 1, NOW))
    created = replace(result("ann@example.com", at=NOW + HOUR), id="create_developer:ann@example.com")
    store.end_run(run(state="succeeded"), [created])
    appeared = [ExternalChange(f"id-{name}", f"{name}@example.com", "account", None, "pending", NOW) for name in "ab"]
    own = ExternalChange("id-ann", "Ann@example.com", "account", None, "approved", NOW)
    store.observe(KEY, [*appeared, own, replace(own, before="approved", after=None)])
    found = [(item.developer.id, item.before) for item in store.history(NOW).observations]
    assert found == [("id-a", None), ("id-b", None), ("id-ann", "approved")]
    store.save_reading(KEY, Reading({}, 1, NOW + 2 * HOUR))
    store.observe(KEY, [own])  # created again, by another user
    assert len(store.history(NOW).observations) == 4


# --- changes that others undo


def test_confirmed_changes_are_counted_since_a_time(store: Store) -> None:
    for number in range(3):
        at = NOW + number * HOUR
        store.end_run(run(f"run-{number}", state="succeeded", ended_at=at), [result(at=at)])
    store.end_run(run("failed"), [result(result="failed", at=NOW + DAY)])
    store.end_run(run("already"), [result(already=True, at=NOW + DAY)])
    store.end_run(run("other", key=OTHER), [result(at=NOW + DAY)])
    assert store.confirmed_since(KEY, NOW + HOUR)["approve:ann@example.com"] == 2
    assert "approve:bob@example.com" not in store.confirmed_since(KEY, NOW)


def test_contested_changes_stop_for_a_time(store: Store, again: Again) -> None:
    store.contest(KEY, "ann@example.com", NOW + HOUR)
    store.contest(KEY, "bob@example.com", NOW + HOUR)
    store.contest(KEY, "bob@example.com", NOW + DAY)
    store.contest(OTHER, "cid@example.com", NOW + DAY)
    assert again(store).contested(KEY, NOW) == {"ann@example.com", "bob@example.com"}
    assert store.contested(KEY, NOW + HOUR) == {"bob@example.com"}


# --- held plans


def test_a_held_plan_keeps_its_start_until_it_expires(store: Store, again: Again) -> None:
    assert store.hold(held())
    later = held(started_at=NOW + HOUR, expires=NOW + HOUR + DAY, plan='{"lines": "moved"}')
    assert not store.hold(later)
    assert store.held(KEY) == [held(plan=later.plan)]
    anew = held(started_at=NOW + DAY, expires=NOW + 2 * DAY)
    assert store.hold(anew)
    assert again(store).held(KEY) == [anew]
    assert store.held(OTHER) == []


def test_only_a_held_plan_can_be_decided_and_only_once(store: Store, again: Again) -> None:
    store.hold(held())
    approved = store.decide(DIGEST, "approved", "ann", NOW + HOUR)
    assert approved == held(state="approved", decided_by="ann", decided_at=NOW + HOUR)
    with pytest.raises(ConflictError, match="cannot be rejected: it is approved, decided by ann"):
        store.decide(DIGEST, "rejected", "bob", NOW + HOUR)
    assert not store.hold(held(started_at=NOW + HOUR))  # it is about to be carried out
    assert again(store).plan(DIGEST) == approved
    store.set_plan_state(DIGEST, "applied", NOW + HOUR)
    assert store.held(KEY) == []
    assert store.hold(held(started_at=NOW + DAY, expires=NOW + 2 * DAY))
    assert store.plan(DIGEST) == held(started_at=NOW + DAY, expires=NOW + 2 * DAY)


@pytest.mark.parametrize(("state", "after"), [("stale", HOUR), ("expired", HOUR), ("held", DAY)])
def test_a_plan_that_is_stale_or_expired_cannot_be_approved(store: Store, state: str, after: timedelta) -> None:
    store.hold(held())
    if state != "held":
        store.set_plan_state(DIGEST, state, NOW)  # type: ignore[arg-type]  # one of its states
    with pytest.raises(ConflictError, match=f"cannot be approved: it (is {state}|has expired)"):
        store.decide(DIGEST, "approved", "ann", NOW + after)
    with pytest.raises(ConflictError, match="no plan with the digest sha256:00 is held"):
        store.decide("sha256:00", "approved", "ann", NOW)


def test_a_rejection_keeps_the_digests_of_the_files(store: Store, again: Again) -> None:
    store.hold(held(files={"partners.yaml": "sha256:1"}))
    store.decide(DIGEST, "rejected", "ann", NOW)
    plan = again(store).plan(DIGEST)
    assert plan is not None
    assert (plan.state, plan.files) == ("rejected", {"partners.yaml": "sha256:1"})
    assert store.held(KEY) == []


def test_one_of_many_decisions_at_once_counts(store: Store) -> None:
    store.hold(held())

    def decide(number: int) -> bool:
        try:
            store.decide(DIGEST, "approved" if number % 2 else "rejected", f"user-{number}", NOW)
        except ConflictError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(decide, range(24))) == 1


# --- ids, leases, commits


def test_an_id_is_first_seen_once_in_24_hours(store: Store, again: Again) -> None:
    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(lambda _: store.first_seen("event", "partners", "msg_1", NOW), range(16))) == 1
    assert store.first_seen("event", "city", "msg_1", NOW)
    assert store.first_seen("push", "partners", "msg_1", NOW)
    store = again(store)
    assert not store.first_seen("event", "partners", "msg_1", NOW + DAY - HOUR)
    assert store.first_seen("event", "partners", "msg_1", NOW + DAY)
    assert not store.first_seen("event", "partners", "msg_1", NOW + DAY)


def test_a_registration_gets_its_answer_again(store: Store, again: Again) -> None:
    assert store.answer_for("partners", "msg_1") is None
    store.first_seen("registration", "partners", "msg_1", NOW)
    assert store.answer_for("partners", "msg_1") is None
    store.save_answer("partners", "msg_1", '{"status": "approved"}')
    assert again(store).answer_for("partners", "msg_1") == '{"status": "approved"}'
    assert store.answer_for("city", "msg_1") is None


@ON_SQLITE
def test_ids_are_kept_without_their_text(store: Store) -> None:
    store.first_seen("event", "partners", "ann@example.com", NOW)
    assert b"ann@example.com" not in Path(store.place).read_bytes() + Path(f"{store.place}-wal").read_bytes()


def test_one_holder_has_the_lease(store: Store, again: Again) -> None:
    lease = store.take_lease(KEY, "one", 20, NOW)
    assert lease == Lease("one", NOW + timedelta(seconds=20))
    assert store.take_lease(KEY, "two", 20, NOW + timedelta(seconds=19)) is None
    assert store.take_lease(OTHER, "two", 20, NOW) is not None
    assert again(store).lease(KEY, NOW) == lease
    assert store.renew_lease(KEY, "two", 20, NOW) is None
    renewed = store.renew_lease(KEY, "one", 20, NOW + timedelta(seconds=5))
    assert renewed == Lease("one", NOW + timedelta(seconds=25))
    assert store.renew_lease(KEY, "one", 20, NOW + timedelta(seconds=25)) is None  # it has expired
    assert store.take_lease(KEY, "two", 20, NOW + timedelta(seconds=25)) is not None
    store.release_lease(KEY, "one")
    assert store.lease(KEY, NOW + timedelta(seconds=26)) is not None
    store.release_lease(KEY, "two")
    assert store.lease(KEY, NOW + timedelta(seconds=26)) is None


def test_one_of_many_takes_the_lease(store: Store) -> None:
    with ThreadPoolExecutor(8) as pool:
        leases = list(pool.map(lambda number: store.take_lease(KEY, f"holder-{number}", 20, NOW), range(16)))
    assert sum(lease is not None for lease in leases) == 1


def test_the_accepted_commit_is_kept_by_source(store: Store, again: Again) -> None:
    assert store.accepted_commit("git@example.com:portals main") is None
    assert store.accept_commit("git@example.com:portals main", "c0ffee", None, NOW)
    assert store.accept_commit("git@example.com:portals main", "decade", "c0ffee", NOW)
    for before in (None, "c0ffee"):  # of a replica that is behind
        assert not store.accept_commit("git@example.com:portals main", "facade", before, NOW)
    assert again(store).accepted_commit("git@example.com:portals main") == "decade"
    assert store.accepted_commit("other") is None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # each example has a portal of its own
@given(steps=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 40)), max_size=20))
def test_a_lease_never_has_two_holders(store: Store, steps: list[tuple[int, int]]) -> None:
    key, now, owner, expires = KEY._replace(portal_id=uuid4().hex), NOW, None, NOW
    for holder, seconds in steps:
        now += timedelta(seconds=seconds)
        lease = store.take_lease(key, f"holder-{holder}", 20, now)
        assert (lease is not None) == (owner in {None, holder} or expires <= now)
        if lease is not None:
            owner, expires = holder, lease.expires


# --- retention


def test_old_history_is_removed_and_new_is_kept(store: Store) -> None:
    store.meet(KEY, "partners", "konnect", NOW)
    for name, at in {"old": NOW, "new": NOW + 300 * DAY}.items():
        store.end_run(run(name, state="succeeded", started_at=at, ended_at=at), [result(at=at)])
        store.observe(KEY, [ExternalChange("id-ann", "ann@example.com", "status", "approved", "revoked", at)])
    store.begin_run(run("running"))
    store.hold(held())
    finding = DriftFinding("backlog", "ann@example.com", None, "pending", "approved", None, "id-ann", "f1")
    store.save_findings(KEY, [finding], NOW)
    store.save_findings(KEY, [replace(finding, fingerprint="f2")], NOW + HOUR)
    store.first_seen("event", "partners", "msg_1", NOW)
    store.prune(NOW + 402 * DAY)
    assert {item.id for item in store.runs("partners")} == {"new", "running"}
    assert (store.results("old"), store.results("new")) == ([], [result(at=NOW + 300 * DAY)])
    assert store.plan(DIGEST) is None
    assert store.known(KEY)
    assert store.first_seen("event", "partners", "msg_1", NOW)
